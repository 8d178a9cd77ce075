"""Whether a value fits a JSON schema that somebody else wrote, within bounds.

A compiled validator does the work where it is installed (`fairlead[gates]`). Nothing is fetched, patterns are searched in
linear time, and values are not repeated in what is said of them. What it could be made to do without end is not begun:
nesting is bounded, patterns share the room they are compiled in, and a schema whose alternatives multiply, with each other
or with what a value holds, is not checked.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import msgspec

MISSING: Final = "no validator of schemas and patterns is installed: pip install 'fairlead[gates]'"
DEEPEST: Final = 100
LARGEST: Final = 1_000_000
"""Bytes of a schema."""
MOST_VISITS: Final = 20_000
"""How often schemas may be applied to one place of a value."""
MOST_WORK: Final = 3_000_000
"""How often schemas may be applied in all, and values compared with what a schema lists."""
MOST_SEARCHED: Final = 20_000_000
"""Characters that patterns are searched for in, in all."""
PATTERN_BYTES: Final = 1 << 20
ALL_PATTERNS: Final = 4 << 20
"""Bytes for the patterns of a schema together."""
KEPT: Final = 256
_HERE: Final = (
    "anyOf",
    "allOf",
    "oneOf",
    "prefixItems",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
)
_BELOW: Final = (
    "properties", "patternProperties", "additionalProperties", "items", "additionalItems", "contains", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "prefixItems",
)  # fmt: skip


class Uncheckable(Exception):
    """The schema cannot be used; the words say why."""


class Schema:
    """One schema, ready to be applied."""

    def __init__(self, text: bytes) -> None:
        try:
            import jsonschema_rs
        except ImportError:
            raise Uncheckable(MISSING) from None
        try:
            self._data = read(text)
        except ValueError as problem:
            raise Uncheckable(f"the schema is no JSON: {problem}") from None
        if not isinstance(self._data, dict | bool) or depth(self._data) > DEEPEST or len(text) > LARGEST:
            raise Uncheckable("the schema is no schema, or is too large")
        self._refers = b'"$ref"' in text or b'"$dynamicRef"' in text or b'"$recursiveRef"' in text
        if b'"$dynamicRef"' in text or b'"$recursiveRef"' in text:
            raise Uncheckable("the schema has dynamic references")
        self._size, _ = measure(self._data)
        self._patterns = _patterns(self._data)
        room = min(PATTERN_BYTES, ALL_PATTERNS // max(1, self._patterns))
        try:
            self._validator = jsonschema_rs.validator_for(
                self._data,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=room, dfa_size_limit=room),
                mask="it",
                offline=True,
            )
        except ValueError as problem:
            raise Uncheckable(f"the schema cannot be used: {str(problem).splitlines()[0][:200]}") from None

    def complaint(self, value: Any) -> str:
        """What is wrong with a value, and where; empty where it fits. Raises Uncheckable."""
        deep = depth(value)
        if deep > DEEPEST:
            return f"it is nested deeper than {DEEPEST} levels"
        visits = _visits(self._data, deep) if self._refers else 1
        if visits > MOST_VISITS:
            raise Uncheckable("the schema's alternatives multiply")
        count, chars = measure(value)
        if max(visits, self._size) * count > MOST_WORK or self._patterns * chars > MOST_SEARCHED:
            raise Uncheckable("the schema is too large for what is to be checked")
        try:
            found = list(islice(self._validator.iter_errors(value), 1))
        except ValueError as problem:
            raise Uncheckable(str(problem)[:200]) from None
        if not found:
            return ""
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found[0].instance_path)
        return f"{found[0].message[:160]}{f' (at {place[:80]})' if place else ''}"


@lru_cache(KEPT)
def compiled(text: bytes) -> Schema | str:
    """The schema, or why it cannot be used."""
    try:
        return Schema(text)
    except Uncheckable as problem:
        return str(problem)


def read(text: bytes | str) -> Any:
    """JSON. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as problem:
        raise ValueError(str(problem)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def depth(value: Any) -> int:
    """Levels of nesting, without recursion."""
    level, here = 0, [value]
    while here and level <= DEEPEST:
        below: list[Any] = []
        for one in here:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        here = [one for one in below if isinstance(one, dict | list)]
        level += 1
    return level


def measure(value: Any) -> tuple[int, int]:
    """(values in it, itself included; characters of its strings), without recursion."""
    count, chars, waiting = 0, 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, str):
            chars += len(one)
        elif isinstance(one, dict):
            waiting += one.values()
            chars += sum(map(len, one))
        elif isinstance(one, list):
            waiting += one
    return count, chars


def _patterns(schema: Any) -> int:
    """How many it has, at most: wherever the words stand."""
    count, waiting = 0, [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            under = one.get("patternProperties")
            count += ("pattern" in one) + (len(under) if isinstance(under, dict) else 0)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


def _visits(root: Any, deep: int) -> int:
    """The most schemas that can come to be applied to one place of a value so deep, counted through all references."""
    nodes: list[Any] = [root]
    counts: Counter[int] = Counter({0: 1})
    index = {id(root): 0}
    most = 1

    def number(node: Any) -> int:
        if id(node) not in index:
            index[id(node)] = len(nodes)
            nodes.append(node)
        return index[id(node)]

    for _ in range(deep):
        total: Counter[int] = Counter()
        wave, rounds = counts, 0
        while wave:
            total.update(wave)
            most = max(most, total.total())
            rounds += 1
            if most > MOST_VISITS or rounds > DEEPEST:
                return MOST_VISITS + 1
            next_wave: Counter[int] = Counter()
            for at, times in wave.items():
                for one in _applied(root, nodes[at], _HERE, True):
                    next_wave[number(one)] += times
            wave = next_wave
        counts = Counter()
        for at, times in total.items():
            for one in _applied(root, nodes[at], _BELOW, False):
                counts[number(one)] += times
        if not counts:
            break
    return most


def _applied(root: Any, node: Any, words: tuple[str, ...], references: bool) -> list[Any]:
    if not isinstance(node, dict):
        return []
    found: list[Any] = []
    if references and isinstance(node.get("$ref"), str):
        found += _target(root, node["$ref"])
    for word in words:
        under = node.get(word)
        if isinstance(under, list):
            found += under
        elif isinstance(under, dict) and word in (
            "properties",
            "patternProperties",
            "dependentSchemas",
            "dependencies",
        ):
            found += under.values()
        elif isinstance(under, dict):
            found.append(under)
    return found


def _target(root: Any, reference: str) -> list[Any]:
    """What a reference within the schema leads to."""
    at = root
    for part in reference.removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and part in at:
            at = at[part]
        elif isinstance(at, list) and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        else:
            return []
    return [at]
