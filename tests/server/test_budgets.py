"""Budgets over the API: how each stands, and nobody sees what is another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.serving import Served, serving
from tests.server.wire import ask

PATH = "/admin/v1/budgets"
KEYS = """
keys:
  - {name: looks, key: fl_looks, role: viewer}
  - {name: test, key: fl_test, budget: {amount: 5}}
  - {name: red, key: fl_red, tenant: acme, team: red, role: viewer, scope: team}
  - {name: head, key: fl_head, tenant: acme, role: viewer, scope: tenant}
  - {name: peer, key: fl_peer, tenant: other}
tenants: {acme: {timezone: Asia/Shanghai, budget: {amount: 100, per: day, mode: soft}, teams: {red: {}, blue: {}}}}
budgets:
  - {scope: gateway, amount: 1000, per: total}
  - {scope: team, who: acme/red, amount: 20}
  - {scope: key, who: each, amount: 3, per: week}
  - {scope: model, who: m-one, amount: 50}
"""


async def seen(server: Served, key: str = "fl_looks", query: str = "") -> list[dict[str, str]]:
    response = await ask(server.port, "GET", f"{PATH}{query}", key=key)
    assert response.status == 200, response.body
    found: list[dict[str, str]] = response.json["budgets"]  # type: ignore[assignment]
    return found


async def test_a_budget_is_not_seen_or_stands_otherwise_than_it_does(tmp_path: Path) -> None:  # M6.3 M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        for key in ("fl_test", "fl_red"):
            assert (await server.chat(key=key)).status == 200
        found = await seen(server)
        assert [(one["scope"], one["tenant"], one["who"], one["per"]) for one in found] == [
            ("gateway", "", "", "total"),
            ("tenant", "acme", "acme", "day"),
            ("team", "acme", "red", "month"),
            ("key", "acme", "head", "week"),
            ("key", "acme", "red", "week"),
            ("key", "default", "looks", "week"),
            ("key", "default", "test", "month"),
            ("key", "default", "test", "week"),
            ("key", "other", "peer", "week"),
            ("model", "", "m-one", "month"),
        ]
        gateway, acme, red = found[:3]
        assert gateway == {
            "scope": "gateway", "tenant": "", "who": "", "per": "total", "mode": "hard", "amount_usd": "1000",
            "spent_usd": "0.00005", "held_usd": "0", "left_usd": "999.99995", "resets": None,
        }  # fmt: skip
        assert (acme["mode"], acme["spent_usd"], acme["resets"][10:]) == ("soft", "0.000025", "T16:00:00Z")
        assert red["resets"].endswith(("T16:00:00Z",))
        assert found[-1]["spent_usd"] == "0.00005"
        assert {one["scope"] for one in await seen(server, query="?scope=team")} == {"team"}
        assert {one["tenant"] for one in await seen(server, query="?tenant=acme")} == {"acme"}


@pytest.mark.parametrize(
    ("key", "whose"),
    [("fl_head", {"acme", "red", "head"}), ("fl_red", {"red"})],
)
async def test_a_tenants_viewer_sees_anothers_budgets(tmp_path: Path, key: str, whose: set[str]) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=KEYS) as server:
        assert {one["who"] for one in await seen(server, key)} == whose
        assert {one["tenant"] for one in await seen(server, key)} == {"acme"}
        assert (await ask(server.port, "GET", PATH, key="fl_peer")).status == 403
