"""Probes: who is asked nothing is asked whether it is there, and who was ejected comes back without a request's risk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

from fairlead.config.load import loads
from fairlead.config.schema import Provider
from fairlead.core.egress import grant_probe
from fairlead.gateway import probing
from fairlead.gateway.endpoints import endpoint
from fairlead.providers.wire import Outbound, head
from tests.server.serving import KEYS, Served, serving, soon
from tests.upstream import HANG, STREAM_HEAD, Play, status

OFTEN = "health: {{failures: 1, successes: 2, ejection: {ejection}, probe_every: {every}{more}}}\n{keys}"


@asynccontextmanager
async def probed(tmp_path: Path, every: float = 60.0, ejection: float = 0.01, more: str = "") -> AsyncIterator[Served]:
    health = OFTEN.format(ejection=ejection, every=every, more=more, keys=KEYS)
    async with serving(tmp_path / "s", more=health) as server:
        yield server


def probes(server: Served, seat: str) -> list[str]:
    return [seen.head.split(b"\r\n")[0].decode() for seen in server.upstream.calls if seen.path == f"/{seat}/v1/models"]


def look(server: Served) -> None:
    """What the runtime does each second."""
    runtime = server.running.runtime
    runtime.probing.close()
    runtime.probing.look()


async def looked(server: Served) -> None:
    look(server)
    await soon(lambda: not server.running.runtime.probing.under_way)


def states(server: Served) -> dict[str, str]:
    return {one.channel: one.state for one in server.running.runtime.health.states()}


async def test_an_ejected_channel_waits_for_a_request_to_risk_itself(tmp_path: Path) -> None:  # M4.5
    async with probed(tmp_path) as server:
        server.upstream.push("one", status(500))
        assert (await server.chat()).headers["x-fairlead-model"] == "m-two"
        await asyncio.sleep(0.02)
        assert states(server)["m-one@one"] == "half-open"
        for _ in range(2):
            await looked(server)
        assert states(server)["m-one@one"] == "closed"
        assert probes(server, "one") == ["GET /one/v1/models HTTP/1.1"] * 2
        (first, *_) = [seen for seen in server.upstream.calls if seen.path.endswith("/models")]
        assert (first.body, first.headers["authorization"]) == (b"", "Bearer key-one")
        assert "channel_back" in [kind for kind, _ in await server.audits()]


async def test_each_channel_of_a_provider_is_probed_by_itself(tmp_path: Path) -> None:  # M4.5
    async with probed(tmp_path, every=0.05) as server:
        await asyncio.sleep(0.15)
        await looked(server)
        assert sorted(server.upstream.seats) == ["one", "two"]


@pytest.mark.parametrize(
    ("play", "well"),
    [
        (status(404), True),
        (status(405), True),
        (status(400), True),
        (status(401), False),
        (status(403), False),
        (status(429), False),
        (status(503), False),
        (Play([]), None),
        (Play([HANG]), False),
    ],
)
async def test_what_a_probe_came_to_is_misread(
    tmp_path: Path, play: Play, well: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.5
    monkeypatch.setattr(probing, "PATIENCE", 0.2)
    async with probed(tmp_path, every=0.05, ejection=60) as server:
        await asyncio.sleep(0.15)
        server.upstream.push("one", play)
        server.upstream.deaf = well is None
        await looked(server)
        assert states(server)["m-one@one"] == ("closed" if well else "open")
        assert states(server)["m-two@two"] == ("open" if well is None else "closed")


@pytest.mark.parametrize("play", [Play([HANG]), Play([STREAM_HEAD, HANG])])
async def test_a_probe_that_takes_too_long_keeps_its_connection(
    tmp_path: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.5
    monkeypatch.setattr(probing, "PATIENCE", 0.2)
    async with probed(tmp_path, every=0.05, ejection=60) as server:
        await asyncio.sleep(0.15)
        server.upstream.push("one", play)
        await looked(server)
        await soon(lambda: not server.running.runtime.http.pools["one"].open)


async def test_who_asks_not_to_be_asked_is_probed(tmp_path: Path) -> None:  # M4.5 FAULTS 9
    async with probed(tmp_path) as server:
        server.upstream.push("one", status(429, headers="Retry-After: 60\r\n"))
        await server.chat()
        await looked(server)
        assert probes(server, "one") == []


@pytest.mark.parametrize("more", [", probe: off", ""])
async def test_a_switch_for_probes_is_not_heeded(tmp_path: Path, more: str) -> None:  # M4.5
    async with probed(tmp_path, every=0.05, more=more) as server:
        await asyncio.sleep(0.15)
        await looked(server)
        assert bool(server.upstream.calls) == (not more)


async def test_what_is_asked_anyway_is_probed_too(tmp_path: Path) -> None:  # M4.5
    async with probed(tmp_path, every=30) as server:
        for model in ("m-one", "m-two", "same", "both@one", "both@two"):
            await server.chat(model=model)
        asked = len(server.upstream.calls)
        await looked(server)
        assert len(server.upstream.calls) == asked


async def test_a_key_that_a_probe_finds_refused_is_used_for_the_next_request(tmp_path: Path) -> None:  # M4.7
    async with probed(tmp_path) as server:
        runtime = server.running.runtime
        given = Provider.model_validate({"base_url": "http://127.0.0.1:9/v1", "api_keys": ["first", "second"]})
        ringed = endpoint("one", given, {})
        found = [runtime.probing.said(ringed, asked, 401, None) for asked in ringed.keyed]
        assert [(one.fault, one.telling) for one in found] == [("", False), ("HTTP 401 to a probe", True)]
        assert [kind for kind, _ in await server.audits()].count("key_retired") == 2


async def test_a_probe_holds_up_the_end_of_the_process(tmp_path: Path) -> None:
    async with probed(tmp_path, every=0.05) as server:
        await asyncio.sleep(0.15)
        server.upstream.push("one", Play([HANG]))
        look(server)
        await soon(lambda: "one" in server.upstream.seats)
        began = monotonic()
        await server.running.stop()
        assert monotonic() - began < 8


async def test_nobody_looks_by_itself(tmp_path: Path) -> None:  # M4.5
    async with probed(tmp_path, every=0.05) as server:
        await soon(lambda: {"one", "two"} <= set(server.upstream.seats))


@pytest.mark.parametrize(
    ("kind", "path", "header"),
    [
        ("anthropic", "/v1/models", b"anthropic-version: "),
        ("gemini", "/v1beta/models", b"x-goog-api-key: "),
        ("openai", "/v1/models", b"Authorization: "),
    ],
)
def test_a_provider_is_probed_in_anothers_way(kind: str, path: str, header: bytes) -> None:
    config = loads(
        f"providers: {{p: {{kind: {kind}, api_key: some-key}}}}\n"
        "models: {m: {channels: [{provider: p, model: u}], price: {input: 1, output: 1}}}\n"
    )
    sent = probing.probe_of(endpoint("p", config.providers["p"], {}))
    assert sent.head.startswith(f"GET {path} HTTP/1.1\r\n".encode())
    assert header in sent.head
    assert sent.body == b""


async def test_a_probes_permit_lets_content_out(tmp_path: Path) -> None:  # M3.7
    async with serving(tmp_path / "s") as server:
        runtime = server.running.runtime
        one = runtime.world.endpoints["one"]
        sent = Outbound(head("POST", "/one/v1/chat/completions", one.headers), b"{}")
        with pytest.raises(TypeError, match="carries nothing"):
            await runtime.http.send(grant_probe("one"), one, sent, lambda reply: None)
        assert server.upstream.calls == []
