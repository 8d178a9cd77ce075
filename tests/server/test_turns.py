"""Requests are begun in their order, a few in one turn of the loop."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from fairlead.server.turns import AT_ONCE, OF_A_STREAM, Turns, share


async def test_requests_that_come_together_are_begun_all_at_once_or_out_of_order() -> None:  # FAULTS 28
    turns, begun = Turns(asyncio.get_running_loop()), list[int]()
    for number in range(3 * AT_ONCE):
        turns.begin(float(number), 1, lambda number=number: begun.append(number))  # type: ignore[misc]
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
        turns.begin(1.0, 1, lambda: begun.append("first"))
    asyncio.get_running_loop().call_soon(turns.begin, 2.0, 1, lambda: begun.append("later"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == ["first"] * (AT_ONCE + 1) + ["later"]


async def test_what_waits_for_its_turn_is_not_seen_to_wait() -> None:
    turns = Turns(asyncio.get_running_loop())
    for number in range(AT_ONCE + 2):
        turns.begin(100.0 + number, 1, lambda: None)
    assert turns.late(200.0) == 100.0 - AT_ONCE
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert turns.late(200.0) == 0.0


async def test_streams_that_come_together_wait_for_the_work_of_all() -> None:
    turns, begun = Turns(asyncio.get_running_loop()), list[int]()
    for number in range(AT_ONCE):
        turns.begin(1.0, share("/v1/chat/completions", b'{"stream": true}'), lambda number=number: begun.append(number))  # type: ignore[misc]
    assert len(begun) == AT_ONCE // OF_A_STREAM


def test_a_stream_is_seen_only_where_the_body_is_short() -> None:
    words = b'{"model":"m","messages":[{"role":"user","content":"%b"}]' % (b"x" * 9_000)
    assert share("/v1/chat/completions", words + b',"stream":true}') == OF_A_STREAM
    assert share("/v1/chat/completions", b'{"stream": true,' + words[1:] + b"}") == OF_A_STREAM
    assert share("/v1beta/models/m:streamGenerateContent", b"{}") == OF_A_STREAM
    assert share("/v1/chat/completions", words + b',"stream":false}') == 1
