"""From a configuration to a server that answers: state directory, ledger, runtime, listener, in that order."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from fairlead.classify import warm
from fairlead.config.schema import Config, Server
from fairlead.core.call import Caller
from fairlead.errors import StateError
from fairlead.gateway.runtime import Hook, Runtime
from fairlead.gateway.simulation import simulated_upstream
from fairlead.server.admin_socket import AdminSocket
from fairlead.server.app import App, refusal
from fairlead.server.bounds import Bounds
from fairlead.server.building import build, check_open
from fairlead.server.experimenting import Experimenting
from fairlead.server.guarding import Guarding
from fairlead.server.listener import Listener
from fairlead.server.market import Prices
from fairlead.server.reload import Reload, Source
from fairlead.server.scheduling import Scheduling
from fairlead.server.shedding import Bearable, Shedding, bearable
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.owner import Owner, is_owned, unusable
from fairlead.version import __version__

CONNECTIONS = 10_000
"""Most clients at once, where the system lets a process have the files for them."""
FILES = 65_536
OWN_FILES = 64
"""What the ledger, the sockets listened on and the standard streams take of them."""
NOBODY = Caller("")
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Running(msgspec.Struct):
    """A server that is up."""

    runtime: Runtime
    app: App
    listener: Listener
    admin: AdminSocket
    owner: Owner
    grace: float
    host: str
    port: int
    reload: Reload | None = None
    """Only where the configuration is a file."""
    prices: Prices | None = None
    guarding: Guarding | None = None
    experimenting: Experimenting | None = None
    scheduling: Scheduling | None = None

    def taken(self, config: Config) -> None:
        """A new configuration is in force."""
        server, clients = config.server, connections_for(config, file_limit())
        self.grace = server.grace
        self.listener.bounds = bounds_of(server, clients)
        self.app.shedding.bearable = borne_by(server, clients)
        ledger = self.runtime.ledger
        if isinstance(ledger, EmbeddedLedger):
            ledger.keep_for(server.decisions_days, server.ledger_days)

    async def stop(self) -> None:
        self.app.ready = False
        if self.prices is not None:
            await self.prices.close()
        if self.guarding is not None:
            await self.guarding.close()
        if self.experimenting is not None:
            await self.experimenting.rounds.close()
        if self.scheduling is not None:
            await self.scheduling.rounds.close()
        if self.reload is not None:
            await self.reload.close()
        try:
            until = self.listener.now() + self.grace
            await self.listener.close(self.grace, self.runtime.break_off)
            await self.admin.close(max(until - self.listener.now(), 1.0))
            await self.runtime.close()
        finally:
            self.owner.release()


async def start(
    config: Config, hooks: tuple[Hook, ...] = (), speed: float = 1.0, source: Source | None = None
) -> Running:
    """`source` is what the configuration was read from: where there is one, what changes there is taken up."""
    server = config.server
    check_open(config)
    state_dir = Path(server.state_dir)
    await check_address(server)
    owner = Owner.acquire(state_dir)
    try:
        runtime, reload = await opened(config, owner, hooks, speed, source)
    except BaseException:
        owner.release()
        raise
    warm()
    clients = connections_for(config, file_limit())
    shedding = shedding_of(runtime, server, clients)
    app = App(runtime, shedding, reload)
    listener = Listener(app.answer, refusal, bounds_of(server, clients), app.gate, runtime.http.outbox, app)
    shedding.ahead = listener.turns.ahead
    app.metrics.statuses = listener.statuses

    def beat(late: float) -> None:
        now = listener.now()
        listener.turns.beat(now)
        shedding.beat(late)
        if listener.early:
            spare = shedding.unheeded
            listener.early.call(now, listener.turns.room(spare) if spare else 0)

    runtime.beats.append(beat)
    admin = AdminSocket(app, state_dir, reload)
    try:
        host, port = await listener.listen(server.host, server.port)
        await admin.open()
    except (OSError, StateError) as problem:
        await listener.close(0)
        if reload is not None:
            await reload.close()
        await runtime.close()
        owner.release()
        if isinstance(problem, StateError):
            raise
        raise cannot_listen(server, problem) from None
    app.ready = True
    running = Running(runtime, app, listener, admin, owner, server.grace, host, port, reload)
    if reload is not None:
        reload.took.append(running.taken)
        running.prices = Prices(config, reload)
    running.guarding = app.metrics.guarding = Guarding(runtime)
    running.guarding.rounds.begin()
    running.experimenting = Experimenting(runtime)
    running.experimenting.rounds.begin()
    running.scheduling = Scheduling(runtime, state_dir)
    running.scheduling.begin()
    return running


@asynccontextmanager
async def within(config: Config) -> AsyncIterator[None]:
    """A gateway for a command's own requests: it listens at no address but the socket of the state directory."""
    server, state_dir = config.server, Path(config.server.state_dir)
    with Owner.acquire(state_dir) as owner:
        runtime, _ = await opened(config, owner, (), 1.0, None)
        warm()
        shedding = shedding_of(runtime, server, connections_for(config, file_limit()))
        runtime.beats.append(shedding.beat)
        admin = AdminSocket(App(runtime, shedding), state_dir, passing=True)
        try:
            await admin.open()
            yield
        finally:
            await admin.close()
            await runtime.close()


async def opened(
    config: Config, owner: Owner, hooks: tuple[Hook, ...], speed: float, source: Source | None
) -> tuple[Runtime, Reload | None]:
    """The runtime, and what follows the configuration's source where it has one."""
    server = config.server
    state_dir = Path(server.state_dir)
    pepper = pepper_of(server, state_dir)
    world = build(config, pepper, "" if source is None else source.text)
    ledger = EmbeddedLedger(
        state_dir,
        owner=owner,
        version=__version__,
        decisions_days=server.decisions_days,
        records_days=server.ledger_days,
    )
    runtime = Runtime(world, ledger, simulated_upstream(config, speed), hooks, state_dir)
    await runtime.open()
    if source is None:
        return runtime, None
    try:
        reload = Reload(source, config, runtime, pepper, speed)
        await reload.open()
    except BaseException:
        await runtime.close()
        raise
    return runtime, reload


async def check_address(server: Server) -> None:
    """Raises StateError where the address cannot be listened on, before anything is written for a server that never
    comes up. A directory another server owns is left to that complaint: it tells whose the port probably is."""
    if is_owned(Path(server.state_dir)):
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as problem:
        raise cannot_listen(server, problem) from None
    refused = [why for one in found if (why := unbindable(one[0], one[4])) is not None]
    for why in refused:
        if why.errno == errno.EADDRINUSE or len(refused) == len(found):
            raise cannot_listen(server, why)


def unbindable(family: int, address: tuple[object, ...]) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as problem:
        return problem
    return None


def cannot_listen(server: Server, problem: OSError | UnicodeError) -> StateError:
    reason = (problem.strerror or str(problem)) if isinstance(problem, OSError) else "this is no host name"
    return StateError(
        f"cannot listen on {server.host}:{server.port}: {reason}; choose another with --port, or server.port"
    )


def file_limit() -> int:
    """How many files this process may have open."""
    import resource  # absent on Windows, where the package must still import

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return FILES if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """To what the system allows, at most FILES: shells hand on a limit that is meant for programs with few files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # a kernel with a lower bound of its own; what there is has to do
            return


def connections_for(config: Config, files: int) -> int:
    """How many clients may be connected so that what they ask for can still be sent on and written down."""
    free = max(files - OWN_FILES, 2)
    upstream = sum(one.max_connections for one in config.providers.values() if one.kind != "simulated")
    return min(CONNECTIONS, free - min(upstream, free // 2))


def bounds_of(server: Server, connections: int) -> Bounds:
    return Bounds(
        body_bytes=int(server.max_body_mb * 1024 * 1024),
        head_seconds=server.header_timeout,
        receive_seconds=server.body_timeout,
        connections=connections,
    )


def borne_by(server: Server, connections: int) -> Bearable:
    return bearable(server.max_in_flight, server.max_lag, server.max_memory, connections)


def shedding_of(runtime: Runtime, server: Server, clients: int) -> Shedding:
    return Shedding(borne_by(server, clients), lambda kind, words: runtime.audit(kind, NOBODY, "", words))


def pepper_of(server: Server, state_dir: Path) -> bytes:
    return server.pepper.reveal().encode() or stored_secret(state_dir / "pepper").encode()


def stored_secret(path: Path, made: Callable[[], str] = secrets.token_urlsafe) -> str:
    """A secret of this state directory: made on the first start, with the directory; readable by its owner only.
    An empty file, which a full disk may have left, is as none."""
    try:
        if kept := path.read_text().strip():
            return kept
    except FileNotFoundError:
        pass
    except NotADirectoryError as problem:
        raise unusable(path.parent, problem) from None
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise StateError(f"cannot read {path}: {reason}") from None
    secret = made()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
    except OSError as problem:
        raise unusable(path.parent, problem) from None
    return secret


async def until_stopped(running: Running, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, or until the terminal is closed, then let what is under way finish; asked again,
    do not wait for it."""
    reload = running.reload
    await stop_asked(None if reload is None else lambda: reload.ask("SIGHUP"))
    say("stopping; requests under way may finish")
    stopping, again = asyncio.ensure_future(running.stop()), asyncio.ensure_future(stop_asked())
    await asyncio.wait((stopping, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    running.listener.hurry()
    running.admin.listener.hurry()
    await stopping


async def stop_asked(reload: Callable[[], None] | None = None) -> None:
    """Until a signal asks for the end. Under nohup a closed terminal does not; where there is a file to `reload`, SIGHUP
    asks for that, unless it is the terminal that has gone."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    terminal = has_terminal()

    def hung_up() -> None:
        if reload is None or (terminal and not has_terminal()):
            asked.set()
        else:
            reload()

    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, hung_up if number == getattr(signal, "SIGHUP", None) else asked.set)
    await asked.wait()


def has_terminal() -> bool:
    """Whether somebody could close the terminal this process belongs to."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
