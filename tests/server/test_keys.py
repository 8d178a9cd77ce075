"""Issued keys over the API: made, shown once, narrowed, rotated, taken back, and gone at once for whoever uses them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from fairlead.core.grants import ROLES
from fairlead.gateway.granting import OWNER
from fairlead.gateway.minting import DIGITS, malformed, mint
from fairlead.store.keys import FILE
from tests.server.serving import Served, serving
from tests.server.wire import Response, ask

KEYS = """
keys:
  - {name: boss, key: fl_boss, role: admin}
  - {name: op, key: fl_op, role: operator}
  - {name: looks, key: fl_looks, role: viewer}
  - {name: plain, key: fl_plain}
  - {name: head, key: fl_head, role: admin, scope: tenant, tenant: acme}
  - {name: lead, key: fl_lead, role: admin, scope: team, tenant: acme, team: red}
  - {name: peer, key: fl_peer, role: admin, scope: tenant, tenant: other}
tenants:
  acme: {models: [m-one, m-two], teams: {red: {models: [m-one]}, blue: {}}}
plans: {small: {models: [m-two]}}
"""
PATH = "/admin/v1/keys"


async def api(server: Served, method: str, path: str, body: object = None, key: str = "fl_boss") -> Response:
    said = b"" if body is None else json.dumps(body).encode()
    return await ask(server.port, method, path, said, {}, key)


async def issue(server: Served, by: str = "fl_boss", **wanted: object) -> tuple[str, str]:
    """(id, secret)"""
    response = await api(server, "POST", PATH, {"name": "app", **wanted}, by)
    assert response.status == 201, response.body
    return response.json["about"]["id"], response.json["key"]


def later(**distance: float) -> str:
    return (datetime.now(UTC) + timedelta(**distance)).isoformat()


async def test_an_issued_key_does_not_open_or_its_secret_is_kept(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server)
        assert (await server.chat(key=secret)).status == 200
        shown = (await api(server, "GET", f"{PATH}/{key_id}", key="fl_looks")).json
        assert (shown["state"], shown["prefix"], shown["creator"]) == ("in force", secret[:9], "boss")
        listed = await api(server, "GET", PATH)
        assert secret.encode() not in listed.body
        assert [one["called"] for one in listed.json["keys"]][:2] == ["app", "boss"]
        assert (await server.records())[-1].key == "app"
    async with serving(tmp_path / "s", more=KEYS) as server:
        assert (await server.chat(key=secret)).status == 200


async def test_a_key_taken_back_goes_on_over_an_open_connection(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server)
        request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % secret.encode()
        async with server.client() as client:
            for verb, status in (("", 200), ("disable", 401), ("enable", 200)):
                if verb:
                    assert (await api(server, "POST", f"{PATH}/{key_id}/{verb}")).status == 200
                client.send(request)
                response = await client.response()
                assert response.status == status
            assert (await api(server, "DELETE", f"{PATH}/{key_id}")).json == {
                "id": key_id,
                "deleted": True,
                "shut": False,
            }
            client.send(request)
            assert (await client.response()).status == 401
        assert (await api(server, "GET", f"{PATH}/{key_id}")).error["code"] == "key_not_found"


async def test_a_key_outlives_its_time(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        _, secret = await issue(server, expires=later(seconds=0.4))
        request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % secret.encode()
        async with server.client() as client:
            client.send(request)
            assert (await client.response()).status == 200
            await asyncio.sleep(0.6)
            client.send(request)
            response = await client.response()
        assert (response.status, response.error["code"]) == (401, "ended_api_key")
        assert "expired" in response.error["message"]


async def test_a_rotated_secret_ends_too_early_or_never(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, first = await issue(server)
        rotated = await api(server, "POST", f"{PATH}/{key_id}/rotate", {"overlap_seconds": 0.5})
        second = rotated.json["key"]
        assert [one["prefix"] for one in rotated.json["about"]["former"]] == [first[:9]]
        assert [(await server.chat(key=one)).status for one in (first, second)] == [200, 200]
        await asyncio.sleep(0.7)
        assert [(await server.chat(key=one)).status for one in (first, second)] == [401, 200]
        third = (await api(server, "POST", f"{PATH}/{key_id}/rotate", {"overlap_seconds": 0})).json["key"]
        assert [(await server.chat(key=one)).status for one in (second, third)] == [401, 200]
        assert (await server.records())[-1].key == "app"


async def test_a_key_of_the_file_outlives_its_day(tmp_path: Path) -> None:  # M8.1
    more = f"{KEYS}"[:-1].replace("{name: plain, key: fl_plain}", '{name: plain, key: fl_plain, expires: "2020-01-31"}')
    async with serving(tmp_path / "s", more=more) as server:
        assert (await server.chat(key="fl_plain")).error["code"] == "ended_api_key"


async def test_what_a_key_is_bound_to_is_lost_with_a_reload_or_a_change(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server, models=["m-two"], limits={"rpm": 3})
        for asked in ("m-one", "m-two"):
            assert (await server.chat(key=secret, model=asked)).headers["x-fairlead-model"] == "m-two"
        runtime = server.running.runtime
        await runtime.turn_to(runtime.world)
        assert (await server.chat(key=secret, model="m-two")).status == 200
        assert (await server.chat(key=secret, model="m-two")).status == 429
        changed = await api(server, "PATCH", f"{PATH}/{key_id}", {"models": None, "limits": {"rpm": None}})
        assert (changed.status, changed.json["models"]) == (200, None)
        assert (await server.chat(key=secret)).headers["x-fairlead-model"] == "m-one"
        assert (await api(server, "PATCH", f"{PATH}/{key_id}", {"tenant": "acme"})).status == 400


async def test_a_damaged_key_is_looked_up(tmp_path: Path) -> None:  # FAULTS 60
    whole = mint()
    other = "x" if whole[20] != "x" else "y"
    broken = [whole[:-1], whole + "a", whole[:20] + other + whole[21:], whole[:20] + "-" + whole[21:], "fl_"]
    assert not malformed(whole.encode())
    assert all(malformed(key.encode()) for key in broken)
    assert not malformed(b"sk-something")
    more = "\nkeys: [{name: own, key: sk-own-key}]\n"
    async with serving(tmp_path / "s", more=more) as server:
        for key in broken:
            response = await server.chat(key=key)
            assert (response.status, response.error["code"]) == (401, "malformed_api_key")
            assert key not in response.error["message"]
        assert (await server.chat(key=whole)).error["code"] == "invalid_api_key"


def test_keys_repeat_themselves_or_have_less_in_them_than_they_should() -> None:
    keys = [mint() for _ in range(300)]
    assert {len(key) for key in keys} == {52}
    assert len(set(keys)) == 300
    assert {letter for key in keys for letter in key[3:46]} == set(DIGITS)


async def test_two_keys_of_a_tenant_have_one_name_or_two_tenants_may_not_share_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=KEYS) as server:
        await issue(server)
        again = await api(server, "POST", PATH, {"name": "app"})
        assert (again.status, again.error["code"]) == (409, "key_exists")
        assert (await api(server, "POST", PATH, {"name": "boss"})).status == 409
        _, secret = await issue(server, by="fl_head")
        await server.chat(key=secret)
        assert [(one.key, one.tenant) for one in await server.records()] == [("acme/app", "acme")]


async def test_an_issued_key_spends_more_than_its_budget(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server, budgets=[{"amount": "0.000000001", "per": "day"}], models=["m-one"])
        refused = await server.chat(key=secret)
        assert (refused.status, server.upstream.seats) == (402, [])
        await api(server, "PATCH", f"{PATH}/{key_id}", {"budgets": [{"amount": 1, "per": "day"}]})
        assert (await server.chat(key=secret)).status == 200
        shown = (await api(server, "GET", f"{PATH}/{key_id}")).json
        assert shown["budgets"] == [{"amount": "1", "per": "day"}]
        assert (await server.chat(key="fl_plain")).status == 200


async def test_a_budget_given_later_forgets_what_was_spent_before(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server, models=["m-one"])
        assert (await server.chat(key=secret)).status == 200
        cost = (await server.records())[-1].cost
        budget = [{"amount": f"{cost * 1e-9:.9f}", "per": "total"}]
        await api(server, "PATCH", f"{PATH}/{key_id}", {"budgets": budget})
        assert (await server.chat(key=secret)).status == 402
    async with serving(tmp_path / "s", more=KEYS) as server:
        assert (await server.chat(key=secret)).status == 402


WRONG = [
    ({"name": "x", "budgets": [{"amount": -1}]}, 400, "budgets"),
    ({"name": "x", "budgets": [{"amount": "NaN"}]}, 400, "budgets"),
    ({"name": "x", "budgets": [{"amount": 1e-10}]}, 400, "budgets"),
    ({"name": "x", "budgets": [{"amount": 1, "per": "hour"}]}, 400, "budgets[0].per"),
    ({}, 400, "name"),
    ({"name": "fl_abcdef123"}, 400, "name"),
    ({"name": "a b"}, 400, "name"),
    ({"name": "a\n"}, 400, "name"),
    ({"name": "a/b"}, 400, "name"),
    ({"name": "x", "models": ["m-three"]}, 400, "models"),
    ({"name": "x", "plan": "none"}, 400, None),
    ({"name": "x", "policy": "none"}, 400, None),
    ({"name": "x", "strategies": ["none"]}, 400, "strategies"),
    ({"name": "x", "providers": ["none"]}, 400, "providers"),
    ({"name": "x", "policies": ["frugal"]}, 400, None),
    ({"name": "x", "policies": ["cost_first"]}, 400, None),
    ({"name": "x", "tenant": "acme", "team": "green"}, 400, None),
    ({"name": "x", "tenant": "' OR 1=1 --"}, 400, "tenant"),
    ({"name": "x", "scope": "team"}, 400, "team"),
    ({"name": "x", "role": "root"}, 400, "role"),
    ({"name": "x", "expires": "2030-01-01T00:00:00"}, 400, "expires"),
    ({"name": "x", "limits": {"rpm": 0}}, 400, "limits.rpm"),
    ({"name": "x", "key": "mine"}, 400, "key"),
]


async def test_a_key_nobody_could_use_is_issued(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=KEYS) as server:
        for wanted, status, param in WRONG:
            response = await api(server, "POST", PATH, wanted)
            assert (response.status, response.error["param"]) == (status, param), (wanted, response.body)
        assert server.running.runtime.keyring.all() == []


@pytest.mark.parametrize("key", ["fl_plain", "fl_looks", "fl_op"])
async def test_a_lesser_role_changes_keys(tmp_path: Path, key: str) -> None:  # FAULTS 52
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, _ = await issue(server)
        for method, path in (
            ("POST", PATH), ("PATCH", f"{PATH}/{key_id}"), ("DELETE", f"{PATH}/{key_id}"),
            ("POST", f"{PATH}/{key_id}/rotate"), ("POST", f"{PATH}/{key_id}/disable"),
        ):  # fmt: skip
            response = await api(server, method, path, {}, key)
            assert (response.status, response.error["code"]) == (403, "role")
        assert (await api(server, "GET", PATH, key=key)).status == (403 if key == "fl_plain" else 200)
    assert ROLES[0] == "caller"


@pytest.mark.parametrize("when", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"])
async def test_an_end_beyond_all_dates_is_kept(tmp_path: Path, when: str) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        refused = await api(server, "POST", PATH, {"name": "far", "expires": when})
        assert (refused.status, refused.error["param"]) == (400, "expires")
        key_id, _ = await issue(server, expires="9999-12-31T23:59:59Z")
        assert (await api(server, "PATCH", f"{PATH}/{key_id}", {"expires": when})).status == 400
        assert (await api(server, "GET", f"{PATH}/{key_id}")).json["expires"] == "9999-12-31T23:59:59Z"


async def test_an_end_that_no_date_can_tell_hides_all_keys(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, _ = await issue(server)
        keyring = server.running.runtime.keyring
        kept = keyring._keys[key_id]
        far = msgspec.structs.replace(kept, grant=msgspec.structs.replace(kept.grant, expires_ms=253_402_387_139_000))
        await keyring._put(far, "key_changed", OWNER, "")
    async with serving(tmp_path / "s", more=KEYS) as server:
        listed = await api(server, "GET", PATH)
        assert listed.status == 200
        assert [one["expires"] for one in listed.json["keys"] if one["id"]] == ["9999-12-31T23:59:59.999000Z"]


async def test_a_key_that_was_written_into_the_file_opens(tmp_path: Path) -> None:  # M8.1
    """A row of another state directory, with the same pepper: nobody here granted it, so nobody takes it."""
    pepper = KEYS + "\n"
    settings = ", pepper: the-same-pepper-everywhere"
    async with serving(tmp_path / "a", server=settings, more=pepper) as other:
        _, foreign = await issue(other, name="foreign", role="admin")
    async with serving(tmp_path / "b", server=settings, more=pepper) as server:
        own_id, own = await issue(server, name="own")
    with closing(sqlite3.connect(tmp_path / "b" / FILE)) as connection, connection:
        connection.execute("ATTACH ? AS other", (str(tmp_path / "a" / FILE),))
        connection.execute("INSERT INTO keys SELECT * FROM other.keys")
    async with serving(tmp_path / "b", server=settings, more=pepper) as server:
        refused = await server.chat(key=foreign)
        assert (refused.status, refused.error["code"]) == (401, "ended_api_key")
        assert (await server.chat(key=own)).status == 200
        listed = {one["name"]: one for one in (await api(server, "GET", PATH)).json["keys"]}
        assert (listed["own"]["state"], listed["foreign"]["state"]) == (
            "in force",
            "no row of the audit log tells of it",
        )
        checked = (await api(server, "GET", "/admin/v1/audit/verify")).json
        assert checked["found"] == [f"key {listed['foreign']['id']}: no row of the audit log tells of it"]
        # Who may takes it over, by a change that is told of; then it is one like others.
        assert (await api(server, "POST", f"{PATH}/{listed['foreign']['id']}/enable")).status == 200
        assert (await server.chat(key=foreign)).status == 200
        assert (await api(server, "GET", "/admin/v1/audit/verify")).json["found"] == []
        assert (await api(server, "GET", f"{PATH}/{own_id}")).json["state"] == "in force"


async def test_a_team_without_its_tenant_lifts_the_teams_bounds(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        refused = await api(server, "POST", PATH, {"name": "app", "team": "red"})
        assert (refused.status, refused.error["code"]) == (400, "invalid_grant")
        assert "tenant 'default' has no team 'red', did you mean tenant 'acme'?" in refused.error["message"]
        elsewhere = await api(server, "POST", PATH, {"name": "app", "tenant": "acmee", "team": "red"})
        assert (elsewhere.status, elsewhere.error["code"]) == (400, "invalid_grant")
        own = await api(server, "POST", PATH, {"name": "app", "tenant": "other", "team": "red"}, "fl_peer")
        assert (own.status, own.json["notes"]) == (201, [])


async def test_a_slip_in_the_tenant_of_a_new_key_is_passed_in_silence(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        made = await api(server, "POST", PATH, {"name": "app", "tenant": "acmee"})
        assert made.json["notes"] == [
            "tenant: 'acmee' is not declared under tenants, so nothing binds it, did you mean 'acme'?"
        ]
        assert (await api(server, "POST", PATH, {"name": "app", "tenant": "acme"})).json["notes"] == []


async def test_a_key_is_issued_that_has_expired_already(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        refused = await api(server, "POST", PATH, {"name": "app", "expires": "2020-01-01T00:00:00Z"})
        assert (refused.status, refused.error["param"]) == (400, "expires")
        assert refused.error["message"] == "expires has passed already: 2020-01-01T00:00:00Z."
        assert "app" not in [one["name"] for one in (await api(server, "GET", PATH)).json["keys"]]
