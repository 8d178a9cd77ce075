"""Budgets on real requests: what is sent fits, what does not is refused, and what was spent is what the ledger says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead.config.load import loads
from fairlead.core.lengths import TELLING
from fairlead.gateway.contents import keys as kept
from fairlead.gateway.replay import replay
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load
from fairlead.server.serve import start
from tests.server.serving import Served, config, question, serving, soon
from tests.server.wire import Response, ask
from tests.upstream import HANG, Play, answer, completion, event, events, plain, scripted, status, stream

DOLLAR = 10**9
OPUS = """
  opus: {channels: [{provider: one, model: up-one}], price: {input: 15, output: 75}, context: 1000000, max_output: 128000, quality: 0.95}
"""
OTHERS = "  - {name: other, key: fl_other, tenant: others}\n"


def keys(budget: str, more: str = "") -> str:
    return f"keys:\n  - {{name: test, key: fl_test, {budget}}}\n{OTHERS}{more}"


def books(server: Served) -> tuple[int, int]:
    """(spent, held) of the only account."""
    (account,) = server.running.runtime.budgets.books.accounts.values()
    period = account.at(time.time())
    return period.spent, period.held


def sent(server: Served) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.upstream.calls[-1].body)
    return found


def code(response: Response) -> str:
    return str(json.loads(response.body)["error"]["code"])


async def test_a_fresh_key_with_5_dollars_is_refused_or_overrun_by_a_client_that_allows_128000_tokens(
    tmp_path: Path,
) -> None:  # M6.3 FAULTS 42
    usage = (20_000, 1_500)
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5, per: total}"), extra_model=OPUS) as server:
        answered = 0
        while True:
            server.upstream.push("one", answer("x" * 400, usage))
            response = await server.chat(model="opus", max_tokens=128_000, messages=[long(20_000)])
            if response.status != 200:
                break
            answered += 1
            limit = int(response.headers["x-fairlead-max-tokens"])
            assert 4096 <= limit == sent(server)["max_tokens"] < 128_000
        cost = 20_000 * 15_000 + 1_500 * 75_000
        assert books(server) == (answered * cost, 0)
        assert answered * cost > 4.2 * DOLLAR
        assert (response.status, code(response)) == (402, "budget_spent")
        assert response.headers["x-should-retry"] == "false"
        assert b"key 'test' has $0." in response.body
        assert b"left of its $5 in all" in response.body
        assert sum(record.cost for record in await server.records()) == answered * cost


def long(tokens: int) -> dict[str, str]:
    return {"role": "user", "content": "word " * (tokens * 4 // 5)}


async def test_32_clients_at_once_overspend_one_budget(tmp_path: Path) -> None:  # FAULTS 42
    """Each answer takes all that it is allowed."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.05, per: total}")) as server:
        server.upstream.next_play = greedy  # type: ignore[method-assign]

        async def client() -> None:
            for _ in range(20):
                response = await server.chat(max_tokens=100_000)
                assert response.status in (200, 402, 429), response.body
                spent, held = books(server)
                assert spent + held <= 50_000_000
                if response.status == 402:
                    return
                if response.status == 429:
                    assert code(response) == "budget_held"
                    assert response.headers["retry-after"] == "2"
                    await asyncio.sleep(0.01)

        async with asyncio.timeout(30):
            await asyncio.gather(*(client() for _ in range(32)))
        spent, held = books(server)
        assert held == 0
        assert 35_000_000 < spent <= 50_000_000
        assert sum(record.cost for record in await server.records()) == spent


def greedy(seat: str, body: bytes) -> Play:
    return Play([0.02, plain(200, completion("x", (6, json.loads(body)["max_tokens"])))])


DIALECTS: dict[str, tuple[str, dict[str, object], str]] = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, "max_tokens"),
    "openai_responses": ("/v1/responses", {"input": "Hi", "max_output_tokens": 90_000}, "max_output_tokens"),
    "anthropic_messages": (
        "/v1/messages",
        {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 90_000},
        "max_tokens",
    ),
    "completions": ("/v1/completions", {"prompt": "Hi", "max_tokens": 90_000}, "max_tokens"),
}


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_dialect_leaves_without_the_limit_that_is_held(tmp_path: Path, name: str) -> None:  # M6.3
    """Also where the caller names none."""
    path, fields, field = DIALECTS[name]
    speaks = f", dialects: [openai_chat, {name}]" if name != "openai_chat" else ""
    async with serving(tmp_path / "s", provider=speaks, more=keys("budget: {amount: 0.05}")) as server:
        await ask(server.port, "POST", path, json.dumps({"model": "m-one", **fields}).encode())
        assert json.loads(server.upstream.calls[0].body)[field] == 4096


ASKED_IN = {
    "openai_chat": ("/v1/chat/completions", ("max_tokens",)),
    "openai_responses": ("/v1/responses", ("max_output_tokens",)),
    "anthropic_messages": ("/v1/messages", ("max_tokens",)),
    "gemini": ("/models/up-one:generateContent", ("generationConfig", "maxOutputTokens")),
}


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("dialect", ASKED_IN)
async def test_a_translated_request_leaves_without_the_limit_that_is_held(
    tmp_path: Path, dialect: str, stated: bool
) -> None:  # M6.3
    path, places = ASKED_IN[dialect]
    async with serving(
        tmp_path / "s", provider=f", dialects: [{dialect}]", more=keys("budget: {amount: 0.05}")
    ) as server:
        fields: dict[str, Any] = {"max_tokens": 90_000} if stated else {}
        await server.chat(**fields)
        call = server.upstream.calls[0]
        assert call.path.endswith(path)
        found = json.loads(call.body)
        for place in places:
            found = found[place]
        assert found == 4096


async def test_a_gemini_request_passes_without_the_limit_that_is_held(tmp_path: Path) -> None:  # M6.3
    speaks = ", dialects: [openai_chat, gemini]"
    async with serving(tmp_path / "s", provider=speaks, more=keys("budget: {amount: 0.05}")) as server:
        body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"topK": 3}}
        await ask(server.port, "POST", "/v1beta/models/m-one:generateContent", json.dumps(body).encode())
        config = json.loads(server.upstream.calls[0].body)["generationConfig"]
        assert config == {"topK": 3, "maxOutputTokens": 4096}


async def test_who_may_spend_less_is_served_by_somebody_cheaper(tmp_path: Path) -> None:  # M4.2 M6.3
    policy = "  listed: {strategy: quality_first, models: [m-one, m-two]}\n"
    more = keys("policy: listed, budget: {amount: 0.005}")
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        assert response.headers["x-fairlead-downgraded"] == "true"
        record = await server.record(response)
        assert record.attempts[0].move == "downgrade"
        assert record.decision is not None
        assert record.decision.left == (("", 5_000_000),)
        refused = await server.chat(model="m-one")
        assert (refused.status, code(refused)) == (402, "budget_spent")
    async with serving(tmp_path / "t", more=keys("policy: listed"), extra_policy=policy) as server:
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-one"


@pytest.mark.parametrize(("then", "chosen"), [("cheapest", "m-two"), ("cost_first", "m-two"), ("frugal", "same")])
async def test_a_spent_soft_budget_refuses_or_changes_nothing(tmp_path: Path, then: str, chosen: str) -> None:  # M6.3
    policy = "  listed: {strategy: quality_first, models: [m-one, m-two]}\n  frugal: {strategy: pinned, model: same}\n"
    more = keys(f"budget: {{amount: 0.00002, mode: soft, then: {then}}}")
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        first = await server.chat(model="auto:listed")
        assert first.headers["x-fairlead-model"] == "m-one"
        second = await server.chat(model="auto:listed")
        assert second.headers["x-fairlead-model"] == chosen
        assert second.headers["x-fairlead-downgraded"] == "true"
        assert "key 'test' has spent its budget" in second.headers["x-fairlead-warning"]
        assert "x-fairlead-max-tokens" not in second.headers
        named = await server.chat(model="m-one")
        assert (named.status, named.headers["x-fairlead-model"]) == (200, "m-one")
        assert ("budget_alert", "test") in await server.audits()
        alerts = [kind for kind, _ in await server.audits() if kind == "budget_alert"]
        assert len(alerts) == 2


SCOPES = {
    "gateway": "- {scope: gateway, amount: 0.00006}",
    "tenant": "- {scope: tenant, who: default, amount: 0.00006}",
    "each tenant": "- {scope: tenant, who: each, amount: 0.00006}",
    "team": "- {scope: team, who: default/red, amount: 0.00006}",
    "each team": "- {scope: team, amount: 0.00006}",
    "key": "- {scope: key, who: test, amount: 0.00006}",
    "each key": "- {scope: key, amount: 0.00006}",
    "tag": "- {scope: tag, who: batch, amount: 0.00006}",
    "model": "- {scope: model, who: m-one, amount: 0.00006}",
    "each model": "- {scope: model, amount: 0.00006}",
    "tier": "- {scope: tier, who: rungs/high, amount: 0.00006}",
    "each tier": "- {scope: tier, amount: 0.00006, per: week}",
}
RUNGS = "  rungs: {strategy: tiered, tiers: [{name: high, models: [m-one]}, {name: low, models: [same]}]}\n"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_bounds_others_or_nobody(tmp_path: Path, scope: str) -> None:  # M6.3 M8.1
    more = f"""keys:
  - {{name: test, key: fl_test, team: red, policy: rungs}}
  - {{name: blue, key: fl_blue, team: blue, policy: rungs}}
  - {{name: other, key: fl_other, tenant: others, policy: rungs}}
budgets:
  {SCOPES[scope]}
"""
    tagged = {"x-fairlead-tags": "batch, night"}
    asked: dict[str, Any] = {"max_tokens": 7, "model": "m-one"}
    async with serving(tmp_path / "s", more=more, extra_policy=RUNGS) as server:
        first = await server.chat(tagged, **asked)
        assert first.status == 200
        second = await server.chat(tagged, **asked)
        assert second.status == 402, second.body
        if scope.endswith("tier"):
            return
        blue, other = await server.chat(key="fl_blue", **asked), await server.chat(key="fl_other", **asked)
        shared = scope in ("gateway", "model", "each model")
        assert (blue.status == 402) == (shared or "tenant" in scope)
        assert (other.status == 402) == shared
        untagged = await server.chat(**asked)
        assert (untagged.status == 200) == (scope == "tag")


async def test_a_plan_alone_flips_no_choice(tmp_path: Path) -> None:  # M3.6
    policy = "  listed: {strategy: quality_first, models: [m-one, m-two]}\n"
    more = """plans:
  free: {budget: {amount: 0.004, per: day}}
  lean: {max_cost: 0.0004}
  rich: {}
keys:
  - {name: free, key: fl_free, policy: listed, plan: free}
  - {name: lean, key: fl_lean, policy: listed, plan: lean}
  - {name: rich, key: fl_rich, policy: listed, plan: rich}
"""
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        chosen = [
            (await server.chat(model="auto", key=f"fl_{plan}")).headers["x-fairlead-model"]
            for plan in ("free", "lean", "rich")
        ]
        assert chosen == ["m-two", "m-two", "m-one"]


async def test_an_unpriced_model_is_free_for_a_key_with_a_budget(tmp_path: Path) -> None:  # M6.2
    own = "  own: {channels: [{provider: one, model: up-one}], context: 1000, quality: 0.5}\n"
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5}"), extra_model=own) as server:
        response = await server.chat(model="own@one")
        assert (response.status, code(response)) == (402, "unpriced")
        assert (await server.chat(model="own@one", key="fl_other")).status == 200
        assert [call.model for call in server.upstream.calls] == ["up-one"]


async def test_an_attempt_that_failed_and_was_billed_costs_the_budget_nothing(tmp_path: Path) -> None:  # M6.1 FAULTS 43
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5}")) as server:
        cut = [event({"role": "assistant", "content": ""}), 0.02]
        server.upstream.push("one", stream([*cut, HANG], end=False))
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(stream=True))
            await soon(lambda: bool(server.upstream.calls and server.upstream.calls[0].sent))
            assert books(server)[1] > 0
        await soon(lambda: books(server)[1] == 0)
        server.upstream.push("one", status(500))
        assert (await server.chat(model="auto")).status == 200
        assert books(server) == (sum(record.cost for record in await server.records()), 0)


async def test_a_side_call_or_a_hedge_is_paid_by_nobody(tmp_path: Path) -> None:  # M6.1
    """The question to a classifying model, the attempt beside a slow one, the one that failed."""
    policy = "  raced: {strategy: quality_first, models: [m-one, m-two], hedge_ms: 20}\n"
    asked = "classifier: {model: {model: both, below: 1, timeout: 5}}\n"
    more = asked + keys("policy: raced, budget: {amount: 5, per: total}")
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        server.upstream.push("one", answer('{"task": "chat"}'), answer(wait=0.2))
        response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        await soon(lambda: books(server)[1] == 0)
        records = await server.records()
        assert sorted((record.purpose, len(record.attempts)) for record in records) == [("answer", 2), ("classify", 1)]
        assert all(attempt.cost for record in records for attempt in record.attempts)
        assert books(server) == (sum(record.cost for record in records), 0)


async def test_a_classifier_that_nobody_pays_is_taken_for_one_that_is_down(tmp_path: Path) -> None:  # M2.4 M6.3
    policy = "  listed: {strategy: quality_first, models: [m-one, m-two]}\n"
    free = "  free: {channels: [{provider: two, model: up-two}], price: {input: 0, output: 0}, context: 9000, quality: 0.5}\n"
    asked = "classifier: {model: {model: m-one, below: 1, timeout: 5}}\n"
    more = asked + keys("policy: listed, budget: {amount: 0.000001, per: total}")
    async with serving(
        tmp_path / "s", more=more, extra_policy=policy.replace("m-two]", "free]"), extra_model=free
    ) as server:
        for _ in range(8):
            response = await server.chat(model="auto")
            assert response.headers["x-fairlead-model"] == "free"
        assert server.upstream.seats == ["two"] * 8
        assert "classifier_rests" not in [kind for kind, _ in await server.audits()]


async def test_a_provider_that_ignores_the_limit_empties_a_hard_budget(tmp_path: Path) -> None:  # M6.3
    """The stream ends with an error in the caller's own dialect once all that is left is used up."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.004}")) as server:
        endless = events(["word " * 40] * 2_000, usage=None)
        server.upstream.push("one", stream([*endless, HANG], end=False))
        response = await server.chat(stream=True, max_tokens=500)
        assert response.status == 200
        assert b"budget_spent" in response.body[-600:]
        assert b"[DONE]" not in response.body
        assert response.body.count(b"word word") < 1_000
        record = await server.record(response)
        assert (record.outcome, record.error, record.attempts[0].usage.estimated) == ("failed", "budget_spent", True)
        spent, held = books(server)
        assert (spent, held) == (record.cost, 0)
        assert spent < 6_000_000
        assert server.running.runtime.snapshot().conditions.health == {}


async def test_answers_that_are_cut_off_stay_cut_off(tmp_path: Path) -> None:  # M6.3
    """What is taken for the longest usual answer grows where answers end at the limit."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.04, per: total}")) as server:
        server.upstream.next_play = greedy  # type: ignore[method-assign]
        vitals = server.running.runtime.vitals
        for _ in range(TELLING):
            vitals.wrote("m-one", "", 100)
        limits = []
        for turn in range(1, 5):
            vitals.at(time.monotonic() + 100 * turn)
            limits.append(int((await server.chat(max_tokens=100_000)).headers["x-fairlead-max-tokens"]))
            (account,) = server.running.runtime.budgets.books.accounts.values()
            account.at(time.time()).spent = 0
        assert limits[0] < 4_096 < limits[-1]


async def test_a_stream_within_its_limit_is_ended_for_an_estimate(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.0021}")) as server:
        server.upstream.push("one", stream(events(["a "] * 1_000, usage=(6, 1_000))))
        response = await server.chat(stream=True, max_tokens=1_000)
        assert (response.status, response.whole) == (200, True)
        assert b"[DONE]" in response.body
        assert books(server) == (6_000 + 2_000_000, 0)


@asynccontextmanager
async def again(folder: Path, upstream: int, more: str) -> AsyncIterator[Served]:
    running = await start(loads(config(upstream, folder, more=more)))
    try:
        yield Served(running, None, running.port)  # type: ignore[arg-type]
    finally:
        await running.stop()


async def test_a_restart_gives_a_budget_again(tmp_path: Path) -> None:  # FAULTS 31
    more = keys("team: red, budget: {amount: 5}") + (
        "budgets:\n  - {scope: team, amount: 9, per: day}\n  - {scope: tag, who: batch, amount: 9, per: total}\n"
        "  - {scope: model, amount: 9, per: week}\n  - {scope: gateway, amount: 9, per: total}\n"
    )
    async with scripted() as upstream:
        async with again(tmp_path / "s", upstream.port, more) as server:
            for _ in range(3):
                await server.chat({"x-fairlead-tags": "batch"})
            await server.chat(model="m-two")
            before = spending(server)
        async with again(tmp_path / "s", upstream.port, more) as server:
            assert spending(server) == before
    assert before["gateway", ()] == 3 * (11_000 + 14_000) + 1_100 + 2_800
    assert before["tag", ("default", "batch")] == 3 * 25_000


def spending(server: Served) -> dict[tuple[str, tuple[str, ...]], int]:
    accounts = server.running.runtime.budgets.books.accounts.values()
    return {(one.scope, one.who): one.at(time.time()).spent for one in accounts if one.at(time.time()).spent}


async def test_a_reload_forgets_what_was_spent_or_is_held(tmp_path: Path) -> None:  # M8.4
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5}")) as server:
        await server.chat()
        runtime = server.running.runtime
        server.upstream.push("one", answer(wait=0.2))
        asking = asyncio.create_task(server.chat())
        await soon(lambda: books(server)[1] > 0)
        tight = config(server.upstream.port, server.state_dir, more=keys("budget: {amount: 0.00006}"))
        await runtime.turn_to(build(loads(tight), load(), b""))
        assert books(server)[0] == 25_000
        assert books(server)[1] > 0
        assert (await asking).status == 200
        assert books(server) == (50_000, 0)


@pytest.mark.parametrize("budget", ["key", "model"])
async def test_a_soft_budget_that_changes_nothing_is_told_as_a_downgrade(
    tmp_path: Path, budget: str
) -> None:  # M4.2 M6.3
    """Its `then` comes to the model that answers anyway."""
    soft = "amount: 0.000001, mode: soft, then: cheapest"
    more = keys("policy: listed", f"budgets: [{{scope: {budget}, {soft}}}]\n")
    policy = "  listed: {strategy: cost_first, min_quality: 0, models: [m-two, m-one]}\n"
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        await server.chat(model="auto")
        response = await server.chat(model="auto")
        assert "has spent its budget: cheapest chooses" in response.headers["x-fairlead-warning"]
        assert (response.headers["x-fairlead-model"], response.headers["x-fairlead-downgraded"]) == ("m-two", "false")
        record = await server.record(response)
        assert [attempt.move for attempt in record.attempts] == ["first"]
        again = replay(record, await server.running.runtime.ledger.contents(kept(record)))
        assert again.same
        told = json.loads((await ask(server.port, "POST", "/v1/route", question(model="auto"))).body)
        assert told["steps"][0]["move"] == "first"


async def test_a_decision_that_a_budget_made_comes_out_otherwise_when_it_is_made_again(tmp_path: Path) -> None:  # M7.6
    policy = "  listed: {strategy: quality_first, models: [m-one, m-two]}\n"
    poor = keys("policy: listed, budget: {amount: 0.005}")
    soft = keys("policy: listed, budget: {amount: 0.00001, mode: soft, then: cheapest}")
    budget = "{scope: model, who: m-one, amount: 0.00001, mode: soft, then: cheapest}"
    of_model = keys("policy: listed", f"budgets: [{budget}]\n")
    for name, more in (("hard", poor), ("soft", soft), ("soft of a model", of_model)):
        async with serving(tmp_path / name, more=more, extra_policy=policy) as server:
            await server.chat(model="auto")
            record = await server.record(await server.chat(model="auto"))
            assert record.model == "m-two"
            contents = await server.running.runtime.ledger.contents(kept(record))
            again = replay(record, contents)
            assert again.same
            assert again.plan.steps[0].targets[0].downgraded


async def test_a_route_is_explained_as_if_there_were_money(tmp_path: Path) -> None:  # M6.3
    more = keys("budget: {amount: 0.000001}")
    async with serving(tmp_path / "s", more=more) as server:
        told = await ask(server.port, "POST", "/v1/route", question(model="auto"))
        found = json.loads(told.body)
        assert {one["reason"] for one in found["rejected"]} == {"budget"}
        assert found["left"] == {"": 1_000}
        assert books(server) == (0, 0)


@pytest.mark.parametrize(
    "more",
    [
        {"prediction": {"type": "content", "content": "word " * 9_000}},
        {"documents": ["word " * 9_000]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "word " * 9_000}]},
    ],
    ids=["prediction", "documents", "thoughts"],
)
async def test_a_budget_is_overspent_by_what_stands_where_nobody_looks(
    tmp_path: Path, more: dict[str, Any]
) -> None:  # M6.3
    usage = (10, 9_001) if "prediction" in more else (9_010, 1)
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.02, per: total}")) as server:
        server.upstream.push("one", *[answer("a", usage, wait=0.3)] * 20)
        server.upstream.push("two", *[answer("a", usage, wait=0.3)] * 20)
        answers = await asyncio.gather(*(server.chat(model="auto", max_tokens=1, **more) for _ in range(20)))
        assert {one.status for one in answers} <= {200, 402, 429}
        assert {one.status for one in answers} > {200}
        spent, held = books(server)
        assert (0 < spent <= 0.02 * DOLLAR, held) == (True, 0)
