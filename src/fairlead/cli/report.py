"""`fairlead report`: what was asked, what it cost, and what one model for everything would have cost."""

from __future__ import annotations

import csv
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fairlead.cli.asking import put_json, when_asked
from fairlead.cli.messages import tr

if TYPE_CHECKING:
    from fairlead.server.reporting import Told
    from fairlead.store.calls import Used
    from fairlead.store.feedback import Judged
    from fairlead.store.opinions import Opinions
    from fairlead.store.reports import Group, Report
    from fairlead.store.subscriptions import Subscription
    from fairlead.store.tiers import TierGroup

By = Literal["model", "key", "tenant", "team", "task", "tag", "day", "tier"]
DIMENSIONS: dict[str, str] = {
    "model": "By model",
    "key": "By key",
    "tenant": "By tenant",
    "team": "By team",
    "task": "By task",
    "tag": "By tag",
    "day": "By day",
    "tier": "By tier",
}
BAR = 20
"""Columns of a whole bar."""
EIGHTHS = " ▏▎▍▌▋▊▉"
FIGURES = ("requests", "attempts", "estimated", "input_tokens", "output_tokens", "cached_tokens")
SHARES = ("cost_usd", "cost_usd_per_1000", "share_of_requests", "share_of_cost")
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
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="MODEL",
    help="Compare with this model only, not with every configured one; may be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="The breakdown alone as CSV.")
def command(
    path: Path | None,
    state_dir: Path | None,
    since: int,
    by: By,
    baselines: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
) -> None:
    """What was asked, what it cost, what it would have cost elsewhere.

    Beside a running server the report comes from it and holds everything answered so far, compared with that
    server's models; otherwise it is read from the database.

    \b
    Examples:
      fairlead report
      fairlead report --config fairlead.yaml --since 7d --by task
      fairlead report --baseline claude-opus-4.7 --baseline gpt-5.5 --json
    """
    from fairlead.cli import books
    from fairlead.store.window import Window

    if as_json and as_csv:
        raise click.UsageError("choose one of --json and --csv")
    configured = when_asked(path)
    where = state_dir or Path(configured().server.state_dir)
    told = books.report(where, configured, Window(since_ms=since), baselines)
    totals = told.report.totals
    if as_json:
        from fairlead.server.plainly import plain_report

        put_json(plain_report(told, by, since))
    elif as_csv:
        put_csv(told.report, by)
    elif not totals.requests and not totals.side_calls:
        from fairlead.cli.terminal import say

        empty = tr("The ledger in {state} is empty: there is nothing to add up yet.")
        if since:
            empty = tr("The ledger in {state} is empty since {since}: there is nothing to add up yet.")
        say(empty.format(state=where, since=_moment(since)))
    else:
        show(told, by)


def show(told: Told, by: By) -> None:
    from fairlead.cli.spending import month_of, rows_of, show_burns, show_caches
    from fairlead.cli.tables import money, saved, table

    found = told.report
    table(("", ">"), [*_totals(found), *rows_of(told.figures)], title=tr("Totals"), caption=month_of(told.figures))
    if told.figures.budgets:
        show_burns(told.figures.budgets)
    if told.figures.caches:
        show_caches(told.figures.caches)
    if found.tiers:
        show_tiers(found.tiers)
    if found.subscriptions:
        show_subscriptions(found.subscriptions)
    if found.tools:
        show_tools(found.tools)
    if found.opinions is not None:
        show_opinions(found.opinions)
    if found.judged:
        show_judged(found.judged)
    show_groups(found, by)
    comparable = [row for row in found.counterfactuals if row.requests or row.actual]
    if comparable:
        others = [
            (
                row.model,
                f"{row.requests:,}",
                money(row.actual),
                money(row.cost) if row.requests else tr("unknown"),
                saved(row.actual, row.cost, row.saving if row.requests else None),
            )
            for row in sorted(comparable, key=lambda row: (-row.cost, row.model))
        ]
        table(
            (
                tr("model"),
                f">{tr('priced requests')}",
                f">{tr('spent on them')}",
                f">{tr('would have cost')}",
                f">{tr('routing saved')}",
            ),
            others,
            title=tr("Had every answered request gone to one model (same tokens, today's prices)"),
            caption=tr("Each model with the requests that it could have answered: texts, or embeddings."),
        )


def show_subscriptions(paid: tuple[Subscription, ...]) -> None:
    """Beside what requests cost."""
    from fairlead.cli.tables import money, table

    rows = [
        (one.channel, f"{money(one.amount)[1:]} {one.currency}", tr(one.per), _moment(one.since_ms), money(one.cost))
        for one in paid
    ]
    headings = (tr("channel"), f">{tr('amount')}", tr("per"), tr("since"), f">{tr('of this window')}")
    table(headings, rows, title=tr("Subscriptions"))


def show_tools(used: tuple[Used, ...]) -> None:
    """Part of what requests cost."""
    from fairlead.cli.tables import money, table

    rows = [
        (one.tool, one.model, f"{one.times:,}", money(one.cost), f"{one.unpriced:,}" if one.unpriced else "")
        for one in used
    ]
    headings = (tr("tool"), tr("model"), f">{tr('uses')}", f">{tr('fees')}", f">{tr('without a known fee')}")
    table(headings, rows, title=tr("Tools that providers ran"))


def show_groups(found: Report, by: By) -> None:
    from fairlead.cli.tables import count, money, percent, table
    from fairlead.server.plainly import AGAIN, NO_ANSWER, NO_TIER, all_of, groups_of, per_1k

    groups = groups_of(found, by)
    answered, spent = all_of(found, by, groups)
    unpriced = {one.model for one in found.unpriced} if by == "model" else set()

    def cost_of(group: Group) -> str:
        if not group.cost and group.name in unpriced:
            return tr("unknown")
        return money(group.cost) if group.currency == "USD" else f"{money(group.cost)[1:]} {group.currency}"

    rows = [
        (
            tr(group.name) if group.name in (NO_ANSWER, NO_TIER, AGAIN) else group.name or "-",
            f"{group.requests:,}",
            percent(group.requests / answered if answered else None),
            count(group.input_tokens),
            count(group.output_tokens),
            cost_of(group),
            "-" if (thousand := per_1k(group)) is None or cost_of(group) == tr("unknown") else money(thousand),
            percent(group.spent / spent if spent else None),
            bar(group.spent / spent if spent else 0.0),
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
        f">{tr('per 1,000')}",
        f">{tr('share of cost')}",
        f"={tr('spend')}",
    )
    spare = (headings[8], headings[3], headings[4], headings[6])
    table(headings, rows, title=tr(DIMENSIONS[by]), spare=spare)


def bar(share: float) -> str:
    """A line that is as long as the share is large, to an eighth of a column."""
    eighths = round(max(0.0, min(1.0, share)) * BAR * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


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


def _totals(found: Report) -> list[tuple[str, str]]:
    from fairlead.cli.tables import money, percent, saved

    totals = found.totals
    rows = [
        ("requests", f"{totals.requests:,}"),
        ("not answered", f"{totals.errors:,}"),
        ("attempts", f"{totals.attempts:,}"),
        ("tokens in", f"{totals.input_tokens:,}"),
        ("tokens out", f"{totals.output_tokens:,}"),
        ("cost", money(totals.cost)),
    ]
    if found.unpriced:
        count = sum(one.attempts for one in found.unpriced)
        models = ", ".join(one.model for one in found.unpriced)
        rows.append(("attempts whose price is unknown, not in the cost", f"{count:,} ({models})"))
    if totals.side_calls:
        rows.insert(2, ("side calls", f"{totals.side_calls:,}"))
    if found.reused:
        share = percent(found.hits / totals.requests if totals.requests else None)
        rows.append(("answers given again", f"{found.hits:,} ({share})"))
        rows.append(("saved by answers given again", money(found.saved)))
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
    if totals.unanswered_cost:
        rows.append(("spent on requests without an answer, in no comparison", money(totals.unanswered_cost)))
    return [(tr(name), value) for name, value in rows]


def put_csv(found: Report, by: By) -> None:
    from fairlead.cli.writing import uncomputed
    from fairlead.core.cost import plain
    from fairlead.server.plainly import all_of, groups_of, plain_group

    groups = groups_of(found, by)
    requests, spent = all_of(found, by, groups)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((by, *FIGURES, "cost", "currency", *SHARES))
    for group in groups:
        whole = plain_group(group, requests, spent)
        writer.writerow(
            (
                uncomputed(group.name),
                *(whole[name] for name in FIGURES),
                plain(group.cost),
                group.currency,
                *("" if whole[name] is None else whole[name] for name in SHARES),
            )
        )


def _moment(since_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(since_ms / 1000))
