"""What `fairlead report` shows beyond sums: caches, the cost of routing itself, quality, the month, budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.cli.messages import told, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead.evidence.figures import Burn, Figures
    from fairlead.evidence.forecast import Forecast
    from fairlead.evidence.prompt_caches import ModelCache

PERIODS = {"day": "a day", "week": "a week", "month": "a month", "total": "in all"}
STATES = {"spent": "spent", "over": "will be spent early", "tight": "may be spent early", "fine": "lasts"}


def rows_of(figures: Figures) -> list[tuple[str, str]]:
    """Further lines for the totals, where there is something to tell."""
    from fairlead.cli.tables import money

    cache, overhead = figures.cache, figures.overhead
    rows = []
    if cache.tokens:
        share = tr("{paid} instead of {full}").format(paid=money(cache.paid), full=money(cache.full))
        rows.append(("saved by providers' caches", f"{money(cache.saved)} ({share})"))
    if figures.recalled is not None:
        told = tr("{sent} tokens put in instead of {instead}, in {requests} requests").format(
            sent=f"{figures.recalled.sent:,}",
            instead=f"{figures.recalled.instead:,}",
            requests=f"{figures.recalled.requests:,}",
        )
        rows.append(("shared context", told))
    if overhead.side_calls:
        of = ", ".join(f"{one.purpose} {money(one.cost)}" for one in overhead.side_calls)
        rows.append(("spent on routing itself", f"{money(overhead.cost)} ({of})"))
    if overhead.us is not None:
        rows.append(("time spent on routing", tr("{ms} ms a request").format(ms=f"{overhead.us / 1000:.2f}")))
    if figures.quality is not None:
        rows.append(("expected quality", f"{figures.quality:.3f}"))
    if figures.ratio is not None:
        rows.append(("cost-quality ratio", f"{figures.ratio:,.4g}"))
    return [(tr(name), value) for name, value in rows]


def month_of(figures: Figures) -> str:
    from fairlead.cli.tables import money

    month = figures.month
    if month is None:
        return ""
    if month.forecast is None:
        return tr("{month}: {spent} so far.").format(month=month.name, spent=money(month.spent))
    coming = month.forecast
    return tr("{month}: {spent} so far, {expected} expected by its end ({low} to {high}).").format(
        month=month.name,
        spent=money(month.spent),
        expected=money(month.spent + coming.expected),
        low=money(month.spent + coming.low),
        high=money(month.spent + coming.high),
    )


def show_burns(budgets: Sequence[Burn]) -> None:
    from fairlead.cli.report import bar
    from fairlead.cli.tables import money, percent, table

    rows = [
        (
            _whose(one.who),
            f"{money(one.amount)} {tr(PERIODS[one.per])}",
            money(one.spent),
            percent(one.share),
            bar(one.share),
            _expected(one.spent, one.forecast),
            tr(STATES[one.state]) + (f" ({one.runs_out})" if one.runs_out else ""),
        )
        for one in budgets
    ]
    headings = (
        tr("budget of"),
        f">{tr('amount')}",
        f">{tr('spent')}",
        f">{tr('share')}",
        f"={tr('burnt')}",
        f">{tr('expected')}",
        tr("outlook"),
    )
    table(headings, rows, title=tr("Budgets"), spare=(headings[4],))


def _whose(who: str) -> str:
    """Whose a budget is, in the user's language: a word of the table and a name in quotes, or a sentence of its own."""
    owner, of_tenant, tenant = who.rpartition(" of tenant ")
    if of_tenant:
        return tr("{owner} of tenant {tenant}").format(owner=_whose(owner), tenant=tenant)
    scope, _, name = who.partition(" ")
    said = told(tr(who))
    return f"{tr(scope)} {name}" if said == who and name[:1] in ("'", '"') else said


def show_caches(caches: Sequence[ModelCache]) -> None:
    from fairlead.cli.tables import count, money, percent, table

    rows = [
        (
            one.model,
            count(one.input_tokens),
            count(one.cached_tokens),
            count(one.written_tokens),
            percent(one.hit_rate),
            tr("unknown") if one.plain is None else money(one.plain),
            tr("unknown") if one.effective is None else money(one.effective),
        )
        for one in caches
    ]
    headings = (
        tr("model"),
        f">{tr('tokens in')}",
        f">{tr('from its cache')}",
        f">{tr('written to it')}",
        f">{tr('hit rate')}",
        f">{tr('a million, plain')}",
        f">{tr('a million, in effect')}",
    )
    table(headings, rows, title=tr("Providers' prompt caches"), spare=(headings[3],))


def _expected(spent: int, coming: Forecast | None) -> str:
    from fairlead.cli.tables import money

    return "-" if coming is None else money(spent + coming.expected)
