"""`fairlead replay`: decisions made again from what is stored of them, as they were and as they would be."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import put_json, settings
from fairlead.cli.messages import tr
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.core.plan import Plan
    from fairlead.core.record import Record
    from fairlead.gateway.replay import Replayed
    from fairlead.gateway.world import World


@click.command("replay")
@click.argument("request_id", required=False)
@click.option("--last", type=click.IntRange(1, 10_000_000), metavar="N", help="The last N finished requests.")
@click.option(
    "--config", "-c", "path", type=click.Path(path_type=Path), help="A configuration to decide under as well."
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def command(request_id: str | None, last: int | None, path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Make decisions again from what is stored of them.

    The request's words are not needed: signals, facts and what the decision hung on are kept for
    server.decisions_days. Says whether the plan is exactly the same, and with --config what that configuration would
    do with the same request. Exits with 1 where a plan differs.

    \b
    Examples:
      fairlead replay req_01a2b3c4d5e6f --state-dir ./state
      fairlead replay --last 1000 --config changed.yaml
    """
    if (request_id is None) == (last is None):
        raise click.UsageError("give the id of a request, or --last N")
    from fairlead.cli.books import decision, latest

    config = settings(path)
    where = state_dir or Path(config.server.state_dir)
    world = None
    if path is not None:
        from fairlead.gateway.world import build
        from fairlead.registry.catalogue import load

        world = build(config, load(), b"")
    if last is not None:
        _many(where, latest(where, last), world, str(path), as_json)
        return
    assert request_id is not None
    record = decision(where, request_id)
    if record is None:
        raise FairleadError(
            f"the ledger in {where} has no request {request_id!r}; its id is in the answer's x-fairlead-request-id"
        )
    _one(where, record, world, str(path), as_json)


def _one(where: Path, record: Record, world: World | None, config: str, as_json: bool) -> None:
    from fairlead.cli.books import contents
    from fairlead.cli.tables import line, money
    from fairlead.gateway.contents import keys
    from fairlead.gateway.replay import replay, under
    from fairlead.version import __version__

    again = replay(record, contents(where, keys(record)))
    plan = None if world is None else under(again, world)
    if as_json:
        put_json({"request": record.request, "same": again.same, **_figures(again, plan)})
    else:
        line(_outcome(again), "bold")
        if again.other_version:
            differs = tr("It was decided by fairlead {then}; this is {now}, which may decide otherwise by right.")
            line(differs.format(then=record.version, now=__version__))
        if plan is not None:
            words = "Under {config}: {model} instead of {before}, for about {cost} instead of {instead}."
            if _first(plan) == _first(again.plan):
                words = "Under {config}: the same first choice, {model}, for about {cost}."
            line(
                tr(words).format(
                    config=config,
                    model=_first(plan) or "-",
                    before=_first(again.plan) or "-",
                    cost=money(_cost(plan)),
                    instead=money(_cost(again.plan)),
                )
            )
    if not again.same:
        sys.exit(1)


def _outcome(again: Replayed) -> str:
    record, plan = again.record, again.plan
    first = _first(plan)
    before = record.attempts[0].model if record.attempts else record.model
    words = "{request}: the same plan again, to the last figure: {model}, {steps} ready, {rejected} left out."
    if not again.same:
        words = "{request}: NOT the same plan: it went to {before}, now it would go to {model}."
        if first == before:
            words = "{request}: NOT the same plan, though {model} is first both times."
    return tr(words).format(
        request=record.request,
        model=first or "-",
        before=before or "-",
        steps=sum(len(step.targets) for step in plan.steps),
        rejected=len(plan.rejected),
    )


def _many(where: Path, records: list[Record], world: World | None, config: str, as_json: bool) -> None:
    from fairlead.cli.books import contents
    from fairlead.gateway.contents import keys
    from fairlead.gateway.replay import NotReplayable, replay, under

    kept: dict[str, bytes] = {}
    tally = Tally()
    for record in records:
        if record.decision is None:
            tally.pass_over(record)
            continue
        wanted = tuple(key for key in keys(record) if key not in kept)
        if wanted:
            kept.update(contents(where, wanted))
        try:
            again = replay(record, kept)
        except NotReplayable:
            tally.missing += 1
            continue
        tally.add(again, None if world is None else under(again, world))
    if as_json:
        put_json(tally.data(world is not None))
    else:
        tally.show(None if world is None else config)
    if tally.different:
        sys.exit(1)


class Tally:
    """What came of many."""

    def __init__(self) -> None:
        self.same = self.different = self.missing = self.named = self.other_version = 0
        self.lost = self.again = 0
        self.cost_before = self.cost_after = 0
        self.moves: Counter[tuple[str, str]] = Counter()
        self.differing: list[str] = []

    @property
    def count(self) -> int:
        return self.same + self.different

    def pass_over(self, record: Record) -> None:
        """There is no decision, for one reason or another."""
        from fairlead.store.spending import CHOSEN

        if record.outcome == "lost":
            self.lost += 1
        elif record.reuse is not None:
            self.again += 1
        elif record.asked.startswith(CHOSEN):
            self.missing += 1
        else:
            self.named += 1

    def add(self, again: Replayed, plan: Plan | None) -> None:
        self.same += again.same
        self.different += not again.same
        self.other_version += again.other_version
        if not again.same:
            self.differing.append(again.record.request)
        if plan is not None:
            self.cost_before += _cost(again.plan) or 0
            self.cost_after += _cost(plan) or 0
            if _first(plan) != _first(again.plan):
                self.moves[(_first(again.plan), _first(plan))] += 1

    def data(self, compared: bool) -> dict[str, object]:
        from fairlead.core.cost import plain

        told: dict[str, object] = {
            "decisions": self.count,
            "same": self.same,
            "different": self.different,
            "differing": self.differing,
            "not_kept": self.missing,
            "named": self.named,
            "lost": self.lost,
            "given_again": self.again,
            "other_version": self.other_version,
        }
        if compared:
            moves = [{"from": old, "to": new, "requests": n} for (old, new), n in self.moves.most_common()]
            told["under_config"] = {
                "moved": sum(self.moves.values()),
                "moves": moves,
                "expected_cost_usd": plain(self.cost_after),
                "expected_cost_before_usd": plain(self.cost_before),
            }
        return told

    def show(self, config: str | None) -> None:
        from fairlead.cli.tables import line, money, table

        words = "{count} decisions made again: {same} the same, {different} different, {missing} not kept; {named} named their model."
        line(
            tr(words).format(
                count=f"{self.count:,}",
                same=f"{self.same:,}",
                different=f"{self.different:,}",
                missing=f"{self.missing:,}",
                named=f"{self.named:,}",
            ),
            "bold",
        )
        if self.lost:
            lost = "{count} were under way when the gateway ended: what they asked for was not written down yet."
            line(tr(lost).format(count=f"{self.lost:,}"))
        if self.again:
            line(tr("{count} were given an earlier answer: nothing was chosen.").format(count=f"{self.again:,}"))
        if self.other_version:
            line(tr("{count} of them were decided by another version.").format(count=f"{self.other_version:,}"))
        for request in self.differing[:20]:
            line(f"  {request}")
        if config is None:
            return
        moved = "Under {config} {moved} of {count} would go elsewhere; expected cost {cost} instead of {instead}."
        line(
            tr(moved).format(
                config=config,
                moved=f"{sum(self.moves.values()):,}",
                count=f"{self.count:,}",
                cost=money(self.cost_after),
                instead=money(self.cost_before),
            )
        )
        rows = [(old or "-", new or "-", f"{n:,}") for (old, new), n in self.moves.most_common()]
        if rows:
            table((f"={tr('from')}", f"={tr('to')}", f">{tr('requests')}"), rows)


def _figures(again: Replayed, plan: Plan | None) -> dict[str, object]:
    from fairlead.core.plan import digest
    from fairlead.version import __version__

    told: dict[str, object] = {
        "version": again.record.version,
        "this_version": __version__,
        "model": _first(again.plan),
        "plan": digest(again.plan),
    }
    if plan is not None:
        told["under_config"] = {"model": _first(plan), "cost": _cost(plan), "cost_before": _cost(again.plan)}
    return told


def _first(plan: Plan) -> str:
    return plan.steps[0].targets[0].model.name if plan.steps else ""


def _cost(plan: Plan) -> int | None:
    return plan.steps[0].targets[0].expected.cost if plan.steps else None
