"""Requests for messages, to and from the neutral form.

Models differ in what they take. `Target.flags` says so:

    adaptive_thinking  reasoning is asked for as `adaptive` with an effort; without it as `enabled` with a budget
    xhigh_effort       the effort `xhigh` is known (with `adaptive_thinking`); else it becomes `high`
    no_thinking        the model does not reason
    no_sampling        temperature, top_p and top_k are refused, whatever their value
    no_prefill         the model does not go on with a turn begun by the assistant
    no_structured      neither forms of answers nor tools' schemas are enforced
    mid_system         instructions may stand in the middle of a conversation
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from fairlead.dialects import neutral, toolnames
from fairlead.dialects.anthropic_messages import blocks, native, reasoning, schemas
from fairlead.dialects.anthropic_messages.blocks import Json, Marks
from fairlead.dialects.anthropic_messages.native import DIALECT, MessagesView
from fairlead.dialects.dialect import Target
from fairlead.dialects.repair import merged, repaired
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest

DEFAULT_OUTPUT = 8192
LONGEST_USER = 512
GO_ON = "Continue."
ONLY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool that stands for others not yet loaded: of use to its own maker only."""
OWN = {
    "cache_control": b"{",
    "container": b'{"',
    "context_management": b"{",
    "inference_geo": b'"',
    "mcp_servers": b"[",
    "speed": b'"',
}
"""Fields that only Anthropic has, with what their values begin with: other makers use some of the names."""
CONFIG = "output_config."
T = TypeVar("T")


# ---- reading


class _Turn(Struct):
    role: str
    content: Raw


class _Tool(Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw | msgspec.UnsetType = msgspec.UNSET
    strict: bool | None = None
    cache_control: blocks.Cache | None = None
    defer_loading: bool | None = None


class _Choice(Struct):
    type: str = ""
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class _Metadata(Struct):
    user_id: str | None = None


class _Form(Struct):
    type: str = ""
    schema: Raw | msgspec.UnsetType = msgspec.UNSET


_TOP = msgspec.json.Decoder(dict[str, Raw])
_TURNS = msgspec.json.Decoder(list[_Turn])
_TOOL = msgspec.json.Decoder(_Tool)
_CHOICE = msgspec.json.Decoder(_Choice | None)
_METADATA = msgspec.json.Decoder(_Metadata | None)
_FORM = msgspec.json.Decoder(_Form)
_MODES: dict[str, neutral.Mode] = {"auto": "auto", "none": "none", "any": "required", "tool": "tool"}


def read(view: MessagesView) -> neutral.Request:
    top = _TOP.decode(view.body)
    request = view.request
    form = native.structured(request)
    limit = request.max_tokens
    foreign: list[neutral.ForeignTool] = []
    tools: list[neutral.Tool] = []
    for number, raw in enumerate(request.tools or ()):
        _read_tool(raw, number, tools, foreign)
    read_request = neutral.Request(
        model=request.model,
        turns=_read_turns(top),
        tools=tuple(tools),
        foreign_tools=tuple(foreign),
        format=None if form is None else _read_form(form),
        reasoning=reasoning.read(request),
        max_output=None if limit is None else max(limit, 1),
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        stop=tuple(request.stop_sequences or ()),
        user=_read_user(top),
        stream=view.stream,
        others=_read_others(top),
    )
    _read_choice(top, read_request)
    return read_request


def _read_turns(top: dict[str, Raw]) -> tuple[neutral.Turn, ...]:
    turns: list[neutral.Turn] = []
    if "system" in top:
        _read_turn("system", top["system"], "system", turns)
    for number, turn in enumerate(_TURNS.decode(top["messages"])):
        _read_turn(turn.role, turn.content, f"messages[{number}]", turns)
    return tuple(turns)


def _read_turn(role: str, raw: Raw, where: str, turns: list[neutral.Turn]) -> None:
    try:
        content = blocks.read_content(raw)
    except msgspec.DecodeError as problem:
        raise BadRequest(f"{where} is not what it should be: {problem}.", param=where) from None
    if role == "system":
        content = blocks.spoken(content)
        if content:
            turns.append(neutral.Turn("system", content))
    elif role == "assistant" or role == "user":
        turns.append(neutral.Turn("assistant" if role == "assistant" else "user", content))
    else:
        raise BadRequest(f"{where}.role is {role[:40]!r}; it has to be user, assistant or system.", param=where)


def _read_tool(raw: Raw, number: int, tools: list[neutral.Tool], foreign: list[neutral.ForeignTool]) -> None:
    try:
        tool = _TOOL.decode(raw)
    except msgspec.DecodeError as problem:
        raise BadRequest(f"tools[{number}] is not what it should be: {problem}.", param=f"tools[{number}]") from None
    if tool.type not in (None, "custom"):
        foreign.append(neutral.ForeignTool(DIALECT, tool.type or "", bytes(raw)))
        return
    if tool.name == PLACEHOLDER and tool.defer_loading:
        return
    schema = b"" if tool.input_schema is msgspec.UNSET else bytes(tool.input_schema)
    cache = blocks.cache_of(tool.cache_control)
    tools.append(neutral.Tool(tool.name, tool.description or "", schema, tool.strict, cache))


def _read_choice(top: dict[str, Raw], into: neutral.Request) -> None:
    choice = _decoded(_CHOICE, top, "tool_choice")
    if choice is not None:
        into.tool_choice = _MODES.get(choice.type)
        into.tool_name = choice.name if choice.type == "tool" else ""
        if choice.disable_parallel_tool_use is not None:
            into.parallel = not choice.disable_parallel_tool_use


def _read_user(top: dict[str, Raw]) -> str:
    metadata = _decoded(_METADATA, top, "metadata")
    return "" if metadata is None else metadata.user_id or ""


def _decoded(decoder: msgspec.json.Decoder[T], top: dict[str, Raw], field: str) -> T | None:
    if field not in top:
        return None
    try:
        return decoder.decode(top[field])
    except msgspec.DecodeError as problem:
        raise BadRequest(f"{field} is not what it should be: {problem}.", param=field) from None


def _read_form(raw: Raw) -> neutral.Format | None:
    try:
        form = _FORM.decode(raw)
    except msgspec.DecodeError as problem:
        raise BadRequest(f"output_config.format: {problem}.", param="output_config.format") from None
    if form.type != "json_schema" or form.schema is msgspec.UNSET:
        return None
    return neutral.Format(bytes(form.schema), strict=True)


def _read_others(top: dict[str, Raw]) -> dict[str, bytes]:
    others = {name: bytes(raw) for name, raw in top.items() if name not in native.FIELDS and bytes(raw) != b"null"}
    if bytes(config := top.get("output_config", Raw(b"null"))) != b"null":
        for name, raw in _TOP.decode(config).items():
            if name not in ("effort", "format"):
                others[CONFIG + name] = bytes(raw)
    return others


# ---- writing


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    request = toolnames.written(request, DIALECT)
    marks = Marks(losses)
    limit = _limit(request, target, losses)
    turns = merged(repaired(_placed(request.turns, target, losses), losses))
    thinking = reasoning.Thinking(request, turns, limit, target, losses)
    body: Json = {"model": target.model, "max_tokens": limit}
    if request.stream:
        body["stream"] = True
    tools = _write_tools(request, target, losses, marks)
    instruction = _write_form(request, target, losses, thinking.config)
    _write_conversation(body, turns, instruction, thinking.on, target, losses, marks)
    if tools:
        body["tools"] = tools
        _write_choice(body, request, thinking.on, losses)
    elif called := _called(turns):
        body["tools"] = called
        body["tool_choice"] = {"type": "none"}
    if thinking.field:
        body["thinking"] = thinking.field
    if thinking.config:
        body["output_config"] = thinking.config
    _write_sampling(body, request, thinking.on, target, losses)
    _write_rest(body, request, losses)
    return msgspec.json.encode(body)


def _limit(request: neutral.Request, target: Target, losses: Losses) -> int:
    most = target.max_output
    if request.max_output is None:
        return most or DEFAULT_OUTPUT
    if most and request.max_output > most:
        losses.add("max_output")
        return most
    return request.max_output


def _placed(turns: tuple[neutral.Turn, ...], target: Target, losses: Losses) -> tuple[neutral.Turn, ...]:
    """Instructions in front, the rest behind them. A conversation of instructions only is put as a question."""
    start = 0
    while start < len(turns) and turns[start].role == "system":
        start += 1
    front, rest = turns[:start], turns[start:]
    if "mid_system" not in target.flags:
        late = tuple(turn for turn in rest if turn.role == "system")
        if late:
            losses.add("system_position")
            front += late
            rest = tuple(turn for turn in rest if turn.role != "system")
    if front and not rest:
        losses.add("system_position")
        return *front[:-1], neutral.Turn("user", front[-1].blocks)
    return front + rest


def _write_conversation(
    body: Json,
    turns: tuple[neutral.Turn, ...],
    instruction: str,
    thinking: bool,
    target: Target,
    losses: Losses,
    marks: Marks,
) -> None:
    system: list[Json] = []
    messages: list[Json] = []
    for turn in turns:
        if turn.role == "system":
            written = blocks.write_texts(turn.blocks, losses, marks)
            if not messages:
                system += written
            elif written:
                messages.append({"role": "system", "content": written})
            continue
        content = blocks.write_turn(turn, losses, marks)
        if not content:
            continue
        if messages and messages[-1]["role"] == turn.role:
            before = messages[-1]["content"]
            assert isinstance(before, list)
            before += content
        else:
            messages.append({"role": turn.role, "content": content})
    if instruction:
        system.append({"type": "text", "text": instruction})
    if len(system) == 1 and "cache_control" not in system[0]:
        body["system"] = system[0]["text"]
    elif system:
        body["system"] = system
    _complete(messages, thinking or "no_prefill" in target.flags, losses)
    body["messages"] = messages


def _complete(messages: list[Json], no_prefill: bool, losses: Losses) -> None:
    """The user speaks first, and last where the model would not go on with its own turn."""
    if not messages:
        raise BadRequest("Nothing is left of the conversation that the target could be asked.", param="messages")
    if messages[0]["role"] != "user":
        losses.add("first_turn")
        messages.insert(0, _line(GO_ON))
    last = messages[-1]
    if last["role"] != "assistant":
        return
    content = last["content"]
    assert isinstance(content, list)
    if content[-1].get("type") not in ("text", "thinking", "redacted_thinking"):
        return
    if no_prefill:
        losses.add("last_assistant_turn")
        messages.append(_line(GO_ON))
    elif content[-1]["type"] == "text":
        content[-1]["text"] = content[-1]["text"].rstrip()


def _line(text: str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _write_tools(request: neutral.Request, target: Target, losses: Losses, marks: Marks) -> list[object]:
    written: list[object] = []
    for tool in request.tools:
        if tool.freeform:
            losses.add("custom_tool", tool.name)
        strict = bool(tool.strict)
        if strict and "no_structured" in target.flags:
            losses.add("strict_tools")
            strict = False
        one: Json = {"name": tool.name}
        if tool.description:
            one["description"] = tool.description
        schema = schemas.of_tool(tool.parameters, losses)
        one["input_schema"] = schemas.enforced(bytes(schema), losses) if strict else schema
        if strict:
            one["strict"] = True
        written.append(marks.put(one, tool.cache))
    for foreign in request.foreign_tools:
        if foreign.dialect == DIALECT:
            written.append(Raw(foreign.raw))
        else:
            losses.add("foreign_tool", foreign.kind)
    return written


def _called(turns: tuple[neutral.Turn, ...]) -> list[Json]:
    """Tools that were called before have to be declared, even where none may be called any more."""
    calls = (block for turn in turns for block in turn.blocks if isinstance(block, neutral.ToolCall))
    return [{"name": name, "input_schema": {"type": "object"}} for name in dict.fromkeys(call.name for call in calls)]


def _write_choice(body: Json, request: neutral.Request, thinking: bool, losses: Losses) -> None:
    mode = request.tool_choice
    if thinking and mode in ("required", "tool"):
        losses.add("tool_choice")
        mode = "auto"
    if mode is None and request.parallel is None:
        return
    choice: Json = {"type": {"required": "any", None: "auto"}.get(mode, mode)}
    if mode == "tool":
        choice["name"] = request.tool_name
    if request.parallel is not None and mode != "none":
        choice["disable_parallel_tool_use"] = not request.parallel
    body["tool_choice"] = choice


def _write_form(request: neutral.Request, target: Target, losses: Losses, config: Json) -> str:
    """Puts the form of the answer into `config`, or returns the instruction that asks for it."""
    form = request.format
    if form is None:
        return ""
    if not form.schema:
        losses.add("json_object")
        return ONLY_JSON
    if "no_structured" in target.flags:
        losses.add("schema")
        return f"{ONLY_JSON} It has to fit this JSON schema: {form.schema.decode()}"
    config["format"] = {"type": "json_schema", "schema": schemas.enforced(form.schema, losses)}
    return ""


def _write_sampling(body: Json, request: neutral.Request, thinking: bool, target: Target, losses: Losses) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if temperature is not None and temperature > 1:
        losses.add("temperature")
        temperature = 1.0
    none = "no_sampling" in target.flags
    # 1 is what a temperature and a top_p are by themselves.
    if temperature is not None and (none or thinking):
        if temperature != 1:
            losses.add("sampling", "temperature")
        temperature = None
    if top_p is not None and (none or (thinking and top_p < 0.95) or temperature is not None):
        if top_p != 1:
            losses.add("sampling", "top_p")
        top_p = None
    if top_k is not None and (none or thinking):
        losses.add("sampling", "top_k")
        top_k = None
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value


def _write_rest(body: Json, request: neutral.Request, losses: Losses) -> None:
    stop = [text for text in request.stop if text.strip()]
    if len(stop) < len(request.stop):
        losses.add("stop")
    if stop:
        body["stop_sequences"] = stop
    if request.user:
        if len(request.user) > LONGEST_USER:
            losses.add("user")
        else:
            body["metadata"] = {"user_id": request.user}
    for there, name in (
        (request.answers > 1, "answers"),
        (request.logprobs or request.top_logprobs is not None, "logprobs"),
        (request.seed is not None, "seed"),
        (bool(request.presence_penalty or request.frequency_penalty), "penalties"),
        (bool(request.verbosity), "verbosity"),
    ):
        if there:
            losses.add(name)
    for name, raw in request.others.items():
        _write_other(body, name, raw, losses)


def _write_other(body: Json, name: str, raw: bytes, losses: Losses) -> None:
    if name.startswith(CONFIG):
        config = body.setdefault("output_config", {})
        assert isinstance(config, dict)
        config[name.removeprefix(CONFIG)] = Raw(raw)
    elif name in OWN and raw[:1] in (OWN[name][:1], OWN[name][-1:]):
        body[name] = Raw(raw)
    elif name == "logit_bias":
        losses.add("logit_bias")
    else:
        losses.add("field", name)
