"""OpenAI Responses: what fairlead reads of a request and of its answers. Everything else passes by untouched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import json, neutral
from fairlead.dialects.body import decode
from fairlead.dialects.openai_chat import native as chat
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, RequestError

NAME = "openai_responses"
LEAST_OUTPUT = 16


class Part(Struct):
    type: str = ""
    text: str | UnsetType = UNSET


class Item(Struct):
    """One thing of the input, as far as it is read for every request."""

    type: str = "message"
    role: str = ""
    content: str | list[Part] | None = None
    output: Raw | UnsetType = UNSET
    arguments: str | UnsetType = UNSET
    input: str | UnsetType = UNSET


class Format(Struct):
    type: str = "text"
    name: str = ""
    description: str = ""
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None


class Form(Struct):
    format: Format | None = None
    verbosity: str | None = None


class Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class Request(Struct):
    model: str
    input: str | list[Item] | None = None
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw | UnsetType = UNSET
    parallel_tool_calls: bool | None = None
    text: Form | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    background: bool | None = None
    include: list[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    fairlead: Options | None = None


class _Input(Struct):
    input: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(Request)
_INPUT = msgspec.json.Decoder(_Input)
_RAWS = msgspec.json.Decoder(list[Raw])
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))


class ResponsesView:
    __slots__ = ("_neutral", "_shape", "body", "request")
    answers = 1

    def __init__(self, request: Request, body: bytes) -> None:
        self.request = request
        self.body = body
        self._shape: Shape | None = None
        self._neutral: neutral.Request | None = None

    @property
    def model(self) -> str:
        return self.request.model

    @property
    def stream(self) -> bool:
        return bool(self.request.stream)

    @property
    def options(self) -> Options | None:
        return self.request.fairlead

    @property
    def previous(self) -> str:
        return self.request.previous_response_id or ""

    @property
    def store(self) -> bool:
        return self.request.store is not False

    def texts(self) -> Iterator[tuple[str, str]]:
        request = self.request
        if request.instructions:
            yield "system", request.instructions
        if isinstance(request.input, str):
            yield "user", request.input
            return
        for item in request.input or ():
            role = item.role or ("tool" if item.type.endswith("_output") else "assistant")
            if isinstance(item.content, str):
                yield role, item.content
            else:
                for part in item.content or ():
                    if isinstance(part.text, str):
                        yield role, part.text
            if isinstance(item.output, Raw) and bytes(item.output)[:1] == b'"':
                yield role, orjson.loads(item.output)

    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = _shape(self)
        return self._shape

    def max_output(self) -> int | None:
        return self.request.max_output_tokens

    def input_items(self) -> list[bytes]:
        """Each item of the input as JSON; a plain text is a user's message."""
        given = _INPUT.decode(self.body).input
        if given is UNSET or bytes(given) == b"null":
            return []
        raw = bytes(given)
        if raw[:1] == b'"':
            return [b'{"type":"message","role":"user","content":' + raw + b"}"]
        return [bytes(item) for item in _RAWS.decode(raw)]

    def neutral(self) -> neutral.Request:
        if self._neutral is None:
            from fairlead.dialects.openai_responses.request import read

            self._neutral = read(self)
        return self._neutral


def read_request(body: bytes, model: str = "", stream: bool = False) -> ResponsesView:
    request = decode(body, _REQUEST, FIELDS)
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    if len(request.model) > chat.NAME_LIMIT:
        raise BadRequest(f"model is longer than {chat.NAME_LIMIT} characters; no model has such a name.", param="model")
    limit = request.max_output_tokens
    if limit is not None and not LEAST_OUTPUT <= limit <= chat.MOST_OUTPUT:
        raise BadRequest(
            f"max_output_tokens is {limit}; it has to be at least {LEAST_OUTPUT}.", param="max_output_tokens"
        )
    if request.background:
        raise BadRequest("background is not offered: send the request without it, or stream.", param="background")
    return ResponsesView(request, body)


def _shape(view: ResponsesView) -> Shape:
    request = view.request
    chars = utf8 = images = documents = audio = 0
    for _, text in view.texts():
        chars += len(text)
        utf8 += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    items = request.input if isinstance(request.input, list) else []
    declared = sum(map(len, request.tools or ()))
    for item in items:
        for part in item.content if isinstance(item.content, list) else ():
            images += part.type == "input_image"
            documents += part.type == "input_file"
            audio += part.type == "input_audio"
        if isinstance(item.output, Raw):
            images += bytes(item.output).count(b'"input_image"')
        for given in (item.arguments, item.input):
            declared += len(given) if isinstance(given, str) else 0
    form = request.text.format if request.text is not None else None
    if form is not None and isinstance(form.schema, Raw):
        declared += len(form.schema)
    return Shape(
        chars=chars,
        utf8=utf8,
        turns=max(1, len(items)),
        images=images,
        audio=audio,
        documents=documents,
        tools=len(request.tools or ()),
        tool_bytes=declared,
        json_schema=form is not None and form.type == "json_schema",
        json_object=form is not None and form.type == "json_object",
        logprobs=bool(request.top_logprobs),
        reasoning=None if request.reasoning is None else request.reasoning.effort,
        max_output=request.max_output_tokens,
    )


def with_history(body: bytes, items: Sequence[bytes]) -> bytes:
    """The request with what was said before in front of its input, and no longer leaning on an earlier response."""
    own = ResponsesView(_REQUEST.decode(body), body).input_items()
    whole = b"[" + b",".join((*items, *own)) + b"]"
    return json.splice(json.without(body, "previous_response_id"), {"input": whole})


# ---- answers


class _Final(Struct):
    type: str = ""
    response: Raw | UnsetType = UNSET


class _Cached(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Reasoned(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Cached | None = None
    output_tokens_details: _Reasoned | None = None


class _Answer(Struct):
    status: str | None = None
    output: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_FINAL = msgspec.json.Decoder(_Final)
_USAGE = msgspec.json.Decoder(_Usage)
_ANSWER = msgspec.json.Decoder(_Answer)
FINALS = ("response.completed", "response.incomplete")


def read_usage(raw: Raw | UnsetType) -> Usage | None:
    if raw is UNSET or bytes(raw) in chat.EMPTY:
        return None
    try:
        found = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told, said = found.input_tokens, found.output_tokens
    if told is None or said is None or told < 0 or said < 0 or not 0 < told + said < chat.MOST_TOKENS:
        return None
    cached = written = reasoned = 0
    if found.input_tokens_details is not None:
        cached = min(max(found.input_tokens_details.cached_tokens or 0, 0), told)
        written = min(max(found.input_tokens_details.cache_write_tokens or 0, 0), told - cached)
    if found.output_tokens_details is not None:
        reasoned = min(max(found.output_tokens_details.reasoning_tokens or 0, 0), said)
    return Usage(told, said, cached, written, 0, reasoned)


def account(body: bytes) -> tuple[Usage | None, str]:
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "the provider's answer is not the JSON it should be"
    if answer.status == "failed" or (answer.error is not UNSET and bytes(answer.error) not in chat.EMPTY):
        return read_usage(answer.usage), "the provider reported that it failed"
    if answer.output is UNSET:
        return read_usage(answer.usage), "the provider's answer holds no output"
    return read_usage(answer.usage), ""


def final_response(data: bytes) -> bytes:
    """The whole response, if this event brings it; else empty."""
    try:
        found = _FINAL.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    return bytes(found.response) if found.type in FINALS and found.response is not UNSET else b""


def output_items(response: bytes) -> list[bytes]:
    """The items a response gave, as JSON."""
    try:
        output = _ANSWER.decode(response).output
        return [] if output is UNSET else [bytes(item) for item in _RAWS.decode(output)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


# ---- errors


def error_body(error: RequestError, request_id: str) -> bytes:
    return chat.error_body(error, request_id)


def error_event(error: RequestError, request_id: str) -> bytes:
    """An error after the stream has begun."""
    event: dict[str, Any] = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": 0,
    }
    return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"
