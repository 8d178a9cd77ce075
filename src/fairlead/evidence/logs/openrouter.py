"""OpenRouter: the activity page's export (CSV, a request a row), the activity API (JSON, a day and model a row), and
the answers of its generation API.

Its costs are what was charged; where the user's own provider key was used, what that provider charged is added.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.usage import checked

VIA = "openrouter"


class _Activity(msgspec.Struct, gc=False):
    date: str
    model: str
    usage: float | None = None
    byok_usage_inference: float | None = None
    requests: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Generation(msgspec.Struct, gc=False):
    model: str
    created_at: str
    total_cost: float | None = None
    upstream_inference_cost: float | None = None
    is_byok: bool | None = None
    tokens_prompt: int | None = None
    tokens_completion: int | None = None
    native_tokens_prompt: int | None = None
    native_tokens_completion: int | None = None
    native_tokens_reasoning: int | None = None
    native_tokens_cached: int | None = None
    latency: float | None = None
    generation_time: float | None = None


_ACTIVITY = msgspec.json.Decoder(_Activity, strict=False)
_GENERATIONS = msgspec.json.Decoder(_Generation, strict=False)


def activity(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    one = _ACTIVITY.decode(raw)
    told = checked(one.prompt_tokens or 0, one.completion_tokens or 0, 0, 0, one.reasoning_tokens or 0)
    yield Row(
        one.model, day(one.date), told.input, told.output, reasoning=told.reasoning,
        cost=_paid(one.usage, one.byok_usage_inference), requests=one.requests or 0, via=VIA,
    )  # fmt: skip


def generation(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    one = _GENERATIONS.decode(raw)
    told = checked(
        one.native_tokens_prompt or one.tokens_prompt or 0,
        one.native_tokens_completion or one.tokens_completion or 0,
        one.native_tokens_cached or 0,
        0,
        one.native_tokens_reasoning or 0,
    )
    took = (one.latency or 0) + (one.generation_time or 0)
    yield Row(
        one.model, day(one.created_at), told.input, told.output, told.cached, reasoning=told.reasoning,
        cost=_paid(one.total_cost, one.upstream_inference_cost if one.is_byok else None),
        latency_ms=int(took) if took else -1, via=VIA,
    )  # fmt: skip


def table(columns: Columns) -> ReadFields:
    when, model, paid = columns["created_at"], columns["model_permaslug"], columns.find("cost_total")
    prompt, completion = columns["tokens_prompt"], columns["tokens_completion"]
    reasoning, cached = columns.find("tokens_reasoning"), columns.find("tokens_cached")
    own, took = columns.find("byok_usage_inference"), columns.find("generation_time_ms")
    key, app = columns.find("api_key_name"), columns.find("app_name")

    def read(fields: Fields) -> Row | None:
        told = checked(
            count(fields[prompt]), count(fields[completion]), count(field(fields, cached)), 0,
            count(field(fields, reasoning)),
        )  # fmt: skip
        latency = field(fields, took)
        return Row(
            fields[model], day(fields[when]), told.input, told.output, told.cached, reasoning=told.reasoning,
            cost=_paid(field(fields, paid), field(fields, own)), latency_ms=count(latency) if latency else -1,
            tenant=field(fields, app), key=field(fields, key), via=VIA,
        )  # fmt: skip

    return read


def _paid(charged: float | str | None, own: float | str | None) -> int | None:
    known, more = amount(charged), amount(own)
    return None if known is None and more is None else (known or 0) + (more or 0)


FORMATS = (
    Format(
        "OpenRouter activity (CSV)",
        frozenset(("created_at", "model_permaslug", "tokens_prompt", "tokens_completion")),
        columns=table,
    ),
    Format(
        "OpenRouter activity (API)", frozenset(("date", "model", "usage", "requests", "prompt_tokens")), record=activity
    ),
    Format(
        "OpenRouter generations (API)",
        frozenset(("created_at", "model", "native_tokens_prompt")),
        record=generation,
    ),
)
