"""Answers that come compressed although they were asked for as they are: read as they stand, within bounds.

What arrives stays compressed until somebody reads, and a read gives no more than a piece of bounded size: a body
that swells a thousandfold takes no memory, and after `GENEROUS` bytes it is given up. Encodings that the standard
library does not know, and several at once, are failures of the protocol; status and headers hold all the same.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from fairlead.providers.wire import Reply, UpstreamBroken

if TYPE_CHECKING:
    from fairlead.gateway.connections import HttpReply

MAX_BODY = 64 * 1024 * 1024
PIECE = 64 * 1024
GENEROUS = 4 * 1024 * 1024
"""Bytes that may come of however few."""
RATIO = 100
"""Beyond them, so many bytes may come of each: text of all kinds stays far below."""
GZIP = 16 + zlib.MAX_WBITS
PLAIN = frozenset((b"", b"identity"))


async def read_all(reply: Reply) -> bytes:
    pieces = []
    size = 0
    while piece := await reply.read():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            reply.abort()
            raise UpstreamBroken("too_large", f"the answer exceeds {MAX_BODY >> 20} MB")
    return b"".join(pieces)


def readable(reply: HttpReply) -> HttpReply | EncodedReply:
    """The reply, or one that gives its body as it was before it was encoded."""
    encoding = reply.headers[b"content-encoding"].strip().lower()
    return reply if encoding in PLAIN else EncodedReply(reply, encoding)


class EncodedReply:
    """A provider's answer with a compressed body. See `providers.wire.Reply`."""

    __slots__ = ("_begun", "_decoder", "_encoding", "_full", "_left", "_reply", "_size", "_taken")

    def __init__(self, reply: HttpReply, encoding: bytes) -> None:
        self._reply = reply
        self._encoding = encoding
        self._decoder = zlib.decompressobj(GZIP) if encoding in (b"gzip", b"x-gzip") else None
        self._left = b""
        """What has arrived and is not decoded yet."""
        self._begun = self._decoder is not None
        self._full = False
        """The last piece was as large as one may be: the decoder itself may hold more."""
        self._taken = 0
        self._size = 0

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        return self._reply.headers

    @property
    def complete(self) -> bool:
        return self._reply.complete

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        while True:
            if self._full or (self._left and self._begun):
                # Much may come of little: between two pieces the others have their turn.
                await asyncio.sleep(0)
            else:
                piece = await self._reply.read()
                if not piece:
                    self._check_end()
                    return b""
                self._taken += len(piece)
                self._left += piece
                self._begin()
            decoded = self._decoded()
            if decoded:
                return decoded

    body = read_all

    def await_content(self, awaited: bool) -> None:
        self._reply.await_content(awaited)

    def let_go(self) -> None:
        self._left = b""
        self._reply.let_go()

    def abort(self) -> None:
        self._left = b""
        self._reply.abort()

    def _begin(self) -> None:
        """What is called deflate comes with zlib's head from most and without it from some: two bytes tell."""
        if self._begun:
            return
        if self._encoding != b"deflate":
            told = self._encoding[:40].decode("latin-1")
            self._give_up("protocol", f"the answer comes in the encoding {told}, which was not asked for")
        if len(self._left) >= 2:
            headed = self._left[0] & 15 == 8 and int.from_bytes(self._left[:2], "big") % 31 == 0
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)
            self._begun = True

    def _decoded(self) -> bytes:
        decoder = self._decoder
        if decoder is None:
            return b""
        if decoder.eof:
            if self._left:
                self._give_up("protocol", "the answer goes on behind the end of its compressed body")
            self._full = False
            return b""
        try:
            piece = decoder.decompress(self._left, PIECE)
        except zlib.error as problem:
            self._give_up("protocol", f"the answer's compressed body is damaged ({problem})")
        self._left = decoder.unused_data or decoder.unconsumed_tail
        self._size += len(piece)
        self._full = len(piece) == PIECE
        if self._size > GENEROUS and self._size > RATIO * self._taken:
            self._give_up("too_large", f"the answer swells to more than {RATIO} times what was sent")
        return piece

    def _check_end(self) -> None:
        if self._taken and (self._decoder is None or not self._decoder.eof):
            raise UpstreamBroken("cut", "the answer's compressed body breaks off")

    def _give_up(self, reason: str, told: str) -> NoReturn:
        self.abort()
        raise UpstreamBroken(reason, told)
