"""Streams that another goes on with where they break off, for callers who want that: the policy's `continue_streams`, or
`x-fairlead-continue`.

The caller sees one answer. Who goes on is said in a comment where it happens; Google's clients take comments for errors
and are told at the answer's end.
"""

from __future__ import annotations

from typing import cast

import msgspec

from fairlead.core.call import Call
from fairlead.core.execution import Event, Failed, Limits
from fairlead.core.plan import Plan
from fairlead.core.record import Attempt, Intent, Usage
from fairlead.dialects import toolnames
from fairlead.dialects.continuing import Joining, Prolonged, Told, added, may_continue
from fairlead.dialects.dialect import Interpreter, Reader, View
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from fairlead.dialects.weighing import BYTES
from fairlead.errors import BadRequest
from fairlead.gateway.answering import asked

CONTINUED = 2
"""How often an answer is gone on with."""
DIALECTS_OF_CHATS = frozenset(("openai_chat", "openai_responses", "anthropic_messages", "gemini"))


class Continuable(Translating):
    """A stream written anew, with what was told of it."""

    __slots__ = ("told",)

    def __init__(self, interpreter: Interpreter, told: Told, comments: bool) -> None:
        super().__init__(interpreter, told, comments)
        self.told = told


class Joint:
    """What the attempts of a run have in common that make one answer."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told: Told | None = None
        self._text = ""
        """What was told before the attempt that is under way; empty while nobody has to go on."""
        self._input = -1
        """Of the first that broke off."""
        self._comments = call.dialect != "gemini"

    def call(self) -> Call:
        """What the next attempt is asked."""
        if not self._text:
            return self._call
        return msgspec.structs.replace(self._call, view=Prolonged(cast(View, self._call.view), self._text))

    @property
    def goes_on(self) -> bool:
        return bool(self._text)

    def longer(self, planned: Intent) -> Intent:
        """What was told is asked along."""
        return msgspec.structs.replace(planned, input_tokens=planned.input_tokens + self.more)

    @property
    def more(self) -> int:
        """About the tokens of it."""
        return len(self._text.encode("utf-8", "surrogatepass")) // BYTES

    def reader(self, dialect: str, model: str) -> Reader:
        """What a provider that was asked in `dialect` streams, for the caller."""
        call = self._call
        interpreter: Interpreter = DIALECTS[dialect].interpreter()
        names = toolnames.own(cast(View, call.view).neutral(), dialect) if self._text or dialect != call.dialect else {}
        if names:
            interpreter = toolnames.Restoring(interpreter, names)
        told = self._told
        if told is None:
            told = Told(DIALECTS[call.dialect].writer(asked(call, model)))
        else:
            told.resume()
            interpreter = Joining(interpreter, told, self._text)
        return Continuable(interpreter, told, self._comments)

    def follow(self, reader: Reader) -> None:
        """From now on the caller is told what this one reads."""
        assert isinstance(reader, Continuable)
        self._told = reader.told

    def hold(self) -> None:
        """The provider's side has closed: see `Told.hold`."""
        if self._told is not None:
            self._told.hold()

    def release(self) -> bytes:
        return b"" if self._told is None else self._told.release()

    def broke(self, event: Event, attempt: Attempt) -> Event:
        """What had been told broke off: whether somebody may go on with it."""
        told = self._told
        if told is None or not isinstance(event, Failed):
            return event
        self._text = told.text()
        if self._input < 0:
            self._input = attempt.usage.input
        told.before = added(told.before, attempt.usage)
        return msgspec.structs.replace(event, continues=bool(self._text))

    def label(self, channel: str, losses: Losses | None) -> bytes:
        """In front of what this channel goes on with."""
        told = self._told
        assert told is not None
        lossy = "" if losses is None else losses.header().strip()
        lines = [line for line in (f"x-fairlead-continued: {channel}", lossy) if line]
        if self._comments:
            return b"".join([b": %b\n" % line.encode() for line in lines]) + b"\n"
        told.label = "; ".join([*([told.label] if told.label else []), *lines])
        return b""

    def whole(self, usage: Usage) -> Usage:
        """What one who answered without a break would have used: the first's input, and all output."""
        told = self._told
        if told is None or not self._text:
            return usage
        return msgspec.structs.replace(usage, input=self._input, output=told.before.output + usage.output)


def joint(call: Call, plan: Plan) -> Joint | None:
    """For a request that may be gone on with, and whose caller wants it."""
    wanted = call.wishes.continues
    if wanted is None:
        wanted = plan.handling.continue_streams
    if not wanted or not call.stream or call.dialect not in DIALECTS_OF_CHATS or call.operation != "generate":
        return None
    try:
        fits = may_continue(cast(View, call.view).neutral())
    except BadRequest:
        return None  # its provider says what is wrong with it
    return Joint(call) if fits else None


def limits(usual: Limits) -> Limits:
    return msgspec.structs.replace(usual, continued=CONTINUED)
