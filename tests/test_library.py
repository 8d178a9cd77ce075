"""fairlead inside a program: nothing global, nothing left running, the same errors and books."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from decimal import Decimal
from inspect import signature
from pathlib import Path

import pytest

import fairlead
from fairlead import Gateway, SyncGateway
from fairlead.config.load import loads
from fairlead.errors import FairleadError, UpstreamFailed
from fairlead.library import CallFailed
from tests.server.serving import config, soon, within_a_second
from tests.upstream import CUT, HANG, USAGE, event, events, scripted, status, stream

ASKED = [{"role": "user", "content": "Hello"}]
SIMULATED = """
providers: {sim: {kind: simulated, models: {quiet: {reply: "Hello there.", latency_ms: 1, tokens_per_second: 5000}}}}
models: {quiet: {channels: [{provider: sim, model: quiet}], price: {input: 1, output: 2}, quality: 0.5}}
"""
SOURCES = str(Path(fairlead.__file__).parent.parent)


async def test_an_answer(tmp_path: Path) -> None:
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        answer = await gateway.chat(ASKED, params={"seed": 1}, fairlead={"task": "chat"})
        assert (answer.text, answer.model) == ("Bonjour.", "m-one")
        assert answer.cost == Decimal(USAGE[0] + 2 * USAGE[1]) / 1_000_000
        record = await gateway.decision(answer.request_id)
        assert record is not None
        assert (record.task, record.key) == ("chat", "library")
        assert json.loads(upstream.calls[0].body) == {"model": "up-one", "messages": ASKED, "seed": 1}


async def test_a_stream(tmp_path: Path) -> None:
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        parts = [part async for part in await gateway.chat(ASKED, stream=True)]
        assert "".join(part.text for part in parts) == "Bonjour."


async def test_two_gateways_in_one_process_keep_separate_books(tmp_path: Path) -> None:
    async with scripted() as upstream:
        texts = [config(upstream.port, tmp_path / name) for name in ("a", "b")]
        async with Gateway(loads(texts[0])) as one, Gateway(loads(texts[1])) as two:
            answer = await one.chat(ASKED)
            assert await one.decision(answer.request_id) is not None
            assert await two.decision(answer.request_id) is None
            assert (tmp_path / "a" / "ledger.db").exists()
            with pytest.raises(FairleadError, match="in use by process"):
                await Gateway(loads(texts[0])).__aenter__()


async def test_without_a_state_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with Gateway(loads(SIMULATED), speed=50) as gateway:
        answer = await gateway.chat(ASKED)
        assert answer.text == "Hello there."
        assert await gateway.decision(answer.request_id) is not None
    assert list(tmp_path.iterdir()) == []


async def test_a_call_that_fails_says_what_an_http_client_would_be_told(tmp_path: Path) -> None:
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        for stream_wanted in (True, False):
            with pytest.raises(CallFailed, match="m-oen") as caught:
                await gateway.chat(ASKED, model="m-oen", stream=stream_wanted)
            assert (caught.value.status, caught.value.code) == (404, "model_not_found")
        upstream.push("one", status(400, "too hot"))
        with pytest.raises(CallFailed, match="too hot"):
            await gateway.chat(ASKED)


async def test_a_stream_left_early_closes_upstream(tmp_path: Path) -> None:  # F19
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        upstream.push("one", stream([events()[0], event({"content": "Bon"}), HANG], end=False))
        async for part in await gateway.chat(ASKED, stream=True):
            if part.text:
                break
        await within_a_second(upstream.calls[0].left.wait())


async def test_a_cancelled_call_closes_upstream(tmp_path: Path) -> None:  # F19
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        upstream.push("one", stream([HANG], end=False))
        asking = asyncio.ensure_future(gateway.chat(ASKED))
        await soon(lambda: bool(upstream.calls))
        asking.cancel()
        await within_a_second(upstream.calls[0].left.wait())
        with pytest.raises(asyncio.CancelledError):
            await asking


async def read(gateway: Gateway, texts: list[str]) -> None:
    async for part in await gateway.chat(ASKED, stream=True):
        texts.append(part.text)


async def test_a_stream_that_breaks_raises_and_does_not_look_whole(tmp_path: Path) -> None:
    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        upstream.push("one", stream([event({"content": "Bon"}), 0.02, CUT], end=False))
        texts: list[str] = []
        with pytest.raises(CallFailed, match="broke off"):
            await read(gateway, texts)
        assert texts == ["Bon"]


async def test_a_stream_that_fails_within_fairlead_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("on purpose")

    async with scripted() as upstream, Gateway(loads(config(upstream.port, tmp_path / "s"))) as gateway:
        monkeypatch.setattr("fairlead.gateway.execute.Run._complete", broken)
        with pytest.raises(UpstreamFailed, match="broke off"):
            await asyncio.wait_for(read(gateway, []), 5)


async def test_a_closing_gateway_settles_what_is_under_way(tmp_path: Path) -> None:
    async with scripted() as upstream:
        text = config(upstream.port, tmp_path / "s")
        async with Gateway(loads(text)) as gateway:
            upstream.push("one", stream([event({"content": "Bon"}), HANG], end=False))
            parts = await gateway.chat(ASKED, stream=True)
            first = await anext(parts)
            assert first.text == "Bon"
        await within_a_second(upstream.calls[0].left.wait())
        async with Gateway(loads(text)) as gateway:
            told = await gateway._open().ledger.totals()  # type: ignore[attr-defined]
            assert (told.requests, told.attempts, told.estimated) == (1, 1, 1)


async def test_a_gateway_that_is_not_open_says_how_to_open_it() -> None:
    gateway = Gateway(loads(SIMULATED))
    with pytest.raises(FairleadError, match="async with"):
        await gateway.chat(ASKED)
    with pytest.raises(FairleadError, match="with SyncGateway"):
        SyncGateway(gateway).chat(ASKED)


def test_the_synchronous_twin() -> None:
    with SyncGateway(Gateway(loads(SIMULATED), speed=50)) as gateway:
        assert gateway.chat(ASKED).text == "Hello there."
        assert "".join(part.text for part in gateway.stream(ASKED)) == "Hello there."
        for part in gateway.stream(ASKED):
            if part.text:
                break
        with pytest.raises(CallFailed):
            gateway.chat(ASKED, model="nothing")
        assert gateway.route(ASKED)["steps"]
        assert not gateway.route(ASKED, fairlead={"quality_floor": 0.9})["steps"]
        answer = gateway.chat(ASKED)
        record = gateway.decision(answer.request_id)
        assert record is not None
        assert (record.request, record.cost) == (answer.request_id, answer.cost and int(answer.cost * 10**9))
    with pytest.raises(FairleadError):
        gateway.chat(ASKED)


@pytest.mark.parametrize("name", ["from_config", "chat", "route", "decision"])
def test_the_synchronous_twin_can_be_told_less(name: str) -> None:
    told = {one: set(signature(getattr(one, name)).parameters) for one in (Gateway, SyncGateway)}
    assert told[Gateway] - {"stream"} == told[SyncGateway]  # a stream is a method of its own there


async def test_the_synchronous_twin_works_inside_a_running_loop() -> None:
    with (
        SyncGateway(Gateway(loads(SIMULATED), speed=50)) as one,
        SyncGateway(Gateway(loads(SIMULATED), speed=50)) as two,
    ):
        assert one.chat(ASKED).text == two.chat(ASKED).text == "Hello there."


IMPORT = """
import asyncio, sys, threading
policy = type(asyncio.get_event_loop_policy())
def refuse(event, args):
    if event.startswith("socket.") or (event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")):
        raise SystemExit(f"{event} {args}")
sys.dont_write_bytecode = True
sys.addaudithook(refuse)
import fairlead, fairlead.library
fairlead.Gateway, fairlead.SyncGateway, fairlead.decide
assert threading.active_count() == 1
assert type(asyncio.get_event_loop_policy()) is policy
assert "uvloop" not in sys.modules, "uvloop"
"""


def test_importing_opens_nothing_and_sets_no_loop_policy() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_decision_needs_no_gateway() -> None:
    script = "import sys; from fairlead import decide; assert 'asyncio' not in sys.modules and callable(decide)"
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
