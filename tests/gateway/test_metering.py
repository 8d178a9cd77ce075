"""Limits of teams, tenants, plans and models: refused before a provider sees a byte, told as clients know it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load
from tests.server.serving import config, question, serving, soon
from tests.server.wire import ask
from tests.upstream import HANG, Play, answer, events, plain, stream

KEYS = """
tenants:
  acme: {limits: {rpm: 5}, teams: {red: {limits: {rpm: 3}}, blue: {}}}
  busy: {limits: {concurrency: 2}}
plans: {small: {limits: {rpm: 1}}}
keys:
  - {name: red-1, key: fl_red1, tenant: acme, team: red}
  - {name: red-2, key: fl_red2, tenant: acme, team: red}
  - {name: blue, key: fl_blue, tenant: acme, team: blue, limits: {rpm: 4}}
  - {name: small-1, key: fl_small1, plan: small, limits: {rpm: 9}}
  - {name: small-2, key: fl_small2, plan: small}
  - {name: b1, key: fl_b1, tenant: busy}
  - {name: b2, key: fl_b2, tenant: busy}
  - {name: test, key: fl_test}
"""
LIMITED = (
    "  few: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 2}, context: 1000, limits: {%s}}\n"
)


async def test_a_team_or_a_tenant_asks_more_than_it_may_by_sharing_the_work_among_its_keys(
    tmp_path: Path,
) -> None:  # M8.1 FAULTS 45
    async with serving(tmp_path / "s", more=KEYS) as server:
        statuses = [(await server.chat(key=key)).status for key in ("fl_red1", "fl_red2", "fl_red1", "fl_red2")]
        assert statuses == [200, 200, 200, 429]
        assert [(await server.chat(key="fl_blue")).status for _ in range(3)] == [200, 200, 429]
        assert len(server.upstream.calls) == 5
        refused = await server.chat(key="fl_red2")
        assert "Team 'red' may make 3 requests a minute; try again in" in json.loads(refused.body)["error"]["message"]
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        over = json.loads((await server.chat(key="fl_blue")).body)["error"]["message"]
        assert over.startswith("Tenant 'acme' may make 5 requests a minute")
        assert (await server.chat()).status == 200


async def test_a_plans_limit_is_shared_by_its_keys_or_goes_beyond_the_keys_own(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        for key in ("fl_small1", "fl_small2"):
            assert [(await server.chat(key=key)).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("model", ["few", "few@one"])
async def test_a_models_limit_holds_up_whoever_may_ask_another(tmp_path: Path, model: str) -> None:  # M8.1
    """The policy lists another: it answers. Where no other will do, the caller is told when to come back."""
    async with serving(tmp_path / "s", more=KEYS, extra_model=LIMITED % "rpm: 2") as server:
        found = [await server.chat(model=model) for _ in range(4)]
        if model == "few":
            assert [one.headers["x-fairlead-model"] for one in found] == ["few", "few", "m-two", "m-two"]
            return
        assert [one.status for one in found] == [200, 200, 429, 429]
        told = json.loads(found[-1].body)["error"]
        assert told["code"] == "rate_limited"
        assert "Model 'few' may be asked 2 requests a minute; try again in" in told["message"]
        assert 1 <= int(found[-1].headers["retry-after"]) <= 61
        assert len(server.upstream.calls) == 2


async def test_a_models_slot_is_lost_with_an_attempt_that_fails_or_is_left(tmp_path: Path) -> None:  # FAULTS 48
    async with serving(tmp_path / "s", more=KEYS, extra_model=LIMITED % "concurrency: 2, tpm: 100000") as server:
        meter = server.running.runtime.metering.of_models["few"]
        server.upstream.push("one", *(answer(wait=0.1) for _ in range(2)))
        asking = [asyncio.create_task(server.chat(model="few@one")) for _ in range(5)]
        statuses = sorted([(await one).status for one in asking])
        assert statuses == [200, 200, 429, 429, 429]
        assert (meter.in_flight, meter.tokens) == (0, 36)
        server.upstream.push("one", stream([*events()[:2], HANG], end=False))
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(model="few", stream=True))
            await soon(lambda: meter.in_flight == 1)
        await soon(lambda: meter.in_flight == 0)


async def test_answers_asked_for_at_once_come_to_more_tokens_than_may_be(tmp_path: Path) -> None:  # FAULTS 45
    """Of a key and of a model; and what was held and not taken is free again."""
    more = "keys: [{name: test, key: fl_test, limits: {tpm: 1000}}, {name: free, key: fl_free}]\n"
    async with serving(tmp_path / "s", more=more, extra_model=LIMITED % "tpm: 1000") as server:
        for key, model in (("fl_test", "m-one"), ("fl_free", "few@one")):
            server.upstream.push("one", *(answer(usage=(20, 300), wait=0.1) for _ in range(3)))
            asking = [asyncio.create_task(server.chat(key=key, model=model, max_tokens=300)) for _ in range(20)]
            found = [await one for one in asking]
            assert sorted(one.status for one in found) == [200] * 3 + [429] * 17
            refused = next(one for one in found if one.status == 429)
            assert "900 are kept for answers under way" in json.loads(refused.body)["error"]["message"]
            assert refused.headers["retry-after"] in ("1", "2")
    async with serving(tmp_path / "t", more=more) as server:
        for _ in range(5):
            server.upstream.push("one", answer(usage=(20, 30)))
            assert (await server.chat(max_tokens=700)).status == 200


async def test_a_picture_counts_as_its_bytes(tmp_path: Path) -> None:  # M8.1
    more = "keys: [{name: test, key: fl_test, limits: {tpm: 5000}}]\n"
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0K" * 10_000}}
    async with serving(tmp_path / "s", more=more) as server:
        server.upstream.push("one", *(answer(usage=(800, 10), wait=0.1) for _ in range(2)))
        content = [{"type": "text", "text": "What is it?"}, part]
        both = await asyncio.gather(
            *(server.chat(messages=[{"role": "user", "content": content}], max_tokens=100) for _ in range(2))
        )
        assert [one.status for one in both] == [200, 200]


async def test_more_run_at_once_than_may(tmp_path: Path) -> None:  # FAULTS 48
    async with serving(tmp_path / "s", more=KEYS) as server:
        most = 0

        async def client(key: str) -> list[int]:
            nonlocal most
            statuses = []
            for _ in range(6):
                server.upstream.push("one", answer(wait=0.01))
                statuses.append((await server.chat(key=key)).status)
            return statuses

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, meter.in_flight)
                await asyncio.sleep(0)

        await server.chat(key="fl_b1")
        meter = server.running.runtime.metering.meters["tenant", "busy"]
        watching = asyncio.create_task(watch())
        found = await asyncio.gather(*(client(key) for key in ("fl_b1", "fl_b2") * 4))
        watching.cancel()
        assert most == 2
        assert meter.in_flight == 0
        statuses = [status for those in found for status in those]
        assert set(statuses) == {200, 429}


async def test_what_is_left_is_not_told_as_clients_look_for_it(tmp_path: Path) -> None:  # M8.1
    more = "keys: [{name: test, key: fl_test, limits: {rpm: 10, tpm: 5000}}, {name: free, key: fl_free}]\n"
    speaks = ", dialects: [openai_chat, anthropic_messages]"
    async with serving(tmp_path / "s", more=more, provider=speaks) as server:
        first = await server.chat()
        assert first.headers["x-ratelimit-limit-requests"] == "10"
        assert first.headers["x-ratelimit-remaining-requests"] == "9"
        assert first.headers["x-ratelimit-limit-tokens"] == "5000"
        assert 4000 < int(first.headers["x-ratelimit-remaining-tokens"]) < 5000
        assert re.fullmatch(r"6\d\.\d{3}s", first.headers["x-ratelimit-reset-requests"])
        streamed = await server.chat(stream=True)
        assert streamed.headers["x-ratelimit-remaining-requests"] == "8"
        body = {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        for _ in range(9):
            refused = await ask(server.port, "POST", "/v1/messages", json.dumps(body).encode())
        assert refused.status == 429
        assert refused.headers["anthropic-ratelimit-requests-limit"] == "10"
        assert refused.headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", refused.headers["anthropic-ratelimit-requests-reset"])
        assert int(refused.headers["retry-after"]) >= 1
        free = await server.chat(key="fl_free")
        assert not [name for name in free.headers if "ratelimit" in name]


LOOKED_FOR: dict[str, tuple[dict[str, object], str]] = {
    "/v1/chat/completions": ({"model": "m-one", "messages": [{"role": "user", "content": "Hi"}]}, "x-ratelimit-"),
    "/v1/responses": ({"model": "m-one", "input": "Hi"}, "x-ratelimit-"),
    "/v1/completions": ({"model": "m-one", "prompt": "Hi"}, "x-ratelimit-"),
    "/v1/embeddings": ({"model": "embeds", "input": "Hi"}, "x-ratelimit-"),
    "/v1/messages": (
        {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
        "anthropic-ratelimit-",
    ),
    "/v1beta/models/m-one:generateContent": ({"contents": [{"parts": [{"text": "Hi"}]}]}, ""),
    "/v1beta/models/m-one:streamGenerateContent": ({"contents": [{"parts": [{"text": "Hi"}]}]}, ""),
    "/v1beta/models/embeds:embedContent": ({"content": {"parts": [{"text": "Hi"}]}}, ""),
    "/v1beta/models/embeds:batchEmbedContents": (
        {"requests": [{"model": "models/embeds", "content": {"parts": [{"text": "Hi"}]}}]},
        "",
    ),
}
EMBEDS = """
  embeds: {channels: [{provider: one, model: up-e}], price: {input: 0.02, output: 0}, capabilities: [embeddings], context: 8192}
"""


@pytest.mark.parametrize("path", LOOKED_FOR)
async def test_what_is_left_is_told_in_the_headers_of_another_dialect(tmp_path: Path, path: str) -> None:  # M8.1
    """With an answer, and with the refusal."""
    body, begin = LOOKED_FOR[path]
    more = "keys: [{name: test, key: fl_test, limits: {rpm: 1, tpm: 50000}}]\n"
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        if "mbed" in path:
            vector = b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":1}}'
            server.upstream.push("one", Play([plain(200, vector)]))
        answers = [await ask(server.port, "POST", path, json.dumps(body).encode()) for _ in range(2)]
        assert [one.status for one in answers] == [200, 429]
        for one in answers:
            told = [name for name in one.headers if "ratelimit" in name]
            assert all(begin and name.startswith(begin) for name in told)
            assert len(told) == (6 if begin else 0)


ASIDE = {
    "/v1/route": {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/feedback": {"request_id": "req_of_yesterday", "good": True},
    "/v1/messages/count_tokens": {"model": "m-two", "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/responses/input_tokens": {"model": "m-two", "input": "Hi"},
    "/v1beta/models/m-two:countTokens": {"contents": [{"parts": [{"text": "Hi"}]}]},
}


@pytest.mark.parametrize("path", ASIDE)
async def test_what_asks_no_model_is_asked_without_end(tmp_path: Path, path: str) -> None:  # M8.1
    body = json.dumps(ASIDE[path]).encode()
    more = "keys: [{name: test, key: fl_test, limits: {rpm: 3, concurrency: 1}}]\n"
    async with serving(tmp_path / "s", more=more) as server:
        answers = [await ask(server.port, "POST", path, body) for _ in range(3)]
        refused = await ask(server.port, "POST", path, body)
        assert [one.status for one in answers] == [404 if "feedback" in path else 200] * 3
        assert refused.status == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert b"may make 3 requests a minute" in refused.body
        assert (await server.chat()).status == 429
        assert server.upstream.calls == []
        assert server.running.runtime.metering.meters["key", "test"].in_flight == 0


async def test_counting_that_a_provider_does_counts_twice(tmp_path: Path) -> None:  # M8.1
    body = json.dumps({"model": "m-one", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    more = "keys: [{name: test, key: fl_test, limits: {rpm: 2}}]\n"
    async with serving(tmp_path / "s", more=more, provider=", dialects: [anthropic_messages]") as server:
        server.upstream.push("one", *(Play([plain(200, b'{"input_tokens":7}')]) for _ in range(2)))
        statuses = [(await ask(server.port, "POST", "/v1/messages/count_tokens", body)).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert len(server.upstream.calls) == 2


async def test_a_limit_that_is_changed_forgets_what_was_counted(tmp_path: Path) -> None:  # M8.4
    async with serving(tmp_path / "s", more=KEYS) as server:
        for _ in range(2):
            await server.chat(key="fl_red1")
        without = KEYS.replace("red: {limits: {rpm: 3}}", "red: {}").replace("{limits: {rpm: 5}, ", "{")
        for more, statuses in ((without, (200, 200)), (KEYS, (200, 429))):
            world = build(loads(config(server.upstream.port, server.state_dir, more=more)), load(), b"")
            await server.running.runtime.turn_to(world)
            assert tuple([(await server.chat(key="fl_red1")).status for _ in range(2)]) == statuses
