"""What is held against a channel, and what is not: a stream that breaks off is, however well it began; our own limits are not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from fairlead.core.health import Health
from tests.server.serving import Served, serving, soon
from tests.server.wire import ask
from tests.upstream import CUT, HANG, RST, Play, answer, events, status, stream

FIRST, SECOND, *_ = events()
BROKEN = {
    "cut": stream([FIRST, SECOND, CUT], end=False),
    "reset": stream([FIRST, SECOND, 0.05, RST], end=False),
    "stalled": stream([FIRST, SECOND, HANG], end=False),
    "an error": stream([FIRST, SECOND, 0.05, b'data: {"error": {"message": "overloaded"}}\n\n']),
    "no end": stream([FIRST, SECOND, 0.05]),
}
QUICK = ", idle_timeout: 0.3"
KEYS = "keys: [{name: test, key: fl_test}]\n"


async def asked(server: Served, path: str = "/v1/chat/completions", model: str = "auto") -> bytes:
    body = {"model": model, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
    response = await ask(server.port, "POST", path, json.dumps(body).encode())
    assert response.status == 200
    return response.body


def of_one(server: Served) -> Health:
    return next(one for one in server.running.runtime.health.states() if one.channel == "m-one@one")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("name", BROKEN)
async def test_who_breaks_off_every_stream_is_asked_for_ever(
    tmp_path: Path, name: str, path: str
) -> None:  # M4.5 FAULTS 4 5
    async with serving(tmp_path / "s", provider=QUICK, more=KEYS) as server:
        server.upstream.push("one", *[BROKEN[name]] * 5)
        for _ in range(3):
            assert b"is not whole" in await asked(server, path)
        assert of_one(server).state == "open"
        assert b"is not whole" not in await asked(server, path)
        assert server.upstream.seats == ["one", "one", "one", "two"]
        assert "channel_ejected" in [kind for kind, _ in await server.audits()]


async def test_a_stream_that_was_whole_does_not_begin_the_count_anew(tmp_path: Path) -> None:  # M4.5
    async with serving(tmp_path / "s", provider=QUICK, more=KEYS) as server:
        server.upstream.push("one", *[BROKEN["cut"]] * 2, stream(events()), *[BROKEN["cut"]] * 2)
        for _ in range(5):
            await asked(server)
        assert server.upstream.seats == ["one"] * 5
        assert (of_one(server).state, of_one(server).failures) == ("closed", 2)


async def test_who_leaves_amid_a_stream_is_held_against_it(tmp_path: Path) -> None:  # M4.5
    async with serving(tmp_path / "s", more=KEYS) as server:
        server.upstream.push("one", *[BROKEN["stalled"]] * 4)
        for number in range(4):
            async with server.client() as client:
                fields = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "a"}]}
                client.ask("POST", "/v1/chat/completions", json.dumps(fields).encode())
                await client.head()
            await soon(lambda number=number: server.upstream.calls[number].left.is_set())  # type: ignore[misc]
        await asyncio.sleep(0.05)
        assert (of_one(server).state, of_one(server).failures) == ("closed", 0)


async def test_a_channel_on_trial_waits_for_the_end_of_a_long_stream(tmp_path: Path) -> None:  # M4.5
    once = "health: {failures: 1, successes: 1, ejection: 600}\n" + KEYS
    async with serving(tmp_path / "s", more=once) as server:
        server.upstream.push("one", BROKEN["cut"])
        await asked(server)
        server.running.runtime.health.breakers.opened["m-one@one"].until = 0.0
        server.upstream.push("one", Play([*stream([FIRST, SECOND], end=False).steps, HANG]))
        waiting = asyncio.ensure_future(asked(server))
        await soon(lambda: of_one(server).state == "closed")
        assert b"[DONE]" in await asked(server)
        assert server.upstream.seats == ["one"] * 3
        waiting.cancel()


async def test_who_breaks_off_soon_is_favoured_for_being_quick(tmp_path: Path) -> None:  # M4.6 FAULTS 13
    lenient = "health: {failures: 1000000}\n" + KEYS.replace("}]", ", policy: shared}]")
    shared = "  shared: {strategy: pinned, model: both, balance: peak_ewma}\n"
    async with serving(tmp_path / "s", more=lenient, extra_policy=shared) as server:
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: BROKEN["cut"] if seat == "one" else stream([0.01, *events()])
        )
        for _ in range(40):
            await asked(server)
        assert server.upstream.seats.count("one") <= 4


@pytest.mark.parametrize("streamed", [False, True])
async def test_who_lets_every_deadline_pass_is_asked_for_ever(tmp_path: Path, streamed: bool) -> None:  # M4.5 M4.7
    async with serving(tmp_path / "s", server=", request_timeout: 0.4", more=KEYS) as server:
        server.upstream.push("one", *[Play([HANG])] * 3)
        found = [(await server.chat(model="auto", stream=streamed)).status for _ in range(4)]
        assert (found, server.upstream.seats) == ([504, 504, 504, 200], ["one", "one", "one", "two"])


OWN = "  own: {strategy: balanced, tasks: {chat: {model: m-one, max_latency: 0.2}}}\n"


@pytest.mark.parametrize("name", ["asked late", "a task's own limit", "begun"])
async def test_a_deadline_that_is_nobodys_fault_is_held_against_somebody(tmp_path: Path, name: str) -> None:  # M4.5
    seconds, policy = (25, "own") if "own" in name else (0.8, "ordered")
    async with serving(tmp_path / "s", f", request_timeout: {seconds}", more=KEYS, extra_policy=OWN) as server:
        late = Play([0.5, *status(500).steps], None, 500)
        server.upstream.push("one", {"asked late": late, "begun": BROKEN["stalled"]}.get(name, Play([HANG])))
        server.upstream.push("two", Play([HANG]))
        wishes = {"x-fairlead-policy": policy, "x-fairlead-task": "chat"}
        await server.chat(wishes, model="auto", stream=name == "begun")
        failures = {one.channel: one.failures for one in server.running.runtime.health.states()}
        assert (failures["m-one@one"], failures["m-two@two"]) == (int(name == "asked late"), 0)


async def test_connections_that_are_all_in_use_are_held_against_the_provider(tmp_path: Path) -> None:  # M4.5
    alone = ", max_connections: 1, connect_timeout: 0.2"
    async with serving(tmp_path / "s", provider=alone, more=KEYS) as server:
        server.upstream.push("one", Play([HANG]), *[answer()] * 4)
        first = asyncio.ensure_future(server.chat(model="m-one@one"))
        await soon(lambda: len(server.upstream.calls) == 1)
        found = await asyncio.gather(*(server.chat(model="m-one@one") for _ in range(4)))
        assert {(one.status, one.error["code"]) for one in found} == {(503, "upstream_overloaded")}
        assert "all 1 connections are in use" in found[0].error["message"]
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two"
        assert (of_one(server).state, of_one(server).failures) == ("closed", 0)
        first.cancel()


async def test_who_asks_a_chat_model_for_pictures_ejects_it_for_all(tmp_path: Path) -> None:  # M4.5
    async with serving(tmp_path / "s", more=KEYS) as server:
        server.upstream.push("one", *[status(404)] * 4)
        for _ in range(4):
            told = await ask(server.port, "POST", "/v1/images/generations", b'{"model": "m-one@one", "prompt": "a"}')
            assert told.status == 502
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-one"
        assert of_one(server).failures == 0
