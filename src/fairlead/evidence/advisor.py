"""The advisor: does routing pay for what these logs hold, what would it save, and what is overdone today?

1. `advisor_sums` adds the rows up, each once, in bounded memory; rows without a price are counted, never taken as free.
2. `advisor_savings` looks where each kind of work could go, and what that saves, as a range.
3. `advisor_audit` says what is overdone or does not match, and what one model for everything would cost.
4. `advisor_rules` weighs it all.

Pure over its rows: it reads no file and asks no clock. The reader of texts is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from fairlead.evidence.advisor_audit import Spent, audit, baselines, texts_of
from fairlead.evidence.advisor_market import Market
from fairlead.evidence.advisor_rules import Known, rules, verdict
from fairlead.evidence.advisor_savings import plan, saving, worth
from fairlead.evidence.advisor_sums import COST, REQUESTS, SAMPLE, Reader, Sums
from fairlead.evidence.advisor_terms import Advice, Coverage, Owner, Range, Saving, Spending, Wishes
from fairlead.evidence.logs.form import EPOCH
from fairlead.evidence.logs.row import UNKNOWN_DAY, Row

MONTH = 365.25 / 12
ASSUMED_DAYS = 30
"""That logs without times are taken to cover."""
NOTHING = Range(0, 0, 0)


def advise(
    rows: Iterable[Row], market: Market, wishes: Wishes, read: Reader | None = None, sample: int = SAMPLE
) -> Advice:
    sums = Sums(market, read, sample, wishes.unnamed)
    add = sums.add
    for row in rows:
        add(row)
    return advice_of(sums, market, wishes)


def advice_of(sums: Sums, market: Market, wishes: Wishes) -> Advice:
    days, assumed = days_of(sums, wishes)
    monthly = MONTH / days
    table = sums.table()
    spent = Spent(table, monthly)
    if table.groups:
        saved = saving(table, plan(table, market, wishes), wishes, monthly)
    else:
        saved = Saving(NOTHING, NOTHING, 0.0, (), ())
    providers, billed = with_bills(sums)
    whole = round(spent.total + (sum(providers.values()) - sum(sums.providers.values())) * monthly)
    tasks: dict[str, float] = {}
    untold = 0.0
    for at in spent.answering:
        group = table.groups[at]
        tasks[group.task] = tasks.get(group.task, 0.0) + float(spent.requests[at])
        untold += 0.0 if group.task else float(spent.costs[at])
    found = rules(whole, known(sums, spent), tasks, providers, saved, market, wishes)
    word, reason, facts = verdict(found, whole)
    texts, texts_read = texts_of(tuple(sums.models.values()))
    cost = sum(sums.providers.values())
    return Advice(
        word,
        reason,
        facts,
        found,
        saved,
        audit(spent, saved, market, wishes) if table.groups else (),
        baselines(spent, saved, market, wishes) if table.groups else (),
        models(sums, spent),
        owners(sums),
        Coverage(
            sums.rows,
            round(float(spent.requests.sum()) / monthly),
            _told(sums.first),
            _told(sums.last),
            days,
            assumed,
            cost,
            sums.logged_cost,
            billed,
            sums.unpriced,
            sums.estimated,
            texts,
            texts_read,
            untold / spent.total if spent.total else 0.0,
        ),
        wishes,
    )


def known(sums: Sums, spent: Spent) -> Known:
    worthy = [at for at, group in enumerate(spent.table.groups) if worth(group) is not None]
    # What is on invoices only has no tokens, and so could go nowhere.
    _, billed = with_bills(sums)
    whole = spent.total + (0 if spent.total else billed)
    return Known(sums.unpriced / max(sums.rows, 1), spent.of(worthy) / whole if whole else 0.0)


def days_of(sums: Sums, wishes: Wishes) -> tuple[int, bool]:
    """The days that the logs cover, and whether that had to be assumed."""
    if wishes.days:
        return wishes.days, False
    if sums.first != UNKNOWN_DAY:
        return sums.last - sums.first + 1, False
    if sums.bill_days:
        return max(sums.bill_days) - min(sums.bill_days) + 1, False
    return ASSUMED_DAYS, True


def with_bills(sums: Sums) -> tuple[dict[str, int], int]:
    """What went to whom, with the invoices of those whose usage is not in the logs; and the sum of all invoices."""
    providers = dict(sums.providers)
    for name, amount in sums.bills.items():
        if not providers.get(name):
            providers[name] = amount
    return providers, sum(sums.bills.values())


def models(sums: Sums, spent: Spent) -> tuple[Spending, ...]:
    whole = spent.total / spent.monthly
    found = []
    for model in sums.models.values():
        places = [at for at, group in enumerate(spent.table.groups) if group.model is model]
        if not places:
            continue
        figures = spent.table.figures[:, places].sum((0, 1))
        cost = float(figures[COST])
        found.append(
            Spending(
                model.name,
                model.choice is not None,
                round(float(figures[REQUESTS])),
                round(float(figures[1:5].sum())),
                round(float(figures[5:7].sum())),
                round(cost),
                cost / whole if whole else 0.0,
                model.choice.quality if model.choice else None,
            )
        )
    return tuple(sorted(found, key=lambda each: -each.cost))


def owners(sums: Sums) -> tuple[Owner, ...]:
    whole = sum(sums.owners.values())
    named = sorted(sums.owners.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Owner(name, cost, cost / whole if whole else 0.0) for name, cost in named if name)


def _told(day: int) -> str:
    return "" if day == UNKNOWN_DAY else date.fromordinal(day + EPOCH).isoformat()
