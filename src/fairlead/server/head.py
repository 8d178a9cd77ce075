"""The head of a request that comes again: who keeps a connection sends the same one each time, but for the length.

A head that the parser has taken is remembered as what stands before and behind the digits of its Content-Length. Bytes
that differ in nothing but these digits would be read the same way, so the parser need not look at them again. Only a
request that is whole is taken so: one read brings the head, its body and nothing else.

Connections that are sent the same head share one `Head`, and with it the headers and what was made of them: a few
hundred clients of one program are then no more to hold in a processor's cache than one.
"""

from __future__ import annotations

import re
from weakref import WeakValueDictionary

from fairlead.server.exchange import Exchange, Line

LONGEST = 2048
"""Bytes of a head that is kept as long as its connection."""
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)
END = b"\r\n\r\n"
ACTED_ON = frozenset((b"expect", b"upgrade", b"transfer-encoding"))
"""Headers that make the connection do something: the parser sees them every time."""


class Head:
    """A head, and what the parser read in it."""

    __slots__ = ("__weakref__", "_headers", "_lines", "_method", "_path", "_query", "_size")

    def __init__(self, first: Exchange, before: bytes, behind: bytes) -> None:
        self._method = first.method
        self._path = first.path
        self._query = first.query
        self._headers = first.headers
        self._lines = before.replace(b"%", b"%%") + b"%d" + behind.replace(b"%", b"%%")
        """With a place for the length."""
        self._size = len(before) + len(behind) + 1
        """How long it was the last time."""

    def again(self, data: bytes, connection: Line, received: float) -> Exchange | None:
        """The next request, if these bytes are this head again with all of its body."""
        size = self._size
        lines = self._lines % (len(data) - size)
        if len(lines) != size:  # the length has more digits this time, or fewer
            size = self._size = len(lines)
            lines = self._lines % (len(data) - size)
            if len(lines) != size:
                return None
        if data[:size] != lines:
            return None
        return Exchange(connection, received, self._method, self._path, self._query, self._headers, data[size:])


Heads = WeakValueDictionary[tuple[bytes, bytes], Head]
"""Those in use, by what stands before and behind the digits."""


def known_to(data: bytes, known: Heads) -> Head | None:
    """The head these bytes begin with, if some connection is sent the same: what comes first on a new one is mostly that."""
    end = data.find(END, 0, LONGEST)
    found = LENGTH.search(data, 0, end + 2) if end > 0 else None
    return None if found is None else known.get((data[: found.start(1)], data[found.end(1) : end + len(END)]))


def remembered(data: bytes, exchange: Exchange, known: Heads) -> Head | None:
    """The head of a request the parser has made of `data`; None unless the data hold just this request, and the
    connection goes on behind it."""
    size = len(data) - len(exchange.body)
    if not exchange.keep_alive or size > LONGEST or not ACTED_ON.isdisjoint(exchange.headers):
        return None
    found = LENGTH.search(data, 0, size)
    if found is None or int(found[1]) != len(exchange.body) or data.find(END) + len(END) != size:
        return None
    before, behind = data[: found.start(1)], data[found.end(1) : size]
    head = known.get((before, behind))
    if head is None:
        head = known[before, behind] = Head(exchange, before, behind)
    return head
