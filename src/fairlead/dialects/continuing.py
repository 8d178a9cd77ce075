"""A streamed text that broke off, gone on with by somebody else: what the caller was told is kept, and what comes next is
put behind it as one answer.

Such a stream is written anew from its first event on, even between sides of the same dialect: identifiers, numbers and
the texts that a stream repeats at its end have to be of one answer, whoever made its parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from msgspec import structs

from fairlead.core.record import Usage
from fairlead.core.tools import together
from fairlead.dialects import neutral
from fairlead.dialects.dialect import Interpreter, Writer
from fairlead.dialects.remade import Remade

INSTRUCTION = (
    "Your answer was cut off behind its last word above. Go on exactly where it stopped, in the same language and form: "
    "no introduction, no remark about this, nothing that is said already. If a new word begins there, begin with a space."
)
LONGEST = 2**20
"""Bytes of an answer up to which it is kept to be gone on with."""
LOOKED_BACK = 2**14
"""Characters at the end of what was told in which a repetition is looked for."""
LEAST = 8
"""Characters that a repetition has at least: less may be chance. All that was told may be repeated from `LEAST_WHOLE` on."""
LEAST_WHOLE = 3
LEAST_ROOM = 16
"""Tokens that are always asked for: some providers refuse less."""
MORE_THAN_TEXT = frozenset(
    (
        "audio", "container", "generationConfig.responseModalities", "generationConfig.speechConfig", "mcp_servers",
        "modalities", "plugins", "web_search_options",
    )
)  # fmt: skip
"""Fields that only one dialect has, with which an answer may hold what another provider could not go on with."""


def may_continue(request: neutral.Request) -> bool:
    """Whether a plain text is asked for, of which a part says how it goes on."""
    return (
        request.answers == 1
        and request.format is None
        and not request.logprobs
        and not request.foreign_tools
        and request.tool_choice not in ("required", "tool")
        and MORE_THAN_TEXT.isdisjoint(request.others)
    )


class Told:
    """A stream's writer that remembers what it was given: all that the caller was told of an answer, over all attempts."""

    __slots__ = (
        "_kept",
        "_only_text",
        "_open",
        "_pieces",
        "_size",
        "_thinking",
        "_writer",
        "before",
        "label",
        "next_index",
    )

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._kept: list[neutral.Event] | None = None
        """What is written only if the answer turns out to be whole."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._only_text = True
        self._thinking = False
        self._open = -1
        """The block of text that has not ended."""
        self.next_index = 0
        self.before = Usage()
        """Of the attempts that broke off."""
        self.label = ""
        """Who goes on, where the stream's end has to say it."""

    @property
    def untold(self) -> frozenset[str]:
        return self._writer.untold

    @property
    def open(self) -> int:
        return self._open

    def hold(self) -> None:
        """The provider's side has closed: what comes now ends a whole answer, or is no part of what was told."""
        self._kept = []

    def resume(self) -> None:
        self._kept = None

    def release(self) -> bytes:
        kept, self._kept = self._kept or (), None
        return b"".join([self.write(event) for event in kept])

    def write(self, event: neutral.Event) -> bytes:
        if self._kept is not None:
            self._kept.append(event)
            return b""
        if type(event) is neutral.Delta:
            if event.kind == "text" and self._size <= LONGEST:
                self._pieces.append(event.data[1:-1])
                self._size += len(event.data)
        elif type(event) is neutral.Run:
            return b"".join([self.write(one) for one in event.deltas()])
        elif isinstance(event, neutral.Open):
            self.next_index = max(self.next_index, event.index + 1)
            self._only_text = self._only_text and event.kind in ("text", "thinking")
            self._thinking = event.kind == "thinking"
            if event.kind == "text":
                self._open = event.index
        elif isinstance(event, neutral.Close):
            self._thinking = False
            if event.index == self._open:
                self._open = -1
        elif isinstance(event, neutral.Used):
            event = neutral.Used(added(self.before, event.usage))
        elif isinstance(event, neutral.End) and self.label:
            event = neutral.End("; ".join(part for part in (self.label, event.told) if part))
        return self._writer.write(event)

    def text(self) -> str:
        """What may be gone on with; empty where that is nothing."""
        if not self._only_text or self._thinking or self._size > LONGEST:
            return ""
        try:
            text: str = json.loads(b'"%b"' % b"".join(self._pieces))
        except ValueError:
            return ""
        # Half a character at the end could not be gone on with by anybody.
        return text if text.strip() and not "\ud800" <= text[-1] <= "\udfff" else ""


def added(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input + other.input,
        one.output + other.output,
        one.cached_input + other.cached_input,
        one.cache_write + other.cache_write,
        one.cache_write_1h + other.cache_write_1h,
        one.reasoning + other.reasoning,
        one.estimated or other.estimated,
        calls=together(one.calls, other.calls),
    )


class Joining:
    """A stream's interpreter whose text goes on behind what was told. What is repeated of that is left out, and so are
    thoughts: they belong in front of an answer. A refusal is no continuation."""

    __slots__ = (
        "_ahead",
        "_first",
        "_head",
        "_indexes",
        "_interpreter",
        "_mute",
        "_next",
        "_open",
        "_refused",
        "_tail",
    )

    def __init__(self, interpreter: Interpreter, told: Told, text: str) -> None:
        self._interpreter = interpreter
        self._ahead: list[neutral.Event] | None = []
        """What comes before its first content: nobody is told of it unless there is some."""
        self._open = told.open
        """The block that is gone on with."""
        self._next = told.next_index
        self._tail = text[-LOOKED_BACK:]
        self._head: str | None = ""
        """The beginning, while it may still be a repetition."""
        self._first = -1
        """The index of its first text, as its provider counts."""
        self._indexes: dict[int, int] = {}
        self._mute: set[int] = set()
        self._refused = False

    @property
    def unread(self) -> Iterable[str]:
        return self._interpreter.unread

    def read(self, event: bytes) -> list[neutral.Event]:
        return self._given(list(self._joined(self._interpreter.read(event))))

    def run(self, block: bytes, at: int) -> tuple[None, int]:
        """What goes on is looked at piece by piece."""
        return None, at

    def end(self) -> list[neutral.Event]:
        return self._given(list(self._joined(self._interpreter.end())))

    def _given(self, events: list[neutral.Event]) -> list[neutral.Event]:
        ahead = self._ahead
        if ahead is None:
            return events
        if any(_says(event) for event in events):
            self._ahead = None
            return ahead + events
        at_once: list[neutral.Event] = [one for one in events if isinstance(one, (neutral.Used, neutral.Broken))]
        ahead += [event for event in events if event not in at_once]
        return at_once

    def _joined(self, events: list[neutral.Event]) -> Iterator[neutral.Event]:
        for event in events:
            if self._refused:
                return
            if isinstance(event, neutral.Begin):
                continue
            if isinstance(event, neutral.Open):
                yield from self._opened(event)
            elif isinstance(event, (neutral.Delta, neutral.Cite, neutral.Sign, neutral.Close)):
                yield from self._within(event)
            elif isinstance(event, neutral.Finish):
                if event.stop in ("refusal", "content_filter"):
                    yield self._refusal()
                    return
                yield from self._ended()
                yield event
            else:
                yield event

    def _refusal(self) -> neutral.Event:
        self._refused = True
        return neutral.Broken("the answer was not gone on with")

    def _opened(self, event: neutral.Open) -> Iterator[neutral.Event]:
        if event.kind == "refusal":
            yield self._refusal()
        elif event.kind == "thinking":
            self._mute.add(event.index)
        elif event.kind == "text" and self._first < 0 and self._open >= 0:
            self._first = event.index
            self._indexes[event.index] = self._open
        else:
            yield from self._ended()
            if event.kind == "text" and self._first < 0:
                self._first = event.index
            index = self._indexes[event.index] = self._next
            self._next += 1
            yield structs.replace(event, index=index)

    def _ended(self) -> Iterator[neutral.Event]:
        """The block that is gone on with ends here, if it has not."""
        yield from self._released()
        if self._open >= 0:
            yield neutral.Close(self._open)
            self._open = -1

    def _within(self, event: neutral.Delta | neutral.Cite | neutral.Sign | neutral.Close) -> Iterator[neutral.Event]:
        if event.index in self._mute or event.index not in self._indexes:
            return
        if isinstance(event, neutral.Delta) and event.index == self._first and self._head is not None:
            yield from self._begun(event)
            return
        index = self._indexes[event.index]
        if isinstance(event, neutral.Close):
            if event.index == self._first:
                yield from self._released()
            if index == self._open:
                self._open = -1
            del self._indexes[event.index]
        elif isinstance(event, neutral.Cite) and event.index == self._first:
            # Its places count from where this part began.
            event = neutral.Cite(index, structs.replace(event.citation, start=-1, end=-1))
        yield structs.replace(event, index=index)

    def _begun(self, event: neutral.Delta) -> Iterator[neutral.Event]:
        assert self._head is not None
        self._head += json.loads(event.data)
        if self._head not in self._tail:
            yield from self._released()

    def _released(self) -> Iterator[neutral.Event]:
        """The beginning, without what of it was told."""
        head, self._head = self._head, None
        if head:
            fresh = head[repeated(self._tail, head) :]
            if fresh:
                yield neutral.Delta(self._indexes[self._first], "text", json.dumps(fresh).encode())


def _says(event: neutral.Event) -> bool:
    """Whether it is content, or the end of an answer that needs none."""
    return isinstance(event, (neutral.Delta, neutral.Finish)) or (
        isinstance(event, neutral.Open) and event.kind == "tool"
    )


def repeated(told: str, more: str) -> int:
    """How many characters at the beginning of `more` are those that `told` ends with."""
    whole = len(told) >= LEAST_WHOLE and more.startswith(told)
    for size in range(min(len(told), len(more)), LEAST - 1, -1):
        if told.endswith(more[:size]):
            return size
    return len(told) if whole else 0


class Prolonged(Remade):
    """A request whose answer is begun: the same, with what was told of it and the instruction to go on."""

    def texts(self) -> Iterator[tuple[str, str]]:
        yield from self.view.texts()
        yield "assistant", self.text

    def neutral(self) -> neutral.Request:
        request = self.view.neutral()
        turns = request.turns
        begun: tuple[neutral.Block, ...] = (neutral.Text(self.text),)
        if turns and turns[-1].role == "assistant":
            begun = (*turns[-1].blocks, *begun)
            turns = turns[:-1]
        room = request.max_output
        if room is not None:
            room = max(room - len(self.text) // 4, min(room, LEAST_ROOM))
        return structs.replace(
            request,
            turns=(*turns, neutral.Turn("assistant", begun), neutral.Turn("user", (neutral.Text(INSTRUCTION),))),
            max_output=room,
        )
