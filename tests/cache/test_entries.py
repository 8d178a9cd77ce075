"""The contract of every place where requests are kept that were answered, and what several gateways find in a shared one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice, permutations
from typing import Any

import msgspec
import numpy as np
import pytest

from fairlead.cache.answers import Kept, Near
from fairlead.cache.entries import Entries
from fairlead.cache.entries_in_memory import EntriesInMemory
from fairlead.cache.entries_in_redis import EntriesInRedis
from fairlead.cache.nearest import Vector, unit
from fairlead.cache.redis_link import Link
from fairlead.cache.semantic import SemanticCache
from fairlead.cache.settings import SemanticSettings
from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.choice import Choice
from fairlead.core.egress import grant_sink
from fairlead.core.policy import Policy
from fairlead.core.record import Usage
from fairlead.core.whose import Whose
from tests.cache.test_answers import KEPT as GIVEN
from tests.core.scenes import call

CHOICE = Choice(None, "", Policy("balanced", "balanced", hash="abc"))
SETTINGS = SemanticSettings(0.9, 604_800, 1000, 2**20)
PLAIN = Wishes()
SIZE = 64
EARTH, MOON = "How old is the Earth?", "How old is the Moon?"
DINNER, COOKED = "Could you recommend dinner ideas with {}?", "Please suggest tasty vegetarian dishes made with {}"
SNACK, BAKED = "List small plates that guests share with {}?", "Describe hearty stews rich with {}"
MEALS, DISHES, PLATES, OVEN = (text.format("chickpeas") for text in (DINNER, COOKED, SNACK, BAKED))
HERBS = [f"herb{letter}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
PLACES = ("memory", "redis")


def spread(text: str) -> Vector:
    """Texts of the same last word are near to one another, others are not."""
    topic = np.random.default_rng(list(text.rsplit(maxsplit=1)[-1].strip("?").lower().encode())).standard_normal(SIZE)
    aside = np.random.default_rng(list(text.encode())).standard_normal(SIZE)
    found = unit(topic + 0.1 * aside)
    assert found is not None
    return found


class Gateway:
    """One of several: its semantic cache, and the questions put to it."""

    made = 0

    def __init__(self, entries: Entries, settings: SemanticSettings, vectors: bool) -> None:
        self.entries = entries
        self.embedded = 0
        self.cache = SemanticCache(settings, entries, lambda *_: False, self.embed if vectors else None)

    async def embed(self, call: Call, choice: Choice, text: str) -> Vector:
        self.embedded += 1
        return spread(text)

    def call(self, text: str, tenant: str = "acme", wishes: Wishes = PLAIN, **fields: Any) -> Call:
        Gateway.made += 1
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}], **fields}).encode()
        stream = bool(fields.get("stream"))
        return call(id=f"req-{Gateway.made}", stream=stream, body=body, caller=Caller("key", tenant), wishes=wishes)

    async def look(self, text: str, since: float = 0, **more: Any) -> Near | None:
        asked = self.call(text, **more)
        return await self.cache.lookup(asked, CHOICE, json.loads(asked.body), since)

    async def keep(
        self, text: str, answer: str = "{}", at: float | None = None, asked: Call | None = None, **more: Any
    ) -> Kept:
        asked = asked or self.call(text, **more)
        when = time.time() if at is None else at
        kept = Kept(asked.id, when, "openai_chat", "generate", False, answer.encode(), "m", "m@c", "p", "", "", Usage(), 5)  # fmt: skip
        await self.cache.keep(grant_sink(asked, "cache", local=True), asked, CHOICE, kept)
        await asyncio.gather(*self.cache._keeping)
        return kept

    async def found(self, text: str, **more: Any) -> str:
        """The request whose answer it was."""
        near = await self.look(text, **more)
        return "" if near is None else near.kept.request


@asynccontextmanager
async def gateways(
    place: str,
    count: int = 1,
    vectors: bool = True,
    now: Callable[[], float] = time.time,
    space: str = "s",
    **more: Any,
) -> AsyncIterator[list[Gateway]]:
    """`place` is memory or the address of a Redis."""
    settings = msgspec.structs.replace(SETTINGS, **more)
    found: list[Gateway] = []
    for _ in range(count):
        entries: Entries
        if place == "memory":
            entries = EntriesInMemory(settings, now)
        else:
            entries = EntriesInRedis(Link(place), settings, space if vectors else "", now)
        found.append(Gateway(entries, settings, vectors))
    try:
        yield found
    finally:
        for one in found:
            await one.cache.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return "memory" if request.param == "memory" else str(request.getfixturevalue("redis"))


# ---- every place


async def test_the_same_words_are_not_found_or_cost_a_vector(place: str) -> None:  # M5.1
    async with gateways(place) as (one,):
        assert not await one.found("how old is the earth")
        kept = await one.keep(EARTH)
        embedded = one.embedded
        near = await one.look("how old is the earth")
        assert near is not None
        assert near.kept == kept
        assert one.embedded == embedded


async def test_other_words_are_not_found_by_their_vectors(place: str) -> None:  # M5.1
    async with gateways(place) as (one,):
        kept = await one.keep(MEALS)
        near = await one.look(DISHES)
        assert near is not None
        assert near.kept == kept
        assert near.similarity == pytest.approx(float(spread(MEALS) @ spread(DISHES)), abs=0.005)
        assert not await one.found("Which ships sail to Lisbon?")


async def test_a_near_miss_is_given_an_answer(place: str) -> None:  # M5.1
    async with gateways(place) as (one,):
        await one.keep("Could you recommend 5 dinner ideas with chickpeas?")
        assert not await one.found("Please suggest 6 tasty vegetarian dishes made with chickpeas")
        assert not await one.found("Please suggest 5 tasty vegetarian dishes not made with chickpeas")
        assert await one.found("Please suggest 5 tasty vegetarian dishes made with chickpeas")
        assert set(one.cache.rejected()) == {"number", "negation"}


async def test_another_tenant_is_given_an_answer(place: str) -> None:  # M5.1
    async with gateways(place) as (one,):
        await one.keep(MEALS)
        assert not await one.found(MEALS, tenant="others")
        assert not await one.found(DISHES, tenant="others")
        assert not await one.found(DISHES, temperature=0.1)
        assert await one.found(DISHES)


async def test_an_answer_outlives_its_time_or_is_older_than_wanted(place: str) -> None:  # M5.1
    now = [time.time()]
    async with gateways(place, ttl=100, now=lambda: now[0]) as (one,):
        await one.keep(MEALS, at=now[0])
        for text in (MEALS, DISHES):
            assert await one.found(text, since=now[0])
            assert not await one.found(text, since=now[0] + 1)
        now[0] += 99
        assert await one.found(MEALS)
        assert await one.found(DISHES)
        now[0] += 1.5
        assert not await one.found(MEALS)
        assert not await one.found(DISHES)


async def test_an_answer_to_the_same_text_is_kept_beside_the_one_before(place: str) -> None:
    async with gateways(place) as (one,):
        await one.keep(EARTH, "old")
        last = await one.keep(EARTH, "new")
        assert await one.found("how old is the earth") == last.request
        assert [held.answers for held in await one.cache.holdings()] == [1]


async def test_a_form_nobody_wants_is_given(place: str) -> None:
    async with gateways(place) as (one,):
        await one.keep(MEALS, stream=True, stream_options={"include_usage": True, "odd": 1})
        assert not await one.found(MEALS)
        assert not await one.found(DISHES)
        whole = await one.keep(MEALS)
        await one.keep(MEALS, stream=True)
        assert await one.found(MEALS) == whole.request
        assert await one.found(DISHES) == whole.request


async def test_more_or_less_is_erased_than_was_asked(place: str) -> None:  # M5.3
    async with gateways(place) as (one,):
        await one.keep(MEALS, wishes=Wishes(user="anna"))
        await one.keep(MEALS, wishes=Wishes(user="bob"))
        await one.keep(EARTH, wishes=Wishes(user="anna", session="s"))
        await one.keep(EARTH, tenant="others", wishes=Wishes(user="anna"))
        assert {(held.tenant, held.answers) for held in await one.cache.holdings()} == {("acme", 3), ("others", 1)}
        assert await one.cache.erase(Whose("acme", user="anna")) == 2
        assert not await one.found(DISHES, wishes=Wishes(user="anna"))
        assert not await one.found(EARTH, wishes=Wishes(user="anna", session="s"))
        assert await one.found(DISHES, wishes=Wishes(user="bob"))
        assert await one.found(EARTH, tenant="others", wishes=Wishes(user="anna"))
        assert await one.cache.erase(Whose("others")) == 1
        assert await one.cache.erase(None) == 1
        assert await one.cache.holdings() == ()
        assert not await one.found(DISHES, wishes=Wishes(user="bob"))


async def test_a_text_that_no_encoding_holds_fails_a_request(place: str) -> None:
    async with gateways(place, vectors=False) as (one,):
        asked = one.call("How old is \ud800?")
        assert await one.cache.lookup(asked, CHOICE, json.loads(asked.body), 0) is None
        await one.keep("", asked=asked)
        assert await one.found("how old is \ud800")


async def test_an_answer_is_kept_with_a_permit_for_another_sink(place: str) -> None:  # M3.7
    async with gateways(place) as (one,):
        asked = one.call(EARTH)
        sought = one.cache._sought(asked, CHOICE, json.loads(asked.body))
        assert sought is not None
        for wrong in (None, grant_sink(asked, "memory", local=True)):
            with pytest.raises(TypeError, match="permit"):
                await one.entries.put(wrong, sought, GIVEN)  # type: ignore[arg-type]
        assert await one.entries.holdings() == ()


# ---- several gateways, one Redis


async def test_another_gateway_finds_nothing_of_what_is_kept(redis: str) -> None:  # M8.5
    async with gateways(redis, 2) as (one, other):
        assert not await other.found(MEALS)
        for text in (MEALS, EARTH, "Which ships sail to Lisbon?"):
            kept = await one.keep(text)
            near = await other.look(text.lower())
            assert near is not None
            assert near.kept == kept
        assert await other.found(DISHES)
        assert other.embedded == 1, "nothing is embedded to find the same words"
        last = await one.keep(PLATES)
        assert await other.found(OVEN) in (last.request, await one.found(MEALS))


async def test_a_gateway_without_a_model_reads_logs_or_finds_nothing_of_one_with_it(redis: str) -> None:
    async with gateways(redis) as (one,), gateways(redis, vectors=False) as (other,):
        await one.keep(EARTH)
        assert await other.found("how old is the earth")
        assert not await other.found("What is the age of the Earth?")
        await other.keep(MOON)
        assert await one.found("how old is the moon")


async def test_vectors_of_another_model_are_compared(redis: str) -> None:
    async with gateways(redis, space="a") as (one,), gateways(redis, space="b") as (other,):
        await one.keep(MEALS)
        assert not await other.found(DISHES)
        assert other.embedded == 0, "there is nothing to compare with"
        assert await other.found(MEALS)


async def test_an_erased_answer_is_found_by_another_gateway_or_its_sketch_stays(redis: str) -> None:  # M5.3
    async with gateways(redis, 2) as (one, other):
        anna, bob = Wishes(user="anna", tags=("x",)), Wishes(user="anna", session="s")
        await one.keep(MEALS, wishes=anna)
        kept = await one.keep(PLATES, wishes=anna)
        await one.keep(EARTH, wishes=bob)
        assert await other.found(DISHES, wishes=anna)
        assert await one.cache.erase(Whose("acme", session="s")) == 1
        assert await other.found(DISHES, wishes=anna), "what is another's stays"
        assert not await other.found(EARTH, wishes=bob)
        assert await one.cache.erase(Whose("acme", user="anna")) == 2
        assert not await other.found(DISHES, wishes=anna)
        assert not await other.found(kept.body.decode(), wishes=anna)
        left = [content async for content in everything(one)]
        assert all(not content.strip(b"\0")[16:] for content in left), "rows without their names"


async def everything(one: Gateway) -> AsyncIterator[bytes]:
    """The contents of all strings."""
    entries = one.entries
    assert isinstance(entries, EntriesInRedis)
    async for key in entries._redis.scan_iter():
        yield await entries._redis.get(key)


def logs(one: Gateway) -> EntriesInRedis:
    assert isinstance(one.entries, EntriesInRedis)
    return one.entries


async def test_a_log_that_redis_has_evicted_hides_what_comes_after(redis: str) -> None:
    async with gateways(redis, 2) as (one, other):
        for herb in HERBS[:5]:
            await one.keep(DINNER.format(herb))
        await one.keep(MEALS)
        assert await other.found(DISHES)
        async for key in logs(one)._redis.scan_iter(match="fairlead:sketches:*"):
            await logs(one)._redis.delete(key)
        last = await one.keep(PLATES)
        await other.found(OVEN)
        entries = logs(other)
        assert entries.logs is not None
        await asyncio.gather(*entries.logs._readers.values())
        assert await other.found(OVEN) == last.request, "the only one in the log"
        assert await other.found(MEALS)


async def test_an_answer_that_redis_has_evicted_is_given_or_stops_the_search(redis: str) -> None:
    async with gateways(redis, 2) as (one, other):
        await one.keep(MEALS)
        await one.keep(PLATES)
        async for key in logs(one)._redis.scan_iter(match="fairlead:meant-answer:*"):
            await logs(one)._redis.delete(key)
            break
        assert await other.found(OVEN) or await other.found(DISHES)
        async for key in logs(one)._redis.scan_iter(match="fairlead:meant:*"):
            await logs(one)._redis.delete(key)
        for _ in range(2):
            assert not await other.found(DISHES)


async def test_a_log_grows_for_ever_or_the_oldest_stay(redis: str) -> None:  # M5.1
    async with gateways(redis, 2, most=20) as (one, other):
        for herb in HERBS:
            await one.keep(DINNER.format(herb))
        sizes = [await logs(one)._redis.strlen(key) async for key in logs(one)._redis.scan_iter(match="*sketches*")]
        assert all(15 * 96 <= size <= 16 + 20 * 96 for size in sizes)
        assert not await other.found(COOKED.format(HERBS[3]))
        assert len(logs(other).logs or ()) <= 20
        for herb in HERBS[-2:]:
            assert await other.found(COOKED.format(herb))


async def test_a_new_gateway_reads_a_long_log_while_somebody_waits_or_never_to_its_end(
    redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.cache.sketch_logs.BESIDE", 96)
    monkeypatch.setattr("fairlead.cache.sketch_logs.PIECE", 96 * 4)
    async with gateways(redis, 2) as (one, other):
        for herb in HERBS:
            await one.keep(DINNER.format(herb))
        await asyncio.gather(*(other.found(f"Something else {herb}") for herb in HERBS[:5]))
        entries = logs(other)
        assert entries.logs is not None
        await asyncio.gather(*entries.logs._readers.values())
        assert len(entries.logs) == len(HERBS)
        for herb in HERBS:
            assert await other.found(COOKED.format(herb))


async def test_what_is_held_of_logs_has_no_bound(redis: str) -> None:
    async with gateways(redis, 2, most_bytes=20_000) as (one, other):
        for turn in range(20):
            await one.keep(MEALS, max_tokens=turn + 1)
        for turn in range(20):
            assert await other.found(DISHES, max_tokens=turn + 1)
            assert logs(other).logs.bytes <= 20_000  # type: ignore[union-attr]
        assert await other.found(DISHES, max_tokens=1), "what was given up is read again"


async def test_the_same_words_in_any_order_fill_redis(redis: str) -> None:
    async with gateways(redis, vectors=False) as (one,):
        for words in islice(permutations(["alpha", "bravo", "charlie", "delta", "echo"]), 40):
            await one.keep(f"Translate {' '.join(words)}")
        held = await one.cache.holdings()
        assert sum(each.answers for each in held) <= 16
        count = 0
        async for _ in logs(one)._redis.scan_iter(match="fairlead:meant-answer:*"):
            count += 1
        assert count == sum(each.answers for each in held)


async def test_everything_stays_when_its_time_is_over(redis: str) -> None:  # M5.1
    async with gateways(redis, ttl=50) as (one,):
        await one.keep(MEALS, at=time.time() - 30)
        async for key in logs(one)._redis.scan_iter():
            assert 0 < await logs(one)._redis.pttl(key) <= 20_000
        await one.keep(EARTH, at=time.time() - 60)
        assert not await one.found(EARTH)


async def test_what_another_version_wrote_is_given_or_stops_the_lookup(redis: str) -> None:
    async with gateways(redis, 2) as (one, other):
        await one.keep(MEALS)
        link = logs(one)._redis
        async for key in link.scan_iter(match="fairlead:meant:*"):
            await link.hset(key, b"odd", b"\x00")
        async for key in link.scan_iter(match="fairlead:sketches:*"):
            await link.append(key, b"odd")
        assert await other.found(MEALS)
        assert await other.found(DISHES)
        await one.keep(EARTH)
        assert await other.found("how old is the earth")
        assert await one.cache.erase(None) == 3
        assert [key async for key in link.scan_iter()] == []


async def test_one_tenants_pattern_holds_anothers_answers(redis: str) -> None:  # FAULTS 53
    async with gateways(redis) as (one,):
        tenants = ["a", "a:b", "*", "a*", "[a]", "é", "a%3Ab", "?"]
        for tenant in tenants:
            await one.keep(MEALS, tenant=tenant)
        assert {held.tenant for held in await one.cache.holdings()} == set(tenants)
        for count, tenant in enumerate(tenants, 1):
            assert await one.found(DISHES, tenant=tenant)
            assert await one.cache.erase(Whose(tenant)) == 1
            assert not await one.found(DISHES, tenant=tenant)
            assert len(await one.cache.holdings()) == len(tenants) - count
