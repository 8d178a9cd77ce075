"""Models and channels that somebody switched off while the server runs: until a time, or until they are switched on.

New requests see it at once, what is under way ends as it is. It holds over a restart: a small file in the state
directory says who is off and until when. As long as the process lives, how long that is does not hang on the time of day.
Who is off by the configuration cannot be switched on here.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from fairlead.core.choice import nearest
from fairlead.core.model import Snapshot
from fairlead.errors import NotFound, StateError

FILE = "switches.json"
NOBODY: frozenset[str] = frozenset()
FOREVER = float("inf")

log = logging.getLogger("fairlead.gateway")


class Switches:
    def __init__(
        self,
        folder: Path | None,
        returned: Callable[[str], None],
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self._ticks = ticks
        self._file = None if folder is None else folder / FILE
        self._returned = returned
        ahead = ticks() - now()
        self._off = {} if self._file is None else {name: until + ahead for name, until in _read(self._file).items()}
        """Until when, in ticks."""
        self.names = NOBODY
        """Of those that are off, as of the last look."""
        self._next = 0.0
        """When the first of them is over."""
        self._renew()

    def off(self) -> frozenset[str]:
        """The models and channels that are off at this moment."""
        if self._off and self._ticks() >= self._next:
            self._end()
        return self.names

    def until(self, name: str) -> float | None:
        """Seconds since 1970, or for ever; None where it is not off."""
        return self._off[name] - self._ticks() + self.now() if name in self.off() else None

    def back_in(self, channels: Iterable[str]) -> float | None:
        """Seconds until the first of these is on by itself; None where that takes somebody, or nobody switched them off.
        A channel is off as long as its model is, which ends with `@` where that is told as a whole."""
        off, now = self._off, self._ticks()
        ends = [max(off.get(name, 0.0), off.get(name.rpartition("@")[0], 0.0)) for name in channels]
        soonest = min((until for until in ends if until > now), default=FOREVER)
        return None if soonest == FOREVER else soonest - now

    def disable(self, name: str, seconds: float | None) -> None:
        """For so long; None until it is switched on."""
        before = dict(self._off)
        self._off[name] = FOREVER if seconds is None else self._ticks() + seconds
        self._keep(before)

    def enable(self, name: str) -> bool:
        """Whether it was off."""
        before = dict(self._off)
        was = self._off.pop(name, None) is not None
        if was:
            self._keep(before)
        return was

    def _end(self) -> None:
        now = self._ticks()
        over = [name for name, until in self._off.items() if until <= now]
        for name in over:
            del self._off[name]
        # The file says until when: what it still holds of them is read as over.
        self._renew()
        for name in over:
            self._returned(name)

    def _renew(self) -> None:
        self.names = frozenset(self._off) if self._off else NOBODY
        self._next = min(self._off.values(), default=FOREVER)

    def _keep(self, before: dict[str, float]) -> None:
        """On disk first: what could not be written down is not so."""
        try:
            if self._file is not None:
                ahead = self.now() - self._ticks()
                _write(self._file, {name: until + ahead for name, until in self._off.items()})
        except OSError as problem:
            self._off = before
            raise StateError(f"cannot write {self._file}: {problem.strerror}") from None
        self._renew()


def place(snapshot: Snapshot, asked: str) -> str:
    """The name of the model, or the id of the channel (`model@channel`), that is meant. Raises NotFound."""
    found = snapshot.resolve(asked)
    if found is not None:
        return found.name
    name, _, channel = asked.rpartition("@")
    model = snapshot.resolve(name)
    for one in () if model is None else model.channels:
        if one.name == channel:
            return one.id
    channels = [one.id for each in snapshot.models.values() for one in each.channels]
    known = channels if name else [*snapshot.models, *snapshot.aliases]
    raise NotFound(f"there is no model or channel {asked[:200]!r} here.{nearest(asked, known)}", code="model_not_found")


def _read(file: Path) -> dict[str, float]:
    try:
        found = json.loads(file.read_text())
        return {str(name): FOREVER if until is None else float(until) for name, until in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as problem:
        log.error("%s cannot be read, so that nothing is switched off: %s", file, problem)
        return {}


def _write(file: Path, off: dict[str, float]) -> None:
    """Whole or not at all."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({name: None if until == FOREVER else until for name, until in off.items()}))
    os.replace(new, file)
