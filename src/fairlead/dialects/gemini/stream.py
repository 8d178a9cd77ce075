"""Streamed answers of Gemini, read into neutral events and written from them.

Gemini marks neither blocks nor the end: a block lasts while parts of its kind follow each other, and the finish reason
stands in the last chunk. Calls come whole. The signature of a text is told behind the text.
"""

from __future__ import annotations

import zlib

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import citations, hosted, neutral, signatures, sse
from fairlead.dialects.dialect import Asked
from fairlead.dialects.gemini import grounding, parts
from fairlead.dialects.gemini.answer import REASONS, call_id, stop_of, write_usage
from fairlead.dialects.gemini.native import Feedback, GeminiView, read_usage
from fairlead.dialects.gemini.partial import Gathered, Piece
from fairlead.dialects.gemini.parts import DIALECT
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.neutral import Begin, Broken, Cite, Close, Delta, End, Event, Finish, Kind, Open, Run, Sign, Used


class _Call(Struct):
    name: str = ""
    id: str | None = None
    args: Raw | UnsetType = UNSET
    partialArgs: list[Piece] | None = None
    willContinue: bool | None = None


class _Part(Struct):
    text: Raw | UnsetType = UNSET
    thought: bool | None = None
    thoughtSignature: str | None = None
    functionCall: _Call | None = None
    inlineData: Raw | UnsetType = UNSET
    fileData: Raw | UnsetType = UNSET
    executableCode: Raw | UnsetType = UNSET
    codeExecutionResult: Raw | UnsetType = UNSET


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct):
    content: _Content | None = None
    finishReason: str | None = None
    finishMessage: str | None = None
    index: int | None = None
    groundingMetadata: Raw | UnsetType = UNSET
    citationMetadata: Raw | UnsetType = UNSET
    urlContextMetadata: Raw | UnsetType = UNSET
    logprobsResult: Raw | UnsetType = UNSET


class _Error(Struct):
    message: str | None = None
    status: str | None = None
    code: int | str | None = None


class _Chunk(Struct):
    candidates: list[_Candidate] | None = None
    usageMetadata: Raw | UnsetType = UNSET
    promptFeedback: Feedback | None = None
    error: _Error | None = None


class _First(_Chunk):
    responseId: str | None = None
    modelVersion: str | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_FIRST = msgspec.json.Decoder(_First)
_CHUNKS = msgspec.json.Decoder(list[_First])


class _Pending(Struct):
    """A call whose arguments come in pieces."""

    name: str
    id: str | None
    signature: str | None
    gathered: Gathered


class Interpreter:
    __slots__ = (
        "_calls",
        "_finished",
        "_grounding",
        "_id",
        "_index",
        "_kind",
        "_pending",
        "_said",
        "_signature",
        "_sources",
        "_spoken",
        "_usage",
        "_words",
        "unread",
    )

    def __init__(self) -> None:
        self.unread: dict[str, None] = {}
        self._id: str | None = None
        self._index = -1
        self._kind: Kind | None = None
        """Of the block that is open: text, thinking or none."""
        self._calls = 0
        self._said = False
        self._finished = False
        self._signature = ""
        """Of the text that is open: it is told behind it."""
        self._pending: _Pending | None = None
        self._spoken = citations.Spoken()
        self._words: list[bytes] = []
        """Of the text that is open."""
        self._grounding: Raw | UnsetType = UNSET
        self._sources: Raw | UnsetType = UNSET
        self._usage: Raw | UnsetType = UNSET

    def read(self, event: bytes) -> list[Event]:
        out: list[Event] = []
        if event.startswith(b"data: {") and event.endswith(b"}\r\n\r\n") and event.count(b"\n") == 2:
            data: bytes | None = event[6:-4]
        else:
            data = sse.data(event)
        if data is None or not data.strip():
            return out
        try:
            if data[:1] == b"[":
                for chunk in _CHUNKS.decode(data):
                    self._begin(chunk, data, out)
                    self._chunk(chunk, out)
            elif self._id is None:
                first = _FIRST.decode(data)
                self._begin(first, data, out)
                self._chunk(first, out)
            else:
                self._chunk(_CHUNK.decode(data), out)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        return out

    def run(self, block: bytes, at: int) -> tuple[None, int]:
        """No two events are alike: each tells its usage."""
        return None, at

    def end(self) -> list[Event]:
        out: list[Event] = []
        if not self._finished:
            self._close(out)
            self._used(out)
        return out

    def _begin(self, chunk: _First, data: bytes, out: list[Event]) -> None:
        if self._id is None and chunk.error is None:
            self._id = chunk.responseId or f"{zlib.crc32(data):08x}"
            out.append(Begin(self._id, chunk.modelVersion or ""))

    def _chunk(self, chunk: _Chunk, out: list[Event]) -> None:
        if chunk.error is not None:
            self._used(out)
            out.append(Broken(chunk.error.message or "", str(chunk.error.status or chunk.error.code or "")))
            return
        if chunk.usageMetadata is not UNSET:
            self._usage = chunk.usageMetadata
        if chunk.candidates:
            for candidate in chunk.candidates:
                if not candidate.index:
                    self._candidate(candidate, out)
        elif chunk.promptFeedback is not None and chunk.promptFeedback.blockReason and not self._finished:
            self._refused(chunk.promptFeedback.blockReasonMessage, out)
            self._finish("content_filter", out)
        if self._finished:
            self._used(out)

    def _candidate(self, candidate: _Candidate, out: list[Event]) -> None:
        if candidate.content is not None and candidate.content.parts:
            for part in candidate.content.parts:
                if part.functionCall is not None:
                    self._call(part.functionCall, part.thoughtSignature, out)
                elif part.text is not UNSET:
                    self._text(bytes(part.text), "thinking" if part.thought else "text", part.thoughtSignature, out)
                elif part.thoughtSignature:
                    self._text(b'""', "thinking" if part.thought else "text", part.thoughtSignature, out)
                else:
                    self._unread(part)
        for rule, told in (
            ("answer_logprobs", candidate.logprobsResult),
            ("grounding.urlContextMetadata", candidate.urlContextMetadata),
        ):
            if given(told):
                self.unread[rule] = None
        # A later chunk tells all of them again.
        if given(candidate.groundingMetadata):
            self._grounding = candidate.groundingMetadata
        if given(candidate.citationMetadata):
            self._sources = candidate.citationMetadata
        if candidate.finishReason is not None and not self._finished:
            self._cite(out)
            self._close(out)
            stop = stop_of(candidate.finishReason, self._calls > 0, self._said)
            if stop == "content_filter" and not self._said:
                self._refused(candidate.finishMessage, out)
            self._finish(stop, out)

    def _cite(self, out: list[Event]) -> None:
        if self._grounding is UNSET and self._sources is UNSET:
            return
        found, unread = grounding.read(self._spoken.blocks(), self._grounding, self._sources)
        cites, elsewhere = self._spoken.cites(found, self._index if self._kind == "text" else -1)
        if elsewhere or (found and not cites):
            unread.append("citations")
        out += cites
        self.unread.update(dict.fromkeys(unread))

    def _unread(self, part: _Part) -> None:
        for rule in ("inlineData", "fileData"):
            if getattr(part, rule) is not UNSET:
                self.unread[f"answer_media.{rule}"] = None
        for rule in ("executableCode", "codeExecutionResult"):
            if getattr(part, rule) is not UNSET:
                self.unread[f"server_tool.{rule}"] = None

    def _text(self, literal: bytes, kind: Kind, signature: str | None, out: list[Event]) -> None:
        if len(literal) > 2 and literal[:1] == b'"':
            if kind != self._kind:
                self._open(kind, out)
            if kind == "text":
                self._words.append(literal)
            out.append(Delta(self._index, kind, literal))
        if not signature:
            return
        if kind == "text":
            self._signature = signature
        elif self._kind == "thinking":
            out.append(Sign(self._index, _packed(signature)))
            self._close(out)
        else:
            self._redacted(signature, out)

    def _open(self, kind: Kind, out: list[Event]) -> None:
        self._still_going()
        self._close(out)
        self._index += 1
        self._kind = kind
        self._said = True
        if kind == "text":
            self._words = self._spoken.begin(self._index)
        out.append(Open(self._index, kind))

    def _close(self, out: list[Event]) -> None:
        """Ends what is open, and tells the signature that waited for it."""
        if self._pending is not None:
            self._complete(self._pending, out)
        if self._kind is not None:
            out.append(Close(self._index))
            self._kind = None
        if self._signature:
            signature, self._signature = self._signature, ""
            self._redacted(signature, out)

    def _redacted(self, signature: str, out: list[Event]) -> None:
        self._still_going()
        self._close(out)
        self._index += 1
        self._said = True
        sign = Sign(self._index, _packed(signature), redacted=True)
        out += (Open(self._index, "thinking"), sign, Close(self._index))

    def _still_going(self) -> None:
        if self._finished:
            raise ValueError("there is content behind its finish reason")

    # Calls.

    def _call(self, called: _Call, signature: str | None, out: list[Event]) -> None:
        self._still_going()
        if called.name:
            self._close(out)
            args = b"" if called.args is UNSET or bytes(called.args) in EMPTY else bytes(called.args)
            if called.partialArgs is None and not called.willContinue:
                self._whole(called.name, called.id, args or b"{}", signature, out)
                return
            self._pending = _Pending(called.name, called.id, signature, Gathered(args))
        pending = self._pending
        if pending is None:
            return
        for piece in called.partialArgs or ():
            pending.gathered.add(piece)
        pending.signature = pending.signature or signature
        if not called.willContinue:
            self._complete(pending, out)

    def _complete(self, pending: _Pending, out: list[Event]) -> None:
        self._pending = None
        self._whole(pending.name, pending.id, pending.gathered.arguments(), pending.signature, out)

    def _whole(self, name: str, own_id: str | None, args: bytes, signature: str | None, out: list[Event]) -> None:
        self._index += 1
        self._said = True
        index = self._index
        out.append(Open(index, "tool", own_id or call_id(self._id or "", self._calls), name))
        out.append(Delta(index, "tool", orjson.dumps(args.decode())))
        if signature and (packed := _packed(signature)):
            out.append(Sign(index, packed))
        out.append(Close(index))
        self._calls += 1

    # The end.

    def _refused(self, message: str | None, out: list[Event]) -> None:
        if message:
            self._index += 1
            literal = orjson.dumps(message)
            out += (Open(self._index, "refusal"), Delta(self._index, "refusal", literal), Close(self._index))

    def _finish(self, stop: neutral.Stop, out: list[Event]) -> None:
        self._finished = True
        self._used(out)
        out.append(Finish(stop))

    def _used(self, out: list[Event]) -> None:
        raw, self._usage = self._usage, UNSET
        usage = read_usage(raw)
        if usage is not None:
            if self._grounding is not UNSET:
                usage = hosted.with_calls(usage, hosted.of_groundings([self._grounding]))
            out.append(Used(usage))


def _packed(signature: str) -> str:
    origin, own = parts.answered_signature(signature)
    return signatures.pack(origin, own) if own else ""


# ---- writing

_INDEX = b'"index":0'


class Writer:
    """Chunks as Google sends them. A call is written once it is whole; the finish reason and usage in the last chunk."""

    untold: frozenset[str] = frozenset()
    __slots__ = (
        "_calls", "_foot", "_head", "_model", "_request_id", "_shows", "_spoken", "_stop", "_thoughts", "_usage",
        "_words",
    )  # fmt: skip

    def __init__(self, asked: Asked) -> None:
        self._model = asked.model
        self._request_id = asked.request_id
        self._shows = isinstance(asked.view, GeminiView) and asked.view.shows_thoughts
        self._calls: dict[int, _Open] = {}
        self._thoughts: dict[int, list[bytes]] = {}
        """Of a client that did not ask for them: shown only where a signature binds them."""
        self._spoken = citations.Spoken()
        self._words: list[bytes] = []
        """Of the text that is open."""
        self._usage: Usage | None = None
        self._stop: neutral.Stop = "end"
        self._head = b'data: {"candidates":[{"content":{"parts":['
        self._named(asked.request_id)

    def _named(self, answer_id: str) -> None:
        told = b'"modelVersion":%b,"responseId":%b}\r\n\r\n' % (orjson.dumps(self._model), orjson.dumps(answer_id))
        self._foot = b'],"role":"model"},' + _INDEX + b"}]," + told

    def write(self, event: Event) -> bytes:
        if type(event) is Delta:
            if event.kind == "tool":
                self._calls[event.index].pieces.append(event.data)
                return b""
            if event.kind == "thinking":
                return self._thought(event)
            if event.kind == "text":
                self._words.append(event.data)
            foot = self._foot
            if event.logprobs:
                foot = foot.replace(_INDEX, _INDEX + grounding.write_logprobs(event.logprobs), 1)
            return b'%b{"text":%b}%b' % (self._head, event.data, foot)
        if type(event) is Run:
            return b"".join([self.write(one) for one in event.deltas()])
        if isinstance(event, Open):
            if event.kind == "tool":
                self._calls[event.index] = _Open(event.id, event.name, [])
            elif event.kind == "text":
                self._words = self._spoken.begin(event.index)
        elif isinstance(event, Sign):
            return self._sign(event)
        elif isinstance(event, Cite):
            self._spoken.cite(event)
        elif isinstance(event, Close):
            return self._close(event.index)
        elif isinstance(event, Used):
            self._usage = event.usage
        elif isinstance(event, Finish):
            self._stop = event.stop
        elif isinstance(event, Begin):
            self._named(event.id or self._request_id)
        elif isinstance(event, End):
            return self._end(event.told)
        return b""

    def _thought(self, event: Delta) -> bytes:
        if not self._shows:
            self._thoughts.setdefault(event.index, []).append(event.data)
            return b""
        return b'%b{"text":%b,"thought":true}%b' % (self._head, event.data, self._foot)

    def _sign(self, event: Sign) -> bytes:
        origin, signature = signatures.unpack(event.signature)
        # One whose maker is not told could not be given back to it.
        shown = parts.shown_signature(origin, signature) if origin else ""
        if not shown:
            return b""
        call = self._calls.get(event.index)
        if call is not None:
            call.signature = shown
            return b""
        if event.redacted and origin == DIALECT:
            return self._head + parts.text("", signature=shown) + self._foot
        before = b"".join(
            b'%b{"text":%b,"thought":true}%b' % (self._head, data, self._foot)
            for data in self._thoughts.pop(event.index, ())
        )
        return before + self._head + parts.text("", thought=True, signature=shown) + self._foot

    def _close(self, index: int) -> bytes:
        self._thoughts.pop(index, None)
        call = self._calls.pop(index, None)
        if call is None:
            return b""
        text = "".join([orjson.loads(piece) for piece in call.pieces])
        return self._head + parts.call(call.id, call.name, parts.arguments(text), call.signature) + self._foot

    def _end(self, beside: str) -> bytes:
        usage = b"" if self._usage is None else b'"usageMetadata":%b,' % write_usage(self._usage)
        cited = grounding.write(self._spoken.cited())
        told = b'"finishMessage":%b,' % orjson.dumps(beside) if beside else b""
        reason = b'"finishReason":"%b",%b%b%b}],%b' % (REASONS[self._stop], told, _INDEX, cited, usage)
        return self._head + b'{"text":""}' + self._foot.replace(_INDEX + b"}],", reason, 1)


class _Open(Struct):
    id: str
    name: str
    pieces: list[bytes]
    signature: str = ""
