"""The semantic cache by itself: how long it keeps, how much, and for whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from fairlead.cache.answers import Kept, Near
from fairlead.cache.entries_in_memory import EntriesInMemory
from fairlead.cache.semantic import PENDING, SemanticCache
from fairlead.cache.settings import SemanticSettings
from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.core.policy import Policy
from fairlead.core.record import Usage
from fairlead.core.whose import Whose
from tests.core.scenes import call

CHOICE = Choice(None, "", Policy("balanced", "balanced", hash="abc"))
WEEK = 604_800
PLAIN = Wishes()
SETTINGS = SemanticSettings(0.5, WEEK, 1000, 2**20)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """A cache, and the questions put to it."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        chosen = msgspec.structs.replace(SETTINGS, **settings)
        self.entries = EntriesInMemory(chosen, self.clock)
        self.cache = SemanticCache(chosen, self.entries, self.passes)
        self.made = 0

    @staticmethod
    def passes(asked: Call, said: Mapping[str, Any], settings: SemanticSettings) -> bool:
        return bool(said.get("tools"))

    def call(self, text: str, tenant: str = "default", wishes: Wishes = PLAIN, **fields: Any) -> Call:
        self.made += 1
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}], **fields}).encode()
        return call(id=f"req-{self.made}", body=body, caller=Caller("key", tenant), wishes=wishes)

    async def look(self, asked: Call, since: float = 0) -> Near | None:
        return await self.cache.lookup(asked, CHOICE, json.loads(asked.body), since)

    async def keep(self, text: str, answer: str = "", **more: Any) -> Call:
        asked = self.call(text, **more)
        kept = Kept(asked.id, int(self.clock()), "openai_chat", "generate", False, answer.encode() or b"{}", "m", "m@c", "p", "", "", Usage(), 5)  # fmt: skip
        await self.cache.keep(grant_sink(asked, "cache", local=True), asked, CHOICE, kept)
        return asked

    async def found(self, text: str, **more: Any) -> bool:
        return await self.look(self.call(text, **more)) is not None


async def test_an_answer_is_given_when_its_time_is_over() -> None:  # M5.1
    asked = Asked()
    await asked.keep("How old is the Earth?")
    asked.clock.now += WEEK - 1
    assert await asked.found("how old is the earth")
    asked.clock.now += 1
    assert not await asked.found("how old is the earth")
    assert len(asked.entries) == asked.entries.bytes == 0


async def test_an_answer_older_than_the_caller_wants_is_given() -> None:
    asked = Asked()
    await asked.keep("How old is the Earth?")
    assert await asked.look(asked.call("how old is the earth"), since=asked.clock() + 1) is None
    assert await asked.look(asked.call("how old is the earth"), since=asked.clock()) is not None


async def test_more_is_kept_than_there_is_room_for_or_the_wrong_one_gives_way() -> None:
    asked = Asked(most=3)
    for number in range(3):
        await asked.keep(f"Is {number} even?")
    assert await asked.found("is 0 even?")
    await asked.keep("Is 3 even?")
    assert [await asked.found(f"Is {number} even?") for number in range(4)] == [True, False, True, True]
    assert (len(asked.entries), asked.entries.evicted) == (3, 1)


async def test_more_memory_is_taken_than_allowed() -> None:  # M5.1
    asked = Asked(most_bytes=20_000)
    for number in range(40):
        await asked.keep(f"Is {number} even?", "x" * 1000)
        assert asked.entries.bytes <= 20_000
    assert 1 < len(asked.entries) < 20
    await asked.keep("Is it huge?", "x" * 30_000)
    assert not await asked.found("is it huge?")
    asked.cache.bound(SemanticSettings(0.5, WEEK, 1, 20_000))
    assert len(asked.entries) == 1
    assert await asked.cache.erase(None) == 1
    assert asked.entries.bytes == 0


async def test_one_text_fills_the_cache_by_being_asked_anew() -> None:
    asked = Asked()
    for text in ("How old is the Earth?", "how old is the Earth", "Please, how old is the earth?"):
        last = await asked.keep(text)
    assert len(asked.entries) == 1
    near = await asked.look(asked.call("how old is the earth"))
    assert near is not None
    assert near.kept.request == last.id


async def test_an_erased_users_answers_are_found() -> None:
    asked = Asked()
    await asked.keep("How old is the Earth?", wishes=Wishes(user="anna"))
    await asked.keep("How old is the Moon?", wishes=Wishes(user="bob"))
    await asked.keep("How old is the Sun?", tenant="others", wishes=Wishes(user="anna"))
    assert await asked.cache.erase(Whose("default", user="anna")) == 1
    assert not await asked.found("how old is the earth", wishes=Wishes(user="anna"))
    assert await asked.found("how old is the moon", wishes=Wishes(user="bob"))
    assert {one.tenant for one in await asked.cache.holdings()} == {"default", "others"}


async def test_another_tenant_is_given_an_answer_or_another_users_wishes_are_not_told_apart() -> None:  # M5.1
    asked = Asked()
    await asked.keep("How old is the Earth?")
    assert not await asked.found("How old is the Earth?", tenant="others")
    assert not await asked.found("How old is the Earth?", wishes=Wishes(quality_floor=0.9))
    assert await asked.found("How old is the Earth?", wishes=Wishes(tags=("a",)))


async def test_why_a_candidate_was_rejected_is_not_counted() -> None:  # M5.1
    asked = Asked()
    await asked.keep("Flights from Paris to Rome")
    assert not await asked.found("Flights from Rome to Paris")
    assert asked.cache.rejected() == {"direction": 1}
    assert asked.cache.counts["rejected:direction", "m"] == 1
    missed = asked.call("Flights from Oslo to Paris")
    assert await asked.look(missed) is None
    kept = Kept(
        missed.id, int(asked.clock()), "openai_chat", "generate", False, b"{}", "m", "m@c", "p", "", "", Usage(), 5
    )
    await asked.cache.keep(grant_sink(missed, "cache", local=True), missed, CHOICE, kept)
    assert await asked.found("flights from oslo to paris")
    assert (asked.cache.counts["missed", "m"], asked.cache.counts["found", "m"]) == (1, 1)


async def test_requests_that_came_to_nothing_are_remembered_for_ever() -> None:
    asked = Asked()
    for number in range(PENDING + 10):
        assert not await asked.found(f"Is {number} even?")
    assert len(asked.cache._pending) == PENDING


@pytest.mark.parametrize("fields", [{"tools": [{}]}, {"messages": [{"role": "assistant", "content": "Hi"}]}])
async def test_what_is_passed_by_is_kept(fields: dict[str, Any]) -> None:
    asked = Asked()
    await asked.keep("Hello", **fields)
    assert len(asked.entries) == 0


@pytest.mark.parametrize(
    "text",
    ["What is the weather today?", "Who won last week?", "What is the current price of gold?", "What is the latest news?", "Compare the latest iPhones", "今天天气怎么样", "当前油价是多少和去年比较", "现在几点了", "最新的iPhone是哪款"],
)  # fmt: skip
async def test_yesterdays_weather_is_todays_for_a_week(text: str) -> None:  # M5.1
    asked = Asked()
    await asked.keep(text)
    assert len(asked.entries) == 0
    await asked.keep(text, wishes=Wishes(cache="on"))
    assert await asked.found(text, wishes=Wishes(cache="on"))


async def test_a_text_too_long_to_be_read_is_read() -> None:
    asked = Asked(longest=50)
    await asked.keep("How old is the Earth, " + "really " * 10)
    assert len(asked.entries) == 0


async def test_an_answer_is_kept_without_a_permit_or_with_a_sensitive_one() -> None:  # M3.7
    asked = Asked()
    kept = Kept("r", 1, "openai_chat", "generate", False, b"{}", "m", "m@c", "p", "", "", Usage(), 5)
    secret = asked.call("How old is the Earth?", wishes=Wishes(sensitive=True))
    permit = grant_sink(secret, "conversation", local=True)
    for wrong in (None, permit):
        with pytest.raises(TypeError):
            await asked.cache.keep(wrong, secret, CHOICE, kept)  # type: ignore[arg-type]
    assert type(permit) is SinkPermit
    assert await asked.look(secret) is None


async def test_a_number_that_no_double_holds_makes_two_requests_one() -> None:
    asked = Asked()
    await asked.keep("How old is the Earth?", seed=9007199254740993)
    assert not await asked.found("how old is the earth", seed=9007199254740992)
