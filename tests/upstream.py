"""A scripted upstream: raw HTTP on loopback that plays a fault per request and logs every call, byte and disconnect.

Its log is the oracle: what it did not see did not happen, and what it says it delivered has to be on the books.
The first segment of the path names the *seat* a call came in at (`/one/v1/chat/completions` -> `one`), so that one
upstream stands in for several providers, each with a script of its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

CUT = object()
"""Close the connection properly (FIN)."""
RST = object()
HANG = object()
"""Keep the connection and send nothing more."""
Step = bytes | float | object
"""Bytes to send, seconds to pause, or one of the three above."""
USAGE = (11, 7)


@dataclass
class Play:
    """What one request gets. `usage` is what the provider would bill for it."""

    steps: Sequence[Step]
    usage: tuple[int, int] | None = None
    status: int = 200


@dataclass
class Seen:
    """One call as the upstream saw it."""

    seat: str
    path: str
    head: bytes
    body: bytes
    play: Play
    sent: int = 0
    """Bytes handed to the kernel."""
    whole: bool = False
    """The play was played to its end."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The other side closed before the end."""

    @property
    def model(self) -> str:
        return str(json.loads(self.body)["model"])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def completion(text: str = "Bonjour.", usage: tuple[int, int] | None = USAGE, model: str = "up") -> bytes:
    body: dict[str, object] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
    }
    if usage is not None:
        body["usage"] = figures(usage)
    return json.dumps(body).encode()


def figures(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def plain(status: int, body: bytes, headers: str = "", kind: str = "application/json") -> bytes:
    return (
        f"HTTP/1.1 {status} S\r\nContent-Type: {kind}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


def answer(text: str = "Bonjour.", usage: tuple[int, int] | None = USAGE, wait: float = 0.0) -> Play:
    return Play([wait, plain(200, completion(text, usage))], usage)


def status(number: int, words: str = "no", headers: str = "") -> Play:
    body = json.dumps({"error": {"message": words, "type": "t", "param": None, "code": "c"}}).encode()
    return Play([plain(number, body, headers)], None, number)


def event(delta: dict[str, object] | None, finish: str | None = None, usage: tuple[int, int] | None = None) -> bytes:
    """One event of a stream; without a delta it is the usage chunk."""
    body: dict[str, object] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up"}
    body["choices"] = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    if usage is not None:
        body["usage"] = figures(usage)
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def events(
    texts: Sequence[str] = ("Bon", "jour."), usage: tuple[int, int] | None = USAGE, done: bool = True
) -> list[bytes]:
    told = [event({"role": "assistant", "content": ""})]
    told += [event({"content": text}) for text in texts]
    told.append(event({}, "stop"))
    if usage is not None:
        told.append(event(None, usage=usage))
    if done:
        told.append(b"data: [DONE]\n\n")
    return told


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def stream(steps: Sequence[Step], usage: tuple[int, int] | None = USAGE, end: bool = True) -> Play:
    """Pieces of the body as chunks; without `end` the body stays open (add CUT or HANG as the last step)."""
    framed: list[Step] = [STREAM_HEAD]
    framed += [chunk(step) if isinstance(step, bytes) else step for step in steps]
    return Play([*framed, b"0\r\n\r\n"] if end else framed, usage)


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.buffer = b""
        self.transport: asyncio.Transport | None = None
        self.seen: Seen | None = None
        self.playing: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.upstream.connections.add(self)
        self.upstream.accepted += 1
        if self.upstream.deaf:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.upstream.connections.discard(self)
        self.transport = None
        self.writable.set()
        if self.seen is not None:
            self.seen.left.set()
        if self.playing is not None:
            self.playing.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found or self.playing is not None:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        path = head.split(b" ")[1].decode()
        seat = urlsplit(path).path.split("/")[1]
        self.seen = Seen(seat, path, head, rest[:length], self.upstream.next_play(seat, rest[:length]))
        self.upstream.calls.append(self.seen)
        self.playing = asyncio.get_running_loop().create_task(self.play(self.seen))

    async def play(self, seen: Seen) -> None:
        for step in seen.play.steps:
            assert self.transport is not None
            if isinstance(step, bytes):
                if self.transport.is_closing():
                    return
                self.transport.write(step)
                seen.sent += len(step)
                await asyncio.sleep(0)
                await self.writable.wait()
            elif isinstance(step, float):
                if step:
                    await asyncio.sleep(step)
            elif step is HANG:
                await asyncio.Event().wait()
            else:
                seen.whole = True
                self.seen = None
                if step is RST:
                    sock = self.transport.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.transport.close()
                return
        seen.whole = True
        self.seen = self.playing = None
        if self.buffer:
            self.data_received(b"")


class Upstream:
    """Plays `script[seat]` one by one, then answers properly."""

    def __init__(self) -> None:
        self.script: dict[str, deque[Play]] = defaultdict(deque)
        self.calls: list[Seen] = []
        self.connections: set[_Connection] = set()
        self.accepted = 0
        self.deaf = False
        """Accept and close at once."""
        self.port = 0

    def next_play(self, seat: str, body: bytes) -> Play:
        queued = self.script.get(seat)
        if queued:
            return queued.popleft()
        asked = json.loads(body) if body else {}
        return stream(events()) if asked.get("stream") else answer()

    def push(self, seat: str, *plays: Play) -> None:
        self.script[seat].extend(plays)

    @property
    def seats(self) -> list[str]:
        """Where the calls came in, in order."""
        return [seen.seat for seen in self.calls]


@asynccontextmanager
async def scripted(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    upstream = Upstream()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(upstream), host, port, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for connection in list(upstream.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)
        await server.wait_closed()
