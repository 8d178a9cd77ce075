"""Finding: one thing a check has to say of a configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from fairlead.config.document import NodePath
from fairlead.config.section import Section


class Finding(msgspec.Struct, frozen=True):
    path: NodePath
    message: str
    wrong: bool = True
    """False for what is allowed but looks like a mistake."""


def unused(path: NodePath, section: Section) -> Iterator[Finding]:
    """Of a section with a switch that is off unless it is set: settings beside a switch that nobody set."""
    if section.model_fields_set and "enabled" not in section.model_fields_set:
        yield Finding(path, "is off: settings alone do not switch it on; add `enabled: true`", wrong=False)


def named_twice(path: NodePath, names: Iterable[str | None], field: str = "name") -> Iterator[Finding]:
    """In the list at `path`: every name that an entry before has already."""
    given = list(names)
    first: dict[str, int] = {}
    for index, name in enumerate(given):
        if name is not None and first.setdefault(name, index) != index:
            free = next(new for number in range(2, len(given) + 2) if (new := f"{name}-{number}") not in given)
            message = f"a second {str(path[-1])[:-1]} named {name!r}, as {path[-1]}[{first[name]}] is; {free!r} is free"
            yield Finding((*path, index, field), message)
