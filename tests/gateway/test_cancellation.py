"""A client that leaves takes everything with it: the provider's connection, its slot, its open row."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.store.spool import SpoolFailed
from tests.server.serving import Served, question, serving, soon, within_a_second
from tests.upstream import HANG, Play, completion, event, events, plain, status, stream

ROLE = events()[0]
LIMITED = "keys: [{name: test, key: fl_test, limits: {concurrency: 1}}]"

PHASES = {
    "before the head": (Play([HANG]), False),
    "stream before the head": (Play([HANG]), True),
    "before content": (stream([ROLE, HANG], end=False), True),
    "within content": (stream([ROLE, event({"content": "Bon"}), HANG], end=False), True),
    "within a plain body": (Play([plain(200, completion())[:-5], HANG]), False),
    "within an error's body": (Play([plain(500, b"{}")[:-1], HANG]), False),
}


def in_flight(server: Served) -> int:
    (meter,) = server.running.runtime.metering.meters.values()
    assert meter is not None
    return meter.in_flight


@pytest.mark.parametrize("phase", PHASES)
async def test_a_client_that_leaves_closes_upstream_and_frees_its_slot(
    tmp_path: Path, phase: str
) -> None:  # F19 F43 F48
    play, streamed = PHASES[phase]
    async with serving(tmp_path / "s", more=LIMITED) as server:
        server.upstream.push("one", play)
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(model="auto", stream=streamed))
            await soon(lambda: bool(server.upstream.calls and server.upstream.calls[0].sent == _size(play)))
            if phase == "within content":
                assert b"Bon" in (await client.head() and await client.piece())
            assert in_flight(server) == 1
        await within_a_second(server.upstream.calls[0].left.wait())
        await soon(lambda: in_flight(server) == 0)
        (record,) = await server.records()
        assert (record.outcome, record.status) == ("cancelled", 499)
        (attempt,) = record.attempts
        assert attempt.outcome == "cancelled"
        if play.status == 200 and phase != "within an error's body":
            assert attempt.usage.estimated
        assert not server.running.runtime.ledger._open  # type: ignore[attr-defined]
        assert server.upstream.seats == ["one"]
        assert (await server.chat()).status == 200


def _size(play: Play) -> int:
    return sum(len(step) for step in play.steps if isinstance(step, bytes))


async def test_a_client_that_leaves_between_two_attempts_starts_no_third(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=LIMITED) as server:
        server.upstream.push("one", status(500))
        server.upstream.push("two", Play([HANG]))
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(model="auto"))
            await soon(lambda: server.upstream.seats == ["one", "two"])
        await within_a_second(server.upstream.calls[1].left.wait())
        await soon(lambda: in_flight(server) == 0)
        (record,) = await server.records()
        assert [attempt.outcome for attempt in record.attempts] == ["failed", "cancelled"]


async def test_a_thousand_that_leave_leave_nothing_behind(tmp_path: Path) -> None:  # F40
    async with serving(tmp_path / "s") as server:
        tasks = len(asyncio.all_tasks())
        for _ in range(5):
            clients = [await server.client().__aenter__() for _ in range(40)]
            for number, client in enumerate(clients):
                server.upstream.push("one", PHASES["within content"][0] if number % 2 else Play([HANG]))
                client.ask("POST", "/v1/chat/completions", question(stream=bool(number % 2)))
            await asyncio.sleep(0.05)
            for client in clients:
                client.close()
            await soon(lambda: not server.running.listener.connections)
        await soon(lambda: len(asyncio.all_tasks()) <= tasks)
        await soon(lambda: not server.running.runtime.http.pools["one"].open)
        assert not server.running.runtime.ledger._open  # type: ignore[attr-defined]


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_slot_comes_back_however_a_request_ends(tmp_path: Path, streamed: bool) -> None:  # F48
    async with serving(tmp_path / "s", server=", request_timeout: 0.3", more=LIMITED) as server:
        endings = [status(400), status(500), Play([HANG]), stream([ROLE, event({"content": "B"}), HANG], end=False)]
        for play in endings:
            server.upstream.push("one", play)
            server.upstream.push("two", status(500))
            await server.chat(stream=streamed)
            server.upstream.script.clear()
        for raw in (b"{", b'{"model":"nothing","messages":[{"role":"user","content":"a"}]}'):
            await server.chat(raw=raw)
        await soon(lambda: in_flight(server) == 0)


async def test_an_unforeseen_error_frees_the_slot_closes_upstream_and_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path / "s", more=LIMITED) as server:

        def broken(*_: object) -> None:
            raise ValueError("on purpose")

        with monkeypatch.context() as patched:
            patched.setattr("fairlead.gateway.attempt.Try._answered", broken)
            response = await server.chat()
            assert (response.status, response.error["code"]) == (500, "internal_error")
        assert in_flight(server) == 0
        assert "on purpose" in caplog.text
        record = await server.record(response)
        assert (record.outcome, record.status, len(record.attempts)) == ("failed", 500, 1)
        assert not server.running.runtime.ledger._open  # type: ignore[attr-defined]
        assert (await server.chat()).status == 200


async def test_what_cannot_be_written_down_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # F34
    async with serving(tmp_path / "s", more=LIMITED) as server:

        def full(*_: object) -> None:
            raise SpoolFailed("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(type(server.running.runtime.ledger), "intend", full)
            response = await server.chat()
        assert (response.status, response.error["code"]) == (503, "ledger_unwritable")
        assert server.upstream.accepted == 0
        assert in_flight(server) == 0
        assert (await server.record(response)).attempts == ()
        assert (await server.chat()).status == 200


async def test_a_stream_that_fails_within_fairlead_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path / "s", more=LIMITED) as server:

        def broken(*_: object) -> None:
            raise ValueError("on purpose")

        monkeypatch.setattr("fairlead.gateway.execute.Run._complete", broken)
        response = await server.chat(stream=True)
        assert response.status == 200
        assert not response.whole
        assert in_flight(server) == 0


async def test_a_slow_reader_slows_the_provider_down(tmp_path: Path) -> None:  # F20
    async with serving(tmp_path / "s") as server, server.client() as client:
        piece = event({"content": "x" * 60_000})
        server.upstream.push("one", stream([ROLE, *[piece] * 500, *events()[2:]]))
        client.reader._limit = 2**16  # type: ignore[attr-defined]
        client.writer.transport.pause_reading()
        client.ask("POST", "/v1/chat/completions", question(stream=True, stream_options={"include_usage": True}))
        sent = -1
        while not server.upstream.calls or server.upstream.calls[0].sent != sent or sent < 1000:
            sent = server.upstream.calls[0].sent if server.upstream.calls else -1
            await asyncio.sleep(0.1)
        assert sent < 25_000_000
        (connection,) = server.running.listener.connections
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() < 600_000
        client.writer.transport.resume_reading()
        response = await client.response()
        assert response.whole
        assert response.body.count(b"x" * 60_000) == 500
        assert (await server.chat()).status == 200
