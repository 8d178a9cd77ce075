"""Issued keys while the configuration beside them changes, and while requests are under way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from fairlead.errors import Conflict
from fairlead.gateway.granting import OWNER, Wanted
from tests.server.reloading import following
from tests.server.serving import Served, serving, soon
from tests.server.test_keys import KEYS, PATH, api, issue, later
from tests.upstream import answer

BARE = "\nkeys: [{name: boss, key: fl_boss, role: admin}%s]\n%s"


async def test_a_reload_takes_issued_keys_away_or_leaves_them_what_it_took(tmp_path: Path) -> None:  # M8.1 M8.4
    plans = BARE % ("", "plans: {small: {models: [m-two]}}\ntenants: {acme: {teams: {red: {}}}}\n")
    async with following(tmp_path, more=plans) as server:
        _, planned = await issue(server, plan="small")
        _, teamed = await issue(server, name="teamed", tenant="acme", team="red")
        _, free = await issue(server, name="free")
        steps = (
            (BARE % ("", "plans: {small: {models: [m-one]}}\ntenants: {acme: {teams: {red: {}}}}\n"), "m-one", (200, 200, 200)),
            (BARE % ("", "tenants: {acme: {teams: {blue: {}}}}\n"), "", (401, 401, 200)),
            (BARE % (", {name: free, key: fl_free}", "tenants: {acme: {sensitive: true}}\n"), "", (401, 403, 401)),
            (plans, "m-two", (200, 200, 200)),
        )  # fmt: skip
        for more, model, statuses in steps:
            assert await server.take(server.text(more))
            found = [await server.chat(key=key) for key in (planned, teamed, free)]
            assert tuple(one.status for one in found) == statuses, (more, [one.body for one in found])
            assert found[0].headers.get("x-fairlead-model", "") == model
        await server.take(server.text(BARE % (", {name: free, key: fl_free}", "")))
        states = {one["called"]: one["state"] for one in (await api(server, "GET", PATH)).json["keys"] if one["id"]}
        assert states == {
            "app": "there is no plan 'small'",
            "free": "a key of the configuration has its name",
            "acme/teamed": "in force",
        }


async def test_a_change_of_keys_breaks_what_is_under_way(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server, limits={"concurrency": 1})
        server.upstream.push("one", answer("whole", wait=0.3))
        running = asyncio.create_task(server.chat(key=secret))
        await soon(lambda: bool(server.upstream.calls))
        await api(server, "POST", f"{PATH}/{key_id}/disable")
        response = await running
        assert (response.status, b'"whole"' in response.body) == (200, True)
        await api(server, "POST", f"{PATH}/{key_id}/enable")
        assert (await server.chat(key=secret)).status == 200


async def test_requests_fail_while_keys_come_and_go(tmp_path: Path) -> None:  # M8.1 FAULTS 41
    async with serving(tmp_path / "s", more=KEYS) as server, asyncio.timeout(60):
        seen: list[int] = []
        until = asyncio.Event()

        async def asking() -> None:
            while not until.is_set():
                seen.append((await server.chat(key="fl_plain")).status)

        clients = [asyncio.create_task(asking()) for _ in range(4)]
        for number in range(20):
            key_id, secret = await issue(server, name=f"k{number}")
            await api(server, "POST", f"{PATH}/{key_id}/rotate")
            assert (await server.chat(key=secret)).status == 200
            await api(server, "DELETE", f"{PATH}/{key_id}")
            assert (await server.chat(key=secret)).status == 401
        until.set()
        await asyncio.gather(*clients)
        assert set(seen) == {200}
        found = (await api(server, "GET", "/admin/v1/audit/verify")).json
        assert (found["rows"], found["broken"]) == (60, None)


async def test_changes_at_once_lose_one_another(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, _ = await issue(server)
        asked = [
            api(server, "PATCH", f"{PATH}/{key_id}", {"limits": {field: 7}}) for field in ("rpm", "tpm", "concurrency")
        ]
        asked += [api(server, "POST", PATH, {"name": "same"}) for _ in range(5)]
        found = await asyncio.gather(*asked)
        assert sorted(one.status for one in found) == [200, 200, 200, 201, 409, 409, 409, 409]
        limits = (await api(server, "GET", f"{PATH}/{key_id}")).json["limits"]
        assert limits == {"rpm": 7, "tpm": 7, "concurrency": 7}


async def test_the_first_key_leaves_the_door_open(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more="") as server:
        assert (await server.chat(key="")).status == 200
        keyring = server.running.runtime.keyring
        key, secret = await keyring.issue(OWNER, Wanted(name="first"))
        assert [(await server.chat(key=one)).status for one in ("", secret)] == [401, 200]
        await keyring.turn_off(OWNER, key.id, True)
        assert [(await server.chat(key=one)).status for one in ("", secret)] == [401, 401]


async def test_deleting_the_last_key_lets_everybody_in(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more="") as server:
        keyring = server.running.runtime.keyring
        key, secret = await keyring.issue(OWNER, Wanted(name="only"))
        with pytest.raises(Conflict, match="delete them first"):
            await keyring.unlock(OWNER)
        await keyring.delete(OWNER, key.id)
        assert [(await server.chat(key=one)).status for one in ("", secret, "garbage")] == [401] * 3
    async with serving(tmp_path / "s", more="") as server:
        assert (await server.chat(key="")).status == 401
        await server.running.runtime.keyring.unlock(OWNER)
        assert (await server.chat(key="")).status == 200
    async with serving(tmp_path / "s", more="") as server:
        assert (await server.chat(key="")).status == 200
        key, _ = await server.running.runtime.keyring.issue(OWNER, Wanted(name="another"))
        await server.running.runtime.keyring.delete(OWNER, key.id)
        assert (await server.chat(key="")).status == 401


async def test_a_key_that_cannot_be_written_down_is_handed_out(tmp_path: Path) -> None:  # FAULTS 34
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, secret = await issue(server)
        (tmp_path / "s" / "admin.db").unlink()
        (tmp_path / "s" / "admin.db-wal").unlink(missing_ok=True)
        register = server.running.runtime.administration._register
        register.close()
        (tmp_path / "s" / "admin.db").mkdir()
        refused = await api(server, "POST", PATH, {"name": "other"})
        assert refused.status == 503
        assert (await api(server, "POST", f"{PATH}/{key_id}/disable")).status == 503
        assert (await server.chat(key=secret)).status == 200
        assert [one.id for one in server.running.runtime.keyring.all()] == [key_id]


async def test_what_is_done_to_the_configuration_is_in_no_chain(tmp_path: Path) -> None:  # M8.1 M8.4
    bare = BARE % ("", "")
    async with following(tmp_path, more=bare) as server:
        first = server.reload.state.version
        server.write(server.text(bare + "# another\n"))
        assert (await api(server, "POST", "/admin/v1/reload")).status == 200
        server.write(server.text(bare + "nonsense: 1\n"))
        assert (await api(server, "POST", "/admin/v1/reload")).status == 400
        assert (await server.reload.rollback(first, "test", OWNER.caller)).taken
        told = (await api(server, "GET", "/admin/v1/audit")).json["acts"]
        found = [(one["kind"], one["actor"]) for one in reversed(told) if one["actor"]]
        assert found == [("reloaded", "boss"), ("reload_rejected", "boss"), ("rolled_back", "owner")]
        assert all(one["subject"] == "configuration" and first in str(told) for one in told)


async def test_a_clock_that_leapt_ahead_and_came_back_has_ended_keys_for_good(tmp_path: Path) -> None:  # FAULTS 39
    async with serving(tmp_path / "s", more=KEYS) as server:
        _, secret = await issue(server, expires=later(days=10))
        keyring = server.running.runtime.keyring
        keyring.now = lambda: time.time() + 30 * 86_400
        keyring.beat(0.0)
        assert (await server.chat(key=secret)).error["code"] == "ended_api_key"
        keyring.now = time.time
        keyring.beat(0.0)
        assert (await server.chat(key=secret)).status == 200


async def test_pages_of_keys_repeat_some_or_leave_some_out(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=KEYS) as server:
        for number in range(7):
            await issue(server, name=f"k{number}", tenant="acme")
        seen: list[str] = []
        after = ""
        while True:
            page = (await api(server, "GET", f"{PATH}?limit=3&after={after}")).json
            seen += [one["called"] for one in page["keys"]]
            if page["next"] is None:
                break
            after = page["next"]
        everyone = ["boss", "op", "looks", "plain", "head", "lead", "peer", *(f"acme/k{number}" for number in range(7))]
        assert seen == sorted(everyone)
        found = (await api(server, "GET", f"{PATH}?search=K5&tenant=acme")).json["keys"]
        assert [one["called"] for one in found] == ["acme/k5"]


async def test_a_budget_of_the_configuration_goes_with_an_issued_keys_equal_one(tmp_path: Path) -> None:  # M6.3 M8.1
    budget = "budgets: [{scope: key, who: app, amount: 5, alerts: [0.8, 1.0]}]\n"
    text = BARE % (", {name: app, key: fl_app}", budget)
    async with following(tmp_path, more=BARE % ("", "")) as server:
        key_id, _ = await issue(server, budgets=[{"amount": 5, "per": "month"}])
        assert await server.take(server.text(text))
        assert caps(server) == [5_000_000_000]
        assert (await api(server, "DELETE", f"{PATH}/{key_id}")).status == 200
        assert caps(server) == [5_000_000_000]


async def test_an_issued_key_that_is_refused_bounds_a_key_of_the_configuration(tmp_path: Path) -> None:  # M8.1
    """Both have one name, and only one of them is in force."""
    text = BARE % (", {name: app, key: fl_app, limits: {rpm: 3}}", "")
    async with following(tmp_path, more=BARE % ("", "")) as server:
        key_id, secret = await issue(server, limits={"rpm": 1000}, budgets=[{"amount": 0, "per": "month"}])
        assert await server.take(server.text(text))
        assert [(await server.chat(key="fl_app")).status for _ in range(4)] == [200, 200, 200, 429]
        assert caps(server) == []
        assert (await server.chat(key=secret)).status == 401
        assert (await api(server, "POST", PATH, {"name": "app"})).status == 409
        assert await server.take(server.text(BARE % ("", "")))
        assert (await server.chat(key=secret)).status == 402
        assert (await api(server, "POST", f"{PATH}/{key_id}/disable")).status == 200


def caps(server: Served) -> list[int]:
    """What the budgets of a key come to."""
    return [one.amount for one in server.running.runtime.world.budgets if one.scope == "key"]
