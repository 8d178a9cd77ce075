"""A client that sends exactly the bytes it is told to, and reads answers strictly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

PATIENCE = 10.0


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True
    """The body ended as its framing says."""

    @property
    def json(self) -> dict[str, object]:
        told = json.loads(self.body)
        assert isinstance(told, dict)
        return told

    @property
    def error(self) -> dict[str, object]:
        found = self.json["error"]
        assert isinstance(found, dict)
        return found


class Client:
    """One connection."""

    def __init__(self, port: int, key: str = "fl_test") -> None:
        self.port = port
        self.key = key

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**26)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        lines = {"Host": f"127.0.0.1:{self.port}"}
        if self.key:
            lines["Authorization"] = f"Bearer {self.key}"
        if body:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, f"{name} stands twice"
            headers[name.lower()] = value
        return int(lines[0].split(" ")[1]), headers

    async def response(self, bodyless: bool = False) -> Response:
        status, headers = await self.head()
        async with asyncio.timeout(PATIENCE):
            if bodyless:
                return Response(status, headers, b"")
            if "content-length" in headers:
                return Response(status, headers, await self.reader.readexactly(int(headers["content-length"])))
            if headers.get("transfer-encoding") == "chunked":
                return await self._chunked(status, headers)
            return Response(status, headers, await self.reader.read())

    async def piece(self) -> bytes:
        """The next chunk; empty at the end."""
        async with asyncio.timeout(PATIENCE):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def _chunked(self, status: int, headers: dict[str, str]) -> Response:
        pieces: list[bytes] = []
        whole = True
        try:
            while piece := await self.piece():
                pieces.append(piece)
        except (asyncio.IncompleteReadError, ConnectionError):
            whole = False
        return Response(status, headers, b"".join(pieces), whole)

    async def rest(self) -> bytes:
        """All that comes until the other side closes."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


async def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, key: str = "fl_test"
) -> Response:
    async with Client(port, key) as client:
        client.ask(method, path, body, headers)
        return await client.response(bodyless=method == "HEAD")
