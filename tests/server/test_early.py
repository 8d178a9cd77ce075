"""Who was told to come back later and asks again at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from fairlead.server.early import MOST_BYTES, Early
from fairlead.server.exchange import Exchange, Line
from tests.server.serving import KEYS, Served, question, serving, soon
from tests.server.test_shedding import kept
from tests.server.wire import Client

CHAT = "/v1/chat/completions"
AWAY = 1e9


@asynccontextmanager
async def turned_away(tmp_path: Path, server: str = "", more: str = "") -> AsyncIterator[tuple[Served, Client]]:
    """A server without any time, which nobody looks at any more, and a client that was told so."""
    async with serving(tmp_path / "s", server, more=more) as served, kept(served, 1) as (client,):
        served.running.runtime.beats.clear()
        lacking(served, 1.0)
        client.ask("POST", CHAT, question())
        told = await client.response()
        assert (told.status, told.error["code"]) == (503, "overloaded")
        yield served, client


def lacking(served: Served, share: float) -> None:
    shedding = served.running.app.shedding
    shedding._pressure, shedding.scarce = share, share > 0


class Waiting:
    """A client that was told to come back, and is called in its place."""

    def __init__(self, back_at: float, called: list[tuple[float, int]], place: int) -> None:
        self.back_at, self.called, self.name = back_at, called, (back_at, place)
        self.busy = False

    def asked_in(self, exchange: Exchange) -> None:
        self.called.append(self.name)


def asking(received: float, body: bytes = b"") -> Exchange:
    return Exchange(cast(Line, None), received, body=body)


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 9), st.integers(0, 5))
def test_some_are_called_before_their_time_and_others_long_after(waiting: list[int], now: int, more: int) -> None:
    early, called = Early(), list[tuple[float, int]]()
    for place, until in enumerate(waiting):
        line = Waiting(until, called, place)
        assert early.keeps(line, asking(until - 0.5))
        assert (line.busy, line.back_at) == (True, 0.0)
    early.call(now, more)
    places = sorted((until, place) for place, until in enumerate(waiting))
    due = sum(until <= now for until, _ in places)
    assert called == places[: due + more]
    assert len(early) == len(places) - len(called)
    early.call_all()
    assert called == places


def test_who_comes_in_time_waits_or_bodies_without_end_do() -> None:
    early = Early()
    assert not early.keeps(Waiting(5.0, [], 0), asking(5.0))
    for _ in range(2):
        assert early.keeps(Waiting(5.0, [], 0), asking(4.0, bytes(MOST_BYTES - 1)))
        assert not early.keeps(Waiting(5.0, [], 1), asking(4.0, b"12"))
        assert early.keeps(Waiting(5.0, [], 2), asking(4.0, b"1"))
        early.call_all()


async def test_a_client_that_asks_again_at_once_is_told_the_same_again_and_again(tmp_path: Path) -> None:  # FAULTS 28
    async with turned_away(tmp_path) as (served, client):
        early, refused = served.running.listener.early, served.running.app.shedding.refused
        before, calls = refused.total(), len(served.upstream.calls)
        client.ask("POST", CHAT, question())
        await soon(lambda: len(early) == 1)
        early.call(served.running.listener.now(), 0)
        assert (len(early), refused.total()) == (1, before), "its time has not come"
        early.call(AWAY, 0)
        assert (await client.response()).status == 503
        assert (len(early), refused.total()) == (0, before + 1)
        client.ask("POST", CHAT, question())
        await soon(lambda: len(early) == 1)
        lacking(served, 0.0)
        early.call(served.running.listener.now(), 1)
        assert (await client.response()).status == 200
        assert len(served.upstream.calls) == calls + 1


async def test_room_is_found_and_who_waits_is_not_called(tmp_path: Path) -> None:  # FAULTS 28
    async with serving(tmp_path / "s") as served, kept(served, 1) as (client,):
        beats = served.running.runtime.beats
        before = beats.copy()
        beats.clear()
        lacking(served, 1.0)
        client.ask("POST", CHAT, question())
        assert (await client.response()).status == 503
        client.ask("POST", CHAT, question())
        await soon(lambda: len(served.running.listener.early) == 1)
        beats += before
        assert (await client.response()).status == 200


async def test_another_key_waits_for_what_the_first_was_told(tmp_path: Path) -> None:  # FAULTS 28
    """As behind a proxy, which sends requests of many over one connection."""
    async with turned_away(tmp_path, more=KEYS) as (served, client):
        client.key = "fl_other"
        for _ in range(2):
            client.ask("POST", CHAT, question())
            assert (await client.response()).status == 503
            client.key = "fl_test"
        client.ask("GET", "/v1/models")
        assert (await client.response()).status == 200
        assert len(served.running.listener.early) == 0


async def test_who_returns_when_told_is_kept_waiting(tmp_path: Path) -> None:  # FAULTS 28
    async with turned_away(tmp_path) as (served, client):
        listener = served.running.listener
        now = listener.now
        listener.now = lambda: now() + 5
        client.ask("POST", CHAT, question())
        assert (await client.response()).status == 503
        listener.now = lambda: now() + 10
        lacking(served, 0.0)
        client.ask("POST", CHAT, question())
        assert (await client.response()).status == 200
        assert len(listener.early) == 0


async def test_who_leaves_while_it_waits_is_asked_for_all_the_same(tmp_path: Path) -> None:  # FAULTS 28
    async with turned_away(tmp_path) as (served, client):
        early, calls = served.running.listener.early, len(served.upstream.calls)
        client.ask("POST", CHAT, question())
        await soon(lambda: len(early) == 1)
        client.close()
        await soon(lambda: not served.running.listener.connections)
        lacking(served, 0.0)
        early.call_all()
        await asyncio.sleep(0.05)
        assert len(served.upstream.calls) == calls
        assert (await served.chat()).status == 200


async def test_what_comes_behind_it_is_lost_or_answered_before_it(tmp_path: Path) -> None:  # FAULTS 28
    async with turned_away(tmp_path) as (served, client):
        client.ask("POST", CHAT, question())
        await soon(lambda: len(served.running.listener.early) == 1)
        client.ask("GET", "/v1/models")
        lacking(served, 0.0)
        await asyncio.sleep(0.05)
        served.running.listener.early.call_all()
        first, second = await client.response(), await client.response()
        assert ("choices" in first.json, "data" in second.json) == (True, True)


async def test_an_ending_server_leaves_them_waiting(tmp_path: Path) -> None:  # FAULTS 32
    async with turned_away(tmp_path) as (served, client):
        client.ask("POST", CHAT, question())
        await soon(lambda: len(served.running.listener.early) == 1)
        ending = asyncio.ensure_future(served.running.stop())
        told = await client.response()
        assert (told.status, told.headers["connection"]) == (503, "close")
        assert await client.rest() == b""
        await ending
