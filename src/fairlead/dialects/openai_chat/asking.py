"""Requests of Chat Completions read into the neutral form."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral
from fairlead.dialects.body import decode
from fairlead.dialects.openai_chat import message as messages
from fairlead.dialects.openai_chat.message import NAME, Cache, Message
from fairlead.errors import BadRequest

if TYPE_CHECKING:
    from fairlead.dialects.openai_chat.native import ChatView

LEGACY_RESULT = "function"
MODES: tuple[neutral.Mode, ...] = get_args(neutral.Mode)


class _Parameters(Struct):
    name: str
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None


class _Tool(Struct):
    type: str | None = None
    function: _Parameters | None = None
    cache_control: Cache | None = None


class _Named(Struct):
    name: str | None = None


class _Allowed(Struct):
    mode: str | None = None
    tools: list[_Choice] | None = None


class _Choice(Struct):
    type: str | None = None
    function: _Named | None = None
    custom: _Named | None = None
    name: str | None = None
    allowed_tools: _Allowed | None = None


class _Schema(Struct):
    name: str | None = None
    description: str | None = None
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None


class _Format(Struct):
    type: str
    json_schema: _Schema | None = None


class _Reasoning(Struct):
    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class _Thinking(Struct):
    type: str | None = None
    budget_tokens: int | None = None


class _Request(Struct):
    model: str
    messages: list[Message]
    tools: list[Raw] | None = None
    functions: list[_Parameters] | None = None
    tool_choice: str | _Choice | None = None
    function_call: str | _Named | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    reasoning: _Reasoning | None = None
    thinking: _Thinking | None = None
    enable_thinking: bool | None = None
    thinking_budget: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    verbosity: str | None = None
    stream: bool | None = None
    modalities: list[str] | None = None
    web_search_options: Raw | UnsetType = UNSET
    stream_options: Raw | UnsetType = UNSET
    fairlead: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(_Request)
_TOOL = msgspec.json.Decoder(_Tool)
_TOP = msgspec.json.Decoder(dict[str, Raw])
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(_Request))


def read(view: ChatView) -> neutral.Request:
    """The neutral form of a checked request; complaints name what is no proper Chat Completions."""
    found = decode(view.body, _REQUEST, FIELDS)
    if found.modalities and set(found.modalities) - {"text"}:
        raise BadRequest(
            "Answers other than text are given by providers that speak this dialect only; choose such a model.",
            param="modalities",
            code="not_translatable",
        )
    tools, foreign = _tools(found)
    mode, name, tools = _choice(found, tools)
    limit = found.max_completion_tokens
    return neutral.Request(
        model=view.model,
        turns=_turns(found.messages),
        tools=tuple(tools),
        foreign_tools=tuple(foreign),
        tool_choice=mode,
        tool_name=name,
        parallel=found.parallel_tool_calls,
        format=_format(found.response_format),
        reasoning=_reasoning(found),
        max_output=found.max_tokens if limit is None else limit,
        temperature=found.temperature,
        top_p=found.top_p,
        top_k=found.top_k,
        stop=(found.stop,) if isinstance(found.stop, str) else tuple(found.stop or ()),
        seed=found.seed,
        answers=found.n or 1,
        presence_penalty=found.presence_penalty,
        frequency_penalty=found.frequency_penalty,
        logprobs=bool(found.logprobs),
        top_logprobs=found.top_logprobs,
        user=found.user or "",
        verbosity=found.verbosity or "",
        stream=view.stream,
        others=_others(view.body, found.messages),
    )


def _others(body: bytes, said: list[Message]) -> dict[str, bytes]:
    others = {
        field: bytes(raw) for field, raw in _TOP.decode(body).items() if field not in FIELDS and bytes(raw) != b"null"
    }
    names = [one.name for one in said if one.name and one.role not in ("tool", LEGACY_RESULT)]
    if names:
        others["messages.name"] = msgspec.json.encode(names)
    return others


def _turns(said: list[Message]) -> tuple[neutral.Turn, ...]:
    turns: list[neutral.Turn] = []
    results: list[neutral.Block] = []
    called: dict[str, str] = {}
    for number, one in enumerate(said):
        try:
            content = messages.content(one)
        except msgspec.ValidationError as problem:
            where = f"messages[{number}].content"
            raise BadRequest(f"{where}: {problem}.", param=where, code="wrong_type") from None
        if one.role in ("tool", LEGACY_RESULT):
            results.append(_result(one, content, called))
            continue
        if results:
            turns.append(neutral.Turn("user", tuple(results)))
            results = []
        if one.role == "assistant":
            blocks = messages.said(one, content)
            if one.function_call is not None and one.function_call.name:
                name = called[one.function_call.name] = f"call_{number}_{one.function_call.name}"
                call = messages.legacy_call(one.function_call, name)
                blocks += [call] if call is not None else []
            turns.append(neutral.Turn("assistant", tuple(blocks)))
        elif one.role in ("system", "developer"):
            turns.append(neutral.Turn("system", content))
        elif one.role == "user":
            turns.append(neutral.Turn("user", content))
        else:
            raise BadRequest(
                f"messages[{number}].role is {(one.role or '')[:40]!r}; it is one of system, developer, user, assistant, tool.",
                param=f"messages[{number}].role",
            )
    if results:
        turns.append(neutral.Turn("user", tuple(results)))
    return tuple(turns)


def _result(one: Message, blocks: tuple[neutral.Block, ...], called: dict[str, str]) -> neutral.ToolResult:
    content = tuple(block for block in blocks if isinstance(block, (neutral.Text, neutral.Image, neutral.Document)))
    name = one.name or ""
    wanted = one.tool_call_id or (called.get(name, "") if one.role == LEGACY_RESULT else "")
    return neutral.ToolResult(wanted, content, name)


def _tools(found: _Request) -> tuple[list[neutral.Tool], list[neutral.ForeignTool]]:
    tools: list[neutral.Tool] = []
    foreign: list[neutral.ForeignTool] = []
    for number, raw in enumerate(found.tools or ()):
        try:
            tool = _TOOL.decode(raw)
        except msgspec.ValidationError as problem:
            raise BadRequest(f"tools[{number}]: {problem}.", param=f"tools[{number}]") from None
        if tool.function is not None:
            cache = "" if tool.cache_control is None else tool.cache_control.ttl or "5m"
            tools.append(_tool(tool.function, cache))
        else:
            foreign.append(neutral.ForeignTool(NAME, tool.type or "", bytes(raw)))
    tools += [_tool(function, "") for function in found.functions or ()]
    if found.web_search_options is not UNSET and bytes(found.web_search_options) != b"null":
        foreign.append(neutral.ForeignTool(NAME, "web_search_options", bytes(found.web_search_options)))
    return tools, foreign


def _tool(function: _Parameters, cache: str) -> neutral.Tool:
    parameters = b"" if function.parameters is UNSET else bytes(function.parameters)
    if parameters == b"null":
        parameters = b""
    return neutral.Tool(function.name, function.description or "", parameters, function.strict, cache)


def _choice(found: _Request, tools: list[neutral.Tool]) -> tuple[neutral.Mode | None, str, list[neutral.Tool]]:
    """(how tools are chosen, which one, those that may be)."""
    choice: str | _Choice | _Named | None = found.tool_choice
    if choice is None:
        choice = found.function_call
    if choice is None:
        return None, "", tools
    if isinstance(choice, str):
        mode: neutral.Mode | None = "required" if choice == "any" else _mode(choice)
        return mode, "", tools
    if isinstance(choice, _Choice) and choice.allowed_tools is not None:
        allowed = {_name(one) for one in choice.allowed_tools.tools or ()}
        return _mode(choice.allowed_tools.mode or "auto"), "", [tool for tool in tools if tool.name in allowed]
    name = _name(choice)
    if not name:
        raise BadRequest("tool_choice names no tool.", param="tool_choice")
    return "tool", name, tools


def _name(choice: _Choice | _Named) -> str:
    if isinstance(choice, _Choice):
        inner = choice.function or choice.custom
        return (inner.name if inner is not None else choice.name) or ""
    return choice.name or ""


def _mode(word: str) -> neutral.Mode:
    for mode in MODES:
        if word == mode and word != "tool":
            return mode
    raise BadRequest(f"tool_choice is {word[:40]!r}; it is auto, none, required or names a tool.", param="tool_choice")


def _format(found: _Format | None) -> neutral.Format | None:
    if found is None or found.type == "text":
        return None
    if found.type == "json_object":
        return neutral.Format()
    if found.type != "json_schema":
        raise BadRequest(
            f"response_format.type is {found.type[:40]!r}; it is text, json_object or json_schema.",
            param="response_format.type",
        )
    schema = found.json_schema
    if schema is None or schema.schema is UNSET:
        raise BadRequest("response_format.json_schema.schema is missing.", param="response_format.json_schema.schema")
    return neutral.Format(bytes(schema.schema), schema.name or "", schema.description or "", schema.strict)


def _reasoning(found: _Request) -> neutral.Reasoning | None:
    """The one amount of reasoning that is asked for, in whichever of the providers' spellings."""
    if found.reasoning_effort is not None:
        return neutral.Reasoning(found.reasoning_effort)
    asked = found.reasoning
    if asked is not None:
        visible = None if asked.exclude is None else not asked.exclude
        if asked.effort:
            return neutral.Reasoning(asked.effort, visible=visible)
        if asked.max_tokens is not None:
            return neutral.Reasoning(budget=asked.max_tokens, visible=visible)
        return neutral.Reasoning("none" if asked.enabled is False else "", visible=visible)
    if found.thinking is not None:
        if found.thinking.type == "disabled":
            return neutral.Reasoning("none")
        return neutral.Reasoning(budget=found.thinking.budget_tokens)
    if found.enable_thinking is False:
        return neutral.Reasoning("none")
    if found.enable_thinking or found.thinking_budget is not None:
        return neutral.Reasoning(budget=found.thinking_budget)
    return None
