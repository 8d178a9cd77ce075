"""Reasoning that a policy asks for and the caller says nothing of, put into a request that otherwise passes as it came.

How a dialect spells it, and what must give way to it (a temperature, a small output limit), its own writer knows: the
request is written with the reasoning and without, and what differs is changed in the caller's bytes. Nothing else is.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from fairlead.core.model import THINKING, Model
from fairlead.dialects import json, neutral
from fairlead.dialects.dialect import Target, View
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses


def wanted(model: Model, view: View, effort: str) -> bool:
    return bool(effort) and bool(model.capabilities & THINKING) and view.shape().reasoning is None


def asking(request: neutral.Request, effort: str) -> neutral.Request:
    return msgspec.structs.replace(request, reasoning=neutral.Reasoning(effort=effort))


def put_in(body: bytes, dialect: str, view: View, target: Target, effort: str) -> bytes:
    plain, thinking = _fields(dialect, view.neutral(), target), _fields(dialect, asking(view.neutral(), effort), target)
    for field in plain.keys() - thinking.keys():
        body = json.without(body, field)
    changed = {field: value for field, value in thinking.items() if plain.get(field) != value}
    given: dict[str, Any] = orjson.loads(body)
    return json.splice(
        body,
        {field: orjson.dumps(_merged(given.get(field), plain.get(field), value)) for field, value in changed.items()},
    )


def _fields(dialect: str, request: neutral.Request, target: Target) -> dict[str, Any]:
    written = DIALECTS[dialect].write_request(request, target, Losses(dialect, strict=False))
    fields: dict[str, Any] = orjson.loads(written)
    return fields


def _merged(given: Any, plain: Any, thinking: Any) -> Any:
    """Of an object only what the reasoning changes; the caller's other settings in it stay."""
    if not isinstance(given, dict) or not isinstance(thinking, dict):
        return thinking
    before = plain if isinstance(plain, dict) else {}
    return {**given, **{key: value for key, value in thinking.items() if before.get(key) != value}}
