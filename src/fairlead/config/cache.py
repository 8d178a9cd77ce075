"""The settings of the caches: which answers may be given again, for how long, and where they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from fairlead.config.finding import Finding, unused
from fairlead.config.references import ModelRef
from fairlead.config.section import Section
from fairlead.config.values import (
    Count,
    Money,
    Number,
    Path,
    RequiredSecret,
    Seconds,
    Share,
    Switch,
    Whole,
    Word,
    choice_of,
    real,
)

Which = Literal["usual", "settled", "all"]
WHICH: tuple[Which, ...] = get_args(Which)
KEEP = ("memory", "disk", "redis")

WhichName = Annotated[Which, BeforeValidator(lambda value: choice_of(value, WHICH)), Word(" / ".join(WHICH))]
KeepName = Annotated[str, BeforeValidator(lambda value: choice_of(value, KEEP)), Word(" / ".join(KEEP))]
Lifetime = Annotated[float, BeforeValidator(real), Field(gt=0, le=366 * 86_400), Word("seconds")]


class Exact(Section):
    enabled: Switch = Field(False, description="Whether a request that was answered is given the same answer again.")
    ttl: Lifetime = Field(3600, description="Seconds for which an answer is given again.")
    requests: WhichName = Field(
        "usual",
        description=(
            "Which requests: `usual` are all but those that ask for chance, with a temperature above 0 or several "
            "answers; `settled` only those with a temperature of 0; `all` whatever they say."
        ),
    )
    tools: Switch = Field(False, description="Whether requests with tools are among them.")
    max_entries: Count = Field(100_000, description="Most answers kept.")
    max_mb: Number = Field(64, gt=0, le=1_048_576, description="Most memory they take, in MiB, all tenants together.")
    max_answer_kb: Number = Field(1024, gt=0, le=1_048_576, description="Largest answer that is kept, in KiB.")
    keep: KeepName = Field(
        "memory",
        description="Where: in memory; in `state_dir` too, so that a restart keeps them; or in `redis`, where several gateways share them, those of the semantic cache as well.",
    )
    redis: RequiredSecret | None = Field(
        None, description="Address of that Redis, `redis://user:password@host:6379/0`. Needs the extra `redis`."
    )


class Vectors(Section):
    model: ModelRef | None = Field(
        None, description="Model that makes embeddings: the last text of each request goes to its provider."
    )
    path: Path | None = Field(
        None,
        description="Folder of a sentence-embedding model that runs here: `model.onnx` and `tokenizer.json`. Needs the extra `embeddings`.",
    )
    timeout: Seconds = Field(
        2, description="How long `model` may take; without its vector nothing is found by meaning."
    )
    budget: Money | None = Field(None, description="Most its calls may cost a day (UTC); by default no bound.")


class Semantic(Section):
    enabled: Switch = Field(
        False,
        description="Whether a request is given the answer to one that means the same. Needs `cache.exact.enabled` as well.",
    )
    ttl: Lifetime = Field(604_800, description="Seconds for which an answer is given again.")
    threshold: Share = Field(0.9, description="How alike two texts have to be: the cosine between their vectors.")
    tools: Switch = Field(False, description="Whether requests with tools are among them.")
    max_temperature: Number = Field(0.3, ge=0, le=2, description="Temperature up to which a request is among them.")
    max_turns: Whole = Field(
        4, ge=0, le=10_000, description="Most turns before the last; longer conversations are not among them."
    )
    max_chars: Count = Field(2_000, description="Longest last text that is read.")
    max_entries: Count = Field(
        100_000, description="Most answers kept; in Redis, most of one scope that are found by their vectors."
    )
    max_mb: Number = Field(
        256,
        gt=0,
        le=1_048_576,
        description="Most memory they take, in MiB, all tenants together; with Redis, most that is held here to search its vectors.",
    )
    embedding: Vectors | None = Field(
        None,
        description="By default texts are compared by their words, and every word has to be accounted for. A model finds more, and is wrong more often: see Caching.",
    )


class Cache(Section):
    exact: Exact = Field(Exact(), description="Answers to the very same request.")
    semantic: Semantic = Field(Semantic(), description="Answers to requests that mean the same.")


def findings(config: Cache) -> Iterator[Finding]:
    exact = config.exact
    if exact.enabled and exact.keep == "redis" and exact.redis is None:
        message = "`redis` needs its address too: `redis: redis://127.0.0.1:6379/0`"
        yield Finding(("cache", "exact", "keep"), message)
    elif exact.enabled and exact.keep != "redis" and exact.redis is not None:
        yield Finding(("cache", "exact", "redis"), f"is not asked with `keep: {exact.keep}`; write `keep: redis`")
    semantic, embedding = config.semantic, config.semantic.embedding
    yield from unused(("cache", "exact"), exact)
    yield from unused(("cache", "semantic"), semantic)
    if semantic.enabled and not config.exact.enabled:
        yield Finding(
            ("cache", "semantic", "enabled"), "needs cache.exact.enabled: the very same request is looked for first"
        )
    if embedding is not None and (embedding.model is None) == (embedding.path is None):
        yield Finding(("cache", "semantic", "embedding"), "name a `model` or a `path`, one of them")
