"""Requests of Responses read into the neutral form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral
from fairlead.dialects.body import decode
from fairlead.dialects.openai_responses import items, tools
from fairlead.errors import BadRequest

if TYPE_CHECKING:
    from fairlead.dialects.openai_responses.native import ResponsesView

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
UPDATE = "configuration_update"
"""An item of the input that changes settings from there on."""
ELSEWHERE = {
    "conversation": "Conversations are kept by their provider only; send the items themselves.",
    "prompt": "Prompts that a provider keeps are known to it only; send instructions and input themselves.",
    "previous_response_id": "What was said before is kept by another; send the items themselves.",
}
"""Fields that lean on something that only one provider has."""
SATISFIED: dict[str, tuple[bytes, ...]] = {
    "store": (b"true", b"false"),
    "background": (b"true", b"false"),
    "truncation": (b'"disabled"',),
    "top_logprobs": (b"0",),
    "presence_penalty": (b"0", b"0.0"),
    "frequency_penalty": (b"0", b"0.0"),
    "service_tier": (b'"auto"', b'"default"'),
    "metadata": (b"{}",),
}
"""Values that ask for nothing that is not given anyway."""


class _Format(Struct):
    type: str
    name: str | None = None
    description: str | None = None
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None


class _Form(Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _Named(Struct):
    type: str = ""
    name: str = ""
    namespace: str | None = None


class _Choice(_Named):
    mode: str | None = None
    tools: list[_Named] | None = None


class _Update(Struct):
    reasoning: _Reasoning | None = None


class _Request(Struct):
    model: str | None = None
    input: Raw | UnsetType = UNSET
    instructions: str | None = None
    tools: Raw | UnsetType = UNSET
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    text: _Form | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    include: list[str] | None = None
    user: str | None = None
    stream: bool | None = None
    stream_options: Raw | UnsetType = UNSET
    fairlead: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(_Request)
_UPDATE = msgspec.json.Decoder(_Update)
_TOP = msgspec.json.Decoder(dict[str, Raw])
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(_Request))


def read(view: ResponsesView) -> neutral.Request:
    """The neutral form of a checked request; complaints name what is no proper request for a response."""
    found = decode(view.body, _REQUEST, FIELDS)
    top = _TOP.decode(view.body)
    for field, words in ELSEWHERE.items():
        if field in top and bytes(top[field]) != b"null":
            raise BadRequest(words, param=field, code="not_translatable")
    turns, reasoning = _turns(view, found)
    own, foreign = tools.read(tools.declared(view))
    mode, name, own = _choice(found.tool_choice, own)
    include = found.include or []
    return neutral.Request(
        model=view.model,
        turns=turns,
        tools=tuple(own),
        foreign_tools=tuple(foreign),
        tool_choice=mode,
        tool_name=name,
        parallel=found.parallel_tool_calls,
        format=None if found.text is None else _format(found.text.format),
        reasoning=_reasoning(reasoning),
        max_output=found.max_output_tokens,
        temperature=found.temperature,
        top_p=found.top_p,
        presence_penalty=found.presence_penalty,
        frequency_penalty=found.frequency_penalty,
        logprobs=bool(found.top_logprobs) or LOGPROBS in include,
        top_logprobs=found.top_logprobs or None,
        user=found.user or "",
        verbosity="" if found.text is None else found.text.verbosity or "",
        stream=view.stream,
        others=_others(top, include),
    )


def _others(top: dict[str, Raw], include: list[str]) -> dict[str, bytes]:
    others = {
        field: bytes(raw)
        for field, raw in top.items()
        if field not in FIELDS and bytes(raw) != b"null" and bytes(raw) not in SATISFIED.get(field, ())
    }
    wanted = [one for one in include if one not in (ENCRYPTED, LOGPROBS)]
    if wanted:
        others["include"] = msgspec.json.encode(wanted)
    return others


def _turns(view: ResponsesView, found: _Request) -> tuple[tuple[neutral.Turn, ...], _Reasoning | None]:
    """(what was said, the reasoning asked for: an item may change it)."""
    reader = items.Reader()
    reasoning = found.reasoning
    if found.instructions:
        reader.turns.append(neutral.Turn("system", (neutral.Text(found.instructions),)))
    for number, raw in enumerate(view.input_items()):
        try:
            kind, _ = items.kind(raw)
            if kind == UPDATE:
                reasoning = _UPDATE.decode(raw).reasoning or reasoning
            elif kind != tools.ADDITIONAL:
                reader.read(raw)
        except msgspec.ValidationError as problem:
            where = f"input[{number}]"
            raise BadRequest(f"{where} is not what it should be: {problem}.", param=where, code="wrong_type") from None
    return tuple(reader.turns), reasoning


def _reasoning(found: _Reasoning | None) -> neutral.Reasoning | None:
    if found is None:
        return None
    shown = found.summary or found.generate_summary
    if not found.effort and not shown:
        return None
    return neutral.Reasoning(found.effort or "", visible=True if shown else None)


def _choice(
    choice: str | _Choice | None, own: list[neutral.Tool]
) -> tuple[neutral.Mode | None, str, list[neutral.Tool]]:
    """(how tools are chosen, which one, those that may be)."""
    if choice is None:
        return None, "", own
    if isinstance(choice, str):
        return _mode(choice), "", own
    if choice.type in ("function", "custom"):
        if not choice.name:
            raise BadRequest("tool_choice names no tool.", param="tool_choice")
        return "tool", _flat(choice), own
    if choice.type == "allowed_tools":
        allowed = {_flat(one) for one in choice.tools or ()}
        return _mode(choice.mode or "auto"), "", [tool for tool in own if tool.name in allowed]
    raise BadRequest(
        f"tool_choice asks for {choice.type[:40]!r}, which only providers that speak this dialect have.",
        param="tool_choice",
        code="not_translatable",
    )


def _flat(choice: _Named) -> str:
    return tools.flat_name(choice.namespace or "", choice.name)


def _mode(word: str) -> neutral.Mode:
    modes: dict[str, neutral.Mode] = {"auto": "auto", "none": "none", "required": "required"}
    if word not in modes:
        raise BadRequest(
            f"tool_choice is {word[:40]!r}; it is auto, none, required or names a tool.", param="tool_choice"
        )
    return modes[word]


def _format(found: _Format | None) -> neutral.Format | None:
    if found is None or found.type == "text":
        return None
    if found.type == "json_object":
        return neutral.Format()
    if found.type != "json_schema":
        raise BadRequest(
            f"text.format.type is {found.type[:40]!r}; it is text, json_object or json_schema.",
            param="text.format.type",
        )
    if found.schema is UNSET:
        raise BadRequest("text.format.schema is missing.", param="text.format.schema", code="missing_field")
    return neutral.Format(bytes(found.schema), found.name or "", found.description or "", found.strict)
