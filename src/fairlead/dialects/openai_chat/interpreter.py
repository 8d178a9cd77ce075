"""Streamed answers of Chat Completions read into neutral events.

What streams is never decoded: texts and pieces of arguments go on as the JSON literals they came as. A provider's
finish is told only at the end of its stream, behind the usage: some repeat it, and some still say something after it.
Signatures go on packed, with the name of the dialect that made them (see `signatures`).
"""

from __future__ import annotations

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import citations, neutral, signatures, sse
from fairlead.dialects.frames import Frames
from fairlead.dialects.json import given
from fairlead.dialects.openai_chat import message as messages
from fairlead.dialects.openai_chat.answer import BROKEN, Logprobs, sources, stop_of, sure
from fairlead.dialects.openai_chat.message import GOOGLE, NAME, Detail, Extra
from fairlead.dialects.openai_chat.usage import Reported, reported_usage

NOTHING = (b"", b"null", b'""')
NULL = len(b"null")


class _Function(Struct):
    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: Extra | None = None


class _Delta(Struct):
    content: Raw | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    reasoning: Raw | UnsetType = UNSET
    refusal: Raw | UnsetType = UNSET
    tool_calls: list[_Call] | None = None
    reasoning_details: Raw | UnsetType = UNSET
    function_call: _Function | None = None
    annotations: Raw | UnsetType = UNSET
    images: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET


class _Choice(Struct):
    index: int | None = 0
    delta: _Delta | None = None
    logprobs: Raw | UnsetType = UNSET
    finish_reason: str | None = None
    stop_reason: Raw | UnsetType = UNSET


class _Chunk(Reported):
    choices: list[_Choice] | None = None
    citations: Raw | UnsetType = UNSET


class _Piece(Struct):
    type: str | None = None
    text: Raw | UnsetType = UNSET
    thinking: Raw | UnsetType = UNSET


_CHUNK = msgspec.json.Decoder(_Chunk)
_PIECES = msgspec.json.Decoder(list[_Piece])
_ANNOTATIONS = msgspec.json.Decoder(list[citations.Annotation])
_ADDRESSES = msgspec.json.Decoder(list[str])
_LOGPROBS = msgspec.json.Decoder(Logprobs)


class _Tool:
    """A tool call that is being streamed."""

    __slots__ = ("arguments", "id", "index", "name", "open", "pieces", "said")

    def __init__(self, name: str, tool_id: str) -> None:
        self.index = -1
        self.id = tool_id
        self.name = name
        self.open = False
        self.said = False
        self.pieces: list[bytes] = []
        """Arguments that came before the name."""
        self.arguments: list[bytes] | None = None
        """All of them, where only their end tells that the next call begins."""


class ChatInterpreter:
    """Reads a provider's chunks. Only the first choice is of interest: several are asked of its own dialect only."""

    __slots__ = (
        "_addresses",
        "_annotations",
        "_begun",
        "_block",
        "_by_index",
        "_ended",
        "_frames",
        "_kind",
        "_next",
        "_reason",
        "_refused",
        "_signed",
        "_spoken",
        "_stop",
        "_tools",
        "_words",
        "unread",
    )

    def __init__(self) -> None:
        self.unread: dict[str, None] = {}
        self._begun = False
        self._next = 0
        self._block = -1
        """The text, thinking or refusal that is open."""
        self._kind: neutral.Kind = "text"
        self._frames = Frames()
        self._spoken = citations.Spoken()
        self._words: list[bytes] = []
        """Of the text that is open."""
        self._annotations: list[citations.Annotation] = []
        self._addresses: Raw | UnsetType = UNSET
        """Of pages: told again and again, and only the last time all of them."""
        self._tools: list[_Tool] = []
        self._by_index: dict[int, _Tool] = {}
        self._reason: str | None = None
        self._stop = ""
        self._refused = False
        self._signed = False
        self._ended = False

    def read(self, event: bytes) -> list[neutral.Event]:
        if self._ended:
            return []
        try:
            chunk = _CHUNK.decode(event[6:]) if event.startswith(b"data: {") else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # More than the one line, or no proper JSON.
            chunk = None
        out: list[neutral.Event] = []
        if chunk is None or not self._begun:
            return self._read_slowly(event, out)
        try:
            self._chunk(chunk, out)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise ValueError(str(problem)) from None
        if self._frames.learns and len(out) == 1:
            delta = out[0]
            if isinstance(delta, neutral.Delta) and not delta.logprobs and _only_says(chunk):
                self._frames.learn(delta.kind, event, delta.data)
        return out

    def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
        if self._frames.frame is None or self._block < 0:
            return None, at
        literals, end = self._frames.literals(self._kind, block, at)
        if not literals:
            return None, at
        if self._kind == "text":
            self._words += literals
        return neutral.Run(self._block, self._kind, literals), end

    def _read_slowly(self, event: bytes, out: list[neutral.Event]) -> list[neutral.Event]:
        data = sse.data(event)
        if data is None or not data.strip():
            return []
        if data.strip() == b"[DONE]":
            return self._finish(True)
        try:
            chunk = _CHUNK.decode(data)
            if not self._begun and chunk.choices:
                self._begun = True
                out.append(neutral.Begin(*messages.heading(data)))
            self._chunk(chunk, out)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise ValueError(str(problem)) from None
        return out

    def end(self) -> list[neutral.Event]:
        """Without an end mark the answer is whole where the provider said why it ended."""
        return [] if self._ended or self._reason is None else self._finish(False)

    def _chunk(self, chunk: _Chunk, out: list[neutral.Event]) -> None:
        choices = chunk.choices
        if chunk.error is not UNSET and given(chunk.error):
            if self._reason is None:
                usage = reported_usage(chunk)
                if usage is not None:
                    out.append(neutral.Used(usage))
                out.append(neutral.Broken(*messages.error_words(chunk.error)))
                return
            # The provider had said why it ended; what it calls an error is that, said again.
            choices = None
        for choice in choices or ():
            if not choice.index:
                if choice.delta is not None:
                    self._delta(choice.delta, out)
                if choice.logprobs is not UNSET and len(choice.logprobs) > NULL:
                    self._sure(choice.logprobs, out)
                if choice.finish_reason is not None:
                    self._reason = choice.finish_reason
                    if choice.finish_reason in BROKEN:
                        out.append(neutral.Broken("the provider broke off its answer", choice.finish_reason))
                        return
                    self._stop = messages.stop_word(choice.stop_reason) or self._stop
        if chunk.citations is not UNSET:
            self._addresses = chunk.citations
        if (chunk.usage is UNSET or len(chunk.usage) == NULL) and chunk.x_groq is UNSET:
            return
        usage = reported_usage(chunk)
        if usage is not None:
            out.append(neutral.Used(usage))

    def _delta(self, delta: _Delta, out: list[neutral.Event]) -> None:
        thought = b""
        if delta.reasoning_content is not UNSET or delta.reasoning is not UNSET:
            thought = b"" if delta.reasoning_content is UNSET else bytes(delta.reasoning_content)
            if delta.reasoning is not UNSET and thought in NOTHING:
                thought = bytes(delta.reasoning)
            if thought not in NOTHING:
                self._say("thinking", thought, out)
        if delta.reasoning_details is not UNSET:
            self._details(messages.details(delta.reasoning_details), thought in NOTHING, out)
        if delta.content is not UNSET:
            content = bytes(delta.content)
            if content[:1] == b"[":
                self._pieces(content, out)
            elif content not in NOTHING:
                self._say("text", content, out)
        if delta.refusal is not UNSET and bytes(delta.refusal) not in NOTHING:
            self._refused = True
            self._say("refusal", bytes(delta.refusal), out)
        if delta.annotations is not UNSET or delta.images is not UNSET or delta.audio is not UNSET:
            self._beside(delta)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._call(call, out)
        if delta.function_call is not None:
            self._call(_Call(0, None, delta.function_call), out)

    def _beside(self, delta: _Delta) -> None:
        for rule, told in (("answer_media.images", delta.images), ("answer_media.audio", delta.audio)):
            if given(told):
                self.unread[rule] = None
        if given(delta.annotations):
            try:
                self._annotations += _ANNOTATIONS.decode(delta.annotations)
            except msgspec.DecodeError:
                self.unread["citations"] = None

    def _sure(self, raw: Raw, out: list[neutral.Event]) -> None:
        """Probabilities of tokens belong to the text they came with."""
        try:
            found, unread = sure(_LOGPROBS.decode(raw))
        except msgspec.DecodeError:
            found, unread = b"", ["answer_logprobs"]
        text = out[-1] if out else None
        if isinstance(text, neutral.Delta) and text.kind == "text":
            text.logprobs = found
        elif found:
            unread.append("answer_logprobs")
        self.unread.update(dict.fromkeys(unread))

    def _cite(self, out: list[neutral.Event]) -> None:
        """The pages that are known by the end of a text."""
        addresses: list[str] = []
        if given(self._addresses):
            try:
                addresses = _ADDRESSES.decode(self._addresses)
            except msgspec.DecodeError:
                self.unread["citations"] = None
        found, unread = sources(self._annotations, addresses)
        cites, elsewhere = self._spoken.cites(found, self._block if self._kind == "text" else -1)
        if elsewhere or (found and not cites):
            unread.append("citations")
        out += cites
        self.unread.update(dict.fromkeys(unread))
        self._annotations, self._addresses = [], UNSET

    def _say(self, kind: neutral.Kind, literal: bytes, out: list[neutral.Event]) -> None:
        if literal[:1] != b'"':
            raise ValueError(f"{kind} that is no string")
        if self._block < 0 or self._kind != kind:
            self._open(kind, out)
        if kind == "text":
            self._words.append(literal)
        out.append(neutral.Delta(self._block, kind, literal))

    def _open(self, kind: neutral.Kind, out: list[neutral.Event]) -> None:
        self._close(out)
        self._close_tools(out)
        self._block, self._kind, self._signed = self._next, kind, False
        self._next += 1
        if kind == "text":
            self._words = self._spoken.begin(self._block)
        out.append(neutral.Open(self._block, kind))

    def _close(self, out: list[neutral.Event]) -> None:
        if self._block >= 0:
            if self._kind == "thinking" and not self._signed:
                # Whose thought it is: some makers want it back although they sign nothing.
                out.append(neutral.Sign(self._block, signatures.pack(NAME, "")))
            if self._kind == "text" and self._annotations:
                self._cite(out)
            out.append(neutral.Close(self._block))
            self._block = -1

    def _pieces(self, raw: bytes, out: list[neutral.Event]) -> None:
        """Content as a list: text, and thinking that is a list again."""
        for piece in _PIECES.decode(raw):
            if piece.type == "thinking" and piece.thinking is not UNSET:
                said = bytes(piece.thinking)
                literals = (
                    [bytes(one.text) for one in _PIECES.decode(said) if one.text is not UNSET]
                    if said[:1] == b"["
                    else [said]
                )
                for literal in literals:
                    if literal not in NOTHING:
                        self._say("thinking", literal, out)
            elif piece.text is not UNSET and bytes(piece.text) not in NOTHING:
                self._say("text", bytes(piece.text), out)

    def _details(self, details: list[Detail], alone: bool, out: list[neutral.Event]) -> None:
        """`alone`: the thoughts are told here only, not in a field of their own as well."""
        for one in details:
            text = one.text or one.summary
            if alone and text:
                self._say("thinking", orjson.dumps(text), out)
            if one.type == "reasoning.encrypted" and one.data:
                self._open("thinking", out)
                self._signed = True
                out.append(neutral.Sign(self._block, self._packed(one.data, one.format), True))
                self._close(out)
            elif one.signature:
                if self._block < 0 or self._kind != "thinking":
                    self._open("thinking", out)
                self._signed = True
                out.append(neutral.Sign(self._block, self._packed(one.signature, one.format)))
                self._close(out)

    @staticmethod
    def _packed(signature: str, form: str | None) -> str:
        return signatures.pack(NAME, f"{form or ''}:{signature}")

    def _call(self, call: _Call, out: list[neutral.Event]) -> None:
        function = call.function
        name = "" if function is None else function.name or ""
        arguments = b"" if function is None or function.arguments is UNSET else bytes(function.arguments)
        if arguments[:1] == b"{":
            arguments = orjson.dumps(arguments.decode())
        tool = self._tool(call, name)
        if not tool.name and name:
            tool.name = name
        if arguments not in NOTHING:
            if arguments[:1] != b'"':
                raise ValueError("arguments that are no string")
            tool.pieces.append(arguments)
            if tool.arguments is not None:
                tool.arguments.append(arguments)
        if not tool.name:
            return
        if tool.index < 0:
            self._close(out)
            tool.index, tool.open = self._next, True
            self._next += 1
            out.append(neutral.Open(tool.index, "tool", tool.id, tool.name))
        if tool.pieces:
            if not tool.open:
                raise ValueError("more of a tool call that had ended")
            tool.said = True
            out += [neutral.Delta(tool.index, "tool", piece) for piece in tool.pieces]
            tool.pieces.clear()
        google = None if call.extra_content is None else call.extra_content.google
        if google is not None and google.thought_signature:
            packed = signatures.pack(GOOGLE, google.thought_signature)
            out.append(neutral.Sign(tool.index, packed))

    def _tool(self, call: _Call, name: str) -> _Tool:
        """The call a piece belongs to. Some give no index, some the same to every call, some repeat id and name."""
        if call.index is not None:
            tool = self._by_index.get(call.index)
            if tool is None or (call.id and name and tool.name and call.id != tool.id):
                tool = self._by_index[call.index] = self._new(call, name)
            return tool
        last = self._tools[-1] if self._tools else None
        if last is not None:
            if not call.id and not (name and last.name and _complete(last)):
                return last
            if call.id and call.id == last.id:
                return last
        tool = self._new(call, name)
        tool.arguments = []
        return tool

    def _new(self, call: _Call, name: str) -> _Tool:
        tool = _Tool(name, call.id or f"call_{len(self._tools) + 1}")
        self._tools.append(tool)
        return tool

    def _close_tools(self, out: list[neutral.Event]) -> None:
        for tool in self._tools:
            if tool.open:
                tool.open = False
                if not tool.said:
                    out.append(neutral.Delta(tool.index, "tool", b'"{}"'))
                out.append(neutral.Close(tool.index))

    def _finish(self, marked: bool) -> list[neutral.Event]:
        self._ended = True
        out: list[neutral.Event] = []
        if self._annotations or self._addresses is not UNSET:
            self._cite(out)
        self._close(out)
        self._close_tools(out)
        called = any(tool.index >= 0 for tool in self._tools)
        if self._reason is not None or self._next:
            stop = stop_of(self._reason, called, self._refused, bool(self._stop))
            out.append(neutral.Finish(stop, self._stop if stop == "stop_sequence" else ""))
        if marked:
            out.append(neutral.End())
        return out


def _only_says(chunk: _Chunk) -> bool:
    """Whether a chunk that told one delta changed nothing beside."""
    choices = chunk.choices
    delta = choices[0].delta if choices and len(choices) == 1 else None
    return (
        delta is not None
        and not delta.tool_calls
        and delta.function_call is None
        and not any(map(given, (delta.reasoning_details, delta.annotations, delta.images, delta.audio)))
    )


def _complete(tool: _Tool) -> bool:
    """Whether a call's arguments are whole, so that a name behind them begins the next call."""
    if not tool.arguments:
        return tool.arguments is not None and not tool.said
    try:
        orjson.loads("".join(orjson.loads(piece) for piece in tool.arguments))
    except orjson.JSONDecodeError:
        return False
    return True
