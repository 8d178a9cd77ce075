"""What the semantic cache's look-up costs: in this process, without the server around it, by how much is kept.

    python benchmarks/semantic.py [--entries 1000,10000,100000] [--rounds 300] [--json]

All entries are of one tenant and one scope: the worst that can be kept. `same words` is a question whose words were kept
(in another case, with courtesy), `another order` one that turns a phrase round, `nothing` one that is like many and the
same as none. Those are found by their words. `search` is what an embedding model's vectors cost beside making them: every
one of them compared, 384 numbers each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import time

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402 - it reads its threads when it is imported
import orjson  # noqa: E402

from fairlead.cache.answers import Kept  # noqa: E402
from fairlead.cache.entries import CANDIDATES  # noqa: E402
from fairlead.cache.entries_in_memory import EntriesInMemory  # noqa: E402
from fairlead.cache.nearest import ERROR, Nearest, unit  # noqa: E402
from fairlead.cache.semantic import SemanticCache  # noqa: E402
from fairlead.cache.settings import SemanticSettings  # noqa: E402
from fairlead.core.call import Call, Caller, Facts, Wishes  # noqa: E402
from fairlead.core.choice import Choice  # noqa: E402
from fairlead.core.egress import grant_sink  # noqa: E402
from fairlead.core.policy import Policy  # noqa: E402
from fairlead.core.record import Usage  # noqa: E402
from fairlead.dialects.openai_chat import native  # noqa: E402
from fairlead.gateway.meaning import passes  # noqa: E402

BOUND_US = 150
"""What a hit may cost beside a search."""
THRESHOLD = 0.9
NUMBERS = 384
"""Of a vector."""
CHOICE = Choice(None, "", Policy("balanced", "balanced", hash="benchmark"))
THINGS = ("list", "table", "queue", "tree", "graph", "file", "text", "image", "stream", "matrix")
VERBS = ("sort", "reverse", "copy", "filter", "split", "merge", "search", "rotate", "shuffle", "compress")
SAID = "How do I {} a {} of {} rows in Python?"
SAME, ORDER = "please tell me how to {} a {} of {} rows in python", "In Python, how can I {} a {} of {} rows?"
NOTHING = "How do I {} a {} of {} columns in Python?"


def call(number: int, way: str = SAID) -> Call:
    said = way.format(VERBS[number % 10], THINGS[number // 10 % 10], number // 100 + 2)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": said}]
    body = orjson.dumps({"model": "auto", "messages": turns})
    view = native.read_request(body)
    name = str(time.perf_counter_ns())
    return Call(name, "generate", native.DIALECT, "auto", False, body, view, Caller("k"), Wishes(), Facts(0))


async def filled(entries: int) -> SemanticCache:
    settings = SemanticSettings(THRESHOLD, 604_800, entries, 2**31)
    cache = SemanticCache(settings, EntriesInMemory(settings), passes)
    kept = Kept("r", time.time(), native.DIALECT, "generate", False, b"{}", "m", "m@c", "p", "", "", Usage(), 0)
    for number in range(entries):
        one = call(number)
        await cache.keep(grant_sink(one, "cache", local=True), one, CHOICE, kept)
    return cache


async def looked(cache: SemanticCache, calls: list[Call], found: bool) -> float:
    """Microseconds, the median."""
    took = []
    for one in calls:
        began = time.perf_counter()
        near = await cache.lookup(one, CHOICE, orjson.loads(one.body), 0)
        took.append((time.perf_counter() - began) * 1e6)
        if (near is not None) != found:
            raise SystemExit(f"{one.body!r}: {near}")
    return statistics.median(took)


def searched(entries: int, rounds: int) -> float:
    """Microseconds, the median."""
    random = np.random.default_rng(1)
    rows = Nearest(NUMBERS)
    for number in range(entries):
        vector = unit(random.standard_normal(NUMBERS))
        assert vector is not None
        rows.set(number, vector)
    took = []
    for _ in range(rounds):
        vector = unit(random.standard_normal(NUMBERS))
        assert vector is not None
        began = time.perf_counter()
        rows.search(vector, CANDIDATES, THRESHOLD - ERROR)
        took.append((time.perf_counter() - began) * 1e6)
    return statistics.median(took)


async def measured(entries: int, rounds: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cache = await filled(entries)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    numbers = [number * entries // rounds for number in range(rounds)]
    return {
        "entries": entries,
        "same words": await looked(cache, [call(number, SAME) for number in numbers], True),
        "another order": await looked(cache, [call(number, ORDER) for number in numbers], True),
        "nothing": await looked(cache, [call(number, NOTHING) for number in numbers], False),
        "search": searched(entries, max(5, rounds // 10)),
        "KiB an entry": memory / entries,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [asyncio.run(measured(int(entries), given.rounds)) for entries in given.entries.split(",")]
    if given.json:
        print(json.dumps(found, indent=1))
    else:
        print("".join(f"{name:>16}" for name in found[0]), "  (us, medians)")
        for row in found:
            print("".join(f"{value:>16,.1f}" for value in row.values()))
    if any(max(row["same words"], row["another order"]) > BOUND_US for row in found):
        sys.exit(f"a hit costs more than {BOUND_US} us")


if __name__ == "__main__":
    main()
