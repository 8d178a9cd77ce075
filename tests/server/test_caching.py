"""`/admin/v1/cache`: what is told of the caches and who is told it; what is erased, and who may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import Served, rows, serving
from tests.server.wire import Response, ask

PATH = "/admin/v1/cache"
ROLES = """
keys:
  - {name: test, key: fl_test}
  - {name: other, key: fl_other, tenant: others}
  - {name: op, key: fl_op, role: operator}
  - {name: looks, key: fl_looks, role: viewer}
  - {name: theirs, key: fl_theirs, role: operator, tenant: others, scope: tenant}
"""
CACHE = "cache: {exact: {enabled: true}}\n"
DISK = "cache: {exact: {enabled: true, keep: disk}}\n"


async def told(server: Served, key: str = "fl_looks", query: str = "", path: str = PATH) -> Any:
    response = await ask(server.port, "GET", path + query, b"", {}, key)
    return json.loads(response.body) if response.status == 200 else response.status


async def clear(server: Served, query: str = "", key: str = "fl_op") -> Response:
    return await ask(server.port, "DELETE", PATH + query, b"", {}, key)


async def fill(server: Served) -> None:
    for key in ("fl_test", "fl_other"):
        for headers in ({}, {"x-fairlead-user": "anna"}):
            for _ in range(2):
                await server.chat(headers, key=key)


async def test_what_the_cache_did_is_not_told(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=ROLES + CACHE) as server:
        await fill(server)
        await server.chat({"x-fairlead-cache": "off"})
        found = await told(server)
        assert (found["enabled"], found["keep"], found["hits"], found["misses"], found["bypassed"]) == (
            True, "memory", 4, 4, 1,
        )  # fmt: skip
        assert found["models"] == [{"model": "m-one", "exact": 4, "semantic": 0, "kept": 4}]
        assert [(one["tenant"], one["exact"]) for one in found["tenants"]] == [("default", 2), ("others", 2)]
        assert all(one["bytes"] > 500 for one in found["tenants"])
        one = await told(server, query="?tenant=others")
        assert (one["hits"], one["misses"], one["bypassed"]) == (2, 2, 0)
        assert [held["tenant"] for held in one["tenants"]] == ["others"]


async def test_a_tenants_key_sees_or_erases_what_is_anothers(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=ROLES + CACHE) as server:
        await fill(server)
        assert [one["tenant"] for one in (await told(server, "fl_theirs"))["tenants"]] == ["others"]
        assert await told(server, "fl_theirs", "?tenant=default") == 403
        assert (await clear(server, "?tenant=default", "fl_theirs")).status == 403
        assert (await clear(server, "", "fl_theirs")).json == {"answers": 2}
        assert [one["tenant"] for one in (await told(server))["tenants"]] == ["default"]


@pytest.mark.parametrize("key", ["fl_looks", "fl_test"])
async def test_who_may_only_look_erases(tmp_path: Path, key: str) -> None:
    async with serving(tmp_path / "s", more=ROLES + CACHE) as server:
        await server.chat()
        assert (await clear(server, "", key)).status == 403
        assert await told(server, "fl_test") == 403
        assert (await server.chat()).headers["x-fairlead-cache"] == "hit-exact"


@pytest.mark.parametrize(
    ("query", "count", "left"),
    [
        ("", 4, 0),
        ("?tenant=others", 2, 2),
        ("?tenant=default&user=anna", 1, 3),
        ("?user=anna", 2, 2),
        ("?user=b", 0, 4),
    ],
)
@pytest.mark.parametrize("place", [CACHE, DISK])
async def test_more_or_less_is_erased_than_was_asked(
    tmp_path: Path, place: str, query: str, count: int, left: int
) -> None:
    async with serving(tmp_path / "s", more=ROLES + place) as server:
        await fill(server)
        assert (await clear(server, query)).json == {"answers": count}
        assert sum(one["exact"] for one in (await told(server))["tenants"]) == left
        await server.running.runtime.ledger.flush()
        audited = rows(server.state_dir, "SELECT key, detail FROM audit WHERE kind = 'cache_cleared'")
        assert len(audited) == 1
        assert audited[0][0] == "op"
        assert "anna" not in str(audited[0][1]), "no user is named in the ledger"
        assert ("tenant" in query) == str(audited[0][1]).startswith("tenant ")
    if place == DISK:
        async with serving(tmp_path / "s", more=ROLES + place) as server:
            assert sum(one["exact"] for one in (await told(server))["tenants"]) == left


async def test_what_an_earlier_configuration_kept_cannot_be_erased(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=ROLES + DISK) as server:
        await fill(server)
    async with serving(tmp_path / "s", more=ROLES) as server:
        assert (await told(server))["enabled"] is False
        assert (await clear(server, "?tenant=others")).json == {"answers": 2}
        assert (await clear(server)).json == {"answers": 2}
        assert (await clear(server)).json == {"answers": 0}


async def test_a_report_does_not_add_up_with_answers_given_again(tmp_path: Path) -> None:  # M6.3
    async with serving(tmp_path / "s", more=ROLES + CACHE) as server:
        await fill(server)
        found = await told(server, path="/admin/v1/report")
        once = (await server.records())[0].cost
        assert found["totals"]["requests"] == 8
        assert found["totals"]["cost"] == 4 * once
        assert found["given_again"]["hits"] == 4
        assert found["given_again"]["saved"] == 4 * once
        assert sum(group["requests"] for group in found["groups"]) == 8
        assert found["totals"]["saving"] == 0.5
        mine = await told(server, "fl_theirs", path="/admin/v1/report")
        assert mine["given_again"]["hits"] == 2


async def test_a_decision_does_not_tell_whose_answer_it_was(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=ROLES + CACHE) as server:
        first, again = [await server.chat() for _ in range(2)]
        made = json.loads((await server.get(f"/v1/decisions/{again.headers['x-fairlead-request-id']}")).body)
        assert made["reuse"]["request"] == first.headers["x-fairlead-request-id"]
        assert made["attempts"] == []
