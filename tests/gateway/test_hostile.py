"""What a hostile tenant or a clumsy one may say: it widens nothing, is kept nowhere, and costs the others nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.errors import StateError
from tests.gateway.test_opinion import JUDGE, POLICY, says
from tests.server.serving import KEYS, serving

TIERED = """  steps:
    strategy: tiered
    tiers: [{name: low, models: [m-two], budget: %s}]
"""
ELSEWHERE = '  far: {kind: openai, base_url: "http://127.0.0.1:1/v1", api_key: key-far, region: far, flags: [logs]}\n'
FAR_MODEL = "  far: {channels: [{provider: far}], price: {input: 1, output: 1}, quality: 0.5}\n"
FAR = "\nclassifier: {model: {model: far, below: 1.0, timeout: 0.5}}\n"


@pytest.mark.parametrize(
    "more",
    [
        {"models": ["m-one"] * 51},
        {"models": ["m" * 257]},
        {"provider": {"order": ["x"] * 51}},
        {"provider": {"only": ["x" * 257]}},
        {"provider": {"ignore": ["x"] * 100_000}},
    ],
)
async def test_lists_of_names_are_bounded(tmp_path: Path, more: dict[str, Any]) -> None:
    async with serving(tmp_path / "s") as server:
        response = await server.chat(model="auto", **more)
        assert response.status == 400
        assert "at most 50 names of 256 characters" in json.loads(response.body)["error"]["message"]


async def test_a_task_nobody_knows_is_kept_nowhere_even_where_the_model_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        said = await server.chat({"x-fairlead-task": "made up"}, model="m-one")
        assert "'made up' is not known" in said.headers["x-fairlead-warning"]
        assert "x-fairlead-task" not in said.headers
        assert (await server.record(said)).task == ""


async def test_the_latency_of_an_intent_holds(tmp_path: Path) -> None:  # M2.5
    slow = "  slow: {channels: [{provider: one}], latency_ms: 900}\n"
    more = KEYS + "intents: {hurry: {max_latency_ms: 50, policy: quick}}\n"
    quick = "  quick: {strategy: cost_first, min_quality: 0, models: [slow]}\n"
    async with serving(tmp_path / "s", extra_model=slow, more=more, extra_policy=quick) as server:
        refused = await server.chat(model="intent:hurry")
        assert (refused.status, "at most 50 ms" in refused.body.decode()) == (422, True)


@pytest.mark.parametrize(
    ("wishes", "policy"),
    [
        ({"provider": {"ignore": ["far"]}}, "table"),
        ({"provider": {"only": ["one"]}}, "table"),
        ({"provider": {"data_collection": "deny", "only": ["one", "two"]}}, "table"),
        ({}, "near"),
        ({}, "silent"),
        ({}, "vital"),
    ],
)
async def test_the_classifier_is_shown_nothing_that_may_not_go_there(
    tmp_path: Path, wishes: dict[str, Any], policy: str
) -> None:  # M3.7
    rows = "tasks: {math: {model: same}}"
    extra = POLICY + (
        f"  near: {{strategy: balanced, regions: [here], {rows}}}\n"
        f"  silent: {{strategy: balanced, exclude_flags: [logs], {rows}}}\n"
        f"  vital: {{strategy: pinned, model: m-one, critical: true, {rows}}}\n"
    )
    settings = {"extra_provider": ELSEWHERE, "extra_model": FAR_MODEL, "extra_policy": extra, "more": KEYS + FAR}
    async with serving(tmp_path / "s", provider=", region: here", **settings) as server:
        await server.chat(model="auto", fairlead={"policy": policy}, **wishes)
        assert [record for record in await server.records() if record.purpose == "classify"] == []


async def test_a_task_that_its_keyword_told_is_asked_of_nobody(tmp_path: Path) -> None:  # M3.2
    more = KEYS + JUDGE.replace("1.0", "0.8") % "" + "tasks: {legal: {keyword: plaintiff}}\n"
    async with serving(tmp_path / "s", more=more, extra_policy=POLICY) as server:
        server.upstream.push("two", says("math"))
        said = await server.chat(
            model="auto", fairlead={"policy": "table"}, messages=[{"role": "user", "content": "the plaintiff hm"}]
        )
        assert said.headers["x-fairlead-task"] == "legal"
        assert server.upstream.seats != ["two", "one"]


async def test_a_budget_is_held_for_every_alternative_that_is_asked_for(tmp_path: Path) -> None:  # M3.2
    async with serving(tmp_path / "s", extra_policy=TIERED % "0.0001") as server:
        wish = {"x-fairlead-policy": "steps"}
        assert (await server.chat(wish, model="auto", max_tokens=100)).status == 200
        refused = await server.chat(wish, model="auto", max_tokens=100, n=100)
        assert refused.status >= 400
        assert len(server.upstream.calls) == 1


async def test_what_was_held_is_given_back_when_nothing_can_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path / "s", extra_policy=TIERED % "0.0006") as server:
        wish = {"x-fairlead-policy": "steps"}
        ledger = type(server.running.runtime.ledger)

        def full(ledger: object, intent: object) -> None:
            raise StateError("the disk is full")

        intend = ledger.intend
        monkeypatch.setattr(ledger, "intend", full)
        shed = await asyncio.gather(*(server.chat(wish, model="auto", max_tokens=1000) for _ in range(3)))
        assert {response.status for response in shed} == {503}
        monkeypatch.setattr(ledger, "intend", intend)
        assert (await server.chat(wish, model="auto", max_tokens=1000)).status == 200
