"""How fast a report over a large ledger is, and what taking a record in costs.

    python benchmarks/ledger.py                     a million requests over 90 days, in a temporary directory
    python benchmarks/ledger.py --requests 100000 --days 7 --keep DIR

The requests are made up: 20 keys of 4 tenants, 5 models, 8 tasks, tags on half of them, one in 25 with a failed attempt
before the one that answered.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from fairlead.config.load import loads
from fairlead.core.cost import cost_lines, total
from fairlead.core.model import Price, Rates
from fairlead.core.record import Attempt, Priced, Record, Usage
from fairlead.registry.catalogue import load
from fairlead.server.reporting import configured_by, report_from
from fairlead.store.reports import open_ledger, report
from fairlead.store.sqlite import Projection
from fairlead.store.verification import verify
from fairlead.store.window import Window

END = 1_800_000_000_000
DAY = 86_400_000
BATCH = 2_000
RUNS = 3
MODELS = {
    name: Price(f"config/{name}/1", Rates(read * 1_000_000, written * 1_000_000, read * 100_000))
    for name, read, written in (
        ("nano", 100, 400),
        ("mini", 250, 2_000),
        ("mid", 1_250, 10_000),
        ("large", 3_000, 15_000),
        ("top", 5_000, 25_000),
    )
}
WINDOWS = (("everything", 0), ("30 days", 30), ("7 days", 7), ("24 hours", 1))


def records(count: int, days: int) -> Iterator[Record]:
    chance = random.Random(7)
    names, span = list(MODELS), days * DAY
    for n in range(count):
        at = END - span + n * span // count
        request, key, task = f"req_{n:024x}", chance.randrange(20), chance.randrange(8)
        tried = [chance.choice(names)] if chance.random() >= 0.04 else chance.sample(names, 2)
        attempts = tuple(
            _attempt(chance, request, number, model, at, number == len(tried)) for number, model in enumerate(tried, 1)
        )
        tags = (f"feature-{chance.randrange(12)}",) if n % 2 else ()
        cost = sum(one.cost for one in attempts)
        yield Record(
            request, at, f"key-{key}", f"tenant-{key % 4}", "generate", "openai_chat", "auto", False, "answer", "", "ok", 200,
            "", "standard", "balanced", "0123456789abcdef", "0123456789abcdef", 7, chance.getrandbits(60), tried[-1],
            f"{tried[-1]}@provider", attempts, cost, cost * 3, "top", 95, 900, tags, f"task-{task}",
        )  # fmt: skip


def _attempt(chance: random.Random, request: str, number: int, model: str, at: int, answered: bool) -> Attempt:
    read = int(chance.lognormvariate(7, 1)) + 20
    usage = (
        Usage(read, int(chance.lognormvariate(5.5, 0.8)) + 1, read // 2 if chance.random() < 0.3 else 0)
        if answered
        else Usage()
    )
    lines = cost_lines(MODELS[model], usage)
    return Attempt(
        f"{request}.{number}", number, model, f"{model}@provider", "provider", "eu", "ok" if answered else "failed",
        200 if answered else 503, "", at, 200, 900, usage, lines, total(lines), "USD", price_row=MODELS[model].id,
    )  # fmt: skip


def fill(path: Path, count: int, days: int) -> float:
    """Seconds of CPU that taking them in took."""
    projection, position, spent = Projection(path), 1, 0.0
    projection.ingest([], [(n, Priced(0, price)) for n, price in enumerate(MODELS.values())], 0, 0)
    batch: list[tuple[int, Record, bytes]] = []
    for record in records(count, days):
        payload = msgspec.msgpack.encode(record)
        batch.append((position, record, payload))
        position += len(payload) + 12
        if len(batch) == BATCH:
            spent += _taken(projection, batch, position)
            batch = []
    spent += _taken(projection, batch, position)
    projection.close()
    return spent


def _taken(projection: Projection, batch: list[tuple[int, Record, bytes]], position: int) -> float:
    began = time.thread_time()
    projection.ingest(batch, [], 1, position)
    return time.thread_time() - began


def timed(path: Path, days: int) -> float:
    since = END - days * DAY + 12_345 if days else 0
    took = []
    for _ in range(RUNS):
        with closing(open_ledger(path)) as connection:
            began = time.monotonic()
            report(connection, Window(since_ms=since))
            took.append(time.monotonic() - began)
    return statistics.median(took)


CONFIG = (
    "providers: {p: {kind: openai, base_url: 'http://127.0.0.1:9/v1'}}\nmodels:\n"
    + "".join(
        f"  {name}: {{channels: [{{provider: p}}], price: {{input: {row.rates.input / 1e9}, output: {row.rates.output / 1e9}}}, "
        f"quality: 0.{5 + n}}}\n"
        for n, (name, row) in enumerate(MODELS.items())
    )
    + "budgets: [{scope: gateway, amount: 10000}, {scope: tenant, amount: 1000}, {scope: key, amount: 100, per: day}, "
    "{scope: tag, who: feature-1, amount: 10, per: week}]\n"
)


def page(path: Path) -> float:
    """Seconds that all of `fairlead report` takes to work out, with budgets, forecasts and what each model alone would cost."""
    by, catalogue, took = configured_by(loads(CONFIG), load()), load(), []
    for _ in range(RUNS):
        with closing(open_ledger(path)) as connection:
            began = time.monotonic()
            report_from(connection, Window(), by, catalogue)
            took.append(time.monotonic() - began)
    return statistics.median(took)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--days", type=int, default=90)
    options.add_argument("--keep", type=Path, help="where the ledger is made, and stays; one that is there is used")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.keep or Path(folder)) / "ledger.db"
        found: dict[str, float] = {"requests": given.requests, "days": given.days}
        if not path.exists():
            found["taken in, us of CPU each"] = round(fill(path, given.requests, given.days) / given.requests * 1e6, 1)
        found["size, MB"] = round(path.stat().st_size / 1e6, 1)
        for name, days in WINDOWS:
            found[f"report of {name}, s"] = round(timed(path, days), 3)
        found["the whole page, s"] = round(page(path), 3)
        with closing(open_ledger(path)) as connection:
            began = time.monotonic()
            found["differences"] = verify(connection).differences
            found["verify, s"] = round(time.monotonic() - began, 1)
        found["peak memory, MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
