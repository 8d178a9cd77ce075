"""How long a decision alone takes: `decide`, by the number of models, by strategy, with and without what a running
gateway remembers of a kind of request.

    .venv/bin/python benchmarks/decide.py [--json]

The request has about every signal there is; models differ in price, quality, speed and what they can do. Told are the
median and the 99th percentile of the processor time, how large a stored decision is, and how long the digest of its
plan takes. A busy neighbour on the same core still shows: it takes the caches.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fairlead.core.call import Call, Caller, Facts, Shape, Signal, Standing, Wishes
from fairlead.core.choice import Choice
from fairlead.core.decide import Memo, decide
from fairlead.core.model import JSON_SCHEMA, TOOLS, VISION, Channel, Conditions, Model, Price, Rates, Snapshot
from fairlead.core.plan import Plan, digest
from fairlead.core.policy import Policy
from fairlead.core.record import Decision
from fairlead.core.table import Match, Rule

AT = 1_800_000_000
AIMS = {5: ("p50_us", 40), 20: ("p99_us", 300), 500: ("p99_us", 2000)}
SIGNALS = (
    Signal("structure", "turns", 3),
    Signal("structure", "chars", 3333),
    Signal("structure", "tools", 2),
    Signal("needs", "tools", True),
    Signal("tokens", "input", 1200, 0.5),
    Signal("tokens", "output", 400, 0.3),
    Signal("tokens", "output_room", 1000),
    Signal("task", "code_generation", 0.81, 0.86),
    Signal("complexity", "medium", 0.71, 0.66),
    Signal("domain", "code", 0.9, 0.9),
    Signal("language", "en", 1.0, 0.99),
    Signal("latency_class", "interactive", 0.8, 0.8),
    Signal("modality", "text", True),
)
RULES = (Rule("debug", Match(tasks=frozenset(("code_debug",))), ("model-1", "model-2")),)
POLICIES = {
    "balanced": Policy("balanced", "balanced", hash="1"),
    "cost_first": Policy("cost_first", "cost_first", hash="2"),
    "quality_first": Policy("quality_first", "quality_first", hash="3"),
    "table": Policy("table", "balanced", rules=RULES, default_task="chat", hash="4"),
}


class Seen:
    def shape(self) -> Shape:
        return Shape(0, 0, 1)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())


def model(number: int) -> Model:
    name = f"model-{number}"
    dollars = 10**9 * (1 + number * 7 % 40) // 4
    price = Price(f"{name}/1", Rates(dollars, dollars * 4, dollars // 10))
    channels = tuple(
        Channel(f"{name}@{one}", one, name, one, name, (price,), "eu") for one in ("first", "second")[: 1 + number % 2]
    )
    quality = 0.4 + (number * 37 % 60) / 100
    can = TOOLS | JSON_SCHEMA | VISION if number % 9 else JSON_SCHEMA
    context = 200_000 if number % 13 else 1000
    known = {"code_generation": quality - 0.05}
    return Model(name, channels, (), context, 16_000, can, quality, known, {}, 300 + number * 53 % 4000)


def world(count: int) -> Snapshot:
    models = {one.name: one for one in map(model, range(count))}
    latency = {one.channels[0].id: 200 + place * 31 % 3000 for place, one in enumerate(models.values())}
    return Snapshot("benchmark", models, {}, Conditions(1, latency_ms=latency, health={"model-3@first": 0.9}))


def call() -> Call:
    facts = Facts(AT, Standing("model-2", "model-2@first", 800))
    return Call("req", "generate", "openai_chat", "auto", False, b"{}", Seen(), Caller("key"), Wishes(), facts, SIGNALS)


def measured(count: int, policy: Policy, remembers: bool) -> dict[str, object]:
    snapshot, choice = world(count), Choice(None, "", policy)
    memo: Memo | None = {} if remembers else None
    took = []
    for number in range(max(600, 40_000 // count)):
        asked = call()
        began = time.thread_time_ns()
        decide(asked, choice, snapshot, number, memo)
        took.append(time.thread_time_ns() - began)
    took.sort()
    return {
        "models": count,
        "policy": policy.name,
        "memo": remembers,
        "p50_us": round(took[len(took) // 2] / 1000, 1),
        "p99_us": round(took[len(took) * 99 // 100] / 1000, 1),
    }


def stored(plan: Plan) -> dict[str, object]:
    asked = call()
    began = time.thread_time_ns()
    for _ in range(1000):
        of_plan = digest(plan)
    took = (time.thread_time_ns() - began) / 1e6
    facts = asked.facts
    made = Decision(1, AT, "0" * 16, "0" * 16, asked.wishes, facts.standing, facts.tiers, "", plan.reason, "", of_plan)
    size = len(msgspec.msgpack.encode((made, asked.signals)))
    return {"stored_bytes": size, "digest_us": round(took, 1)}


def main() -> None:
    gc.freeze()
    rows = [
        measured(count, policy, remembers)
        for count in AIMS
        for policy in POLICIES.values()
        for remembers in (True, False)
    ]
    found = {"rows": rows, **stored(decide(call(), Choice(None, "", POLICIES["balanced"]), world(20), 1))}
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    print(f"{'models':>7} {'policy':<14} {'memo':<5} {'median us':>10} {'p99 us':>10}  aim")
    for row in rows:
        figure, most = AIMS[int(str(row["models"]))]
        kept = "" if float(str(row[figure])) <= most else "  MISSED"
        told = f"{figure.removesuffix('_us')} <= {most} us{kept}"
        memo = "yes" if row["memo"] else "no"
        print(f"{row['models']:>7} {row['policy']:<14} {memo:<5} {row['p50_us']:>10} {row['p99_us']:>10}  {told}")
    print(f"stored decision {found['stored_bytes']} bytes; digest of its plan {found['digest_us']} us")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
