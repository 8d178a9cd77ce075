"""The oracle: what every simulated call was asked, what was really delivered, and how it ended.

Tests compare the gateway's ledger with it. It keeps the last `keep` calls; the bodies only when told to, since
they are prompts. Credentials are masked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Literal

import msgspec

Ending = Literal["open", "ok", "error", "refused", "cut", "closed"]
"""`error`: an HTTP error was delivered whole. `cut`: the provider broke off. `closed`: the client left first."""

_SECRET = frozenset({b"authorization", b"x-api-key", b"api-key", b"cookie", b"proxy-authorization"})
_REQUEST_ID = (b"x-fairlead-request-id", b"x-request-id", b"x-client-request-id")


class Entry(msgspec.Struct):
    """One call. Filled in while it lasts."""

    serial: int
    """Counts from 1; also sent as the response header `x-sim-call`."""
    request_id: str
    path: str
    headers: dict[str, str]
    body: str
    """Empty unless the log keeps bodies."""
    started: float
    """Seconds of the log's clock, as the other times."""
    model: str = ""
    stream: bool = False
    fault: str = "ok"
    status: int = 0
    """0 until a head was delivered."""
    ending: Ending = "open"
    ended: float | None = None
    task: str = ""
    correct: bool | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    planned_tokens: int = 0
    """Tokens of visible output the whole answer has."""
    tokens: int = 0
    """Tokens of visible output delivered so far."""
    usage_reported: bool = False
    """Whether a usage report was delivered."""

    @property
    def completion_tokens(self) -> int:
        """What a provider would bill as output: reasoning is done before the first token leaves."""
        return self.tokens + self.reasoning_tokens if self.status == 200 else 0


class Log:
    def __init__(self, keep: int = 1000, bodies: bool = False) -> None:
        self.entries: deque[Entry] = deque(maxlen=keep)
        self.bodies = bodies
        self.total = 0
        """Calls since the last reset, those no longer kept included."""
        self.open = 0

    def begin(self, request_id: str, path: str, headers: Mapping[bytes, bytes], body: bytes, now: float) -> Entry:
        self.total += 1
        self.open += 1
        entry = Entry(
            serial=self.total,
            request_id=request_id or _request_id(headers),
            path=path,
            headers={name.decode("latin-1"): _shown(name, value) for name, value in headers.items()},
            body=body.decode("utf-8", "replace") if self.bodies else "",
            started=now,
        )
        self.entries.append(entry)
        return entry

    def end(self, entry: Entry, ending: Ending, now: float) -> None:
        """The first ending counts: closing after the end changes nothing."""
        if entry.ended is None:
            entry.ending = ending
            entry.ended = now
            self.open = max(0, self.open - 1)

    def clear(self) -> None:
        self.entries.clear()
        self.total = 0
        self.open = 0


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    for name in _REQUEST_ID:
        value = headers.get(name)
        if value:
            return value.decode("latin-1")
    return ""


def _shown(name: bytes, value: bytes) -> str:
    return "***" if name in _SECRET else value.decode("latin-1")
