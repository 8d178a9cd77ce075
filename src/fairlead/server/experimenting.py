"""The experiments of a running gateway: now and then they are looked at, and what is certain counts from then on.

What was found, and that an experiment is over, is a line in the log and a row of the audit (`experiment_found`,
`experiment_over`), each told once, whatever starts and stops meanwhile: what was told is in the audit.
"""

from __future__ import annotations

import logging
import sqlite3
import time

import msgspec

from fairlead.core.call import Caller
from fairlead.errors import Overloaded
from fairlead.evidence.experiments import Standing, certain, standings
from fairlead.gateway.runtime import Runtime
from fairlead.server.admin import Asking, Route
from fairlead.server.rounds import Rounds
from fairlead.server.spending import of_ledger

log = logging.getLogger("fairlead.experiments")

EVERY = 60.0
NOBODY = Caller("")


class Experimenting:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told: set[tuple[str, str]] | None = None
        """(kind, words) of what is in the audit; None until it was read."""
        self.rounds = Rounds("experiments", lambda: self.look(int(time.time())), lambda: EVERY, at_once=True)

    async def look(self, now: int) -> None:
        vitals = self._runtime.vitals
        if not self._runtime.world.experiments:
            vitals.compare({})
            return
        found = await standings_of(self._runtime, now)
        vitals.compare(certain(found))
        if self._told is None:
            self._told = await of_ledger(self._runtime, told_before)
        for one in found:
            self._tell(one, self._told)

    def _tell(self, one: Standing, before: set[tuple[str, str]]) -> None:
        name = one.experiment.name
        words = [
            ("experiment_found", f"{name}: {arm.name} is {'better' if arm.against.value > 0 else 'worse'} than {one.first.name}")
            for arm in one.arms[1:]
            if arm.against is not None and arm.against.tells
        ]  # fmt: skip
        if one.phase == "over":
            words.append(("experiment_over", name))
        for kind, said in words:
            if (kind, said) not in before:
                before.add((kind, said))
                log.info("%s: %s", kind, said)
                self._runtime.audit(kind, NOBODY, "", said)


def told_before(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    sql = "SELECT kind, detail FROM audit WHERE kind IN ('experiment_found', 'experiment_over')"
    return {(kind, detail) for kind, detail in connection.execute(sql)}


async def standings_of(runtime: Runtime, now: int) -> tuple[Standing, ...]:
    declared = runtime.world.experiments
    return await of_ledger(runtime, lambda connection: standings(connection, declared, now))


class Experiments(msgspec.Struct, frozen=True):
    experiments: tuple[Standing, ...]


async def experiments(asking: Asking) -> Experiments:
    try:
        return Experiments(await standings_of(asking.runtime, int(time.time())))
    except sqlite3.Error as error:
        raise Overloaded(f"the ledger cannot be read: {error}") from None


ROUTES = (
    Route(
        "GET",
        "/admin/v1/experiments",
        experiments,
        "viewer",
        "How the experiments stand: what the answers of each arm were worth, and what is certain.",
        Experiments,
        wide=True,
    ),
)
