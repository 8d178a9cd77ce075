"""A decision is stored small, and made again exactly; whatever is not the same is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.config.load import loads
from fairlead.core.call import Call, Caller, Facts, Signal, Standing, Wishes
from fairlead.core.choice import Choice
from fairlead.core.decide import decide
from fairlead.core.model import Snapshot
from fairlead.core.plan import Plan, Rejection, digest
from fairlead.core.policy import Cascade, Handling, Policy, Tier
from fairlead.core.quality import Quality
from fairlead.core.record import Record
from fairlead.core.table import Match, Rule
from fairlead.gateway.contents import DIGESTS_KEPT, Contents, keys
from fairlead.gateway.replay import NotReplayable, replay, under
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as load_catalogue
from fairlead.store.memory import MemoryLedger
from tests.core.scenes import AT, DOLLAR, call, model, policy, tokens, world
from tests.server.serving import config, serving
from tests.server.wire import ask
from tests.store.entries import record

SEED = 7
TASKS = ("code_debug", "chat", "translation")
TABLE = """  table:
    strategy: balanced
    tasks:
      classification: {model: m-two, fallbacks: [m-one], threshold: 0.85}
  steps: {strategy: tiered, tiers: [{name: high, models: [m-one], budget: 1, match: {complexity: [complex]}}, {name: low, models: [m-two]}]}
"""


def of(asked: Call, plan: Plan, contents: Contents) -> Record:
    same = {name: getattr(plan, name) for name in ("policy", "policy_hash", "conditions")}
    own = {"snapshot": plan.snapshot_hash, "signals": asked.signals, "decision": contents.decision(asked, plan)}
    return msgspec.structs.replace(record(asked.id), **same, **own, seed=SEED, attempts=())


async def stored(asked: Call, force: Policy, snapshot: Snapshot) -> tuple[Record, dict[str, bytes], Plan]:
    """What is left of a decision, through the bytes of the books."""
    ledger = MemoryLedger()
    await ledger.open()
    contents = Contents(ledger, snapshot)
    contents.begin()
    plan = decide(asked, Choice(None, "", force), snapshot, SEED)
    contents.chosen(asked, force, snapshot)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(of(asked, plan, contents)), type=Record)
    found = await ledger.contents(keys(kept))
    await ledger.close()
    return kept, found, plan


def rich() -> Call:
    """About all that can be found out and wished at once."""
    signals = (
        *tokens(123_456, 4321, 8000),
        *(Signal("structure", name, 12345) for name in ("turns", "chars", "tools", "images", "tool_bytes")),
        *(Signal("needs", name, True) for name in ("tools", "json_schema", "vision", "thinking", "documents")),
        Signal("task", "code_generation", 0.8123456, 0.7654321),
        Signal("complexity", "complex", 0.7123456, 0.6654321),
        Signal("domain", "agentic", 0.9123456, 0.9654321),
        Signal("language", "zh", 0.99123, 0.98765),
        Signal("latency_class", "interactive", 0.71234, 0.61234),
        *(Signal("modality", name, True) for name in ("text", "image", "document")),
        *(Signal("sensitivity", name, True) for name in ("email", "phone", "term:project-albatross")),
        *(Signal("keyword", f"keyword-{n}", True) for n in range(5)),
        Signal("coding", "turn", "long_context"),
    )
    wishes = Wishes(
        quality_floor=0.75,
        max_cost=5 * DOLLAR,
        max_latency_ms=30_000,
        sensitive=False,
        session="s" * 64,
        tags=("team:payments", "feature:search", "environment:production"),
        providers=("one", "two", "three", "main"),
        not_providers=("four",),
        provider_order=("one", "two"),
        sort="price",
        max_rates=(30 * DOLLAR, 90 * DOLLAR),
    )
    facts = Facts(AT, Standing("model-5", "model-5@main", 100_000), (("high", DOLLAR), ("middle", 7 * DOLLAR)))
    caller = Caller("key", "tenant", models=frozenset(f"model-{n}" for n in range(200)))
    return call(id="req_0199aabbccdd0011223344556677", signals=signals, wishes=wishes, facts=facts, caller=caller)


async def test_a_stored_decision_outgrows_its_bound() -> None:  # M3.6
    snapshot = world(*(model(f"model-{n}", 1 + n / 9, 0.7 + n / 2000, capabilities=1023) for n in range(100)))
    kept, _, plan = await stored(rich(), policy(min_quality=0.7), snapshot)
    bare = msgspec.structs.replace(kept, decision=None, signals=())
    size = len(msgspec.msgpack.encode(kept)) - len(msgspec.msgpack.encode(bare))
    assert plan.rejected
    assert size + len(kept.request) + 8 + 16 + 16 <= 1500, "with id, seed and the hashes of the record"


@st.composite
def calls(draw: st.DrawFn) -> Call:
    number = st.floats(0, 1, allow_nan=False)
    signals = [*tokens(draw(st.integers(1, 120_000)), draw(st.integers(1, 9000)), draw(st.sampled_from((0, 5000))))]
    signals.append(Signal("task", draw(st.sampled_from(TASKS)), draw(number), draw(number)))
    signals.append(Signal("complexity", draw(st.sampled_from(("simple", "complex"))), draw(number)))
    if draw(st.booleans()):
        signals.append(Signal("sensitivity", "email", True))
    stands = draw(st.none() | st.sampled_from(("m0", "m3")))
    standing = None if stands is None else Standing(stands, f"{stands}@main", draw(st.integers(0, 5000)))
    wishes = Wishes(
        quality_floor=draw(st.none() | number),
        max_cost=draw(st.none() | st.integers(1, DOLLAR)),
        low_budget=draw(st.booleans()),
        stay=draw(st.booleans()),
        models=draw(st.sampled_from(((), ("m1", "m0")))),
        not_providers=draw(st.sampled_from(((), ("main",)))),
        max_rates=draw(st.none() | st.just((2 * DOLLAR, 9 * DOLLAR))),
    )
    models = draw(st.none() | st.just(frozenset(("m0", "m1", "m2"))))
    caller = Caller("key", models=models, max_cost=draw(st.none() | st.just(DOLLAR // 50)))
    tiers = (("high", draw(st.integers(0, DOLLAR))),)
    home = draw(st.sampled_from(("", "", "m1@main", "gone@main")))
    return call(signals=tuple(signals), wishes=wishes, caller=caller, facts=Facts(AT, standing, tiers, home))


RULES = (Rule("debug", Match(tasks=frozenset(("code_debug",))), ("m2", "m1"), reason="tests pass more often"),)
TIERS = (
    Tier("high", ("m3", "m0"), Match(complexities=frozenset(("complex",))), DOLLAR),
    Tier("low", ("m1", "m2")),
)
CHECKED = Handling(quality=Quality(upgrades=2))
FORCES = (
    policy("balanced"),
    policy("cost_first", rules=RULES, threshold=0.6),
    policy("quality_first", fallbacks=("m1", "gone"), regions=frozenset(("", "eu"))),
    policy("tiered", tiers=TIERS),
    policy("specialist", critical=True),
    policy("hybrid", exclude_flags=frozenset(("preview", "beta"))),
    policy("learned", min_quality=0.4),
    policy("cascade", cascade=Cascade(("m0", "m1", "m3"), form="verify"), handling=CHECKED, fallbacks=("m2",)),
    policy("cascade", cascade=Cascade(("m3", "m1", "m0"), form="verify"), handling=CHECKED, critical=True),
    policy("cascade_routing", handling=CHECKED),
    policy("cost_first", rules=RULES, handling=CHECKED),
    policy("tiered", tiers=TIERS, handling=CHECKED),
    policy("pinned", model="m1", fallbacks=("m4", "m0"), handling=CHECKED),
)


@settings(deadline=None, max_examples=160, suppress_health_check=[HealthCheck.too_slow])
@given(calls(), st.sampled_from(FORCES), st.integers(0, 5))
def test_a_decision_made_again_differs(asked: Call, force: Policy, version: int) -> None:  # M3.6
    models = [model(f"m{n}", 0.5 + n, 0.5 + n / 10, qualities={"chat": 0.9 - n / 7}) for n in range(5)]
    evidence = {"m1|chat": (3.0, 4.0), "m3|math": (0.0, 33.0)}
    snapshot = world(*models, version=version, latency_ms={"m1@main": 333}, health={"m2@main": 0.55}, evidence=evidence)
    kept, contents, plan = asyncio.run(stored(asked, force, snapshot))
    again = replay(kept, contents)
    assert again.same
    assert again.plan.steps == plan.steps
    assert again.plan.rejected == plan.rejected
    assert not again.case.call.body


async def test_a_changed_figure_goes_unnoticed() -> None:  # M3.6
    kept, contents, _ = await stored(call(), policy(), world(model("a"), model("b", 2)))
    assert replay(kept, contents).same
    other = msgspec.structs.replace(kept, signals=tokens(1001))
    assert not replay(other, contents).same
    assert replay(msgspec.structs.replace(kept, version="0.0.1"), contents).other_version


async def test_what_is_no_longer_kept_is_guessed() -> None:
    kept, contents, _ = await stored(call(), policy(), world(model("a")))
    del contents[keys(kept)[1]]
    with pytest.raises(NotReplayable, match="conditions/"):
        replay(kept, contents)
    with pytest.raises(NotReplayable, match="named the model"):
        replay(msgspec.structs.replace(kept, decision=None), contents)


async def test_two_policies_of_one_hash_are_taken_for_each_other() -> None:
    """A route's models go into the policy under the route's name, and what stands behind that may change."""
    ledger = MemoryLedger()
    await ledger.open()
    snapshot = world(model("a"), model("b"))
    contents = Contents(ledger, snapshot)
    contents.begin()
    for first in ("a", "b"):
        force = policy(rules=(Rule("route", Match(), (first,)),))
        plan = decide(call(), Choice(None, "", force), snapshot, SEED)
        contents.chosen(call(), force, snapshot)
        kept = of(call(), plan, contents)
        again = replay(kept, await ledger.contents(keys(kept)))
        assert (again.same, again.plan.steps[0].targets[0].model.name) == (True, first)
    await ledger.close()


async def test_plans_with_the_same_steps_are_told_alike_whatever_else_they_say() -> None:
    """Of plans that share their steps the digest is made once, where it is the same."""
    ledger = MemoryLedger()
    await ledger.open()
    snapshot = world(model("a"), model("b"))
    contents = Contents(ledger, snapshot)
    force = policy()
    contents.chosen(call(), force, snapshot)
    plan = decide(call(), Choice(None, "", force), snapshot, SEED)
    for other in (
        plan,
        msgspec.structs.replace(plan, reason="other"),
        msgspec.structs.replace(plan, rule="other"),
        msgspec.structs.replace(plan, strategy="other"),
        msgspec.structs.replace(plan, rejected=(Rejection("c", "", "other", "other"),)),
        plan,
    ):
        told = contents.decision(call(), other)
        assert told is not None
        assert told.plan == digest(other)
    for _ in range(DIGESTS_KEPT + 10):
        contents.decision(call(), decide(call(), Choice(None, "", force), snapshot, SEED))
    assert 0 < len(contents._digests) <= DIGESTS_KEPT
    await ledger.close()


async def test_a_served_request_cannot_be_decided_again(tmp_path: Path) -> None:  # M3.6
    async with serving(tmp_path / "s", extra_policy=TABLE) as server:
        ledger = server.running.runtime.ledger
        for wished in (
            {"policy": "table", "task": "classification"},
            {"policy": "table", "task": "classification", "budget": "low"},
            {"policy": "steps", "complexity": "complex"},
            {"policy": "cost_first", "quality_floor": 0.7, "session": "s"},
            {"policy": "cost_first", "quality_floor": 0.1, "session": "s"},
        ):
            answer = await server.chat(model="auto", fairlead=wished)
            assert answer.status == 200, answer.body
            found = await server.record(answer)
            assert found.decision is not None
            again = replay(found, await ledger.contents(keys(found)))
            assert again.same
            assert again.plan.steps[0].targets[0].model.name == found.model
            assert not again.other_version
        named = await server.record(await server.chat(model="m-two"))
        assert named.decision is None


async def test_another_configuration_is_said_to_change_nothing(tmp_path: Path) -> None:  # M3.6
    async with serving(tmp_path / "s", extra_policy=TABLE) as server:
        answer = await server.chat(model="auto", fairlead={"policy": "cost_first", "quality_floor": 0.55})
        found = await server.record(answer)
        again = replay(found, await server.running.runtime.ledger.contents(keys(found)))
        assert again.plan.steps[0].targets[0].model.name == "m-two"
        text = config(1, tmp_path / "t", extra_policy=TABLE)
        same = build(loads(text), load_catalogue(), b"")
        dearer = build(loads(text.replace("input: 0.1, output: 0.4", "input: 9, output: 9")), load_catalogue(), b"")
        assert under(again, same).steps[0].targets[0].model.name == "m-two"
        assert under(again, dearer).steps[0].targets[0].model.name == "m-one"


async def test_a_finished_request_is_explained_otherwise_than_before(tmp_path: Path) -> None:  # M3.6
    async with serving(tmp_path / "s", extra_policy=TABLE) as server:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}], "fairlead": {"policy": "balanced"}}
        route = await ask(server.port, "POST", "/v1/route", json.dumps(body).encode())
        answer = await server.chat(**body)
        shown = json.loads((await server.get(f"/v1/decisions/{answer.headers['x-fairlead-request-id']}")).body)
        before = json.loads(route.body)
        assert shown["flips"]
        assert shown["flips"] == before["flips"]
        assert (shown["steps"], shown["rejected"]) == (before["steps"], before["rejected"])
        said = [line for line in before["explanation"] if "For this task spoke" not in line]
        assert shown["explanation"] == said
        assert shown["cost_usd"]
        assert shown["attempts"]
        named = await server.chat(model="m-one")
        plain = json.loads((await server.get(f"/v1/decisions/{named.headers['x-fairlead-request-id']}")).body)
        assert plain["decision"] is None
        assert "explanation" not in plain
