"""Clients: steady mixed load, and what came of each request as its client saw it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

from tests.server.wire import Client, Response

DONE = b"data: [DONE]"
NOTHING: Mapping[str, object] = {}


@dataclass
class Told:
    """One request. `status` 0: the connection ended without an answer."""

    status: int
    streamed: bool
    whole: bool
    body: bytes
    headers: Mapping[str, str]
    began: float
    seconds: float

    @property
    def good(self) -> bool:
        """A whole answer, and no word of trouble."""
        return self.status == 200 and self.whole and b'"error"' not in self.body and (not self.streamed or self.ended)

    @property
    def ended(self) -> bool:
        """A stream says that it is complete."""
        return self.body.rstrip().endswith(DONE)

    @property
    def cut(self) -> bool:
        """A stream that broke off and says so."""
        return self.status == 200 and self.streamed and b'"error"' in self.body and not self.ended

    @property
    def refused(self) -> bool:
        """An error in words."""
        return self.status >= 400 and self.body.startswith(b"{") and b'"error"' in self.body

    @property
    def text(self) -> str:
        """What the answer says."""
        if not self.streamed:
            return str(json.loads(self.body)["choices"][0]["message"]["content"])
        return "".join(
            choice["delta"].get("content") or ""
            for event in self.events
            if isinstance(event, dict)
            for choice in event.get("choices", ())
        )

    @property
    def events(self) -> list[object]:
        """What a stream holds; None for what no client can read."""
        found: list[object] = []
        for line in self.body.split(b"\n"):
            if line.startswith(b"data: ") and line != DONE:
                try:
                    found.append(json.loads(line[6:]))
                except ValueError:
                    found.append(None)
        return found


@dataclass
class Tally:
    told: list[Told] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> int:
        return sum(one.good for one in self.told)

    @property
    def bad(self) -> list[Told]:
        return [one for one in self.told if not one.good]

    def at(self, share: float) -> float:
        """Seconds within which this share of the requests ended."""
        times = sorted(one.seconds for one in self.told)
        return times[min(len(times) - 1, int(share * len(times)))]


def question(model: str, streamed: bool, **fields: object) -> bytes:
    messages = [{"role": "user", "content": "Hello"}]
    return json.dumps({"model": model, "messages": messages, "stream": streamed, **fields}).encode()


async def once(client: Client, body: bytes, streamed: bool, headers: Mapping[str, str] | None) -> Told:
    began = monotonic()
    try:
        client.ask("POST", "/v1/chat/completions", body, headers)
        found = await client.response()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        found = Response(0, {}, b"", whole=False)
    return Told(found.status, streamed, found.whole, found.body, found.headers, began, monotonic() - began)


class Seat:
    """One client, connecting anew whenever its connection is gone."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.client: Client | None = None

    async def ask(
        self, model: str, streamed: bool, headers: Mapping[str, str] | None = None, more: Mapping[str, object] = NOTHING
    ) -> Told:
        try:
            if self.client is None:
                self.client = await Client(self.port, self.key).__aenter__()
        except OSError:
            return Told(0, streamed, False, b"", {}, monotonic(), 0.0)
        told = await once(self.client, question(model, streamed, **more), streamed, headers)
        if not told.whole or told.headers.get("connection", "").lower() == "close":
            self.close()
        return told

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None


@dataclass
class Load:
    """So many at once; every second request is streamed, or all, or none."""

    port: int
    model: str
    at_once: int = 32
    streams: bool | None = None
    pause: float = 0.0
    key: str = "fl_test"
    fields: Mapping[str, object] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    async def count(self, number: int) -> Tally:
        return await self._run(number, float("inf"))

    async def last(self, seconds: float) -> Tally:
        return await self._run(10**9, monotonic() + seconds)

    async def _run(self, number: int, until: float) -> Tally:
        began, left = monotonic(), iter(range(number))
        await asyncio.gather(*(self._client(left, until) for _ in range(self.at_once)))
        self.tally.seconds += monotonic() - began
        return self.tally

    async def _client(self, left: object, until: float) -> None:
        seat = Seat(self.port, self.key)
        try:
            while monotonic() < until and (one := next(left, None)) is not None:  # type: ignore[call-overload]
                streamed = one % 2 == 0 if self.streams is None else self.streams
                self.tally.told.append(await seat.ask(self.model, streamed, None, self.fields))
                if self.pause:
                    await asyncio.sleep(self.pause)
        finally:
            seat.close()
