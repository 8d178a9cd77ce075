"""Anthropic's Messages: what we read of a request and of its answers. Everything else passes by untouched.

Only fields that fairlead acts on are typed here; a field unknown today reaches the provider as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import json, neutral, signatures
from fairlead.dialects.anthropic_messages.metadata import user_of
from fairlead.dialects.anthropic_messages.usage import raw_usage, usage_of
from fairlead.dialects.body import decode
from fairlead.dialects.citations import NO_INDEX
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.uncounted import MESSAGES, rest
from fairlead.dialects.weighing import unreadable
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, RequestError

DIALECT = "anthropic_messages"
CONTENT_TYPE = b"application/json"
NAME_LIMIT = 256
MOST_OUTPUT = 2**31 - 1
MOST_MODELS = 1000
UNSPOKEN = "x-anthropic-billing-header:"
"""What begins a line that a client puts in front for its own maker only. It differs from call to call, so that behind
it no cache would ever be hit."""


# ---- requests


class Part(Struct):
    type: str
    text: str | UnsetType | None = UNSET
    content: Raw | UnsetType = UNSET
    input: Raw | UnsetType = UNSET


class Message(Struct):
    role: str
    content: str | list[Part]


class Thinking(Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class OutputConfig(Struct):
    effort: str | None = None
    format: Raw | UnsetType = UNSET


class Request(Struct):
    model: str
    messages: list[Message]
    max_tokens: int | None = None
    system: str | list[Part] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw | UnsetType = UNSET
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    fairlead: Options | None = None


_REQUEST = msgspec.json.Decoder(Request)
_CONTENT = msgspec.json.Decoder(str | list[Part] | None)
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))


class MessagesView:
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
        return user_of(self.request.metadata)

    def texts(self) -> Iterator[tuple[str, str]]:
        request = self.request
        for role, content in (("system", request.system), *((turn.role, turn.content) for turn in request.messages)):
            for part, inside in _parts(content):
                if isinstance(part.text, str) and not (role == "system" and part.text.startswith(UNSPOKEN)):
                    yield ("tool" if inside else role), part.text

    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = _shape(self.request, self.body)
        return self._shape

    @property
    def max_output(self) -> int | None:
        return self.request.max_tokens

    def neutral(self) -> neutral.Request:
        if self._neutral is None:
            from fairlead.dialects.anthropic_messages.request import read

            self._neutral = read(self)
        return self._neutral


def _parts(content: str | list[Part] | None, inside: bool = False) -> Iterator[tuple[Part, bool]]:
    """Every part, and whether it stands inside of a tool's result."""
    if isinstance(content, str):
        yield Part("text", content), inside
    elif content is not None:
        for part in content:
            yield part, inside
            if part.type == "tool_result" and isinstance(part.content, Raw):
                try:
                    inner = _CONTENT.decode(part.content)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    yield Part("other", input=part.content), True
                else:
                    yield from _parts(inner, True)


def _shape(request: Request, body: bytes) -> Shape:
    chars = utf8 = images = documents = declared = 0
    for content in (request.system, *(message.content for message in request.messages)):
        for part, _ in _parts(content):
            if isinstance(part.text, str):
                chars += len(part.text)
                utf8 += len(part.text) if part.text.isascii() else len(part.text.encode("utf-8", "surrogatepass"))
            elif part.type == "image":
                images += 1
            elif part.type == "document":
                documents += 1
            if isinstance(part.input, Raw):
                declared += len(part.input)
    for tool in request.tools or ():
        declared += len(tool)
    form = structured(request)
    if form is not None:
        declared += len(form)
    return Shape(
        chars=chars,
        utf8=utf8,
        turns=len(request.messages) + (request.system is not None),
        images=images,
        documents=documents,
        tools=len(request.tools or ()),
        tool_bytes=declared,
        json_schema=form is not None,
        reasoning=_effort(request),
        max_output=request.max_tokens,
        rest=rest(body, utf8 + declared, len(request.messages), MESSAGES),
    )


def _effort(request: Request) -> str | None:
    """The reasoning asked for in one word; what a budget comes to is left to those who know the model."""
    config, thinking = request.output_config, request.thinking
    if thinking is not None and thinking.type == "disabled":
        return "none"
    if config is not None and config.effort:
        return config.effort
    return None if thinking is None else "medium"


def structured(request: Request) -> Raw | None:
    """The form of the answer: where it stands today, or where it stood first."""
    config = request.output_config
    for form in (config.format if config is not None else UNSET, request.output_format):
        if isinstance(form, Raw) and bytes(form) not in EMPTY:
            return form
    return None


def read_request(body: bytes, model: str = "", stream: bool = False) -> MessagesView:
    """Decode and check; every complaint names the field and what it should be."""
    view = read_count(body, model)
    limit = view.request.max_tokens
    if limit is None:
        raise BadRequest("max_tokens is missing.", param="max_tokens", code="missing_field")
    if not 0 <= limit <= MOST_OUTPUT:
        raise BadRequest(f"max_tokens is {limit}; it has to be from 0 to {MOST_OUTPUT}.", param="max_tokens")
    return view


def read_count(body: bytes, model: str = "") -> MessagesView:
    """A request to count tokens: the same, but nothing is answered, so that `max_tokens` may be left out."""
    request = decode(body, _REQUEST, FIELDS)
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    if not request.messages:
        raise BadRequest("messages is empty; send at least one message.", param="messages")
    if len(request.model) > NAME_LIMIT:
        raise BadRequest(f"model is longer than {NAME_LIMIT} characters; no model has such a name.", param="model")
    return MessagesView(request, body)


# ---- thoughts of other makers


class _Thought(Struct):
    type: str = ""
    signature: str | None = None
    data: str | None = None


class _Turns(Struct):
    messages: list[dict[str, Raw]]


_THOUGHTS = msgspec.json.Decoder(list[Raw])
_THOUGHT = msgspec.json.Decoder(_Thought)
_TURNS = msgspec.json.Decoder(_Turns)


def own(body: bytes) -> bytes:
    """The body as Anthropic may see it: without the thoughts of other makers that this client was shown. Untouched
    where there are none."""
    if signatures.MARK.encode() not in body:
        return body
    turns = _TURNS.decode(body).messages
    changed = False
    kept_turns = []
    for turn in turns:
        content = bytes(turn.get("content", b""))
        if signatures.MARK.encode() in content and content.startswith(b"["):
            blocks = _THOUGHTS.decode(content)
            kept = [_uncited(block) for block in blocks if not _foreign(block)]
            if kept != blocks:
                changed = True
                turn["content"] = Raw(msgspec.json.encode(kept))
                if not kept:
                    continue
        kept_turns.append(turn)
    return json.splice(body, {"messages": msgspec.json.encode(kept_turns)}) if changed else body


def _uncited(block: Raw) -> Raw:
    """The block without sources that Anthropic did not find."""
    if b'"encrypted_index"' not in bytes(block) or NO_INDEX.encode() not in bytes(block):
        return block
    return Raw(json.without(bytes(block), "citations"))


def _foreign(block: Raw) -> bool:
    try:
        thought = _THOUGHT.decode(block)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if thought.type not in ("thinking", "redacted_thinking"):
        return False
    return signatures.unpack(thought.signature or thought.data or "")[0] not in ("", DIALECT)


# ---- answers


class _Answer(Struct):
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    content: Raw | UnsetType = UNSET
    stop_reason: str | None = None
    container: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)


def account(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer). The second is empty for a proper one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unreadable(body)
    usage = usage_of(raw_usage(answer.usage), given(answer.container))
    if given(answer.error):
        return usage or Usage(), "the provider sent an error with status 200"
    if answer.content is UNSET or (bytes(answer.content) in EMPTY and not answer.stop_reason):
        return usage, "the provider's answer holds no content"
    return usage, ""


# ---- errors

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OVERFLOW = "context_length_exceeded"
_NUMBER = re.compile(r"[0-9][0-9,_]*")
_REQUESTED = re.compile(
    r"(?:requested|resulted in|contains?|input of|is too long:|got|length of)[^0-9]{0,40}([0-9][0-9,_]*)"
)
_MAXIMUM = re.compile(r"(?:maximum|limit|at most|up to|>)[^0-9]{0,60}([0-9][0-9,_]*)")


def _told(error: RequestError) -> str:
    """Clients know a prompt that is too long by how Anthropic says it, and shorten it on their own."""
    message = error.message
    if error.code != OVERFLOW or message.startswith("prompt is too long"):
        return message
    asked, most = _REQUESTED.search(message), _MAXIMUM.search(message)
    if asked is not None and most is not None:
        tokens, limit = (_count(found.group(1)) for found in (asked, most))
    else:
        figures = sorted(count for number in _NUMBER.findall(message) if (count := _count(number)) >= 512)
        if len(figures) < 2:
            return f"prompt is too long: {message}"
        limit, tokens = figures[0], figures[-1]
    return f"prompt is too long: {max(tokens, limit + 1)} tokens > {limit} maximum"


def _count(number: str) -> int:
    return int(number.replace(",", "").replace("_", "")[:15])


def error_body(error: RequestError, request_id: str) -> bytes:
    kind = _TYPES.get(error.status) or ("invalid_request_error" if error.status < 500 else "api_error")
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": _told(error)}, "request_id": request_id})


def error_event(error: RequestError, request_id: str) -> bytes:
    """An error after the stream has begun. No `message_stop` follows: the answer is not whole and must not look so."""
    return b"event: error\ndata: " + error_body(error, request_id) + b"\n\n"


# ---- counts and lists


def write_count(tokens: int) -> bytes:
    return b'{"input_tokens":%d}' % tokens


def models_page(ids: Sequence[str], limit: int = 20, after_id: str = "", before_id: str = "") -> bytes:
    """One page of the list of models; an id that is not there leaves the list as it is."""
    names = list(ids)
    limit = min(max(limit, 1), MOST_MODELS)
    more = False
    if before_id and before_id in names:
        names = names[: names.index(before_id)]
        more, names = len(names) > limit, names[-limit:]
    else:
        if after_id and after_id in names:
            names = names[names.index(after_id) + 1 :]
        more, names = len(names) > limit, names[:limit]
    data = [
        {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
            "capabilities": None,
            "deprecated_at": None,
            "line": None,
            "max_input_tokens": None,
            "max_tokens": None,
            "retires_at": None,
        }
        for name in names
    ]
    return orjson.dumps(
        {
            "data": data,
            "has_more": more,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }
    )
