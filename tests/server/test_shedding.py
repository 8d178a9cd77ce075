"""More comes than can be answered: what is turned away, who, how, and that the rest is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from fairlead.errors import Overloaded, RateLimited
from fairlead.server import memory, turns
from fairlead.server.exchange import Exchange, Line
from fairlead.server.shedding import NEAR, PATIENCE, QUIET_SECONDS, Bearable, Shedding, bearable
from fairlead.server.turns import Asked, Turns
from tests.server.serving import KEYS, Served, question, serving, soon
from tests.server.wire import Client
from tests.upstream import HANG, answer, events, stream

BEAT = 0.05


class Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Told:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, kind: str, words: str) -> None:
        self.lines.append((kind, words))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.lines]


def let_in(shedding: Shedding, keys: list[str]) -> Counter[str]:
    """Each asks in turn and stays; how many of each were let in."""
    found: Counter[str] = Counter()
    for key in keys:
        if shedding.refusal(key) is None:
            shedding.enter(key)
            found[key] += 1
    return found


def beaten(shedding: Shedding, clock: Clock, late: float, beats: int = 90) -> None:
    for _ in range(beats):
        clock.at += BEAT + late
        shedding.beat(late)


def test_a_greedy_key_keeps_the_others_out_of_a_full_server() -> None:  # FAULTS 28
    shedding = Shedding(Bearable(100))
    let_in(shedding, ["other"])
    assert let_in(shedding, ["greedy"] * 500)["greedy"] == 79
    refused = shedding.refusal("greedy")
    assert isinstance(refused, RateLimited)
    assert refused.code == "over_share"
    assert let_in(shedding, ["other", "third"] * 9) == {"other": 9, "third": 9}
    assert shedding.refusal("greedy") is not None


def test_one_key_alone_is_held_below_all_there_is() -> None:
    shedding = Shedding(Bearable(100))
    assert let_in(shedding, ["only"] * 500) == {"only": 100}
    refused = shedding.refusal("only")
    assert isinstance(refused, Overloaded)
    assert refused.retry_after is not None
    assert refused.retry_after >= 1


def test_room_that_was_left_is_not_given_again() -> None:
    shedding = Shedding(Bearable(10))
    for _ in range(1000):
        assert let_in(shedding, ["a", "b"] * 4).total() == 8
        for key in ["a", "b"] * 4:
            shedding.leave(key)
    assert shedding.in_flight == 0


def test_everybody_is_asked_to_return_at_the_same_moment() -> None:
    shedding = Shedding(Bearable(1))
    shedding.enter("a")
    waits = Counter(error.retry_after for _ in range(400) if (error := shedding.refusal("a")) is not None)
    assert len(waits) >= 4
    assert max(waits.values()) <= 100


def test_a_loop_that_runs_late_turns_a_growing_share_away_and_none_once_it_is_in_time_again() -> None:  # FAULTS 28
    clock = Clock()
    shedding = Shedding(Bearable(10**9, lag=0.4), now=clock)
    shares = []
    for late in (0.1, 0.25, 0.3, 0.35, 0.45, 0.0):
        beaten(shedding, clock, late)
        shares.append(sum(shedding.refusal("a") is not None for _ in range(1000)) / 1000)
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1, 0], abs=0.01)
    assert shedding.refused["time"] > 2000


def test_the_time_that_turning_away_takes_turns_everybody_away() -> None:  # FAULTS 28
    clock = Clock()
    shedding = Shedding(Bearable(10**9, lag=0.4), now=clock)
    found: list[int] = []
    for _ in range(300):
        found.append(let_in(shedding, ["a"] * 1000).total())
        for _ in range(found[-1]):
            shedding.leave("a")
        clock.at += BEAT + 0.5
        shedding.beat(0.5)  # beyond the bound, however few are let in
    assert found[0] == 1000
    assert all(100 < count < 400 for count in found[-100:])


class Come:
    """A connection that sends one request."""

    share = 1

    def __init__(self, go: Callable[[], None]) -> None:
        self.go = go


class Flood:
    """Requests that come by the clock at `times` what is served: a thousand a second, one after another."""

    EACH = 0.001

    def __init__(self, times: float) -> None:
        self.clock = Clock()
        self.soon: list[Callable[[], object]] = []
        self.turns = Turns(cast(asyncio.AbstractEventLoop, self))
        self.shedding = Shedding(Bearable(10**9, lag=0.5), now=self.clock)
        self.shedding.ahead = self.turns.ahead
        self.apart = self.EACH / times
        self.coming = self.clock.at
        self.beat_at = self.clock.at
        self.waits: list[float] = []
        self.refused = self.idle = 0

    def call_soon(self, run: Callable[[], object]) -> None:
        self.soon.append(run)

    def begun(self, came: float) -> None:
        self.waits.append(self.clock.at - came)
        self.shedding.leave("a")
        self.clock.at += self.EACH

    def come(self, at: float) -> None:
        if self.shedding.scarce and self.shedding.refusal("a") is not None:
            self.refused += 1
            return
        self.shedding.enter("a")
        self.turns.begin(Come(partial(self.begun, at)), Exchange(cast(Line, None), at))

    def go_on(self, seconds: float) -> None:
        self.waits.clear()
        self.refused = self.idle = 0
        end = self.clock.at + seconds
        while self.clock.at < end:
            while self.coming <= self.clock.at:
                self.come(self.coming)
                self.coming += self.apart
            served = len(self.waits)
            runs, self.soon = self.soon, []
            for run in runs:
                run()
            if len(self.waits) == served:
                self.idle += 1
                self.clock.at += self.EACH
            if self.clock.at >= self.beat_at:
                self.turns.beat(self.clock.at)
                self.shedding.beat(0.0)
                self.beat_at = self.clock.at + BEAT


@pytest.mark.parametrize("times", [1.5, 2, 10])
def test_a_flood_leaves_the_server_idle_or_makes_those_it_lets_in_wait_beyond_the_bound(
    times: float,
) -> None:  # FAULTS 28
    flood = Flood(times)
    flood.go_on(6)
    assert max(flood.waits) < 1.25 * PATIENCE * 0.5, "as it begins"
    flood.go_on(6)
    assert flood.idle == 0
    assert NEAR * 0.9 < min(flood.waits) / (PATIENCE * 0.5) <= max(flood.waits) / (PATIENCE * 0.5) < 1.1
    assert flood.refused / (flood.refused + len(flood.waits)) == pytest.approx(1 - 1 / times, abs=0.03)
    assert flood.shedding.refused.keys() == {"time"}


def test_who_could_be_answered_in_time_is_turned_away() -> None:
    flood = Flood(0.9)
    flood.go_on(3)
    assert flood.refused == 0
    flood.apart = flood.EACH / 2
    flood.go_on(1.2)
    flood.apart = flood.EACH / 0.9
    flood.go_on(20)
    assert flood.refused == 0, "a second's worth too much is a wait, no more"


def test_one_long_stop_of_the_loop_turns_somebody_away() -> None:
    clock = Clock()
    shedding = Shedding(Bearable(10**9, lag=0.5), now=clock)
    beaten(shedding, clock, 0.9, beats=1)
    assert let_in(shedding, ["a"] * 100) == {"a": 100}


def test_a_late_loop_turns_away_modest_keys_as_readily_as_greedy_ones() -> None:
    clock = Clock()
    shedding = Shedding(Bearable(10**9, lag=0.4), now=clock)
    asked = (["greedy"] * 9 + ["modest"]) * 100
    let_in(shedding, asked)
    beaten(shedding, clock, 0.3, beats=60)
    found = let_in(shedding, asked)
    assert found["modest"] == 100
    assert found["greedy"] < 200


def test_readiness_flaps_around_a_bound() -> None:
    clock = Clock()
    shedding = Shedding(Bearable(10), now=clock)
    let_in(shedding, ["a"] * 11)
    for _ in range(5):
        assert shedding.full
        shedding.leave("a")
        beaten(shedding, clock, 0, beats=2)
        assert shedding.full
        shedding.enter("a")
    for _ in range(3):
        shedding.leave("a")
    beaten(shedding, clock, 0, beats=1)
    assert not shedding.full


def test_a_line_is_written_for_each_refusal_instead_of_each_episode() -> None:
    clock, told = Clock(), Told()
    shedding = Shedding(Bearable(1), told, clock)
    shedding.enter("a")
    for _ in range(2):
        for _ in range(1000):
            assert shedding.refusal("a") is not None
            clock.at += 0.002
            shedding.beat(0)
        beaten(shedding, clock, 0, beats=int(QUIET_SECONDS / BEAT) + 2)
    assert told.kinds == ["shedding", "shedding_ended"] * 2
    assert [words.split(" ")[0] for kind, words in told.lines if kind == "shedding_ended"] == ["1,000", "1,000"]


def test_memory_that_runs_out_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    shedding = Shedding(Bearable(10**9, memory=1000), now=clock)
    taken = 0
    monkeypatch.setattr(memory, "taken", lambda: taken)
    shares = []
    for taken in (700, 900, 1100, 700):  # noqa: B007 - the lambda above reads it
        beaten(shedding, clock, 0)
        shares.append(sum(shedding.refusal("a") is not None for _ in range(100)) / 100)
    assert shares == pytest.approx([0, 0.5, 1, 0], abs=0.02)
    assert shedding.refused.keys() == {"memory"}


def test_memory_is_read_more_than_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), []
    monkeypatch.setattr(memory, "taken", lambda: looks.append(clock.at) or 0)
    beaten(Shedding(Bearable(10**9, memory=1000), now=clock), clock, 0, beats=200)
    assert 8 <= len(looks) <= 10


def test_the_usual_bound_exceeds_files_or_memory() -> None:
    assert bearable(None, 0.5, 0.8, 5000).in_flight <= 5000
    assert bearable(None, 0.5, 0.0, 5000).in_flight == 1
    assert bearable(7, 0.5, 0.8, 5000).in_flight == 7


async def begun(served: Served, count: int, key: str, clients: list[Client]) -> None:
    """So many streams under way for the key."""
    for _ in range(count):
        client = await served.client(key).__aenter__()
        clients.append(client)
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        assert (await client.head())[0] == 200


BOUND = ", max_in_flight: 10"
PATHS = {
    "/v1/chat/completions": ("message", "code", "type"),
    "/v1/messages": ("message", "type"),
    "/v1beta/models/m-one:generateContent": ("message", "status"),
}


async def test_a_full_server_answers_nobody_or_forgets_who_is_under_way(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s", BOUND) as served:
        clients: list[Client] = []
        ids: list[str] = []
        for _ in range(10):
            served.upstream.push("one", stream([*events(usage=None)[:2], HANG], end=False))
        await begun(served, 10, "fl_test", clients)
        for path, fields in PATHS.items():
            async with served.client() as client:
                client.ask("POST", path, b'{"not even JSON')
                response = await client.response()
                assert response.status == 503
                assert 1 <= int(response.headers["retry-after"]) <= 5
                assert response.error.keys() >= set(fields)
                ids.append(response.headers["x-fairlead-request-id"])
                assert ids[-1].encode() in response.body
                assert b"nobody" not in response.body
                for free in ("/healthz", "/v1/models"):
                    client.ask("GET", free)
                    assert (await client.response()).status == 200
                client.ask("GET", "/readyz")
                assert (await client.response()).status == 503
        assert len(set(ids)) == len(PATHS)
        for client in clients:
            client.close()
        await soon(lambda: served.running.app.shedding.in_flight == 0)
        await soon(lambda: not served.running.app.shedding.full)
        assert (await served.get("/readyz")).status == 200
        assert (await served.chat()).status == 200
        assert [kind for kind, _ in await served.audits()] == ["started", "shedding"]
        assert served.running.app.shedding.refused == {"room": 3}


async def test_a_body_in_pieces_is_taken_in_before_it_is_turned_away(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", ", max_in_flight: 1") as served:
        clients: list[Client] = []
        served.upstream.push("one", stream([*events(usage=None)[:2], HANG], end=False))
        await begun(served, 1, "fl_test", clients)
        async with served.client() as client:
            client.ask("POST", "/v1/chat/completions", headers={"Content-Length": "1000000"})
            client.send(b'{"model')
            response = await client.response()
            assert (response.status, response.headers["connection"]) == (503, "close")
            assert 1 <= int(response.headers["retry-after"]) <= 5
        for client in clients:
            client.close()


async def test_a_burst_beyond_the_bound_fails_more_than_what_is_beyond_it(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s", ", max_in_flight: 20") as served:
        served.upstream.next_play = lambda seat, body: answer(wait=0.5)  # type: ignore[method-assign]
        found = Counter(response.status for response in await asyncio.gather(*(served.chat() for _ in range(60))))
        assert found == {200: 20, 503: 40}
        assert len(served.upstream.calls) == 20
        assert served.running.app.shedding.in_flight == 0
        assert (await served.chat()).status == 200


@asynccontextmanager
async def kept(served: Served, count: int) -> AsyncIterator[list[Client]]:
    """Connections on which the same was asked before, twice: what comes on them is known as it comes."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(served.client()) for _ in range(count)]
        for client in clients * 2:
            client.ask("POST", "/v1/chat/completions", question())
            assert (await client.response()).status == 200
        yield clients


async def test_a_burst_on_kept_connections_is_let_in_whole_or_none_of_it(tmp_path: Path) -> None:  # FAULTS 28
    """They come in one turn of the loop, before any of them is begun."""
    async with serving(tmp_path / "s", ", max_in_flight: 20") as served, kept(served, 60) as clients:
        before = len(served.upstream.calls)
        served.upstream.next_play = lambda seat, body: answer(wait=0.5)  # type: ignore[method-assign]
        served.running.app.shedding.scarce = True
        for client in clients:
            client.ask("POST", "/v1/chat/completions", question())
        told = [await client.response() for client in clients]
        assert Counter(one.status for one in told) == {200: 20, 503: 40}
        assert len(served.upstream.calls) - before == 20
        assert len({one.headers["x-fairlead-request-id"] for one in told}) == 60
        assert served.running.app.shedding.in_flight == 0
        for client in clients[:20]:
            client.ask("POST", "/v1/chat/completions", question())
        assert {(await client.response()).status for client in clients[:20]} == {200}


async def test_half_of_the_requests_is_three_quarters_of_them_where_the_door_asks_too(
    tmp_path: Path,
) -> None:  # FAULTS 28
    async with serving(tmp_path / "s") as served, kept(served, 60) as clients:
        shedding = served.running.app.shedding
        served.running.runtime.beats.clear()  # the share is set here
        shedding._pressure, shedding.scarce = 0.5, True
        statuses = Counter[int]()
        for client in clients:
            client.ask("POST", "/v1/chat/completions", question())
            statuses[(await client.response()).status] += 1
        assert statuses == {200: 30, 503: 30}


async def test_half_of_those_who_ask_for_the_first_time_is_another_share(tmp_path: Path) -> None:  # FAULTS 28
    """Each on a connection of its own, with a head that nobody sent before."""
    async with serving(tmp_path / "s") as served:
        shedding = served.running.app.shedding
        served.running.runtime.beats.clear()  # the share is set here
        shedding._pressure, shedding.scarce = 0.5, True
        statuses = Counter[int]()
        for number in range(20):
            async with served.client() as client:
                for _ in range(2):
                    client.ask("POST", "/v1/chat/completions", question(), headers={"x-own": str(number)})
                    statuses[(await client.response()).status] += 1
        assert statuses == {200: 20, 503: 20}


async def test_who_has_waited_for_his_turn_is_turned_away(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s") as served, kept(served, 1) as (client,):
        shedding, listener = served.running.app.shedding, served.running.listener
        served.running.runtime.beats.clear()
        begin = listener.turns.begin

        class Later:
            """While somebody waits for his turn, time becomes short."""

            def begin(self, line: turns.Line, asked: Asked) -> None:
                shedding._pressure, shedding.scarce = 1.0, True
                begin(line, asked)

        listener.turns = cast(Turns, Later())
        statuses = []
        for _ in range(2):
            client.ask("POST", "/v1/chat/completions", question())
            statuses.append((await client.response()).status)
        assert statuses == [200, 503]


async def test_who_is_turned_away_at_the_door_is_told_less_or_answered_for_another(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s", ", max_in_flight: 1") as served, kept(served, 2) as (first, second):
        served.upstream.push("one", stream([*events(usage=None)[:2], HANG], end=False))
        first.ask("POST", "/v1/chat/completions", question(stream=True))
        await first.head()
        bodies = set()
        for _ in range(3):
            second.ask("POST", "/v1/chat/completions", question())
            told = await second.response()
            assert (told.status, told.error["code"]) == (503, "overloaded")
            assert 1 <= int(told.headers["retry-after"]) <= 5
            bodies.add(told.body)
        assert len(bodies) == 3, "each has an id of its own"
        second.ask("GET", "/v1/models")
        assert (await second.response()).status == 200
        before = len(served.upstream.calls)
        second.send(b"".join([b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"] * 3))
        assert [(await second.response()).status for _ in range(3)] == [401] * 3
        assert len(served.upstream.calls) == before


async def test_a_greedy_keys_burst_keeps_another_key_waiting(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s", ", max_in_flight: 20", more=KEYS) as served:
        served.upstream.next_play = lambda seat, body: answer(wait=0.3)  # type: ignore[method-assign]
        other = [asyncio.ensure_future(served.chat(key="fl_other"))]
        await soon(lambda: served.running.app.shedding.in_flight == 1)
        greedy = [asyncio.ensure_future(served.chat()) for _ in range(60)]
        await soon(lambda: sum(task.done() for task in greedy) >= 45)
        other += [asyncio.ensure_future(served.chat(key="fl_other")) for _ in range(3)]
        assert {(await task).status for task in other} == {200}
        refused = [response for task in greedy if (response := await task).status != 200]
        assert {(response.status, response.error["code"]) for response in refused} == {(429, "over_share")}
