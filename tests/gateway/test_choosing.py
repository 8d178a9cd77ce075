"""Who answers, through a whole server: rules, tiers, agents, intents, routes, conversations and what callers wish."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import KEYS, Served, serving
from tests.upstream import HANG, Play, status

TALK = [
    {"role": "user", "content": "Which river runs through Vienna?"},
    {"role": "assistant", "content": "The Danube."},
    {"role": "user", "content": "And through Prague?"},
]
THINKER = """  deep: {channels: [{provider: two, model: up-deep}], price: {input: 2, output: 8}, quality: 0.95, capabilities: [thinking, tools]}
"""
TABLE = """  table:
    strategy: balanced
    default_task: chat
    tasks:
      classification: {model: m-two, fallbacks: [m-one], threshold: 0.85, reason: "cheap and good enough"}
      chat: {model: m-one, fallbacks: [m-two]}
      math: {model: deep, thinking: high}
      fast_response: {model: m-two, max_latency: 0.3}
      legal_summaries: {model: m-one}
      summarization: {model: m-two}
"""
MORE = (
    KEYS
    + """
  - {name: thrifty, key: fl_thrifty, wishes: {budget: low}}
tasks:
  legal_summaries: {like: summarization, keyword: [plaintiff]}
  minutes: {like: summarization}
agents:
  writer: {model: m-one}
  clerk: {model: m-two}
  chooser: {policy: frugal}
groups:
  crew: {agents: [writer, clerk]}
"""
)
FRUGAL = "  frugal: {strategy: cost_first, min_quality: 0}\n"


def auto(**more: Any) -> dict[str, Any]:
    return {"model": "auto", **more}


def wish(**knobs: Any) -> dict[str, Any]:
    return {"fairlead": knobs}


def tabled(folder: Path) -> AbstractAsyncContextManager[Served]:
    """A server with the table of rules, and with what `MORE` declares."""
    return serving(folder / "s", extra_policy=TABLE + FRUGAL, extra_model=THINKER, more=MORE)


async def model_of(server: Served, key: str = "fl_test", headers: dict[str, str] | None = None, **body: Any) -> str:
    response = await server.chat(headers, key=key, **body)
    assert response.status == 200, response.body
    return response.headers["x-fairlead-model"]


async def refuses(server: Served, status: int, why: str, model: str, headers: dict[str, str] | None = None) -> None:
    response = await server.chat(headers, model=model)
    assert response.status == status
    assert why in response.body.decode()


async def test_a_table_says_who_answers_and_the_answer_says_the_task(tmp_path: Path) -> None:  # M3.2 M3.3
    async with tabled(tmp_path) as server:
        said = await server.chat({"x-fairlead-policy": "table"}, **auto(**wish(task="classification")))
        assert (said.headers["x-fairlead-model"], said.headers["x-fairlead-task"]) == ("m-two", "classification")
        assert said.headers["x-fairlead-downgraded"] == "false"
        low = await server.chat({"x-fairlead-policy": "table"}, **auto(**wish(task="classification", budget="low")))
        assert (low.headers["x-fairlead-model"], low.headers["x-fairlead-downgraded"]) == ("m-one", "true")
        keyed = await server.chat({"x-fairlead-policy": "table"}, key="fl_thrifty", **auto(**wish(task="chat")))
        assert keyed.headers["x-fairlead-model"] == "m-two"


async def test_an_unknown_task_takes_the_default_one_with_a_warning(tmp_path: Path) -> None:  # M3.3
    async with tabled(tmp_path) as server:
        said = await server.chat({"x-fairlead-policy": "table"}, **auto(**wish(task="knitting")))
        assert (said.status, said.headers["x-fairlead-task"], said.headers["x-fairlead-model"]) == (
            200,
            "chat",
            "m-one",
        )
        assert "'knitting' is not known" in said.headers["x-fairlead-warning"]


async def test_declared_tasks_are_told_by_their_keywords_or_are_what_they_are_like(tmp_path: Path) -> None:  # M2.1
    async with tabled(tmp_path) as server:
        table = {"x-fairlead-policy": "table"}
        text = (
            "The plaintiff claims that the goods were never delivered. " * 9 + "\n\nTL;DR: summarize the article above."
        )
        said = await server.chat(table, **auto(messages=[{"role": "user", "content": text}]))
        assert (said.headers["x-fairlead-task"], said.headers["x-fairlead-model"]) == ("legal_summaries", "m-one")
        minutes = await server.chat(table, **auto(**wish(task="minutes")))
        assert (minutes.headers["x-fairlead-task"], minutes.headers["x-fairlead-model"]) == ("minutes", "m-two")


async def test_thinking_reaches_the_provider_unless_the_caller_speaks_of_it(tmp_path: Path) -> None:  # M3.3
    async with tabled(tmp_path) as server:
        body = auto(temperature=0.2, unknown_field={"a": 1}, **wish(task="math", policy="table"))
        assert await model_of(server, **body) == "deep"
        assert await model_of(server, reasoning_effort="low", **body) == "deep"
        first, second = (json.loads(seen.body) for seen in server.upstream.calls)
        assert (first["reasoning_effort"], first["temperature"], first["unknown_field"]) == ("high", 0.2, {"a": 1})
        assert second["reasoning_effort"] == "low"


async def test_a_tasks_deadline_is_told_by_its_rule(tmp_path: Path) -> None:  # M3.3
    async with tabled(tmp_path) as server:
        server.upstream.push("two", Play([HANG]))
        late = await server.chat({"x-fairlead-policy": "table"}, **auto(**wish(task="fast_response")))
        assert late.status == 504
        assert "fast_response" in json.loads(late.body)["error"]["message"]


TIERS = """  tiers:
    strategy: tiered
    tiers:
      - {name: high, models: [m-one], match: {complexity: complex}, budget: 0.02}
      - {name: low, models: [m-two], budget: 0.01}
"""


async def test_tiers_spend_their_budgets_and_no_more_however_many_ask_at_once(tmp_path: Path) -> None:  # M3.5
    async with serving(tmp_path / "s", extra_policy=TIERS) as server:
        body = auto(max_tokens=1000, **wish(policy="tiers", complexity="complex"))
        answers = await asyncio.gather(*(server.chat(**body) for _ in range(40)))
        tiers = [one.headers.get("x-fairlead-tier", "refused") for one in answers]
        assert {"high", "low"} <= set(tiers)
        for one in answers:
            if one.headers.get("x-fairlead-tier") == "low":
                assert one.headers["x-fairlead-downgraded"] == "true"
        records = await server.records()
        for model, budget in (("m-one", 20_000_000), ("m-two", 10_000_000)):
            assert sum(record.cost for record in records if record.model == model) <= budget
        held = server.running.runtime.left("default", server.running.runtime.world.policies["tiers"])
        assert all(left >= 0 for _, left in held)


async def test_the_lowest_tier_spent_is_a_refusal_that_names_the_budget(tmp_path: Path) -> None:  # M3.5
    async with serving(tmp_path / "s", extra_policy=TIERS.replace("0.02", "0").replace("0.01", "0")) as server:
        refused = await server.chat(**auto(**wish(policy="tiers", complexity="complex")))
        assert refused.status == 402
        assert "tier low has $0 left of its $0 today" in json.loads(refused.body)["error"]["message"]
        assert server.upstream.calls == []


async def test_agents_answer_by_name_and_groups_by_turns(tmp_path: Path) -> None:  # M3.11
    async with tabled(tmp_path) as server:
        assert await model_of(server, model="agent:writer") == "m-one"
        assert await model_of(server, model="agent:chooser") == "m-two"
        assert [await model_of(server, model="agent:crew") for _ in range(4)] == ["m-one", "m-two", "m-one", "m-two"]
        await refuses(server, 404, "Did you mean 'writer'", "agent:writr")


async def test_an_intent_says_what_the_caller_would_have_to(tmp_path: Path) -> None:  # M2.5
    async with tabled(tmp_path) as server:
        table = {"x-fairlead-policy": "table"}
        assert await model_of(server, headers=table, model="intent:label_this") == "m-two"
        await refuses(server, 404, "Did you mean 'label_this'", "intent:lable_this")
        await refuses(server, 400, "say one of them", "intent:label_this", {"x-fairlead-task": "math"})


async def test_a_wish_may_stand_in_the_model_string(tmp_path: Path) -> None:  # M2.5
    async with tabled(tmp_path) as server:
        table = {"x-fairlead-policy": "table"}
        assert await model_of(server, headers=table, model="auto?task=classification&budget=low") == "m-one"
        await refuses(server, 400, "Did you mean 'task'", "auto?taks=chat")


ROUTES = """
routes:
  - {match: {keyword: [invoice]}, model: m-two, reason: "invoices are simple"}
  - {match: {tools: true}, policy: frugal, reason: "tool loops are many"}
"""


async def test_the_first_route_that_matches_decides_unless_a_policy_is_named(tmp_path: Path) -> None:  # M3.2
    async with serving(tmp_path / "s", extra_policy=FRUGAL, more=KEYS + ROUTES) as server:
        bill = [{"role": "user", "content": "Is this invoice paid?"}]
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        assert await model_of(server, **auto(messages=bill)) == "m-two"
        assert await model_of(server, **auto(tools=tools)) == "m-two"
        assert await model_of(server, **auto()) == "m-one"
        assert await model_of(server, headers={"x-fairlead-policy": "ordered"}, **auto(messages=bill)) == "m-one"


SCORED = "  scored: {strategy: balanced, weights: {quality: 1}, stay: 0.2}\n"


async def test_a_conversation_stays_with_its_model_until_moving_pays(tmp_path: Path) -> None:  # M3.10
    async with serving(tmp_path / "s", extra_policy=SCORED, extra_model=THINKER) as server:
        headers = {"x-fairlead-policy": "scored", "x-fairlead-session": "s1"}
        assert await model_of(server, headers=headers, **auto(models=["m-one"])) == "m-one"
        assert await model_of(server, headers=headers, **auto(messages=TALK)) == "m-one"
        other = {**headers, "x-fairlead-session": "s2"}
        assert await model_of(server, headers=other, **auto(messages=TALK)) == "deep"
        assert await model_of(server, key="fl_other", headers=headers, **auto(messages=TALK)) == "deep"


async def test_openrouters_fields_are_obeyed_and_stay_here(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        listed = auto(models=["m-two", "m-one"])
        assert await model_of(server, **listed) == "m-two"
        server.upstream.push("two", status(500))
        assert await model_of(server, **listed) == "m-one"
        assert await model_of(server, model="both", provider={"order": ["two"]}) == "both"
        assert server.upstream.seats[-1] == "two"
        assert await model_of(server, model="both:floor") == "both"
        assert server.upstream.seats[-1] == "one"
        refused = await server.chat(model="same", provider={"only": ["two"], "allow_fallbacks": False})
        assert refused.status == 422
        torn = await server.chat(model="both", provider={"only": ["two"], "ignore": ["two"]})
        assert torn.status == 400
        assert all(b'"provider"' not in seen.body and b'"models"' not in seen.body for seen in server.upstream.calls)


CRITICAL = "  ward: {strategy: pinned, model: both, critical: true}\n"


@pytest.mark.parametrize("asked", ["auto", "both"])
async def test_a_critical_policy_hops_to_no_other_provider(tmp_path: Path, asked: str) -> None:  # M3.8
    keys = "keys: [{name: test, key: fl_test, policy: ward}]\n"
    async with serving(tmp_path / "s", extra_policy=CRITICAL, more=keys) as server:
        server.upstream.push("one", status(500))
        assert (await server.chat(model=asked)).status == 502
        assert server.upstream.seats == ["one"]
        assert (await server.chat(model="m-two")).status == 403


TENANT = """
tenants:
  clinic: {providers: [two], channels: ["both@two", "m-two@two"], policy: frugal}
plans:
  free: {max_cost: 0.0005}
keys:
  - {name: test, key: fl_test, tenant: clinic}
  - {name: paying, key: fl_paying}
  - {name: guest, key: fl_guest, plan: free}
"""


async def test_a_tenant_binds_its_keys(tmp_path: Path) -> None:  # M3.8
    async with serving(tmp_path / "s", extra_policy=FRUGAL, more=TENANT) as server:
        assert await model_of(server, **auto()) == "m-two"
        assert await model_of(server, model="both") == "both"
        assert server.upstream.seats == ["two", "two"]
        assert (await server.chat(model="m-one")).status == 403


async def test_a_plan_alone_flips_a_choice(tmp_path: Path) -> None:  # M3.6
    async with serving(tmp_path / "s", extra_policy=FRUGAL, more=TENANT) as server:
        best = {"x-fairlead-policy": "quality_first"}
        assert await model_of(server, key="fl_paying", headers=best, **auto()) == "m-one"
        assert await model_of(server, key="fl_guest", headers=best, **auto()) == "m-two"
