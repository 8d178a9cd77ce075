"""Tools of Responses, and how the kinds that only this dialect has are said in the others.

    custom     takes a text instead of JSON: becomes a function with that text as its one argument
    namespace  holds tools: each becomes a function named `<namespace>__<name>`

A caller gets calls of them back in the form they were declared in (`Names`). Every other kind stays what it is, for
providers of this dialect only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral
from fairlead.dialects.openai_responses.native import NAME, ResponsesView
from fairlead.errors import BadRequest

TEXT_PARAMETERS = (
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)
PLAIN = "functions"
"""The namespace that tools without one are in."""
BETWEEN = "__"
LONGEST_NAME = 64
T = TypeVar("T")
ADDITIONAL = "additional_tools"
"""An item of the input that declares tools."""


class Grammar(Struct):
    type: str | None = None
    syntax: str | None = None
    definition: str | None = None


class Tool(Struct):
    type: str = ""
    name: str = ""
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None
    format: Grammar | None = None
    tools: list[Raw] | None = None


class Named(Struct, frozen=True):
    """How a tool is called in this dialect."""

    name: str
    namespace: str = ""
    custom: bool = False


class _Additional(Struct):
    tools: list[Raw] | None = None


class _Kind(Struct):
    type: str | None = None


_TOOL = msgspec.json.Decoder(Tool)
_KIND = msgspec.json.Decoder(_Kind)
_ADDITIONAL = msgspec.json.Decoder(_Additional)


def read(raws: Iterable[tuple[Raw, str]]) -> tuple[list[neutral.Tool], list[neutral.ForeignTool]]:
    """(tools, those of a kind that only this dialect has), each given with the place it stands at."""
    tools: list[neutral.Tool] = []
    foreign: list[neutral.ForeignTool] = []
    for raw, where in raws:
        for tool, given, flat in _spread(raw, where):
            if tool.type == "function":
                parameters = b"" if tool.parameters is UNSET else bytes(tool.parameters)
                schema = b"" if parameters == b"null" else parameters
                strict = tool.strict if tool.strict is not None or not is_exact(schema) else True
                tools.append(neutral.Tool(flat, tool.description or "", schema, strict))
            elif tool.type == "custom":
                own = bytes(given) if flat == tool.name else b'{"type":"custom","name":%b}' % orjson.dumps(flat)
                tools.append(neutral.Tool(flat, _told(tool), TEXT_PARAMETERS, freeform=own))
            else:
                foreign.append(neutral.ForeignTool(NAME, tool.type, bytes(given)))
    return tools, foreign


def is_exact(schema: bytes) -> bool:
    """Whether every object of a schema is closed and all of its fields are required. Such tools are held to their schema
    where the request does not say: this API does so by itself."""
    try:
        return bool(schema) and _is_exact(orjson.loads(schema))
    except orjson.JSONDecodeError:
        return False


def _is_exact(schema: object) -> bool:
    if not isinstance(schema, dict):
        return not isinstance(schema, list) or all(map(_is_exact, schema))
    if "$ref" in schema or "$defs" in schema:
        return False
    fields = schema.get("properties")
    if schema.get("type") == "object" or isinstance(fields, dict):
        closed = schema.get("additionalProperties") is False
        required = schema.get("required", [])
        if not closed or not isinstance(fields, dict) or not isinstance(required, list) or set(fields) - set(required):
            return False
        return all(map(_is_exact, fields.values()))
    return all(map(_is_exact, schema.values()))


def _spread(raw: Raw, where: str) -> Iterator[tuple[Tool, Raw, str]]:
    """A tool, or those that a namespace holds, each with its name outside of this dialect."""
    kind = _decoded(_KIND, raw, where).type
    if kind not in ("function", "custom", "namespace"):
        # Other kinds have fields of their own by the same names.
        yield Tool(kind or ""), raw, ""
        return
    tool = _decoded(_TOOL, raw, where)
    if not tool.name:
        raise BadRequest(f"{where}.name is missing.", param=f"{where}.name", code="missing_field")
    if kind != "namespace":
        yield tool, raw, tool.name
        return
    for number, inner in enumerate(tool.tools or ()):
        found = _decoded(_TOOL, inner, f"{where}.tools[{number}]")
        yield found, inner, flat_name(tool.name, found.name)


def _decoded(decoder: msgspec.json.Decoder[T], raw: Raw, where: str) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as problem:
        raise BadRequest(f"{where} is not what it should be: {problem}.", param=where, code="wrong_type") from None


def _told(tool: Tool) -> str:
    """The description, with the grammar that a model elsewhere is not held to."""
    grammar = tool.format
    said = tool.description or ""
    if grammar is None or not grammar.definition:
        return said
    syntax = f"{grammar.syntax} grammar" if grammar.syntax else "grammar"
    return f"{said}\n\nThe input has to follow this {syntax}:\n{grammar.definition}".lstrip()


def flat_name(namespace: str, name: str) -> str:
    """A tool's name outside of this dialect, which alone has namespaces."""
    whole = name if namespace in ("", PLAIN) else f"{namespace}{BETWEEN}{name}"
    if len(whole) <= LONGEST_NAME:
        return whole
    return f"{whole[: LONGEST_NAME - 9]}_{hashlib.sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def declared(view: ResponsesView) -> Iterator[tuple[Raw, str]]:
    """Every tool of a request with its place: those of its own, and those that items of its input declare."""
    for number, raw in enumerate(view.request.tools or ()):
        yield raw, f"tools[{number}]"
    if isinstance(view.request.input, list):
        for number, item in enumerate(view.request.input):
            if item.type == ADDITIONAL and item.tools is not UNSET:
                yield from _held(item.tools, f"input[{number}].tools")


def _held(raw: Raw, where: str) -> Iterator[tuple[Raw, str]]:
    found = _decoded(_ADDITIONAL, Raw(b'{"tools":' + bytes(raw) + b"}"), where)
    for number, tool in enumerate(found.tools or ()):
        yield tool, f"{where}[{number}]"


def names(view: object) -> dict[str, Named]:
    """How the tools are called in this dialect whose calls look different in it, by their names elsewhere."""
    found: dict[str, Named] = {}
    if not isinstance(view, ResponsesView):
        return found
    with suppress(BadRequest, msgspec.ValidationError):
        _name(view, found)
    return found


def _name(view: ResponsesView, found: dict[str, Named]) -> None:
    for raw, where in declared(view):
        namespace = ""
        if _KIND.decode(raw).type == "namespace":
            namespace = _decoded(_TOOL, raw, where).name
        for tool, _, flat in _spread(raw, where):
            custom = tool.type == "custom"
            if flat and (custom or flat != tool.name):
                found[flat] = Named(tool.name, "" if namespace == PLAIN else namespace, custom)


def text_of(arguments: str) -> str:
    """What a model wrote for a tool that takes text, out of the object it had to put it in."""
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    said = found.get("input") if isinstance(found, dict) else None
    return said if isinstance(said, str) else arguments


def arguments_of(text: str) -> str:
    """The object that stands for a text given to a tool."""
    return orjson.dumps({"input": text}).decode()
