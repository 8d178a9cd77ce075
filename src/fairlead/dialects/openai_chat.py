"""OpenAI Chat Completions: what we read of a request and of its answers. Everything else passes by untouched.

Only fields that fairlead acts on are typed here; a field unknown today reaches the provider as it came.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import json, sse
from fairlead.errors import BadRequest, RequestError

DIALECT = "openai_chat"
CONTENT_TYPE = b"application/json"
INTERPRETED = (b'"model"', b'"messages"', b'"stream"', b'"stream_options"', b'"max_tokens"', b'"fairlead"')
SMALL = 8192


# ---- requests


class Part(Struct):
    type: str
    text: str | UnsetType = UNSET


class Message(Struct):
    role: str
    content: str | list[Part] | None = None
    tool_calls: Raw | UnsetType = UNSET


class StreamOptions(Struct):
    include_usage: bool | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: Raw | UnsetType = UNSET


class Options(Struct, forbid_unknown_fields=True):
    """The body's `fairlead` object: the caller's wishes, where a client cannot set headers."""

    quality_floor: float | None = None
    max_cost: float | str | None = None
    max_latency: int | None = None
    sensitivity: str | None = None
    session: str | None = None
    task: str | None = None
    tags: list[str] | None = None
    policy: str | None = None


class Request(Struct):
    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[Raw] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    fairlead: Options | None = None


_REQUEST = msgspec.json.Decoder(Request)


class ChatView:
    """The decoded request with what can be read off it, worked out on first use."""

    __slots__ = ("_shape", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self._shape: Shape | None = None

    def texts(self) -> Iterator[tuple[str, str]]:
        for message in self.request.messages:
            content = message.content
            if isinstance(content, str):
                yield message.role, content
            elif content is not None:
                for part in content:
                    if isinstance(part.text, str):
                        yield message.role, part.text

    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = _shape(self.request)
        return self._shape

    def max_output(self) -> int | None:
        limit = self.request.max_completion_tokens
        return self.request.max_tokens if limit is None else limit


def _shape(request: Request) -> Shape:
    chars = utf8 = images = audio = documents = declared = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, str):
            chars += len(content)
            utf8 += len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
        elif content is not None:
            for part in content:
                if isinstance(part.text, str):
                    chars += len(part.text)
                    utf8 += len(part.text.encode("utf-8", "surrogatepass"))
                elif part.type == "image_url":
                    images += 1
                elif part.type == "input_audio":
                    audio += 1
                elif part.type == "file":
                    documents += 1
        if isinstance(message.tool_calls, Raw):
            declared += len(message.tool_calls)
    for tool in request.tools or ():
        declared += len(tool)
    form = request.response_format
    if form is not None and isinstance(form.json_schema, Raw):
        declared += len(form.json_schema)
    limit = request.max_completion_tokens
    return Shape(
        chars=chars,
        utf8=utf8,
        turns=len(request.messages),
        images=images,
        audio=audio,
        documents=documents,
        tools=len(request.tools or ()),
        tool_bytes=declared,
        json_schema=form is not None and form.type == "json_schema",
        json_object=form is not None and form.type == "json_object",
        logprobs=bool(request.logprobs),
        reasoning=request.reasoning_effort,
        max_output=request.max_tokens if limit is None else limit,
        answers=request.n or 1,
    )


def read_request(body: bytes) -> ChatView:
    """Decode and check; every complaint names the field and what it should be."""
    if not body:
        raise BadRequest("The body is empty; send a JSON object with model and messages.", code="empty_body")
    try:
        request = _REQUEST.decode(body)
    except msgspec.ValidationError as problem:
        raise _complaint(problem) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"The body is not valid JSON: {problem}.", code="invalid_json") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from None
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as problem:
            raise BadRequest(f"The body is not valid UTF-8 at byte {problem.start}.", code="invalid_utf8") from None
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    if not request.messages:
        raise BadRequest("messages is empty; send at least one message.", param="messages")
    for field, value in (
        ("max_tokens", request.max_tokens),
        ("max_completion_tokens", request.max_completion_tokens),
        ("n", request.n),
    ):
        if value is not None and value < 1:
            raise BadRequest(f"{field} is {value}; it has to be at least 1.", param=field)
    if len(body) > SMALL or b"\\u00" in body:
        json.spans(body)
    else:
        for key in INTERPRETED:
            if body.count(key) > 1:
                json.spans(body)
                break
    return ChatView(request)


_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _complaint(problem: msgspec.ValidationError) -> BadRequest:
    """msgspec's finding, in the caller's words: `Expected `int`, got `str` - at `$.max_tokens``."""
    text, _, path = str(problem).partition(" - at `$")
    where = path.rstrip("`").removeprefix(".")
    if text.startswith("Object missing required field"):
        missing = text.split("`")[1]
        where = f"{where}.{missing}" if where else missing
        return BadRequest(f"{where} is missing.", param=where, code="missing_field")
    if text.startswith("Object contains unknown field"):
        unknown = text.split("`")[1]
        where = f"{where}.{unknown}" if where else unknown
        return BadRequest(f"{where} is not a field fairlead knows.", param=where, code="unknown_field")
    if text.startswith("Expected"):
        words = text.split("`")
        expected = " or ".join(_NAMES.get(word.strip(), word.strip()) for word in words[1].split("|"))
        got = _NAMES.get(words[3], words[3]) if len(words) > 3 else "something else"
        if not where:
            return BadRequest(f"The body has to be {expected}, not {got}.", code="wrong_type")
        return BadRequest(f"{where} has to be {expected}, not {got}.", param=where, code="wrong_type")
    return BadRequest(f"{where or 'The body'}: {text}.", param=where or None)


# ---- answers


class _PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None


class _Answer(Struct):
    usage: _Usage | None = None
    error: Raw | UnsetType = UNSET
    choices: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_EMPTY = (b"", b"null", b"[]", b'""', b"{}")


def usage_of(raw: _Usage | None) -> Usage | None:
    if raw is None or raw.prompt_tokens is None or raw.completion_tokens is None:
        return None
    if raw.prompt_tokens < 0 or raw.completion_tokens < 0:
        return None
    cached, written = raw.prompt_cache_hit_tokens or raw.cached_tokens or 0, 0
    if raw.prompt_tokens_details is not None:
        cached = raw.prompt_tokens_details.cached_tokens or cached
        written = raw.prompt_tokens_details.cache_write_tokens or 0
    reasoning = 0
    if raw.completion_tokens_details is not None:
        reasoning = raw.completion_tokens_details.reasoning_tokens or 0
    cached = min(max(cached, 0), raw.prompt_tokens)
    return Usage(
        raw.prompt_tokens,
        raw.completion_tokens,
        cached,
        min(max(written, 0), raw.prompt_tokens - cached),
        0,
        min(max(reasoning, 0), raw.completion_tokens),
    )


def read_answer(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer). The second is empty for a proper one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, "the provider's answer is not the JSON it should be"
    if answer.error is not UNSET and bytes(answer.error) not in _EMPTY:
        return None, "the provider sent an error with status 200"
    if answer.choices is UNSET or bytes(answer.choices) in _EMPTY:
        return usage_of(answer.usage), "the provider's answer holds no choices"
    return usage_of(answer.usage), ""


class _Delta(Struct):
    content: Raw | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    reasoning: Raw | UnsetType = UNSET
    refusal: Raw | UnsetType = UNSET
    tool_calls: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Raw | UnsetType = UNSET


_CHUNK = msgspec.json.Decoder(_Chunk)
_USAGE_NULL = (b',"usage":null', b', "usage": null', b',"usage": null')
TAIL = 16384


class StreamReader:
    """Reads a stream while it passes: holds it back until there is content, then lets it through untouched,
    keeping only the tail, where usage, the end mark and late errors stand.

    With `strip` the client did not ask for usage but the provider was asked: then whole events are looked at,
    the usage chunk is taken out and so are the `usage: null`s.
    """

    __slots__ = ("_held", "_splitter", "_tail", "_tail_size", "committed", "done", "error", "events", "strip", "usage")

    def __init__(self, strip: bool) -> None:
        self.strip = strip
        self.committed = False
        self.done = False
        self.error = ""
        self.usage: Usage | None = None
        self.events = 0
        """Events passed on: about the tokens delivered, for the estimate when usage never comes."""
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._tail: list[bytes] = []
        self._tail_size = 0

    def feed(self, piece: bytes) -> bytes:
        """What may go on to the client now; empty while held back."""
        if self.committed and not self.strip:
            self._keep(piece)
            self.events += piece.count(b"data:")
            return piece
        out = []
        for event in self._splitter.feed(piece):
            passed = self._event(event)
            if passed:
                out.append(passed)
        if self.committed and not self.strip:
            # From here on pieces pass unsplit; what was cut off behind the last whole event goes first.
            out.append(self._splitter.rest)
            self._keep(self._splitter.rest)
            self._splitter.rest = b""
        return b"".join(out)

    def _event(self, event: bytes) -> bytes:
        self._read(event)
        if self.strip and b'"usage"' in event:
            event = _without_usage(event)
        if not self.committed:
            self._held.append(event)
            return b""
        self.events += 1
        if self._held:
            event = b"".join(self._held) + event
            self._held.clear()
        return event

    def _read(self, event: bytes) -> None:
        """Look into one event for content, usage, an error, the end."""
        data = sse.data(event)
        if data is None:
            return
        if data.strip() == b"[DONE]":
            self.done = True
            return
        if self.committed and b'"usage"' not in data and b'"error"' not in data and b'"finish_reason"' not in data:
            return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        if chunk.error is not UNSET and bytes(chunk.error) not in _EMPTY:
            self.error = "the provider reported an error in the stream"
            return
        if chunk.usage is not None:
            self.usage = usage_of(chunk.usage) or self.usage
        for choice in chunk.choices or ():
            if choice.finish_reason is not None:
                self.done = self.committed = True
            elif choice.delta is not None and not self.committed and _has_content(choice.delta):
                self.committed = True

    def _keep(self, piece: bytes) -> None:
        self._tail.append(piece)
        self._tail_size += len(piece)
        while self._tail_size - len(self._tail[0]) > TAIL:
            self._tail_size -= len(self._tail.pop(0))

    def end(self) -> bytes:
        """The stream is over: reads the tail, and gives up what is still held back."""
        if self._tail:
            self.committed = True
            for event in _events(b"".join(self._tail)):
                self._read(event)
            self._tail.clear()
        rest = self._splitter.rest
        if rest:
            self._splitter.rest = b""
            return self._event(rest)
        return b""


def _events(tail: bytes) -> list[bytes]:
    """Whole events at the end of a stream; the first may be torn at its front and is then left out."""
    splitter = sse.Splitter()
    events = splitter.feed(tail)
    if splitter.rest:
        events.append(splitter.rest)
    return events[1:] if events and not events[0].lstrip().startswith((b"data:", b":", b"event:")) else events


def _has_content(delta: _Delta) -> bool:
    for value in (
        delta.content,
        delta.reasoning_content,
        delta.tool_calls,
        delta.reasoning,
        delta.refusal,
        delta.audio,
        delta.function_call,
    ):
        if value is not UNSET and bytes(value) not in _EMPTY:
            return True
    return False


def _without_usage(event: bytes) -> bytes:
    """The event as the client would have got it without asking for usage; empty for the usage chunk itself."""
    for spelling in _USAGE_NULL:
        if spelling in event:
            return event.replace(spelling, b"", 1)
    data = sse.data(event)
    if data is None:
        return event
    try:
        chunk = _CHUNK.decode(data)
        if chunk.usage is not None and not chunk.choices:
            return b""
        return b"data: " + json.without(data, "usage") + b"\n\n"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RequestError):
        return event


# ---- errors


def error_body(error: RequestError, request_id: str) -> bytes:
    return orjson.dumps(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": error.param,
                "code": error.code,
                "request_id": request_id,
            }
        }
    )


def error_event(error: RequestError, request_id: str) -> bytes:
    """An error after the stream has begun. No `[DONE]` follows: the answer is not whole and must not look so."""
    return b"data: " + error_body(error, request_id) + b"\n\n"
