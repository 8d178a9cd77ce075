"""Faults on order: what a simulated model plays instead of behaving, request by request.

A fault is queued for one model, or for whichever model is asked next. A model's own queue goes first; each
request takes one fault. Without one queued the model's `Behaviour` decides.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal, get_args

import msgspec

from fairlead.providers.simulated.behaviour import UsageMode

FaultKind = Literal[
    "ok",
    "status",
    "refuse",
    "hang",
    "slow",
    "stall",
    "cut",
    "reset",
    "truncate",
    "garbage",
    "error_event",
    "bad_event",
    "empty",
    "refusal",
    "usage",
    "split",
    "flood",
]

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
ANY = ""
Natural = Annotated[int, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    ok           answer normally (to let requests pass between faults)
    status       an HTTP error: `status`, `retry_after`, `text`
    refuse       no connection
    hang         the connection stands, nothing ever comes
    slow         the first byte comes `ms` later than usual
    stall        pause for `ms` (None: for ever) after `after_tokens`
    cut, reset   the connection ends after `after_tokens` (FIN, RST); an unstreamed body is half sent
    truncate     the stream ends properly after `after_tokens`, but without finish, usage and terminator
    garbage      200 with `text` for a body
    error_event  200, then an error in the provider's shape after `after_tokens`
    bad_event    one malformed event after `after_tokens`, the rest of the stream is good
    empty        a formally perfect answer without content
    refusal      the model refuses, in the words of `text`
    usage        `usage` is reported in this way
    split        the body arrives in pieces of `size` bytes
    flood        200 and `size` bytes of nothing useful
    """

    kind: FaultKind
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 503
    retry_after: str = ""
    text: str = ""
    after_tokens: Natural = 0
    ms: Annotated[float, msgspec.Meta(ge=0)] | None = None
    usage: UsageMode = "absent"
    size: Natural = 1
    headers: tuple[tuple[str, str], ...] = ()
    """Further response headers, sent as they stand."""
    times: Natural = 1
    """For how many requests; 0 means until the script is cleared."""


NORMAL = Fault("ok")


def fail(status: int, retry_after: str = "", times: int = 1) -> Fault:
    return Fault("status", status=status, retry_after=retry_after, times=times)


class Script:
    """The queues of faults still to be played."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Fault]] = {}

    def push(self, *faults: Fault, model: str = ANY) -> None:
        self._queues.setdefault(model, deque()).extend(faults)

    def take(self, model: str) -> Fault | None:
        """The fault for a request to `model`, used up."""
        for name in (model, ANY):
            queue = self._queues.get(name)
            if queue:
                return self._use(queue)
        return None

    @staticmethod
    def _use(queue: deque[Fault]) -> Fault:
        fault = queue[0]
        if fault.times == 1:
            queue.popleft()
        elif fault.times > 1:
            queue[0] = msgspec.structs.replace(fault, times=fault.times - 1)
        return fault

    def pending(self) -> int:
        """How many faults are queued, those with several turns counted once."""
        return sum(len(queue) for queue in self._queues.values())

    def clear(self) -> None:
        self._queues.clear()
