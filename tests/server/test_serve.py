"""Start and stop: who owns the state directory, who may listen where, what the owner's socket answers."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError, StateError
from fairlead.server.reload import Source
from fairlead.server.serve import connections_for, file_limit, start
from tests.server.serving import config, question, serving


async def ask_owner(state_dir: Path, path: str) -> tuple[int, dict[str, object]]:
    reader, writer = await asyncio.open_unix_connection(str(state_dir / "admin.sock"))
    writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
    told = await reader.read()
    writer.close()
    head, _, body = told.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


async def test_the_owner_answers_its_own_user_on_its_socket(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        path = tmp_path / "s" / "admin.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await server.chat()
        status, told = await ask_owner(tmp_path / "s", "/status")
        assert (status, told["models"]) == (200, 4)
        status, told = await ask_owner(tmp_path / "s", "/report")
        totals = told["report"]["totals"]
        assert isinstance(totals, dict)
        assert (status, totals["requests"], totals["attempts"]) == (200, 1, 1)
        assert (await ask_owner(tmp_path / "s", "/nothing"))[0] == 404
    assert not path.exists()


async def test_a_second_server_of_the_same_state_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        with pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
            await start(loads(config(server.upstream.port, tmp_path / "s")))
        assert (await server.chat()).status == 200
        assert (await ask_owner(tmp_path / "s", "/status"))[0] == 200


async def test_a_stopped_server_can_be_started_again_in_the_same_process(tmp_path: Path) -> None:
    for _ in range(2):
        async with serving(tmp_path / "s") as server:
            assert (await server.chat()).status == 200


async def test_a_socket_left_by_a_dead_process_is_no_hindrance(tmp_path: Path) -> None:
    state_dir = tmp_path / "s"
    state_dir.mkdir(mode=0o700)
    left = await asyncio.start_unix_server(lambda *_: None, str(state_dir / "left"))
    (state_dir / "left").rename(state_dir / "admin.sock")
    left.close()
    async with serving(state_dir):
        assert (await ask_owner(state_dir, "/status"))[0] == 200


async def test_a_port_that_is_taken_is_named_and_nothing_is_left_locked(tmp_path: Path) -> None:
    async with serving(tmp_path / "a") as server:
        text = config(server.upstream.port, tmp_path / "b").replace("port: 0", f"port: {server.port}")
        with pytest.raises(StateError, match=f"127.0.0.1:{server.port}.*--port"):
            await start(loads(text))
        assert not (tmp_path / "b").exists()
        async with serving(tmp_path / "b") as other:
            assert (await other.chat()).status == 200


async def test_what_was_opened_stays_open_when_its_source_cannot_be_told(tmp_path: Path) -> None:
    before = asyncio.all_tasks(), {thread for thread in threading.enumerate() if "asyncio" not in thread.name}
    text = config(1, tmp_path / "s")
    with pytest.raises(UnicodeEncodeError):
        await start(loads(text), source=Source(tmp_path / "no\udcfftext.yaml", text))
    left = {thread for thread in threading.enumerate() if "asyncio" not in thread.name}
    assert (asyncio.all_tasks(), left) == before
    async with serving(tmp_path / "s") as server:
        assert (await server.chat()).status == 200


async def test_a_state_path_too_long_for_a_socket_is_named_and_nothing_is_left_locked(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    for _ in range(2):
        with pytest.raises(StateError, match="too long for a socket"):
            await start(loads(config(1, deep)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])
async def test_without_keys_nothing_but_loopback_is_listened_on(tmp_path: Path, host: str) -> None:
    text = config(1, tmp_path / "s", more="").replace("127.0.0.1, port", f'"{host}", port')
    with pytest.raises(ConfigError, match="no keys are configured"):
        await start(loads(text))
    assert not (tmp_path / "s").exists()


async def test_stopping_lets_a_stream_under_way_finish(tmp_path: Path) -> None:  # F32
    from tests.upstream import events, stream

    async with serving(tmp_path / "s") as server, server.client() as client:
        told = events(usage=None)
        server.upstream.push("one", stream([told[0] + told[1], 0.3, *told[2:]]))
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        await client.head()
        stopping = asyncio.ensure_future(server.running.stop())
        body = b""
        while piece := await client.piece():
            body += piece
        assert body == b"".join(told)
        await stopping
    async with serving(tmp_path / "s") as again:
        (record,) = await again.records()
        assert record.outcome == "ok"


FILES = [
    (256, 0, 192), (256, 1000, 96), (1024, 100, 860), (1024, 5000, 480), (65_536, 1000, 10_000), (20_000, 12_000, 9968),
    (64, 1000, 1),
]  # fmt: skip


@pytest.mark.parametrize(("files", "upstream", "clients"), FILES)
def test_clients_take_the_files_their_requests_need_to_be_sent_on(files: int, upstream: int, clients: int) -> None:
    provider = f"{{base_url: 'http://a.test', max_connections: {upstream}}}" if upstream else "{kind: simulated}"
    assert connections_for(loads(f"providers: {{p: {provider}}}"), files) == clients


TWO = "providers: {one: {base_url: 'http://a.test'}, two: {base_url: 'http://b.test'}}"


async def test_the_listener_takes_more_clients_than_there_are_files_for(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        assert server.running.listener.bounds.connections == connections_for(loads(TWO), file_limit())
