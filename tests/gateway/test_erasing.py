"""What somebody said is gone from every place it stays behind in, by user, by session and by tenant; what others said
stays; what is too old goes by itself."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fairlead.classify.llm import Opinion
from fairlead.core.gates.verdict import Verdict
from fairlead.core.whose import Whose
from fairlead.gateway import erasing
from fairlead.gateway.erasing import erase, erase_files, places
from fairlead.gateway.judge import Asker
from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response, ask
from tests.upstream import answer

PLACES = ("responses", "idempotency", "results", "memories", "cache")
FILES = {
    "responses": ("conversations.db", "responses"),
    "idempotency": ("idempotency.db", "answers"),
    "results": ("results.db", "results"),
    "memories": ("memories.db", "memories"),
    "cache": ("cache.db", "cached"),
}
MORE = (
    KEYS
    + "  - {name: root, key: fl_root, role: admin}\n"
    + "  - {name: keeper, key: fl_keeper, role: admin, scope: tenant, tenant: others}\n"
    + "memory: {enabled: true}\n"
    + "cache: {exact: {enabled: true, keep: disk}}\n"
)
EVERYBODY = (("fl_test", "ada", "s1"), ("fl_test", "bob", "s2"), ("fl_other", "ada", "s1"))
TENANTS = {"fl_test": "default", "fl_other": "others"}


async def post(server: Served, path: str, key: str, headers: dict[str, str], **fields: Any) -> Response:
    return await ask(server.port, "POST", path, json.dumps(fields).encode(), headers, key)


async def speak(server: Served, key: str, user: str, session: str) -> str:
    """Leaves something in every place; gives the id of the stored response."""
    secret = f"boats-of-{user}-{TENANTS[key]}"
    who = {"x-fairlead-user": user, "x-fairlead-session": session}
    server.upstream.push("one", *[answer(secret)] * 3)
    kept = await post(server, "/v1/responses", key, who, model="m-one", input=secret)
    once = {**who, "Idempotency-Key": "a-key-" + user}
    assert (await post(server, "/v1/chat/completions", key, once, model="m-one", messages=said(secret))).status == 200
    remembering = {**who, "x-fairlead-memory": "true", "x-fairlead-cache": "off"}
    told = said(f"Remember that {secret} it is.")
    assert (await post(server, "/v1/chat/completions", key, remembering, model="m-one", messages=told)).status == 200
    assert server.running.runtime.remembering is not None
    await server.running.runtime.remembering.settled()
    return str(kept.json["id"])


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def everybody(server: Served) -> list[str]:
    names = [await speak(server, *who) for who in EVERYBODY]
    async with asyncio.timeout(10):
        while server.running.runtime.once._under_way:  # an answer is kept once it was told
            await asyncio.sleep(0.01)
    return names


async def left(server: Served, place: str) -> set[tuple[str, str, str]]:
    """(tenant, user, session) of what a place holds on disk."""
    file, table = FILES[place]
    return await asyncio.to_thread(_rows, server.state_dir / file, table)


def _rows(file: Path, table: str) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return {tuple(row) for row in connection.execute(f"SELECT tenant, user, session FROM {table}")}


def found_on_disk(folder: Path, words: str) -> list[str]:
    return [file.name for file in folder.glob("*.db*") if words.encode() in file.read_bytes()]


ALL = {("default", "ada", "s1"), ("default", "bob", "s2"), ("others", "ada", "s1")}


@pytest.mark.parametrize("place", PLACES)
async def test_a_place_is_passed_over(tmp_path: Path, place: str) -> None:  # M5.3
    async with serving(tmp_path / "s", more=MORE) as server:
        await everybody(server)
        runtime = server.running.runtime
        assert tuple(places(runtime)) == PLACES
        assert await left(server, place) == ALL
        for whose, rest in (
            (Whose("default", "ada"), ALL - {("default", "ada", "s1")}),
            (Whose(session="s1"), {("default", "bob", "s2")}),
            (Whose("default"), set()),
        ):
            assert await places(runtime)[place](whose) > 0
            assert await left(server, place) == rest


async def test_something_of_it_stays_on_disk_or_is_still_told(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=MORE) as server:
        mine, _, others = await everybody(server)
        secret = "boats-of-ada-default"
        assert found_on_disk(server.state_dir, secret)
        gone = await erase(server.running.runtime, Whose("default", "ada"))
        assert tuple(gone) == PLACES
        assert all(gone.values())
        assert found_on_disk(server.state_dir, secret) == []
        assert found_on_disk(server.state_dir, "boats-of-bob-default")
        assert (await server.get(f"/v1/responses/{mine}")).status == 404
        assert (await server.get(f"/v1/responses/{others}", key="fl_other")).status == 200
        who = {"x-fairlead-user": "ada", "x-fairlead-memory": "true"}
        await post(server, "/v1/chat/completions", "fl_test", who, model="m-one", messages=said("Boats of ada?"))
        assert secret not in server.upstream.calls[-1].body.decode()
        await post(server, "/v1/chat/completions", "fl_other", who, model="m-one", messages=said("Boats of ada?"))
        assert "boats-of-ada-others" in server.upstream.calls[-1].body.decode()


async def test_without_a_server_a_place_is_passed_over(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=MORE) as server:
        await everybody(server)
    gone = await erase_files(tmp_path / "s", Whose(user="ada"))
    assert tuple(gone) == PLACES
    assert all(gone.values())
    assert found_on_disk(tmp_path / "s", "boats-of-ada") == []
    assert found_on_disk(tmp_path / "s", "boats-of-bob")


async def test_where_nothing_is_kept_files_are_made(tmp_path: Path) -> None:
    assert set((await erase_files(tmp_path, Whose("default"))).values()) == {0}
    assert list(tmp_path.iterdir()) == []


async def test_a_sensitive_answer_in_memory_stays(tmp_path: Path) -> None:  # M3.7 M5.3
    own = '  own: {kind: openai, base_url: "http://127.0.0.1:%d/own/v1", api_key: x, self_hosted: true}\n'
    model = "  mine: {channels: [{provider: own, model: mine}], price: {input: 0, output: 0}}\n"
    async with (
        serving(tmp_path / "s") as outer,
        serving(tmp_path / "t", extra_provider=own % outer.upstream.port, extra_model=model) as server,
    ):
        who = {"x-fairlead-user": "ada", "x-fairlead-sensitivity": "sensitive", "Idempotency-Key": "k"}
        for _ in range(2):
            assert (await server.chat(who, model="mine")).status == 200
        assert len(outer.upstream.calls) == 1
        assert (await erase(server.running.runtime, Whose(user="bob")))["idempotency"] == 0
        assert (await erase(server.running.runtime, Whose(user="ada")))["idempotency"] == 1
        await server.chat(who, model="mine")
        assert len(outer.upstream.calls) == 2


async def erased(server: Served, key: str = "fl_root", **whose: str) -> Response:
    return await post(server, "/admin/v1/erase", key, {}, **whose)


async def test_the_admin_api_erases_too_much_or_tells_whom_it_erased(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=MORE) as server:
        await everybody(server)
        for key, whose, status in (
            ("fl_test", {"user": "ada"}, 403),
            ("fl_root", {}, 400),
            ("fl_keeper", {}, 400),
            ("fl_keeper", {"tenant": "default"}, 403),
            ("fl_root", {"username": "ada"}, 400),
        ):
            assert (await erased(server, key, **whose)).status == status
        assert await left(server, "responses") == ALL
        told = (await erased(server, "fl_keeper", user="ada")).json
        assert tuple(told["erased"]) == PLACES
        assert told["total"] == sum(told["erased"].values())
        assert await left(server, "responses") == ALL - {("others", "ada", "s1")}
        audit = (await ask(server.port, "GET", "/admin/v1/audit", key="fl_root")).body.decode()
        assert "erased" in audit
        assert "tenant others, user " in audit
        assert not re.search(r"\bada\b", audit), "a digest may hold these letters, but not as a word"


async def test_what_is_too_old_stays_on_disk(tmp_path: Path) -> None:  # M5.3
    async with serving(tmp_path / "s", more=MORE) as server:
        await everybody(server)
        for place in PLACES[:4]:
            file, table = FILES[place]
            await asyncio.to_thread(_age, server.state_dir / file, table, ["ada"])
        runtime = server.running.runtime
        await runtime.sweeper.sweep()
        for place in PLACES[:4]:
            assert await left(server, place) == {("default", "bob", "s2")}


def _age(file: Path, table: str, users: Iterable[str]) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for user in users:
            connection.execute(f"UPDATE {table} SET until = 1 WHERE user = ?", (user,))


async def test_nobody_ever_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "FIRST", 0.0)
    async with serving(tmp_path / "s", more=MORE) as server:
        await server.get("/v1/responses/none")
        async with asyncio.timeout(5):
            while server.running.runtime.sweeper._sweeping is None:
                await asyncio.sleep(0.01)


async def test_shelves_of_before_cannot_be_opened(tmp_path: Path) -> None:  # M8.5
    (tmp_path / "s").mkdir()
    with closing(sqlite3.connect(tmp_path / "s" / "conversations.db", isolation_level=None)) as connection:
        connection.execute(
            "CREATE TABLE responses (tenant TEXT, id TEXT, until INTEGER, kept BLOB, PRIMARY KEY (tenant, id)) WITHOUT ROWID"
        )
    async with serving(tmp_path / "s", more=MORE) as server:
        name = await speak(server, *EVERYBODY[0])
        assert (await server.get(f"/v1/responses/{name}")).status == 200
        assert await left(server, "responses") == {("default", "ada", "s1")}


async def test_what_a_judge_or_a_classifier_said_of_it_is_still_known(tmp_path: Path) -> None:  # M5.3
    judged = "gates: {fit: {kind: judge, model: m-two}}\nclassifier: {model: {model: m-two}}\n"
    policy = "  strict: {strategy: pinned, model: m-one, quality: {gates: [fit]}}\n"
    async with serving(tmp_path / "s", more=MORE + judged, extra_policy=policy) as server:
        runtime = server.running.runtime
        (fit,) = runtime.gates.of(("fit",))[1]
        assert isinstance(fit, Asker)
        assert runtime.opinions is not None
        fit.kept[b"a digest"] = Verdict("fit", 0.9, "it says that boats float")
        runtime.opinions.remember(b"a digest", Opinion("chat"))
        await erase(runtime, Whose("default"))
        assert not fit.kept
        assert not runtime.opinions.kept
