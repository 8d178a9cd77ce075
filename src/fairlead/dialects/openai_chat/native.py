"""OpenAI Chat Completions: what we read of a request and of its answers. Everything else passes by untouched.

Only fields that fairlead acts on are typed here, and those of whose types all providers are of one mind; a field unknown
today reaches the provider as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec
import orjson
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import astuple

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import hosted, neutral
from fairlead.dialects.body import decode_familiar
from fairlead.dialects.json import EMPTY, bare_colons, given, may_escape_colons
from fairlead.dialects.openai_chat.asking import read
from fairlead.dialects.openai_chat.usage import RawUsage, Reported, plausible, read_usage
from fairlead.dialects.uncounted import CHAT, rest
from fairlead.dialects.weighing import unreadable
from fairlead.dialects.wishes import Options, Preferences
from fairlead.errors import BadRequest, RequestError

DIALECT = "openai_chat"
CONTENT_TYPE = b"application/json"
NAME_LIMIT = 256
MOST_OUTPUT = 2**31 - 1
MOST_ANSWERS = 1024
SHORT = 4096
"""Bytes of a body up to which it is worth a try whether it is as nearly all are."""


# ---- requests


class Part(Struct, gc=False):
    type: str
    text: str | UnsetType | None = UNSET


class Message(Struct, gc=False):
    role: str
    content: str | list[Part] | None = None
    tool_calls: Raw | UnsetType = UNSET


class StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: Raw | UnsetType = UNSET


class Something(Struct):
    """An object, whatever it holds."""


class Settings(Struct, gc=False):
    """What any request may say, words alone or not."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    logprobs: bool | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    # Not acted on: what no provider takes leads to none.
    parallel_tool_calls: bool | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class Request(Settings):
    tools: list[Raw] | None = None
    response_format: ResponseFormat | None = None
    fairlead: Options | None = None
    models: Raw | UnsetType = UNSET
    provider: Raw | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    # Not acted on either.
    tool_choice: str | Something | None = None
    top_logprobs: int | None = None


class _Words(Message, forbid_unknown_fields=True, gc=False):
    content: str
    tool_calls: UnsetType = UNSET


_Limit = Annotated[int, Meta(ge=0, le=MOST_OUTPUT)] | None


class UsualRequest(Settings, forbid_unknown_fields=True, gc=False):
    """What nearly every request is, words and settings. All that is in it is read, and in its bounds."""

    model: Annotated[str, Meta(min_length=1, max_length=NAME_LIMIT)]
    messages: Annotated[list[_Words], Meta(min_length=1)]  # type: ignore[assignment]  # nobody adds others
    max_tokens: _Limit = None
    max_completion_tokens: _Limit = None
    n: Annotated[int, Meta(ge=1, le=MOST_ANSWERS)] | None = None
    # What would make it another.
    tools: ClassVar[None] = None
    response_format: ClassVar[None] = None
    prediction: ClassVar[UnsetType] = UNSET
    models: ClassVar[UnsetType] = UNSET
    provider: ClassVar[UnsetType] = UNSET

    def is_all(self, body: bytes) -> bool:
        """Whether the body this was read of says each of these things once, and nothing beside, so that `json.check` has
        nothing to find. Behind every name stands a colon, and a decoder that drops something drops one: where there are no
        more than names that were read, it dropped nothing; nor where there are as many more as in the texts, and none of
        those can have been an escape."""
        given, options = astuple(self), self.stream_options
        names = len(given) - given.count(None) + 2 * len(self.messages)
        if options is not None and options.include_usage is not None:
            names += 1
        colons = bare_colons(body)
        if colons == names:
            return True
        in_texts = self.model.count(":") + sum(message.content.count(":") for message in self.messages)
        return colons == names + in_texts and not may_escape_colons(body)


_REQUEST = msgspec.json.Decoder(Request)
_USUAL_REQUEST = msgspec.json.Decoder(UsualRequest)
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))


_NAMES = msgspec.json.Decoder(list[str])
_PREFERENCES = msgspec.json.Decoder(Preferences)
T = TypeVar("T")


def _lenient(raw: Raw | UnsetType, decoder: msgspec.json.Decoder[T]) -> T | None:
    if not isinstance(raw, Raw):
        return None
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return None


class ChatView(Struct, eq=False, gc=False):
    """The decoded request with what can be read off it, worked out on first use."""

    request: Request | UsualRequest
    body: bytes
    model: str
    stream: bool
    answers: int
    max_output: int | None
    options: Options | None
    prefers: bool
    """Whether the caller speaks to a router: `models` or `provider` is there."""
    plain: bool
    """Whether nothing stands on top but fields that are known here, and no tools: it asks for nothing beside tokens."""
    predicted: int
    wordy: bool = False
    """Whether it is messages of words, and settings that are known here."""
    _shape: Shape | None = None
    _neutral: neutral.Request | None = None

    @property
    def user(self) -> str:
        return self.request.user or ""

    def fallbacks(self) -> list[str] | None:
        """`models`, as OpenRouter's callers list them; None where something else stands there."""
        return _lenient(self.request.models, _NAMES)

    def preferences(self) -> Preferences | None:
        """`provider`, likewise."""
        return _lenient(self.request.provider, _PREFERENCES)

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
            self._shape = _shape(self.request, self.body)
        return self._shape

    def neutral(self) -> neutral.Request:
        if self._neutral is None:
            self._neutral = read(self)
        return self._neutral


def _length(raw: Raw | UnsetType) -> int:
    return len(raw) if given(raw) else 0


def _shape(request: Request | UsualRequest, body: bytes) -> Shape:
    chars = utf8 = images = audio = documents = declared = 0
    turns = request.messages
    for message in turns:
        content = message.content
        if isinstance(content, str):
            size = len(content)
            chars += size
            utf8 += size if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
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
        if message.tool_calls is not UNSET:
            declared += len(message.tool_calls)
    tools, form = request.tools or (), request.response_format
    if tools:
        declared += sum(map(len, tools))
    if form is not None and form.json_schema is not UNSET:
        declared += len(form.json_schema)
    wanted, limit = None if form is None else form.type, request.max_completion_tokens
    most = request.max_tokens if limit is None else limit
    # By their places: names would take longer than all that stands above.
    return Shape(
        chars, utf8, len(turns), images, audio, documents, len(tools), declared, wanted == "json_schema", wanted == "json_object",
        request.logprobs is True, request.reasoning_effort, most, request.n or 1, None,
        rest(body, utf8 + declared, len(turns), CHAT), 0 if request.prediction is UNSET else _length(request.prediction),
    )  # fmt: skip


def read_request(body: bytes, model: str = "", stream: bool = False) -> ChatView:
    """Decode and check; every complaint names the field and what it should be."""
    if len(body) <= SHORT:
        usual = _usual_request(body)
        if usual is not None:
            return usual
    request, familiar = decode_familiar(body, _REQUEST, FIELDS)
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    if not request.messages:
        raise BadRequest("messages is empty; send at least one message.", param="messages")
    if len(request.model) > NAME_LIMIT:
        raise BadRequest(f"model is longer than {NAME_LIMIT} characters; no model has such a name.", param="model")
    # Zero tokens mean no limit to some providers and are refused by others: theirs to say.
    most, completion, answers = request.max_tokens, request.max_completion_tokens, request.n
    if most is not None and not 0 <= most <= MOST_OUTPUT:
        raise _outside("max_tokens", most, 0, MOST_OUTPUT)
    if completion is not None and not 0 <= completion <= MOST_OUTPUT:
        raise _outside("max_completion_tokens", completion, 0, MOST_OUTPUT)
    if answers is not None and not 1 <= answers <= MOST_ANSWERS:
        raise _outside("n", answers, 1, MOST_ANSWERS)
    prefers = request.models is not UNSET or request.provider is not UNSET
    return ChatView(
        request, body, request.model, request.stream is True, answers or 1, _limit(request), request.fairlead, prefers,
        familiar and request.tools is None, 0 if request.prediction is UNSET else _length(request.prediction),
    )  # fmt: skip


def _usual_request(body: bytes) -> ChatView | None:
    """None for every other, which has to be looked at more closely."""
    try:
        request = _USUAL_REQUEST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not request.is_all(body):
        return None
    return ChatView(
        request, body, request.model, request.stream is True, request.n or 1, _limit(request), None, False, True, 0, True,
    )  # fmt: skip


def _limit(request: Settings) -> int | None:
    most, completion = request.max_tokens, request.max_completion_tokens
    if completion is None:
        return most
    if most is None:
        return completion
    # Some read one and some the other; and a limit of nothing may be none.
    return max(most, completion) if most and completion else 0


def _outside(field: str, value: int, least: int, most: int) -> BadRequest:
    return BadRequest(f"{field} is {value}; it has to be from {least} to {most}.", param=field)


# ---- answers


class _Answer(Reported):
    choices: Raw | UnsetType = UNSET


class _Said(Struct, gc=False):
    content: str | None = None
    tool_calls: list[Raw] | None = None
    refusal: None = None
    audio: None = None


class _Ended(Struct, gc=False):
    message: _Said
    finish_reason: Literal["stop", "tool_calls", "length"]


class _UsualAnswer(Struct, gc=False):
    """What nearly every answer is, read in one go."""

    choices: Annotated[list[_Ended], Meta(min_length=1)]
    usage: RawUsage
    error: None = None
    x_groq: None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_USUAL_ANSWER = msgspec.json.Decoder(_UsualAnswer)


def usual(body: bytes) -> Usage | None:
    """Of an answer that is as nearly all are: it says something, or calls tools, to its proper end, and its usage is told. It
    gives nothing that its provider goes on owning. None for every other, which has to be looked at more closely."""
    try:
        answer = _USUAL_ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for choice in answer.choices:
        said = choice.message
        if choice.finish_reason == "length" if said.tool_calls else not said.content or said.content.isspace():
            return None
    usage = plausible(answer.usage)
    return usage if usage is not None and usage.output else None


def account(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer). The second is empty for a proper one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unreadable(body)
    usage = read_usage(answer.usage)
    if given(answer.error):
        return usage or Usage(), "the provider sent an error with status 200"
    if answer.choices is UNSET or bytes(answer.choices) in EMPTY:
        return usage, "the provider's answer holds no choices"
    if answer.x_groq is not UNSET and usage is not None:
        usage = hosted.with_calls(usage, hosted.of_choices(answer.choices))
    return usage, ""


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
