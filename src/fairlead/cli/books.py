"""The ledger of a state directory: through its owner where a server runs, so that what was answered a moment ago
counts too; else from the database, read-only."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from fairlead.cli.messages import tr
from fairlead.cli.terminal import say
from fairlead.core.record import Audit, Record
from fairlead.errors import FairleadError, StateError
from fairlead.store.ledger import DATABASE, SPOOL
from fairlead.store.owner import is_owned
from fairlead.store.reports import open_ledger
from fairlead.store.sqlite import contents as stored_contents
from fairlead.store.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.config.schema import Config
    from fairlead.evidence.advice import Advised
    from fairlead.evidence.experiments import Standing
    from fairlead.evidence.guards import GuardState
    from fairlead.evidence.review import Review
    from fairlead.server.reporting import Told

SOCKET = "admin.sock"
PATIENCE = 30.0
DONE = (200, 201)
GLANCE = 1.0
"""Seconds for the question whether anybody is there."""
T = TypeVar("T")


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def hang_up(self) -> None:
        """Whoever waits for an answer in another thread waits no longer."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        self.close()


def is_served(state_dir: Path) -> bool:
    """Whether a server owns the directory and answers."""
    try:
        return ask_owner(state_dir, "/status", GLANCE) is not None
    except FairleadError:
        return False


def ask_owner(
    state_dir: Path, target: str, patience: float = PATIENCE, method: str = "GET", said: bytes = b""
) -> bytes | None:
    """What the owning server answers; None when there is none that this user may ask."""
    try:
        if not (state_dir / SOCKET).exists() or not is_owned(state_dir):
            return None
    except OSError as problem:
        raise StateError(f"cannot look into the state directory {state_dir}: {problem.strerror}") from None
    connection = Connection(state_dir / SOCKET, patience)
    try:
        connection.request(method, target, said or None)
        answer = connection.getresponse()
        body = answer.read()
    except PermissionError:  # another user's server, whose ledger may still be readable
        return None
    except (OSError, http.client.HTTPException) as problem:
        raise StateError(
            f"the server that owns {state_dir} does not answer: {str(problem) or type(problem).__name__}"
        ) from None
    finally:
        connection.close()
    if answer.status == 404:
        raise Missing(message(body))
    if answer.status not in DONE:
        raise StateError(f"the server that owns {state_dir} refused: {message(body)}")
    return body


class Missing(FairleadError):
    """The owner knows nothing of that name."""


def decision(state_dir: Path, request_id: str) -> Record | None:
    try:
        found = ask_owner(state_dir, f"/decision/{quote(request_id, safe='')}")
    except Missing:
        return None
    if found is not None:
        return msgspec.json.decode(found, type=Record)
    demand_ledger(state_dir)
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        row = _reading(
            state_dir,
            lambda: connection.execute("SELECT record FROM requests WHERE id = ?", (request_id,)).fetchone(),
        )
    return None if row is None else msgspec.msgpack.decode(row[0], type=Record)


def refusal(state_dir: Path, request_id: str) -> Audit | None:
    """The audit's line on a request that was turned down before anybody was asked."""
    contents(state_dir, ())
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        sql = "SELECT at_ms, kind, key, tenant, request, detail FROM audit WHERE request = ? ORDER BY seq DESC LIMIT 1"
        row = _reading(state_dir, lambda: connection.execute(sql, (request_id,)).fetchone())
    return None if row is None else Audit(*row)


def contents(state_dir: Path, keys: tuple[str, ...]) -> dict[str, bytes]:
    """What decisions hang on; where a server runs, what it has is in the ledger's file afterwards."""
    found = ask_owner(state_dir, f"/contents?{urlencode([('key', key) for key in keys])}")
    if found is not None:
        return msgspec.json.decode(found, type=dict[str, bytes])
    demand_ledger(state_dir)
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(state_dir, lambda: stored_contents(connection, keys))


def latest(state_dir: Path, count: int) -> list[Record]:
    """The last finished requests that reached the ledger's file, newest first."""
    contents(state_dir, ())
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        sql = "SELECT record FROM requests ORDER BY at_ms DESC, seq DESC LIMIT ?"
        rows = _reading(state_dir, lambda: connection.execute(sql, (count,)).fetchall())
    return [msgspec.msgpack.decode(row[0], type=Record) for row in rows]


def report(state_dir: Path, config: Callable[[], Config], window: Window, baselines: tuple[str, ...]) -> Told:
    """A running server compares with its own models; else those of `config` are compared with."""
    from fairlead.server.reporting import Told, configured_by, report_from

    query = [("since_ms", str(window.since_ms)), *(("baseline", name) for name in baselines)]
    found = ask_owner(state_dir, f"/report?{urlencode(query)}")
    if found is not None:
        return msgspec.json.decode(found, type=Told)
    demand_ledger(state_dir)
    from fairlead.registry import market
    from fairlead.registry.catalogue import load

    catalogue = market.merged(load(), market.read(state_dir))
    say_what_is_missing(state_dir)
    by = configured_by(config(), catalogue)
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(state_dir, lambda: report_from(connection, window, by, catalogue, baselines))


def recommendations(state_dir: Path, config: Callable[[], Config], window: Window) -> Advised:
    """By a running server's configuration, else by `config`."""
    from fairlead.evidence.advice import Advised
    from fairlead.evidence.recommend import recommend

    found = ask_owner(state_dir, f"/recommendations?{urlencode([('since_ms', str(window.since_ms))])}")
    if found is not None:
        return msgspec.json.decode(found, type=Advised)
    demand_ledger(state_dir)
    from fairlead.registry.catalogue import load
    from fairlead.server.advising import ground
    from fairlead.server.reporting import configured_by

    say_what_is_missing(state_dir)
    by, now = configured_by(config(), load()), int(time.time())
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(state_dir, lambda: recommend(ground(connection, window, by, now)))


def guards(state_dir: Path, config: Callable[[], Config]) -> tuple[GuardState, ...]:
    """By a running server's settings, else by those of `config`."""
    from fairlead.evidence.guards import GuardState

    found = ask_owner(state_dir, "/guards")
    if found is not None:
        return msgspec.json.decode(found, type=tuple[GuardState, ...])
    demand_ledger(state_dir)
    from fairlead.registry.catalogue import load
    from fairlead.server.guarding import judge
    from fairlead.server.reporting import configured_by

    say_what_is_missing(state_dir)
    by, now = configured_by(config(), load()), time.time()
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(state_dir, lambda: judge(connection, by, now))


def experiments(state_dir: Path, config: Callable[[], Config]) -> tuple[Standing, ...]:
    """By a running server's configuration, else by `config`."""
    from fairlead.evidence.experiments import Standing, standings

    found = ask_owner(state_dir, "/experiments")
    if found is not None:
        return msgspec.json.decode(found, type=tuple[Standing, ...])
    demand_ledger(state_dir)
    from fairlead.registry.experiments import experiments

    say_what_is_missing(state_dir)
    declared, now = experiments(config()), int(time.time())
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(state_dir, lambda: standings(connection, declared, now))


def review(state_dir: Path, config: Callable[[], Config], since: int, until: int) -> Review:
    """By a running server's configuration, else by `config`."""
    from fairlead.evidence.bench import runs
    from fairlead.evidence.experiments import standings
    from fairlead.evidence.review import Review
    from fairlead.server.reviewing import PATH, review_from

    found = ask_owner(state_dir, f"{PATH}?{urlencode({'since': since, 'until': until})}")
    if found is not None:
        return msgspec.json.decode(found, type=Review)
    demand_ledger(state_dir)
    from fairlead.registry.catalogue import load
    from fairlead.registry.experiments import experiments
    from fairlead.server.reporting import configured_by

    say_what_is_missing(state_dir)
    by, declared = configured_by(config(), load()), experiments(config())
    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return _reading(
            state_dir,
            lambda: review_from(connection, by, runs(state_dir), standings(connection, declared, until), since, until),
        )


def say_what_is_missing(state_dir: Path) -> None:
    if is_owned(state_dir):
        say(tr("note: the program that owns this ledger cannot be asked; its last moments are missing here"))
    elif any((state_dir / SPOOL).glob("*")):
        say(tr("note: the gateway did not stop in order; its last requests join these figures when it starts again"))


def demand_ledger(state_dir: Path) -> None:
    if not (state_dir / DATABASE).exists():
        raise StateError(
            f"there is no ledger in {state_dir}; the gateway makes one when it starts. "
            "If yours is elsewhere, name it with --state-dir, or its configuration with --config"
        )


def _reading(state_dir: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except sqlite3.Error as problem:
        raise StateError(f"cannot read the ledger in {state_dir}: {problem}") from None


def message(body: bytes) -> str:
    """Of an error, in whichever dialect."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
