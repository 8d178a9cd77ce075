"""Requests of Responses, from and to the neutral form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral, signatures
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_responses.native import LEAST_OUTPUT, NAME, ResponsesView
from fairlead.dialects.repair import repaired
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest

CUSTOM_PARAMETERS = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
"""A freeform tool, for models that know only tools with an object of arguments."""
DISPENSABLE = frozenset(
    ("web_search", "web_search_preview", "tool_search", "image_generation", "local_shell", "namespace")
)
"""Tools that agents always declare and can do without."""
ROLES: dict[str, neutral.Role] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
}


class Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


class Summary(Struct):
    text: str = ""


class Item(Struct):
    type: str = "message"
    role: str = ""
    id: str | None = None
    content: str | list[Part] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    output: str | list[Part] | None = None
    summary: list[Summary] | None = None
    encrypted_content: str | None = None


class Tool(Struct):
    type: str = ""
    name: str = ""
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None


class Choice(Struct):
    type: str = ""
    name: str = ""
    mode: str = ""


_ITEM = msgspec.json.Decoder(Item)
_TOOL = msgspec.json.Decoder(Tool)
_CHOICE = msgspec.json.Decoder(str | Choice)
_TYPE = msgspec.json.Decoder(Choice)


# ---- reading


def read(view: ResponsesView) -> neutral.Request:
    request = view.request
    turns: list[neutral.Turn] = []
    if request.instructions:
        turns.append(neutral.Turn("system", (neutral.Text(request.instructions),)))
    for number, raw in enumerate(view.input_items()):
        _item(raw, number, turns)
    tools, foreign = _tools(request.tools or [])
    mode, name = _choice(request.tool_choice)
    form = None if request.text is None else request.text.format
    shape = None
    if form is not None and form.type == "json_schema":
        schema = b"" if form.schema is UNSET else bytes(form.schema)
        shape = neutral.Format(schema, form.name, form.description, form.strict)
    elif form is not None and form.type == "json_object":
        shape = neutral.Format()
    reasoning = None
    if request.reasoning is not None:
        shown = request.reasoning.summary or request.reasoning.generate_summary
        reasoning = neutral.Reasoning(request.reasoning.effort or "", None, True if shown else None)
    return neutral.Request(
        model=request.model,
        turns=tuple(turns),
        tools=tools,
        foreign_tools=foreign,
        tool_choice=mode,
        tool_name=name,
        parallel=request.parallel_tool_calls,
        format=shape,
        reasoning=reasoning,
        max_output=request.max_output_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        logprobs=bool(request.top_logprobs),
        top_logprobs=request.top_logprobs,
        user=request.user or request.safety_identifier or "",
        verbosity="" if request.text is None else request.text.verbosity or "",
        stream=view.stream,
        others={f"tools.{kind}": b"{}" for kind in _kinds(request.tools or ()) if kind in DISPENSABLE},
    )


def _kinds(raws: Sequence[Raw]) -> list[str]:
    return [_TYPE.decode(raw).type for raw in raws]


def _item(raw: bytes, number: int, turns: list[neutral.Turn]) -> None:
    try:
        item = _ITEM.decode(raw)
    except msgspec.ValidationError as problem:
        raise BadRequest(f"input[{number}] is not what it should be: {problem}.", param=f"input[{number}]") from None
    if item.type == "message":
        role = ROLES.get(item.role, "user")
        blocks = (neutral.Text(item.content),) if isinstance(item.content, str) else _parts(item.content or [], number)
        if role == "assistant":
            _said(turns, blocks)
        else:
            turns.append(neutral.Turn(role, blocks))
    elif item.type == "function_call":
        _said(turns, (neutral.ToolCall(item.call_id, item.name, item.arguments or "{}"),))
    elif item.type == "custom_tool_call":
        arguments = orjson.dumps({"input": item.input}).decode()
        _said(turns, (neutral.ToolCall(item.call_id, item.name, arguments),))
    elif item.type in ("function_call_output", "custom_tool_call_output"):
        content = (neutral.Text(item.output),) if isinstance(item.output, str) else _parts(item.output or [], number)
        kept = tuple(one for one in content if isinstance(one, (neutral.Text, neutral.Image, neutral.Document)))
        turns.append(neutral.Turn("user", (neutral.ToolResult(item.call_id, kept),)))
    elif item.type == "reasoning":
        text = "\n".join(one.text for one in item.summary or ())
        origin, signature = signatures.unpack(item.encrypted_content or "")
        if origin or signature or text:
            thought = neutral.Thinking(text, signature, origin or (NAME if signature else ""), not text, item.id or "")
            _said(turns, (thought,))
    else:
        _said(turns, (neutral.Foreign(NAME, item.type, raw),))


def _said(turns: list[neutral.Turn], blocks: tuple[neutral.Block, ...]) -> None:
    """The assistant's items that follow each other are one turn."""
    if turns and turns[-1].role == "assistant":
        turns[-1] = neutral.Turn("assistant", (*turns[-1].blocks, *blocks))
    else:
        turns.append(neutral.Turn("assistant", blocks))


def _parts(parts: list[Part], number: int) -> tuple[neutral.Block, ...]:
    blocks: list[neutral.Block] = []
    for part in parts:
        if part.type == "refusal":
            blocks.append(neutral.Refusal(part.refusal or ""))
        elif part.type == "input_image":
            blocks.append(_image(part, number))
        elif part.type == "input_file":
            blocks.append(_file(part, number))
        elif part.text is not None:
            blocks.append(neutral.Text(part.text))
    return tuple(blocks)


def _image(part: Part, number: int) -> neutral.Image:
    detail = "" if part.detail in (None, "auto") else part.detail or ""
    if part.image_url is None:
        raise BadRequest(f"input[{number}] has a picture by file_id; send its bytes as a data: URL.", param="input")
    kind, data = _data_url(part.image_url)
    return neutral.Image(kind, data, "", detail) if data else neutral.Image(url=part.image_url, detail=detail)


def _file(part: Part, number: int) -> neutral.Document:
    if part.file_data:
        kind, data = _data_url(part.file_data)
        return neutral.Document(kind or "application/pdf", data or part.file_data, name=part.filename or "")
    if part.file_url:
        return neutral.Document(url=part.file_url, name=part.filename or "")
    raise BadRequest(f"input[{number}] has a file by file_id; send its bytes in file_data.", param="input")


def _data_url(url: str) -> tuple[str, str]:
    """(media type, base64) of a data: URL; empty for other addresses."""
    if not url.startswith("data:"):
        return "", ""
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0], data


def _tools(raws: list[Raw]) -> tuple[tuple[neutral.Tool, ...], tuple[neutral.ForeignTool, ...]]:
    tools, foreign = [], []
    for raw in raws:
        tool = _TOOL.decode(raw)
        if tool.type == "function":
            parameters = (
                b"" if tool.parameters is UNSET or bytes(tool.parameters) == b"null" else bytes(tool.parameters)
            )
            tools.append(neutral.Tool(tool.name, tool.description or "", parameters, tool.strict))
        elif tool.type == "custom":
            tools.append(neutral.Tool(tool.name, tool.description or "", CUSTOM_PARAMETERS))
        elif tool.type not in DISPENSABLE:
            foreign.append(neutral.ForeignTool(NAME, tool.type, bytes(raw)))
    return tuple(tools), tuple(foreign)


def custom_tools(view: object) -> frozenset[str]:
    """Names of the freeform tools a caller declared: calls of them are told as such."""
    if not isinstance(view, ResponsesView):
        return frozenset()
    found = (_TOOL.decode(raw) for raw in view.request.tools or ())
    return frozenset(tool.name for tool in found if tool.type == "custom")


def _choice(raw: Raw | UnsetType) -> tuple[neutral.Mode | None, str]:
    if raw is UNSET or bytes(raw) == b"null":
        return None, ""
    try:
        choice = _CHOICE.decode(raw)
    except msgspec.ValidationError:
        raise BadRequest("tool_choice has to be a word or an object.", param="tool_choice") from None
    if isinstance(choice, str):
        modes: dict[str, neutral.Mode] = {"none": "none", "required": "required"}
        return modes.get(choice, "auto"), ""
    if choice.type in ("function", "custom"):
        return "tool", choice.name
    return ("required" if choice.mode == "required" else "auto"), ""


# ---- writing


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    body: dict[str, Any] = {"model": target.model}
    items: list[dict[str, Any] | Raw] = []
    for turn in repaired(request.turns, losses):
        items += _items(turn, losses)
    body["input"] = items
    _write_tools(request, body, losses)
    _write_form(request, body)
    if request.reasoning is not None:
        _write_reasoning(request.reasoning, body, losses)
    if request.max_output is not None:
        body["max_output_tokens"] = max(request.max_output, LEAST_OUTPUT)
    if "no_sampling" in target.flags:
        if request.temperature not in (None, 1) or request.top_p not in (None, 1):
            losses.add("sampling")
    else:
        for field in ("temperature", "top_p"):
            if getattr(request, field) is not None:
                body[field] = getattr(request, field)
    for lost, met in (
        ("top_k", request.top_k is not None),
        ("stop", bool(request.stop)),
        ("seed", request.seed is not None),
        ("answers", request.answers > 1),
        ("penalties", bool(request.presence_penalty or request.frequency_penalty)),
        ("logprobs", request.logprobs),
    ):
        if met:
            losses.add(lost)
    for field in request.others:
        losses.add("field", field)
    if request.user:
        body["safety_identifier"] = request.user[:64]
    # Nothing is kept at the provider: thoughts come along, to be sent back with what follows.
    body["store"] = False
    body["include"] = ["reasoning.encrypted_content"]
    if request.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _write_tools(request: neutral.Request, body: dict[str, Any], losses: Losses) -> None:
    tools: list[dict[str, Any] | Raw] = []
    for tool in request.tools:
        tools.append(
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description or None,
                "parameters": Raw(tool.parameters or b'{"type":"object","properties":{}}'),
                "strict": bool(tool.strict),
            }
        )
        if tool.cache:
            losses.add("cache_marks")
    for foreign in request.foreign_tools:
        if foreign.dialect == NAME:
            tools.append(Raw(foreign.raw))
        else:
            losses.add("foreign_tool", foreign.kind)
    if tools:
        body["tools"] = tools
        if request.tool_choice == "tool":
            body["tool_choice"] = {"type": "function", "name": request.tool_name}
        elif request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
        if request.parallel is not None:
            body["parallel_tool_calls"] = request.parallel


def _write_form(request: neutral.Request, body: dict[str, Any]) -> None:
    text: dict[str, Any] = {}
    form = request.format
    if form is not None and form.schema:
        text["format"] = {
            "type": "json_schema",
            "name": form.name or "answer",
            "schema": Raw(form.schema),
            "strict": bool(form.strict),
        }
        if form.description:
            text["format"]["description"] = form.description
    elif form is not None:
        text["format"] = {"type": "json_object"}
    if request.verbosity:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _write_reasoning(wish: neutral.Reasoning, body: dict[str, Any], losses: Losses) -> None:
    effort = wish.effort
    if wish.budget is not None:
        effort = "low" if wish.budget <= 2048 else "medium" if wish.budget <= 12288 else "high"
    if effort == "max" or (wish.budget is not None):
        losses.add("reasoning_effort")
        effort = "xhigh" if effort == "max" else effort
    reasoning: dict[str, Any] = {}
    if effort:
        reasoning["effort"] = effort
    if wish.visible:
        reasoning["summary"] = "auto"
    if reasoning:
        body["reasoning"] = reasoning


def _items(turn: neutral.Turn, losses: Losses) -> list[dict[str, Any] | Raw]:
    items: list[dict[str, Any] | Raw] = []
    parts: list[dict[str, Any]] = []
    said = turn.role == "assistant"
    role = "developer" if turn.role == "system" else turn.role

    def message() -> None:
        if parts:
            items.append({"type": "message", "role": role, "content": parts.copy()})
            parts.clear()

    for block in turn.blocks:
        if getattr(block, "cache", ""):
            losses.add("cache_marks")
        if isinstance(block, neutral.ToolCall):
            message()
            items.append(
                {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": block.arguments}
            )
        elif isinstance(block, neutral.ToolResult):
            message()
            items.append({"type": "function_call_output", "call_id": block.id, "output": _output(block, losses)})
        elif isinstance(block, neutral.Thinking):
            message()
            items += _thought(block, losses)
        elif isinstance(block, neutral.Foreign):
            message()
            if block.dialect == NAME:
                items.append(Raw(block.raw))
            else:
                losses.add("foreign_content", block.kind)
        else:
            part = _part(block, said, losses)
            if part is not None:
                parts.append(part)
    message()
    return items


def _thought(block: neutral.Thinking, losses: Losses) -> list[dict[str, Any] | Raw]:
    if block.origin != NAME or not block.signature:
        losses.add("thinking")
        return []
    summary = [{"type": "summary_text", "text": block.text}] if block.text else []
    return [{"type": "reasoning", "summary": summary, "encrypted_content": block.signature}]


def _output(block: neutral.ToolResult, losses: Losses) -> str | list[dict[str, Any]]:
    if block.error:
        losses.add("tool_result_error")
    front = "Error: " if block.error else ""
    if all(isinstance(one, neutral.Text) for one in block.content):
        return front + "\n".join(one.text for one in block.content if isinstance(one, neutral.Text))
    parts = [part for one in block.content if (part := _part(one, False, losses)) is not None]
    return [{"type": "input_text", "text": front.strip()}, *parts] if front else parts


def _part(block: neutral.Block, said: bool, losses: Losses) -> dict[str, Any] | None:
    if isinstance(block, neutral.Text):
        return {"type": "output_text" if said else "input_text", "text": block.text}
    if isinstance(block, neutral.Refusal):
        if said:
            return {"type": "refusal", "refusal": block.text}
        return {"type": "input_text", "text": block.text}
    if isinstance(block, neutral.Image):
        if said:
            losses.add("foreign_content", "image")
            return None
        url = block.url or f"data:{block.media_type};base64,{block.data}"
        return {"type": "input_image", "image_url": url, "detail": block.detail or "auto"}
    if isinstance(block, neutral.Document):
        return _document(block)
    losses.add("audio")
    return None


def _document(block: neutral.Document) -> dict[str, Any]:
    if block.text:
        return {"type": "input_text", "text": block.text}
    if block.url:
        return {"type": "input_file", "file_url": block.url}
    data = f"data:{block.media_type or 'application/pdf'};base64,{block.data}"
    return {"type": "input_file", "filename": block.name or "document.pdf", "file_data": data}
