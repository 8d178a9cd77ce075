"""A canary of every kind of secret, and every place that things are written to or told: it is in none of them. # FAULTS 50

Kinds: providers' keys, headers and proxies; clients' keys, of the file and issued, right and mistyped; the pepper; the
webhook's secret and its address. Places: the log, answers and their headers, everything in the state directory (ledger,
spool, acts, kept answers and conversations, caches, memories, versions of the configuration), the admin API, alarms, what
the commands print and export, the command lines of processes. Traces and metrics there are none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.server.reloading import Followed, following
from tests.server.serving import question, soon
from tests.server.test_guarding import Ear, listening
from tests.server.wire import Response, ask
from tests.upstream import answer, events, plain, status, stream

CANARIES = {
    name: f"{name}Q7x9{number}Zk4Wp2Lm8"
    for number, name in enumerate(
        ("apikey", "secondkey", "headerval", "proxyuser", "proxypass", "pepper", "hooksecret", "hookpath", "gatesecret")
    )
}
CLIENTS = {name: f"fl_{name}Q7x9Zk4Wp2Lm8" for name in ("boss", "plain", "cfgonly")}
LOOKED = (
    "keys", "audit", "audit/verify", "tenants", "teams", "budgets", "report", "recommendations", "guards", "openapi.json",
    "config", "config/versions",
)  # fmt: skip
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("config", "effective", "FILE", "--json"), ("config", "check", "FILE"), ("report", "--config", "FILE", "--json"),
    ("ledger", "verify", "--config", "FILE", "--json"), ("ledger", "export", "--config", "FILE"),
    ("ledger", "export", "--config", "FILE", "--format", "csv"), ("audit", "--config", "FILE", "--json"),
    ("keys", "list", "--config", "FILE", "--json"), ("guards", "--config", "FILE", "--json"),
    ("budgets", "--config", "FILE", "--json"), ("recommend", "--config", "FILE", "--json"),
    ("models", "--config", "FILE", "--json"), ("reprice", "--what-if", "--config", "FILE", "--json"),
    ("config", "versions", "--state-dir", "STATE"), ("explain", "hi", "--config", "FILE"),
)  # fmt: skip


def more(hook: int) -> str:
    c = CANARIES
    keys = "".join(
        f"  - {{name: {name}, key: {key}{', role: admin' if name == 'boss' else ''}}}\n"
        for name, key in CLIENTS.items()
    )
    return (
        f"keys:\n{keys}"
        f"guards: {{every: 0.2, least: 1, quality_floor: 0.99, webhook: {{url: 'http://127.0.0.1:{hook}/{c['hookpath']}', "
        f"secret: {c['hooksecret']}}}}}\n"
        "cache: {exact: {enabled: true, keep: disk}}\n"
        f"gates: {{elsewhere: {{kind: http, url: 'http://127.0.0.1:9/x', secret: {c['gatesecret']}}}}}\n"
    )


PROXIED = (
    "  far: {{kind: openai, base_url: 'http://far.invalid/v1', api_key: {secondkey}, "
    "proxy: 'http://{proxyuser}:{proxypass}@127.0.0.1:9'}}\n"
).format(**CANARIES)
FAR = "  away: {channels: [{provider: far, model: up}], price: {input: 1, output: 2}, quality: 0.5}\n"


def everything(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())


def said(response: Response) -> bytes:
    return response.body + json.dumps(response.headers).encode()


async def asked(server: Followed) -> tuple[bytes, list[str]]:
    """What a client is told, whatever it does; and the secrets that it was given."""
    told, key, boss = b"", CLIENTS["plain"], CLIENTS["boss"]
    c = CANARIES
    words = f"Incorrect key {c['apikey']}, {c['headerval']}"
    server.upstream.push(
        "one", answer(), stream(events()), status(401, words), plain_error(words), status(500, words), answer()
    )
    for fields in ({}, {"stream": True}, {}, {}, {}, {"temperature": 0}):
        told += said(await server.chat(key=key, **fields))
    told += said(await server.chat(key=key, model="away"))
    told += said(await server.chat({"idempotency-key": "k1"}, key=key))
    for wrong in (key[:-1], key + "x", c["apikey"], boss.upper(), f"{key} "):
        told += said(await server.chat(key=wrong))
        told += said(await ask(server.port, "GET", f"/v1/models?key={wrong.strip()}", key=""))
        # Where a caller writes one into the wrong place it is told back to that caller, and stays nowhere.
        await server.chat(key=key, model=wrong)
        await server.chat({"x-fairlead-policy": wrong.strip()}, key=key)
    told += said(await ask(server.port, "POST", "/v1/route", question(model="auto"), {}, key))
    body = json.dumps({"model": "m-one", "input": "Hello"}).encode()
    told += said(await ask(server.port, "POST", "/v1/responses", body, {}, key))
    made = await ask(server.port, "POST", "/admin/v1/keys", json.dumps({"name": "app"}).encode(), {}, boss)
    issued = str(made.json["key"])
    told += said(await server.chat(key=issued)) + said(await server.chat(key=issued[:-2]))
    turned = await ask(server.port, "POST", f"/admin/v1/keys/{made.json['about']['id']}/rotate", b"", {}, boss)
    for path in LOOKED:
        told += said(await ask(server.port, "GET", f"/admin/v1/{path}", key=boss))
    measured = await ask(server.port, "GET", "/metrics", key=boss)
    assert measured.status == 200
    told += said(measured)
    return told, [issued, str(turned.json["key"])]


def plain_error(words: str) -> Any:
    from tests.upstream import Play

    return Play([plain(200, json.dumps({"error": {"message": words}}).encode(), f"X-Echo: {words}\r\n")])


async def printed(server: Followed) -> bytes:
    told = b""
    places = {"FILE": str(server.file), "STATE": str(server.state_dir)}
    for command in COMMANDS:
        done = await asyncio.to_thread(run, *(places.get(word, word) for word in command))
        assert "Traceback" not in done.stderr, command
        told += (done.stdout + done.stderr).encode()
    return told


def command_lines() -> bytes:
    """Of this process and those it started."""
    lines = b""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.stat(folder).st_uid == os.getuid() and b"pytest" not in (line := (folder / "cmdline").read_bytes()):
                lines += line
        except OSError:
            continue  # it has ended
    return lines


async def test_a_secret_is_found_in_some_place_that_is_written_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    header = f", headers: {{x-org: {CANARIES['headerval']}}}"
    async with listening() as ear:
        sections = {"server": f", pepper: {CANARIES['pepper']}", "extra_provider": PROXIED, "extra_model": FAR}
        async with following(tmp_path, more=more(ear.port), provider=header, **sections) as server:
            text = server.file.read_text().replace("api_key: key-one", f"api_key: {CANARIES['apikey']}")
            assert await server.take(text)
            told, issued = await asked(server)
            assert not await server.take(text.replace("strategy: pinned", f"strategy: {CANARIES['apikey']}"))
            assert not await server.take(text + f"unknown: {CANARIES['hooksecret']}\n")
            server.write(text)
            await soon(lambda: bool(ear.heard))
            told += await printed(server) + heard(ear)
            assert server.upstream.calls[0].headers["authorization"] == f"Bearer {CANARIES['apikey']}"
            assert server.upstream.calls[0].headers["x-org"] == CANARIES["headerval"]
            lines = command_lines()
    kept = everything(server.state_dir)
    assert len(kept) > 10_000
    assert len(told) > 10_000
    for name, secret in {**CANARIES, **CLIENTS, "issued": issued[0], "rotated": issued[1]}.items():
        core = secret.removeprefix("fl_")[2:-2]
        for place, content in (("told", told), ("kept", kept), ("log", caplog.text.encode()), ("processes", lines)):
            assert core.encode() not in content, (name, place, around(content, core.encode()))


def heard(ear: Ear) -> bytes:
    """What an alarm says; its address is for who is called only."""
    return b"".join(json.dumps(headers).encode() + body for _, headers, body in ear.heard)


def around(content: bytes, secret: bytes) -> bytes:
    at = content.find(secret)
    return content[max(at - 120, 0) : at + 120]
