"""Requests to Gemini out of the neutral form. What Gemini cannot be told is reported to `losses`."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from fairlead.dialects import json, neutral, toolnames
from fairlead.dialects.dialect import Target
from fairlead.dialects.gemini import parts, thinking
from fairlead.dialects.gemini.reading import DIALECT, read, unwrapped
from fairlead.dialects.neutral import (
    Audio,
    Block,
    Document,
    Foreign,
    Image,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from fairlead.dialects.repair import merged, repaired
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest

__all__ = ["read", "write_request"]

MOST_STOPS = 5
OWN = ("safetySettings", "cachedContent", "labels", "serviceTier", "modelArmorConfig")
OWN_PARTS = ("generationConfig", "toolConfig")
"""Where fields of others' names that hold a dot have their place."""
CONTINUE = "Continue."
BILLING = "x-anthropic-billing-header"


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    request = toolnames.written(request, DIALECT)
    _unsaid(request, losses)
    system, turns = _separated(repaired(request.turns, losses), losses)
    writer = _Contents(target, losses)
    contents = [writer.content(turn) for turn in merged(turns)]
    if not contents:
        contents = [b'{"role":"user","parts":[%b]}' % parts.text(CONTINUE)]
        losses.add("empty_turn")
    out = b'{"contents":[' + b",".join(contents) + b"]"
    asks = _form_asked(request, target, losses)
    if asks:
        system.append(asks)
    if system:
        out += b',"systemInstruction":{"parts":[' + b",".join(parts.text(said) for said in system) + b"]}"
    own = _own(request, losses)
    fields: dict[str, Any] = {}
    tools = _tools(request, losses)
    if tools:
        out += b',"tools":[' + b",".join(tools) + b"]"
    calling = _choice(request, target, losses)
    config = own.pop("toolConfig", {}) | ({"functionCallingConfig": calling} if calling else {})
    if config:
        fields["toolConfig"] = config
    generation = _generation(request, target, losses) | own.pop("generationConfig", {})
    if generation:
        fields["generationConfig"] = generation
    try:
        rest = orjson.dumps(fields | own, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError as problem:
        raise BadRequest(f"The request cannot be put into JSON: {problem}.", code="not_translatable") from None
    return out + (b"," + rest[1:] if len(rest) > 2 else b"}")


def _unsaid(request: neutral.Request, losses: Losses) -> None:
    """What no Gemini model takes."""
    if request.answers > 1:
        losses.add("answers")
    if request.logprobs and request.stream:
        losses.add("logprobs")
    if request.user:
        losses.add("user")
    if request.verbosity:
        losses.add("verbosity")
    if request.parallel is False and request.tools:
        losses.add("parallel_tools")
    marked = any(tool.cache for tool in request.tools)
    if marked or any(getattr(block, "cache", "") for turn in request.turns for block in turn.blocks):
        losses.add("cache_marks")


def _separated(turns: tuple[Turn, ...], losses: Losses) -> tuple[list[str], list[Turn]]:
    """(instructions, the conversation)."""
    system: list[str] = []
    kept: list[Turn] = []
    for turn in turns:
        if turn.role != "system":
            kept.append(turn)
            continue
        if kept:
            losses.add("system_position")
        said = [block.text for block in turn.blocks if isinstance(block, Text)]
        system += [one for one in said if not one.startswith(BILLING)]
        if len(said) < len(turn.blocks):
            losses.add("foreign_content", "system")
    return system, kept


# ---- contents


class _Contents:
    __slots__ = ("_losses", "_newest", "_target")

    def __init__(self, target: Target, losses: Losses) -> None:
        self._target = target
        self._losses = losses
        self._newest = thinking.takes_level(target)
        """A model that wants signatures, and takes media in results."""

    def content(self, turn: Turn) -> bytes:
        written = self._model(turn.blocks) if turn.role == "assistant" else self._user(turn.blocks)
        if not written:
            self._losses.add("empty_turn")
            written = [parts.text("")]
        return b'{"role":"%b","parts":[%b]}' % (b"model" if turn.role == "assistant" else b"user", b",".join(written))

    def _user(self, blocks: tuple[Block, ...]) -> list[bytes]:
        written: list[bytes] = []
        media: list[bytes] = []
        for block in blocks:
            if isinstance(block, ToolResult):
                written.append(self._result(block, media))
            else:
                written += self._said(block)
        results = sum(isinstance(block, ToolResult) for block in blocks)
        return [*written[:results], *media, *written[results:]]

    def _model(self, blocks: tuple[Block, ...]) -> list[bytes]:
        written: list[bytes] = []
        called = False
        for number, block in enumerate(blocks):
            if isinstance(block, ToolCall):
                signature = block.signature if block.origin == DIALECT else ""
                if block.signature and not signature:
                    self._losses.add("thinking")
                if not signature and not called and self._newest:
                    signature = parts.UNVALIDATED
                called = True
                written.append(parts.call(block.id, block.name, self._arguments(block), signature))
            elif isinstance(block, Thinking):
                written += self._thought(block, blocks[number - 1] if number else None)
            elif isinstance(block, Text):
                behind = blocks[number + 1] if number + 1 < len(blocks) else None
                written.append(parts.text(block.text, signature=_signature(behind)))
            else:
                written += self._said(block)
        return written

    def _arguments(self, call: ToolCall) -> bytes:
        args = parts.arguments(call.arguments)
        if args.startswith(parts.RAW[:8]) and args != call.arguments.strip().encode():
            self._losses.add("tool_arguments", call.name)
        return args

    def _thought(self, block: Thinking, before: Block | None) -> list[bytes]:
        if block.origin != DIALECT or not block.signature:
            if block.text or block.signature:
                self._losses.add("thinking")
            return []
        if not block.redacted:
            return [parts.text(block.text, thought=True, signature=block.signature)]
        # The signature of a text stands on it already.
        return [] if isinstance(before, Text) else [parts.text("", signature=block.signature)]

    def _said(self, block: Block) -> list[bytes]:
        losses = self._losses
        if isinstance(block, Text):
            return [parts.text(block.text)]
        if isinstance(block, Image):
            if block.detail not in ("", "auto"):
                losses.add("image_detail")
            return self._media(block, "image_url")
        if isinstance(block, Document):
            return self._document(block)
        if isinstance(block, Audio):
            return [parts.audio(block)]
        if isinstance(block, Refusal):
            losses.add("refusal_turn")
            return [parts.text(block.text)] if block.text else []
        if isinstance(block, Foreign) and block.dialect == DIALECT:
            return [block.raw]
        if isinstance(block, Foreign):
            losses.add("foreign_content", block.kind)
        elif isinstance(block, Thinking):
            losses.add("thinking")
        return []

    def _document(self, block: Document) -> list[bytes]:
        if block.name:
            self._losses.add("document_name")
        if block.text:
            return [parts.inline(block.media_type or "text/plain", base64.b64encode(block.text.encode()).decode())]
        return self._media(block, "document")

    def _media(self, block: Image | Document, rule: str) -> list[bytes]:
        if block.data:
            default = "image/png" if rule == "image_url" else "application/pdf"
            return [parts.inline(block.media_type or default, block.data)]
        head, comma, data = block.url.partition(",")
        if head.startswith("data:") and comma and head.endswith(";base64"):
            return [parts.inline(head[5:-7].partition(";")[0] or block.media_type, data)]
        if not _kept_by_google(block.url):
            self._losses.add(rule)
            return []
        return [parts.file(block.media_type, block.url)]

    def _result(self, block: ToolResult, media: list[bytes]) -> bytes:
        shown: list[bytes] = []
        for part in block.content:
            if not isinstance(part, Text):
                shown += self._said(part)
        said = "\n".join(part.text for part in block.content if isinstance(part, Text))
        fields = b'"id":%b,"name":%b,"response":%b' % (
            orjson.dumps(block.id),
            orjson.dumps(block.name),
            _response(said, block),
        )
        if shown and self._newest:
            fields += b',"parts":[' + b",".join(shown) + b"]"
        elif shown:
            self._losses.add("tool_result_media")
            media += shown
        return b'{"functionResponse":{' + fields + b"}}"


def _signature(behind: Block | None) -> str:
    """Of a text: it is told behind it."""
    if isinstance(behind, Thinking) and behind.redacted and behind.origin == DIALECT:
        return behind.signature
    return ""


def _response(said: str, block: ToolResult) -> bytes:
    """A result as an object: the one it is already, where reading it gives the same again."""
    if block.error:
        return b'{"error":' + orjson.dumps(said) + b"}"
    raw = said.encode()
    if raw[:1] == b"{" and json.is_object(raw) and unwrapped(raw, block.name) == (said, False):
        return raw
    return b'{"output":' + orjson.dumps(said) + b"}"


def _kept_by_google(url: str) -> bool:
    """What Gemini fetches by itself: its own files, a bucket's, and videos of its own site."""
    host, _, path = url.partition("://")[2].partition("/")
    if url.startswith("gs://"):
        return True
    if host == "generativelanguage.googleapis.com":
        return "/files/" in f"/{path}"
    return host in ("www.youtube.com", "youtube.com", "youtu.be")


# ---- tools


def _tools(request: neutral.Request, losses: Losses) -> list[bytes]:
    written: list[bytes] = []
    for tool in request.tools:
        if tool.freeform:
            losses.add("custom_tool", tool.name)
    if request.tools:
        written.append(b'{"functionDeclarations":[' + b",".join(_declaration(tool) for tool in request.tools) + b"]}")
    for foreign in request.foreign_tools:
        if foreign.dialect == DIALECT:
            written.append(foreign.raw)
        else:
            losses.add("foreign_tool", foreign.kind)
    return written


def _declaration(tool: Tool) -> bytes:
    out = b'{"name":%b,"description":%b' % (orjson.dumps(tool.name), orjson.dumps(tool.description))
    if tool.parameters:
        out += b',"parametersJsonSchema":' + tool.parameters
    return out + b"}"


def _choice(request: neutral.Request, target: Target, losses: Losses) -> dict[str, Any]:
    if not request.tools:
        return {}
    strict = any(tool.strict for tool in request.tools)
    mode = request.tool_choice
    if strict and mode in (None, "auto") and thinking.takes_level(target):
        return {"mode": "VALIDATED"}
    if strict and mode in (None, "auto"):
        losses.add("strict_tools")
    if mode == "tool":
        return {"mode": "ANY", "allowedFunctionNames": [request.tool_name]}
    return {} if mode is None else {"mode": {"auto": "AUTO", "none": "NONE", "required": "ANY"}[mode]}


# ---- settings


def _generation(request: neutral.Request, target: Target, losses: Losses) -> dict[str, Any]:
    found: dict[str, Any] = {
        "maxOutputTokens": request.max_output,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "seed": request.seed,
        "responseLogprobs": (request.logprobs and not request.stream) or None,
        "logprobs": request.top_logprobs or None if request.logprobs and not request.stream else None,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
    }
    stop = [one for one in request.stop if one][:MOST_STOPS]
    if len(stop) < len(request.stop):
        losses.add("stop")
    found["stopSequences"] = stop or None
    if request.max_output and target.max_output and request.max_output > target.max_output:
        found["maxOutputTokens"] = target.max_output
    if request.format is not None and not _form_clashes(request, target):
        found["responseMimeType"] = "application/json"
        if request.format.schema:
            found["responseJsonSchema"] = orjson.Fragment(request.format.schema)
    if request.reasoning is not None:
        found["thinkingConfig"] = thinking.config(request.reasoning, target, losses) or None
    return {name: value for name, value in found.items() if value is not None}


def _form_clashes(request: neutral.Request, target: Target) -> bool:
    """Up to Gemini 2.5 a request has tools or a form of its answer, not both."""
    return bool(request.tools or request.foreign_tools) and not thinking.takes_level(target)


def _form_asked(request: neutral.Request, target: Target, losses: Losses) -> str:
    """The instruction that stands in for a form."""
    if request.format is None or not _form_clashes(request, target):
        return ""
    losses.add("form_with_tools")
    if not request.format.schema:
        return "Unless you call a tool, answer with one JSON object and nothing else."
    schema = request.format.schema.decode()
    return f"Unless you call a tool, answer with JSON and nothing else. It has to fit this JSON schema: {schema}"


def _own(request: neutral.Request, losses: Losses) -> dict[str, Any]:
    """The fields only Gemini knows, in their places."""
    found: dict[str, Any] = {}
    for name, raw in request.others.items():
        place, dot, field = name.partition(".")
        if dot and place in OWN_PARTS:
            found.setdefault(place, {})[field] = orjson.Fragment(raw)
        elif name in OWN:
            found[name] = orjson.Fragment(raw)
        else:
            losses.add("field", name)
    return found
