"""What a gateway does by the calendar: it runs the bench and writes reviews. One process owns the state directory, so each is
done once, however many commands look on.

When something was done is in `schedule.json`, written before it is begun: a process that dies meanwhile spends nothing
twice, and does it in the next period. A first review is written when the period that the gateway was first started in is over.

    bench/2026-11-21T203000Z.json     each run, with its scores
    reviews/2026-10-01.md, .json      each review, by the first day of its period
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated

import msgspec

from fairlead.core.bench import Bench, Every, Scored
from fairlead.core.call import Caller
from fairlead.core.cost import plain
from fairlead.errors import BadRequest, Overloaded, StateError
from fairlead.evidence import bench as files
from fairlead.evidence.periods import due
from fairlead.evidence.review import FOLDER, markdown
from fairlead.gateway import bench
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server.admin import Asking, Route
from fairlead.server.reviewing import last_period, review_of
from fairlead.server.rounds import Rounds
from fairlead.store.audit_chain import Act

log = logging.getLogger("fairlead.schedule")

EVERY = 60.0
NOBODY = Caller("")
DONE = "schedule.json"
RUN = "bench_run"


class Done(msgspec.Struct):
    """When each was done the last time, in epoch seconds; of the review also when it was first thought of."""

    bench: int | None = None
    review: int | None = None


class Scheduling:
    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._runtime = runtime
        self._folder = folder
        self.rounds = Rounds("schedule", lambda: self.look(int(time.time())), lambda: EVERY)

    def begin(self) -> None:
        count(self._runtime, self._folder, int(time.time()))
        self.rounds.begin()

    async def look(self, now: int) -> None:
        """Does what is due."""
        world = self._runtime.world
        if world.bench.every is None and world.review is None:
            return
        done = self._done()
        if due(world.bench.every, done.bench, now):
            self._note(msgspec.structs.replace(done, bench=now))
            await benched(self._runtime, self._folder, self._runtime.world.bench)
            done = self._done()
        if world.review is not None and done.review is None:
            self._note(msgspec.structs.replace(done, review=now))
        elif world.review is not None and due(world.review, done.review, now):
            self._note(msgspec.structs.replace(done, review=now))
            await self._review(world.review, now)

    async def _review(self, every: Every, now: int) -> None:
        since, until = last_period(every, now)
        found = await review_of(self._runtime, since, until)
        name = self._folder / FOLDER / files.named(since)[:10]
        await asyncio.to_thread(files.put, name.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(found)))
        file = await asyncio.to_thread(files.put, name.with_suffix(".md"), markdown(found).encode())
        tell(self._runtime, "review_written", f"{file} says what was spent, what was better and what would save money")

    def _done(self) -> Done:
        """What cannot be read was never done: at worst a run is made once more."""
        try:
            return msgspec.json.decode((self._folder / DONE).read_bytes(), type=Done)
        except (FileNotFoundError, msgspec.DecodeError):
            return Done()

    def _note(self, done: Done) -> None:
        files.put(self._folder / DONE, msgspec.json.encode(done))


async def benched(runtime: Runtime, folder: Path, wanted: Bench, by: Caller | None = None) -> Scored:
    """Runs it, keeps what came of it, and lets that count. Who has it run, where the calendar does not, has done
    something. Raises Overloaded while another run is under way."""
    if runtime.benching.locked():
        raise Overloaded("A run of the bench is under way; wait for its end.", code="bench_running")
    async with runtime.benching:
        found = await bench.run(runtime, wanted)
        file = await asyncio.to_thread(files.write, folder, found)
    count(runtime, folder, found.at)
    words = f"{found.asked} answers of {len(wanted.models)} models for ${plain(found.cost)}: {file.name}"
    if found.left_out:
        words += f"; the budget did not bear {found.left_out} more"
    tell(runtime, RUN, words)
    if by is not None:
        runtime.administration.note(Act(RUN, by.name, "", "bench", words))
    return found


def count(runtime: Runtime, folder: Path, now: int) -> None:
    """What the runs found is evidence from now on."""
    simulated = bench.simulated(runtime.world)
    runtime.vitals.measured(files.judgements(files.runs(folder), now, simulated))


def tell(runtime: Runtime, kind: str, words: str) -> None:
    log.info("%s: %s", kind, words)
    runtime.audit(kind, NOBODY, "", words)


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the bench; what is left out is all of it."""

    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    budget: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Nano-units of USD."""


def part(world: World, wanted: Wanted) -> Bench:
    """Raises BadRequest for what the bench does not have."""
    tasks = sorted({case.task for case in world.bench.cases})
    for task in wanted.tasks:
        if task not in tasks:
            raise BadRequest(f"The bench has no question of task {task!r}; it has: {', '.join(tasks)}.", param="tasks")
    models = []
    for name in wanted.models:
        model = world.snapshot.resolve(name)
        if model is None:
            raise BadRequest(f"There is no model {name!r}.", param="models")
        models.append(model.name)
    found = bench.of_tasks(world.bench, wanted.tasks, models)
    return found if wanted.budget is None else msgspec.structs.replace(found, budget=wanted.budget)


async def running(asking: Asking) -> Scored:
    runtime = asking.runtime
    if runtime.folder is None:
        raise StateError("this gateway keeps no state: there is nowhere to keep a run")
    return await benched(runtime, runtime.folder, part(runtime.world, asking.said), asking.own.caller)


PATH = "/admin/v1/bench"
ROUTES = (
    Route(
        "POST",
        PATH,
        running,
        "admin",
        "Run the bench now: ask models its questions, and let what they answer count.",
        Scored,
        said=Wanted,
        wide=True,
    ),
)
