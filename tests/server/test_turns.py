"""Requests are begun in their order, a few in one turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import cast

import pytest

from fairlead.server import exchange
from fairlead.server.exchange import Exchange
from fairlead.server.turns import AT_ONCE, OF_A_STREAM, Turns, share


def asked(received: float = 1.0, body: bytes = b"{}", path: str = "/v1/chat/completions") -> Exchange:
    return Exchange(cast(exchange.Line, None), received, path=path, body=body)


class Line:
    """A connection that `share` is known of, or nothing yet."""

    def __init__(self, go: Callable[[], None] = lambda: None, share: int = 0) -> None:
        self.go = go
        self.share = share


async def test_requests_that_come_together_are_begun_all_at_once_or_out_of_order() -> None:  # FAULTS 28
    turns, begun = Turns(asyncio.get_running_loop()), list[int]()
    for number in range(3 * AT_ONCE):
        turns.begin(Line(partial(begun.append, number)), asked(float(number)))
    seen = [len(begun)]
    while len(begun) < 3 * AT_ONCE:
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert begun == list(range(3 * AT_ONCE))
    assert max(after - before for before, after in pairwise(seen)) <= AT_ONCE
    assert seen[0] == AT_ONCE


async def test_one_who_comes_later_goes_before_those_who_wait() -> None:
    turns, begun = Turns(asyncio.get_running_loop()), list[str]()
    for _ in range(AT_ONCE + 1):
        turns.begin(Line(partial(begun.append, "first")), asked())
    asyncio.get_running_loop().call_soon(turns.begin, Line(partial(begun.append, "later")), asked(2.0))
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == ["first"] * (AT_ONCE + 1) + ["later"]


async def test_what_waits_for_its_turn_is_not_seen_to_wait() -> None:
    turns = Turns(asyncio.get_running_loop())
    turns.beat(100.0)
    for _ in range(20 * AT_ONCE):
        turns.begin(Line(), asked(100.0))
    assert turns.ahead() == 0.0, "nobody knows yet how fast they go"
    for _ in range(10):
        await asyncio.sleep(0)
    turns.beat(100.1)
    left = len(turns._waiting)
    assert 0 < left < 19 * AT_ONCE
    assert turns.ahead() == pytest.approx(0.1 * left / (19 * AT_ONCE - left))
    while turns._waiting:
        await asyncio.sleep(0)
    assert turns.ahead() == 0.0


async def test_a_stop_of_the_loop_is_taken_for_a_queue_that_does_not_move() -> None:
    turns = Turns(asyncio.get_running_loop())
    turns.beat(100.0)
    for _ in range(100 * AT_ONCE):
        turns.begin(Line(), asked(100.0))
    seen = []
    for at in (*(100.0 + beat / 20 for beat in range(1, 13)), 105.0):
        for _ in range(5):
            await asyncio.sleep(0)
        turns.beat(at)
        seen.append(turns.ahead() / len(turns._waiting))
    assert seen[-1] < 2 * seen[-2]


async def test_how_fast_a_queue_moved_that_is_gone_is_held_against_the_next() -> None:
    turns = Turns(asyncio.get_running_loop())
    turns.beat(100.0)
    for _ in range(4 * AT_ONCE):
        turns.begin(Line(), asked(100.0))
    await asyncio.sleep(0)
    turns.beat(100.2)
    assert turns.ahead() > 0.1
    while turns._waiting:
        await asyncio.sleep(0)
    turns.beat(100.25)
    for _ in range(4 * AT_ONCE):
        turns.begin(Line(), asked(100.26))
    assert turns.ahead() == 0.0


async def test_streams_that_come_together_wait_for_the_work_of_all() -> None:
    turns, begun = Turns(asyncio.get_running_loop()), list[int]()
    for number in range(AT_ONCE):
        turns.begin(Line(partial(begun.append, number)), asked(body=b'{"stream": true}'))
    assert len(begun) == AT_ONCE // OF_A_STREAM


async def test_who_had_a_stream_the_last_time_is_not_taken_for_one_who_wants_another() -> None:
    turns, begun = Turns(asyncio.get_running_loop()), list[int]()
    for number in range(AT_ONCE):
        turns.begin(Line(partial(begun.append, number), OF_A_STREAM if number % 2 else 1), asked())
    assert len(begun) == 7, "1 and 4 in turn, until the turn is full"


def test_a_stream_is_seen_only_where_the_body_is_short() -> None:
    words = b'{"model":"m","messages":[{"role":"user","content":"%b"}]' % (b"x" * 9_000)
    assert share(asked(body=words + b',"stream":true}')) == OF_A_STREAM
    assert share(asked(body=b'{"stream": true,' + words[1:] + b"}")) == OF_A_STREAM
    assert share(asked(path="/v1beta/models/m:streamGenerateContent")) == OF_A_STREAM
    assert share(asked(body=words + b',"stream":false}')) == 1
