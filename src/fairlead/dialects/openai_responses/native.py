"""OpenAI Responses: what fairlead reads of a request and of its answers. Everything else passes by untouched.

Only fields that fairlead acts on are typed here; a field or an item unknown today reaches the provider as it came.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import hosted, neutral
from fairlead.dialects.body import decode
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.openai_responses.history import (
    REFERENCE,
    ItemHead,
    by_name,
    final_response,
    going_on,
    input_items,
    item_head,
    item_of,
    names_elsewhere,
    output_items,
    own,
    referred,
    response_of,
    with_history,
    with_input,
)
from fairlead.dialects.uncounted import RESPONSES, rest
from fairlead.dialects.weighing import MOST_TOKENS, unreadable
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, RateLimited, RequestError

__all__ = [
    "NAME", "REFERENCE", "ItemHead", "ResponsesView", "account", "by_name", "error_body", "error_event", "final_response", "going_on",
    "input_items", "item_head", "item_of", "names_elsewhere", "output_items", "own", "read_request", "read_usage", "referred", "response_of",
    "with_history", "with_input",
]  # fmt: skip

NAME = "openai_responses"
NAME_LIMIT = 256
LEAST_OUTPUT = 16
MOST_OUTPUT = 2**31 - 1
LAST_NUMBER = 10**9
"""The number of an error's event: behind every number a stream comes to."""


# ---- requests


class Part(Struct):
    type: str | None = None
    text: str | None = None


class Item(Struct):
    """One thing of the input, as far as it is read for every request. What it holds is read where it is known."""

    type: str | None = None
    role: str | None = None
    content: Raw | UnsetType = UNSET
    output: Raw | UnsetType = UNSET
    arguments: Raw | UnsetType = UNSET
    input: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET


class Format(Struct):
    type: str
    schema: Raw | UnsetType = UNSET


class Form(Struct):
    format: Format | None = None


class Reasoning(Struct):
    effort: str | None = None


class Request(Struct):
    model: str
    input: str | list[Item] | None = None
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    prompt: Raw | UnsetType = UNSET
    conversation: Raw | UnsetType = UNSET
    tools: list[Raw] | None = None
    text: Form | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    background: bool | None = None
    user: str | None = None
    fairlead: Options | None = None


class CountRequest(Request):
    """Tokens are counted without a model too."""

    model: str = "auto"


_REQUEST = msgspec.json.Decoder(Request)
_COUNT = msgspec.json.Decoder(CountRequest)
_PARTS = msgspec.json.Decoder(list[Part])
_STRING = msgspec.json.Decoder(str)
_TOOLS = msgspec.json.Decoder(list[Raw])
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))
ABSENT = (b"", b"null")


class ResponsesView:
    """The decoded request with what can be read off it, worked out on first use."""

    __slots__ = ("_neutral", "_shape", "body", "model", "options", "request", "stream")
    answers = 1
    predicted = 0

    def __init__(self, request: Request, body: bytes) -> None:
        self.request = request
        self.body = body
        self.model = request.model
        self.stream = request.stream is True
        self.options = request.fairlead
        self._shape: Shape | None = None
        self._neutral: neutral.Request | None = None

    @property
    def user(self) -> str:
        return self.request.user or ""

    @property
    def previous(self) -> str:
        """The id of the response that this one goes on with; empty for none."""
        return self.request.previous_response_id or ""

    @property
    def store(self) -> bool:
        """Whether the response is to be kept."""
        return self.request.store is not False

    def input_items(self) -> list[bytes]:
        return input_items(self.body)

    def texts(self) -> Iterator[tuple[str, str]]:
        request = self.request
        if request.instructions:
            yield "system", request.instructions
        if isinstance(request.input, str):
            yield "user", request.input
            return
        for item in request.input or ():
            if item.content is not UNSET:
                for part in _parts(item.content):
                    if part.text:
                        yield item.role or "assistant", part.text
            if item.output is not UNSET:
                for part in _parts(item.output):
                    if part.text:
                        yield "tool", part.text

    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = _shape(self)
        return self._shape

    @property
    def max_output(self) -> int | None:
        return self.request.max_output_tokens

    def neutral(self) -> neutral.Request:
        if self._neutral is None:
            from fairlead.dialects.openai_responses.request import read

            self._neutral = read(self)
        return self._neutral


def _parts(raw: Raw) -> list[Part]:
    """The parts of a content or an output, whatever else it may be."""
    given = bytes(raw)
    try:
        if given[:1] == b'"':
            return [Part("input_text", _STRING.decode(given))]
        return _PARTS.decode(given) if given[:1] == b"[" else []
    except msgspec.ValidationError:
        return []


def _shape(view: ResponsesView) -> Shape:
    request = view.request
    chars = utf8 = tools = 0
    for _, text in view.texts():
        chars += len(text)
        utf8 += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    items = request.input if isinstance(request.input, list) else []
    kinds: list[str | None] = []
    declared = sum(map(len, request.tools or ()))
    for item in items:
        for listed in (item.content, item.output):
            if listed is not UNSET and bytes(listed)[:1] == b"[":
                kinds += [part.type for part in _parts(listed)]
        for listed in (item.arguments, item.input, item.tools):
            declared += 0 if listed is UNSET else len(listed)
        if item.tools is not UNSET and bytes(item.tools)[:1] == b"[":
            tools += len(_TOOLS.decode(item.tools))
    form = request.text.format if request.text is not None else None
    if form is not None and form.schema is not UNSET:
        declared += len(form.schema)
    return Shape(
        chars=chars,
        utf8=utf8,
        turns=max(1, len(items)),
        images=kinds.count("input_image") + kinds.count("computer_screenshot"),
        audio=kinds.count("input_audio"),
        documents=kinds.count("input_file"),
        tools=len(request.tools or ()) + tools,
        tool_bytes=declared,
        json_schema=form is not None and form.type == "json_schema",
        json_object=form is not None and form.type == "json_object",
        logprobs=bool(request.top_logprobs),
        reasoning=None if request.reasoning is None else request.reasoning.effort,
        max_output=request.max_output_tokens,
        rest=rest(view.body, utf8 + declared, len(items), RESPONSES),
    )


def read_request(body: bytes, model: str = "", stream: bool = False) -> ResponsesView:
    """Decode and check; every complaint names the field and what it should be."""
    request = decode(body, _REQUEST, FIELDS)
    _check_model(request)
    elsewhere = any(raw is not UNSET and bytes(raw) not in ABSENT for raw in (request.prompt, request.conversation))
    if not request.input and not request.previous_response_id and not elsewhere:
        raise BadRequest("input is empty; send a text or a list of items.", param="input")
    limit = request.max_output_tokens
    if limit is not None and not LEAST_OUTPUT <= limit <= MOST_OUTPUT:
        raise BadRequest(
            f"max_output_tokens is {limit}; it has to be from {LEAST_OUTPUT} to {MOST_OUTPUT}.",
            param="max_output_tokens",
        )
    return ResponsesView(request, body)


def read_count(body: bytes, model: str = "") -> ResponsesView:
    """A request to count tokens: nothing is answered, so that everything may be left out."""
    request = decode(body, _COUNT, FIELDS)
    _check_model(request)
    for name, kept in (("conversation", request.conversation), ("prompt", request.prompt)):
        if kept is not UNSET and bytes(kept) not in ABSENT:
            raise BadRequest(f"{name} is kept by its provider only: nothing here can count it.", param=name)
    return ResponsesView(request, body)


def _check_model(request: Request) -> None:
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    if len(request.model) > NAME_LIMIT:
        raise BadRequest(f"model is longer than {NAME_LIMIT} characters; no model has such a name.", param="model")


def write_count(tokens: int) -> bytes:
    return b'{"object":"response.input_tokens","input_tokens":%d}' % tokens


# ---- answers


class _InputDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class _BareUsage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Usage(_BareUsage):
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    server_side_tool_usage_details: hosted.Details | None = None


class _Answer(Struct):
    status: str | None = None
    output: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET


_USAGE = msgspec.json.Decoder(_Usage)
_BARE_USAGE = msgspec.json.Decoder(_BareUsage)
_ANSWER = msgspec.json.Decoder(_Answer)
FAILED = ("failed", "cancelled")


def read_usage(raw: Raw | UnsetType) -> Usage | None:
    """None where nothing usable was reported. A provider's odd figures never make its answer a bad one."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return None
    try:
        found = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            bare = _BARE_USAGE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        found = _Usage(bare.input_tokens, bare.output_tokens)
    told, said = found.input_tokens, found.output_tokens
    if told is None or said is None or told < 0 or said < 0 or not 0 < told + said < MOST_TOKENS:
        return None
    cached = written = reasoned = 0
    if found.input_tokens_details is not None:
        cached = min(max(found.input_tokens_details.cached_tokens or 0, 0), told)
        written = min(max(found.input_tokens_details.cache_write_tokens or 0, 0), told - cached)
    if found.output_tokens_details is not None:
        reasoned = min(max(found.output_tokens_details.reasoning_tokens or 0, 0), said)
    if found.server_side_tool_usage_details is not None:
        calls = hosted.of_details(found.server_side_tool_usage_details)
        return Usage(told, said, cached, written, 0, reasoned, calls=calls)
    return Usage(told, said, cached, written, 0, reasoned)


def whole_usage(usage: Usage | None, output: Raw | UnsetType, tools: Raw | UnsetType) -> Usage | None:
    """With the tools that were used, which hardly any provider tells in its usage."""
    if usage is None or usage.calls:
        return usage
    return hosted.with_calls(usage, hosted.of_output(output, tools))


def account(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer). The second is empty for a proper one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unreadable(body)
    usage = whole_usage(read_usage(answer.usage), answer.output, answer.tools)
    if answer.status in FAILED or given(answer.error):
        return usage or Usage(), "the provider reported that it failed"
    if answer.output is UNSET or bytes(answer.output) in ABSENT:
        return usage, "the provider's answer holds no output"
    return usage, ""


# ---- errors

TOLD_CODES = frozenset({"context_length_exceeded", "insufficient_quota", "rate_limit_exceeded", "invalid_prompt"})
"""Codes that clients act on."""


def _error(error: RequestError, request_id: str) -> dict[str, object]:
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        "request_id": request_id,
    }


def error_body(error: RequestError, request_id: str) -> bytes:
    return orjson.dumps({"error": _error(error, request_id)})


def error_event(error: RequestError, request_id: str) -> bytes:
    """An error after the stream has begun: some clients look for an event `error`, others for a response that
    failed, so both are told."""
    told = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "error": _error(error, request_id),
        "sequence_number": LAST_NUMBER,
    }
    code = error.code if error.code in TOLD_CODES else "server_error"
    if isinstance(error, RateLimited):
        code = "rate_limit_exceeded"
    response = failed(f"resp_{request_id}", code, error.message)
    event = {"type": "response.failed", "response": response, "sequence_number": LAST_NUMBER + 1}
    return b"event: error\ndata: %b\n\nevent: response.failed\ndata: %b\n\n" % (
        orjson.dumps(told), orjson.dumps(event),
    )  # fmt: skip


def failed(response_id: str, code: str, message: str) -> dict[str, object]:
    """A response that failed, where nothing more is known of it."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "completed_at": None,
        "status": "failed",
        "background": False,
        "error": {"code": code, "message": message},
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }
