"""The owner's door: HTTP on `state_dir/admin.sock`, for commands of the same user on the same machine.

The socket's mode (0600, in a directory of mode 0700) is what guards it; there is no key.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import orjson

from fairlead.errors import NotFound, RequestError, StateError
from fairlead.gateway.runtime import Runtime
from fairlead.server.app import refusal
from fairlead.server.health import JSON
from fairlead.server.listener import Exchange, Listener
from fairlead.store.reports import Window
from fairlead.version import __version__

SOCKET = "admin.sock"


class AdminSocket:
    def __init__(self, runtime: Runtime, state_dir: Path) -> None:
        self.runtime = runtime
        self.path = state_dir / SOCKET
        self.listener = Listener(self._answer, refusal)

    async def open(self) -> None:
        if len(str(self.path.absolute()).encode()) > 100:
            raise StateError(f"the path of {self.path} is too long for a socket; set server.state_dir to a shorter one")
        self.path.unlink(missing_ok=True)
        await self.listener.listen_unix(str(self.path))
        self.path.chmod(0o600)

    async def close(self) -> None:
        await self.listener.close(1.0)
        self.path.unlink(missing_ok=True)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            if exchange.path == "/status":
                told: object = {
                    "version": __version__,
                    "snapshot": self.runtime.world.snapshot.hash,
                    "lag": self.runtime.ledger.lag,
                    "models": len(self.runtime.world.snapshot.models),
                }
            elif exchange.path == "/report":
                told = msgspec.to_builtins(await self.runtime.ledger.totals(Window()))
            else:
                raise NotFound(f"there is nothing at {exchange.path}")
        except RequestError as error:
            exchange.send(error.status, JSON, refusal(error))
        else:
            exchange.send(200, JSON, orjson.dumps(told, default=str))
