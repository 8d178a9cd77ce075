"""The settings of quality: which gates an answer has to pass, what follows where it does not, and gates of one's own.

A gate of one's own is declared, never code: a pattern, a JSON schema, a model that judges, the same question asked again,
or a service of one's own that is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path as File
from typing import Annotated

from pydantic import BeforeValidator, Field

from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.references import GateRef, ModelRef
from fairlead.config.section import Section
from fairlead.config.values import (
    Address,
    Count,
    Money,
    Name,
    Path,
    RequiredSecret,
    Seconds,
    Share,
    Switch,
    Text,
    Whole,
    Word,
    choice_of,
)
from fairlead.core.gates.declared import of_pattern
from fairlead.core.gates.names import BUILT_IN
from fairlead.core.gates.schemas import MISSING, compiled
from fairlead.core.quality import USUAL

KINDS = ("pattern", "schema", "length", "judge", "consistency", "http")
HELD = ("wait", "commit", "escalate")
MOST_PATTERN = 10_000
MOST_SCHEMA = 1_000_000
READ_BY: dict[str, tuple[str, ...]] = {
    "pattern": ("pattern",),
    "present": ("pattern",),
    "json_schema": ("schema",),
    "json_schema_file": ("schema",),
    "least_chars": ("length",),
    "most_chars": ("length",),
    "failed": ("pattern", "schema", "length"),
    "model": ("judge", "consistency"),
    "rubric": ("judge",),
    "samples": ("consistency",),
    "budget": ("judge", "consistency"),
    "cached": ("judge",),
    "at_once": ("judge", "consistency", "http"),
    "timeout": ("judge", "consistency", "http"),
    "silent": ("judge", "consistency", "http"),
    "url": ("http",),
    "secret": ("http",),
    "self_hosted": ("http",),
    "region": ("http",),
}
"""Which kinds read which setting."""
NEEDS: dict[str, tuple[str, ...]] = {
    "pattern": ("pattern",),
    "schema": ("json_schema", "json_schema_file"),
    "length": ("least_chars", "most_chars"),
    "judge": ("model",),
    "consistency": (),
    "http": ("url",),
}
"""Of these settings a kind needs one."""

_BY_PARSER = frozenset((USUAL, "format", "tools", "code"))
"""Gates that see more with `fairlead[gates]`."""

Kind = Annotated[str, BeforeValidator(lambda value: choice_of(value, KINDS)), Word(" / ".join(KINDS))]
AfterHold = Annotated[str, BeforeValidator(lambda value: choice_of(value, HELD)), Word(" / ".join(HELD))]


class Gate(Section):
    kind: Kind = Field(description="What it goes by.")
    pattern: Text | None = Field(
        None, min_length=1, max_length=MOST_PATTERN,
        description="Kind pattern: a regular expression, searched in the answer's text in time linear in it.",
    )  # fmt: skip
    present: Switch = Field(True, description="Kind pattern: whether it has to be found, or must not be.")
    json_schema: Text | None = Field(
        None, max_length=MOST_SCHEMA, description="Kind schema: a JSON schema, as JSON, that the whole answer has to fit."
    )  # fmt: skip
    json_schema_file: Path | None = Field(None, description="Kind schema: a file that holds it.")
    least_chars: Count | None = Field(None, description="Kind length: characters the text has at least.")
    most_chars: Count | None = Field(None, description="Kind length: characters the text has at most.")
    failed: Share = Field(0.05, description="Confidence in an answer that does not pass: pattern, schema, length.")
    model: ModelRef | None = Field(
        None, description="Kinds judge and consistency: who is asked; consistency by default asks who answered."
    )
    rubric: Text = Field("", description="Kind judge: what a good answer is, beside what the request itself wants.")
    samples: Whole = Field(2, ge=1, le=8, description="Kind consistency: how often the question is asked again.")
    budget: Money | None = Field(
        None,
        description="Kinds judge and consistency: what it may spend a day, shared among tenants (see Quality checks).",
    )
    cached: Count = Field(10_000, description="Kind judge: how many of its judgements are kept.")
    at_once: Count = Field(
        32, description="Most questions of this gate under way at once, shared among tenants (see Quality checks); "
        "beyond them it is silent.",
    )  # fmt: skip
    timeout: Seconds = Field(10, description="How long it may take; then it is silent.")
    silent: Share | None = Field(
        None, description="Confidence where a judge, a service or the same model again gives no answer; by default it "
        "does not count.",
    )  # fmt: skip
    url: Address | None = Field(None, description="Kind http: where question and answer are posted to, as JSON.")
    secret: RequiredSecret | None = Field(None, description="Kind http: what the signature is made with.")
    self_hosted: Switch = Field(False, description="Kind http: whether it may see sensitive requests.")
    region: Name | None = Field(None, description="Kind http: where it is, for keys that are bound to regions.")


class Quality(Section):
    gates: tuple[GateRef, ...] = Field(
        (USUAL,), min_length=1,
        description=f"What an answer has to pass: {', '.join(BUILT_IN)}, names under `gates`; `usual` stands for all "
        "of these but grounded and logprobs.",
    )  # fmt: skip
    threshold: Share | None = Field(
        None, description="Confidence in the answer from which it is good enough; by default the task's `threshold`, "
        "else 0.8, for classification 0.85.",
    )  # fmt: skip
    upgrades: Whole = Field(1, ge=0, le=5, description="How often at most a stronger model is asked instead.")
    hold_seconds: Seconds = Field(10, le=300, description="How long a streamed answer is held back at most.")
    after_hold: AfterHold = Field(
        "wait",
        description="Then: ping the client until it is checked; give what there is, unchecked; ask a stronger model.",
    )
    draft: Switch = Field(False, description="Whether who is asked instead is shown the answer that did not pass.")


def _schema(path: NodePath, gate: Gate) -> Iterator[Finding]:
    if gate.json_schema is not None:
        yield from _unusable((*path, "json_schema"), gate.json_schema.encode(), "")
    elif gate.json_schema_file is not None:
        at = (*path, "json_schema_file")
        try:
            text = File(gate.json_schema_file).read_bytes()
        except OSError as problem:
            yield Finding(at, f"{gate.json_schema_file} cannot be read: {problem.strerror}")
        else:
            yield from _unusable(at, text, "")


def _unusable(path: NodePath, schema: bytes, words: str) -> Iterator[Finding]:
    found = compiled(schema)
    if isinstance(found, str):
        yield Finding(path, words if words and MISSING not in found else found)


def unchecked(wanted: Iterable[tuple[NodePath, Quality | None]]) -> Iterator[Finding]:
    """Whether something that is to be checked cannot be checked here: said once, however many want it."""
    lacking = compiled(b"{}")
    if not isinstance(lacking, str):
        return
    for path, quality in wanted:
        if quality is not None and _BY_PARSER.intersection(quality.gates):
            yield Finding((*path, "quality"), f"schemas, SQL and JavaScript are not checked: {lacking}", wrong=False)
            return


def unnamed(declared: Iterable[str], named: Collection[str]) -> Iterator[Finding]:
    """Gates that nobody has an answer pass."""
    for name in declared:
        if name not in named:
            message = "checks nothing: no policy, route or task lists it in `quality.gates`"
            yield Finding(("gates", name), message, wrong=False)


def findings(gates: dict[str, Gate], said: Mapping[tuple[str, str], Collection[str]]) -> Iterator[Finding]:
    for name, gate in gates.items():
        path: NodePath = ("gates", name)
        if name == USUAL or name in BUILT_IN:
            yield Finding(path, f"there is a gate of this name already: {BUILT_IN.get(name, 'it stands for several')}")
        needed = NEEDS[gate.kind]
        if needed and not set(needed).intersection(said.get(("gates", name), ())):
            yield Finding(path, f"kind {gate.kind} needs {' or '.join(f'`{field}`' for field in needed)}")
        for field in gate.model_fields_set:
            if field != "kind" and gate.kind not in READ_BY[field]:
                yield Finding((*path, field), f"kind {gate.kind} does not read it", wrong=False)
        if gate.json_schema is not None and gate.json_schema_file is not None:
            yield Finding((*path, "json_schema_file"), "json_schema and json_schema_file exclude each other")
        if gate.pattern is not None and gate.kind == "pattern":
            yield from _unusable((*path, "pattern"), of_pattern(gate.pattern), "the pattern cannot be used")
        if gate.kind == "schema":
            yield from _schema(path, gate)
        least, most = gate.least_chars, gate.most_chars
        if least is not None and most is not None and least > most:
            yield Finding((*path, "least_chars"), f"is above most_chars ({most:,}), so no answer would pass")
