"""An answer made once and told to several: what a surface writes into it, any number of clients read out of it.

The maker waits for the quickest reader only; a reader that falls behind by more than is kept is left with a torn answer.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from fairlead.errors import RequestError
from fairlead.gateway.request import Outlet

KEPT = 2**20
"""Bytes of a stream that stay for who comes late."""
AHEAD = 256 * 1024
"""Bytes the maker may be ahead of the quickest reader."""
REPLAYED = b"x-fairlead-replayed: true\r\n"

Standing = Literal["begun", "whole", "torn"]


class Reader:
    """How far one client has read."""

    __slots__ = ("bytes", "pieces")

    def __init__(self) -> None:
        self.pieces = 0
        self.bytes = 0


class Recording:
    """The outlet of the maker; `tell` is for the readers."""

    def __init__(self) -> None:
        self.standing: Standing = "begun"
        self.status = 0
        self.headers = b""
        self.streamed = False
        self.readers: set[Reader] = set()
        self.replayed = False
        """It was made by an earlier request."""
        self._error: RequestError | None = None
        self._pieces: list[bytes] = []
        self._dropped = 0
        """Pieces at the beginning that are gone."""
        self._size = 0
        self._kept = 0
        self._grown = asyncio.Event()
        self._read = asyncio.Event()

    # The maker's side: an Outlet

    @property
    def started(self) -> bool:
        return self.status > 0

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.status, self.headers = status, headers
        self._pieces = [body]
        self.standing = "whole"
        self._tell_readers()

    def start(self, status: int, headers: bytes) -> None:
        self.status, self.headers, self.streamed = status, headers, True
        self._tell_readers()

    async def write(self, piece: bytes) -> None:
        if not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        self._kept += len(piece)
        while self._kept > KEPT and len(self._pieces) > 1:
            self._kept -= len(self._pieces.pop(0))
            self._dropped += 1
        self._tell_readers()
        while self.readers and self._size - max(reader.bytes for reader in self.readers) > AHEAD:
            self._read = asyncio.Event()
            await self._read.wait()

    def end(self, last: bytes = b"") -> None:
        if last:
            self._pieces.append(last)
            self._size += len(last)
        self.standing = "whole"
        self._tell_readers()

    def fail(self, error: RequestError) -> None:
        """There will be no answer, and everybody is told why."""
        self._error = error
        self.tear()

    def tear(self) -> None:
        """Nothing more will come."""
        if self.standing == "begun":
            self.standing = "torn"
        self._tell_readers()

    def _tell_readers(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    # The readers' side

    @property
    def joinable(self) -> bool:
        """Its beginning is still there."""
        return not self._dropped

    def body(self) -> bytes:
        return b"".join(self._pieces)

    async def tell(self, reader: Reader, outlet: Outlet, replayed: bool) -> None:
        """Raises the RequestError it failed with; leaves the outlet unfinished where the answer is torn."""
        while not self.started and self.standing == "begun":
            await self._grown.wait()
        if self._error is not None:
            raise self._error
        if not self.started:
            return
        headers = self.headers + REPLAYED if replayed or self.replayed else self.headers
        if not self.streamed:
            outlet.send(self.status, headers, self.body())
            return
        outlet.start(self.status, headers)
        while await self._tell_pieces(reader, outlet):
            if self.standing != "begun":
                if self.standing == "whole":
                    outlet.end()
                return
            await self._grown.wait()

    async def _tell_pieces(self, reader: Reader, outlet: Outlet) -> bool:
        """All there is now; False where some of it is gone already."""
        while reader.pieces < self._dropped + len(self._pieces):
            at = reader.pieces - self._dropped
            if at < 0:
                return False
            piece = self._pieces[at]
            reader.pieces += 1
            await outlet.write(piece)
            reader.bytes += len(piece)
            self._read.set()
        return True
