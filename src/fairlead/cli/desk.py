"""The admin API from the command line: through the server that owns the state directory; where none runs, the command
takes its lock and does the same itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click
import msgspec

from fairlead.cli.asking import settings
from fairlead.cli.books import Missing, ask_owner
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.config.schema import Config
    from fairlead.server.keys import KeyTold

CONFIG = click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
STATE = click.option(
    "--state-dir", type=click.Path(path_type=Path), help="The server's state directory, instead of server.state_dir."
)
KEYS = "/admin/v1/keys"


class Desk:
    """Where the keys of one state directory are administered."""

    def __init__(self, path: Path | None, state_dir: Path | None) -> None:
        self._path = path
        self._config: Config | None = None
        self.folder = state_dir or Path(self.config.server.state_dir)

    @property
    def config(self) -> Config:
        if self._config is None:
            self._config = settings(self._path)
        return self._config

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, said: object = None) -> bytes:
        body = b"" if said is None else msgspec.json.encode(said)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            found = ask_owner(self.folder, target, method=method, said=body)
        except Missing as missing:
            raise FairleadError(str(missing)) from None
        return asyncio.run(self._alone(method, path, urlencode(query or {}), body)) if found is None else found

    def key(self, named: str) -> KeyTold:
        """The issued key of that id, or the only one of that name."""
        from fairlead.server.keys import MOST, KeyPage

        found, after = [], ""
        while True:
            query = {"search": "" if named.startswith("key_") else named, "after": after, "limit": str(MOST)}
            page = msgspec.json.decode(self.ask("GET", KEYS, query), type=KeyPage)
            found += [one for one in page.keys if named in (one.id, one.called, one.name)]
            if page.next is None:
                break
            after = page.next
        exact = [one for one in found if named in (one.id, one.called)] or found
        if not exact:
            raise FairleadError(f"there is no key {named!r}; `fairlead keys list` shows them")
        if len(exact) > 1:
            raise FairleadError(f"several keys are called {named!r}: {', '.join(one.called for one in exact)}")
        return exact[0]

    def change(self, named: str, method: str, verb: str = "", said: object = None) -> bytes:
        key = self.key(named)
        if not key.id:
            raise FairleadError(f"key {key.called!r} stands in the configuration: change it there")
        return self.ask(method, f"{KEYS}/{quote(key.id, safe='')}{verb}", said=said)

    async def _alone(self, method: str, path: str, query: str, body: bytes) -> bytes:
        from fairlead.gateway.administration import Administration
        from fairlead.gateway.granting import OWNER
        from fairlead.gateway.keyring import Keyring
        from fairlead.server.admin import tables
        from fairlead.server.building import build
        from fairlead.server.keys import ROUTES
        from fairlead.server.serve import pepper_of
        from fairlead.store.owner import Owner

        with Owner.acquire(self.folder):
            world = build(self.config, pepper_of(self.config.server, self.folder), "")
            administration = Administration(self.folder, lambda act, head: None)
            try:
                keyring = Keyring(world, administration)
                await keyring.open()
                keyring.in_force(world)
                surface = tables(ROUTES).find(path, method)
                return (await surface.told(keyring, None, OWNER.caller, path, query, body))[1]
            finally:
                await administration.close()
