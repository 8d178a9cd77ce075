"""Names in the configuration that stand for something declared elsewhere in it: found by their type, wherever they are.

A field says what it refers to by its type (`ModelRef`, `PolicyRef`...), so a new setting needs no second list of paths.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import msgspec
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from fairlead.config.document import NodePath
from fairlead.config.section import Section
from fairlead.config.values import Word, expect, name, text


class Refers(msgspec.Struct, frozen=True):
    to: str
    """model, policy, policy or cheapest, provider, channel, task, complexity or task, agent, plan or gate"""


def channel(value: object) -> str:
    model, at, own = text(value).rpartition("@")
    if not at:
        expect("a channel as model@channel", value)
    return f"{name(model)}@{name(own)}"


ModelRef = Annotated[str, BeforeValidator(name), Word("model"), Refers("model")]
PolicyRef = Annotated[str, BeforeValidator(name), Word("policy or strategy"), Refers("policy")]
ProviderRef = Annotated[str, BeforeValidator(name), Word("provider"), Refers("provider")]
ChannelRef = Annotated[str, BeforeValidator(channel), Word("model@channel"), Refers("channel")]
TaskRef = Annotated[str, BeforeValidator(name), Word("task"), Refers("task")]
LevelRef = Annotated[str, BeforeValidator(name), Word("complexity or task"), Refers("complexity or task")]
AgentRef = Annotated[str, BeforeValidator(name), Word("agent"), Refers("agent")]
PlanRef = Annotated[str, BeforeValidator(name), Word("plan"), Refers("plan")]
GateRef = Annotated[str, BeforeValidator(name), Word("gate"), Refers("gate")]
Rename = Callable[[str, str], str]


def found(section: Section, path: NodePath = ()) -> Iterator[tuple[NodePath, str, str]]:
    """(where it stands, what it refers to, the name)."""
    for field, info in _leading(type(section)):
        yield from _found(getattr(section, field), info.annotation, info.metadata, (*path, field))


@functools.cache
def _leading(section: type[Section]) -> tuple[tuple[str, FieldInfo], ...]:
    """The fields in which a reference may stand; most hold none, and need no looking at in each section of a file."""
    fields = section.model_fields.items()
    return tuple((field, info) for field, info in fields if _leads(info.annotation) or _refers(info.metadata))


def _leads(annotation: Any) -> bool:
    if annotation is Any or isinstance(annotation, Refers):
        return True
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return True
    return any(map(_leads, typing.get_args(annotation)))


def _found(value: Any, annotation: Any, metadata: Iterable[Any], path: NodePath) -> Iterator[tuple[NodePath, str, str]]:
    annotation, metadata = _bare(annotation, metadata)
    if isinstance(value, Section):
        yield from found(value, path)
    elif isinstance(value, dict):
        of_key, of_value = typing.get_args(annotation)
        for key, item in value.items():
            refers = _refers(_bare(of_key, ())[1])
            if refers:
                yield (*path, key), refers, key
            yield from _found(item, of_value, (), (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _found(item, typing.get_args(annotation)[0], (), (*path, index))
    elif isinstance(value, str) and (refers := _refers(metadata)):
        yield path, refers, value


def renamed(section: Section, rename: Rename) -> Section:
    """The same with every reference under the name that `rename(what, name)` gives. What was left out stays so."""
    fields = type(section).model_fields
    update = {
        field: _renamed(getattr(section, field), info.annotation, info.metadata, rename)
        for field, info in fields.items()
        if field in section.model_fields_set
    }
    return section.model_copy(update=update)


def _renamed(value: Any, annotation: Any, metadata: Iterable[Any], rename: Rename) -> Any:
    annotation, metadata = _bare(annotation, metadata)
    if isinstance(value, Section):
        return renamed(value, rename)
    if isinstance(value, dict):
        of_key, of_value = typing.get_args(annotation)
        refers = _refers(_bare(of_key, ())[1])
        return {
            rename(refers, key) if refers else key: _renamed(item, of_value, (), rename) for key, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(_renamed(item, typing.get_args(annotation)[0], (), rename) for item in value)
    refers = _refers(metadata)
    return rename(refers, value) if isinstance(value, str) and refers else value


def _bare(annotation: Any, metadata: Iterable[Any]) -> tuple[Any, tuple[Any, ...]]:
    """The type behind Annotated and `| None`, with everything that was said of it on the way."""
    said = tuple(metadata)
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation, *more = typing.get_args(annotation)
            said = (*said, *more)
        elif origin in (typing.Union, types.UnionType):
            annotation = next(arg for arg in typing.get_args(annotation) if arg is not type(None))
        else:
            return annotation, said


def _refers(metadata: Iterable[Any]) -> str:
    return next((one.to for one in metadata if isinstance(one, Refers)), "")
