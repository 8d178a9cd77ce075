"""`fairlead demo`: a scripted minute. A mixed workload goes through simulated models, each decision as one line; then
what routing saved against sending everything to one model.

The whole way is the gateway's own: pipeline, simulated upstream, ledger. The table is arithmetic over the ledger's
records; models, prices and qualities are invented, and every figure derived from them says *simulated*.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

import click
import msgspec

from fairlead.cli.asking import put_json
from fairlead.cli.messages import tr

if TYPE_CHECKING:
    from fairlead.cli.demo_workload import Baseline, Prompt, Savings, Served
    from fairlead.core.call import Call
    from fairlead.core.plan import Plan
    from fairlead.core.record import Record
    from fairlead.gateway.runtime import Runtime
    from fairlead.providers.simulated.upstream import SimulatedUpstream
    from fairlead.store.reports import Totals

A_SECOND = 4
"""Requests that arrive in a second of the script."""
TAIL = 10.0
"""Seconds at the end in which none arrives any more, so that the last answers are whole in time."""
POLICIES: dict[str, dict[str, object]] = {
    "everyday": {"strategy": "cost_first", "min_quality": 0.6},
    "solid": {"strategy": "cost_first", "min_quality": 0.75},
    "code": {"strategy": "cost_first", "require_flags": ["code"], "fallbacks": ["sim-medium"]},
    "careful": {"strategy": "cost_first", "min_quality": 0.85},
}
"""What the demo is configured with: the cheapest model that is good enough, and what that means."""
TASKS = {
    **dict.fromkeys(("simple_chat", "fast_response", "classification", "extraction"), "everyday"),
    **dict.fromkeys(("translation", "summarization", "creative_writing", "multimodal"), "solid"),
    **dict.fromkeys(("code_generation", "code_debug"), "code"),
    **dict.fromkeys(("reasoning", "long_document", "data_analysis", "agentic", "desktop"), "careful"),
}
"""Which policy the callers of the workload name for which task."""
FAULTS = (0.35, 0.7)
"""After which shares of the requests a provider fails once, for the failover to be seen."""


LEGEND = (
    "Models left out, and why: too weak = below the policy's least quality; not for it = lacks a flag the policy "
    "requires; unable = cannot do what the request needs (images, tools, JSON schema)."
)
REASONS = {"capability": "unable", "quality": "too weak", "flags": "not for it"}


class Decided(msgspec.Struct, frozen=True):
    """One answered request, as its line tells it."""

    number: int
    task: str
    policy: str
    model: str
    cost: int
    ms: int
    why: str
    request_id: str
    outcome: str


class Played(msgspec.Struct, frozen=True):
    """What is left when the script is over."""

    decisions: list[Decided]
    savings: Savings
    can: dict[str, int]
    """By model: requests it could have answered, going by what they need."""
    ledger: Totals
    overhead_us: list[int]
    seconds: float


class Nowhere:
    """An outlet that keeps nothing: the demo looks at the ledger, not at the words."""

    def __init__(self) -> None:
        self.started = False
        self.status = 0

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.start(status, headers)

    def start(self, status: int, headers: bytes) -> None:
        self.started, self.status = True, status

    async def write(self, piece: bytes) -> None:
        pass

    def end(self, last: bytes = b"") -> None:
        pass


class Script:
    """The workload on its way through one gateway."""

    def __init__(self, count: int, seconds: float, speed: float, plain: bool, quiet: bool) -> None:
        self.count = count
        self.interval = max(seconds - TAIL, seconds / 2) / count / speed
        self.speed = speed
        self.plain = plain
        self.quiet = quiet
        self.decisions: list[Decided] = []
        self.served: list[Served] = []
        self.needs: list[int] = []
        self.overhead_us: list[int] = []
        self._prompts: dict[str, Prompt] = {}
        self._runtime: Runtime | None = None
        self._upstream: SimulatedUpstream | None = None

    async def play(self) -> Played:
        from fairlead.cli.demo_workload import ordered, savings
        from fairlead.config.environment import from_environment
        from fairlead.config.schema import Policy
        from fairlead.gateway.runtime import Runtime
        from fairlead.gateway.simulation import simulated_upstream
        from fairlead.gateway.world import build
        from fairlead.providers.simulated import fail
        from fairlead.registry.catalogue import load as load_catalogue
        from fairlead.store.memory import MemoryLedger

        embedded = from_environment({})
        policies = {**embedded.policies, **{name: Policy.model_validate(policy) for name, policy in POLICIES.items()}}
        config = embedded.model_copy(update={"policies": policies})
        upstream = self._upstream = simulated_upstream(config, self.speed)
        assert upstream is not None
        ledger = MemoryLedger()
        runtime = self._runtime = Runtime(build(config, load_catalogue(), b""), ledger, upstream, (self._settled,))
        await runtime.open()
        began = monotonic()
        faults = {round(self.count * share) for share in FAULTS}
        async with asyncio.TaskGroup() as group:
            for number, prompt in enumerate(ordered(self.count)):
                due = began + number * self.interval - monotonic()
                await asyncio.sleep(max(due, 0))
                if number in faults:
                    upstream.script.push(fail(503))
                group.create_task(self._ask(runtime, number, prompt))
        seconds = monotonic() - began
        totals = await ledger.totals()
        baselines = lineup(runtime)
        can = {
            name: sum(not need & ~model.capabilities for need in self.needs)
            for name, model in runtime.world.snapshot.models.items()
        }
        await runtime.close()
        return Played(self.decisions, savings(self.served, baselines), can, totals, self.overhead_us, seconds)

    async def _ask(self, runtime: Runtime, number: int, prompt: Prompt) -> None:
        import orjson

        from fairlead.cli.demo_workload import request
        from fairlead.core.call import Caller
        from fairlead.gateway import pipeline
        from fairlead.gateway.request import Headers, Incoming

        body = request(prompt)
        tag = str(number)
        self._prompts[tag] = prompt
        body["fairlead"] = {"task": prompt.task, "policy": TASKS[prompt.task], "tags": [tag]}
        incoming = Incoming("generate", Caller("demo"), Headers(), orjson.dumps(body), monotonic())
        await pipeline.answer(runtime, incoming, Nowhere())

    def _settled(self, record: Record, call: Call) -> None:
        """The gateway's hook: called with every finished request, as the ledger has it."""
        from fairlead.cli.demo_workload import Served
        from fairlead.core.model import CAPABILITIES

        assert self._runtime is not None
        tag = record.tags[0]
        prompt = self._prompts.pop(tag)
        self.overhead_us.append(record.overhead_us)
        if record.model:
            usage = record.attempts[-1].usage
            right = self._judged(record.request)
            self.served.append(Served(prompt.task, usage.input, usage.output, record.model, record.cost, right))
            self.needs.append(sum(CAPABILITIES[one.name] for one in call.signals if one.kind == "needs"))
        why = reason(record, plan_of(self._runtime, call, record))
        decided = Decided(
            int(tag) + 1,
            prompt.task,
            record.policy,
            record.model,
            record.cost,
            round(record.total_ms * self.speed),
            why,
            record.request,
            record.outcome,
        )
        self.decisions.append(decided)
        if not self.quiet:
            ticker(decided, self.count, self.plain)

    def _judged(self, request_id: str) -> bool | None:
        """Whether the simulated model meant its answer to be right."""
        assert self._upstream is not None
        for entry in reversed(self._upstream.log.entries):
            if entry.request_id == request_id and entry.status == 200:
                return entry.correct
        return None


def lineup(runtime: Runtime) -> list[Baseline]:
    """Every model that answers as something all requests could have been sent to, at the price it is billed at."""
    from fairlead.cli.demo_workload import Baseline
    from fairlead.providers.simulated import DEFAULT_MODELS

    behaviours = {model.name: model.behaviour for model in DEFAULT_MODELS if not model.behaviour.embeds}
    models = [one for one in runtime.world.snapshot.models.values() if one.name in behaviours]
    return [Baseline(one.name, one.channels[0].prices[0], behaviours[one.name].quality) for one in models]


def plan_of(runtime: Runtime, call: Call, record: Record) -> Plan:
    """The plan again: the same call, policy and seed give the same decision."""
    from fairlead.core.choice import read_choice
    from fairlead.core.decide import decide

    world = runtime.world
    choice = read_choice(call.model, world.policies[record.policy], world.policies, world.snapshot)
    return decide(call, choice, runtime.snapshot(), record.seed)


def reason(record: Record, plan: Plan) -> str:
    """Why this model, in a few words: all policies of the demo take the cheapest that is left."""
    first = record.attempts[0]
    if first.outcome != "ok":
        return f"{first.status} at {first.model}, next"
    counts = Counter(rejection.reason for rejection in plan.rejected)
    out = ", ".join(f"{counts[code]} {told}" for code, told in REASONS.items() if counts[code])
    return f"{record.policy}: {out or 'cheapest of all'}"


def columns(count: int, number: str, task: str, model: str, cost: str, time: str, why: str) -> str:
    """One line of the stream; Chinese headings are twice as wide as they are long."""
    from fairlead.cli.columns import fill

    return (
        f"{fill(number, len(str(count)), right=True)}  {fill(task, 16)} {fill(model, 10)} "
        f"{fill(cost, 9, right=True)} {fill(time, 9, right=True)}  {why}"
    )


def ticker(decided: Decided, count: int, plain: bool) -> None:
    from fairlead.cli.tables import line, money

    told = columns(
        count,
        str(decided.number),
        decided.task,
        decided.model or decided.outcome,
        money(decided.cost, 6),
        f"{decided.ms:,} ms",
        decided.why,
    )
    line(
        told,
        "" if plain else "yellow" if decided.why.endswith("next") else "dim" if decided.policy == "everyday" else "",
        plain,
    )


@click.command("demo")
@click.option(
    *("--seconds", "-s"),
    type=click.FloatRange(min=1, max=3600),
    default=60.0,
    show_default=True,
    help="Length of the script at speed 1.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times faster.",
)
@click.option("--plain", is_flag=True, help="No colours and no lines but ASCII ones.")
@click.option("--json", "as_json", is_flag=True, help="Only the result, as JSON.")
def command(seconds: float, speed: float, plain: bool, as_json: bool) -> None:
    """One minute of mixed work through simulated models, and what routing saved.

    Needs no key and sends nothing anywhere: models, prices and qualities are invented, and each figure that comes of
    them is labelled simulated. The gateway and its ledger are the real ones.

    \b
    Examples:
      fairlead demo
      fairlead demo --speed 20
      fairlead demo --seconds 10 --json
    """
    from fairlead.cli.serve import run_loop

    # The two scripted failures are told in the stream; the gateway's log need not tell them too.
    logging.getLogger("fairlead").addHandler(logging.NullHandler())
    run_loop(run(seconds, speed, plain, as_json))


async def run(seconds: float, speed: float, plain: bool, as_json: bool) -> None:
    from fairlead.cli.tables import line
    from fairlead.providers.simulated import DEFAULT_MODELS

    count = max(round(seconds * A_SECOND), 1)
    if not as_json:
        opening = tr("{count} requests of mixed work go through {models} SIMULATED models in about {seconds} s.")
        answering = sum(not model.behaviour.embeds for model in DEFAULT_MODELS)
        line(opening.format(count=count, models=answering, seconds=f"{seconds / speed:.3g}"), "bold", plain)
        line(
            tr("Each caller names the policy of its task; all take the cheapest model that is good enough."),
            plain=plain,
        )
        line(tr(LEGEND), plain=plain)
        line(plain=plain)
        headings = (tr("task"), tr("model"), tr("cost"), tr("time"), tr("policy: models left out"))
        line(columns(count, "#", *headings), "bold", plain)
    played = await Script(count, seconds, speed, plain, as_json).play()
    if as_json:
        put_json(plain_data(played))
    else:
        show(played, plain)


def show(played: Played, plain: bool) -> None:
    from fairlead.cli.tables import line, money, saved, table

    savings = played.savings
    rows = []
    for row in (savings.routed, *savings.baselines):
        routed = row is savings.routed
        rows.append(
            (
                "fairlead" if routed else row.name,
                f"{savings.requests if routed else played.can[row.name]:,}",
                money(row.cost, 4),
                "-" if row.quality is None else f"{row.quality:.3f}",
                "-" if row.right is None else f"{row.right:.1f}",
                saved(savings.routed.cost, row.cost, row.saving),
            )
        )
    headings = (
        tr("everything to"),
        f">{tr('answered (simulated)')}",
        f">{tr('cost (simulated)')}",
        f">{tr('quality (simulated)')}",
        f">{tr('right (simulated)')}",
        f">{tr('routing saves (simulated)')}",
    )
    note = tr(
        "Every figure of this table is simulated: invented models, prices and qualities. A model's row is for all the same requests and tokens, also those it could not have answered."
    )
    line(plain=plain)
    table(headings, rows, title=tr("What routing saved (simulated)"), caption=note, plain=plain, first_bold=True)
    shares = ", ".join(f"{name} {number}" for name, number in savings.shares)
    line(
        tr("Where the {count} requests went (simulated): {shares}").format(count=savings.requests, shares=shares),
        plain=plain,
    )
    judged = tr(
        "Answers drawn as right (simulated): {right} of {judged}. The table's column is what the qualities lead one to "
        "expect; each simulated answer is then drawn with that chance."
    )
    line(judged.format(right=savings.observed_right, judged=savings.observed), plain=plain)
    p50, p99 = overhead(played.overhead_us)
    measured = tr(
        "Measured here, not simulated: fairlead took {p50} ms (p99 {p99} ms) from a request coming in to sending it on."
    )
    line(measured.format(p50=f"{p50 / 1000:.2f}", p99=f"{p99 / 1000:.2f}"), plain=plain)


def overhead(times: list[int]) -> tuple[float, float]:
    """Median and 99th percentile, microseconds."""
    ranked = sorted(times)
    return statistics.median(ranked), ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)]


def plain_data(played: Played) -> dict[str, object]:
    """Amounts in nano-units of simulated USD."""
    p50, p99 = overhead(played.overhead_us)
    return {
        "label": played.savings.label,
        "policies": POLICIES,
        "tasks": TASKS,
        "savings": msgspec.to_builtins(played.savings),
        "could_answer": played.can,
        "ledger": msgspec.structs.asdict(played.ledger),
        "measured": {"overhead_us_p50": p50, "overhead_us_p99": p99, "seconds": round(played.seconds, 3)},
        "decisions": [msgspec.structs.asdict(one) for one in played.decisions],
    }
