"""Whom a batch asks: the server of the state directory, or another command that is its gateway for a while; where there
is none, or it ends before the batch does, the command itself, which then listens at no address but the socket."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

from fairlead.cli.books import ask_owner
from fairlead.cli.terminal import say
from fairlead.errors import StateError
from fairlead.server.serve import raise_file_limit, within
from fairlead.store.owner import is_owned

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from fairlead.cli.desk import Desk

STARTING = 10.0
"""Seconds that an owner has to answer."""
GLANCE = 0.2


class Gateway:
    """Whoever it is, for as long as it is entered."""

    def __init__(self, desk: Desk, clear: Callable[[], None]) -> None:
        self._desk = desk
        self._clear = clear
        self._own = AsyncExitStack()
        self._turn = asyncio.Lock()
        self.passing = False
        """Whether it ends with a command."""

    async def __aenter__(self) -> Gateway:
        if not await self._answers():
            try:
                await self._begin()
            except StateError:  # two began at once: the other was first
                if not is_owned(self._desk.folder) or not await self._answers():
                    raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._own.aclose()

    async def stand_in(self) -> None:
        """For one that has ended with its command. A server's place is left to it: it may be starting anew."""
        async with self._turn:
            if self.passing and not is_owned(self._desk.folder):
                with suppress(StateError):  # another one stands in already
                    await self._begin()
                    self.passing = False

    async def _answers(self) -> bool:
        """An owner that answers nothing yet is waited for."""
        folder, until = self._desk.folder, monotonic() + STARTING
        while True:
            try:
                found = await asyncio.to_thread(ask_owner, folder, "/status")
            except StateError:
                if monotonic() > until:
                    raise
                found = None
            if found is not None or not is_owned(folder) or monotonic() > until:
                return found is not None
            await asyncio.sleep(GLANCE)

    async def _begin(self) -> None:
        raise_file_limit()
        config = self._desk.config
        server = config.server.model_copy(update={"state_dir": str(self._desk.folder)})
        await self._own.enter_async_context(within(config.model_copy(update={"server": server})))
        logging.getLogger().addHandler(Told(self._clear))


class Told(logging.Handler):
    """What a gateway says of its providers: it may hold what they said."""

    def __init__(self, clear: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._clear = clear

    def emit(self, record: logging.LogRecord) -> None:
        self._clear()
        say(self.format(record))
