"""Every shipped preset: it loads, boots without a key and answers; what roles and phases decide is written down.

`presets/requests.py` says what is asked; `presets/NAME.json` holds what came out, with all keys there.
`FAIRLEAD_GOLDEN=update` writes them anew, for a look at the difference.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from fairlead.cli.demo_workload import ordered, request
from fairlead.config import presets
from fairlead.config.schema import Config
from fairlead.core.call import Caller
from fairlead.core.cost import expected_cost
from fairlead.core.plan import Plan
from fairlead.errors import ConfigError, RequestError
from fairlead.gateway import pipeline
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as catalogue
from fairlead.server.serve import start
from fairlead.store.memory import MemoryLedger
from tests.golden.presets.requests import OWN, SHARED

HERE = Path(__file__).parent / "presets"
ROLES = [name for name in presets.names() if "/" not in name]
KEYS = {
    **{
        f"{provider}_API_KEY": "made-up"
        for provider in ("OPENAI", "ANTHROPIC", "GEMINI", "DEEPSEEK", "MOONSHOT", "DASHSCOPE", "ARK")
    },
    "VLLM_BASE_URL": "http://127.0.0.1:9/v1",
}
DOLLAR = 1_000_000_000


def plans(config: Config, bodies: list[dict[str, Any]]) -> list[Plan | RequestError]:
    async def made() -> list[Plan | RequestError]:
        runtime = Runtime(build(config, catalogue(), b""), MemoryLedger())
        try:
            return [one(runtime, body) for body in bodies]
        finally:
            await runtime.close()

    def one(runtime: Runtime, body: dict[str, Any]) -> Plan | RequestError:
        try:
            incoming = Incoming("generate", Caller("key"), Headers(), json.dumps(body).encode(), monotonic())
            return pipeline.explain(runtime, incoming).plan
        except RequestError as error:
            return error

    return asyncio.run(made())


def told(plan: Plan | RequestError) -> dict[str, Any]:
    if isinstance(plan, RequestError):
        return {"error": plan.code}
    targets = [target for step in plan.steps for target in step.targets]
    if not targets:
        return {"policy": plan.policy, "rejected": sorted({one.reason for one in plan.rejected})}
    first, *others = targets
    found = {
        "model": first.model.name,
        "fallbacks": [target.model.name for target in others],
        "policy": plan.policy,
        "tier": first.tier,
        "downgraded": first.downgraded,
        "thinking": first.thinking,
        "rule": plan.rule,
        "reason": plan.reason,
    }
    return {key: value for key, value in found.items() if value or key == "fallbacks"}


@pytest.mark.parametrize("name", ROLES)
def test_each_decision_of_a_preset_is_the_one_written_down(name: str) -> None:  # M3.12 M8.6
    bodies = {**SHARED, **OWN.get(name, {})}
    found = dict(zip(bodies, map(told, plans(presets.load(name, KEYS), list(bodies.values()))), strict=True))
    assert len(found) >= 20
    file = HERE / f"{name}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("FAIRLEAD_GOLDEN") == "update":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_there_is_a_preset_for_every_role_and_phase_and_nothing_else_is_written_down() -> None:  # M3.12
    assert (
        sorted(
            (
                "solo",
                "startup",
                "enterprise",
                "coding",
                "three_tier",
                "phase1_rules",
                "phase2_cascade",
                "phase3_optimise",
            )
        )
        == ROLES
    )
    assert {file.stem for file in HERE.glob("*.json")} == set(ROLES)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_whose_keys_are_there_simulates_one_of_its_providers(name: str) -> None:
    assert presets.simulated(presets.load(name, KEYS)) == ()


@pytest.mark.parametrize("name", presets.names())
async def test_a_preset_without_keys_does_not_boot_or_not_answer(name: str, tmp_path: Path) -> None:  # M3.12
    config = presets.load(name, {})
    assert presets.simulated(config)
    server = config.server.model_copy(update={"port": 0, "state_dir": str(tmp_path / "state")})
    running = await start(config.model_copy(update={"server": server}))
    try:
        body = json.dumps(
            {"model": "auto", "messages": [{"role": "user", "content": "Say [tokens:5] hello."}]}
        ).encode()
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        head, _, said = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    finally:
        await running.stop()
    assert head.startswith(b"HTTP/1.1 200 "), said
    assert "choices" in json.loads(said)


@pytest.mark.parametrize("name", ROLES)
def test_a_simulated_preset_decides_otherwise_than_with_keys(name: str) -> None:
    bodies = list({**SHARED, **OWN.get(name, {})}.values())
    with_keys, without = (plans(presets.load(name, env), bodies) for env in (KEYS, {}))
    assert [told(plan) for plan in with_keys] == [told(plan) for plan in without]


@pytest.mark.parametrize("name", ROLES)
def test_the_policy_of_a_role_is_not_the_one_in_force(name: str) -> None:
    config = presets.load(name, KEYS)
    assert config.policy.default in config.policies


def test_the_budgets_of_solo_come_to_more_than_fifty_dollars_a_month() -> None:  # M3.12
    policy = presets.load("solo", KEYS).policies["solo"]
    a_day = sum(tier.budget for tier in policy.tiers if tier.budget is not None)
    assert all(tier.budget is not None for tier in policy.tiers)
    assert 20 <= a_day * 31 <= 50


def test_the_startup_preset_gives_most_work_to_a_dear_model_or_saves_less_than_half() -> None:  # M3.12
    config = presets.load("startup", KEYS)
    found = plans(config, [request(prompt) for prompt in ordered(300)])
    cheap, cost, strong = 0, 0, 0
    dearest = build(config, catalogue(), b"").snapshot.models["claude-opus-5.5"].channels[0].prices[-1]
    for plan in found:
        assert isinstance(plan, Plan)
        first = plan.steps[0].targets[0]
        assert first.expected.cost is not None
        cheap += first.model.name == "gpt-6-luna"
        cost += first.expected.cost
        strong += expected_cost(dearest, first.expected.input_tokens, first.expected.output_tokens)
    assert cheap / len(found) >= 0.6
    assert cost <= strong / 2


def test_an_unknown_preset_is_refused_without_the_nearest_spelling() -> None:
    for asked, near in (("startap", "startup"), ("d1_profil", "published/d1_profile"), ("../presets/solo", "")):
        with pytest.raises(ConfigError, match=f"unknown preset '{asked}'.*{near}"):
            presets.read(asked)
    with pytest.raises(ConfigError, match="unknown preset 'nix'; `fairlead"):
        presets.read("nix")


def test_a_preset_that_names_an_absent_model_is_taken() -> None:
    text = presets.read("startup").replace("models: [gpt-6-luna]", "models: [gpt-6-lunar]")
    with pytest.raises(ConfigError) as caught:
        presets.loads(text, "startup.yaml", {})
    (problem,) = caught.value.problems
    assert "unknown model 'gpt-6-lunar', did you mean 'gpt-6-luna'?" in problem
    assert problem.startswith("startup.yaml:2")


def test_a_model_of_a_role_is_neither_in_the_catalogue_nor_described() -> None:
    for name in ROLES:
        for model, given in presets.load(name, KEYS).models.items():
            assert catalogue().find(model) is not None or given.quality is not None, (name, model)


def test_an_ordinary_file_takes_an_empty_key() -> None:
    from fairlead.config.load import loads

    with pytest.raises(ConfigError, match="api_key: is empty"):
        loads(presets.read("startup"), "startup.yaml", {})


def test_one_s_own_server_stops_being_one_s_own_when_it_is_simulated() -> None:
    own = presets.load("enterprise", {}).providers["own"]
    assert (own.kind, own.is_self_hosted) == ("simulated", True)
    real = presets.load("enterprise", KEYS).providers["own"]
    assert (real.kind, real.api_key) == ("vllm", None)
