"""OpenAI's old text completions: passed to providers that still take them, else asked as a chat of one turn."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import neutral, sse
from fairlead.dialects.body import decode
from fairlead.dialects.dialect import Asked, Dialect, Target, View
from fairlead.dialects.json import given
from fairlead.dialects.openai_chat import native as chat
from fairlead.dialects.openai_chat.usage import read_usage
from fairlead.dialects.passing import Passing
from fairlead.dialects.translate import Losses
from fairlead.dialects.uncounted import COMPLETIONS, TOKENS, rest
from fairlead.dialects.weighing import unescaped
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest

NAME = "completions"
USUAL_LIMIT = 16
"""Tokens this API answers with when no limit is given."""
PER_TOKEN = 4
"""Characters that a token of a prompt counts as where the prompt comes as tokens."""
CHATLESS = ("suffix", "echo", "logprobs", "best_of")
"""What no chat can be asked for."""
STOPS: dict[neutral.Stop, str] = {"length": "length", "context": "length", "content_filter": "content_filter"}
ENDS: dict[str, neutral.Stop] = {"length": "length", "content_filter": "content_filter"}


class StreamOptions(Struct):
    include_usage: bool | None = None


class Request(Struct):
    model: str
    prompt: str | list[str | int | list[int]] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    suffix: str | None = None
    echo: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    user: str | None = None
    fairlead: Options | None = None


class _Choice(Struct):
    text: Raw | UnsetType = UNSET
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(Request)
_CHUNK = msgspec.json.Decoder(_Chunk)
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))


class CompletionView:
    __slots__ = ("body", "request")
    predicted = 0

    def __init__(self, request: Request, body: bytes) -> None:
        self.request = request
        self.body = body

    @property
    def model(self) -> str:
        return self.request.model

    @property
    def stream(self) -> bool:
        return bool(self.request.stream)

    @property
    def answers(self) -> int:
        """All that are made, also those that are thrown away."""
        return max(self.request.n or 1, self.request.best_of or 1) * self.prompts

    @property
    def prompts(self) -> int:
        prompt = self.request.prompt
        if not isinstance(prompt, list):
            return 1
        return max(sum(not isinstance(one, int) for one in prompt), 1)

    @property
    def options(self) -> Options | None:
        return self.request.fairlead

    @property
    def user(self) -> str:
        return self.request.user or ""

    def texts(self) -> Iterator[tuple[str, str]]:
        prompt = self.request.prompt
        for text in [prompt] if isinstance(prompt, str) else prompt or ():
            if isinstance(text, str):
                yield "user", text

    def shape(self) -> Shape:
        texts = [text for _, text in self.texts()]
        of_tokens = sum(self.tokens()) * PER_TOKEN
        utf8 = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + of_tokens
        chars = sum(map(len, texts)) + of_tokens
        besides = rest(self.body, 0, 1, TOKENS) if of_tokens else rest(self.body, utf8, 1, COMPLETIONS)
        return Shape(chars, utf8, 1, rest=besides, max_output=self.max_output, answers=self.answers)

    def tokens(self) -> Iterator[int]:
        """How many each part has that comes as tokens."""
        prompt = self.request.prompt
        for part in prompt if isinstance(prompt, list) else ():
            if not isinstance(part, str):
                yield 1 if isinstance(part, int) else len(part)

    @property
    def max_output(self) -> int | None:
        return self.request.max_tokens or USUAL_LIMIT

    def neutral(self) -> neutral.Request:
        request = self.request
        prompt = request.prompt
        if isinstance(prompt, list):
            if len(prompt) != 1 or not isinstance(prompt[0], str):
                raise BadRequest("Only one text can be asked of this model at a time.", param="prompt")
            prompt = prompt[0]
        stop = (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())
        return neutral.Request(
            model=request.model,
            turns=(neutral.Turn("user", (neutral.Text(prompt or ""),)),),
            max_output=self.max_output,
            temperature=request.temperature,
            top_p=request.top_p,
            stop=stop,
            seed=request.seed,
            answers=self.request.n or 1,
            presence_penalty=request.presence_penalty,
            frequency_penalty=request.frequency_penalty,
            user=request.user or "",
            stream=self.stream,
            others={name: b"" for name in CHATLESS if getattr(request, name) is not None},
        )


def read_request(body: bytes, model: str, stream: bool) -> CompletionView:
    request = decode(body, _REQUEST, FIELDS)
    if not request.model:
        raise BadRequest("model is empty; name a model, or 'auto'.", param="model")
    for field, value in (("max_tokens", request.max_tokens), ("n", request.n), ("best_of", request.best_of)):
        if value is not None and not 0 <= value <= chat.MOST_OUTPUT:
            raise BadRequest(f"{field} is {value}; it cannot be negative.", param=field)
    return CompletionView(request, body)


class CompletionReader(Passing):
    __slots__ = ()

    def ends(self, block: bytes) -> bool:
        return sse.has_mark(block)

    def look(self, event: bytes) -> None:
        data = sse.data(event)
        if data is None or not data.strip():
            return
        if data.strip() == b"[DONE]":
            self.done = True
            return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        self.usage = read_usage(chunk.usage) or self.usage
        if given(chunk.error):
            self.error = "the provider reported an error in the stream"
            return
        for choice in chunk.choices or ():
            if given(choice.text):
                self.committed = True
                self.said += unescaped(bytes(choice.text)) - 2
                self.seen += 1
            if choice.finish_reason is not None:
                self.committed = self.done = True

    def weigh(self, event: bytes) -> int:
        try:
            chunk = _CHUNK.decode(sse.data(event) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        return sum(unescaped(bytes(choice.text)) - 2 for choice in chunk.choices or () if given(choice.text))


def passing(view: View, strip: bool) -> CompletionReader:
    return CompletionReader()


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    text = "".join(block.text for block in answer.blocks if isinstance(block, neutral.Text))
    whole = _frame(asked, [{"index": 0, "text": text, "logprobs": None, "finish_reason": _stop(answer.stop)}])
    if answer.usage is not None:
        whole["usage"] = _usage(answer.usage)
    return orjson.dumps(whole)


class CompletionWriter:
    """Streams as this API has them."""

    untold = frozenset({"answer_logprobs", "citations"})

    def __init__(self, asked: Asked) -> None:
        frame = orjson.dumps(_frame(asked, []))
        self._front = b"data: " + frame[: frame.index(b'"choices":[') + 11] + b'{"index":0,"text":'
        self._asked = asked
        self._usage: Usage | None = None
        view = asked.view
        options = view.request.stream_options if isinstance(view, CompletionView) else None
        self._tells_usage = options is not None and bool(options.include_usage)

    def write(self, event: neutral.Event) -> bytes:
        if isinstance(event, neutral.Delta):
            if event.kind != "text":
                return b""
            return self._front + event.data + b',"logprobs":null,"finish_reason":null}]}\n\n'
        if isinstance(event, neutral.Run):
            return b"".join([self.write(one) for one in event.deltas()])
        if isinstance(event, neutral.Finish):
            return self._front + b'"","logprobs":null,"finish_reason":"%b"}]}\n\n' % _stop(event.stop).encode()
        if isinstance(event, neutral.Used):
            self._usage = event.usage
        elif isinstance(event, neutral.End):
            last = b""
            if self._tells_usage and self._usage is not None:
                frame = _frame(self._asked, [])
                frame["usage"] = _usage(self._usage)
                last = b"data: " + orjson.dumps(frame) + b"\n\n"
            return last + b"data: [DONE]\n\n"
        return b""


def _frame(asked: Asked, choices: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": f"cmpl-{asked.request_id}",
        "object": "text_completion",
        "created": asked.created,
        "model": asked.model,
        "choices": choices,
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }


def _stop(stop: neutral.Stop) -> str:
    return STOPS.get(stop, "stop")


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    raise BadRequest("No chat can be asked of a provider of text completions only.", code="not_translatable")


def read_answer(body: bytes) -> neutral.Answer:
    """What all that it gives to choose from comes to: how it ended, and whether it says anything."""
    choices = _chunk(body).choices or []
    texts = [choice.text for choice in choices if given(choice.text)]
    blocks = tuple(neutral.Text(str(orjson.loads(bytes(text)))) for text in texts)
    return neutral.Answer(id="", model="", blocks=blocks, stop=_stopped(choices[0]) if choices else "end")


class CompletionInterpreter:
    """Of a stream only how it ends."""

    unread: tuple[str, ...] = ()

    def read(self, event: bytes) -> list[neutral.Event]:
        data = (sse.data(event) or b"").strip()
        if not data or data == b"[DONE]":
            return []
        return [neutral.Finish(_stopped(one)) for one in _chunk(data).choices or () if one.finish_reason is not None]

    def run(self, block: bytes, at: int) -> tuple[None, int]:
        return None, at

    def end(self) -> list[neutral.Event]:
        return []


def _chunk(data: bytes) -> _Chunk:
    try:
        return _CHUNK.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("this is no text completion") from None


def _stopped(choice: _Choice) -> neutral.Stop:
    return ENDS.get(choice.finish_reason or "", "end")


DIALECT = Dialect(
    NAME,
    read_request,
    write_request,
    read_answer,
    write_answer,
    CompletionInterpreter,
    CompletionWriter,
    passing,
    chat.account,
    chat.error_body,
    chat.error_event,
)
