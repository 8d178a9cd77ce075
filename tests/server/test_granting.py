"""Admins of a tenant or a team: what they may hand out, and that there is nothing beyond it for them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.config.load import loads
from fairlead.core.grants import excess
from fairlead.errors import BadRequest, Forbidden
from fairlead.gateway.granting import Wanted, WantedBudget, WantedLimits, granted
from fairlead.gateway.world import World, build
from fairlead.registry.catalogue import load as load_catalogue
from fairlead.server.surfaces import routes
from tests.server.serving import config, serving
from tests.server.test_keys import PATH, api, issue, later
from tests.server.wire import ask

BOUND = """
keys:
  - {name: boss, key: fl_boss, role: admin}
  - {name: head, key: fl_head, role: admin, scope: tenant, tenant: acme, models: [m-one, m-two], limits: {rpm: 100}, budget: {amount: 5, per: day}, expires: "2999-01-01"}
  - {name: lead, key: fl_lead, role: admin, scope: team, tenant: acme, team: red}
  - {name: narrow, key: fl_narrow, role: admin, scope: tenant, tenant: acme, policies: [ordered]}
  - {name: eye, key: fl_eye, role: viewer, scope: tenant, tenant: acme}
  - {name: peer, key: fl_peer, role: admin, scope: tenant, tenant: other}
  - {name: use, key: fl_use, tenant: acme}
  - {name: far, key: fl_far, tenant: other}
tenants:
  acme: {models: [m-one, m-two, same], teams: {red: {models: [m-one]}, blue: {}}}
plans: {small: {models: [m-two], max_cost: 0.1}}
"""
BEYOND = [
    {"tenant": "other"},
    {"scope": "gateway"},
    {"models": ["same"]},
    {"models": None, "tenant": "acme"},
    {"limits": {"rpm": 101}},
    {"limits": {"rpm": None}},
    {"budgets": []},
    {"budgets": [{"amount": 5.1, "per": "day"}]},
    {"budgets": [{"amount": 1, "per": "month"}]},
    {"expires": None},
    {"expires": "3999-01-01T00:00:00Z"},
]


async def test_a_tenants_admin_hands_out_what_he_has_not(tmp_path: Path) -> None:  # FAULTS 52
    async with serving(tmp_path / "s", more=BOUND) as server:
        for wanted in BEYOND:
            response = await api(server, "POST", PATH, {"name": "x", **wanted}, "fl_head")
            assert (response.status, response.error["code"]) == (403, "grant_exceeded"), (wanted, response.body)
        key_id, secret = await issue(server, by="fl_head", role="admin")
        made = (await api(server, "GET", f"{PATH}/{key_id}", key="fl_head")).json
        assert (made["tenant"], made["scope"], made["models"], made["limits"]["rpm"]) == (
            "acme", "tenant", ["m-one", "m-two"], 100,
        )  # fmt: skip
        assert made["budgets"] == [{"amount": "5", "per": "day"}]
        assert made["expires"].startswith("2999-01-02T00")
        for wanted in BEYOND[1:]:
            body = {field: value for field, value in wanted.items() if field != "tenant"}
            assert (await api(server, "PATCH", f"{PATH}/{key_id}", body, secret)).status == 403
        assert (await api(server, "POST", PATH, {"name": "y", "policies": ["balanced"]}, "fl_narrow")).status == 400
        assert (await api(server, "POST", PATH, {"name": "y", "policy": "balanced"}, "fl_narrow")).status in (400, 403)


async def test_a_lesser_admin_takes_over_a_greater_key(tmp_path: Path) -> None:  # FAULTS 52
    """Whoever may rotate a key has it."""
    async with serving(tmp_path / "s", more=BOUND) as server:
        great, _ = await issue(server, name="great", tenant="acme", role="admin")
        wide, _ = await issue(server, name="wide", tenant="acme", team="red", scope="tenant")
        own, secret = await issue(server, by="fl_head", name="own", role="admin", models=["m-one"])
        for key_id, key in ((great, "fl_head"), (wide, "fl_lead"), (great, secret)):
            for verb in ("rotate", "disable", "enable"):
                response = await api(server, "POST", f"{PATH}/{key_id}/{verb}", {}, key)
                assert (response.status, response.error["code"]) == (403, "grant_exceeded"), (verb, key)
            assert (await api(server, "DELETE", f"{PATH}/{key_id}", key=key)).status == 403
            assert (await api(server, "PATCH", f"{PATH}/{key_id}", {"limits": {"rpm": 1}}, key)).status == 403
        assert (await api(server, "POST", f"{PATH}/{own}/rotate", {}, secret)).status == 200


ROUTES = [
    ("GET", "{}"), ("PATCH", "{}"), ("DELETE", "{}"), ("POST", "{}/rotate"), ("POST", "{}/disable"), ("POST", "{}/enable"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_key_of_another_tenant_or_team_can_be_told_from_none(
    tmp_path: Path, method: str, path: str
) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=BOUND) as server:
        theirs, _ = await issue(server, tenant="acme", team="blue")
        for key in ("fl_peer", "fl_lead"):
            there = await api(server, method, f"{PATH}/{path.format(theirs)}", {}, key)
            absent = await api(server, method, f"{PATH}/{path.format('key_0000000000000000')}", {}, key)
            assert (there.status, absent.status) == (404, 404)
            assert there.error["message"].replace(theirs, "") == absent.error["message"].replace(
                "key_0000000000000000", ""
            )


async def test_lists_tell_of_another_tenant(tmp_path: Path) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=BOUND) as server:
        await issue(server, tenant="acme", team="blue", name="hidden-blue")
        await issue(server, tenant="other", name="hidden-other")
        await server.chat(key="fl_use")
        for path in (PATH, "/admin/v1/tenants", "/admin/v1/teams", "/admin/v1/audit", f"{PATH}?tenant=other"):
            for key, forbidden in (
                ("fl_head", ("other", "boss")),
                ("fl_eye", ("other", "boss")),
                ("fl_peer", ("acme", "boss")),
                ("fl_lead", ("other", "boss", "blue", "head")),
            ):
                response = await api(server, "GET", path, key=key)
                if path.endswith("audit"):
                    assert response.status == (403 if key == "fl_lead" else 200)
                    told = [{**row, "actor": ""} for row in response.json.get("acts", ())]
                else:
                    assert response.status == 200
                    told = [{**one, "creator": ""} for rows in response.json.values() for one in rows or ()]
                for word in forbidden:
                    assert word not in str(told), (path, key, word)
        mine = (await api(server, "GET", PATH, key="fl_eye")).json["keys"]
        assert "acme/hidden-blue" in [one["called"] for one in mine]


async def test_what_concerns_all_is_done_or_seen_by_a_tenants_own(tmp_path: Path) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=BOUND) as server:
        for method, path in (
            ("POST", "/admin/v1/reload"),
            ("POST", "/admin/v1/models/m-one/disable"),
            ("POST", "/admin/v1/models/m-one/enable"),
            ("GET", "/admin/v1/audit/verify"),
        ):
            response = await api(server, method, path, {} if method == "POST" else None, "fl_head")
            assert (response.status, response.error["code"]) == (403, "scope")


async def test_a_tenants_viewer_reads_another_tenants_decisions(tmp_path: Path) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=BOUND) as server:
        theirs = (await server.chat(key="fl_far")).headers["x-fairlead-request-id"]
        ours = (await server.chat(key="fl_use")).headers["x-fairlead-request-id"]
        for key, statuses in (("fl_eye", (404, 200)), ("fl_peer", (200, 404)), ("fl_boss", (200, 200))):
            found = [(await server.get(f"/v1/decisions/{one}", key)).status for one in (theirs, ours)]
            assert tuple(found) == statuses


async def test_a_decision_is_told_beyond_the_reach_of_who_asks(tmp_path: Path) -> None:  # FAULTS 51
    """A caller's is its own key's; a role that reads sees what its scope reaches."""
    async with serving(tmp_path / "s", more=BOUND) as server:
        _, red = await issue(server, tenant="acme", team="red", name="red")
        _, blue = await issue(server, tenant="acme", team="blue", name="blue")
        _, other = await issue(server, tenant="acme", team="red", name="other")
        asked = {key: (await server.chat(key=key)).headers["x-fairlead-request-id"] for key in (red, blue, "fl_far")}
        for key, statuses in {
            red: (200, 404, 404),
            blue: (404, 200, 404),
            other: (404, 404, 404),
            "fl_use": (404, 404, 404),
            "fl_lead": (200, 404, 404),
            "fl_eye": (200, 200, 404),
            "fl_peer": (404, 404, 200),
            "fl_boss": (200, 200, 200),
        }.items():
            found = [(await server.get(f"/v1/decisions/{one}", key)).status for one in asked.values()]
            assert tuple(found) == statuses, key


async def test_a_grantor_who_was_taken_back_grants_on(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=BOUND) as server:
        key_id, secret = await issue(server, name="deputy", role="admin", expires=later(days=1))
        assert (await api(server, "POST", PATH, {"name": "a"}, secret)).status == 201
        await api(server, "POST", f"{PATH}/{key_id}/disable")
        assert (await api(server, "POST", PATH, {"name": "b"}, secret)).status == 401


def world(tmp_path: Path) -> World:
    return build(loads(config(1, tmp_path / "s", more=BOUND)), load_catalogue(), b"pepper")


NAMES = st.sampled_from([None, (), ("m-one",), ("m-two",), ("m-one", "m-two"), ("same",), ("both",)])
POLICIES = st.sampled_from([None, ("ordered",), ("ordered", "balanced")])
OPEN = st.builds(
    dict,
    tenant=st.sampled_from(["acme", "other", "default"]),
    team=st.sampled_from(["", "red", "blue"]),
    role=st.sampled_from(["caller", "viewer", "operator", "admin"]),
    scope=st.sampled_from(["team", "tenant", "gateway"]),
    plan=st.sampled_from([None, "small"]),
    policy=st.sampled_from([None, "ordered", "balanced"]),
    models=NAMES,
    providers=st.sampled_from([None, ("one",), ("one", "two")]),
    policies=POLICIES,
    sensitive=st.booleans(),
    budgets=st.sampled_from([None, (WantedBudget(Decimal(1), "day"),), (WantedBudget(Decimal(9), "day"),)]),
    limits=st.builds(WantedLimits, st.sampled_from([None, 50, 100, 200])),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=OPEN, left_out=st.sets(st.sampled_from(["tenant", "team", "role", "scope", "plan", "policy", "models",
       "providers", "policies", "sensitive", "limits", "budgets"])), who=st.sampled_from(["boss", "head", "lead", "narrow", "peer"]))  # fmt: skip
def test_a_wish_comes_to_more_than_the_grantor_has(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, object], left_out: set[str], who: str
) -> None:  # FAULTS 52
    here = _worlds.setdefault("one", world(tmp_path_factory.getbasetemp()))
    own = next(one for one in here.keys.values() if one.caller.name == who)
    said = {field: value for field, value in wanted.items() if field not in left_out}
    try:
        grant = granted(Wanted(name="x", **said), own, here, 0)  # type: ignore[arg-type]
    except (BadRequest, Forbidden):
        return
    holder = here.binding.holder(grant, "new")
    assert excess(own, holder) == ""
    if own.caller.models is not None:
        assert holder.caller.models is not None
        assert holder.caller.models <= own.caller.models


_worlds: dict[str, World] = {}


async def test_a_key_without_a_role_reaches_a_route_of_the_admin_api(tmp_path: Path) -> None:  # FAULTS 51, 52
    async with serving(tmp_path / "s", more=BOUND) as server:
        for route in routes(None):
            path = route.path.replace("{id}", "key_0000000000000000").replace("{name}", "m-one")
            for key, status in (("fl_use", 403), ("fl_nobody", 401), ("", 401)):
                response = await ask(server.port, route.method, path, b"{}", {}, key)
                assert response.status == status, (route.method, path, key)


async def test_a_role_without_a_scope_reaches_beyond_what_it_names(tmp_path: Path) -> None:  # FAULTS 52
    more = f"{BOUND}  ".replace("role: viewer, scope: tenant, tenant: acme", "role: viewer, tenant: acme")
    async with serving(tmp_path / "s", more=more) as server:
        for wanted, scope in (
            ({}, "gateway"),
            ({"tenant": "acme"}, "tenant"),
            ({"tenant": "acme", "team": "red"}, "team"),
            ({"tenant": "acme", "scope": "gateway"}, "gateway"),
        ):
            key_id, _ = await issue(server, name=f"k-{scope}-{len(wanted)}", role="admin", **wanted)
            assert (await api(server, "GET", f"{PATH}/{key_id}")).json["scope"] == scope
        assert "peer" not in (await api(server, "GET", PATH, key="fl_eye")).body.decode()


async def test_some_route_tells_one_tenant_of_another(tmp_path: Path) -> None:  # FAULTS 51
    """Also those that somebody adds to the table later."""
    async with serving(tmp_path / "s", more=BOUND) as server:
        await issue(server, tenant="acme", team="blue", name="hidden-blue", budgets=[{"amount": 1}])
        await server.chat(key="fl_use", model="m-two")
        await server.running.runtime.ledger.flush()
        for route in routes(None):
            if route.method != "GET" or "{" in route.path:
                continue
            for key in ("fl_peer", "fl_far"):
                response = await api(server, "GET", route.path, key=key)
                assert response.status == (403 if key == "fl_far" or route.wide else 200), route.path
                for word in ("acme", "hidden-blue", "boss", "use"):
                    assert f'"{word}"'.encode() not in response.body, (route.path, word)
