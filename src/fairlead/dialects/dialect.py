"""What a dialect consists of: the seam between `gateway/` and the folders here.

Each folder (`openai_chat`, `openai_responses`, `anthropic_messages`, `gemini`) holds the same files:

    native.py   requests as they come in: checked, typed as far as fairlead acts on them; usage; errors
    passing.py  the same dialect on both sides: what has to be seen of a stream while it passes
    request.py  requests to and from the neutral form
    answer.py   answers to and from the neutral form
    stream.py   streamed answers to and from neutral events

and its `__init__` puts them together as a `Dialect`. `table` lists the dialects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.core.tools import Calls
from fairlead.dialects import neutral
from fairlead.dialects.translate import Losses
from fairlead.dialects.wishes import Options
from fairlead.errors import RequestError


class View(Protocol):
    """A checked request of one dialect. What is worked out is worked out on first use, then kept."""

    @property
    def model(self) -> str: ...

    @property
    def stream(self) -> bool: ...

    @property
    def answers(self) -> int:
        """How many alternatives are asked for."""
        ...

    @property
    def options(self) -> Options | None:
        """The body's `fairlead` object."""
        ...

    @property
    def user(self) -> str:
        """Whom the caller asks for, in the dialect's own field; empty where it does not say."""
        ...

    def shape(self) -> Shape: ...

    def texts(self) -> Iterator[tuple[str, str]]:
        """(role, text) of every text part, in order."""
        ...

    @property
    def predicted(self) -> int:
        """Bytes of a text that the answer is expected to be."""
        ...

    @property
    def max_output(self) -> int | None: ...

    def neutral(self) -> neutral.Request:
        """The request in the neutral form."""
        ...


class Target(Struct, frozen=True):
    """What writing a request has to know of the model it is for."""

    model: str
    """As the provider calls it."""
    kind: str
    """The provider's kind: a row of `providers.deltas`."""
    max_output: int = 0
    """The most it can answer; 0 when not known."""
    flags: frozenset[str] = frozenset()
    max_tokens_field: str = ""


class Asked(Struct, frozen=True):
    """What writing an answer has to know of the request it answers."""

    request_id: str
    model: str
    """The model that answers, by its name here."""
    view: View
    created: int


class Reader(Protocol):
    """An upstream's stream on its way to the client: what goes in comes out in the client's dialect."""

    committed: bool
    """There is content worth giving to the client."""
    done: bool
    """The answer is whole."""
    ended: bool
    """The provider's end mark has come: nothing behind it matters."""
    error: str
    """Why it is no proper answer."""
    fault: bytes
    """The event with which the provider told so."""
    said: int
    """About the bytes of content, as far as they were looked at."""
    usage: Usage | None

    @property
    def estimate(self) -> int:
        """About the tokens delivered, where usage never came."""
        ...

    @property
    def calls(self) -> Calls:
        """Tools of the provider's own that were used, where usage never came."""
        ...

    def feed(self, piece: bytes) -> bytes:
        """What may go on to the client now, in whole events; empty while held back."""
        ...

    def end(self) -> bytes:
        """The stream is over: what is left for the client."""
        ...


class Interpreter(Protocol):
    """Reads a provider's events, one by one, into neutral ones."""

    @property
    def unread(self) -> Iterable[str]:
        """What of the answer has no place in them: rules of `translate`, each with what it met."""
        ...

    def read(self, event: bytes) -> list[neutral.Event]:
        """One whole server-sent event with its blank line. Raises ValueError for what is no proper event."""
        ...

    def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
        """(the deltas of the events from `at` on, where the last of them ends), if they differ by their words alone. None where
        `read` has to tell, which tells no runs."""
        ...

    def end(self) -> list[neutral.Event]:
        """The stream is over: what was held back."""
        ...


class Writer(Protocol):
    """Writes neutral events as one dialect's stream."""

    @property
    def untold(self) -> frozenset[str]:
        """What this dialect's streams have no place for: of the rules of `translate`, `citations` and `answer_logprobs`."""
        ...

    def write(self, event: neutral.Event) -> bytes: ...


class Dialect(Struct, frozen=True):
    name: str
    read_request: Callable[[bytes, str, bool], View]
    """(body, model and stream where the path says them). Every complaint names the field."""
    write_request: Callable[[neutral.Request, Target, Losses], bytes]
    read_answer: Callable[[bytes], neutral.Answer]
    """Raises ValueError for what is no proper answer, saying why."""
    write_answer: Callable[[neutral.Answer, Asked], bytes]
    interpreter: Callable[[], Interpreter]
    writer: Callable[[Asked], Writer]
    passing: Callable[[View, bool], Reader]
    """The same dialect on both sides. The flag: usage was asked for on the caller's behalf and has to be taken out."""
    account: Callable[[bytes], tuple[Usage | None, str]]
    """(usage, why it is no answer) of a whole answer that passes untouched. The usage is None where nobody can tell it, and
    nothing where its provider says that there is no answer."""
    error_body: Callable[[RequestError, str], bytes]
    error_event: Callable[[RequestError, str], bytes]
    read_count: Callable[[bytes, str], View] | None = None
    """(body, model where the path says it) of a request to count tokens."""
    write_count: Callable[[int], bytes] | None = None
    ping: bytes = b": ping\n\n"
    """An event of a stream that says nothing."""
    usual: Callable[[bytes], Usage | None] | None = None
    """The usage of a whole answer that is as nearly all are, so that nothing else of it need be looked at; None for others."""
