"""A changed configuration: taken up whole or not at all, while requests go on and what was counted stays counted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.server.reload import Source
from fairlead.server.serve import start
from tests.gateway.reaching import Authority
from tests.server.reloading import Followed, following
from tests.server.serving import KEYS, config, question, rows, serving, soon
from tests.upstream import events, scripted, status, stream

CHAT = "/v1/chat/completions"
LIMITED = "keys: [{name: test, key: fl_test, limits: {rpm: %d}}, {name: other, key: fl_other}]\n"
ALONE = "keys: [{name: test, key: fl_test}]\n"
ADMIN = "keys: [{name: test, key: fl_test}, {name: boss, key: fl_boss, role: admin}]\n"
VARIABLE = "keys: [{name: test, key: '${FAIRLEAD_TEST_KEY}'}]\n"
EXTRA = "  m-new: {channels: [{provider: one, model: up-new}], price: {input: 1, output: 2}, quality: 0.4}\n"


def version(server: Followed) -> str:
    return server.reload.state.version


async def asking(server: Followed, seen: list[int], until: asyncio.Event, streamed: bool) -> None:
    async with server.client() as client:
        while not until.is_set():
            client.ask("POST", CHAT, question(stream=streamed))
            seen.append((await client.response()).status)


async def test_requests_fail_while_configurations_come_and_go(tmp_path: Path) -> None:  # M8.4 FAULTS 41
    async with following(tmp_path) as server, asyncio.timeout(60):
        first, until = version(server), asyncio.Event()
        seen: list[int] = []
        clients = [asyncio.ensure_future(asking(server, seen, until, bool(at % 2))) for at in range(8)]
        provider = ", idle_timeout: 50"
        for turn in range(20):
            before = len(seen)
            taken = await server.take(
                server.text(extra_model=EXTRA if turn % 2 else "", provider=provider * (turn % 3 > 0))
            )
            assert taken
            if turn % 5 == 0:
                assert not await server.take(server.text().replace("m-two]", "nobody]"))
            while len(seen) <= before + 8:
                await asyncio.sleep(0.002)
        until.set()
        await asyncio.gather(*clients)
        assert set(seen) == {200}
        assert len(seen) > 160
        assert version(server) != first
        assert not server.running.runtime.http._former
        kinds = [kind for kind, _ in await server.audits()]
        assert kinds.count("reload_rejected") == 4


async def test_a_wrong_configuration_is_taken_in_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # M8.4
    async with following(tmp_path) as server:
        first = version(server)
        text = server.text(ALONE, extra_model=EXTRA).replace("model: m-one, fallbacks", "model: no-such, fallbacks")
        with caplog.at_level(logging.ERROR):
            assert not await server.take(text)
        line = next(at for at, words in enumerate(text.splitlines(), 1) if "no-such" in words)
        assert f"{server.file}:{line}: policies.ordered.model" in caplog.text
        assert version(server) == first
        assert server.reload.state.rejected[0].startswith(f"{server.file}:{line}: ")
        assert (await server.chat(key="fl_other")).status == 200
        assert (await server.chat(model="m-new")).status == 404
        assert await server.take(server.text())
        assert server.reload.state.rejected == ()


async def test_what_only_building_shows_is_taken(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path) as server:
        text = server.text(provider=", ca_file: /no/such/file")
        assert not await server.take(text)
        assert "providers.one.ca_file" in server.reload.state.rejected[0]


async def test_an_authority_is_trusted_whose_file_another_has_taken_the_place_of(tmp_path: Path) -> None:  # M8.4
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    async with scripted(tls=new.server("localhost")) as far, following(tmp_path) as server:
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(old.file.read_bytes())
        provider = f'  far: {{kind: openai, base_url: "https://localhost:{far.port}/v1", ca_file: "{trusted}"}}\n'
        model = "  m-far: {channels: [{provider: far}], price: {input: 1, output: 2}}\n"
        text = server.text(extra_provider=provider, extra_model=model)
        assert await server.take(text)
        await server.chat(model="m-far")
        assert far.calls == []
        trusted.write_bytes(new.file.read_bytes())
        warm = server.running.runtime.http.pools["far"]
        assert await server.take(text)
        await server.chat(model="m-far")
        assert len(far.calls) == 1
        now = server.running.runtime.http.pools["far"]
        assert now is not warm
        assert await server.take(text)
        assert server.running.runtime.http.pools["far"] is now


async def test_a_key_or_a_model_lives_on_that_was_taken_out(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path, extra_model=EXTRA) as server, server.client("fl_other") as client:
        body = question(model="m-new")
        client.ask("POST", CHAT, body)
        assert (await client.response()).status == 200
        assert await server.take(server.text(ALONE))
        client.ask("POST", CHAT, question())
        assert (await client.response()).status == 401
        assert (await server.chat(model="m-new")).status == 404
        assert (await server.chat()).status == 200


async def test_limits_begin_anew(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path, more=LIMITED % 3) as server:
        assert [(await server.chat()).status for _ in range(2)] == [200, 200]
        assert await server.take(server.text(LIMITED % 3, extra_model=EXTRA))
        assert [(await server.chat()).status for _ in range(2)] == [200, 429]
        assert await server.take(server.text(LIMITED.replace("test", "tester").replace("fl_tester", "fl_x") % 3))
        assert await server.take(server.text(LIMITED % 4))
        assert [(await server.chat()).status for _ in range(2)] == [200, 429]


async def test_a_request_under_way_loses_its_world(tmp_path: Path) -> None:  # M8.4 FAULTS 41
    """Its provider, model, policy and key are gone before its answer is."""
    async with following(tmp_path) as server, server.client() as client:
        told = events(usage=None)
        server.upstream.push("one", stream([told[0] + told[1], 0.5, *told[2:]]))
        client.ask("POST", CHAT, question(stream=True))
        _, headers = await client.head()
        lines = server.text("keys: [{name: new, key: fl_new}]\n").splitlines()
        kept = [line for line in lines if "provider: one" not in line and not line.startswith("  one:")]
        assert await server.take("\n".join(kept).replace("model: m-one, fallbacks: [m-two]", "model: m-two"))
        body = b""
        while piece := await client.piece():
            body += piece
        assert body == b"".join(told)
        assert headers["x-fairlead-config"] != version(server)
        await soon(lambda: not server.running.runtime.http._former)
        assert list(server.running.runtime.http.pools) == ["two"]


async def test_a_warm_connection_is_given_up_for_nothing(tmp_path: Path) -> None:
    async with following(tmp_path) as server:
        await server.chat()
        pool = server.running.runtime.http.pools["one"]
        (kept,) = pool.idle
        assert await server.take(server.text(extra_model=EXTRA))
        await server.chat()
        assert server.running.runtime.http.pools["one"] is pool
        assert pool.idle == [kept]


async def test_a_changed_file_waits_for_somebody_to_say_so(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path) as server:
        server.write(server.text(extra_model=EXTRA))
        async with asyncio.timeout(10):
            while (await server.chat(model="m-new")).status != 200:
                await asyncio.sleep(0.05)


LOST = {
    "address": ("/one/v1", "/lost/v1"),
    "key": ("key-one", "key-gone"),
    "name": ("provider: one, model: up-one", "provider: one, model: gone"),
}


@pytest.mark.parametrize("name", LOST)
async def test_what_was_wrong_with_a_channel_outlives_its_mending(tmp_path: Path, name: str) -> None:  # M4.5 M8.4
    right, wrong = LOST[name]
    health = "health: {failures: 1, ejection: 600}\nkeys: [{name: test, key: fl_test}]\n"
    async with following(tmp_path, more=health) as server:
        assert await server.take(server.text(health).replace(right, wrong))
        server.upstream.push("lost" if name == "address" else "one", status(401))
        assert (await server.chat(model="m-one@one")).status == 502
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two"
        assert await server.take(server.text(health, server=", grace: 3").replace(right, wrong))
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two", "all else leaves it alone"
        assert await server.take(server.text(health))
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-one"


async def test_what_changes_while_the_server_starts_waits_for_the_next_change(tmp_path: Path) -> None:  # M8.4
    async with scripted() as upstream:
        text, file = config(upstream.port, tmp_path / "s"), tmp_path / "fairlead.yaml"
        begun = loads(text, str(file))
        file.write_text(text.replace("quality: 0.9", "quality: 0.8"))
        running = await start(begun, source=Source(file, text))
        assert running.reload is not None
        first = running.reload.state.version
        try:
            await soon(lambda: running.reload is not None and running.reload.state.version != first)
            assert running.runtime.world.snapshot.models["m-one"].quality == 0.8
        finally:
            await running.stop()


async def test_a_file_that_is_gone_takes_the_server_with_it(tmp_path: Path) -> None:
    async with following(tmp_path) as server:
        server.file.unlink()
        assert not (await server.reload.reload("test")).taken
        assert (await server.chat()).status == 200
        assert "there is no such file" in server.reload.state.rejected[0]


async def test_the_version_is_nowhere_to_be_seen(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path) as server:
        first = version(server)
        assert (await server.chat()).headers["x-fairlead-config"] == first
        assert await server.take(server.text(extra_model=EXTRA))
        assert (await server.chat()).headers["x-fairlead-config"] == version(server) != first
        assert (await server.chat(model="no-such")).headers["x-fairlead-config"] == version(server)
        assert "x-fairlead-config" not in (await server.chat(key="fl_nobody")).headers
        assert [one.version for one in await server.reload.versions()] == [version(server), first]
        (words,) = rows(server.state_dir, "SELECT detail FROM audit WHERE kind = 'reloaded'")
        assert version(server) in str(words)
        assert first in str(words)


async def test_a_secret_of_the_file_is_in_the_ledger(tmp_path: Path) -> None:
    keys = 'keys: [{name: test, key: fl_test}, {name: q, key: "fl\\x5fquoted"}]\n'
    async with following(tmp_path, more=keys) as server:
        assert not (await server.reload.versions())[1:]
        ((content,),) = rows(server.state_dir, "SELECT content FROM contents WHERE key GLOB 'config/*'")
        assert isinstance(content, bytes)
        for secret in (b"fl_test", b"quoted", b"key-one", b"key-two"):
            assert secret not in content


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_earlier_version_cannot_be_put_in_force_again(
    tmp_path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # M8.4
    monkeypatch.setenv("FAIRLEAD_TEST_KEY", "fl_test")

    def open_text(server: Followed, extra: str) -> str:
        return server.text(VARIABLE, extra_model=extra).replace("api_key: key-one", "").replace("api_key: key-two", "")

    async with following(tmp_path) as server:
        assert await server.take(open_text(server, ""))
        wanted = version(server)
        last = open_text(server, EXTRA)
        assert await server.take(last)
        newest = version(server)
        outcome = await server.reload.rollback(wanted, "test")
        assert outcome.taken
        assert server.reload.state.pinned
        assert (await server.chat(model="m-new")).status == 404
        server.file.touch()
        if not restarted:
            assert await server.take(last)
            assert (version(server), server.reload.state.pinned) == (newest, False)
            return
    from fairlead.config.load import loads
    from fairlead.server.reload import Source
    from fairlead.server.serve import start

    text = server.file.read_text()
    again = await start(loads(text), source=Source(server.file, text))
    try:
        assert again.reload is not None
        assert (again.reload.state.version, again.reload.state.pinned) == (wanted, True)
        assert (await again.reload.reload("test")).version == newest
    finally:
        await again.stop()


async def test_a_version_with_secrets_is_restored_from_what_is_masked(tmp_path: Path) -> None:
    async with following(tmp_path) as server:
        wanted = version(server)
        assert await server.take(server.text(extra_model=EXTRA))
        assert (await server.reload.rollback(wanted, "test")).taken
        server.reload._texts.clear()
        refused = await server.reload.rollback(wanted, "test")
        assert not refused.taken
        assert "cannot be restored" in refused.problems[0]
        assert "no version 'nothing'" in (await server.reload.rollback("nothing", "test")).problems[0]


async def test_a_rollback_that_a_restart_undoes_is_undone_in_silence(tmp_path: Path) -> None:  # M8.4
    """To a text in which secrets stand."""
    async with following(tmp_path) as server:
        wanted = version(server)
        assert await server.take(server.text(extra_model=EXTRA))
        newest = version(server)
        outcome = await server.reload.rollback(wanted, "test")
        assert any("a restart follows the file again" in one for one in outcome.warnings)
        text = server.file.read_text()
    from fairlead.config.load import loads
    from fairlead.server.reload import Source
    from fairlead.server.serve import start

    again = await start(loads(text), source=Source(server.file, text))
    try:
        assert again.reload is not None
        state = again.reload.state
        assert (state.version, state.pinned) == (newest, False)
        assert wanted in state.rejected[0]
        assert "cannot be restored" in state.rejected[0]
    finally:
        await again.stop()


async def test_a_setting_of_the_start_is_changed_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # M8.4
    async with following(tmp_path, more=ADMIN) as server:
        moved = server.text(ADMIN).replace(f'"{server.state_dir}"', f'"{tmp_path / "other"}"')
        server.write(moved.replace("port: 0", "port: 4001").replace("host: 127.0.0.1", "host: 127.0.0.2, pepper: p"))
        async with server.client() as client:
            client.ask("POST", "/admin/v1/reload", headers={"Authorization": "Bearer fl_boss"})
            told = (await client.response()).json
        words = "server.{} has changed; that takes a restart: until then it stays as it was"
        expected = [words.format(name) for name in ("host", "port", "state_dir", "pepper")]
        assert told["warnings"] == expected
        assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == expected
        assert not (tmp_path / "other").exists()
        assert (await server.chat()).status == 200


async def test_a_server_that_others_reach_is_left_without_keys(tmp_path: Path) -> None:  # M8.4
    """The new text calls it a local one; it still listens where it did."""
    async with following(tmp_path, more=ALONE) as server:
        server.reload._settled = server.reload._settled.model_copy(update={"host": "0.0.0.0"})
        assert not await server.take(server.text("\n"))
        assert (await server.chat()).status == 200
        async with server.client("none") as client:
            client.ask("POST", CHAT, question())
            assert (await client.response()).status == 401


async def test_bounds_and_room_take_a_restart(tmp_path: Path) -> None:  # M8.4
    async with following(tmp_path) as server:
        large = question()[:-1] + b" " * 2_000_000 + b"}"
        assert (await server.chat(raw=large)).status == 200
        held = await server.client().__aenter__()
        text = ", max_body_mb: 1, header_timeout: 3, body_timeout: 4, max_in_flight: 1, max_lag: 3, max_memory: 0.5"
        text += ", decisions_days: 3, ledger_days: 5, grace: 7"
        server.write(server.text(server=text))
        outcome = await server.reload.reload("test")
        assert (outcome.taken, outcome.warnings) == (True, ())
        assert (await server.chat(raw=large)).status == 413
        server.upstream.push("one", stream([*events()[:2], 0.5, *events()[2:]]))
        held.ask("POST", CHAT, question(stream=True))
        await held.head()
        assert (await server.chat()).status == 503
        held.close()
        running = server.running
        bounds, borne, ledger = running.listener.bounds, running.app.shedding.bearable, running.runtime.ledger
        assert (bounds.head_seconds, bounds.receive_seconds, running.grace) == (3, 4, 7)
        assert (borne.in_flight, borne.lag) == (1, 3)
        assert (ledger._decisions_ms, ledger._records_ms) == (3 * 86_400_000, 5 * 86_400_000)  # type: ignore[attr-defined]


async def test_anybody_may_have_the_file_taken_up(tmp_path: Path) -> None:  # M8.4
    from tests.server.wire import ask

    async with following(tmp_path, more=ADMIN) as server:
        server.write(server.text(ADMIN, extra_model=EXTRA))
        path = "/admin/v1/reload"
        assert (await ask(server.port, "POST", path, b"", key="fl_test")).status == 403
        assert (await server.chat(model="m-new")).status == 404
        assert (await ask(server.port, "POST", path, b"", key="fl_boss")).status == 200
        assert (await server.chat(model="m-new")).status == 200
        server.write("models: {")
        told = await ask(server.port, "POST", path, b"", key="fl_boss")
        assert told.status == 400
        assert b"config_rejected" in told.body


async def test_a_server_without_a_file_is_reloaded(tmp_path: Path) -> None:
    from tests.server.wire import ask

    async with serving(tmp_path, more=KEYS.replace("fl_test", "fl_test, role: admin")) as server:
        told = await ask(server.port, "POST", "/admin/v1/reload", b"", key="fl_test")
        assert told.status == 400
        assert b"no_file" in told.body


async def test_who_is_not_on_the_machine_cannot_look_back_or_go_back(tmp_path: Path) -> None:  # M8.4
    from tests.server.wire import ask

    roles = ADMIN.replace("}]", "}, {name: seer, key: fl_seer, role: viewer}]")
    root = "/admin/v1/config"
    async with following(tmp_path, more=roles) as server:
        first = version(server)
        back = b'{"version": "%b"}' % first.encode()
        assert await server.take(server.text(roles, extra_model=EXTRA))
        assert not await server.take("models: {")
        state = (await ask(server.port, "GET", root, key="fl_seer")).json
        assert (state["version"], state["pinned"], len(state["rejected"])) == (version(server), False, 1)
        listed = (await ask(server.port, "GET", f"{root}/versions", key="fl_seer")).json["versions"]
        assert [(one["version"], one["in_force"]) for one in listed] == [(version(server), True), (first, False)]
        for key in ("fl_test", "fl_seer"):
            assert (await ask(server.port, "POST", f"{root}/rollback", back, key=key)).status == 403
        for wrong in (b'{"version": "no-such"}', b'{"version": ""}', b"{}"):
            told = await ask(server.port, "POST", f"{root}/rollback", wrong, key="fl_boss")
            assert told.status == 400
        assert (await server.chat(model="m-new")).status == 200
        told = await ask(server.port, "POST", f"{root}/rollback", back, key="fl_boss")
        assert (told.status, told.json["version"], version(server)) == (200, first, first)
        assert (await server.chat(model="m-new")).status == 404
        assert ("rolled_back", "boss") in await server.audits()
