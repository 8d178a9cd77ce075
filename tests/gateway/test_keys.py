"""Several keys at one provider: what befalls one of them, end to end. The upstream's log says which key was shown."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError
from fairlead.gateway.endpoints import endpoint
from fairlead.gateway.keys import Keys
from fairlead.providers.limits import Quota
from fairlead.providers.wire import Endpoint
from tests.server.reloading import following
from tests.server.serving import Served, rows, serving
from tests.upstream import Play, Upstream, completion, plain, scripted, status

ALPHA, BETA, GAMMA = "alpha-key-0123456789", "beta-key-0123456789", "gamma-key-0123456789"
MODEL = "  ringed: {channels: [{provider: ring, model: up}], price: {input: 1, output: 2}, quality: 0.5}\n"
ORDERED = "  keyed: {strategy: pinned, model: ringed, fallbacks: [m-two]}\n"


def provider(upstream: Upstream, *keys: str) -> str:
    listed = ", ".join(keys)
    return f'  ring: {{kind: openai, base_url: "http://127.0.0.1:{upstream.port}/ring/v1", api_keys: [{listed}]}}\n'


def shown(upstream: Upstream) -> list[str]:
    return [seen.headers["authorization"].removeprefix("Bearer ") for seen in upstream.calls]


def left(share: int) -> Play:
    headers = f"x-ratelimit-remaining-requests: {share}\r\nx-ratelimit-limit-requests: 100\r\n"
    return Play([plain(200, completion(), headers)], (11, 7))


def serving_ring(tmp_path: Path, upstream: Upstream, *keys: str, policy: str = ""):  # type: ignore[no-untyped-def]
    return serving(
        tmp_path / "s", extra_provider=provider(upstream, *keys), extra_model=MODEL, extra_policy=ORDERED + policy
    )


async def ask(server: Served):  # type: ignore[no-untyped-def]
    return await server.chat({"x-fairlead-policy": "keyed"}, model="auto")


async def test_a_key_at_its_limit_ejects_the_channel_though_another_is_well(tmp_path: Path) -> None:  # M4.7 FAULTS 9
    async with scripted() as upstream, serving_ring(tmp_path, upstream, ALPHA, BETA) as server:
        upstream.push("ring", status(429, headers="Retry-After: 60\r\n"))
        response = await ask(server)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "ringed")
        assert shown(upstream) == [ALPHA, BETA]
        assert (await ask(server)).status == 200
        assert shown(upstream) == [ALPHA, BETA, BETA], "the first is asked again before its time"
        record = await server.record(response)
        assert [(one.channel, one.outcome, one.why) for one in record.attempts] == [
            ("ringed@ring", "failed", ""),
            ("ringed@ring", "ok", "rate_limit"),
        ]
        assert all(one.ejections == 0 for one in server.running.runtime.health.states())


async def test_a_channel_whose_keys_all_rest_is_asked_before_the_first_of_them_is_back(tmp_path: Path) -> None:  # M4.7
    async with scripted() as upstream, serving_ring(tmp_path, upstream, ALPHA, BETA) as server:
        upstream.push("ring", status(429, headers="Retry-After: 60\r\n"), status(429, headers="Retry-After: 20\r\n"))
        response = await ask(server)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two")
        assert shown(upstream) == [ALPHA, BETA]
        health = server.running.runtime.health
        (state,) = (one for one in health.states() if one.channel == "ringed@ring")
        assert 15 < state.seconds <= 20
        assert (await ask(server)).headers["x-fairlead-model"] == "m-two"
        assert len(upstream.calls) == 2


async def test_a_refused_key_is_used_again_or_nobody_hears_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # M4.7
    async with scripted() as upstream, serving_ring(tmp_path, upstream, ALPHA, BETA) as server:
        upstream.push("ring", status(401, f"no such key {ALPHA} {BETA}"))
        response = await ask(server)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "ringed")
        assert (await ask(server)).status == 200
        assert shown(upstream) == [ALPHA, BETA, BETA]
        assert "key_retired" in [kind for kind, _ in await server.audits()]
        ((detail,),) = rows(server.state_dir, "SELECT detail FROM audit WHERE kind = 'key_retired'")
        assert "ring: key 1 (" in str(detail)
        alerts = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
        assert alerts == [detail]
        assert ALPHA[:5] not in str(detail)


async def test_a_provider_that_refuses_all_keys_fails_otherwise_than_with_one(tmp_path: Path) -> None:  # M4.7
    async with scripted() as upstream, serving_ring(tmp_path, upstream, ALPHA, BETA) as server:
        upstream.push("ring", *(status(401, f"{ALPHA} and {BETA}") for _ in range(9)))
        response = await server.chat(model="ringed@ring")
        assert (response.status, shown(upstream)) == (502, [ALPHA, BETA])
        assert ALPHA not in response.body.decode()
        assert BETA not in response.body.decode()
        for _ in range(2):
            await server.chat(model="ringed@ring")
        ejected, _ = server.running.runtime.health.ejected()
        assert ejected == {"ringed@ring"}
        assert [kind for kind, _ in await server.audits()].count("key_retired") == 2


async def test_the_key_with_least_left_is_taken(tmp_path: Path) -> None:  # M4.7
    async with scripted() as upstream, serving_ring(tmp_path, upstream, ALPHA, BETA, GAMMA) as server:
        upstream.push("ring", left(50), left(10), left(90))
        for _ in range(4):
            assert (await ask(server)).status == 200
        assert shown(upstream) == [ALPHA, BETA, GAMMA, GAMMA]


async def test_what_is_left_at_a_channel_of_one_key_is_not_read_where_the_work_is_shared_by_it(
    tmp_path: Path,
) -> None:  # M4.6
    weighted = "  keyless: {strategy: pinned, model: both, balance: weighted}\n"
    async with serving(tmp_path / "s", extra_policy=weighted) as server:
        server.upstream.push("one", left(20))
        server.upstream.push("two", left(20))
        response = await server.chat({"x-fairlead-policy": "keyless"}, model="auto")
        channel = f"both@{server.upstream.seats[0]}"
        assert response.status == 200
        health = server.running.runtime.health
        assert health.loads.of(channel).share_at(health.now()) == 0.2


def ring(*keys: str) -> Endpoint:
    keyed = tuple(Endpoint("p", "openai", "openai_chat", key=key) for key in keys)
    return Endpoint("p", "openai", "openai_chat", keyed=keyed)


def test_a_key_that_stays_at_its_limit_is_asked_as_often_as_before() -> None:  # M4.7
    clock = SimpleNamespace(now=0.0)
    ringed = ring("1", "2")
    keys = Keys(lambda kind, words: None, lambda: clock.now)
    first, second = ringed.keyed
    keys.fell(ringed, second, 429, 3600)
    for rest in (10, 20, 40, 80, 160, 320, 600, 600):
        assert keys.take(ringed) is first
        assert keys.fell(ringed, first, 429, None) == keys.fell(ringed, first, 429, None) == rest
        assert keys.take(ringed) == rest
        clock.now += rest
    keys.answered(first)
    assert keys.fell(ringed, first, 429, None) == 10


def test_what_a_key_had_left_counts_beyond_the_time_it_is_full_again() -> None:
    clock = SimpleNamespace(now=0.0)
    ringed = ring("1", "2")
    keys = Keys(lambda kind, words: None, lambda: clock.now)
    first, second = ringed.keyed
    assert keys.quota(ringed, first, Quota(0.2, 30)) == 0.6
    assert keys.take(ringed) is second
    assert keys.quota(ringed, second, Quota(0.4, 60)) == pytest.approx(0.3)
    clock.now = 31
    assert keys.take(ringed) is first


def test_a_new_configuration_gives_a_retired_key_another_chance() -> None:  # M4.7
    ringed = ring("1 (a)", "2 (b)")
    keys = Keys(lambda kind, words: None)
    assert keys.fell(ringed, ringed.keyed[0], 401, None) == 0
    elsewhere = msgspec.structs.replace(
        ringed, keyed=tuple(msgspec.structs.replace(one, host="h") for one in ringed.keyed)
    )
    turned = ring("1 (b)", "2 (a)", "3 (c)")
    for now, taken in ((ringed, "2 (b)"), (turned, "1 (b)"), (elsewhere, "1 (a)"), (ringed, "1 (a)")):
        keys.turn_to([now])
        chosen = keys.take(now)
        assert isinstance(chosen, Endpoint)
        assert chosen.key == taken


async def test_a_reload_asks_with_a_key_that_was_refused_or_before_the_time_of_one_that_rests(
    tmp_path: Path,
) -> None:  # M4.7 M8.4 FAULTS 9
    async with scripted() as ringed:
        sections = {
            "extra_provider": provider(ringed, ALPHA, BETA, GAMMA),
            "extra_model": MODEL,
            "extra_policy": ORDERED,
        }
        async with following(tmp_path, **sections) as server:
            ringed.push("ring", status(401), status(429, headers="Retry-After: 60\r\n"))
            assert (await ask(server)).status == 200
            assert shown(ringed) == [ALPHA, BETA, GAMMA]
            assert await server.take(server.text(server=", grace: 3", **sections))
            assert (await ask(server)).status == 200
            assert shown(ringed)[3:] == [GAMMA]


TWICE = """
providers: {p: {kind: openai, KEYS}}
models: {m: {channels: [{provider: p, model: u}], price: {input: 1, output: 1}}}
"""


def test_one_key_and_several_are_taken_together() -> None:
    with pytest.raises(ConfigError, match="exclude each other") as caught:
        loads(TWICE.replace("KEYS", f"api_key: {ALPHA}, api_keys: [{BETA}]"))
    assert ALPHA not in str(caught.value)
    assert BETA not in str(caught.value)
    assert "twice" in "".join(loads(TWICE.replace("KEYS", f"api_keys: [{ALPHA}, {ALPHA}]")).warnings)


def test_a_key_shows_in_the_name_it_is_told_by_or_is_not_masked() -> None:
    found = endpoint("p", loads(TWICE.replace("KEYS", f"api_keys: [{ALPHA}, {BETA}]")).providers["p"], {})
    assert {ALPHA.encode(), BETA.encode()} <= set(found.secrets)
    assert [one.key.split(" ")[0] for one in found.keyed] == ["1", "2"]
    assert not any(part in one.key for one in found.keyed for part in (ALPHA[:4], BETA[:4], ALPHA[-4:]))
    assert ALPHA not in repr(found)
    assert endpoint("p", loads(TWICE.replace("KEYS", f"api_keys: [{ALPHA}]")).providers["p"], {}).keyed == ()
