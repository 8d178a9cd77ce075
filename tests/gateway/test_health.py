"""When everything fails nobody piles on, and whoever is well again is found: with a clock of our own, and on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.core.execution import Candidate, line
from fairlead.core.health import Change, Claim, HealthSettings
from fairlead.gateway.further import SPARED_SECONDS
from fairlead.gateway.health import Health
from tests.core.scenes import call, channel, model, plan, policy, world
from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response
from tests.upstream import answer, scripted, status

NAMES = "abcd"
CHANNELS = [channel("m", name, provider=name) for name in NAMES]
CANDIDATES, _ = line(plan(call(), world(model("m", channels=tuple(CHANNELS))), policy()))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.changes: list[Change] = []

    def health(self, settings: HealthSettings | None = None) -> Health:
        usual = HealthSettings(jitter=0.0)
        return Health(settings or usual, [one.id for one in CHANNELS], self.changes.append, now=lambda: self.now)


def ask(health: Health, candidates: tuple[Candidate, ...], well: str, anyway: bool = False) -> tuple[str, bool]:
    """(who was asked, whether one answered) by a run that tries them in line."""
    asked = ""
    for candidate in candidates:
        entered = health.enter(candidate.channel, further=bool(asked), anyway=anyway)
        if not isinstance(entered, Claim):
            continue
        provider = candidate.channel.provider
        asked += provider
        if provider in well:
            health.answered(entered)
        else:
            health.failed(entered, "HTTP 500", None)
        health.left(entered, None)
        if provider in well:
            break
    done = asked[-1:] in well if asked else False
    return asked, done


LENIENT = HealthSettings(failures=10**6, jitter=0.0)


def test_many_providers_that_fail_at_once_are_each_asked_as_often_as_one() -> None:  # FAULTS 10
    clock = Clock()
    health = clock.health(LENIENT)
    calls = 0
    for requests in range(1, 201):
        calls += len(ask(health, CANDIDATES, "")[0])
        seconds = clock.now - 1000.0
        assert calls <= 1.2 * requests + 10 * (seconds + 1), f"{calls} calls for {requests} requests in {seconds:g} s"
        clock.now += 0.02


def test_what_fails_for_some_keeps_others_from_who_is_well() -> None:  # FAULTS 12
    """Requests that nobody can answer use up no budget of those who have not failed."""
    health = Clock().health(LENIENT)
    for _ in range(50):
        ask(health, CANDIDATES[:2], "")
    assert ask(health, (CANDIDATES[0], CANDIDATES[3]), "d") == ("ad", True)


def test_a_request_that_is_answered_in_the_end_counts_against_the_next() -> None:  # FAULTS 12
    health = Clock().health()
    assert [ask(health, CANDIDATES, "d")[1] for _ in range(20)] == [True] * 20


def test_one_that_is_well_again_is_found_by_chance_or_late() -> None:  # FAULTS 12
    """Behind three that still fail: by as many requests as there are channels, without time passing."""
    clock = Clock()
    health = clock.health()
    for _ in range(40):
        ask(health, CANDIDATES, "")
        clock.now += 0.001
    assert len(health.ejected()[0]) == len(NAMES)
    told = []
    for _ in range(10):
        told.append(ask(health, health.in_turn(CANDIDATES), "d", anyway=True)[1])
        clock.now += 0.001
    assert told.count(False) < len(NAMES)
    assert told[-6:] == [True] * 6, "once found it is left again"
    assert [change.channel for change in clock.changes if not change.opened] == ["m@d"]


def test_who_never_failed_loses_its_place_to_others() -> None:
    health = Clock().health(LENIENT)
    for _ in range(9):
        ask(health, CANDIDATES[2:], "")
    assert [one.channel.name for one in health.in_turn(CANDIDATES)][:2] == ["a", "b"]


def test_the_line_begins_anew_with_a_move_that_is_none() -> None:
    health = Clock().health()
    line = health.in_turn(CANDIDATES)
    assert [one.move for one in line] == ["first", "failover", "failover", "failover"]
    assert [one.channel.id for one in line] == [one.channel.id for one in CANDIDATES], "nobody was asked yet"


def test_who_came_back_is_not_tried_in_anothers_place_for_what_failed_before() -> None:  # FAULTS 12
    clock = Clock()
    health = clock.health()
    for _ in range(20):
        ask(health, CANDIDATES[1:2], "")
    clock.now += 31.0
    for _ in range(2):
        claim = health.breakers.claim("m@b", clock.now, probe=True)
        assert claim is not None
        health.probed(claim, "b", "", 0.0)
    assert [ask(health, CANDIDATES[:2], "b") for _ in range(3)] == [("ab", True)] * 3


def test_tries_that_nobody_pays_for_add_up_over_providers() -> None:  # FAULTS 10
    clock = Clock()
    health = clock.health(LENIENT)
    for _ in range(100):
        ask(health, CANDIDATES, "")
    further = 0
    for _ in range(400):
        further += len(ask(health, CANDIDATES, "")[0]) - 1
        clock.now += 0.025
    assert 1 <= further <= 10 / SPARED_SECONDS + len(NAMES)


# ---- the same on a real server


@asynccontextmanager
async def four(state: Path, health: str = "") -> AsyncIterator[Served]:
    """Four providers that all fail, in one line."""
    async with scripted() as upstream:
        address = f"http://127.0.0.1:{upstream.port}"
        providers = "".join(
            f"  p{name}: {{kind: openai, base_url: '{address}/{name}/v1', api_key: key-{name}}}\n" for name in NAMES
        )
        channels = ", ".join(f"{{provider: p{name}, model: up}}" for name in NAMES)
        line = f"  line: {{channels: [{channels}], price: {{input: 1, output: 2}}, context: 128000, quality: 0.5}}\n"
        async with serving(
            state, extra_provider=providers, extra_model=line, extra_policy=ALONE, more=health + KEYS
        ) as server:
            server.upstream = upstream
            upstream.next_play = lambda seat, body: status(500)  # type: ignore[method-assign]
            yield server


ALONE = """  alone: {strategy: pinned, model: line}
  again: {strategy: pinned, model: line, retries: 1}
"""


async def asking(server: Served, policy: str = "alone") -> Response:
    return await server.chat({"x-fairlead-policy": policy}, model="auto")


@pytest.mark.parametrize("health", ["", "health: {failures: 1000}\n"])
async def test_five_requests_become_twenty_calls(tmp_path: Path, health: str) -> None:  # FAULTS 10
    async with four(tmp_path / "s", health) as server:
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            assert (await asking(server)).status == 502
        seconds = asyncio.get_running_loop().time() - began
        assert len(server.upstream.calls) <= 1.2 * 5 + 10 * max(1.0, seconds)


@pytest.mark.parametrize("at_once", [5, 40])
async def test_requests_that_fail_together_are_each_tried_everywhere(tmp_path: Path, at_once: int) -> None:  # FAULTS 10
    """The second provider is asked in place of the first before anything is known of it; the third and fourth are not."""
    async with four(tmp_path / "s") as server:
        told = await asyncio.gather(*[asking(server) for _ in range(at_once)])
        assert {one.status for one in told} <= {502, 503}
        calls = [server.upstream.seats.count(name) for name in NAMES]
        assert calls[0] + calls[1] <= 2 * at_once
        assert calls[2] + calls[3] <= 10, calls


def ejected(server: Served, *seats: str) -> None:
    """Their circuits are opened, as by faults, and their time is not over."""
    health = server.running.runtime.health
    for seat in seats:
        claim = health.breakers.claim(f"line@p{seat}", health.now())
        assert claim is not None
        health.breakers.failed(claim, health.now(), "HTTP 500")


def over(server: Served, seat: str) -> None:
    """The time of its ejection is over: it is half open."""
    server.running.runtime.health.breakers.opened[f"line@p{seat}"].until = 0.0


ONE_FAULT = "health: {failures: 1, probe_every: 0}\n"


async def test_the_request_that_tries_a_half_open_channel_is_lost_when_it_fails(
    tmp_path: Path,
) -> None:  # M4.5 FAULTS 11 12
    """Nobody else is there, and it fails only once."""
    async with four(tmp_path / "s", ONE_FAULT) as server:
        for name in "bcd":
            server.running.runtime.switches.disable(f"line@p{name}", None)
        ejected(server, "a")
        over(server, "a")
        plays = [status(500), answer()]
        server.upstream.next_play = lambda seat, body: plays.pop(0)  # type: ignore[method-assign]
        told = await asking(server, "again")
        assert (told.status, server.upstream.seats) == (200, ["a", "a"]), told.body


@pytest.mark.parametrize("half_open", [False, True])
async def test_who_failed_of_late_is_not_asked_though_everybody_else_fails(
    tmp_path: Path, half_open: bool
) -> None:  # M4.5 FAULTS 12
    """Three are left alone, of which one is well by now; the fourth, or the one whose time is over, fails."""
    async with four(tmp_path / "s", ONE_FAULT) as server:
        ejected(server, *("abcd" if half_open else "abc"))
        if half_open:
            over(server, "d")
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: answer() if seat == "a" else status(500)
        )
        told = await asking(server)
        assert told.status == 200, server.upstream.seats
        assert server.upstream.seats[0] == "d"


async def test_who_asked_to_be_left_alone_is_asked_all_the_same(tmp_path: Path) -> None:  # FAULTS 9
    async with four(tmp_path / "s", ONE_FAULT) as server:
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: status(429, headers="Retry-After: 60\r\n") if seat == "a" else status(500)
        )
        assert (await asking(server)).status >= 500
        before = server.upstream.seats.count("a")
        for _ in range(3):
            assert (await asking(server)).status >= 500
        assert server.upstream.seats.count("a") == before == 1


async def test_who_is_well_behind_two_that_are_not_refuses_some(tmp_path: Path) -> None:  # FAULTS 12
    """However many ask at the same moment: those who may not try wait for the word of those who do."""
    async with four(tmp_path / "s", "health: {failures: 1000}\n") as server:
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: answer(wait=0.2) if seat == "c" else status(500)
        )
        for _ in range(2):
            told = await asyncio.gather(*[asking(server) for _ in range(30)])
            assert [one.status for one in told] == [200] * 30
        assert server.upstream.seats.count("d") == 0


@pytest.mark.parametrize("health", ["", "health: {failures: 1000}\n"])
async def test_a_provider_that_is_well_again_is_not_asked_for_a_second(
    tmp_path: Path, health: str
) -> None:  # FAULTS 12
    """The oracle is how many requests were refused after it was: fewer than there are channels."""
    async with four(tmp_path / "s", health) as server:
        for _ in range(30):
            assert (await asking(server)).status == 502
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: answer() if seat == "d" else status(500)
        )
        told = [(await asking(server)).status for _ in range(12)]
        assert told.count(502) < len(NAMES)
        assert told[-8:] == [200] * 8
