"""Cascades and cascade routing on recorded outcomes, against the best single model and random mixing.

python benchmarks/cascade.py                    through the whole gateway, with simulated models of known qualities
python benchmarks/cascade.py FOLDER [rounds]    on recorded outcomes

FOLDER holds `swebench.jsonl.gz`, `zeroeval.jsonl.gz`, `mmlu_pro.jsonl.gz` and `bfcl.jsonl.gz`: one prompt a line, with what each
model scored, its tokens, cost and calls (`r: {model: [score, in, out, usd, seconds, calls]}`). Half of the prompts, drawn by
their ids, says what each model is worth and how sure one can be of an answer; all that is told is of the other half.

How sure one could have been of an answer is what a logistic model makes of what was recorded of it: its length, what it cost,
how many calls it took. The words of the answers are not in the record, so no gate that reads them is measured here: it is
what can be told of an answer without reading it. `checks` in a row's name is another thing, an assumption: so many of the bad
answers are caught, one good answer in twenty is stopped.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import sys
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np

from fairlead.config.load import loads
from fairlead.core.policy import Cascade, Handling, Policy, Routing
from fairlead.core.quality import Quality
from fairlead.evidence.cascades import (
    Compared,
    Figure,
    Floats,
    Ints,
    Outcomes,
    Run,
    carried_out,
    compared,
    plans,
    snapshot,
    sureness,
)
from fairlead.library import Gateway

PRICES = {
    "o1-preview-2024-09-12": (15, 60), "o1-mini-2024-09-12": (3, 12), "gpt-4o-2024-08-06": (2.5, 10),
    "gpt-4o-mini-2024-07-18": (0.15, 0.6), "gpt-4-turbo-2024-04-09": (10, 30), "gpt-3.5-turbo-0125": (0.5, 1.5),
    "claude-3-5-sonnet-20241022": (3, 15), "claude-3-5-sonnet-20240620": (3, 15), "claude-3-5-haiku-20241022": (0.8, 4),
    "claude-3-opus-20240229": (15, 75), "claude-3-sonnet-20240229": (3, 15), "claude-3-haiku-20240307": (0.25, 1.25),
    "gemini-1.5-pro-exp-0827": (1.25, 5), "gemini-1.5-flash-exp-0827": (0.075, 0.3), "gemini-1.5-pro-002": (1.25, 5),
    "gemini-1.5-flash-002": (0.075, 0.3), "Mistral-Large-2": (2, 6), "Qwen2.5-72B-Instruct": (0.4, 0.4),
    "Qwen2.5-32B-Instruct": (0.2, 0.2), "Qwen2.5-7B-Instruct": (0.05, 0.05), "deepseek-v2.5-0908": (0.14, 0.28),
    "Meta-Llama-3.1-70B-Instruct": (0.4, 0.4), "Meta-Llama-3.1-8B-Instruct": (0.05, 0.05), "grok-2-1212": (2, 10),
    "Meta-Llama-3_1-70B-Instruct": (0.4, 0.4), "Meta-Llama-3_1-8B-Instruct": (0.05, 0.05), "DeepSeek-Coder-V2": (0.14, 0.28),
    "Mixtral-8x7B-Instruct-v0.1": (0.24, 0.24), "Phi-3-mini-4k-instruct": (0.1, 0.1), "jamba-1.5-large": (2, 8),
    "gpt-4-0125-preview": (10, 30), "gpt-4-0613": (30, 60), "mistral-large-2407-FC-Any": (2, 6),
    "open-mistral-nemo-2407-FC-Any": (0.15, 0.15), "gemini-1.5-flash-preview-0514": (0.075, 0.3), "command-r-plus": (2.5, 10),
    "open-mixtral-8x22b": (2, 6), "mistral-small-2402": (1, 3),
}  # fmt: skip
"""List prices of 2024, USD per million tokens of input and output: the makers', for open weights what hosts asked."""
LEAST = 100
"""Prompts below which a task is too thin to be one."""
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
WANTED = (None, -0.03, -0.01, 0.0, 0.01, 0.02, 0.03, 0.05, 0.08)
"""Quality wanted, above the best single model's; None is that of each task's best."""
ALLOWED = {0.0: "", 0.03: ", 3 points below"}
"""How much worse than the best single model it may be."""
CHECKS = (0.3, 0.5, 0.7, 0.9)
KEPT = 0.95


def recorded(file: Path) -> tuple[Outcomes, np.ndarray, list[str]]:  # type: ignore[type-arg]
    """All prompts that each priced model answered, what was seen of each answer, and the prompts' ids."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    priced = [
        name for name in sorted({name for row in rows for name in row["r"]}) if name in PRICES or _dollars(rows, name)
    ]
    most = max(sum(name in row["r"] for row in rows) for name in priced)
    names = [name for name in priced if sum(name in row["r"] for row in rows) > 0.9 * most]
    rows = [row for row in rows if all(row["r"].get(name) and row["r"][name][0] is not None for name in names)]
    scores = np.array([[float(row["r"][name][0]) for name in names] for row in rows])
    cells = [[_padded(row["r"][name]) for name in names] for row in rows]
    costs = np.array([[_cost(name, row, cell) for name, cell in zip(names, line, strict=True)] for row, line in zip(rows, cells, strict=True)])  # fmt: skip
    seen = np.array([[(np.log1p(cell[2] or 0), np.log1p(cell[5] or 0), np.log1p(1000 * (cell[3] or 0)), np.log1p(len(row["text"]))) for cell in line] for row, line in zip(rows, cells, strict=True)])  # fmt: skip
    kinds = [row["category"] for row in rows]
    thin = {kind for kind in set(kinds) if kinds.count(kind) < LEAST}
    tasks = tuple("other" if kind in thin else kind for kind in kinds)
    return Outcomes(tuple(names), tasks, scores, costs, np.zeros_like(scores)), seen, [row["id"] for row in rows]


def _padded(cell: list[float | None]) -> list[float | None]:
    return [*cell, *[None] * (6 - len(cell))]


def _dollars(rows: list[dict[str, dict[str, list[float]]]], name: str) -> bool:
    return any(len(row["r"].get(name, ())) > 3 and row["r"][name][3] for row in rows[:50])


def _cost(name: str, row: dict[str, str], cell: list[float | None]) -> float:
    if cell[3]:
        return cell[3]
    given, told = PRICES.get(name, (0.0, 0.0))
    return (given * (cell[1] or len(row["text"]) / 4) + told * (cell[2] or 100)) / 1e6


def half(ids: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([blake2b(one.encode(), digest_size=2).digest()[0] % 2 == 0 for one in ids])


def with_sureness(outcomes: Outcomes, seen: Floats, first: np.ndarray) -> Outcomes:  # type: ignore[type-arg]
    """What could have been told of each answer, without its words."""
    kinds = sorted(set(outcomes.tasks))
    marks = np.array([[float(task == kind) for kind in kinds[1:]] for task in outcomes.tasks]).reshape(
        len(outcomes.tasks), -1
    )
    sure = np.column_stack(
        [
            sureness(outcomes.scores[:, at] >= 0.5, np.column_stack([seen[:, at, :], marks]), first)
            for at in range(len(outcomes.models))
        ]
    )
    return msgspec.structs.replace(outcomes, sure=sure)


def assumed(outcomes: Outcomes, ids: list[str], caught: float) -> Outcomes:
    """With checks that catch so many of the bad answers, and let through nearly all good ones."""
    sure = np.zeros_like(outcomes.scores)
    for row, one in enumerate(ids):
        for at, name in enumerate(outcomes.models):
            draw = int.from_bytes(blake2b(f"{one}|{name}".encode(), digest_size=4).digest(), "big") / 2**32
            good = outcomes.scores[row, at] >= 0.5
            passes = draw < KEPT if good else draw >= caught
            sure[row, at] = 0.95 if passes else 0.4
    return msgspec.structs.replace(outcomes, sure=sure)


def routing(threshold: float, caught: float, kept: float, quality: float | None = None) -> Policy:
    handling = Handling(quality=Quality(threshold=threshold))
    return Policy("replayed", "cascade_routing", routing=Routing(quality, caught, kept), handling=handling)


def rates(known: Outcomes, threshold: float) -> tuple[float, float]:
    """Of the bad answers, how many such a threshold catches, and of the good ones how many it lets through."""
    good = known.scores >= 0.5
    passed = known.sure > threshold
    return 1 - float(passed[~good].mean()), float(passed[good].mean())


def single(seen: Outcomes, model: int) -> Run:
    return Run(seen.scores[:, model], seen.costs[:, model], np.ones(len(seen.tasks), dtype=np.int64))


def as_good(there: Run, known: Outcomes, best: int, allowed: float) -> bool:
    """Whether it is at most so much worse than the best single model on what is known, by more than chance: the cheapest of
    many that just about are would be worse elsewhere."""
    gained = there.scores - known.scores[:, best]
    return float(gained.mean()) + allowed >= float(gained.std()) / len(gained) ** 0.5


def routed(
    known: Outcomes, seen: Outcomes, best: int, allowed: float, thresholds: tuple[float, ...] = THRESHOLDS
) -> Run:
    """Cascade routing at the threshold and the wanted quality that are cheapest on what is known, as good as the best
    single model or so much worse; that model alone where none is cheaper."""
    found = float(known.costs[:, best].mean()), single(seen, best)
    alone = float(known.scores[:, best].mean())
    for threshold, more in itertools.product(thresholds, WANTED):
        caught, kept = rates(known, threshold)
        policy = routing(threshold, caught, kept, None if more is None else min(alone + more, 1.0))
        made = plans(policy, snapshot(known, threshold, policy.name), known.tasks)
        there = carried_out(made, known, threshold)
        if as_good(there, known, best, allowed) and float(there.costs.mean()) < found[0]:
            found = float(there.costs.mean()), carried_out(made, seen, threshold)
    return found[1]


def cascaded(known: Outcomes, seen: Outcomes, best: int, allowed: float) -> Run:
    """Base, middle and premium with the bounds 0.9 and 0.7: the three that are cheapest on what is known, likewise."""
    worth, price = known.scores.mean(axis=0), known.costs.mean(axis=0)
    line = [at for at in worth.argsort() if price[at] < price[best] and worth[at] < worth[best]]
    line = [at for at in line if all(price[at] < price[other] for other in line if worth[other] > worth[at])]
    found = float(known.costs[:, best].mean()), single(seen, best)
    for base, middle in itertools.combinations(line, 2):
        cascade = Cascade((known.models[base], known.models[middle], known.models[best]), form="verify")
        policy = Policy("replayed", "cascade", cascade=cascade, handling=Handling(quality=Quality()))
        made = plans(policy, snapshot(known, 0.9, policy.name), known.tasks)
        there = carried_out(made, known, 0.8)
        if as_good(there, known, best, allowed) and float(there.costs.mean()) < found[0]:
            found = float(there.costs.mean()), carried_out(made, seen, 0.8)
    return found[1]


def heading() -> None:
    print(f"  {'':38}{'quality':>7}{'USD/1,000':>11}   {'quality gained':28}{'saved against the best':28}{'saved against mixing':28}{'quality above mixing':28}asked")  # fmt: skip


def row(name: str, one: Compared) -> str:
    def share(figure: Figure) -> str:
        return f"{figure.value:+7.1%} [{figure.low:+.1%}, {figure.high:+.1%}]"

    return (
        f"  {name:38}{one.quality.value:7.1%}{1000 * one.cost.value:11.3f}   {share(one.gained):28}"
        f"{share(one.saved):28}{share(one.against_mixing):28}{share(one.above_mixing):28}{one.asked:5.2f}"
    )


def told(file: Path, rounds: int) -> None:
    outcomes, features, ids = recorded(file)
    first = half(ids)
    outcomes = with_sureness(outcomes, features, first)
    known, seen = outcomes.part(first), outcomes.part(~first)
    best = int(known.scores.mean(axis=0).argmax())
    print(
        f"{file.stem.partition('.')[0]}: {len(outcomes.models)} models, {len(seen.tasks)} prompts, best {outcomes.models[best]}"
    )
    heading()
    ways = {"best single model": single(seen, best)}
    ways["router alone (by task)"] = carried_out(
        plans(routing(2.0, 0.0, 1.0), snapshot(known), known.tasks), seen, -1.0
    )
    for allowed, words in ALLOWED.items():
        ways[f"cascade 0.9/0.7{words}"] = cascaded(known, seen, best, allowed)
        ways[f"cascade routing{words}"] = routed(known, seen, best, allowed)
    for caught in CHECKS:
        checked = assumed(outcomes, ids, caught)
        for allowed, words in ALLOWED.items():
            halves = checked.part(first), checked.part(~first)
            ways[f"routing, checks {caught:.0%}{words}"] = routed(*halves, best, allowed, (0.5,))
    for name, run in ways.items():
        print(row(name, compared(run, seen, best, rounds)))
    print()


SIMULATED = """
providers:
  own:
    kind: simulated
    models:
      small: {quality: {default: 0.6}, latency_ms: 0, output_tokens: 60}
      middle: {quality: {default: 0.8}, latency_ms: 0, output_tokens: 60}
      large: {quality: {default: 0.92}, latency_ms: 0, output_tokens: 60}
models:
  small: {channels: [{provider: own}], price: {input: 0.1, output: 0.4}, quality: 0.6, capabilities: [logprobs, thinking]}
  middle: {channels: [{provider: own}], price: {input: 1, output: 4}, quality: 0.8, capabilities: [logprobs, thinking]}
  large: {channels: [{provider: own}], price: {input: 10, output: 40}, quality: 0.92, capabilities: [logprobs, thinking]}
policies:
  cascade:
    strategy: cascade
    cascade: {base: small, middle: middle, premium: large}
    quality: {gates: [logprobs]}
  routing: {strategy: cascade_routing, routing: {caught: 0.9}, quality: {gates: [logprobs], threshold: 0.9}}
"""


async def simulated(asked: int) -> tuple[Outcomes, Ints]:
    """Every question put to each model and each policy through the whole gateway; whether an answer is right the
    simulated models know. And how many were asked for it."""
    ways = ("small", "middle", "large", "auto:cascade", "auto:routing")
    rows: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    async with Gateway.from_config(loads(SIMULATED), speed=1e6) as gateway:
        oracle = gateway._open()._simulated.log  # type: ignore[union-attr]
        for number in range(asked):
            question = [{"role": "user", "content": f"Question {number}: what follows from the one before?"}]
            for way in ways:
                answer = await gateway.chat(question, model=way, params={"logprobs": True})
                last = next(entry for entry in reversed(oracle.entries) if entry.model == answer.model)
                tried = float(answer.headers["x-fairlead-attempts"])
                rows[way].append((float(bool(last.correct)), float(answer.cost or 0), tried))
    cells = np.array([rows[way] for way in ways]).transpose(1, 0, 2)
    found = Outcomes(ways, ("simulated",) * asked, cells[:, :, 0], cells[:, :, 1], np.zeros((asked, len(ways))))
    return found, cells[:, :, 2].astype(np.int64)


def tell_simulated(asked: int, rounds: int) -> None:
    outcomes, tried = asyncio.run(simulated(asked))
    singles = msgspec.structs.replace(
        outcomes, models=outcomes.models[:3], scores=outcomes.scores[:, :3], costs=outcomes.costs[:, :3]
    )
    print(f"simulated: {asked} questions through the gateway, gate logprobs")
    heading()
    for at, name in enumerate(outcomes.models):
        run = Run(outcomes.scores[:, at], outcomes.costs[:, at], tried[:, at])
        print(row(name, compared(run, singles, 2, rounds)))


def main(folder: Path, rounds: int) -> None:
    for name in ("swebench", "zeroeval", "mmlu_pro", "bfcl"):
        file = folder / f"{name}.jsonl.gz"
        if file.exists():
            told(file, rounds)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        tell_simulated(1000, 1000)
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
