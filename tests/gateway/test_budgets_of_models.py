"""Budgets of models and tiers, and what budgets mean for a model that costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.test_budgets import RUNGS, keys, sent
from tests.server.serving import question, serving
from tests.server.wire import ask
from tests.upstream import answer, events, stream


@pytest.mark.parametrize("who", ["Number-One", "claude-opus-4-7"])
async def test_a_model_is_unbounded_where_its_budget_calls_it_by_another_name(
    tmp_path: Path, who: str
) -> None:  # M1.2 M6.3
    """An alias of its own, and one of the catalogue's."""
    model = "  claude-opus-4.7: {channels: [{provider: one, model: up}], price: {input: 1, output: 2}, aliases: [number-one]}\n"
    more = f"{keys('limits: {}')}budgets: [{{scope: model, who: {who}, amount: 0, per: total}}]\n"
    async with serving(tmp_path / "s", more=more, extra_model=model) as server:
        response = await server.chat(model="number-one")
        assert (response.headers["x-fairlead-model"], server.upstream.seats) == ("m-two", ["two"])


@pytest.mark.parametrize("stream_it", [False, True])
async def test_a_model_that_costs_nothing_is_refused_or_cut_short_once_a_budget_is_spent(
    tmp_path: Path, stream_it: bool
) -> None:  # M6.2 M6.3
    """Also where more was spent than the budget has, and however long the answer gets."""
    house = "  house: {channels: [{provider: two, model: up-two}], price: {input: 0, output: 0}}\n"
    more = keys("budget: {amount: 0.00005, per: total}, policy: rungs")
    rungs = RUNGS.replace("[same]", "[house], budget: 0")
    async with serving(tmp_path / "s", more=more, extra_model=house, extra_policy=rungs) as server:
        server.upstream.push("one", answer(usage=(20, 40)))
        dear = await server.chat(model="m-one", max_tokens=1)
        assert (dear.status, dear.headers["x-fairlead-cost"]) == (200, "0.0001")
        long_one = ["word " * 400] * 20
        server.upstream.push("two", stream(events(long_one, None)) if stream_it else answer("".join(long_one), None))
        response = await server.chat(model="auto", stream=stream_it)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "house")
        assert b"budget" not in response.body
        assert "max_tokens" not in sent(server)
        assert (await server.chat(model="house")).status == 200
        assert (await server.chat(model="m-one@one")).status == 402


@pytest.mark.parametrize(
    "budget", ["{scope: model, who: m-one", "{scope: model, who: each", "{scope: tier, who: rungs/high"]
)
@pytest.mark.parametrize("then", ["cheapest", "frugal"])
async def test_a_soft_budget_of_a_model_or_tier_lets_it_answer_for_ever(
    tmp_path: Path, budget: str, then: str
) -> None:  # M4.2 M6.3
    policies = f"{RUNGS.replace('same', 'm-two')}  frugal: {{strategy: cost_first, min_quality: 0}}\n"
    soft = f"budgets: [{budget}, amount: 0.00002, mode: soft, then: {then}}}]\n"
    async with serving(tmp_path / "s", more=keys("policy: rungs", soft), extra_policy=policies) as server:
        first, second = await server.chat(model="auto"), await server.chat(model="auto")
        assert [one.headers["x-fairlead-model"] for one in (first, second)] == ["m-one", "m-two"]
        assert (second.headers["x-fairlead-downgraded"], first.headers["x-fairlead-downgraded"]) == ("true", "false")
        assert second.headers["x-fairlead-warning"].endswith(f"has spent its budget: {then} chooses")
        assert (await server.chat(model="m-one@one")).headers["x-fairlead-model"] == "m-one"
        explained = await ask(server.port, "POST", "/v1/route", question(model="auto"))
        assert b"has spent its budget" in explained.body
