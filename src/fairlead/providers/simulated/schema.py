"""A small valid instance of a JSON schema, for structured answers and tool arguments.

Required properties only; where a schema leaves a choice, the first alternative that can be satisfied. `pattern`
is met from a list of common shapes, so an unusual one is beyond this module and raises `Unsatisfiable`; so does one
that may take long to search for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
MAX_DEPTH = 24
LONGEST_PATTERN = 200
MOST_CHOICES, MOST_BRANCHES = 4, 16
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SET = re.compile(r"\[\^?\]?[^\]]*\]")
_AGAIN = re.compile(r"\)(?:[*+]|\{)")
"""A group that is repeated."""
_CHOICE = re.compile(r"(?<!\()[*+?]|\{\d*,\d*\}")
"""What may take more or less."""

_FORMATS = {
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "date-time": "2026-01-15T09:30:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_SHAPES = (
    *(
        "simulated",
        "a",
        "A",
        "1",
        "0",
        "abc",
        "ABC",
        "Abc",
        "123",
        "1234",
        "12345",
        "a1",
        "A1",
        "AB",
        "ABC-123",
        "ABC123",
    ),
    *("en", "en-US", "USD", "US", "2026-01-15", "09:30", "2026", "1.0", "1.0.0", "#aabbcc", "+15550100", "555-0100"),
    *("id_1", "a_b", "a-b", "$1.00", "abcdefgh", "00000000", *_FORMATS.values()),
)


class Unsatisfiable(ValueError):
    """No instance could be found; the message names the place."""


def instance(schema: object) -> JSON:
    if not isinstance(schema, Mapping | bool):
        raise Unsatisfiable("a JSON schema is an object or a boolean")
    return _Maker(schema).make(schema, "$", 0)


class _Maker:
    def __init__(self, root: Mapping[str, object] | bool) -> None:
        self._root = root

    def make(self, schema: object, at: str, depth: int) -> JSON:
        if depth > MAX_DEPTH:
            raise Unsatisfiable(f"{at}: nested too deep, or only an endless instance exists")
        if not isinstance(schema, Mapping):
            if schema is False:
                raise Unsatisfiable(f"{at}: nothing is allowed here")
            return "simulated"
        if "$ref" in schema:
            return self.make(self._resolve(schema["$ref"], at), at, depth + 1)
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return _json(schema["enum"][0])
        if isinstance(schema.get("allOf"), list):
            return self.make(self._merged(schema, at), at, depth + 1)
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list) and schema[word]:
                return self._alternative(schema, word, at, depth)
        return self._typed(schema, at, depth)

    def _resolve(self, ref: object, at: str) -> object:
        if not isinstance(ref, str) or not ref.startswith("#"):
            raise Unsatisfiable(f"{at}: only references within the schema are followed, not {ref!r}")
        found: object = self._root
        for step in ref.lstrip("#/").split("/") if ref != "#" else ():
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                raise Unsatisfiable(f"{at}: {ref} does not exist")
            found = found[key]
        return found

    def _merged(self, schema: Mapping[str, object], at: str) -> Mapping[str, object]:
        parts = schema["allOf"]
        assert isinstance(parts, list)
        merged: dict[str, object] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            if isinstance(part, Mapping) and "$ref" in part:
                part = self._resolve(part["$ref"], at)
            if isinstance(part, Mapping):
                _merge(merged, part)
        return merged

    def _alternative(self, schema: Mapping[str, object], word: str, at: str, depth: int) -> JSON:
        parts = schema[word]
        assert isinstance(parts, list)
        rest = {key: value for key, value in schema.items() if key != word}
        problem = Unsatisfiable(f"{at}: no alternative can be satisfied")
        for part in parts:
            if isinstance(part, Mapping) and "$ref" in part:
                part = self._resolve(part["$ref"], at)
            if not isinstance(part, Mapping):
                continue
            merged = dict(rest)
            _merge(merged, part)
            try:
                return self.make(merged, at, depth + 1)
            except Unsatisfiable as error:
                problem = error
        raise problem

    def _typed(self, schema: Mapping[str, object], at: str, depth: int) -> JSON:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        if kind is None:
            kind = _implied(schema)
        if kind == "object":
            return self._object(schema, at, depth)
        if kind == "array":
            return self._array(schema, at, depth)
        if kind == "string":
            return _string(schema, at)
        if kind in ("integer", "number"):
            return _number(schema, at, whole=kind == "integer")
        if kind == "boolean":
            return True
        if kind == "null":
            return None
        raise Unsatisfiable(f"{at}: unknown type {kind!r}")

    def _object(self, schema: Mapping[str, object], at: str, depth: int) -> JSON:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        least = _whole(schema.get("minProperties"), 0)
        names += [name for name in known if name not in names][: max(0, least - len(names))]
        extra = schema.get("additionalProperties", True)
        names += [f"key{number}" for number in range(1, least - len(names) + 1)]
        return {name: self.make(known.get(name, extra), f"{at}.{name}", depth + 1) for name in names}

    def _array(self, schema: Mapping[str, object], at: str, depth: int) -> JSON:
        least = _whole(schema.get("minItems"), 0)
        first = schema.get("prefixItems")
        places: Sequence[object] = first[:least] if isinstance(first, list) else ()
        items = schema.get("items", True)
        made = [self.make(place, f"{at}[{number}]", depth + 1) for number, place in enumerate(places)]
        made += [self.make(items, f"{at}[{number}]", depth + 1) for number in range(len(made), least)]
        if schema.get("uniqueItems") is True and least > 1:
            return _distinct(made, items, at)
        return made


def _merge(into: dict[str, object], part: Mapping[str, object]) -> None:
    for key, value in part.items():
        held = into.get(key)
        if key == "properties" and isinstance(held, Mapping) and isinstance(value, Mapping):
            into[key] = {**held, **value}
        elif key == "required" and isinstance(held, list) and isinstance(value, list):
            into[key] = [*held, *(name for name in value if name not in held)]
        else:
            into[key] = value


def _implied(schema: Mapping[str, object]) -> str:
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if any(word in schema for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")):
        return "number"
    return "string"


def _string(schema: Mapping[str, object], at: str) -> str:
    least = _whole(schema.get("minLength"), 0)
    most = _whole(schema.get("maxLength"), 1 << 30)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        wanted = _compiled(pattern, at)
        for text in _SHAPES:
            if least <= len(text) <= most and wanted.search(text):
                return text
        raise Unsatisfiable(f"{at}: no simulated text matches {pattern!r}")
    known = _FORMATS.get(str(schema.get("format", "")))
    if known is not None:
        return known
    text = "simulated"
    while len(text) < least:
        text += " text"
    return text[:most]


def _compiled(pattern: str, at: str) -> re.Pattern[str]:
    """Only what is searched for in no time: whoever asks says the pattern, and there are some that take years."""
    plain = _SET.sub("x", _ESCAPED.sub("x", pattern[: LONGEST_PATTERN + 1]))
    branches = plain.count("|")
    choices = len(_CHOICE.findall(plain)) + (plain.count("(") if branches else 0)
    if len(pattern) > LONGEST_PATTERN or _AGAIN.search(plain) or choices > MOST_CHOICES or branches > MOST_BRANCHES:
        raise Unsatisfiable(f"{at}: pattern {pattern[:LONGEST_PATTERN]!r} is too intricate to be simulated")
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unsatisfiable(f"{at}: pattern {pattern!r} cannot be read: {error}") from error


def _number(schema: Mapping[str, object], at: str, whole: bool) -> int | float:
    step = _bound(schema.get("multipleOf"))
    unit = step if step else (1.0 if whole else 0.5)
    low = _bound(schema.get("minimum"))
    above = _bound(schema.get("exclusiveMinimum"))
    high = _bound(schema.get("maximum"))
    below = _bound(schema.get("exclusiveMaximum"))
    start = max((value for value in (low, above) if value is not None), default=None)
    if start is None:
        top = min((value for value in (high, below) if value is not None), default=None)
        start = unit if top is None else min(unit, math.floor(top / unit) * unit)
    for candidate in (start, math.ceil(start / unit) * unit, (math.floor(start / unit) + 1) * unit, start - unit):
        fits = (low is None or candidate >= low) and (above is None or candidate > above)
        fits = fits and (high is None or candidate <= high) and (below is None or candidate < below)
        if fits and (not whole or candidate == int(candidate)) and (not step or candidate % step == 0):
            return int(candidate) if whole or candidate == int(candidate) else candidate
    if not whole and not step and start is not None:
        ceiling = min(value for value in (high, below) if value is not None) if (high, below) != (None, None) else start
        if start < ceiling:
            return (start + ceiling) / 2
    raise Unsatisfiable(f"{at}: no number fits the limits")


def _distinct(made: list[JSON], items: object, at: str) -> list[JSON]:
    choices = items.get("enum") if isinstance(items, Mapping) else None
    if isinstance(choices, list) and len(choices) >= len(made):
        return [_json(value) for value in choices[: len(made)]]
    if all(isinstance(value, str) for value in made):
        return [f"{value} {number}" for number, value in enumerate(made, 1)]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in made):
        return [value + number for number, value in enumerate(made) if isinstance(value, int | float)]
    raise Unsatisfiable(f"{at}: distinct items could not be made")


def _bound(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _json(value: object) -> JSON:
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    raise Unsatisfiable("the schema holds something that is no JSON")
