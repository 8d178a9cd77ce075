"""JSON where it was asked for, and what the schema says where one was given."""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.schemas import Uncheckable, compiled, read
from fairlead.core.gates.verdict import Asked, Given, Verdict

_FENCED: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
NOT_JSON: Final = 0.02
FENCED: Final = 0.3
UNFIT: Final = 0.05


def form(asked: Asked, given: Given) -> Verdict | None:
    if not asked.form or (given.calls and not given.text.strip()):
        return None
    text = given.text.strip()
    fenced = _FENCED.match(text)
    try:
        value = read(text if fenced is None else fenced[1])
    except ValueError as problem:
        return Verdict("format", NOT_JSON, f"it is not the JSON that was asked for: {str(problem)[:120]}")
    if asked.form == "schema":
        complaint = unfit(asked.schema, value)
        if complaint:
            return Verdict("format", UNFIT, "it does not fit its schema", detail=complaint)
    elif not isinstance(value, dict):
        return Verdict("format", 0.2, "it is JSON, but no object")
    if fenced is not None:
        return Verdict("format", FENCED, "it is JSON, but in a block of code")
    return None


def unfit(schema: bytes, value: object) -> str:
    """What is wrong with a value; empty where nothing is, or where that cannot be told."""
    found = compiled(schema)
    if isinstance(found, str):
        return ""
    try:
        return found.complaint(value)
    except Uncheckable:
        return ""
