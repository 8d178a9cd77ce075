"""A stream behind its first content: each piece goes on within the read that brings it, none is lost, none comes too late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.gateway.connections import HttpReply
from fairlead.providers.wire import UpstreamBroken
from tests.gateway.test_connections import Sending, sending
from tests.server.serving import serving, soon
from tests.upstream import CUT, STREAM_HEAD, Play, chunk, event, events, stream

SAID = [event({"content": f"word {number}"}) for number in range(40)]
END = b"0\r\n\r\n"


class Taker:
    """Takes pieces until it is to say no."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.pieces: list[bytes] = []
        self.within_a_task: list[bool] = []

    def __call__(self, piece: bytes) -> bool:
        self.pieces.append(piece)
        self.within_a_task.append(asyncio.current_task() is not None)
        return len(self.pieces) < self.most

    @property
    def all(self) -> bytes:
        return b"".join(self.pieces)


async def begun(up: Sending, *steps: object) -> HttpReply:
    up.upstream.push("one", Play([STREAM_HEAD, 0.05, *steps]))
    return await up.send()


def paced(pieces: list[bytes]) -> list[object]:
    return [step for piece in pieces for step in (chunk(piece), 0.002)]


async def test_a_piece_waits_until_a_task_wakes() -> None:
    async with sending() as up:
        reply, taker = await begun(up, *paced(SAID), END), Taker()
        assert await reply.pour(taker) is False
        assert taker.all == b"".join(SAID)
        assert not any(taker.within_a_task)


async def test_what_comes_behind_a_no_is_lost_or_given_unasked() -> None:
    async with sending() as up:
        reply, taker = await begun(up, *paced(SAID), END), Taker(3)
        assert await reply.pour(taker) is True
        await soon(lambda: reply.complete)
        assert len(taker.pieces) == 3
        rest = Taker()
        assert await reply.pour(rest) is False
        assert taker.all + rest.all == b"".join(SAID)


async def test_a_cut_stream_is_taken_for_a_whole_one() -> None:  # FAULTS 5
    async with sending() as up:
        reply, taker = await begun(up, *paced(SAID), CUT), Taker()
        with pytest.raises(UpstreamBroken, match="closed"):
            await reply.pour(taker)
        assert taker.all == b"".join(SAID)


async def test_a_stream_that_was_left_is_given_on() -> None:
    async with sending() as up:
        reply, taker = await begun(up, *paced(SAID), END), Taker()
        pouring = asyncio.create_task(reply.pour(taker))
        await soon(lambda: len(taker.pieces) > 3)
        pouring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pouring
        given = len(taker.pieces)
        await soon(lambda: reply.complete)
        assert len(taker.pieces) == given


async def test_pieces_and_ends_of_any_kind_change_what_the_client_reads(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        whole = [*events()[:1], *SAID, *events()[2:]]
        sent = b"".join(whole)
        for pieces in (whole, [sent], [sent[at : at + 7] for at in range(0, len(sent), 7)]):
            server.upstream.push("one", stream(pieces))
            response = await server.chat(stream=True, stream_options={"include_usage": True})
            assert response.whole
            assert response.body == sent
