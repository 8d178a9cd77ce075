"""What a case is, what it is played on, and what has to hold after each of them.

Cases that share a *home* are played on one process, one after the other, each with providers and a model of its own, so
that what one of them leaves behind is found by the next. The scripted upstream's log is the oracle.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from tests.chaos.gateway import Gateway, gateway
from tests.chaos.load import Load, Seat, Tally
from tests.gateway.reaching import black_hole, refusing
from tests.upstream import Play, Upstream, answer, event, events, scripted, stream

Act = Callable[[bool], Play]
"""What a request at a seat gets; told whether it is to be streamed."""
LETTERS = "abcd"
SETTLED_SECONDS = 3.0

HOMES = {
    "lenient": "health: {failures: 1000000, probe_every: 0}",
    "guarded": "health: {failures: 3, ejection: 1, longest: 8, probe_every: 0}",
    "brief": "health: {failures: 1000000, probe_every: 0}",
}
SERVERS = {"brief": ", request_timeout: 2, header_timeout: 1, body_timeout: 1, max_body_mb: 1, max_in_flight: 32"}
"""Homes: in one the circuits never open, so that every request meets the fault; in one they do, and soon."""


@dataclass(frozen=True)
class Case:
    faults: str
    """Its numbers in the list of faults."""
    name: str
    injected: str
    required: str
    play: Callable[[Scene], Awaitable[str]]
    """Gives what was seen, and says with `Scene.require` what should have been otherwise."""
    home: str = "lenient"
    """Empty: it starts processes itself."""
    provider: str = ""
    """Settings of its providers."""
    seats: int = 2
    balance: str = "declared"
    first: str = "upstream"
    """Where its first provider is: at the upstream, `refusing` or `hole`."""
    only_long: bool = False


@dataclass
class Scene:
    case: Case
    slug: str
    upstream: Upstream
    acts: dict[str, Act]
    times: dict[str, list[float]]
    folder: Path
    long: bool
    chance: Random
    gateway: Gateway | None = None
    problems: list[str] = field(default_factory=list)
    unbooked: set[str] = field(default_factory=set)
    """Seats of which the books may know more than the upstream: requests were given up while they were being sent."""

    def require(self, holds: object, words: str) -> None:
        if not holds:
            self.problems.append(words)

    @property
    def slack(self) -> float:
        """By how much a time may be missed: a short run shares its machine with others."""
        return 1.0 if self.long else 4.0

    @property
    def here(self) -> Gateway:
        assert self.gateway is not None
        return self.gateway

    @property
    def model(self) -> str:
        return self.slug

    def seat(self, letter: str) -> str:
        return self.slug + letter

    def act(self, letter: str, act: Act) -> None:
        self.acts[self.seat(letter)] = act

    def calls(self, letter: str) -> int:
        return sum(seen.seat == self.seat(letter) for seen in self.upstream.calls)

    def load(self, at_once: int = 32, streams: bool | None = None, pause: float = 0.0, model: str = "") -> Load:
        return Load(self.here.port, model or self.model, at_once, streams, pause)

    async def all_good(self, tally: Tally) -> None:
        for one in tally.bad[:1]:
            self.require(
                False,
                f"{len(tally.bad)} of {len(tally.told)} were no whole answer, like {one.status} {one.body[:160]!r}",
            )


class Stage:
    """One upstream and the processes in front of it."""

    def __init__(self, folder: Path, long: bool, seed: int) -> None:
        self.folder, self.long = folder, long
        self.chance = Random(seed)
        self.acts: dict[str, Act] = {}
        self.times: dict[str, list[float]] = defaultdict(list)
        self.upstream = Upstream()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Stage]:
        async with scripted() as self.upstream, black_hole() as self.hole:
            self.refusing = refusing()
            self.upstream.next_play = self._play  # type: ignore[method-assign]
            yield self

    def _play(self, seat: str, body: bytes) -> Play:
        self.times[seat].append(monotonic())
        queued = self.upstream.script.get(seat)
        if queued:
            return queued.popleft()
        streamed = b'"stream":true' in body.replace(b" ", b"")
        act = self.acts.get(seat, well)
        return act(streamed)

    def scene(self, number: int, case: Case) -> Scene:
        slug = slug_of(number)
        return Scene(case, slug, self.upstream, self.acts, self.times, self.folder, self.long, self.chance)

    @asynccontextmanager
    async def home(self, name: str, cases: Sequence[tuple[int, Case]]) -> AsyncIterator[Gateway]:
        state_dir, file = self.folder / name, self.folder / f"{name}.yaml"
        file.write_text(self.config(name, state_dir, cases))
        async with gateway(file, state_dir) as one:
            yield one

    def config(self, name: str, state_dir: Path, cases: Sequence[tuple[int, Case]]) -> str:
        providers, models, policies, keys = [], [], [], []
        for number, case in [(0, ORDINARY), *cases]:
            slug = slug_of(number)
            for letter in LETTERS[: case.seats]:
                address = self._address(case.first if letter == "a" else "upstream", slug + letter)
                providers.append(
                    f'  {slug}{letter}: {{kind: openai, base_url: "{address}", api_key: k{case.provider}}}\n'
                )
            channels = ", ".join(f"{{provider: {slug}{letter}, model: up}}" for letter in LETTERS[: case.seats])
            models.append(f"  {slug}: {{channels: [{channels}], price: {{input: 1, output: 2}}, quality: 0.5}}\n")
            models.append(
                f"  {slug}-alone: {{channels: [{channels.split('},')[0].rstrip('}')}}}], price: {{input: 1, output: 2}}}}\n"
            )
            if case.balance != "declared":
                policies.append(f"  {slug}: {{strategy: pinned, model: {slug}, balance: {case.balance}}}\n")
                keys.append(f"  - {{name: {slug}, key: fl_{slug}, policy: {slug}}}\n")
        policy = "policies:\n" + "".join(policies) if policies else ""
        return (
            f'server: {{host: 127.0.0.1, port: 0, state_dir: "{state_dir}", grace: 3{SERVERS.get(name, "")}}}\n'
            f"providers:\n{''.join(providers)}models:\n{''.join(models)}{policy}{HOMES[name]}\n"
            f"keys:\n  - {{name: test, key: fl_test}}\n{''.join(keys)}"
        )

    def _address(self, where: str, seat: str) -> str:
        port = {"upstream": self.upstream.port, "refusing": self.refusing, "hole": self.hole}[where]
        return f"http://127.0.0.1:{port}/{seat}/v1"


def slug_of(number: int) -> str:
    return f"case{number}"


async def nothing(scene: Scene) -> str:
    return ""


ORDINARY = Case("", "", "", "", nothing, seats=1)
"""Case 0: what is asked beside every other, and has to be answered."""


def well(streamed: bool, wait: float = 0.0) -> Play:
    return stream([wait, *events()]) if streamed else answer(wait=wait)


def token(words: str) -> bytes:
    return event({"content": words})


class Beside:
    """Ordinary requests while a case is played: whatever happens there, these are answered."""

    def __init__(self, gateway: Gateway) -> None:
        self.load = Load(gateway.port, slug_of(0), at_once=2, pause=0.02)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Tally]:
        going = asyncio.ensure_future(self.load.last(3600))
        try:
            yield self.load.tally
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)


async def settled(scene: Scene, booked_before: int) -> None:
    """Nothing stays under way, the books agree with the upstream, and the next request is answered."""
    here, until = scene.here, monotonic() + SETTLED_SECONDS
    while await here.under_way() and monotonic() < until:
        await asyncio.sleep(0.05)
    scene.require(await here.under_way() == 0, f"{await here.under_way()} requests stay under way")
    await books(scene)
    seat = Seat(here.port, "fl_test")
    for streamed in (False, True):
        told = await seat.ask(slug_of(0), streamed)
        scene.require(told.good, f"an ordinary request afterwards: {told.status} {told.body[:100]!r}")
    seat.close()
    told_rows = await here.rows("SELECT count(*) FROM requests WHERE outcome = 'lost'")
    scene.require(told_rows == [(0,)], f"{told_rows[0][0]} requests are lost without a crash")
    tracebacks = here.log.read_text(errors="replace").count("Traceback")
    scene.require(tracebacks == booked_before, "there is a traceback in the log")


async def books(scene: Scene) -> None:
    """As many attempts at each seat as the upstream saw there."""
    for letter in LETTERS[: scene.case.seats]:
        if letter == "a" and scene.case.first != "upstream":
            continue
        ((booked,),) = await scene.here.rows("SELECT count(*) FROM attempts WHERE provider = ?", scene.seat(letter))
        seen = scene.calls(letter)
        agree = booked == seen or (scene.seat(letter) in scene.unbooked and int(str(booked)) > seen)
        scene.require(agree, f"{booked} attempts at {letter} on the books, {seen} calls seen there")
