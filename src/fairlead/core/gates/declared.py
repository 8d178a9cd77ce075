"""Gates that the configuration declares, as data; those of them that need nobody but themselves, as gates.

A pattern is searched in time linear in the answer, by the engine that checks the patterns of JSON schemas too.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core.gates.schemas import Uncheckable, compiled, read
from fairlead.core.gates.verdict import Asked, Gate, Given, Verdict

Kind = Literal["pattern", "schema", "length", "judge", "consistency", "http"]


class Declared(msgspec.Struct, frozen=True):
    name: str
    kind: Kind
    pattern: str = ""
    present: bool = True
    schema: bytes = b""
    least: int = 0
    """Characters."""
    most: int = 0
    failed: float = 0.05
    model: str = ""
    rubric: str = ""
    samples: int = 2
    budget: int | None = None
    """Nano-units of USD a day."""
    cached: int = 10_000
    at_once: int = 32
    timeout: float = 10.0
    silent: float | None = None
    url: str = ""
    secret: str = ""
    self_hosted: bool = False
    region: str = ""

    def __repr__(self) -> str:
        return f"Declared({self.name!r}, {self.kind!r})"


def of_pattern(pattern: str) -> bytes:
    """The schema of texts in which it is found."""
    return msgspec.json.encode({"type": "string", "pattern": pattern})


def gate_of(declared: Declared) -> Gate | None:
    """None for a kind that has to ask somebody."""
    if declared.kind == "pattern":
        return _pattern(declared)
    if declared.kind == "schema":
        return _schema(declared)
    return _length(declared) if declared.kind == "length" else None


def _pattern(declared: Declared) -> Gate:
    schema = of_pattern(declared.pattern)

    def pattern(asked: Asked, given: Given) -> Verdict | None:
        found = compiled(schema)
        if isinstance(found, str):
            return None
        if (not found.complaint(given.text)) is declared.present:
            return None
        words = "what it has to hold is not there" if declared.present else "it holds what it must not"
        return Verdict(declared.name, declared.failed, words)

    return pattern


def _schema(declared: Declared) -> Gate:
    def schema(asked: Asked, given: Given) -> Verdict | None:
        found = compiled(declared.schema)
        if isinstance(found, str):
            return None
        try:
            complaint = found.complaint(read(given.text.strip()))
        except Uncheckable:
            return None
        except ValueError as problem:
            complaint = f"it is no JSON: {str(problem)[:120]}"
        if not complaint:
            return None
        return Verdict(declared.name, declared.failed, "it does not fit its schema", detail=complaint)

    return schema


def _length(declared: Declared) -> Gate:
    def length(asked: Asked, given: Given) -> Verdict | None:
        size = len(given.text.strip())
        if given.calls and not size:
            return None
        if size < declared.least:
            return Verdict(
                declared.name, declared.failed, f"it has {size:,} characters, at least {declared.least:,} are wanted"
            )
        if declared.most and size > declared.most:
            return Verdict(
                declared.name, declared.failed, f"it has {size:,} characters, at most {declared.most:,} are wanted"
            )
        return None

    return length
