"""Hours in minutes: mixed load with failures, cancellations and reloads, and nothing of the process may grow with it.

`python -m tests.chaos.soak` plays rounds of load with rests between them, and looks at the process in each rest, when
nothing is under way: its memory, files, tasks and threads, and what its books take on the disk. A table tells each look,
and below it what is required of all; it ends with 1 where that is missed. `--short` takes less than a minute.

A tenth of the clients leave, before the answer or in the middle of it, and an eighth of what is asked of providers meets a
fault. What is asked, by whom and in which conversation differs from request to request, so that whatever is kept by any of
these is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import linear_regression
from time import monotonic

from tests.chaos.gateway import Gateway, gateway
from tests.chaos.load import question
from tests.server.serving import config
from tests.server.wire import Client
from tests.upstream import CUT, HANG, RST, Play, Upstream, answer, events, plain, scripted, status, stream

CLIENTS = 24
LEAVING = 0.1
"""The share of requests whose client leaves."""
FAILING = 1 / 8
"""The share of calls that meet a fault at the provider."""
VARIETY, LITTLE = 10**9, 200
"""Of questions; with little of it what is kept of them is soon all that there will be."""
SESSIONS, PEOPLE = 100, 50
SHORT_SLACK = 8.0
REST_SECONDS = 15.0
"""In which a rest has to come to rest."""
MEMORY_SHARE, MEMORY_LEAST = 0.02, 3 << 20
"""What memory may grow by in all rounds that count, of what it is and in bytes."""
FILES = 2 * CLIENTS
"""Connections that may be kept for later use: those to both providers."""
ROW_BYTES = 3000
ROW_SHARE = 0.25
"""What a request may take on the disk, or by how much that may grow from the first half to the second: files grow in steps."""
THREADS = 24
"""Of the pools that files and sums are handed to, as many as they may have."""
SPOOL = 3 * (16 << 20)
WARM = 0.4
"""The first rounds: caches fill up to their bounds."""

MORE = """
health: {failures: 8, ejection: 0.2, longest: 1, probe_every: 1}
keys:
  - {name: test, key: fl_test}
  - {name: poor, key: fl_poor, limits: {rpm: 100000, concurrency: 40}}
budgets: [{scope: key, who: each, amount: 1000, per: month}]
"""
TIMEOUTS = ", connect_timeout: 1, first_byte_timeout: 0.5, idle_timeout: 0.5"
OTHER_TIMEOUTS = ", connect_timeout: 1, first_byte_timeout: 0.5, idle_timeout: 0.4"


@dataclass(frozen=True)
class Look:
    """The process at rest."""

    asked: int
    """Requests before it."""
    memory: int
    files: int
    tasks: int
    threads: int
    books: int
    """Bytes of the database."""
    spool: int
    held: int
    under_way: int


Fault = Callable[[bool], Play]
FAULTS: tuple[Fault, ...] = (
    lambda streamed: status(500),
    lambda streamed: status(429, headers="retry-after-ms: 50\r\n"),
    lambda streamed: status(400),
    lambda streamed: Play([CUT]),
    lambda streamed: Play([plain(200, b"<html>busy</html>", kind="text/html")]),
    lambda streamed: stream([*events()[:2], RST], end=False) if streamed else Play([b"HTTP/1.1 200 OK\r\n", RST]),
    lambda streamed: stream([*events()[:2], HANG], end=False) if streamed else Play([HANG]),
    lambda streamed: stream([b'data: {"error": {"message": "overloaded"}}\n\n']) if streamed else status(529),
)


@dataclass
class Soak:
    upstream: Upstream
    chance: Random
    variety: int
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def play(self, seat: str, body: bytes) -> Play:
        """What the provider does. Nothing is kept of it here: this process is not to grow either."""
        if len(self.upstream.calls) > 1000:
            self.upstream.calls.clear()
        streamed = b'"stream":true' in body.replace(b" ", b"")
        if self.chance.random() < FAILING:
            return self.chance.choice(FAULTS)(streamed)
        usage = (self.chance.randint(1, 500), self.chance.randint(1, 500))
        texts = ["word "] * self.chance.randint(1, 30)
        pause = 0.01 if self.chance.random() < 0.2 else 0.0
        return stream([pause, *events(texts, usage)], usage) if streamed else answer("".join(texts), usage, pause)

    async def round(self, port: int, seconds: float) -> None:
        until = monotonic() + seconds
        await asyncio.gather(*(self._client(port, until) for _ in range(CLIENTS)))

    async def _client(self, port: int, until: float) -> None:
        client: Client | None = None
        while monotonic() < until:
            try:
                if client is None:
                    client = await Client(port, self.chance.choice(("fl_test", "fl_test", "fl_poor"))).__aenter__()
                if not await self._once(client):
                    client.close()
                    client = None
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                self.outcomes["broken"] += 1
                client = None
        if client is not None:
            client.close()

    async def _once(self, client: Client) -> bool:
        """Whether the connection can be used again."""
        chance = self.chance
        self.asked += 1
        streamed = chance.random() < 0.5
        path, body = self._question(streamed)
        client.ask("POST", path, body, self._headers())
        if chance.random() < LEAVING:
            await asyncio.sleep(chance.random() * 0.05)
            self.outcomes["left"] += 1
            return False
        told = await client.response()
        self.outcomes[str(told.status)] += 1
        return told.whole and told.headers.get("connection", "").lower() != "close"

    def _question(self, streamed: bool) -> tuple[str, bytes]:
        chance = self.chance
        text = f"Sum up {chance.randrange(self.variety)} words on {chance.choice(('ships', 'stars', 'soil'))}"
        model = chance.choice(("auto", "auto", "m-one", "both", "auto:cheap"))
        if chance.random() < 0.2:
            told = {
                "model": model,
                "max_tokens": 50,
                "stream": streamed,
                "messages": [{"role": "user", "content": text}],
            }
            return "/v1/messages", json.dumps(told).encode()
        messages = [{"role": "user", "content": text}]
        return "/v1/chat/completions", question(model, streamed, messages=messages, user=f"u{chance.randrange(PEOPLE)}")

    def _headers(self) -> dict[str, str]:
        chance = self.chance
        headers = {"x-fairlead-session": f"s{chance.randrange(SESSIONS)}"}
        if chance.random() < 0.02:
            headers["Idempotency-Key"] = f"i{chance.randrange(10**9)}"
        return headers


async def at_rest(one: Gateway, asked: int) -> Look:
    """Once nothing is under way and the books are up to date; or as it is after REST_SECONDS."""
    until = monotonic() + REST_SECONDS
    while await one.under_way() and monotonic() < until:
        await asyncio.sleep(0.05)
    await one.admin("/report")
    await asyncio.sleep(1.2)  # whoever is left alone for a moment is not any more, and connections are swept
    told = await one.admin("/status")
    return Look(
        asked,
        own_memory(one.child.pid),
        len(list(Path(f"/proc/{one.child.pid}/fd").iterdir())),
        int(str(told["tasks"])),
        len(list(Path(f"/proc/{one.child.pid}/task").iterdir())),
        size(one.state_dir, "*.db*"),
        size(one.state_dir / "spool", "*"),
        int(str(told["held"])),
        await one.under_way(),
    )


def own_memory(pid: int) -> int:
    """Bytes that are the process's own: the log is mapped, and what of it is in memory is the system's to say."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def size(folder: Path, pattern: str) -> int:
    """Bytes that are really taken, not those set aside."""
    return sum(file.stat().st_blocks * 512 for file in folder.glob(pattern) if file.is_file())


def growth(values: Sequence[int]) -> float:
    """By how much a straight line through them rises, from the first to the last."""
    if len(values) < 2:
        return 0.0
    return linear_regression(range(len(values)), values).slope * (len(values) - 1)


@dataclass(frozen=True)
class Verdict:
    what: str
    required: str
    seen: str
    good: bool


def verdicts(looks: Sequence[Look], slack: float = 1.0) -> list[Verdict]:
    """The first look is before any load. `slack`: of memory, which takes long to fill up."""
    warm = list(looks[1 + int(WARM * (len(looks) - 1)) :])
    asked = max(1, warm[-1].asked - warm[0].asked)
    memory = growth([look.memory for look in warm])
    most = slack * max(MEMORY_LEAST, MEMORY_SHARE * warm[0].memory)
    files, kept = [look.files for look in warm], looks[0].files + FILES
    more = growth(files)
    tasks, threads = max(look.tasks for look in warm), max(look.threads for look in warm)
    middle = len(warm) // 2
    early, late = per_request(warm[0], warm[middle]), per_request(warm[middle], warm[-1])
    held, under_way = max(look.held for look in looks), max(look.under_way for look in looks)
    return [
        Verdict(
            "memory", f"<= {most / 2**20:.1f} MiB more", f"{memory / 2**20:+.1f} MiB in {asked:,} requests", memory <= most
        ),
        Verdict(
            "files", f"<= {kept}, not rising", f"{max(files)} at most, {more:+.0f}",
            max(files) <= kept and more <= CLIENTS,
        ),
        Verdict("tasks", f"<= {looks[0].tasks + 1}", f"{tasks} at most", tasks <= looks[0].tasks + 1),
        Verdict("threads", f"<= {THREADS}", f"{threads} at most", threads <= THREADS),
        Verdict(
            "books", f"<= {ROW_BYTES:,}, or {ROW_SHARE:.0%} more", f"{early:,.0f}, then {late:,.0f} bytes a request",
            late <= max((1 + ROW_SHARE) * early, ROW_BYTES),
        ),
        Verdict("spool", f"<= {SPOOL >> 20} MiB", f"{warm[-1].spool >> 20} MiB", warm[-1].spool <= SPOOL),
        Verdict("held", "0", str(held), not held),
        Verdict("under way", "0", str(under_way), not under_way),
    ]  # fmt: skip


def per_request(before: Look, after: Look) -> float:
    """Bytes of the books that each request added."""
    return (after.books - before.books) / max(1, after.asked - before.asked)


def line(number: int, look: Look) -> str:
    return (
        f"{number:>5}  {look.asked:>9,}  {look.memory / 2**20:>8.1f}  {look.files:>5}  {look.tasks:>5}  {look.threads:>7}  "
        f"{look.books / 2**20:>8.1f}  {look.spool / 2**20:>9.1f}  {look.held:>4}"
    )


async def soaked(
    folder: Path, rounds: int, seconds: float, variety: int, seed: int, say: Callable[[str], None]
) -> list[Look]:
    async with scripted() as upstream:
        soak = Soak(upstream, Random(seed), variety)
        upstream.next_play = soak.play  # type: ignore[method-assign]
        file, state_dir = folder / "soak.yaml", folder / "s"
        texts = [config(upstream.port, state_dir, "", timeouts, MORE) for timeouts in (TIMEOUTS, OTHER_TIMEOUTS)]
        file.write_text(texts[0])
        say("round   requests  MiB mem.  files  tasks  threads  MiB book  MiB spool  held")
        async with gateway(file, state_dir) as one:
            looks = [await at_rest(one, 0)]
            say(line(0, looks[0]))
            for number in range(1, rounds + 1):
                going = asyncio.ensure_future(soak.round(one.port, seconds))
                await asyncio.sleep(seconds / 2)
                file.write_text(texts[number % 2])
                await going
                looks.append(await at_rest(one, soak.asked))
                say(line(number, looks[-1]))
            if await one.stop():
                raise AssertionError("it did not end well")
        outcomes = ", ".join(f"{number:,} x {name}" for name, number in soak.outcomes.most_common())
        say(f"answers: {outcomes}")
        return looks


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.chaos.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="less than a minute")
    parser.add_argument("--minutes", type=float, default=6, help="how long it takes (6)")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    options = parser.parse_args()
    rounds, seconds = (9, 3.0) if options.short else (15, options.minutes * 60 / 15 - 2)
    variety = LITTLE if options.short else VARIETY
    with tempfile.TemporaryDirectory(prefix="fl-") as folder:
        looks = asyncio.run(
            soaked(Path(folder), rounds, max(1.0, seconds), variety, options.seed, lambda text: print(text, flush=True))
        )
    found = verdicts(looks, SHORT_SLACK if options.short else 1.0)
    for one in found:
        print(f"{'    ' if one.good else 'fail'}  {one.what:<10} {one.required:<22} {one.seen}")
    sys.exit(not all(one.good for one in found))


if __name__ == "__main__":
    main()
