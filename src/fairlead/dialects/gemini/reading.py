"""Requests of Gemini in the neutral form.

Calls without an id get `call_N_NAME`, counted through the conversation, so that the same conversation always has the
same ids; results without one belong to the first open call of their name.
"""

from __future__ import annotations

import msgspec
import orjson
from msgspec import Raw

from fairlead.dialects import neutral
from fairlead.dialects.gemini import parts as made
from fairlead.dialects.gemini import schemas
from fairlead.dialects.gemini.native import GeminiView
from fairlead.dialects.gemini.spelling import fields, items, text, value, wrong
from fairlead.dialects.neutral import (
    Block,
    Document,
    Foreign,
    ForeignTool,
    Format,
    Image,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)

DIALECT = "gemini"
_TOP = frozenset(
    {
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "model",
        "fairlead",
    }
)
_GENERATION = frozenset(
    {
        "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "candidateCount", "seed", "presencePenalty",
        "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema",
        "thinkingConfig",
    }
)  # fmt: skip
_INT = msgspec.json.Decoder(int)
_FLOAT = msgspec.json.Decoder(float)
_BOOL = msgspec.json.Decoder(bool)
_STRINGS = msgspec.json.Decoder(list[str])
_STRING = msgspec.json.Decoder(str)
_DICT = msgspec.json.Decoder(dict[str, Raw])
_ROLES = {"": "user", "user": "user", "model": "assistant", "function": "user"}
_UNWRAPPED = ("output", "result", "return_value", "content")
"""Under what name clients put a result that is only text."""


def read(view: GeminiView) -> neutral.Request:
    top = fields(view.body, "The body")
    others = {name: bytes(raw) for name, raw in top.items() if name not in _TOP}
    request = neutral.Request(model=view.model, turns=(), stream=view.stream, others=others)
    _generation(request, top)
    declared, request.foreign_tools = _tools(top)
    request.tools = _choice(request, top, declared)
    system = top.get("systemInstruction")
    turns = _system(system) if system is not None else []
    conversation = _Conversation()
    for number, raw in enumerate(items(top.get("contents", Raw(b"[]")), "contents")):
        turn = conversation.turn(raw, f"contents[{number}]")
        if turn.blocks:
            turns.append(turn)
    request.turns = tuple(turns)
    return request


# ---- contents


def _system(raw: Raw) -> list[Turn]:
    if bytes(raw)[:1] == b'"':
        said = [_STRING.decode(raw)]
    else:
        where = "systemInstruction"
        found = items(fields(raw, where).get("parts", Raw(b"[]")), f"{where}.parts")
        said = [text(fields(part, f"{where}.parts"), "text", f"{where}.parts") for part in found]
    blocks: tuple[Block, ...] = tuple(Text(one) for one in said if one)
    return [Turn("system", blocks)] if blocks else []


class _Conversation:
    """Remembers the calls that are still open."""

    __slots__ = ("_count", "_open")

    def __init__(self) -> None:
        self._count = 0
        self._open: list[ToolCall] = []

    def turn(self, raw: Raw, where: str) -> Turn:
        content = fields(raw, where)
        role = text(content, "role", where)
        if role not in _ROLES:
            raise wrong(f"{where}.role", "user or model")
        blocks: list[Block] = []
        for number, part in enumerate(items(content.get("parts", Raw(b"[]")), f"{where}.parts")):
            self._part(part, f"{where}.parts[{number}]", blocks)
        return Turn("assistant" if role == "model" else "user", tuple(blocks))

    def _part(self, raw: Raw, where: str, blocks: list[Block]) -> None:
        part = fields(raw, where)
        origin, signature = made.own_signature(text(part, "thoughtSignature", where))
        if "text" in part:
            said = text(part, "text", where)
            if value(part, "thought", _BOOL, where):
                # A stream tells a thought in pieces, and what signs it behind them.
                last = blocks[-1] if blocks else None
                if isinstance(last, Thinking) and not last.redacted and not last.signature:
                    blocks[-1] = Thinking(last.text + said, signature, origin)
                else:
                    blocks.append(Thinking(said, signature, origin, redacted=not said))
                return
            if said:
                blocks.append(Text(said))
            if signature:
                blocks.append(Thinking("", signature, origin, redacted=True))
        elif "functionCall" in part:
            blocks.append(self._call(part["functionCall"], f"{where}.functionCall", origin, signature))
        elif "functionResponse" in part:
            blocks.append(self._result(part["functionResponse"], f"{where}.functionResponse"))
        elif (media := _media(part, where)) is not None:
            blocks.append(media)
        elif part:
            kind = next((name for name in part if name not in ("thought", "thoughtSignature")), "thoughtSignature")
            blocks.append(
                Thinking("", signature, origin, redacted=True)
                if kind == "thoughtSignature"
                else Foreign(DIALECT, kind, bytes(raw))
            )

    def _call(self, raw: Raw, where: str, origin: str, signature: str) -> ToolCall:
        found = fields(raw, where)
        name = text(found, "name", where)
        if not name:
            raise wrong(f"{where}.name", "the name of a function")
        args = bytes(found.get("args", b"{}"))
        call_id = text(found, "id", where) or f"call_{self._count}_{name}"
        self._count += 1
        call = ToolCall(call_id, name, args.decode(), signature, origin if signature else "")
        self._open.append(call)
        return call

    def _result(self, raw: Raw, where: str) -> ToolResult:
        found = fields(raw, where)
        name, call_id = text(found, "name", where), text(found, "id", where)
        match = next((one for one in self._open if (one.id == call_id if call_id else one.name == name)), None)
        if match is not None:
            self._open.remove(match)
            call_id, name = match.id, name or match.name
        content: list[Text | Image | Document] = []
        response = found.get("response")
        said, error = ("", False) if response is None else unwrapped(bytes(response), name)
        if said:
            content.append(Text(said))
        for part in items(found.get("parts", Raw(b"[]")), f"{where}.parts"):
            media = _media(fields(part, f"{where}.parts"), f"{where}.parts")
            if isinstance(media, (Image, Document)):
                content.append(media)
        return ToolResult(call_id or f"call_{self._count}_{name}", tuple(content), name, error)


def unwrapped(response: bytes, name: str) -> tuple[str, bool]:
    """(text, whether it is an error) of a function's response: the text itself where it holds nothing else."""
    try:
        found = _DICT.decode(response)
    except msgspec.DecodeError:
        return response.decode(), False
    keys = set(found)
    if keys == {"name", "content"} and bytes(found["name"]) == orjson.dumps(name):
        keys = {"content"}
    if len(keys) == 1:
        (key,) = keys
        raw = bytes(found[key])
        if key == "error":
            return (_STRING.decode(raw) if raw[:1] == b'"' else raw.decode()), True
        if key in _UNWRAPPED and raw[:1] == b'"':
            return _STRING.decode(raw), False
    return ("" if not found else response.decode()), False


def _media(part: dict[str, Raw], where: str) -> Image | neutral.Audio | Document | None:
    if "inlineData" in part:
        where += ".inlineData"
        blob = fields(part["inlineData"], where)
        return made.media(text(blob, "mimeType", where), text(blob, "data", where), text(blob, "displayName", where))
    if "fileData" in part:
        where += ".fileData"
        blob = fields(part["fileData"], where)
        return made.linked(
            text(blob, "mimeType", where), text(blob, "fileUri", where), text(blob, "displayName", where)
        )
    return None


# ---- tools


def _tools(top: dict[str, Raw]) -> tuple[list[Tool], tuple[ForeignTool, ...]]:
    declared: list[Tool] = []
    foreign: list[ForeignTool] = []
    for raw in items(top.get("tools", Raw(b"[]")), "tools"):
        for kind, said in fields(raw, "tools").items():
            if kind == "functionDeclarations":
                declared += [_tool(one) for one in items(said, "tools.functionDeclarations")]
            else:
                foreign.append(ForeignTool(DIALECT, kind, b"{%b:%b}" % (orjson.dumps(kind), bytes(said))))
    return declared, tuple(foreign)


def _tool(raw: Raw) -> Tool:
    where = "tools.functionDeclarations"
    found = fields(raw, where)
    name = text(found, "name", where)
    if not name:
        raise wrong(f"{where}.name", "the name of a function")
    schema = bytes(found.get("parametersJsonSchema", b""))
    if not schema and "parameters" in found:
        schema = schemas.json_schema(bytes(found["parameters"]))
    return Tool(name, text(found, "description", where), schema)


def _choice(request: neutral.Request, top: dict[str, Raw], declared: list[Tool]) -> tuple[Tool, ...]:
    """Sets which tools are to be called; gives those that may be."""
    if "toolConfig" not in top:
        return tuple(declared)
    config = fields(top["toolConfig"], "toolConfig")
    for name, raw in config.items():
        if name != "functionCallingConfig":
            request.others[f"toolConfig.{name}"] = bytes(raw)
    where = "toolConfig.functionCallingConfig"
    calling = fields(config["functionCallingConfig"], where) if "functionCallingConfig" in config else {}
    mode = text(calling, "mode", where).upper()
    names = value(calling, "allowedFunctionNames", _STRINGS, where)
    allowed = names or []
    if mode == "NONE":
        request.tool_choice = "none"
    elif mode == "ANY" and len(allowed) == 1:
        request.tool_choice, request.tool_name = "tool", allowed[0]
        return tuple(declared)
    elif mode == "ANY":
        request.tool_choice = "required"
    elif mode in ("AUTO", "VALIDATED"):
        request.tool_choice = "auto"
    return tuple(tool for tool in declared if not allowed or tool.name in allowed)


# ---- settings


def _generation(request: neutral.Request, top: dict[str, Raw]) -> None:
    where = "generationConfig"
    if where not in top:
        return
    config = fields(top[where], where)
    request.max_output = value(config, "maxOutputTokens", _INT, where)
    request.temperature = value(config, "temperature", _FLOAT, where)
    request.top_p = value(config, "topP", _FLOAT, where)
    top_k = value(config, "topK", _FLOAT, where)
    request.top_k = None if top_k is None else int(top_k)
    stop = value(config, "stopSequences", _STRINGS, where)
    request.stop = tuple(stop or ())
    request.seed = value(config, "seed", _INT, where)
    request.answers = value(config, "candidateCount", _INT, where) or 1
    request.presence_penalty = value(config, "presencePenalty", _FLOAT, where)
    request.frequency_penalty = value(config, "frequencyPenalty", _FLOAT, where)
    request.logprobs = value(config, "responseLogprobs", _BOOL, where) is True
    request.top_logprobs = value(config, "logprobs", _INT, where)
    request.format = _format(request, config)
    if "thinkingConfig" in config:
        request.reasoning = _reasoning(fields(config["thinkingConfig"], f"{where}.thinkingConfig"))
    for name, raw in config.items():
        if name not in _GENERATION and not (name == "responseModalities" and _only_text(bytes(raw))):
            request.others[f"{where}.{name}"] = bytes(raw)


def _only_text(modalities: bytes) -> bool:
    return modalities.upper().replace(b" ", b"") in (b'["TEXT"]', b"[]")


def _format(request: neutral.Request, config: dict[str, Raw]) -> Format | None:
    where = "generationConfig"
    mime = text(config, "responseMimeType", where)
    if mime not in ("", "text/plain", "application/json"):
        for name in ("responseMimeType", "responseSchema", "responseJsonSchema"):
            if name in config:
                request.others[f"{where}.{name}"] = bytes(config[name])
        return None
    if "responseJsonSchema" in config:
        return Format(bytes(config["responseJsonSchema"]))
    if "responseSchema" in config:
        return Format(schemas.json_schema(bytes(config["responseSchema"])))
    return Format() if mime == "application/json" else None


def _reasoning(config: dict[str, Raw]) -> Reasoning:
    where = "generationConfig.thinkingConfig"
    visible = value(config, "includeThoughts", _BOOL, where)
    level = text(config, "thinkingLevel", where).lower()
    if level and level != "thinking_level_unspecified":
        return Reasoning(level, visible=visible)
    budget = value(config, "thinkingBudget", _INT, where)
    if budget is None or budget < 0:
        return Reasoning(visible=visible)
    return Reasoning("none", visible=visible) if budget == 0 else Reasoning(budget=budget, visible=visible)
