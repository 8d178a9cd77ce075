"""Keys that go back to one whose budget is its own: all of them together spend no more than it may, however many there are,
whatever becomes of them, and over a restart."""

from __future__ import annotations

from pathlib import Path

from tests.server.serving import Served, serving
from tests.server.test_keys import PATH, api, issue
from tests.upstream import answer

KEYS = """
keys:
  - {name: boss, key: fl_boss, role: admin}
  - {name: head, key: fl_head, role: admin, scope: tenant, tenant: acme, budget: {amount: 0.0037, per: total}}
"""


async def asked(server: Served, key: str) -> int:
    server.upstream.push("one", answer("word " * 600, (6, 600)))
    return (await server.chat(key=key, max_tokens=600)).status


async def test_several_keys_spend_more_than_who_granted_them(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        made = [await issue(server, "fl_head", name=f"app{number}") for number in range(4)]
        assert [await asked(server, key) for _, key in made] == [200, 200, 200, 402]
        refused = await server.chat(key="fl_head", max_tokens=600)
        assert "key 'head' with all keys it granted" in refused.error["message"]
        # Not a new one either, nor one that is granted by a granted one.
        await api(server, "DELETE", f"{PATH}/{made[0][0]}", key="fl_head")
        _, deputy = await issue(server, "fl_head", name="deputy", role="admin", scope="tenant")
        _, hand = await issue(server, deputy, name="hand")
        assert [await asked(server, key) for key in (deputy, hand)] == [402, 402]
        lines = (await api(server, "GET", "/admin/v1/budgets?scope=key")).json["budgets"]
        (line,) = [one for one in lines if one["who"] == "head/*"]
        assert (line["spent_usd"], line["held_usd"]) == ("0.003618", "0")
    async with serving(tmp_path / "s", more=KEYS) as server:
        _, late = await issue(server, "fl_head", name="late")
        assert [await asked(server, key) for key in (late, hand)] == [402, 402]
    async with serving(tmp_path / "s", more=KEYS.replace("0.0037", "0.005")) as server:
        assert [await asked(server, key) for key in (hand, late)] == [200, 402]


async def test_each_keys_budget_becomes_one_for_all_that_somebody_granted(tmp_path: Path) -> None:  # M8.1
    """A budget of each key is each key's, also of those that one of them granted; so is what the owner grants."""
    more = KEYS + "budgets: [{scope: key, who: each, amount: 0.0013, per: total}]\n"
    async with serving(tmp_path / "s", more=more) as server:
        made = [await issue(server, "fl_boss", name=f"app{number}") for number in range(3)]
        assert [await asked(server, key) for _, key in made] == [200, 200, 200]
        assert await asked(server, "fl_boss") == 200
        assert [await asked(server, key) for _, key in made] == [402, 402, 402]
        lines = (await api(server, "GET", "/admin/v1/budgets?scope=key")).json["budgets"]
        assert {one["who"] for one in lines if one["spent_usd"] == "0.001206"} == {"app0", "app1", "app2", "boss"}


async def test_a_plan_is_multiplied_by_granting_keys_of_it(tmp_path: Path) -> None:  # M8.1
    more = """
plans: {small: {budget: {amount: 0.0025, per: total}}}
keys:
  - {name: boss, key: fl_boss, role: admin}
  - {name: head, key: fl_head, role: admin, scope: tenant, tenant: acme, plan: small}
"""
    async with serving(tmp_path / "s", more=more) as server:
        made = [await issue(server, "fl_head", name=f"app{number}") for number in range(3)]
        assert [await asked(server, key) for _, key in made] == [200, 200, 402]
        # Who has no such budget grants keys that have one each.
        given = [await issue(server, "fl_boss", name=f"own{number}", plan="small") for number in range(3)]
        assert [await asked(server, key) for _, key in given] == [200, 200, 200]
