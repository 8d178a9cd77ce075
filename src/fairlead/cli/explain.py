"""`fairlead explain`: why a request would go where it goes, or what became of one that was answered."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import body_of, deciding, folder, planned, put_json, shared_options
from fairlead.cli.messages import language, tr

if TYPE_CHECKING:
    from fairlead.core.call import Signal
    from fairlead.core.record import Attempt, Audit, CostLine, Record
    from fairlead.gateway.explanation import Explained


@click.command("explain")
@click.argument("given", metavar="TEXT|-|FILE.json|REQUEST_ID")
@shared_options
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
def command(
    given: str,
    path: Path | None,
    preset: str | None,
    model: str | None,
    policy: str | None,
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Say in words why a request would go, or went, where it goes.

    For a text or a file: what was found out about the request, the candidates with their scores, and who was left out
    and why; nothing is sent. For the id of a finished request (x-fairlead-request-id of its answer): the ledger's
    record of it, every attempt with what it cost. Of one that was turned down before: why, as the audit has it.

    \b
    Examples:
      fairlead explain "What is in this contract?" --policy quality_first
      fairlead explain request.json --config fairlead.yaml
      fairlead explain req_01a2b3c4d5e6f --state-dir ./state
    """
    if given.startswith("req_") and not any(char.isspace() for char in given):
        show_record(given, path, state_dir, as_json)
        return
    from fairlead.gateway.explanation import described

    found = planned(deciding(path, preset), body_of(given, model, policy))
    if as_json:
        put_json(described(found, language()))
    else:
        show_plan(found)
    if not found.plan.steps:
        sys.exit(1)


def show_plan(found: Explained) -> None:
    from fairlead.cli.tables import line, money
    from fairlead.gateway.explanation import asked, understood

    plan = found.plan
    line(asked(found, language()))
    targets = [target for step in plan.steps for target in step.targets]
    if targets:
        first = targets[0]
        goes = "It would go to {model} via {channel}, for about {cost}."
        if first.expected.cost is None:
            goes = "It would go to {model} via {channel}; its price is unknown."
        where = {"model": first.model.name, "channel": first.channels[0].name}
        line(tr(goes).format(**where, cost=money(first.expected.cost)), "bold")
    else:
        line(tr("No model may answer it."), "bold")
    line()
    for words in understood(found, language()):
        line(words)
    line()
    show_signals(found.call.signals)
    show_choice(found)
    version = tr("policy {policy} ({strategy}), version {version}; snapshot {snapshot}")
    line(
        version.format(
            policy=plan.policy, strategy=plan.strategy, version=plan.policy_hash, snapshot=plan.snapshot_hash
        )
    )


def show_choice(found: Explained) -> None:
    """Why the first is first, the candidates, who was left out, and what would flip it."""
    from fairlead.cli.tables import figure, line, money, table
    from fairlead.gateway.chinese import phrase, told
    from fairlead.gateway.explanation import flip_in_words, why
    from fairlead.gateway.requirement import in_words

    plan = found.plan
    for words in (*why(found, language()), *in_words(plan, language())):
        line(words)
    targets = [target for step in plan.steps if step.move != "escalate" for target in step.targets]
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
                ", ".join(f"{phrase(name, language())} {value:.2f}" for name, value in target.parts),
            )
            for number, target in enumerate(targets, 1)
        ]
        headings = (
            ">",
            f"={tr('model')}",
            tr("channels"),
            f">{tr('cost about')}",
            f">{tr('quality')}",
            f">{tr('ms about')}",
            f">{tr('score')}",
            tr("made of"),
        )
        table(headings, rows, title=tr("Candidates, first choice first"))
    if plan.rejected:
        rejected = [
            (f"{one.model}@{one.channel}" if one.channel else one.model, one.reason, told(one.detail, language()))
            for one in plan.rejected
        ]
        table((tr("left out"), tr("reason"), tr("because")), rejected, title=tr("Left out"))
    if found.flips:
        line(tr("What would flip it"), "bold")
        for flip in found.flips:
            line(flip_in_words(flip, language()))
        line()


def show_signals(signals: tuple[Signal, ...]) -> None:
    from fairlead.cli.tables import table

    rows = [(f"{one.kind}: {one.name}", _value(one.value), f"{one.confidence:g}") for one in signals]
    headings = (tr("what was found out"), f">{tr('value')}", f">{tr('confidence')}")
    table(headings, rows, title=tr("Signals"))


def show_record(request_id: str, path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    from fairlead.cli.books import decision, refusal
    from fairlead.errors import FairleadError

    where = state_dir or folder(path)
    record = decision(where, request_id)
    if record is None:
        refused = refusal(where, request_id)
        if refused is None:
            raise FairleadError(
                f"the ledger in {where} has no request {request_id!r}; its id is in the answer's x-fairlead-request-id"
            )
        tell_refusal(refused, as_json)
        return
    made = _made(where, record)
    if as_json:
        from fairlead.gateway.explanation import record_described

        put_json(record_described(record, made, language()))
        return
    tell(record, made)


def tell_refusal(refused: Audit, as_json: bool) -> None:
    from fairlead.cli.tables import line

    if as_json:
        from msgspec.structs import asdict

        put_json(asdict(refused))
        return
    line(who(refused.request, refused.at_ms, refused.key, refused.tenant))
    line(tr("It was turned down before any provider was asked ({kind}).").format(kind=refused.kind))
    line(refused.detail)


def who(request: str, at_ms: int, key: str, tenant: str) -> str:
    when = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    words = tr("{request}, {when}, key {key}")
    if tenant != "default":
        words = tr("{request}, {when}, key {key} of tenant {tenant}")
    return words.format(request=request, when=when, key=key, tenant=tenant)


def _made(state_dir: Path, record: Record) -> Explained | None:
    """The choice made again, where all it hung on is kept."""
    if record.decision is None:
        return None
    from fairlead.cli.books import contents
    from fairlead.cli.terminal import say
    from fairlead.gateway.contents import keys
    from fairlead.gateway.explanation import of_record
    from fairlead.gateway.replay import NotReplayable, replay

    try:
        again = replay(record, contents(state_dir, keys(record)))
    except NotReplayable as problem:
        say(tr("note: {problem}").format(problem=problem))
        return None
    return of_record(again.case, again.plan)


def tell(record: Record, made: Explained | None = None) -> None:
    from fairlead.cli.tables import line, money

    line(who(record.request, record.at_ms, record.key, record.tenant))
    asked = tr("It asked for {asked}; policy {policy} ({strategy}) chose, and {model} answered via {channel}.")
    if record.reuse is not None:
        asked = tr(
            "It asked for {asked}; it was given an earlier answer of {model} via {channel}, found by policy {policy}."
        )
    elif record.outcome == "lost":
        asked = tr(
            "The gateway ended while it was under way, after {model} was asked via {channel}: whether it was answered is not "
            "known. It counts with what that may have cost."
        )
    elif not record.model:
        asked = tr("It asked for {asked}; policy {policy} ({strategy}); it was not answered: {error} (HTTP {status}).")
    line(
        asked.format(
            asked=repr(record.asked),
            policy=record.policy,
            strategy=record.strategy,
            model=record.model,
            channel=record.channel,
            error=record.error,
            status=record.status,
        )
    )
    cost = tr("Cost {cost}.")
    if record.baseline_cost is not None:
        cost = tr("Cost {cost}; {baseline} would have cost {instead} for the same tokens.")
    line(cost.format(cost=money(record.cost), baseline=record.baseline, instead=money(record.baseline_cost)), "bold")
    if record.outcome != "lost":
        took = tr("{total} ms in all, of which fairlead took {own} ms before it was sent.")
        line(took.format(total=f"{record.total_ms:,}", own=f"{record.overhead_us / 1000:.2f}"))
    line()
    if record.reuse is None:
        tell_attempts(record)
    else:
        again = tr("That was the answer to {request}, {age} s before: {saved} saved.")
        line(again.format(request=record.reuse.request, age=f"{record.reuse.age:,}", saved=money(record.reuse.saved)))
    if record.signals:
        show_signals(record.signals)
    if made is not None:
        line(tr("Why it went there"), "bold")
        show_choice(made)
    facts = [(tr("policy version"), record.policy_hash), (tr("snapshot"), record.snapshot)]
    facts += [(tr("task"), record.task)] if record.task else []
    facts += [(tr("session"), record.session)] if record.session else []
    facts += [(tr("tags"), ", ".join(record.tags))] if record.tags else []
    line("; ".join(f"{name} {value}" for name, value in facts))


def tell_attempts(record: Record) -> None:
    """Every attempt, and what each is charged for."""
    from fairlead.cli.tables import line, table

    table(
        (
            ">",
            tr("model"),
            tr("channel"),
            tr("outcome"),
            ">HTTP",
            f">{tr('first ms')}",
            f">{tr('ms')}",
            f">{tr('in')}",
            f">{tr('out')}",
            f">{tr('cost')}",
        ),
        [_attempt(attempt) for attempt in record.attempts],
        title=tr("Attempts"),
    )
    for attempt in record.attempts:
        if attempt.error:
            line(tr("attempt {number}: {error}").format(number=attempt.number, error=attempt.error))
    bill = [
        (str(one.number), cost.kind, f"{cost.quantity:,}", cost.unit, _amount(cost), cost.price_row)
        for one in record.attempts
        for cost in one.lines
    ]
    headings = (
        f">{tr('attempt')}",
        tr("line"),
        f">{tr('quantity')}",
        tr("unit"),
        f">{tr('amount')}",
        tr("price row"),
    )
    table(headings, bill, title=tr("Cost lines"))


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
        money(attempt.spent),
    )


def _amount(line: CostLine) -> str:
    """In its own currency."""
    from fairlead.cli.tables import money

    told = money(line.amount, 9)
    return told if line.currency == "USD" else f"{told[1:]} {line.currency}"


def _value(value: float | int | str | bool) -> str:
    return (
        ("yes" if value else "no")
        if isinstance(value, bool)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
