"""The owner's door: HTTP on `state_dir/admin.sock`, for commands of the same user on the same machine.

The socket's mode (0600, in a directory of mode 0700) is what guards it; there is no key. Models are asked here as well,
in the name of a key (see `batching`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote

import msgspec

from fairlead.core.record import Record
from fairlead.errors import BadRequest, NotFound, Overloaded, RequestError, StateError
from fairlead.gateway.granting import OWNER
from fairlead.server import batching
from fairlead.server.admin import ROOT
from fairlead.server.app import App, refusal
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.experimenting import standings_of
from fairlead.server.guarding import verdicts_of
from fairlead.server.listener import Listener
from fairlead.server.reload import Reload
from fairlead.server.reporting import Told
from fairlead.server.spending import advised_of, told_of
from fairlead.server.surfaces import surfaces
from fairlead.server.switching import channel_states
from fairlead.store.spool import SpoolFailed
from fairlead.store.window import Window
from fairlead.version import __version__

SOCKET = "admin.sock"
APIS = ("/v1/", "/v1beta/")


class AdminSocket:
    def __init__(self, app: App, state_dir: Path, reload: Reload | None = None, passing: bool = False) -> None:
        self.app = app
        self.runtime = app.runtime
        self.reload = reload
        self.passing = passing
        """Whether there is a gateway only for as long as a command takes."""
        self.path = state_dir / SOCKET
        self.administration = surfaces(reload)
        self.listener = Listener(self._answer, refusal)

    async def open(self) -> None:
        if len(str(self.path.absolute()).encode()) > 100:
            raise StateError(f"the path of {self.path} is too long for a socket; set server.state_dir to a shorter one")
        self.path.unlink(missing_ok=True)
        await self.listener.listen_unix(str(self.path))

    async def close(self, grace: float = 1.0) -> None:
        await self.listener.close(grace)
        self.path.unlink(missing_ok=True)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            if exchange.path == "/status":
                told: object = {
                    "version": __version__,
                    "snapshot": self.runtime.world.snapshot.hash,
                    "lag": self.runtime.ledger.lag,
                    "models": len(self.runtime.world.snapshot.models),
                    "load": self.app.shedding.state(),
                    "held": self.runtime.budgets.books.held,
                    "turned_away": dict(self.app.shedding.refused),
                    "tasks": len(asyncio.all_tasks()),
                }
            elif exchange.path == "/report":
                told = msgspec.to_builtins(await self._report(parse_qs(exchange.query)))
            elif exchange.path == "/recommendations":
                told = msgspec.to_builtins(await advised_of(self.runtime, _window(parse_qs(exchange.query))))
            elif exchange.path == "/guards":
                told = msgspec.to_builtins(await verdicts_of(self.runtime, time.time()))
            elif exchange.path == "/experiments":
                told = msgspec.to_builtins(await standings_of(self.runtime, int(time.time())))
            elif exchange.path.startswith("/decision/"):
                told = msgspec.to_builtins(await self._decision(unquote(exchange.path.removeprefix("/decision/"))))
            elif exchange.path == "/models":
                told = msgspec.to_builtins(channel_states(self.runtime))
            elif exchange.path.startswith(ROOT):
                surface = self.administration.find(exchange.path, exchange.method)
                await surface(self.runtime, exchange, OWNER.caller)
                return
            elif exchange.path.startswith(APIS):
                exchange.headers.proof = batching.proof(self.runtime.world, exchange.headers)
                if not self.app.shedding.scarce or self.app.turned_away(exchange) is None:  # this listener has no door
                    await self.app.answer(exchange)
                return
            elif exchange.path == batching.PATH:
                asked = parse_qs(exchange.query)
                key, policy = asked.get("key", [""])[0], asked.get("policy", [""])[0]
                told = batching.terms(self.runtime.world, key, policy, self.passing)
            elif exchange.path == "/contents":
                told = await self._contents(parse_qs(exchange.query).get("key", []))
            elif exchange.path.startswith("/config"):
                told = await self._config(exchange)
            else:
                raise NotFound(f"there is nothing at {exchange.path}")
        except RequestError as error:
            exchange.send(error.status, *refusal(error, exchange.path))
        except (StateError, sqlite3.Error) as error:
            exchange.send(503, *refusal(Overloaded(f"the ledger cannot be read: {error}"), exchange.path))
        else:
            exchange.send(200, JSON, msgspec.json.encode(told))

    async def _config(self, exchange: Exchange) -> object:
        if self.reload is None:
            raise BadRequest("this server was started without --config: there is no file to follow")
        version = parse_qs(exchange.query).get("version", [""])[0]
        match exchange.method, exchange.path:
            case "GET", "/config":
                return self.reload.state
            case "GET", "/config/versions":
                return await self.reload.versions()
            case "POST", "/config/reload":
                return await self.reload.reload("asked for by command", OWNER.caller)
            case "POST", "/config/rollback":
                return await self.reload.rollback(version, "asked for by command", OWNER.caller)
        raise NotFound(f"there is nothing at {exchange.method} {exchange.path}")

    async def _report(self, query: dict[str, list[str]]) -> Told:
        return await told_of(self.runtime, _window(query), tuple(query.get("baseline", ())))

    async def _contents(self, keys: list[str]) -> dict[str, bytes]:
        """What decisions hang on, and the ledger's file up to date, so that it can be read beside."""
        with suppress(SpoolFailed):
            await self.runtime.ledger.flush()
        return await self.runtime.ledger.contents(keys)

    async def _decision(self, request_id: str) -> Record:
        record = await self.runtime.ledger.decision(request_id, None)
        if record is None:
            raise NotFound(f"there is no request {request_id[:100]!r}")
        return record


def _window(query: dict[str, list[str]]) -> Window:
    since = query.get("since_ms", ["0"])[0]
    return Window(since_ms=int(since) if since.isdecimal() and len(since) < 19 else 0)
