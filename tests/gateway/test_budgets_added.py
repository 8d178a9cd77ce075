"""Budgets that come into force while requests are under way, and side calls that a tag pays for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead.config.load import loads
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load
from tests.gateway.test_budgets import OTHERS, books, keys, spending
from tests.server.serving import Served, config, serving, soon
from tests.upstream import answer

COST = 25_000


async def turned(server: Served, more: str) -> None:
    text = config(server.upstream.port, server.state_dir, more=more)
    await server.running.runtime.turn_to(build(loads(text), load(), b""))


@pytest.mark.parametrize("before", ["role: admin", "budget: {amount: 9, per: day}"])
async def test_what_is_under_way_when_a_budget_is_added_is_spent_by_nobody(tmp_path: Path, before: str) -> None:  # M8.4
    async with serving(tmp_path / "s", more=keys(before)) as server:
        await server.chat()
        server.upstream.push("one", answer(wait=0.3))
        asking = asyncio.create_task(server.chat())
        await soon(lambda: len(server.upstream.calls) == 2)
        await turned(server, keys("budget: {amount: 5, per: total}"))
        assert (await asking).status == 200
        told = {one.per: one for one in server.running.runtime.budgets.books.accounts.values()}
        assert [(one.spent, one.held) for one in told["total"].periods.values()] == [(2 * COST, 0)]
        if "day" in told:
            assert [(one.spent, one.held) for one in told["day"].periods.values()] == [(2 * COST, 0)]
        await server.chat()
        assert [(one.spent, one.held) for one in told["total"].periods.values()] == [(3 * COST, 0)]


async def test_what_ends_while_the_past_is_looked_up_is_spent_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M8.4
    async with serving(tmp_path / "s", more=keys("role: admin")) as server:
        runtime = server.running.runtime
        ledger = type(runtime.ledger)
        ask, asked = ledger.ask, []

        async def slowly(own: Any, what: Any) -> object:
            found = await ask(own, what)
            if not asked:
                asked.append(await server.chat())
            return found

        monkeypatch.setattr(ledger, "ask", slowly)
        await turned(server, keys("budget: {amount: 5, per: total}"))
        assert asked[0].status == 200
        assert books(server) == (COST, 0)


async def test_a_tag_does_not_pay_for_the_question_what_a_request_is_about(tmp_path: Path) -> None:  # M6.3
    more = (
        "classifier: {model: {model: m-two, below: 1, timeout: 5}}\nbudgets: [{scope: tag, who: nightly, amount: 5}]\n"
        f"keys:\n  - {{name: test, key: fl_test}}\n{OTHERS}"
    )
    async with serving(tmp_path / "s", more=more) as server:
        server.upstream.push("two", answer('{"task": "chat"}'))
        assert (await server.chat({"x-fairlead-tags": "nightly"}, model="auto")).status == 200
        records = await server.records()
        assert sorted(record.purpose for record in records) == ["answer", "classify"]
        assert spending(server) == {("tag", ("default", "nightly")): sum(record.cost for record in records)}


async def test_a_tag_is_another_one_after_a_restart(tmp_path: Path) -> None:  # M6.3
    """What is kept by lines is one line."""
    more = keys("role: admin") + "budgets: [{scope: tag, who: nightly, amount: 5}]\n"
    async with serving(tmp_path / "s", more=more) as server:
        response = await server.chat(fairlead={"tags": ["x\nnightly", "a\u2028b"]})
        assert (await server.record(response)).tags == ("x nightly", "a b")
        assert spending(server) == {}
    async with serving(tmp_path / "s", more=more) as server:
        assert ("tag", ("default", "nightly")) not in spending(server)
