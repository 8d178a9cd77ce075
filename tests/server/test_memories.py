"""`/v1/memory`: one agent finds what another wrote, and nobody finds what is another tenant's or another user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, plain, status

MEMORY = KEYS.replace(
    "keys:\n", "keys:\n  - {name: second, key: fl_second}\n  - {name: careful, key: fl_careful, sensitive: true}\n"
)
ON = MEMORY + "memory: {enabled: true%s}\n"
NOTE = "The billing service is deployed on Tuesdays only."
EMBEDS = "  embedder: {channels: [{provider: two, model: up-embed}], price: {input: 0.02, output: 0}}\n"


async def said(server: Served, path: str = "", key: str = "fl_test", **fields: object) -> Response:
    return await ask(server.port, "POST", f"/v1/memory{path}", json.dumps(fields).encode(), key=key)


async def told(server: Served, key: str = "fl_test", **fields: object) -> list[str]:
    """What a search finds."""
    found = await said(server, "/search", key, **fields)
    assert found.status == 200, found.body
    return [one["text"] for one in found.json["data"]]


async def test_an_agent_does_not_find_what_another_wrote(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % "") as server:
        written = (await said(server, text=NOTE, agent="planner")).json
        assert await said(server, text="Ada prefers tea to coffee.")
        found = (await said(server, "/search", "fl_second", query="when is billing deployed?")).json
        best = found["data"][0]
        assert (best["id"], best["text"], best["agent"]) == (written["id"], NOTE, "planner")
        assert found["embedding"] == "hashed/1"
        assert await told(server, "fl_second", query="billing deployment", agent="nobody") == []
        read = await ask(server.port, "GET", f"/v1/memory/{written['id']}", key="fl_second")
        assert read.json["text"] == NOTE


async def test_another_tenant_finds_reads_or_deletes_it(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % "") as server:
        name = (await said(server, text=NOTE)).json["id"]
        assert await told(server, "fl_other", query=NOTE) == []
        for method in ("GET", "DELETE"):
            refused = await ask(server.port, method, f"/v1/memory/{name}", key="fl_other")
            assert (refused.status, refused.json["error"]["code"]) == (404, "memory_not_found")
        listed = await ask(server.port, "GET", "/v1/memory", key="fl_other")
        assert listed.json["data"] == []
        assert await told(server, query=NOTE) == [NOTE]


async def test_what_is_a_users_or_a_sessions_is_found_without_naming_them(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % "") as server:
        await said(server, text="Ada's project is called Difference.", user="ada")
        await said(server, text="This session is about the project Analytical.", session="s1")
        await said(server, text="A project needs an owner.")
        shared = ["A project needs an owner."]
        assert await told(server, query="project", least=0.01) == shared
        assert sorted(await told(server, query="project", least=0.01, user="ada")) == [
            *shared,
            "Ada's project is called Difference.",
        ]
        assert len(await told(server, query="project", least=0.01, session="s1")) == 2
        assert await told(server, query="project", least=0.01, user="bob") == shared
        listed = await ask(server.port, "GET", "/v1/memory?user=ada", key="fl_test")
        assert {one["user"] for one in listed.json["data"]} == {"ada", None}


async def test_what_was_deleted_is_still_found(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % "") as server:
        name = (await said(server, text=NOTE)).json["id"]
        gone = await ask(server.port, "DELETE", f"/v1/memory/{name}", key="fl_test")
        assert gone.json == {"id": name, "object": "memory", "deleted": True}
        assert await told(server, query=NOTE) == []
        assert NOTE.encode() not in (server.state_dir / "memories.db").read_bytes()


async def test_it_is_forgotten_when_the_server_starts_anew(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % "") as server:
        await said(server, text=NOTE)
    async with serving(tmp_path / "s", more=ON % "") as server:
        assert await told(server, query="billing service") == [NOTE]


async def test_something_sensitive_is_kept(tmp_path: Path) -> None:  # M3.7 M5.3
    more = (ON % "") + "sensitivity: {terms: [Project Nightfall]}\n"
    async with serving(tmp_path / "s", more=more) as server:
        for key, text in (("fl_careful", NOTE), ("fl_test", "Project Nightfall is late.")):
            refused = await said(server, key=key, text=text)
            assert (refused.status, refused.json["error"]["code"]) == (403, "sensitive")
        assert await told(server, query="Nightfall") == []


async def test_something_declared_sensitive_is_kept_or_sent_to_be_found(tmp_path: Path) -> None:  # M3.7 M5.3
    """By the request's header, or by what its key wishes."""
    more = (ON % ", embedding: {model: embedder}").replace(
        "key: fl_second}", "key: fl_second, wishes: {sensitivity: sensitive}}"
    )
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        for path, field in (("", "text"), ("/search", "query")):
            body = json.dumps({field: NOTE}).encode()
            for key, header in (("fl_test", "sensitive"), ("fl_second", "normal")):
                headers = {"x-fairlead-sensitivity": header}
                refused = await ask(server.port, "POST", f"/v1/memory{path}", body, key=key, headers=headers)
                assert refused.status in (403, 503), refused.body
            wrong = await ask(
                server.port, "POST", f"/v1/memory{path}", body, key="fl_test",
                headers={"x-fairlead-sensitivity": "sensitiv"},
            )  # fmt: skip
            assert (wrong.status, wrong.json["error"]["param"]) == (400, "sensitivity")
        assert not server.upstream.calls
        listed = (await ask(server.port, "GET", "/v1/memory", key="fl_test")).json
        assert listed["data"] == []


async def test_the_oldest_does_not_give_way(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=ON % ", most: 3") as server:
        for number in range(5):
            await said(server, text=f"Ship number {number} is in port.")
        listed = (await ask(server.port, "GET", "/v1/memory?limit=2", key="fl_test")).json
        assert [one["text"] for one in listed["data"]] == ["Ship number 4 is in port.", "Ship number 3 is in port."]
        assert listed["has_more"] is True
        assert len(await told(server, query="ship port", limit=50)) == 3


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("", {}, "text"),
        ("", {"text": ""}, "text"),
        ("", {"text": "x", "kind": "gossip"}, "kind"),
        ("/search", {"query": "x", "kinds": ["gossip"]}, "kinds"),
        ("", {"text": "x", "kind": "profile"}, "user"),
        ("", {"text": "x", "colour": "red"}, "colour"),
        ("/search", {"query": "x", "limit": 0}, "limit"),
    ],
)
async def test_a_field_that_is_wrong_is_not_named(
    tmp_path: Path, path: str, fields: dict[str, object], param: str
) -> None:
    async with serving(tmp_path / "s", more=ON % "") as server:
        refused = await said(server, path, **fields)
        assert (refused.status, refused.json["error"]["param"]) == (400, param)
        if "gossip" in str(fields):
            assert "constraint" in refused.json["error"]["message"], "who is told no need not guess"


async def test_where_it_is_off_anything_is_kept(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s") as server:
        refused = await said(server, text=NOTE)
        assert (refused.status, refused.json["error"]["code"]) == (404, "memory_off")
        assert not (server.state_dir / "memories.db").exists()


def embedded(*vectors: list[float]) -> Play:
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)]
    body: dict[str, Any] = {"object": "list", "data": data, "model": "up-embed"}
    body["usage"] = {"prompt_tokens": 9, "total_tokens": 9}
    return Play([plain(200, json.dumps(body).encode())], (9, 0))


async def test_an_embedding_model_is_asked_beside_the_books(tmp_path: Path) -> None:  # M5.3
    more = ON % ", embedding: {model: embedder}"
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        server.upstream.push("two", embedded([1.0, 0.0]), embedded([0.0, 3.0]), embedded([0.1, 2.0]))
        await said(server, text="Katzen schlafen viel.")
        await said(server, text="The pump needs oil.")
        found = (await said(server, "/search", query="maintenance")).json
        assert found["embedding"] == "model/embedder"
        assert [one["text"] for one in found["data"]] == ["The pump needs oil.", "Katzen schlafen viel."]
        records = await server.records()
        assert [(one.purpose, one.model) for one in records] == [("embed", "embedder")] * 3
        assert all(one.cost > 0 for one in records)


async def test_without_an_embedding_it_is_lost_or_found_by_another_measure(tmp_path: Path) -> None:  # M5.3
    more = ON % ", embedding: {model: embedder}"
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        server.upstream.push("two", status(500), status(500))
        written = (await said(server, text=NOTE)).json
        assert written["found_by_meaning"] is False
        refused = await said(server, "/search", query=NOTE)
        assert (refused.status, refused.json["error"]["code"]) == (503, "no_embedding")
        listed = await ask(server.port, "GET", "/v1/memory", key="fl_test")
        assert [one["text"] for one in listed.json["data"]] == [NOTE]
