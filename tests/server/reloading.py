"""A server that follows a file, for what may change while it runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fairlead.config.load import loads
from fairlead.server.reload import Reload, Source
from fairlead.server.serve import start
from tests.server.serving import Served, config
from tests.upstream import scripted


class Followed(Served):
    """Its file, and what takes it up."""

    file: Path

    @property
    def reload(self) -> Reload:
        assert self.running.reload is not None
        return self.running.reload

    def text(self, more: str = "", **sections: str) -> str:
        given = {**sections, "more": more} if more else sections
        return config(self.upstream.port, self.state_dir, **given)

    def write(self, text: str) -> None:
        """As editors do: a new file in the place of the old one."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)

    async def take(self, text: str) -> bool:
        self.write(text)
        return (await self.reload.reload("test")).taken


@asynccontextmanager
async def following(folder: Path, **sections: str) -> AsyncIterator[Followed]:
    async with scripted() as upstream:
        text = config(upstream.port, folder / "s", **sections)
        file = folder / "fairlead.yaml"
        file.write_text(text)
        running = await start(loads(text, str(file)), source=Source(file, text))
        server = Followed(running, upstream, running.port)
        server.file = file
        try:
            yield server
        finally:
            for connection in list(running.listener.connections):
                connection.drop()
            if not running.listener.closing:
                await running.stop()
