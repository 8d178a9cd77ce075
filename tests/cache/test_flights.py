"""Who leads, who waits, and what becomes of both."""

from __future__ import annotations

import asyncio

from fairlead.cache.flights import Flights, wait

PLACE = ("acme", b"a")


async def test_two_lead_at_once() -> None:  # M5.1
    flights = Flights()
    assert flights.lead(PLACE) is None
    leader = flights.lead(PLACE)
    assert leader is not None
    assert flights.lead(("others", b"a")) is None
    flights.land(PLACE)
    assert leader.done()
    assert flights.lead(PLACE) is None


async def test_a_follower_that_leaves_calls_off_the_others() -> None:  # M5.1
    flights = Flights()
    flights.lead(PLACE)
    leader = flights.lead(PLACE)
    assert leader is not None
    waiting = [asyncio.ensure_future(wait(leader, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert not leader.done()
    flights.land(PLACE)
    assert await asyncio.gather(*waiting[1:]) == [True, True]


async def test_a_follower_waits_beyond_its_time() -> None:
    flights = Flights()
    flights.lead(PLACE)
    leader = flights.lead(PLACE)
    assert leader is not None
    assert not await wait(leader, 0.01)
    assert not await wait(leader, -1)
    assert not leader.done()
