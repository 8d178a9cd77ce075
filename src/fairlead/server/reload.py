"""A changed configuration is taken up while the server runs: whole, or not at all.

    changed file ─┐
    SIGHUP        ├─> read and built in a thread ─> valid ──> the gateway turns to it
    command, API ─┘                                └> wrong ─> told line by line; what was in force goes on

- A file is taken once it has looked the same twice, so that half-written ones are not.
- A version is a digest of the text. Each one that was in force is kept, without secrets that stand in it; this process
  remembers the texts of its own, so it can go back to those too.
- A rollback holds until the file says something new, also over a restart; to a text with secrets only as long as the process
  lives, and whoever asks for it is told so.
- What was settled when the process began stays, for the checks too: an address that others reach goes on needing keys,
  whatever the new text calls it. The answer and the log name what would have changed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fairlead.config import load
from fairlead.config.keeping import without_secrets
from fairlead.config.schema import Config, Server
from fairlead.core.call import Caller
from fairlead.errors import ConfigError, StateError
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.simulation import simulated_upstream
from fairlead.server import building
from fairlead.server.building import Shaped, as_read
from fairlead.store import configurations
from fairlead.store.configurations import PREFIX, Kept, Version

log = logging.getLogger("fairlead.config")

LOOK = 0.4
"""Seconds between two looks at the file."""
AGAIN = 0.2
"""Seconds after which a changed one must still look the same."""
REMEMBERED = 20
"""Texts of its own versions that a process remembers."""
PIN = "config.pin"
PINNED = "the pin of the last process"
SETTLED = ("host", "port", "state_dir", "pepper")
"""Settings of `server` that hold from the start of the process to its end."""
FLEETING = "secrets stand in the text of {version}, so it is not kept whole: a restart follows the file again"
NOBODY = Caller("")

Look = tuple[int, ...] | None
"""What of a file changes when somebody writes to it; None where there is none."""
UNSEEN: Look = ()


class Source(msgspec.Struct, frozen=True):
    """Where the configuration comes from, what stood there at the start, and what the command line puts in its place."""

    path: Path
    text: str
    shaped: Shaped = as_read


class Outcome(msgspec.Struct, frozen=True):
    taken: bool
    version: str
    """The one in force now."""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class State(msgspec.Struct, frozen=True):
    """What there is to tell of the configuration in force."""

    version: str
    source: str
    since_ms: int
    pinned: bool = False
    rejected: tuple[str, ...] = ()
    """What is wrong with the newer text that was not taken."""
    rejected_ms: int = 0


class Pin(msgspec.Struct, frozen=True):
    """The version that holds as long as the file is what it was."""

    version: str
    file: str


class Reload:
    def __init__(self, source: Source, config: Config, runtime: Runtime, pepper: bytes, speed: float = 1.0) -> None:
        self.source = source
        self.runtime = runtime
        self.took: list[Callable[[Config], None]] = []
        """Called with each configuration that is put in force."""
        self._pepper = pepper
        self._speed = speed
        self._turn = asyncio.Lock()
        self._file = building.version_of(source.text, pepper)
        """The version of the text last read from the file."""
        self._texts = {self._file: source.text}
        self._pin = Path(config.server.state_dir) / PIN
        self._settled = config.server
        self._watching: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[Outcome]] = set()
        self.state = State(self._file, str(source.path), _now_ms())

    async def open(self) -> None:
        """What is in force is kept, and what was pinned is put in force again."""
        await self._keep(self._texts[self._file])
        pin = _pinned(self._pin)
        if pin is not None and pin.file == self._file:
            outcome = await self.rollback(pin.version, PINNED)
            if not outcome.taken and not self.state.rejected:
                self._rejected(outcome.problems, PINNED, NOBODY)
        else:
            self._hold(None)
        self._watching = asyncio.create_task(self._watch(), name="fairlead-config")

    async def close(self) -> None:
        for task in (self._watching, *self._asked):
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))

    def ask(self, why: str) -> None:
        """Soon, for who cannot wait."""
        task = asyncio.ensure_future(self.reload(why))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def reload(self, why: str, caller: Caller = NOBODY) -> Outcome:
        """Takes up what the file says."""
        async with self._turn:
            try:
                text = await asyncio.to_thread(load.read, self.source.path)
            except ConfigError as error:
                return self._rejected(error.problems, why, caller)
            self._file = building.version_of(text, self._pepper)
            return await self._put_in_force(text, why, caller)

    async def renew(self, why: str) -> Outcome:
        """Builds what is in force again: what it hangs on beside its text has changed."""
        async with self._turn:
            return await self._put_in_force(self._texts[self.state.version], why, NOBODY)

    async def rollback(self, version: str, why: str, caller: Caller = NOBODY) -> Outcome:
        """Puts an earlier version in force again, until the file says something new."""
        async with self._turn:
            try:
                text = await self._text_of(version)
            except (ConfigError, StateError, sqlite3.Error) as error:
                return Outcome(False, self.state.version, _problems(error))
            return await self._put_in_force(text, why, caller, back=True)

    async def versions(self) -> list[Version]:
        """All that were in force, the latest first."""
        found = {one.version: one for one in await self.runtime.ledger.ask(configurations.versions)}
        return [
            msgspec.structs.replace(
                one,
                restorable=one.restorable or version in self._texts,
                in_force=version == self.state.version,
            )
            for version, one in found.items()
        ]

    async def _text_of(self, version: str) -> str:
        text = self._texts.get(version)
        if text is not None:
            return text
        found = await self.runtime.ledger.ask(lambda ledger: configurations.find(ledger, version))
        if found is None:
            raise ConfigError([f"there is no version {version[:40]!r}; `fairlead config versions` lists them"])
        if not found.restorable:
            raise ConfigError(
                [
                    f"version {version} cannot be restored: secrets stood in its text, which are not kept; "
                    "write them as ${VARIABLE}, and later versions can"
                ]
            )
        return found.text

    async def _put_in_force(self, text: str, why: str, caller: Caller, back: bool = False) -> Outcome:
        try:
            name = str(self.source.path)
            config, world = await asyncio.to_thread(building.read, text, name, self._pepper, self._as_settled)
            await self.runtime.turn_to(world, simulated_upstream(config, self._speed))
        except (ConfigError, StateError, sqlite3.Error) as error:
            return self._rejected(_problems(error), why, caller)
        before, version = self.state.version, world.version
        pinned = version != self._file
        self.state = State(version, str(self.source.path), _now_ms(), pinned)
        for tell in self.took:
            tell(config)
        self._hold(Pin(version, self._file) if pinned else None)
        whole = await self._keep(text)
        if pinned and not whole:
            config = config.warned((*config.warnings, FLEETING.format(version=version)))
        log.info("configuration %s is in force (%s)", version, why)
        for warning in config.warnings:
            log.warning("%s", warning)
        words = f"configuration {version} in the place of {before} ({why})"
        self.runtime.act("rolled_back" if back else "reloaded", caller, "", words)
        return Outcome(True, version, (), config.warnings)

    def _as_settled(self, config: Config) -> Config:
        """With what does not move any more as it is, and a warning of what would have."""
        config = self.source.shaped(config)
        kept = {name: getattr(self._settled, name) for name in SETTLED}
        moved = _unmoved(self._settled, config.server)
        stayed = config.model_copy(update={"server": config.server.model_copy(update=kept)})
        return stayed.warned((*config.warnings, *moved))

    async def _keep(self, text: str) -> bool:
        """Remembered here, and kept for good as far as that may be; whether that is all of it."""
        version = self.state.version
        self._texts.pop(version, None)
        self._texts[version] = text
        while len(self._texts) > REMEMBERED:
            del self._texts[next(iter(self._texts))]
        told = await asyncio.to_thread(without_secrets, text)
        stored = Kept(told, str(self.source.path), _now_ms(), told == text)
        self.runtime.ledger.keep(PREFIX + version, msgspec.msgpack.encode(stored))
        return stored.restorable

    def _rejected(self, problems: tuple[str, ...], why: str, caller: Caller) -> Outcome:
        self.state = msgspec.structs.replace(self.state, rejected=problems, rejected_ms=_now_ms())
        log.error("the configuration is rejected (%s); %s stays in force", why, self.state.version)
        for problem in problems:
            log.error("%s", problem)
        words = f"{self.state.version} stays in force ({why}): {problems[0]}"
        self.runtime.act("reload_rejected", caller, "", words)
        return Outcome(False, self.state.version, problems)

    def _hold(self, pin: Pin | None) -> None:
        try:
            if pin is None:
                self._pin.unlink(missing_ok=True)
                return
            new = self._pin.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(pin))
            new.replace(self._pin)
        except OSError as problem:
            log.warning("%s cannot be written (%s): a restart follows the file", self._pin, problem.strerror)

    # ---- the file

    async def _watch(self) -> None:
        # A file was read before the start, and may have changed since; what is none is read only once.
        known = UNSEEN if self.source.path.is_file() else _look(self.source.path)
        while True:
            await asyncio.sleep(LOOK)
            found = _look(self.source.path)
            if found == known:
                continue
            await asyncio.sleep(AGAIN)
            if _look(self.source.path) != found:
                continue
            known = found
            if found is None:
                log.warning("%s is gone; configuration %s stays in force", self.source.path, self.state.version)
            elif await self._says_something_new():
                await self.reload("the file has changed")

    async def _says_something_new(self) -> bool:
        """Whether the file is more than touched. What cannot be read is for the reload to tell."""
        try:
            text = await asyncio.to_thread(load.read, self.source.path)
        except ConfigError:
            return True
        return building.version_of(text, self._pepper) != self._file


def _look(path: Path) -> Look:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _unmoved(settled: Server, now: Server) -> tuple[str, ...]:
    """Warnings of what would have to change and does not."""
    return tuple(
        f"server.{name} has changed; that takes a restart: until then it stays as it was"
        for name in SETTLED
        if getattr(settled, name) != getattr(now, name)
    )


def _problems(error: Exception) -> tuple[str, ...]:
    return tuple(error.problems) if isinstance(error, ConfigError) else (str(error),)


def _pinned(path: Path) -> Pin | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pin)
    except (OSError, msgspec.DecodeError):
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
