"""Gemini streams for clients that do not ask for events (`alt=sse`): one JSON array, an element an event."""

from __future__ import annotations

from fairlead.dialects import sse
from fairlead.gateway.request import Outlet

JSON_TYPE = b"Content-Type: application/json; charset=UTF-8\r\n"


class ArrayOutlet:
    """Takes server-sent events, gives array elements."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._begun = False

    @property
    def started(self) -> bool:
        return self._outlet.started

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self._outlet.send(status, headers, body)

    def start(self, status: int, headers: bytes) -> None:
        kept = [line for line in headers.split(b"\r\n") if line and not line.lower().startswith(b"content-type:")]
        self._outlet.start(status, JSON_TYPE + b"".join(line + b"\r\n" for line in kept))

    async def write(self, piece: bytes) -> None:
        elements = self._elements(piece)
        if elements:
            await self._outlet.write(elements)

    def end(self, last: bytes = b"") -> None:
        elements = self._elements(last)
        self._outlet.end(elements + (b"]" if self._begun else b"[]"))

    def _elements(self, piece: bytes) -> bytes:
        found = [data for event in sse.split(piece) if (data := sse.data(event)) is not None]
        if not found:
            return b""
        opening = b",\r\n" if self._begun else b"["
        self._begun = True
        return opening + b",\r\n".join(found)
