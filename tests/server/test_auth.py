"""Who asks: one rule for the two headers, and what is this machine and what only looks like it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.config.values import is_loopback
from fairlead.errors import StateError
from fairlead.server.serve import start
from tests.server.serving import config, serving
from tests.server.wire import ask

BEARER = b"Authorization: Bearer fl_test\r\n"
SHOWN = [
    (BEARER, 200),
    (b"x-api-key:\r\n" + BEARER, 200),
    (b"x-api-key:   \r\n" + BEARER, 200),
    (b"x-api-key: fl_test\r\n", 200),
    (b"x-api-key: fl_wrong\r\n" + BEARER, 401),
    (b"x-api-key: Bearer fl_test\r\n", 401),
    (b"x-api-key:\r\n", 401),
    (b"Authorization: Bearer  \r\n", 401),
    (b"Authorization: fl_test\r\n", 401),
    (b"Authorization: Basic fl_test\r\n", 401),
    (b"", 401),
]


@pytest.mark.parametrize("first", [0, 3, 6], ids=["a bearer", "a plain key", "nothing"])
async def test_what_a_request_shows_counts_otherwise_behind_another_one(tmp_path: Path, first: int) -> None:
    async with serving(tmp_path / "s") as server:
        for headers, status in SHOWN:
            async with server.client() as client:
                for lines, expected in (SHOWN[first], (headers, status), (headers, status)):
                    client.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
                    assert (await client.response()).status == expected, (SHOWN[first], headers)


OURS = ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "localhost"]
FOREIGN = [
    "127.evil.test", "127.0.0.1.evil.test", "128.0.0.1", "0.0.0.0", "::", "2130706433", "127.1", "0x7f.0.0.1",
    "127.0.0.01", "::1%1", "::ffff:8.8.8.8", "localhost.evil.test", "localhost.", "", " 127.0.0.1", "127.0.0.1/8",
]  # fmt: skip


def test_a_name_that_looks_like_this_machine_is_taken_for_it() -> None:
    assert [name for name in OURS if not is_loopback(name)] == []
    assert [name for name in FOREIGN if is_loopback(name)] == []


LOCAL = [
    ({"Host": "127.0.0.2:4000"}, 200), ({"Host": "127.0.0.2"}, 200), ({"Host": "[::1]"}, 200), ({"Host": "::1"}, 200),
    ({"Host": "127.evil.test"}, 403), ({"Host": "localhost:evil.test"}, 403), ({"Host": "[::1].evil.test"}, 403),
    ({"Host": "2130706433"}, 403), ({"Host": "localhost, evil.test"}, 403), ({"Host": "127.0.0.2\xb2"}, 403),
    ({"Origin": "http://127.0.0.2:3000"}, 200), ({"Origin": "http://127.evil.test"}, 403),
    ({"Origin": "http://localhost@evil.test"}, 403), ({"Origin": "file://"}, 403),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "status"), LOCAL)
async def test_without_keys_another_name_of_this_machine_is_refused_or_a_foreign_one_let_in(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with serving(tmp_path / "s", more="") as server:
        assert (await ask(server.port, "GET", "/v1/models", headers=headers, key="")).status == status


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
async def test_a_server_on_another_loopback_address_refuses_those_who_ask_there(tmp_path: Path, host: str) -> None:
    text = config(1, tmp_path / "s", more="").replace("127.0.0.1, port", f'"{host}", port')
    try:
        running = await start(loads(text))
    except StateError:
        pytest.skip(f"this machine has no {host}")
    try:
        reader, writer = await asyncio.open_connection(host, running.port)
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET /v1/models HTTP/1.1\r\nHost: {name}:{running.port}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    finally:
        await running.stop()
