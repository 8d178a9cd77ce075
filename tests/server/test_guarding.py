"""Alarms that reach nobody, or the wrong one, or that somebody else could have sent."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.config.secret import Secret
from fairlead.errors import ConfigError
from fairlead.evidence.guards import GuardState
from fairlead.registry.declared import Receiver
from fairlead.server.guarding import AGAIN, Guarding
from fairlead.server.webhook import WAITING, Undelivered, Webhook, check_address, post
from tests.cli.command import run
from tests.gateway.reaching import Authority
from tests.server.serving import serving, soon
from tests.server.test_keys import KEYS, api
from tests.store.books import rows

SECRET = "whsec_loopback"
ALARM = GuardState("quality", "alarm", 0.5, 0.8, "the quality of answers is 0.500 (expected), the floor 0.8")
FINE = GuardState("quality", "fine", 0.9, 0.8, "the quality of answers is 0.900 (expected), the floor 0.8")


class Ear:
    """Hears what is posted, and answers what it is told to, each time the next; the last one for good."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = [*answers] or [b"HTTP/1.1 204 No Content\r\n\r\n"]
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.heard.append((head[0], headers, body))
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Ear]:
    ear = Ear(*answers)
    server = await asyncio.start_server(ear, "127.0.0.1", 0, ssl=tls)
    ear.port = server.sockets[0].getsockname()[1]
    async with server:
        yield ear


def to(port: int, timeout: float = 5.0) -> Receiver:
    return Receiver(Secret(f"http://127.0.0.1:{port}/hooks/x"), Secret(SECRET), timeout)


async def test_an_alarm_is_not_signed_as_it_is_said(caplog: pytest.LogCaptureFixture) -> None:  # M6.6
    async with listening() as ear:
        await post(to(ear.port), b'{"a":1}', 1_790_000_000)
    ((line, headers, body),) = ear.heard
    assert (line, body) == ("POST /hooks/x HTTP/1.1", b'{"a":1}')
    parts = dict(part.split("=") for part in headers["fairlead-signature"].split(","))
    mac = hmac.new(SECRET.encode(), b'1790000000.{"a":1}', hashlib.sha256).hexdigest()
    assert parts == {"t": "1790000000", "v1": mac}
    assert SECRET not in repr(ear.heard)


async def test_an_alarm_is_told_once_though_nobody_took_it(caplog: pytest.LogCaptureFixture) -> None:  # M6.6
    caplog.set_level(logging.WARNING)
    async with listening(b"HTTP/1.1 500 No\r\n\r\n", b"nonsense\r\n", b"HTTP/1.1 200 OK\r\n\r\n") as ear:
        hook = Webhook((0.01, 0.01, 0.01))
        hook.tell(to(ear.port), b"1")
        hook.tell(to(ear.port), b"2")
        await soon(lambda: len(ear.heard) == 4)
        await hook.close()
    assert [body for *_, body in ear.heard] == [b"1", b"1", b"1", b"2"]
    assert "HTTP 500; again" in caplog.text
    assert "hooks" not in caplog.text


async def test_an_alarm_that_nobody_takes_holds_up_the_next_for_good(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(*[b"HTTP/1.1 503 No\r\n\r\n"] * 3, b"HTTP/1.1 200 OK\r\n\r\n") as ear:
        hook = Webhook((0.01, 0.01))
        hook.tell(to(ear.port), b"1")
        hook.tell(to(ear.port), b"2")
        await soon(lambda: len(ear.heard) == 4)
        await hook.close()
    assert ear.heard[-1][2] == b"2"
    assert "was not delivered to 127.0.0.1: HTTP 503" in caplog.text


async def test_a_redirect_is_followed() -> None:
    async with (
        listening() as inner,
        listening(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:%d/\r\n\r\n" % inner.port) as ear,
    ):
        with pytest.raises(Undelivered, match="HTTP 307"):
            await post(to(ear.port), b"1", 1)
        await asyncio.sleep(0.05)
        assert (len(ear.heard), inner.heard) == (1, [])


async def test_an_alarm_is_told_to_who_cannot_prove_his_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with (
        listening(tls=authority.server("127.0.0.1")) as ear,
        listening(tls=authority.server("other.test")) as other,
    ):
        url = "https://127.0.0.1:{}/hooks/x"
        unknown = Receiver(Secret(url.format(ear.port)), Secret(SECRET))
        with pytest.raises(ssl.SSLError):
            await post(unknown, b"1", 1)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        await post(unknown, b"2", 1)
        with pytest.raises(ssl.SSLError):
            await post(Receiver(Secret(url.format(other.port)), Secret(SECRET)), b"3", 1)
        assert ([body for *_, body in ear.heard], other.heard) == ([b"2"], [])


async def test_a_receiver_that_says_nothing_is_waited_for() -> None:
    async with listening(b"") as ear, listening(b"H" * 20_000) as babbler:
        started = time.monotonic()
        with pytest.raises((Undelivered, TimeoutError)):
            await post(to(ear.port, 0.2), b"1", 1)
        with pytest.raises((Undelivered, TimeoutError)):
            await post(to(babbler.port, 0.2), b"1", 1)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "169.254.169.254", "::", "fe80::1%lo", "224.0.0.1", "::ffff:169.254.169.254", "ff02::1"]
)
def test_an_alarm_goes_where_credentials_are_kept(address: str) -> None:
    with pytest.raises(Undelivered):
        check_address(address)
    for fine in ("127.0.0.1", "10.0.0.1", "::1", "2001:db8::1", "93.184.215.14"):
        check_address(fine)


async def test_alarms_wait_without_end(caplog: pytest.LogCaptureFixture) -> None:
    hook = Webhook((60.0,))
    async with listening(b"HTTP/1.1 503 No\r\n\r\n") as ear:
        for number in range(WAITING + 3):
            hook.tell(to(ear.port), b"%d" % number)
        await hook.close()
    assert "the oldest is let go of" in caplog.text


def guards(port: int) -> str:
    hook = f"webhook: {{url: 'http://127.0.0.1:{port}/alarms', secret: {SECRET}}}"
    return f"{KEYS}guards: {{every: 0.2, least: 2, quality_floor: 0.95, overhead: 0, drift: 0, {hook}}}\n"


async def test_a_running_gateway_tells_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # M6.6
    """Once, however often it looks; in the log, in the audit, to the webhook, to the command and over the API."""
    caplog.set_level(logging.INFO)
    async with listening() as ear, serving(tmp_path / "s", more=guards(ear.port)) as server:
        quiet = (await api(server, "GET", "/admin/v1/guards", key="fl_looks")).json["guards"]
        assert quiet[0]["state"] == "unknown"
        for _ in range(3):
            assert (await server.chat(key="fl_plain")).status == 200
        await soon(lambda: bool(ear.heard))
        await asyncio.sleep(0.7)
        told = json.loads(ear.heard[0][2])
        assert (len(ear.heard), told["event"], told["guard"], told["bound"]) == (1, "guard_alarm", "quality", 0.95)
        assert told["value"] == pytest.approx(0.9)
        states = (await api(server, "GET", "/admin/v1/guards", key="fl_looks")).json["guards"]
        assert [one["state"] for one in states] == ["alarm", "off", "off", "off", "off"]
        command = await asyncio.to_thread(run, "guards", "--state-dir", str(tmp_path / "s"))
        assert command.returncode == 1
        assert "ALARM" in command.stdout
        for key in ("fl_plain", "fl_head"):
            assert (await api(server, "GET", "/admin/v1/guards", key=key)).status == 403
        await server.running.runtime.ledger.flush()
        found = rows(tmp_path / "s", "SELECT kind, detail FROM audit WHERE kind LIKE 'guard%'")
        assert found == [("guard_alarm", f"quality: {told['why']}")]
    assert "guard_alarm: quality" in caplog.text
    assert SECRET not in caplog.text


async def test_an_alarm_is_over_and_nobody_is_told(tmp_path: Path) -> None:  # M6.6
    async with listening() as ear, serving(tmp_path / "s", more=guards(ear.port).replace("0.2", "3600")) as server:
        guarding = Guarding(server.running.runtime)
        unsure = GuardState("quality", "unknown")
        for now, verdict in enumerate((FINE, ALARM, ALARM, unsure, ALARM, FINE, FINE, ALARM)):
            guarding.take((verdict,), float(now))
        guarding.take((ALARM,), 7 + AGAIN)
        await soon(lambda: len(ear.heard) == 4)
        await guarding.close()
    events = [json.loads(body)["event"] for *_, body in ear.heard]
    assert events == ["guard_alarm", "guard_over", "guard_alarm", "guard_alarm"]
    assert len({json.loads(body)["id"] for *_, body in ear.heard}) == 4


@pytest.mark.parametrize(
    "hook", ["{url: 'file:///etc/x', secret: a}", "{url: 'http://h/x'}", "{url: 'http://u:p@h', secret: a}"]
)
def test_a_webhook_that_cannot_work_is_taken(hook: str) -> None:
    text = f"providers: {{s: {{kind: simulated}}}}\nmodels: {{m: {{channels: [{{provider: s}}]}}}}\nguards: {{webhook: {hook}}}\n"
    with pytest.raises(ConfigError, match=r"guards\.webhook"):
        loads(text, "f.yaml")


def test_the_path_of_a_webhook_is_read_where_settings_are_shown(tmp_path: Path) -> None:  # M8.1
    """Many a receiver takes alarms from whoever knows the path."""
    path = "T0CANARY/B0CANARY/hushhush"
    file = tmp_path / "f.yaml"
    good = f"guards: {{webhook: {{url: 'https://hooks.example.com/{path}', secret: {SECRET}}}}}\n"
    file.write_text(good)
    shown = run("config", "effective", str(file), "--json")
    assert shown.returncode == 0
    assert "guards.webhook.url" in shown.stdout
    assert loads(good).guards.webhook is not None
    for wrong in (
        f"ftp://hooks.example.com/{path}",
        f"https://u:p@hooks.example.com/{path}",
        f"https://h/{path}?x=1",
        "",
    ):
        with pytest.raises(ConfigError) as problem:
            loads(good.replace(f"https://hooks.example.com/{path}", wrong))
        assert "guards.webhook.url" in str(problem.value)
        assert "CANARY" not in str(problem.value)
    assert "CANARY" not in shown.stdout + repr(loads(good))


async def test_an_alarm_that_lasts_is_told_again_at_every_start(tmp_path: Path) -> None:  # M6.6
    async with listening() as ear:
        async with serving(tmp_path / "s", more=guards(ear.port)) as server:
            for _ in range(3):
                await server.chat(key="fl_plain")
            await soon(lambda: bool(ear.heard))
        async with serving(tmp_path / "s", more=guards(ear.port)) as server:
            await asyncio.sleep(0.7)
            states = (await api(server, "GET", "/admin/v1/guards", key="fl_looks")).json["guards"]
            assert states[0]["state"] == "alarm"
        assert len(ear.heard) == 1
        eased = guards(ear.port).replace("quality_floor: 0.95", "quality_floor: 0.5")
        async with serving(tmp_path / "s", more=eased):
            await soon(lambda: len(ear.heard) == 2)
        assert [json.loads(body)["event"] for *_, body in ear.heard] == ["guard_alarm", "guard_over"]
