"""One budget, and whatever can happen around it: many processes, a client that leaves at any moment, a process that dies."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

import pytest

from fairlead.core.call import Caller
from fairlead.gateway import pipeline
from fairlead.gateway.request import Headers, Incoming
from fairlead.store.spool import SpoolFailed
from tests.gateway.test_budgets import books, greedy, keys
from tests.server.serving import config, question, rows, serving, soon
from tests.server.test_crash import process
from tests.server.wire import Client, ask
from tests.upstream import Play, answer, completion, event, events, plain, scripted, status, stream

CLIENT = """
import json, socket, sys, time
port, times = int(sys.argv[1]), int(sys.argv[2])
body = json.dumps({"model": "m-one", "max_tokens": 100000, "messages": [{"role": "user", "content": "Hello"}]}).encode()
head = b"POST /v1/chat/completions HTTP/1.1\\r\\nHost: 127.0.0.1:%d\\r\\nAuthorization: Bearer fl_test\\r\\n" % port
head += b"Content-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)

def ask():
    there.sendall(head + body)
    status = int(told.readline().split()[1])
    fields = {}
    while (line := told.readline()) != b"\\r\\n":
        name, _, value = line.decode().lower().partition(":")
        fields[name] = value
    told.read(int(fields["content-length"]))
    return status, int(fields.get("retry-after", 0))

answers = []
with socket.create_connection(("127.0.0.1", port)) as there, there.makefile("rb") as told:
    while len(answers) < times:
        status, seconds = ask()
        if status == 503 and seconds:
            time.sleep(seconds)
        else:
            answers.append(status)
print(json.dumps(answers))
"""
"""One of many processes that ask, with nothing but sockets, and say the statuses they got. On a loaded machine the server
may turn some away for want of time: they come again when they are told to."""


async def test_32_processes_overspend_one_budget(tmp_path: Path) -> None:  # FAULTS 42
    """Every answer takes all that it is allowed, so that nothing but the holds keeps the sum within the budget."""
    cap = 400_000_000
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.4, per: total}")) as server:
        server.upstream.next_play = greedy  # type: ignore[method-assign]
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum(books(server)) if server.running.runtime.budgets.books.accounts else 0)
                await asyncio.sleep(0)

        async def client() -> list[int]:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-S", "-E", "-c", CLIENT, str(server.port), "8", stdout=asyncio.subprocess.PIPE
            )
            told, _ = await child.communicate()
            statuses: list[int] = json.loads(told)
            return statuses

        watching = asyncio.create_task(watch())
        async with asyncio.timeout(120):
            found = [status for those in await asyncio.gather(*(client() for _ in range(32))) for status in those]
        watching.cancel()
        assert len(found) == 32 * 8
        assert set(found) <= {200, 402, 429}
        spent, held = books(server)
        assert held == 0
        assert most <= cap
        assert spent <= cap
        assert cap - spent < 10_000_000
        records = await server.records()
        assert sum(record.cost for record in records) == spent
        assert sum(record.outcome == "ok" for record in records) == found.count(200)
        assert len(server.upstream.calls) == found.count(200)


PLAYS: dict[str, Play] = {
    "whole": answer(),
    "stream": stream(events()),
    "fails": status(500),
    "cut": Play([plain(200, completion())[:-5]]),
    "no content": stream([event({"role": "assistant", "content": ""})]),
}


class Gone:
    """A client that takes what comes until it is cancelled."""

    started = False

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.started = True

    def start(self, status: int, headers: bytes) -> None:
        self.started = True

    async def write(self, piece: bytes) -> None:
        await asyncio.sleep(0)

    def end(self, last: bytes = b"") -> None:
        return


@pytest.mark.parametrize("name", PLAYS)
async def test_a_request_that_is_left_at_some_await_keeps_what_it_held(tmp_path: Path, name: str) -> None:  # FAULTS 43
    """Cancelled after so many turns of the loop, one after the other, until it ends by itself."""
    hedged = "  hedged: {strategy: pinned, model: m-one, fallbacks: [m-two], hedge_ms: 1}\n"
    more = keys("policy: hedged, budget: {amount: 5}, limits: {concurrency: 50}")
    async with serving(tmp_path / "s", more=more, extra_policy=hedged) as server:
        runtime = server.running.runtime
        caller = next(one.caller for one in runtime.world.keys.values() if one.caller.name == "test")
        ended = False
        for turns in range(400):
            server.upstream.script.clear()
            server.upstream.push("one", PLAYS[name])
            ended = await left_after(turns, server, caller, name == "stream")
            if ended:
                break
        assert ended, "it never came to its end"
        assert turns > 5
        await soon(lambda: books(server)[1] == 0)
        assert all(meter.in_flight == 0 for meter in runtime.metering.meters.values())
        assert runtime.budgets.books.holds == {}
        records = await server.records()
        assert books(server)[0] == sum(record.cost for record in records)


async def left_after(turns: int, server: object, caller: Caller, streamed: bool) -> bool:
    """Whether it had ended before."""
    runtime = server.running.runtime  # type: ignore[attr-defined]
    body = question(model="auto", stream=streamed)
    incoming = Incoming("generate", caller, Headers(), body, time.monotonic())
    asking = asyncio.create_task(pipeline.answer(runtime.present, incoming, Gone()))
    for _ in range(turns):
        await asyncio.sleep(0)
        if asking.done():
            return True
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return False


async def test_what_cannot_be_written_down_stays_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # FAULTS 34
    more = keys("budget: {amount: 5}")
    limited = (
        "  few: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 2}, limits: {concurrency: 1}}\n"
    )
    async with serving(tmp_path / "s", more=more, extra_model=limited) as server:
        runtime = server.running.runtime

        def full(ledger: object, intent: object) -> None:
            raise SpoolFailed("No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(type(runtime.ledger), "intend", full)
            for streamed in (False, True):
                response = await server.chat(model="few", stream=streamed)
                assert response.status == 503
                assert books(server) == (0, 0)
                assert runtime.metering.of_models["few"].in_flight == 0
        assert server.upstream.calls == []
        assert (await server.chat(model="few")).status == 200


async def test_embeddings_are_held_or_limited_as_answers(tmp_path: Path) -> None:  # M6.3
    vectors = "  vectors: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 9}, capabilities: [embeddings]}\n"
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "model": "up",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.00005}"), extra_model=vectors) as server:
        server.upstream.push("one", Play([plain(200, json.dumps(body).encode())]))
        asked = json.dumps({"model": "vectors", "input": "Hello"}).encode()
        response = await ask(server.port, "POST", "/v1/embeddings", asked)
        assert (response.status, "x-fairlead-max-tokens" in response.headers) == (200, False)
        assert json.loads(server.upstream.calls[0].body) == {"model": "up-one", "input": "Hello"}
        assert books(server) == (5_000, 0)


async def test_a_killed_process_gives_back_what_its_requests_may_have_cost(tmp_path: Path) -> None:  # FAULTS 31 42
    """A budget that one process spent half of, with requests under way, is taken up by the next before it is ready."""
    chance, cap = random.Random(7), 3_000_000
    file, state_dir = tmp_path / "f.yaml", tmp_path / "state"
    async with scripted() as upstream:
        more = keys("budget: {amount: 0.003, per: total}")
        file.write_text(config(upstream.port, state_dir, more=more))
        statuses: list[int] = []

        async def client(port: int) -> None:
            try:
                async with Client(port) as one:
                    while True:
                        upstream.push("one", answer(wait=0.01))
                        one.ask("POST", "/v1/chat/completions", question(max_tokens=200, model="m-one@one"))
                        statuses.append((await one.response()).status)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                return

        for _ in range(3):
            async with process(file) as (child, port):
                asking = [asyncio.create_task(client(port)) for _ in range(6)]
                await asyncio.sleep(chance.uniform(0.05, 0.3))
                child.kill()
                await asyncio.gather(*asking)
        async with process(file) as (child, port):
            async with Client(port) as one:
                for _ in range(200):
                    one.ask("POST", "/v1/chat/completions", question(max_tokens=200, model="m-one@one"))
                    response = await one.response()
                    if response.status == 402:
                        break
            assert response.status == 402
            child.terminate()
            await child.wait()
        ((spent,),) = rows(state_dir, "SELECT sum(cost) FROM requests")
        assert isinstance(spent, int)
        billed = len(upstream.calls) * (11 * 1000 + 7 * 2000)
        assert spent <= cap
        assert billed <= cap
        assert {status for status in statuses if status != 200} <= {402, 429}
