"""Pairs of texts to measure the semantic cache by: written by hand, and near-misses by the thousand out of templates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import msgspec
import yaml

from fairlead.errors import ConfigError

TEMPLATES = "templates.yaml"
HELD_OUT = "held_out"
PLACE = re.compile(r"\{(\w+)\}")
ROUNDS = 4
"""Each with other ways of saying the texts."""
A_PLACE = 160
"""Pairs out of one place of a template, a round."""


class Pair(msgspec.Struct, frozen=True):
    first: str
    second: str
    same: bool
    """Whether an answer to one answers the other."""
    kind: str
    source: str
    """The file, without its ending."""

    @property
    def held_out(self) -> bool:
        """Whether the pair was written when the checks were made already, of a kind that nobody had in mind then."""
        return self.source.startswith(HELD_OUT)


class Row(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    first: str
    second: str
    same: bool


class Templates(msgspec.Struct, forbid_unknown_fields=True):
    values: dict[str, list[str]]
    changed: dict[str, list[str]]
    """By language."""
    turned: dict[str, list[str]]
    said: dict[str, list[str]]
    """Ways of saying a text: as it is, small, or without its mark."""


def written(folder: Path) -> list[Pair]:
    """The pairs of every file there. Raises ConfigError, naming the line, for what is none."""
    found = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                found.append(_pair(file, number, line))
    if not found:
        raise ConfigError([f"no pairs of texts in {folder}"])
    return found


def _pair(file: Path, number: int, line: str) -> Pair:
    try:
        row = msgspec.convert(json.loads(line), Row)
    except (ValueError, msgspec.ValidationError) as problem:
        raise ConfigError([f"{file.name}:{number}: {problem}"]) from None
    return Pair(row.first, row.second, row.same, row.kind, file.stem)


def generated(folder: Path, seed: int) -> list[Pair]:
    """Near-misses, each once, in a stable order."""
    file = folder / TEMPLATES
    if not file.is_file():
        return []
    try:
        templates = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Templates)
    except (yaml.YAMLError, msgspec.ValidationError) as problem:
        raise ConfigError([f"{file.name}: {problem}"]) from None
    random = Random(seed)
    found: dict[tuple[str, str], Pair] = {}
    for _ in range(ROUNDS):
        for language, texts in templates.changed.items():
            for text in texts:
                for kind, first, second in _changed(text, templates.values, random):
                    _add(found, templates.said[language], kind, first, second, random)
        for language, texts in templates.turned.items():
            for text in texts:
                for first, second in _turned(text, templates.values, random):
                    _add(found, templates.said[language], "turned", first, second, random)
    return list(found.values())


def _add(
    found: dict[tuple[str, str], Pair], ways: list[str], kind: str, first: str, second: str, random: Random
) -> None:
    if first.lower() == second.lower():  # told apart by their case alone
        ways = [way for way in ways if "{lower}" not in way]
    one, other = said(random.choice(ways), first), said(random.choice(ways), second)
    if one != other:
        found[one, other] = Pair(one, other, False, kind, "generated")


def said(way: str, text: str) -> str:
    bare = text.rstrip("?？。.")
    return way.replace("{text}", text).replace("{lower}", text.lower()).replace("{bare}", bare)


def _changed(text: str, values: dict[str, list[str]], random: Random) -> Iterator[tuple[str, str, str]]:
    """Texts that differ in one place. `the kind, one, other`"""
    places = list(PLACE.finditer(text))
    for place in places:
        kind = place[1]
        pairs = list(combinations(values[kind], 2))
        random.shuffle(pairs)
        for one, other in pairs[:A_PLACE]:
            if one.lower() == other.lower() and one.lower() == one:
                continue
            rest = {at.start(): random.choice(values[at[1]]) for at in places if at is not place}
            yield (
                kind,
                _filled(text, places, {**rest, place.start(): one}),
                _filled(text, places, {**rest, place.start(): other}),
            )


def _turned(text: str, values: dict[str, list[str]], random: Random) -> Iterator[tuple[str, str]]:
    """Texts that differ in which of two stands where."""
    places = list(PLACE.finditer(text))
    first, second = (place.start() for place in places)
    for one, other in combinations(values[places[0][1]], 2):
        if random.random() < 0.5:
            one, other = other, one
        yield _filled(text, places, {first: one, second: other}), _filled(text, places, {first: other, second: one})


def _filled(text: str, places: list[re.Match[str]], values: dict[int, str]) -> str:
    for place in reversed(places):
        text = text[: place.start()] + values[place.start()] + text[place.end() :]
    return text
