"""`fairlead explain`: why a request would go where it goes, or what became of one that was answered."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import body_of, deciding, planned, put_json, settings, shared_options

if TYPE_CHECKING:
    from fairlead.core.call import Call, Signal
    from fairlead.core.plan import Plan
    from fairlead.core.record import Attempt, Record


@click.command("explain")
@click.argument("given", metavar="TEXT|-|FILE.json|REQUEST_ID")
@shared_options
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
def command(
    given: str, path: Path | None, model: str | None, policy: str | None, as_json: bool, state_dir: Path | None
) -> None:
    """Say in words why a request would go, or went, where it goes.

    For a text or a file: what was found out about the request, the candidates with their scores, and who was left out
    and why; nothing is sent. For the id of a finished request (x-fairlead-request-id of its answer): the ledger's
    record of it, every attempt with what it cost.

    \b
    Examples:
      fairlead explain "What is in this contract?" --policy quality_first
      fairlead explain request.json --config fairlead.yaml
      fairlead explain req_01a2b3c4d5e6f --state-dir ./state
    """
    if given.startswith("req_") and not any(char.isspace() for char in given):
        show_record(given, path, state_dir, as_json)
        return
    from fairlead.gateway import pipeline
    from fairlead.gateway.explanation import paragraphs

    call, plan = planned(deciding(path), body_of(given, model, policy))
    if as_json:
        put_json({**pipeline.described(call, plan), "explanation": paragraphs(call, plan)})
    else:
        show_plan(call, plan)
    if not plan.steps:
        sys.exit(1)


def show_plan(call: Call, plan: Plan) -> None:
    from fairlead.cli.tables import figure, line, money, table
    from fairlead.gateway.explanation import paragraphs

    line(paragraphs(call, plan)[0])
    targets = [target for step in plan.steps for target in step.targets]
    if targets:
        first = targets[0]
        about = "its price is unknown" if first.expected.cost is None else f"for about {money(first.expected.cost)}"
        line(f"It would go to {first.model.name} via {first.channels[0].name}, {about}.", "bold")
    else:
        line("No model may answer it.", "bold")
    line()
    show_signals(call.signals)
    if targets:
        rows = [
            (
                str(number),
                target.model.name,
                ", ".join(channel.name for channel in target.channels),
                money(target.expected.cost),
                figure(target.expected.quality),
                figure(target.expected.latency_ms),
                f"{target.score:.3f}" if target.parts else "-",
                ", ".join(f"{name} {value:.2f}" for name, value in target.parts),
            )
            for number, target in enumerate(targets, 1)
        ]
        headings = (">", "=model", "channels", ">cost about", ">quality", ">ms about", ">score", "made of")
        table(headings, rows, title="Candidates, first choice first")
    if plan.rejected:
        rejected = [
            (f"{one.model}@{one.channel}" if one.channel else one.model, one.reason, one.detail)
            for one in plan.rejected
        ]
        table(("left out", "reason", "because"), rejected, title="Left out")
    line(f"policy {plan.policy} ({plan.strategy}), version {plan.policy_hash}; snapshot {plan.snapshot_hash}")


def show_signals(signals: tuple[Signal, ...]) -> None:
    from fairlead.cli.tables import table

    rows = [(f"{one.kind}: {one.name}", _value(one.value), f"{one.confidence:g}") for one in signals]
    table(("what was found out", ">value", ">confidence"), rows, title="Signals")


def show_record(request_id: str, path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    from fairlead.cli.books import decision
    from fairlead.errors import FairleadError

    where = state_dir or Path(settings(path).server.state_dir)
    record = decision(where, request_id)
    if record is None:
        raise FairleadError(
            f"the ledger in {where} has no request {request_id!r}; its id is in the answer's x-fairlead-request-id"
        )
    if as_json:
        put_json(named(record))
        return
    tell(record)


def tell(record: Record) -> None:
    from fairlead.cli.tables import line, money, table

    when = datetime.fromtimestamp(record.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    who = f"key {record.key}" + (f" of tenant {record.tenant}" if record.tenant != "default" else "")
    line(f"{record.request}, {when}, {who}")
    asked = f"It asked for {record.asked!r}; policy {record.policy} ({record.strategy})"
    if record.model:
        line(f"{asked} chose, and {record.model} answered via {record.channel}.")
    else:
        line(f"{asked}; it was not answered: {record.error} (HTTP {record.status}).")
    against = ""
    if record.baseline_cost is not None:
        against = f"; {record.baseline} would have cost {money(record.baseline_cost)} for the same tokens"
    line(f"Cost {money(record.cost)}{against}.", "bold")
    line(
        f"{record.total_ms:,} ms in all, of which fairlead took {record.overhead_us / 1000:.2f} ms before it was sent."
    )
    line()
    table(
        (">", "model", "channel", "outcome", ">HTTP", ">first ms", ">ms", ">in", ">out", ">cost"),
        [_attempt(attempt) for attempt in record.attempts],
        title="Attempts",
    )
    for attempt in record.attempts:
        if attempt.error:
            line(f"attempt {attempt.number}: {attempt.error}")
    bill = [
        (str(one.number), cost.kind, f"{cost.quantity:,}", cost.unit, money(cost.amount, 9), cost.price_row)
        for one in record.attempts
        for cost in one.lines
    ]
    table((">attempt", "line", ">quantity", "unit", ">amount", "price row"), bill, title="Cost lines")
    if record.signals:
        show_signals(record.signals)
    extra = [f"task {record.task}"] if record.task else []
    extra += [f"session {record.session}"] if record.session else []
    extra += [f"tags {', '.join(record.tags)}"] if record.tags else []
    line("; ".join([f"policy version {record.policy_hash}", f"snapshot {record.snapshot}", *extra]))


def named(value: object) -> object:
    """Records by field names (the ledger keeps them as arrays); amounts also as plain decimals."""
    import msgspec

    from fairlead.core.cost import plain

    if isinstance(value, msgspec.Struct):
        told: dict[str, object] = {}
        for name in value.__struct_fields__:
            part = getattr(value, name)
            told[name] = named(part)
            if name in ("cost", "amount", "baseline_cost") and isinstance(part, int):
                told[f"{name}_usd"] = plain(part)
        return told
    return [named(part) for part in value] if isinstance(value, tuple) else value


def _attempt(attempt: Attempt) -> tuple[str, ...]:
    from fairlead.cli.tables import money

    about = "~" if attempt.usage.estimated else ""
    return (
        str(attempt.number),
        attempt.model,
        attempt.channel.rpartition("@")[2],
        attempt.outcome if attempt.move == "first" else f"{attempt.outcome} ({attempt.move})",
        str(attempt.status or "-"),
        str(attempt.first_ms) if attempt.first_ms >= 0 else "-",
        f"{attempt.total_ms:,}",
        f"{about}{attempt.usage.input:,}",
        f"{about}{attempt.usage.output:,}",
        money(attempt.cost),
    )


def _value(value: float | int | str | bool) -> str:
    return (
        ("yes" if value else "no")
        if isinstance(value, bool)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
