"""`fairlead report`: what was asked, what it cost, and what one model for everything would have cost."""

from __future__ import annotations

import csv
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fairlead.cli.asking import put_json, settings
from fairlead.cli.messages import tr

if TYPE_CHECKING:
    from fairlead.config.schema import Config
    from fairlead.store.feedback import Judged
    from fairlead.store.opinions import Opinions
    from fairlead.store.reports import Group, Report, Totals
    from fairlead.store.tiers import TierGroup

By = Literal["model", "key", "tenant", "task", "day", "tier"]
DIMENSIONS: dict[str, str] = {
    "model": "By model",
    "key": "By key",
    "tenant": "By tenant",
    "task": "By task",
    "day": "By day",
    "tier": "By tier",
}
NO_ANSWER = "(no answer)"
NO_TIER = "(no tier)"
FIGURES = ("requests", "attempts", "estimated", "input_tokens", "output_tokens", "cached_tokens")
TASKS_SHOWN = 3
UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Since(click.ParamType[int]):
    """A time: `7d` or `90m` back from now, or a day such as 2026-11-01 (UTC). In epoch milliseconds."""

    name = "since"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        span = re.fullmatch(r"(\d{1,6})([mhdw])", value)
        if span:
            return int((time.time() - int(span[1]) * UNITS[span[2]]) * 1000)
        from datetime import UTC, datetime

        try:
            day = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; give 90m, 24h, 7d, 4w, or a day such as 2026-11-01", param, ctx)
        return int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp() * 1000)


@click.command("report")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option(
    "--since", type=Since(), default=0, metavar="TIME", help="Only from then on: 90m, 24h, 7d, 4w, 2026-11-01."
)
@click.option("--by", type=click.Choice(list(DIMENSIONS)), default="model", help="What to break the sums down by.")
@click.option("--baseline", metavar="MODEL", help="Compare with this model only, not with every configured one.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="The breakdown alone as CSV.")
def command(
    path: Path | None, state_dir: Path | None, since: int, by: By, baseline: str | None, as_json: bool, as_csv: bool
) -> None:
    """What was asked, what it cost, what it would have cost elsewhere.

    Beside a running server the report comes from it and holds everything answered so far, compared with that
    server's models; otherwise it is read from the database.

    \b
    Examples:
      fairlead report
      fairlead report --config fairlead.yaml --since 7d --by task
      fairlead report --baseline claude-opus-4.7 --json
    """
    from fairlead.cli import books
    from fairlead.store.window import Window

    if as_json and as_csv:
        raise click.UsageError("choose one of --json and --csv")
    config: list[Config] = []

    def configured() -> Config:
        if not config:
            config.append(settings(path))
        return config[0]

    where = state_dir or Path(configured().server.state_dir)
    found = books.report(where, configured, Window(since_ms=since), (baseline,) if baseline else ())
    if as_json:
        put_json(plain_report(found, by, since))
    elif as_csv:
        put_csv(groups_of(found, by), by)
    elif not found.totals.requests and not found.totals.side_calls:
        from fairlead.cli.terminal import say

        empty = tr("The ledger in {state} is empty: there is nothing to add up yet.")
        if since:
            empty = tr("The ledger in {state} is empty since {since}: there is nothing to add up yet.")
        say(empty.format(state=where, since=_moment(since)))
    else:
        show(found, by)


def groups_of(found: Report, by: By) -> tuple[Group, ...]:
    """The groups, so that their requests add up to all there were."""
    match by:
        case "model":
            return (*found.models, *unanswered(found.totals))
        case "key":
            return found.keys
        case "tenant":
            return found.tenants
        case "task":
            return found.tasks
        case "day":
            return found.days
        case "tier":
            return by_tier(found)


def unanswered(totals: Totals) -> tuple[Group, ...]:
    """The requests no model answered; their attempts stand with the models that were tried."""
    from fairlead.store.reports import Group

    return (Group(NO_ANSWER, "USD", totals.errors, 0, 0, 0, 0, 0, 0),) if totals.errors else ()


def by_tier(found: Report) -> tuple[Group, ...]:
    """The tiers of all tenants together, and what no tier paid for."""
    from fairlead.store.reports import Group

    nothing = Group("", "USD", 0, 0, 0, 0, 0, 0, 0)
    sums: dict[str, Group] = {}
    rest = _plus(nothing, found.totals, NO_TIER)
    for one in found.tiers:
        name = f"{one.policy}/{one.tier}"
        sums[name] = _plus(sums.get(name, nothing), one, name)
        rest = _plus(rest, one, NO_TIER, -1)
    return (*sums.values(), *((rest,) if rest.requests or rest.attempts else ()))


def _plus(group: Group, one: Totals | TierGroup, name: str, sign: int = 1) -> Group:
    from fairlead.store.reports import Group

    return Group(
        name,
        "USD",
        group.requests + sign * one.requests,
        group.attempts + sign * one.attempts,
        group.estimated + sign * one.estimated,
        group.input_tokens + sign * one.input_tokens,
        group.output_tokens + sign * one.output_tokens,
        group.cached_tokens + sign * one.cached_tokens,
        group.cost + sign * one.cost,
    )


def show(found: Report, by: By) -> None:
    from fairlead.cli.tables import count, money, percent, saved, table

    totals = found.totals
    table(("", ">"), _totals(totals), title=tr("Totals"))
    if found.tiers:
        show_tiers(found.tiers)
    if found.opinions is not None:
        show_opinions(found.opinions)
    if found.judged:
        show_judged(found.judged)
    groups = groups_of(found, by)
    answered = sum(group.requests for group in groups)
    spent = sum(group.cost for group in groups)
    rows = [
        (
            tr(group.name) if group.name in (NO_ANSWER, NO_TIER) else group.name or "-",
            f"{group.requests:,}",
            percent(group.requests / answered if answered else None),
            count(group.input_tokens),
            count(group.output_tokens),
            money(group.cost) if group.currency == "USD" else f"{money(group.cost)[1:]} {group.currency}",
            percent(group.cost / spent if spent else None),
        )
        for group in groups
    ]
    headings = (
        tr(by),
        f">{tr('requests')}",
        f">{tr('share of requests')}",
        f">{tr('tokens in')}",
        f">{tr('tokens out')}",
        f">{tr('cost')}",
        f">{tr('share of cost')}",
    )
    table(headings, rows, title=tr(DIMENSIONS[by]))
    if found.counterfactuals:
        others = [
            (
                row.model,
                f"{row.requests:,}",
                money(row.cost) if row.requests else tr("unknown"),
                saved(row.actual, row.cost, row.saving if row.requests else None),
            )
            for row in sorted(found.counterfactuals, key=lambda row: (-row.cost, row.model))
        ]
        table(
            (tr("model"), f">{tr('priced requests')}", f">{tr('would have cost')}", f">{tr('routing saved')}"),
            others,
            title=tr("Had every answered request gone to one model (same tokens, today's prices)"),
        )


def show_tiers(tiers: tuple[TierGroup, ...]) -> None:
    from fairlead.cli.tables import money, table

    rows = [
        (
            f"{one.policy}/{one.tier}",
            one.tenant,
            f"{one.requests:,}",
            "-" if one.per_1k is None else money(one.per_1k),
            "-" if one.expected_per_1k is None else money(one.expected_per_1k),
            "-" if one.budget is None else money(one.budget),
            "-" if one.left is None else money(one.left),
        )
        for one in tiers
    ]
    headings = (
        tr("tier"),
        tr("tenant"),
        f">{tr('requests')}",
        f">{tr('per 1,000')}",
        f">{tr('expected')}",
        f">{tr('budget a day')}",
        f">{tr('left today')}",
    )
    table(headings, rows, title=tr("Tiers"), spare=(headings[2],))


def show_opinions(said: Opinions) -> None:
    from fairlead.cli.tables import money, percent, table

    rows = [
        ("asked", f"{said.asked:,}"),
        ("of these without an answer", f"{said.unanswered:,}"),
        ("cost", money(said.cost)),
        ("latest requests looked at", f"{said.looked_at:,}"),
        ("its word counted", f"{said.used:,}"),
        ("asked in vain", f"{said.in_vain:,}"),
        ("agrees with the built-in one", percent(said.agreement)),
    ]
    table(("", ">"), [(tr(name), value) for name, value in rows], title=tr("Classifier: the model that is asked"))
    days = [
        (
            day.date,
            f"{day.opinions:,}",
            percent(day.agreed / day.opinions if day.opinions else None),
            "-" if day.drift is None else f"{day.drift:.2f}",
            ", ".join(f"{task} {count:,}" for task, count in list(day.tasks.items())[:TASKS_SHOWN]),
        )
        for day in said.days
    ]
    if days:
        headings = (tr("day"), f">{tr('opinions')}", f">{tr('agreement')}", f">{tr('drift')}", tr("most often"))
        drift = tr("Drift is the population stability index against the day before: above 0.25 is a large change.")
        table(headings, days, caption=drift)
    if said.alarms:
        alarms = [(_moment(one.at_ms), one.kind, one.detail) for one in said.alarms]
        table((tr("time"), tr("alarm"), ""), alarms)


def show_judged(judged: tuple[Judged, ...]) -> None:
    from fairlead.cli.tables import percent, table

    rows = [(one.task or "-", one.model, f"{one.judgements:,}", percent(one.score)) for one in judged]
    table((tr("task"), tr("model"), f">{tr('judgements')}", f">{tr('satisfied')}"), rows, title=tr("Feedback"))


def _totals(totals: Totals) -> list[tuple[str, str]]:
    from fairlead.cli.tables import money, percent, saved

    rows = [
        ("requests", f"{totals.requests:,}"),
        ("not answered", f"{totals.errors:,}"),
        ("attempts", f"{totals.attempts:,}"),
        ("tokens in", f"{totals.input_tokens:,}"),
        ("tokens out", f"{totals.output_tokens:,}"),
        ("cost", money(totals.cost)),
    ]
    if totals.side_calls:
        rows.insert(2, ("side calls", f"{totals.side_calls:,}"))
    if totals.requests:
        rows.append(("cost per request", money(round(totals.cost / totals.requests))))
        rows.append(("cost per 1,000 requests", money(round(totals.cost * 1000 / totals.requests))))
    rows.append(("attempts with estimated figures", percent(totals.estimated_share)))
    if totals.saving is not None:
        share = saved(totals.compared_cost, totals.baseline_cost, totals.saving)
        share = tr("{saving} saved").format(saving=share) if totals.saving >= 0 else share
        against = tr("{spent} spent, {instead} on the baseline ({share})").format(
            spent=money(totals.compared_cost), instead=money(totals.baseline_cost), share=share
        )
        rows.append(("against the recorded baseline", against))
    return [(tr(name), value) for name, value in rows]


def plain_report(found: Report, by: By, since: int) -> dict[str, object]:
    """Amounts in nano-units of USD, and again as plain decimals; shares from 0 to 1."""
    import msgspec

    from fairlead.core.cost import plain

    totals = found.totals
    sums: dict[str, object] = {**msgspec.structs.asdict(totals), "cost_usd": plain(totals.cost)}
    sums["cost_usd_per_request"] = str(totals.usd_per_request)
    sums["cost_usd_per_1000"] = str(totals.usd_per_thousand)
    sums["baseline_cost_usd"] = plain(totals.baseline_cost)
    sums["estimated_share"] = totals.estimated_share
    sums["saving"] = totals.saving
    return {
        "since_ms": since,
        "totals": sums,
        "by": by,
        "groups": [{**msgspec.structs.asdict(one), "cost_usd": plain(one.cost)} for one in groups_of(found, by)],
        "baselines": [
            {**msgspec.structs.asdict(one), "cost_usd": plain(one.cost), "saving": one.saving}
            for one in found.counterfactuals
        ],
        "tiers": [plain_tier(one) for one in found.tiers],
        "feedback": [msgspec.structs.asdict(one) for one in found.judged],
        "classifier": None if found.opinions is None else plain_opinions(found.opinions),
    }


def plain_tier(one: TierGroup) -> dict[str, object]:
    import msgspec

    from fairlead.core.cost import plain

    usd = {
        f"{name}_usd": None if nano is None else plain(nano)
        for name, nano in (("cost", one.cost), ("per_1k", one.per_1k), ("left", one.left))
    }
    return {**msgspec.structs.asdict(one), "per_1k": one.per_1k, "left": one.left, **usd}


def plain_opinions(said: Opinions) -> dict[str, object]:
    import msgspec

    from fairlead.core.cost import plain

    built = msgspec.to_builtins(said)
    return {**built, "agreement": said.agreement, "cost_usd": plain(said.cost)}


def put_csv(groups: tuple[Group, ...], by: By) -> None:
    from fairlead.cli.terminal import visible
    from fairlead.core.cost import plain

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((by, *FIGURES, "cost", "currency"))
    for group in groups:
        writer.writerow(
            (visible(group.name), *(getattr(group, name) for name in FIGURES), plain(group.cost), group.currency)
        )


def _moment(since_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(since_ms / 1000))
