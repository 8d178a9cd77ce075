"""A stream on its way to the client, behind its first content.

    provider's socket -> Connection.buffer_updated -> HttpReply.add -> give (here) -> Exchange.put -> client's socket

Where both ends can, each piece goes this way within the read that brings it: no task wakes, nothing waits for its turn. The
request's task sleeps meanwhile; it wakes when the stream is over or broken, when it has to be ended, or when the client is
slow. Where an end cannot (an answer that comes compressed, one that is kept or rewritten on its way), the task reads and
writes piece by piece.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fairlead.gateway.failures import masked
from fairlead.gateway.request import Direct, Outlet
from fairlead.providers.wire import Pouring, Reply

if TYPE_CHECKING:
    from fairlead.dialects.dialect import Reader
    from fairlead.gateway.attempt import Try


async def relay(trying: Try, reader: Reader, reply: Reply, outlet: Outlet) -> None:
    """Until the stream is over, or has to be. Raises UpstreamBroken where it was cut."""
    pouring: Pouring | None = getattr(reply, "pouring", None)
    direct: Direct | None = getattr(outlet, "direct", None)
    taken = partial(trying.within, reader) if trying.limit else reader.feed
    """What of a piece the client gets."""
    if pouring is None or direct is None:
        while not over(trying, reader) and (piece := await reply.read()):
            writing = outlet.write(shown(trying, taken(piece)))
            piece = b""  # a slow client is to hold it once
            await writing
        return

    def give(piece: bytes) -> bool:
        return direct.put(shown(trying, taken(piece))) and not over(trying, reader)

    while not over(trying, reader) and await pouring.pour(give):
        await direct.caught_up()


def over(trying: Try, reader: Reader) -> bool:
    return reader.ended or bool(reader.error) or trying.cut is not None


def shown(trying: Try, events: bytes) -> bytes:
    """A provider's error in a stream may repeat the key it was sent."""
    # The bare word is found several times as fast as the quoted one: few letters of events end like it.
    if events.find(b"error") >= 0 and b'"error"' in events:  # `in` raises and drops an exception first
        return masked(events, trying.endpoint)
    return events
