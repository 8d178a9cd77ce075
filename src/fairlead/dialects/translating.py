"""A stream of one dialect read, and written in another while it comes. The counterpart of `passing`."""

from __future__ import annotations

from fairlead.core.record import Usage
from fairlead.core.tools import Calls
from fairlead.dialects import neutral, sse
from fairlead.dialects.dialect import Interpreter, Writer
from fairlead.dialects.neutral import Delta
from fairlead.dialects.passing import HELD_LIMIT, at_least
from fairlead.dialects.translate import Losses
from fairlead.dialects.weighing import BYTES, unescaped


class Translating:
    """Holds back what it writes until there is content. The client's end mark is written only for a whole answer."""

    __slots__ = (
        "_beside", "_comments", "_held", "_held_size", "_interpreter", "_splitter", "_writer", "committed", "deltas", "done", "ended", "error", "fault", "said", "stop", "usage",
    )  # fmt: skip

    def __init__(self, interpreter: Interpreter, writer: Writer, comments: bool = True) -> None:
        """`comments`: whether the client's readers know the comments of a stream for what they are."""
        self.committed = False
        self.done = False
        self.ended = False
        self.error = ""
        self.fault = b""
        self.stop: neutral.Stop | None = None
        """Why it stopped."""
        self.usage: Usage | None = None
        self.said = 0
        """Bytes of content."""
        self.deltas = 0
        """Pieces of content."""
        self._beside: dict[str, None] = {}
        """What was told beside the texts: rules of `translate`."""
        self._comments = comments
        self._interpreter = interpreter
        self._writer = writer
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0

    def feed(self, piece: bytes) -> bytes:
        out: list[bytes] = []
        block = self._splitter.feed_block(piece)
        plain = block.isascii()
        if sse.CR in block:
            # No run has such line ends.
            for event in sse.split(block):
                if self.ended or self.error:
                    break
                self._read(event, plain, out)
        else:
            self._read_runs(block, plain, out)
        return self._given(b"".join(out))

    def _read_runs(self, block: bytes, plain: bool, out: list[bytes]) -> None:
        run_at, size, at = self._interpreter.run, len(block), 0
        while at < size and not self.ended and not self.error:
            run, end = run_at(block, at)
            if run is not None:
                self._pass(run, out)
            else:
                end = block.find(b"\n\n", at) + 2
                self._read(block[at:end], plain, out)
            at = end

    def end(self) -> bytes:
        out: list[bytes] = []
        rest = self._splitter.take()
        if rest and not self.ended and not self.error:
            self._read(rest, rest.isascii(), out)
        if not self.ended and not self.error:
            self._write(self._interpreter.end(), out)
            if self.done and not self.ended:
                self.ended = True
                out.append(self._ending())
        if self.usage is not None and (self.usage.estimated or not self.done):
            # Whatever ended it: what was told is paid for.
            self.usage = at_least(self.usage, self.estimate)
        return self._given(b"".join(out))

    @property
    def calls(self) -> Calls:
        """Tools of a provider's own do not go from one dialect to another."""
        return ()

    @property
    def estimate(self) -> int:
        """About the tokens delivered: one a piece at least, more where they hold more."""
        return max(self.deltas, self.said // BYTES)

    def _read(self, event: bytes, plain: bool, out: list[bytes]) -> None:
        try:
            if not plain:
                # What goes on as it came is not decoded by anyone.
                event.decode()
            events = self._interpreter.read(event)
        except ValueError as problem:
            self.error = f"the provider sent an event that is not what it should be: {problem}"
            return
        self._write(events, out)
        if self.error:
            self.fault = event

    def _pass(self, run: neutral.Run, out: list[bytes]) -> None:
        self.said += unescaped(b"".join(run.data)) - 2 * len(run.data)
        self.deltas += len(run.data)
        self.committed = True
        out.append(self._writer.write(run))

    def _write(self, events: list[neutral.Event], out: list[bytes]) -> None:
        write = self._writer.write
        for event in events:
            if type(event) is Delta:
                size = unescaped(event.data) - 2
                if size > 0:
                    self.said += size
                    self.deltas += 1
                    self.committed = True
                if event.logprobs:
                    self._beside["answer_logprobs"] = None
            elif type(event) is neutral.Cite:
                self._beside["citations"] = None
            elif type(event) is neutral.Used:
                self.usage = event.usage
            elif type(event) is neutral.Broken:
                self.error = "the provider reported an error in the stream"
                return
            elif isinstance(event, neutral.Finish):
                self.stop = event.stop
                self.done = self.committed = True
            elif type(event) is neutral.End:
                # An end without a finish is no whole answer.
                if not self.done:
                    return
                self.ended = True
                out.append(self._ending())
                continue
            elif isinstance(event, (neutral.Open, neutral.Sign)):
                self.committed = self.committed or isinstance(event, neutral.Sign) or event.kind == "tool"
            out.append(write(event))

    def _ending(self) -> bytes:
        """The stream's end, and what of it was lost: its header had left before any of this was known. A comment says it,
        or where comments are taken for something else the end itself."""
        losses = Losses("")
        untold = self._writer.untold
        losses.answered((*self._interpreter.unread, *(rule for rule in self._beside if rule in untold)))
        told = losses.header().strip()
        if told and self._comments:
            return b": %b\n\n%b" % (told.encode(), self._writer.write(neutral.End()))
        return self._writer.write(neutral.End(told))

    def _given(self, written: bytes) -> bytes:
        if self.committed:
            if self._held:
                written = b"".join((*self._held, written))
                self._held.clear()
            return written
        if written:
            self._held.append(written)
            self._held_size += len(written)
        if self._held_size + self._splitter.size > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"
        return b""
