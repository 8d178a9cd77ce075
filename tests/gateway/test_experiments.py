"""Experiments through a whole server: who is in which arm, what is written of it, and what a finding does to a choice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import KEYS, Served, serving
from tests.server.wire import ask

POLICIES = """  smart: {strategy: balanced, weights: {quality: 1}}
  listed: {strategy: balanced, rules: [{name: all, match: {}, model: m-one, reason: as ever}]}
  strict: {strategy: pinned, model: m-one, critical: true}
  frugal: {strategy: cost_first, min_quality: 0}
"""
HALVES = "experiments: {halves: {arms: {today: {model: m-one}, new: {model: m-two}}, least: 20}}\n"


async def sent(server: Served, session: str = "", policy: str = "smart", **more: Any) -> dict[str, str]:
    headers = {"x-fairlead-policy": policy} | ({"x-session-id": session} if session else {})
    said = await server.chat(headers, model="auto", **more)
    assert said.status == 200, said.body
    return said.headers


async def test_a_conversation_changes_its_arm_or_all_are_in_one(tmp_path: Path) -> None:  # M3.6 M7.5
    async with serving(tmp_path / "s", extra_policy=POLICIES, more=KEYS + HALVES) as server:
        first = {name: (await sent(server, name))["x-fairlead-model"] for name in map(str, range(24))}
        again = {name: (await sent(server, name))["x-fairlead-model"] for name in first}
        assert first == again
        assert set(Counter(first.values())) == {"m-one", "m-two"}
        records = await server.records()
        arms = {
            (one.decision.arm.name, one.decision.tried, one.model)
            for one in records
            if one.decision and one.decision.arm
        }
        assert arms == {("today", True, "m-one"), ("new", True, "m-two")}
        (reason,) = {one.decision.reason for one in records if one.decision and one.model == "m-two"}
        assert reason == "arm new of experiment halves"


async def test_who_narrowed_the_choice_is_part_of_an_experiment(tmp_path: Path) -> None:  # M3.6 M3.8
    async with serving(tmp_path / "s", extra_policy=POLICIES, more=KEYS + HALVES) as server:
        for number in range(8):
            one = str(number)
            assert (await sent(server, one, "strict"))["x-fairlead-model"] == "m-one"
            assert (await sent(server, one, models=["m-one"]))["x-fairlead-model"] == "m-one"
            assert (await sent(server, fairlead={"budget": "low"}))["x-fairlead-model"] == "m-two"
            said = await server.chat({"x-session-id": one}, model="m-one")
            assert said.headers["x-fairlead-model"] == "m-one"
        assert all(one.decision is None or one.decision.arm is None for one in await server.records())


async def test_a_table_or_a_lack_of_room_puts_an_arm_out_of_step(tmp_path: Path) -> None:  # M3.6
    """Beside a row of the table the arm's model stands; where one of the arms could not answer, none takes part."""
    arms = "experiments: {tabled: {arms: {row: {model: m-one}, other: {model: same, share: 0.6}}, policy: listed}}\n"
    async with serving(tmp_path / "s", extra_policy=POLICIES, more=KEYS + arms) as server:
        found = {(await sent(server, str(n), "listed"))["x-fairlead-model"] for n in range(16)}
        assert found == {"m-one", "same"}
        long = [{"role": "user", "content": "word " * 4000}]
        found = {(await sent(server, str(n), "listed", messages=long))["x-fairlead-model"] for n in range(16)}
        assert found == {"m-one"}
        assert {(await sent(server, str(n), "frugal"))["x-fairlead-model"] for n in range(8)} == {"m-two"}


async def test_an_arm_that_is_a_policy_does_not_choose(tmp_path: Path) -> None:  # M7.5
    arms = "experiments: {ways: {arms: {old: {policy: smart}, thrift: {policy: frugal}}, by: user}}\n"
    async with serving(tmp_path / "s", extra_policy=POLICIES, more=KEYS + arms) as server:
        seen = Counter[tuple[str, str]]()
        for number in range(16):
            headers = await sent(server, user=f"u{number}")
            seen[headers["x-fairlead-policy"], headers["x-fairlead-model"]] += 1
        assert set(seen) == {("smart", "m-one"), ("frugal", "m-two")}
        assert (await sent(server))["x-fairlead-policy"] == "smart", "nobody knows whom it is for"


async def test_a_decision_of_an_experiment_comes_out_otherwise_when_it_is_made_again(tmp_path: Path) -> None:  # M7.6
    from fairlead.gateway.replay import keys, replay

    async with serving(tmp_path / "s", extra_policy=POLICIES, more=KEYS + HALVES) as server:
        for number in range(6):
            await sent(server, str(number))
        ledger = server.running.runtime.ledger
        for record in await server.records():
            assert replay(record, await ledger.contents(keys(record))).same


BEHIND = """experiments:
  newcomer: {arms: {today: {model: m-one}, new: {model: m-two}}, policy: smart, least: 20}
"""
WISE = "  wise: {strategy: balanced, weights: {quality: 0.7, cost: 0.3}, models: [m-one, m-two, same]}\n"


async def judged(server: Served, scores: dict[str, list[float]], count: int) -> None:
    """So many conversations, their answers judged by who gave them."""
    seen = Counter[str]()
    for number in range(count):
        headers = await sent(server, f"s{number}")
        model = headers["x-fairlead-model"]
        score = scores[model][seen[model] % len(scores[model])]
        seen[model] += 1
        body = json.dumps({"request_id": headers["x-fairlead-request-id"], "score": score}).encode()
        assert (await ask(server.port, "POST", "/v1/feedback", body, key="fl_test")).status == 200


async def test_a_finding_flips_no_choice_and_nobody_is_told(tmp_path: Path) -> None:  # M3.6
    """What a finding does without any other evidence: tests/core/test_experiments.py."""
    ever, good, first = [0.55, 0.45], [0.0, 0.1], "m-one"
    async with serving(tmp_path / "s", extra_policy=POLICIES + WISE, more=KEYS + BEHIND) as server:
        assert (await sent(server, policy="wise"))["x-fairlead-model"] == "m-two"
        await judged(server, {"m-one": ever, "m-two": good}, 70)
        assert server.running.experimenting is not None
        await server.running.experimenting.look(1_900_000_000)
        compared = server.running.runtime.vitals.conditions.compared | server.running.runtime.vitals.at(1e12).compared
        ((name, found),) = compared.items()
        assert (name, found.against) == ("m-two|", "m-one")
        assert found.low <= found.gain <= found.high
        assert found.high < 0
        assert found.answers == 70
        headers = await sent(server, policy="wise")
        assert headers["x-fairlead-model"] == first
        told = json.loads((await server.get(f"/v1/decisions/{headers['x-fairlead-request-id']}")).body)
        assert told["experiments"]["m-two"]["gain"] == found.gain
        parts = {step["model"]: step["parts"] for step in told["steps"]}
        assert parts["m-two"]["experiment"] == pytest.approx(found.gain, abs=1e-4)
        assert "Experiment newcomer told m-two from m-one" in " ".join(told["explanation"])
        audits = [kind for kind, _ in await server.audits()]
        assert audits.count("experiment_found") == 1
        await server.running.experimenting.look(1_900_000_000)
        assert [kind for kind, _ in await server.audits()].count("experiment_found") == 1
