"""Reports and recommendations over HTTP: the command's figures, for whom they are, of the window that is asked for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.server.serving import Served, serving
from tests.server.test_keys import KEYS, api

REPORT, ADVICE = "/admin/v1/report", "/admin/v1/recommendations"


def keys() -> str:
    """With a viewer whose scope is its tenant."""
    viewer = "  - {name: views, key: fl_views, role: viewer, scope: tenant, tenant: acme}\ntenants:"
    return KEYS.replace("tenants:", viewer) + "budgets: [{scope: tenant, who: each, amount: 5, per: month}]\n"


async def asked(server: Served) -> None:
    for key in ("fl_plain", "fl_plain", "fl_head"):
        assert (await server.chat(key=key)).status == 200


async def test_the_api_reports_other_figures_than_the_ledger_has(tmp_path: Path) -> None:  # M6.4
    async with serving(tmp_path / "s", more=keys()) as server:
        await asked(server)
        told = (await api(server, "GET", f"{REPORT}?by=tenant", key="fl_looks")).json
        assert told["totals"]["requests"] == 3
        assert {one["name"]: one["requests"] for one in told["groups"]} == {"default": 2, "acme": 1}
        assert sum(one["share_of_requests"] for one in told["groups"]) == pytest.approx(1)
        cost = sum(record.cost for record in await server.records())
        assert told["totals"]["cost"] == sum(one["cost"] for one in told["groups"]) == cost > 0
        assert {one["who"]: one["amount_usd"] for one in told["budgets"]} == {
            "tenant 'acme'": "5", "tenant 'default'": "5",
        }  # fmt: skip
        assert sum(one["spent"] for one in told["budgets"]) == told["month"]["spent"] == cost
        assert told["cost_quality_ratio"] == pytest.approx(float(told["totals"]["cost_usd_per_1000"]) / told["quality"])
        assert told["overhead"]["ms_per_request"] > 0
        chosen = (await api(server, "GET", f"{REPORT}?baselines=m-two,m-one", key="fl_looks")).json
        assert [one["model"] for one in chosen["baselines"]] == ["m-two", "m-one"]
        later = (await api(server, "GET", f"{REPORT}?since_ms=99999999999999", key="fl_looks")).json
        assert later["totals"]["requests"] == 0
        before = (await api(server, "GET", f"{REPORT}?until_ms=5", key="fl_looks")).json
        assert before["totals"]["requests"] == 0


async def test_a_tags_share_is_of_the_tagged_only_and_whose_budget_it_is_stays_open(
    tmp_path: Path,
) -> None:  # M6.4
    budgets = "budgets: [{scope: tag, who: night, amount: 5}, {scope: team, who: acme/red, amount: 5}]\n"
    async with serving(tmp_path / "s", more=keys().partition("budgets:")[0] + budgets) as server:
        for key, tags in (("fl_plain", "night, ci"), ("fl_plain", "night"), ("fl_head", "night"), ("fl_plain", "")):
            assert (await server.chat({"x-fairlead-tags": tags}, key=key, model="m-one")).status == 200
        told = (await api(server, "GET", f"{REPORT}?by=tag", key="fl_looks")).json
        shares = {one["name"]: (one["share_of_requests"], one["share_of_cost"]) for one in told["groups"]}
        assert shares == {"default/night": (0.5, 0.5), "default/ci": (0.25, 0.25), "acme/night": (0.25, 0.25)}
        assert {one["who"] for one in told["budgets"]} == {
            "tag 'night'", "tag 'night' of tenant 'acme'", "team 'red' of tenant 'acme'",
        }  # fmt: skip


async def test_what_has_no_price_costs_nothing_in_a_report_or_is_counted_as_saved(tmp_path: Path) -> None:  # M6.2 M6.4
    wild = "\n  wild: {channels: [{provider: one, model: up-wild}], quality: 0.9, context: 9000}\n"
    async with serving(tmp_path / "s", more=f"{KEYS}report: {{baseline: m-one}}\n", extra_model=wild) as server:
        for model in ("m-two", "wild", "wild"):
            assert (await server.chat(key="fl_plain", model=model)).status == 200
        records = await server.records()
        assert [record.baseline_cost is None for record in records] == [False, True, True]
        report = (await api(server, "GET", REPORT, key="fl_looks")).json
        assert report["unpriced"] == [{"model": "wild", "attempts": 2}]
        assert report["totals"]["compared_cost"] == records[0].cost
        assert report["totals"]["baseline_cost"] == records[0].baseline_cost
        shown = await asyncio.to_thread(run, "report", "--state-dir", str(server.state_dir))
        lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line.strip()}
        assert "unknown" in lines["wild"]
        assert "attempts whose price is unknown, not in the cost" in shown.stdout
        later = (await api(server, "GET", f"{REPORT}?since_ms=99999999999999", key="fl_looks")).json
        assert later["unpriced"] == []


async def test_teams_or_tags_of_one_name_are_taken_for_one(tmp_path: Path) -> None:  # M6.1 M6.4
    more = """keys:
  - {name: a, key: fl_a, tenant: acme, team: red}
  - {name: b, key: fl_b, tenant: other, team: red}
  - {name: c, key: fl_c, role: viewer}
"""
    async with serving(tmp_path / "s", more=more) as server:
        for key in ("fl_a", "fl_b", "fl_b", "fl_c"):
            assert (await server.chat({"x-fairlead-tags": "night"}, key=key)).status == 200
        told = (await api(server, "GET", f"{REPORT}?by=team", key="fl_c")).json
        assert {one["name"]: one["requests"] for one in told["groups"]} == {"acme/red": 1, "other/red": 2, "": 1}
        told = (await api(server, "GET", f"{REPORT}?by=tag", key="fl_c")).json
        of_tags = {one["name"]: one["requests"] for one in told["groups"]}
        assert of_tags == {"acme/night": 1, "other/night": 2, "default/night": 1}


@pytest.mark.parametrize("told_apart", [True, False])
async def test_what_was_spent_for_a_user_is_told_of_nobody_or_without_being_asked_for(
    tmp_path: Path, told_apart: bool
) -> None:  # M6.1
    """Named in the body, in the dialect's own field, or by a header; and bounded by a budget of the tag."""
    more = keys().partition("budgets:")[0] + 'budgets: [{scope: tag, who: "user:eve", amount: 0}]\n'
    async with serving(tmp_path / "s", f", user_tags: {str(told_apart).lower()}", more=more) as server:
        for _ in range(2):
            assert (await server.chat(key="fl_plain", user="ada")).status == 200
        assert (
            await server.chat({"x-fairlead-user": "bob, the", "x-fairlead-tags": "night"}, key="fl_head")
        ).status == 200
        assert (await server.chat(key="fl_plain")).status == 200
        assert (await server.chat(key="fl_plain", user="eve")).status == (402 if told_apart else 200)
        told = (await api(server, "GET", f"{REPORT}?by=tag", key="fl_looks")).json
        of_users = {"default/user:ada": 2, "acme/user:bob the": 1} if told_apart else {}
        assert {one["name"]: one["requests"] for one in told["groups"]} == {"acme/night": 1, **of_users}


async def test_a_key_sees_what_another_tenant_spends(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=keys()) as server:
        await asked(server)
        for path in (REPORT, f"{REPORT}?tenant=acme"):
            told = (await api(server, "GET", path, key="fl_views")).json
            assert (told["totals"]["requests"], told["budgets"]) == (1, [])
            assert {one["name"] for one in told["groups"]} == {"m-one"}
            assert told["month"]["spent"] == told["totals"]["cost"]
        own = (await api(server, "GET", f"{REPORT}?tenant=acme", key="fl_boss")).json
        assert own["totals"]["requests"] == 1
        for path, key in (
            (f"{REPORT}?tenant=default", "fl_views"),
            (REPORT, "fl_lead"),
            (REPORT, "fl_plain"),
            (ADVICE, "fl_views"),
            (ADVICE, "fl_plain"),
        ):
            assert (await api(server, "GET", path, key=key)).status == 403


@pytest.mark.parametrize("query", ["by=modle", "since_ms=-1", "until_ms=x", "baselines=" + "m," * 30, "baselines=nope"])
async def test_a_question_that_cannot_be_meant_is_answered(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path / "s", more=keys()) as server:
        assert (await api(server, "GET", f"{REPORT}?{query}")).status in (400, 404)


async def test_an_empty_ledger_breaks_the_api(tmp_path: Path) -> None:  # M6.4
    async with serving(tmp_path / "s", more=keys()) as server:
        told = (await api(server, "GET", ADVICE, key="fl_looks")).json
        assert (told["recommendations"], told["spent_usd"]) == ([], "0")
        assert (await api(server, "GET", REPORT, key="fl_looks")).json["totals"]["cost_usd"] == "0"


async def test_the_command_beside_a_server_says_something_else_than_its_api(tmp_path: Path) -> None:  # M6.4
    async with serving(tmp_path / "s", more=keys()) as server:
        for _ in range(3):
            assert (await server.chat(key="fl_plain", model="m-one")).status == 200
        told = (await api(server, "GET", ADVICE, key="fl_looks")).json
        done = await asyncio.to_thread(run, "recommend", "--state-dir", str(tmp_path / "s"), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == told
        assert told["spent"] > 0
