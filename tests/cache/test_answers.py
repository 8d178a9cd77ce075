"""The contract of every place where answers are kept."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from fairlead.cache.answers import OVERHEAD, Kept
from fairlead.cache.exact import Answers, InMemory
from fairlead.cache.in_redis import InRedis
from fairlead.cache.on_disk import OnDisk
from fairlead.core.call import Caller, Wishes
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.core.record import Usage
from fairlead.core.whose import Whose
from fairlead.store.cache import FILE
from tests.cache.redis_server import started
from tests.core.scenes import call

KEPT = Kept(
    "req", 1000.0, "openai_chat", "generate", False, b"{}", "m", "m@main", "balanced", "", "", Usage(3, 4), 5
)  # fmt: skip
MB = 2**20
PLACES = ("memory", "disk", "redis")
BOUNDED = ("memory", "disk")
"""Redis has bounds of its own."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def permit(tenant: str = "acme", user: str = "", session: str = "") -> SinkPermit:
    asked = call(caller=Caller("key", tenant), wishes=Wishes(user=user, session=session))
    return grant_sink(asked, "cache", local=True)


@asynccontextmanager
async def kept_in(
    place: str, folder: Path, clock: Callable[[], float], most: int = 10, most_bytes: int = MB, ttl: float = 100.0
) -> AsyncIterator[Answers]:
    async with AsyncExitStack() as stack:
        answers: Answers
        if place == "memory":
            answers = InMemory(most, most_bytes, ttl, clock)
        elif place == "disk":
            answers = OnDisk(folder, most, most_bytes, ttl, clock)
        else:
            socket, _ = stack.enter_context(started())
            answers = InRedis(f"unix://{socket}", ttl, clock)
        await answers.open()
        try:
            yield answers
        finally:
            await answers.close()


@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_is_not_found_again_or_by_others(tmp_path: Path, place: str) -> None:  # M5.1
    async with kept_in(place, tmp_path, Clock()) as answers:
        await answers.keep(permit(), b"a", KEPT)
        assert await answers.find("acme", (b"x", b"a"), 0) == (b"a", KEPT)
        assert await answers.find("acme", (b"b",), 0) is None
        assert await answers.find("others", (b"a",), 0) is None
        newer = msgspec.structs.replace(KEPT, body=b"[]")
        await answers.keep(permit(), b"a", newer)
        assert await answers.find("acme", (b"a",), 0) == (b"a", newer)
        (held,) = await answers.holdings()
        assert (held.tenant, held.answers) == ("acme", 1)
        assert held.bytes == newer.size or place == "redis"


@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_outlives_its_time(tmp_path: Path, place: str) -> None:  # M5.1
    clock = Clock()
    async with kept_in(place, tmp_path, clock) as answers:
        await answers.keep(permit(), b"a", KEPT)
        clock.now = 1099.9
        assert await answers.find("acme", (b"a",), 0) is not None
        assert await answers.find("acme", (b"a",), 1000.1) is None
        assert await answers.find("acme", (b"a",), 1000.0) is not None
        clock.now = 1100.0
        assert await answers.find("acme", (b"a",), 0) is None
        assert place == "redis" or await answers.holdings() == ()  # which has a clock of its own


@pytest.mark.parametrize("place", BOUNDED)
async def test_more_is_kept_than_there_is_room_for(tmp_path: Path, place: str) -> None:  # M5.1
    async with kept_in(place, tmp_path, Clock(), most=3) as answers:
        for name in (b"a", b"b", b"c"):
            await answers.keep(permit(), name, KEPT)
        await answers.find("acme", (b"a",), 0)
        await answers.keep(permit("others"), b"d", KEPT)
        found = [await answers.find("acme", (name,), 0) is not None for name in (b"a", b"b", b"c")]
        assert found == [True, False, True]
        assert await answers.find("others", (b"d",), 0) is not None


@pytest.mark.parametrize("place", BOUNDED)
async def test_answers_take_more_memory_than_they_may(tmp_path: Path, place: str) -> None:  # M5.1
    long = msgspec.structs.replace(KEPT, body=b"x" * 3000)
    async with kept_in(place, tmp_path, Clock(), most_bytes=2 * (3000 + OVERHEAD)) as answers:
        for name in (b"a", b"b", b"c"):
            await answers.keep(permit(), name, long)
        (held,) = await answers.holdings()
        assert (held.answers, held.bytes) == (2, 2 * (3000 + OVERHEAD))
        await answers.keep(permit(), b"b", msgspec.structs.replace(KEPT, body=b"x" * 10_000))
        assert await answers.find("acme", (b"b",), 0) is None
        assert await answers.find("acme", (b"c",), 0) is not None


@pytest.mark.parametrize("place", BOUNDED)
async def test_tighter_bounds_hold_only_for_what_comes(tmp_path: Path, place: str) -> None:
    clock = Clock()
    async with kept_in(place, tmp_path, clock) as answers:
        for name in (b"a", b"b", b"c"):
            await answers.keep(permit(), name, KEPT)
        answers.bound(2, MB, 10.0)
        assert [one.answers for one in await answers.holdings()] == [2]
        clock.now = 1010.0
        assert await answers.find("acme", (b"c",), 0) is None


WHOSE = {
    "all": (None, 4),
    "a tenant": (Whose("acme"), 3),
    "a user": (Whose("acme", "anna"), 2),
    "a session": (Whose("acme", "", "s1"), 1),
    "a user in a session": (Whose("acme", "anna", "s1"), 1),
    "nobody": (Whose("acme", "berta"), 0),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", WHOSE)
async def test_more_or_less_is_erased_than_was_asked(tmp_path: Path, place: str, name: str) -> None:
    whose, count = WHOSE[name]
    async with kept_in(place, tmp_path, Clock()) as answers:
        for key, given in (
            (b"a", permit()),
            (b"b", permit(user="anna")),
            (b"c", permit(user="anna", session="s1")),
            (b"d", permit("others", user="anna")),
        ):
            await answers.keep(given, key, KEPT)
        assert await answers.erase(whose) == count
        assert sum(one.answers for one in await answers.holdings()) == 4 - count
    async with kept_in(place, tmp_path, Clock()) as answers:
        left = 4 - count if place == "disk" else 0
        assert sum(one.answers for one in await answers.holdings()) == left


@pytest.mark.parametrize("place", PLACES)
async def test_something_is_kept_without_a_permit_for_it(tmp_path: Path, place: str) -> None:  # M3.7
    sensitive = grant_sink(call(wishes=Wishes(sensitive=True)), "conversation", local=True)
    async with kept_in(place, tmp_path, Clock()) as answers:
        for wrong in (None, object(), sensitive, grant_sink(call(), "memory", local=True)):
            with pytest.raises(TypeError):
                await answers.keep(wrong, b"a", KEPT)  # type: ignore[arg-type]
        assert await answers.holdings() == ()


# ---- on disk


async def test_a_restart_forgets_or_mixes_up(tmp_path: Path) -> None:  # M5.1
    async with kept_in("disk", tmp_path, Clock()) as answers:
        await answers.keep(permit(user="anna"), b"a\xff", KEPT)
        await answers.keep(permit("others"), b"b", msgspec.structs.replace(KEPT, body=b"[]"))
    async with kept_in("disk", tmp_path, Clock()) as answers:
        assert await answers.find("acme", (b"a\xff",), 0) == (b"a\xff", KEPT)
        found = await answers.find("others", (b"b",), 0)
        assert found is not None
        assert found[1].body == b"[]"
        assert await answers.find("acme", (b"b",), 0) is None
        assert await answers.erase(Whose("acme", "anna")) == 1


async def test_others_on_this_machine_read_what_is_kept(tmp_path: Path) -> None:
    async with kept_in("disk", tmp_path, Clock()) as answers:
        await answers.keep(permit(), b"a", KEPT)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


async def test_what_gave_way_stays_in_the_file(tmp_path: Path) -> None:
    async with kept_in("disk", tmp_path, Clock(), most=2) as answers:
        for number in range(10):
            await answers.keep(permit(), b"%d" % number, msgspec.structs.replace(KEPT, body=b"secret %d" % number))
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM cached").fetchone() == (2,)


async def test_what_was_erased_stays_in_the_file(tmp_path: Path) -> None:
    async with kept_in("disk", tmp_path, Clock()) as answers:
        await answers.keep(permit(), b"a", msgspec.structs.replace(KEPT, body=b"a very special text"))
        await answers.erase(Whose("acme"))
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"a very special text" not in content


async def test_fewer_fit_after_a_restart_and_the_oldest_stay(tmp_path: Path) -> None:
    async with kept_in("disk", tmp_path, Clock()) as answers:
        for name in (b"a", b"b", b"c"):
            await answers.keep(permit(), name, KEPT)
    async with kept_in("disk", tmp_path, Clock(), most=1) as answers:
        assert [one.answers for one in await answers.holdings()] == [1]


async def test_a_file_that_cannot_be_read_keeps_the_gateway_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    async with kept_in("disk", tmp_path, Clock()) as answers:
        await answers.keep(permit(), b"a", KEPT)
        assert await answers.find("acme", (b"a",), 0) is not None
        assert await answers.erase(None) == 1
    assert (tmp_path / FILE).read_bytes() == b"no database" * 1000
    assert "the cache begins empty" in caplog.text


async def test_an_entry_of_another_version_keeps_the_others_from_being_read(tmp_path: Path) -> None:
    async with kept_in("disk", tmp_path, Clock()) as answers:
        await answers.keep(permit(), b"a", KEPT)
        await answers.keep(permit(), b"b", KEPT)
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE cached SET kept = x'00' WHERE id = ?", (b"a".hex(),))
    async with kept_in("disk", tmp_path, Clock()) as answers:
        assert await answers.find("acme", (b"a",), 0) is None
        assert await answers.find("acme", (b"b",), 0) is not None
