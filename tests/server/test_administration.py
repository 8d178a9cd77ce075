"""The admin API as a whole: described truly, every act in the chain, and no secret of a key anywhere but in one answer."""

from __future__ import annotations

import gc
import json
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.gateway.minting import mint
from fairlead.gateway.world import digest
from fairlead.server.admin import ROOT
from fairlead.server.app import App
from fairlead.server.surfaces import routes
from fairlead.store.keys import FILE, HEAD
from tests.cli.command import run
from tests.server.reloading import following
from tests.server.serving import Served, serving
from tests.server.test_keys import KEYS, PATH, api, issue
from tests.server.wire import ask

SCHEMA = {"$ref", "type", "properties", "required", "items", "anyOf", "enum", "title", "description", "default",
          "additionalProperties", "minLength", "maxLength", "maxItems", "minimum", "maximum", "exclusiveMinimum",
          "format", "const", "prefixItems", "minItems", "uniqueItems"}  # fmt: skip


async def described(server: Served) -> dict[str, Any]:
    response = await api(server, "GET", f"{ROOT}openapi.json")
    assert response.status == 200
    found = response.json
    assert isinstance(found, dict)
    return found


async def test_the_description_is_no_openapi(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        told = await described(server)
        assert (told["openapi"], told["info"]["title"]) == ("3.1.0", "fairlead admin API")
        ids = []
        for path, operations in told["paths"].items():
            assert path.startswith(ROOT)
            for method, one in operations.items():
                assert method in ("get", "post", "patch", "delete")
                ids.append(one["operationId"])
                assert one["summary"].endswith(".")
                named = set(re.findall(r"{(\w+)}", path))
                assert named == {each["name"] for each in one["parameters"] if each["in"] == "path"}
                assert {"default"} < one["responses"].keys()
                assert all(answer["description"] for answer in one["responses"].values())
                assert ("requestBody" in one) <= (method in ("post", "patch"))
        assert len(ids) == len(set(ids)) > 15
        schemas = told["components"]["schemas"]
        used = set(re.findall(r'"#/components/schemas/([\w.]+)"', json.dumps(told)))
        assert used == schemas.keys()
        for schema in schemas.values():
            check(schema)


def check(schema: Any) -> None:
    """Every word of it is one of JSON Schema's."""
    assert isinstance(schema, dict)
    assert schema.keys() <= SCHEMA, schema.keys() - SCHEMA
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            check(schema[word])
    for one in (*schema.get("anyOf", ()), *schema.get("properties", {}).values()):
        check(one)


async def test_a_route_is_not_described_or_a_described_one_is_not_there(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        told = await described(server)
        app = server.running.app
        assert isinstance(app, App)
        there = {
            (path, method) for path, methods in app.surfaces.items() for method in methods if path.startswith(ROOT)
        }
        under = {(prefix, method) for prefix, methods in app.prefixes for method in methods if prefix.startswith(ROOT)}
        listed = {(path, method.upper()) for path, operations in told["paths"].items() for method in operations}
        assert {one for one in listed if "{" not in one[0]} == there
        assert {(path.partition("{")[0], method) for path, method in listed if "{" in path} == under
        assert {(route.path, route.method) for route in routes(None)} == listed
        for path, method in listed:
            real = path.replace("{id}", "key_0").replace("{name}", "m-one")
            response = await api(server, method, real, {})
            assert response.status not in (405, 500), (method, path, response.body)
            assert b"unknown_path" not in response.body


async def test_an_act_is_not_in_the_chain(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, _ = await issue(server)
        await api(server, "PATCH", f"{PATH}/{key_id}", {"team": "any"})
        await api(server, "POST", f"{PATH}/{key_id}/rotate")
        await api(server, "POST", f"{PATH}/{key_id}/disable")
        await api(server, "POST", f"{PATH}/{key_id}/enable")
        await api(server, "POST", f"{ROOT}models/m-one/disable", {"seconds": 60}, "fl_op")
        await api(server, "POST", f"{ROOT}models/m-one/enable", {}, "fl_op")
        await api(server, "DELETE", f"{PATH}/{key_id}")
        await api(server, "POST", PATH, {"name": "app", "models": ["none"]})
        told = (await api(server, "GET", f"{ROOT}audit", key="fl_looks")).json["acts"]
        assert [(one["kind"], one["actor"]) for one in reversed(told)] == [
            ("key_issued", "boss"), ("key_changed", "boss"), ("key_rotated", "boss"), ("key_disabled", "boss"),
            ("key_enabled", "boss"), ("switched_off", "op"), ("switched_on", "op"), ("key_deleted", "boss"),
        ]  # fmt: skip
        assert [one["seq"] for one in told] == list(range(8, 0, -1))
        page = (await api(server, "GET", f"{ROOT}audit?limit=3&before=6")).json
        assert ([one["seq"] for one in page["acts"]], page["next"]) == ([5, 4, 3], 3)
        for query in ("limit=x", "limit=1001", "before=-1", "limit=%D9%A3"):
            assert (await api(server, "GET", f"{ROOT}audit?{query}")).status == 400
        found = (await api(server, "GET", f"{ROOT}audit/verify")).json
        assert (found["rows"], found["broken"]) == (8, None)


ACTS: dict[tuple[str, str], tuple[object, str]] = {
    ("POST", "keys"): ({"name": "other"}, "key_issued"),
    ("PATCH", "keys/{id}"): ({"limits": {"rpm": 5}}, "key_changed"),
    ("POST", "keys/{id}/rotate"): ({}, "key_rotated"),
    ("POST", "keys/{id}/disable"): (None, "key_disabled"),
    ("POST", "keys/{id}/enable"): (None, "key_enabled"),
    ("DELETE", "keys/{id}"): (None, "key_deleted"),
    ("DELETE", "cache"): (None, "cache_cleared"),
    ("POST", "erase"): ({"user": "ada"}, "erased"),
    ("POST", "bench"): ({"models": ["m-one"], "tasks": ["math"]}, "bench_run"),
    ("POST", "reload"): (None, "reloaded"),
    ("POST", "config/rollback"): ({"version": "before"}, "rolled_back"),
    ("POST", "models/{name}/disable"): ({"seconds": 60}, "switched_off"),
    ("POST", "models/{name}/enable"): (None, "switched_on"),
}
"""What each of the admin API's doors is asked, and the act that it is. The door for requests without a key has its own test."""


async def test_somebody_changes_something_and_no_act_tells_of_it(tmp_path: Path) -> None:  # M8.1
    async with following(tmp_path, more=KEYS) as server:
        doing = {(route.method, route.path.removeprefix(ROOT)) for route in routes(None) if route.method != "GET"}
        assert doing == {*ACTS, ("POST", "door/open")}
        key_id, _ = await issue(server)
        before = (await api(server, "GET", f"{ROOT}config")).json["version"]
        server.write(server.text(f"{KEYS}report: {{baseline: m-one}}\n"))
        for (method, path), (said, kind) in ACTS.items():
            real = path.replace("{id}", key_id).replace("{name}", "m-one")
            said = {"version": before} if kind == "rolled_back" else said
            done = await api(server, method, ROOT + real, said)
            assert done.status < 300, (path, done.body)
            told = (await api(server, "GET", f"{ROOT}audit?limit=1")).json["acts"]
            assert [(one["kind"], one["actor"]) for one in told] == [(kind, "boss")], path


async def test_the_ledger_knows_no_head_of_the_chain(tmp_path: Path) -> None:  # M8.1
    state = tmp_path / "s"
    async with serving(state, more=KEYS) as server:
        for name in ("a", "b", "c"):
            await issue(server, name=name)
    with closing(sqlite3.connect(state / FILE)) as connection:
        connection.executescript("DROP TRIGGER acts_stay; DELETE FROM acts WHERE seq > 1")
    (state / HEAD).unlink()
    async with serving(state, more=KEYS) as server:
        found = (await api(server, "GET", f"{ROOT}audit/verify")).json
        assert (found["broken"], found["why"]) == (2, "the chain ends with row 1; the ledger tells of row 2")


HOSTILE = ["' OR '1'='1", "%", "_", "\\", "*", "fl_%", "'; DROP TABLE keys; --", "[a-z]", '" OR ""="']


async def test_what_looks_like_sql_finds_or_does_something(tmp_path: Path) -> None:  # FAULTS 56
    from urllib.parse import quote

    async with serving(tmp_path / "s", more=KEYS) as server:
        key_id, _ = await issue(server)
        for text in HOSTILE:
            for headers in ({"Authorization": f"Bearer {text}"}, {"x-api-key": text}):
                response = await ask(server.port, "GET", "/v1/models", headers=headers, key="")
                assert response.status == 401
            asked = quote(text, safe="")
            for query in ("search", "tenant", "team"):
                assert (await api(server, "GET", f"{PATH}?{query}={asked}")).json["keys"] == [], (query, text)
            for query in ("kind", "actor", "tenant", *(() if text == "_" else ("search",))):
                assert (await api(server, "GET", f"{ROOT}audit?{query}={asked}")).json["acts"] == [], (query, text)
            assert (await api(server, "GET", f"{PATH}/{asked}")).status == 404
            assert (await api(server, "DELETE", f"{PATH}/{asked}")).status == 404
        assert (await api(server, "GET", f"{PATH}/{key_id}")).status == 200


def everything(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())


async def test_a_secret_is_found_where_it_should_not_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # FAULTS 50
    caplog.set_level(logging.DEBUG)
    state, secrets, said = tmp_path / "s", [], b""
    async with serving(state, more=KEYS) as server:
        key_id, first = await issue(server)
        second = (await api(server, "POST", f"{PATH}/{key_id}/rotate")).json["key"]
        secrets += [first, second]
        for secret in secrets:
            await server.chat(key=secret)
            await server.chat(key=secret, model=secret)
            await server.chat({"x-fairlead-policy": secret}, key=secret)
        await api(server, "POST", f"{PATH}/{key_id}/disable")
        for secret in (*secrets, first[:-1] + ("a" if first[-1] != "a" else "b")):
            said += (await server.chat(key=secret)).body
        for path in (PATH, f"{PATH}/{key_id}", f"{ROOT}audit", f"{ROOT}tenants"):
            said += (await api(server, "GET", path)).body
        said += (await api(server, "POST", PATH, {"name": "app"})).body
    kept = everything(state)
    assert b"key_issued" in kept
    for secret in secrets:
        for text in (secret, secret[3:46], secret[12:]):
            assert text.encode() not in kept
            assert text.encode() not in said
            assert text not in caplog.text


async def test_a_gateway_holds_more_of_a_key_than_its_digest(tmp_path: Path) -> None:  # FAULTS 50, 60
    """Who is looked up by the whole digest cannot be found out letter by letter."""
    async with serving(tmp_path / "s", more=KEYS) as server:
        _, secret = await issue(server)
        world = server.running.runtime.world
        body = secret[10:40]
        for key in world.keys:
            assert len(key) == 32
        assert digest(world.pads, secret.encode()) in world.keys
        tried = [secret[:at] + ("a" if secret[at] != "a" else "b") + secret[at + 1 :] for at in (3, 20, 45)]
        digests = [digest(world.pads, one.encode()) for one in (secret, *tried)]
        assert len({one[:4] for one in digests}) == 4
        gc.collect()
        reached: list[Any] = [world]
        seen: set[int] = set()
        while reached:
            one = reached.pop()
            if id(one) in seen or isinstance(one, type):
                continue
            seen.add(id(one))
            assert not (isinstance(one, str) and body in one)
            assert not (isinstance(one, bytes) and body.encode() in one)
            if isinstance(one, msgspec.Struct | dict | list | tuple | set | frozenset):
                reached += gc.get_referents(one)


def test_a_secret_stands_on_a_command_line(tmp_path: Path) -> None:  # FAULTS 50
    """Nothing takes one as an argument: process lists are open to everyone."""
    for command in (("keys", "create", "--help"), ("keys", "rotate", "--help"), ("keys", "list", "--help")):
        said = run(*command, cwd=tmp_path).stdout
        assert not re.search(r"--(key|secret)\b", said)
    assert run("keys", "show", mint(), cwd=tmp_path).returncode == 1
