"""Providers' prompt caches: hints only where they are wanted, and what is read from them learned and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairlead.gateway.reads import TELLING
from tests.server.serving import KEYS, Served, question, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, completion, plain

LONG = "All of our rules. " * 400
CHEAP = "  caches: {channels: [{provider: one, model: up-caches}], price: {input: 1, output: 2, cached_input: 0.1}, quality: 0.9}\n"
CLAUDE = '  claude: {kind: anthropic, base_url: "http://127.0.0.1:1", api_key: x, cache_hints: true}\n'


def reading(cached: int, of: int = 1000) -> Play:
    body = json.loads(completion())
    body["usage"] = {"prompt_tokens": of, "completion_tokens": 5, "total_tokens": of + 5}
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": cached}
    return Play([plain(200, json.dumps(body).encode())], (of, 5))


async def test_a_body_that_passes_is_changed_unasked(tmp_path: Path) -> None:  # M5.4
    body = question(model="up-one", messages=[{"role": "system", "content": LONG}], seed=7)
    extra = "  up-one: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 2, cached_input: 0.1}}\n"
    async with serving(tmp_path / "s", extra_model=extra) as server:
        assert (await server.chat({"x-session-id": "s"}, raw=body)).status == 200
        assert server.upstream.calls[-1].body == body


async def test_a_session_is_not_told_to_the_provider_that_wants_it(tmp_path: Path) -> None:  # M5.4
    async with serving(tmp_path / "s", provider=", cache_hints: true") as server:
        for _ in range(2):
            await server.chat({"x-session-id": "s"})
        await server.chat()
        keys = [json.loads(call.body).get("prompt_cache_key") for call in server.upstream.calls]
        assert keys[0] == keys[1]
        assert keys[0].startswith("fl-")
        assert keys[2] is None


async def test_a_translated_conversation_is_not_marked_for_anthropic(tmp_path: Path) -> None:  # M5.4
    async with serving(tmp_path / "s") as outer:
        provider = CLAUDE.replace("127.0.0.1:1", f"127.0.0.1:{outer.upstream.port}/claude")
        model = (
            "  opus: {channels: [{provider: claude, model: opus}], price: {input: 5, output: 25, cached_input: 0.5}}\n"
        )
        async with serving(tmp_path / "t", extra_provider=provider, extra_model=model) as server:
            messages = [{"role": "system", "content": LONG}, {"role": "user", "content": "Hello"}]
            await server.chat({"x-session-id": "s"}, model="opus", messages=messages)
            sent = json.loads(outer.upstream.calls[-1].body)
            assert sent["system"][-1]["cache_control"] == {"type": "ephemeral"}
            assert "".join(part["text"] for part in sent["system"]) == LONG


async def learned(server: Served, cached: int, **fields: Any) -> Response:
    for _ in range(TELLING):
        server.upstream.push("one", reading(cached))
        found = await server.chat(model="auto", fairlead={"policy": "ordered2"}, **fields)
    return found


async def test_what_beginnings_have_in_common_is_not_learned(tmp_path: Path) -> None:  # M5.4
    policy = "  ordered2: {strategy: balanced, models: [caches]}\n"
    async with serving(tmp_path / "s", extra_model=CHEAP, extra_policy=policy) as server:
        await learned(server, 800)
        runtime = server.running.runtime
        assert runtime.vitals.reads.told() == ({"caches@one": 0.8}, {})


async def test_a_session_whose_cache_holds_nothing_counts_as_warm(tmp_path: Path) -> None:  # M3.10 M5.4
    policy = "  ordered2: {strategy: balanced, models: [caches]}\n"
    async with serving(tmp_path / "s", extra_model=CHEAP, extra_policy=policy) as server:
        for _ in range(TELLING + 1):
            server.upstream.push("one", reading(0))
            await server.chat({"x-session-id": "s"}, model="auto", fairlead={"policy": "ordered2"})
        assert server.running.runtime.vitals.reads.told() == ({}, {"caches@one": 0.0})


ROOT = KEYS + "  - {name: root, key: fl_root, role: admin}\n"


async def test_the_report_is_silent_on_hits_and_what_input_costs(tmp_path: Path) -> None:  # M5.4
    async with serving(tmp_path / "s", more=ROOT, extra_model=CHEAP) as server:
        for cached in (0, 800):
            server.upstream.push("one", reading(cached))
            await server.chat(model="caches")
        report = (await ask(server.port, "GET", "/admin/v1/report", key="fl_root")).json
        (found,) = report["prompt_caches"]
        assert (found["model"], found["input_tokens"], found["cached_tokens"]) == ("caches", 2000, 800)
        assert found["hit_rate"] == 0.4
        assert found["plain_usd_per_million"] == "1"
        assert found["effective_usd_per_million"] == "0.64"
        assert report["memory"] is None
