"""What finding a request by its vector costs, in memory and in a Redis, and what is found of what every vector compared finds.

    python benchmarks/semantic_vectors.py [--entries 10000,100000,300000] [--size 384] [--rounds 200] [--redis unix://...] [--json]

Without `--redis` it starts one where there is a `redis-server`, on a socket, with nothing on disk. It is emptied first!

All entries are of one tenant and one scope: the worst that can be kept. Their vectors lie about 2,000 subjects, and all
have something in common, as those of real texts do. What is asked lies near one of them, at a cosine between the threshold and
1. Times are of a whole look-up without making the vector, in microseconds, medians, and behind them what of it this process
takes of the processor, on average:

    hit         it is found by its vector
    words       it is found by its words
    nothing     it is near nothing
    loop        the longest that the event loop stood still during any of them, in ms
    recall      of those whose nearest neighbour is as near as the threshold, how many are given that one's answer
    first read  seconds until a gateway that has just begun has read the log, from its first look-up on
    KiB here    that an entry takes in this process; `there` in Redis
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402 - it reads its threads when it is imported
import numpy.typing as npt  # noqa: E402
import orjson  # noqa: E402

from fairlead.cache import redis_link  # noqa: E402
from fairlead.cache.answers import Kept  # noqa: E402
from fairlead.cache.entries import Entries  # noqa: E402
from fairlead.cache.entries_in_memory import EntriesInMemory  # noqa: E402
from fairlead.cache.entries_in_redis import EntriesInRedis  # noqa: E402
from fairlead.cache.nearest import Vector  # noqa: E402
from fairlead.cache.redis_link import Link  # noqa: E402
from fairlead.cache.semantic import SemanticCache  # noqa: E402
from fairlead.cache.settings import SemanticSettings  # noqa: E402
from fairlead.core.call import Call, Caller, Facts, Wishes  # noqa: E402
from fairlead.core.choice import Choice  # noqa: E402
from fairlead.core.egress import grant_sink  # noqa: E402
from fairlead.core.policy import Policy  # noqa: E402
from fairlead.core.record import Usage  # noqa: E402
from fairlead.dialects.openai_chat import native  # noqa: E402

THRESHOLD = 0.9
SUBJECTS = 2_000
ASIDE, COMMON = 0.45, 0.7
"""How far from its subject a vector lies, and how much all have in common, beside what is a subject's own."""
AT_ONCE = 32
CHOICE = Choice(None, "", Policy("balanced", "balanced", hash="benchmark"))
KEPT, ASKED = "Could you recommend dinner ideas with {}?", "Please suggest tasty vegetarian dishes made with {}"
SAME = "could you please recommend dinner ideas with {}"
FAR = "Which ships sail to {}?"
SERVER = os.environ.get("FAIRLEAD_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")

Rows = npt.NDArray[np.float32]


def word(number: int) -> str:
    """Letters only: a number would be told apart."""
    return "".join(chr(97 + int(figure)) for figure in f"{number:07d}") + "x"


def number_of(text: str) -> int:
    return int("".join(str(ord(sign) - 97) for sign in text.rstrip("?").rsplit(" ", 1)[-1][:-1]))


def vectors(count: int, size: int) -> Rows:
    random = np.random.default_rng(1)
    subjects = random.standard_normal((SUBJECTS, size), np.float32) + COMMON * random.standard_normal(size, np.float32)
    rows = ASIDE * random.standard_normal((count, size), np.float32)
    rows += subjects[random.integers(0, SUBJECTS, count)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


class Model:
    """Stands for one that makes vectors: those of texts that were kept, and others near them."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.ready: dict[str, Vector] = {}

    async def __call__(self, call: Call, choice: Choice, text: str) -> Vector:
        found = self.ready.get(text)
        return self.vector(text) if found is None else found

    def vector(self, text: str) -> Vector:
        number = number_of(text)
        one: Vector = self.rows[number]
        if text == KEPT.format(word(number)):
            return one
        random = np.random.default_rng(number)
        aside = random.standard_normal(len(one)).astype(np.float32)
        aside -= float(aside @ one) * one
        cosine = 0.0 if text == FAR.format(word(number)) else random.uniform(THRESHOLD, 1)
        found: Vector = (cosine * one + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)).astype(np.float32)
        return found


def call(text: str) -> Call:
    body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
    view = native.read_request(body)
    name = str(time.perf_counter_ns())
    return Call(name, "generate", native.DIALECT, "auto", False, body, view, Caller("k"), Wishes(), Facts(0))


async def fill(cache: SemanticCache, entries: int) -> None:
    kept = Kept("r", time.time(), native.DIALECT, "generate", False, b"x" * 500, "m", "m@c", "p", "", "", Usage(), 0)
    for begin in range(0, entries, AT_ONCE):
        for number in range(begin, min(begin + AT_ONCE, entries)):
            one = call(KEPT.format(word(number)))
            told = Kept(str(number), kept.at, *[getattr(kept, field) for field in kept.__struct_fields__[2:]])
            await cache.keep(grant_sink(one, "cache", local=True), one, CHOICE, told)
        await asyncio.gather(*cache._keeping)


class Pulse:
    """How long the event loop stands still."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - began - 0.001)


async def looked(cache: SemanticCache, model: Model, texts: list[str]) -> tuple[float, float, list[str]]:
    """Microseconds, the median; those of the processor, on average; and whose answers were given."""
    model.ready = {text: model.vector(text) for text in texts}
    took, given = [], []
    busy = time.process_time()
    for text in texts:
        one = call(text)
        began = time.perf_counter()
        near = await cache.lookup(one, CHOICE, orjson.loads(one.body), 0)
        took.append((time.perf_counter() - began) * 1e6)
        given.append("" if near is None else near.kept.request)
    return statistics.median(took), (time.process_time() - busy) / len(texts) * 1e6, given


def recalled(model: Model, texts: list[str], given: list[str], entries: int) -> float:
    found = wanted = 0
    for text, request in zip(texts, given, strict=True):
        cosines = model.rows[:entries] @ model.vector(text)
        nearest = int(cosines.argmax())
        if cosines[nearest] >= THRESHOLD:
            wanted += 1
            found += request == str(nearest)
    return found / wanted


async def measured(entries: int, rounds: int, model: Model, url: str) -> dict[str, object]:
    """In memory where there is no address."""
    settings = SemanticSettings(THRESHOLD, 604_800, entries, 2**33)

    def begun() -> tuple[SemanticCache, Entries]:
        kept: Entries = EntriesInRedis(Link(url), settings, "benchmark") if url else EntriesInMemory(settings)
        return SemanticCache(settings, kept, lambda *_: False, model), kept

    before = resident()
    cache, _ = begun()
    await fill(cache, entries)
    there, first = 0.0, 0.0
    if url:
        await cache.close()
        link = Link(url)
        there = (await link.redis.info("memory"))["used_memory"] / 1024 / entries
        await link.close()
        before = resident()
        cache, held = begun()
        began = time.perf_counter()
        await looked(cache, model, [FAR.format(word(0))])
        assert isinstance(held, EntriesInRedis)
        assert held.logs is not None
        while len(held.logs) < entries:
            await asyncio.sleep(0.002)
        first = time.perf_counter() - began
    here = (resident() - before) / entries
    numbers = [number * entries // rounds for number in range(rounds)]
    pulse = Pulse()
    beating = asyncio.get_running_loop().create_task(pulse.beat())
    asked = [ASKED.format(word(number)) for number in numbers]
    hit, hit_busy, given = await looked(cache, model, asked)
    words, words_busy, by_words = await looked(cache, model, [SAME.format(word(number)) for number in numbers])
    nothing, nothing_busy, none = await looked(cache, model, [FAR.format(word(number)) for number in numbers])
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    if by_words != [str(number) for number in numbers] or any(none):
        raise SystemExit("what was kept is not found, or something else is")
    await cache.close()
    return {
        "entries": entries,
        "where": "redis" if url else "memory",
        "hit": hit,
        "hit cpu": hit_busy,
        "words": words,
        "words cpu": words_busy,
        "nothing": nothing,
        "nothing cpu": nothing_busy,
        "loop": pulse.longest * 1000,
        "recall": recalled(model, asked, given, entries),
        "first read": first,
        "KiB here": here,
        "there": there,
    }


def resident() -> float:
    """KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


@contextmanager
def a_redis(url: str) -> Iterator[str]:
    if url or SERVER is None:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "s"
        process = subprocess.Popen(
            [SERVER, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            while not socket.exists():
                time.sleep(0.05)
            time.sleep(0.2)
            yield f"unix://{socket}"
        finally:
            process.kill()
            process.wait()


async def emptied(url: str) -> None:
    link = Link(url)
    await link.redis.flushall()
    await link.close()


def main() -> None:
    redis_link.PATIENCE = 10.0  # what takes long is to be measured
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", default="10000,100000,300000")
    parser.add_argument("--size", type=int, default=384, help="numbers of a vector")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--redis", default="", help="address; everything in it is erased")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    counts = [int(entries) for entries in given.entries.split(",")]
    model = Model(vectors(max(counts), given.size))
    found = []
    with a_redis(given.redis) as url:
        for entries in counts:
            for where in ("", url) if url else ("",):
                if where:
                    asyncio.run(emptied(where))
                found.append(asyncio.run(measured(entries, given.rounds, model, where)))
                if not given.json:
                    show(found[-1], first=len(found) == 1)
    if given.json:
        print(json.dumps(found, indent=1))


def show(row: dict[str, object], first: bool) -> None:
    if first:
        print("".join(f"{name:>12}" for name in row))
    print("".join(f"{shown(value):>12}" for value in row.values()), flush=True)


def shown(value: object) -> str:
    return (
        f"{value:,.0f}"
        if isinstance(value, float) and value >= 100
        else f"{value:,.3g}"
        if isinstance(value, float)
        else f"{value}"
    )


if __name__ == "__main__":
    main()
