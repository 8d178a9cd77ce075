"""From a configuration to a server that answers: state directory, ledger, runtime, listener, in that order."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from fairlead.config.schema import Config
from fairlead.errors import ConfigError, StateError
from fairlead.gateway.runtime import Hook, Runtime
from fairlead.gateway.simulation import simulated_upstream
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as load_catalogue
from fairlead.server.admin_socket import AdminSocket
from fairlead.server.app import App, refusal
from fairlead.server.listener import Bounds, Listener
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.owner import Owner, unusable
from fairlead.version import __version__

GRACE = 10.0


class Running(msgspec.Struct):
    """A server that is up."""

    runtime: Runtime
    app: App
    listener: Listener
    admin: AdminSocket
    owner: Owner
    host: str
    port: int

    async def stop(self) -> None:
        self.app.ready = False
        try:
            await self.listener.close(GRACE)
            await self.admin.close()
            await self.runtime.close()
        finally:
            self.owner.release()


async def start(config: Config, hooks: tuple[Hook, ...] = (), speed: float = 1.0) -> Running:
    server = config.server
    check_open(config)
    state_dir = Path(server.state_dir)
    owner = Owner.acquire(state_dir)
    try:
        pepper = server.pepper.reveal().encode() or stored_secret(state_dir / "pepper").encode()
        world = build(config, load_catalogue(), pepper)
        ledger = EmbeddedLedger(state_dir, owner=owner, version=__version__)
        runtime = Runtime(world, ledger, simulated_upstream(config, speed), hooks)
        await runtime.open()
    except BaseException:
        owner.release()
        raise
    app = App(runtime)
    bounds = Bounds(
        body_bytes=int(server.max_body_mb * 1024 * 1024),
        receive_seconds=max(server.header_timeout, server.body_timeout),
    )
    listener = Listener(app, refusal, bounds)
    admin = AdminSocket(runtime, state_dir)
    try:
        host, port = await listener.listen(server.host, server.port)
        await admin.open()
    except (OSError, StateError) as problem:
        await listener.close(0)
        await runtime.close()
        owner.release()
        if isinstance(problem, StateError):
            raise
        raise StateError(
            f"cannot listen on {server.host}:{server.port}: {problem.strerror or problem}; "
            "choose another with --port, or server.port"
        ) from None
    app.ready = True
    return Running(runtime, app, listener, admin, owner, host, port)


def check_open(config: Config) -> None:
    """Without keys only this machine is answered."""
    if not config.keys and not is_loopback(config.server.host):
        raise ConfigError(
            [
                f"server.host is {config.server.host}, which others can reach, and no keys are configured; "
                "add `keys: [{name: me, key: ...}]`, or set server.host to 127.0.0.1"
            ]
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def stored_secret(path: Path, prefix: str = "") -> str:
    """A secret of this state directory: made on the first start, with the directory; readable by its owner only."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    except NotADirectoryError as problem:
        raise unusable(path.parent, problem) from None
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise StateError(f"cannot read {path}: {reason}") from None
    secret = prefix + secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
    except OSError as problem:
        raise unusable(path.parent, problem) from None
    return secret


async def until_stopped(running: Running, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then let what is under way finish."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
    say("stopping; requests under way may finish")
    await running.stop()
