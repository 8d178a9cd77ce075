"""Requests that are alike and come at once, and a configuration that changes under what is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.cache import flights
from fairlead.config.load import loads
from fairlead.library import Gateway
from tests.gateway.test_caching import TOLD, cached
from tests.server.reloading import following
from tests.server.serving import KEYS, Served, config, question, serving, soon
from tests.upstream import HANG, Play, answer, completion, events, plain, scripted, status, stream


@pytest.mark.parametrize("streamed", [False, True])
async def test_fifty_of_the_same_at_once_are_more_than_one_call(tmp_path: Path, streamed: bool) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        told = events()
        served.upstream.push("one", stream([*told[:2], 0.2, *told[2:]]) if streamed else answer(wait=0.2))
        found = await asyncio.gather(*(served.chat(stream=streamed) for _ in range(50)))
        assert {response.status for response in found} == {200}
        assert len({response.body for response in found}) == 1
        assert sorted(response.headers[TOLD] for response in found) == ["hit-exact"] * 49 + ["miss"]
        assert len({response.headers["x-fairlead-request-id"] for response in found}) == 50
        assert len(served.upstream.calls) == 1
        records = await served.records()
        assert sum(record.cost for record in records) == records[0].cost + sum(one.cost for one in records[1:])
        assert sum(bool(record.attempts) for record in records) == 1
        assert len(flights_of(served)) == 0


def flights_of(served: Served) -> flights.Flights:
    caching = served.running.runtime.caching
    assert caching is not None
    return caching.flights


async def test_a_follower_that_leaves_takes_the_answer_with_it(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("one", answer(wait=0.3))
        first = asyncio.ensure_future(served.chat())
        await soon(lambda: len(served.upstream.calls) == 1)
        async with served.client() as follower:
            follower.ask("POST", "/v1/chat/completions", question())
            await asyncio.sleep(0.05)
        assert (await first).status == 200
        assert len(served.upstream.calls) == 1


async def test_a_leader_that_leaves_leaves_its_followers_without_an_answer(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("one", answer(wait=5.0))
        async with served.client() as leader:
            leader.ask("POST", "/v1/chat/completions", question())
            await soon(lambda: len(served.upstream.calls) == 1)
            followers = [asyncio.ensure_future(served.chat()) for _ in range(5)]
            await asyncio.sleep(0.1)
        found = await asyncio.gather(*followers)
        assert sorted(one.headers[TOLD] for one in found) == ["hit-exact"] * 4 + ["miss"]
        assert len(served.upstream.calls) == 2


async def test_a_leader_that_hangs_takes_all_its_followers_time(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", server=", request_timeout: 2", more=cached()) as served:
        served.upstream.push("one", Play([HANG]))
        leader = asyncio.ensure_future(served.chat())
        await soon(lambda: len(served.upstream.calls) == 1)
        follower = await served.chat()
        assert (follower.status, leader.done()) == (200, False)
        assert len(flights_of(served)) == 1
        await leader
        assert len(flights_of(served)) == 0


async def test_a_leader_that_fails_fails_its_followers(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("one", Play([0.2, *status(400).steps], None, 400))
        found = await asyncio.gather(*(served.chat(model="m-one@one") for _ in range(10)))
        assert sorted(one.status for one in found) == [200] * 9 + [400]
        assert len(served.upstream.calls) == 2


async def test_all_wait_for_one_another_where_nothing_may_be_kept(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        cut = Play([0.1, plain(200, completion().replace(b'"stop"', b'"length"'))])
        served.upstream.push("one", *[cut] * 10)
        found = await asyncio.gather(*(served.chat() for _ in range(10)))
        assert {(one.status, one.headers[TOLD]) for one in found} == {(200, "miss")}
        assert len(served.upstream.calls) == 10
        assert len(flights_of(served)) == 0


async def test_more_leaders_than_two_are_waited_for(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        cut = Play([0.1, plain(200, completion().replace(b'"stop"', b'"length"'))])
        served.upstream.push("one", cut, cut, *[Play([HANG])] * 8)
        asking = [asyncio.ensure_future(served.chat()) for _ in range(10)]
        await soon(lambda: len(served.upstream.calls) == 10)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


# ---- another configuration


async def test_another_configuration_forgets_or_gives_what_it_rules_out(tmp_path: Path) -> None:
    async with following(tmp_path) as served:
        assert await served.take(served.text(more=cached()))
        await served.chat(model="auto")
        assert (await served.chat(model="auto")).headers[TOLD] == "hit-exact"
        assert await served.take(served.text(more=cached(ttl=1800), server=", grace: 9"))
        assert (await served.chat(model="auto")).headers[TOLD] == "hit-exact"
        dearer = served.text(more=cached(ttl=1800)).replace("price: {input: 1, output: 2}, context: 128000", "price: {input: 9, output: 9}, context: 128000")  # fmt: skip
        assert await served.take(dearer)
        assert (await served.chat(model="auto")).headers[TOLD] == "hit-exact"
        narrow = served.text(more=cached().replace("key: fl_test", "key: fl_test, models: [m-two]"))
        assert await served.take(narrow)
        other = await served.chat(model="auto")
        assert (other.headers[TOLD], other.headers["x-fairlead-model"]) == ("miss", "m-two")
        assert await served.take(served.text(more=cached()).replace("m-one, fallbacks: [m-two]", "m-two"))
        assert (await served.chat(model="auto")).headers[TOLD] == "miss"


async def test_an_answer_is_given_on_by_a_provider_that_moved_where_the_key_may_not_send(
    tmp_path: Path,
) -> None:  # M3.7
    async with following(tmp_path) as served:
        bound = cached().replace("key: fl_test", "key: fl_test, regions: [eu]")
        there = served.text(more=bound, provider=", region: eu")
        assert await served.take(there)
        told = [(await served.chat(model="auto")).headers[TOLD] for _ in range(2)]
        assert told == ["miss", "hit-exact"]
        assert await served.take(there.replace("key-one, region: eu", "key-one, region: us"))
        other = await served.chat(model="auto")
        assert (other.headers[TOLD], other.headers["x-fairlead-model"]) == ("miss", "m-two")


async def test_the_cache_cannot_be_switched_off_or_moved_while_requests_are_under_way(tmp_path: Path) -> None:
    async with following(tmp_path) as served:
        assert await served.take(served.text(more=cached(keep="disk")))
        served.upstream.push("one", answer(wait=0.3))
        first = asyncio.ensure_future(served.chat())
        await soon(lambda: len(served.upstream.calls) == 1)
        assert await served.take(served.text(more=KEYS))
        assert (await first).status == 200
        assert (await served.chat()).headers[TOLD] == "bypass"
        assert await served.take(served.text(more=cached()))
        assert (await served.chat()).headers[TOLD] == "miss"
        assert await served.take(served.text(more=cached(keep="disk")))
        assert [(await served.chat()).headers[TOLD] for _ in range(2)] == ["miss", "hit-exact"]


async def test_a_library_asks_again(tmp_path: Path) -> None:
    async with scripted() as upstream:
        given = loads(config(upstream.port, tmp_path / "s", more=cached()))
        async with Gateway.from_config(given) as gateway:
            asks = [{"role": "user", "content": "Hello"}]
            first, again = [await gateway.chat(asks, model="m-one") for _ in range(2)]
            assert (again.text, again.cost, again.headers[TOLD]) == (first.text, 0, "hit-exact")
            pieces = [event.text async for event in await gateway.chat(asks, model="m-one", stream=True)]
            assert "".join(pieces) == first.text
            assert len(upstream.calls) == 1
