"""What the calculator found, on a terminal or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.cli.asking import put_json
from fairlead.cli.messages import chinese, tr

if TYPE_CHECKING:
    from fractions import Fraction

    from fairlead.evidence.calculator import Answer, Outcome, Verdict

COMPARED = 3
"""Savings against so many others have a column."""
MONEY = ("cost", "per_request", "per_1000", "per_million_tokens", "difference", "spend")
COUNTS = ("requests", "calls")


def put_list(found: list[Answer], as_json: bool) -> None:
    if as_json:
        facts = ("name", "title", "source", "date", "note")
        put_json([{**{fact: getattr(one.scenario, fact) for fact in facts}, "agrees": one.agrees} for one in found])
        return
    from fairlead.cli.tables import table

    rows = [(one.scenario.name, title(one), one.scenario.source, verdict(one.agrees)) for one in found]
    headings = (f"={tr('scenario')}", tr("what it is about"), tr("source"), tr("adds up"))
    table(headings, rows, caption=tr("`fairlead calc NAME` shows one."), spare=(tr("source"),))


def put_all(found: list[Answer], as_json: bool) -> None:
    if as_json:
        from fairlead.evidence.described import described

        put_json([described(one) for one in found])
        return
    from fairlead.cli.tables import line, table

    rows = [(one.scenario.name, *judged(each, one)) for one in found for each in one.verdicts]
    table((f"={tr('scenario')}", *headings_of_published()), rows, title=tr("Published figures, computed again"))
    for one in found:
        if one.agrees is False:
            line(one.scenario.name, "bold")
            line(f"  {note(one)}")
    line()
    right = sum(each.agrees for one in found for each in one.verdicts)
    line(tr("{right} of {count} published figures add up.").format(right=right, count=len(rows)))


def put_one(answer: Answer, as_json: bool) -> None:
    if as_json:
        from fairlead.evidence.described import described

        put_json(described(answer))
        return
    from fairlead.cli.tables import line, percent, table

    scenario = answer.scenario
    if title(answer):
        line(title(answer), "bold")
    if scenario.source:
        line(f"{scenario.source}, {scenario.date}" if scenario.date else scenario.source)
    work = tr("{count} requests a {period}").format(count=f"{scenario.case.requests:,}", period=scenario.period)
    line(work)
    put_work(answer)
    line()
    others = dict([*reversed(answer.compared.items())][:COMPARED][::-1])
    headings = (
        f"={tr('strategy')}",
        f">{tr('cost')}",
        f">{tr('per request')}",
        f">{tr('per 1,000')}",
        f">{tr('quality')}",
    )
    against = [f">{tr('saved against {name}').format(name=name)}" for name in others]
    rows = [
        (
            name,
            amount(one.cost, answer),
            amount(one.per_request, answer),
            amount(one.per_request * 1000, answer),
            percent(None if one.quality is None else float(one.quality)),
            *(saved(one, other) for other in others.values()),
        )
        for name, one in answer.outcomes.items()
    ]
    table((*headings, *against), rows, caption=estimated(answer))
    put_shares(answer)
    put_models(answer)
    if answer.verdicts:
        rows_of_published = [judged(each, answer) for each in answer.verdicts]
        table(headings_of_published(), rows_of_published, title=tr("Published"))
    if scenario.note:
        line(note(answer))
    for warning in scenario.warnings:
        line(f"{tr('warning')}: {warning}")


def put_work(answer: Answer) -> None:
    from fairlead.cli.tables import line, percent

    case = answer.scenario.case
    if not any(model.tiers for model in case.models.values()):
        return
    said = tr("{task}, {share} of them: {input} tokens in, {output} out, {cached} of the input cached")
    for work in case.works:
        line(
            said.format(
                task=work.task,
                share=percent(float(work.share)),
                input=f"{float(work.input * work.length):,.10g}",
                output=f"{float(work.output * work.length):,.10g}",
                cached=percent(float(work.cached)),
            )
        )


def put_models(answer: Answer) -> None:
    """What was reckoned with: prices as given or as the catalogue has them."""
    from fairlead.cli.tables import percent, table

    rows = []
    for model in answer.scenario.case.models.values():
        rates = model.tiers[0][1] if model.tiers else None
        prices = (rates.input, rates.output, rates.cached) if rates is not None else (None, None, None)
        rows.append(
            (
                model.name,
                *("-" if price is None else amount(price, answer) for price in (*prices, model.per_request)),
                percent(None if model.quality is None else float(model.quality)),
            )
        )
    columns = (tr("in"), tr("out"), tr("cached"), tr("per request"), tr("quality"))
    headings = (f"={tr('model')}", *(f">{column}" for column in columns))
    if rows:
        table(headings, rows, title=tr("Prices per million tokens"))


def put_shares(answer: Answer) -> None:
    """Of the strategies that use more than one model."""
    from fairlead.cli.tables import percent, table

    rows = [
        (
            name if first == 0 else "",
            share.model,
            percent(None if share.requests is None else float(share.requests)),
            percent(None if share.spend is None else float(share.spend)),
            amount(share.cost, answer),
        )
        for name, one in answer.outcomes.items()
        if len(one.shares) > 1 and one.strategy.kind != "random"
        for first, share in enumerate(one.shares)
    ]
    headings = (
        tr("strategy"),
        f"={tr('model')}",
        f">{tr('share of requests')}",
        f">{tr('share of cost')}",
        f">{tr('cost')}",
    )
    if rows:
        table(headings, rows)


def estimated(answer: Answer) -> str:
    models = [name for name, one in answer.scenario.case.models.items() if one.quality_source == "catalogue"]
    if not models:
        return ""
    return tr("Qualities of {models} are the catalogue's estimates.").format(models=", ".join(models))


def headings_of_published() -> tuple[str, ...]:
    return (tr("figure"), f">{tr('published')}", f">{tr('computed')}", tr("adds up"))


def judged(one: Verdict, answer: Answer) -> tuple[str, str, str, str]:
    asked = one.published
    what = f"{asked.figure} {asked.of}"
    what += f" / {asked.against}" if asked.against else f", {asked.model}" if asked.model else ""
    printed = shown(asked.value, asked.figure, answer)
    if asked.to is not None:
        printed += f" - {shown(asked.to, asked.figure, answer)}"
    return what, printed, shown(one.computed, asked.figure, answer), verdict(one.agrees)


def shown(value: Fraction | None, figure: str, answer: Answer) -> str:
    from fairlead.cli.tables import percent

    if figure in MONEY:
        return amount(value, answer)
    if value is not None and figure in COUNTS:
        return f"{float(value):,.10g}"
    return percent(None if value is None else float(value))


def amount(value: Fraction | None, answer: Answer) -> str:
    from fairlead.cli.tables import money
    from fairlead.core.model import NANO

    text = money(None if value is None else round(value * NANO))
    return text if answer.scenario.currency == "USD" else text.replace("$", f"{answer.scenario.currency} ")


def saved(one: Outcome, other: Outcome) -> str:
    """The share saved; where it costs more, how many times as much."""
    from fairlead.cli.tables import percent

    saving = one.saving(other)
    if one is other:
        return ""
    return percent(float(saving)) if saving is not None and saving >= 0 else times(one, other)


def times(one: Outcome, other: Outcome) -> str:
    if not other.cost:
        return "-"
    ratio = float(one.cost / other.cost)
    return f"{ratio:.2f} x" if ratio < 2 else f"{ratio:.1f} x"


def title(answer: Answer) -> str:
    scenario = answer.scenario
    return scenario.title_zh if chinese() and scenario.title_zh else scenario.title


def note(answer: Answer) -> str:
    scenario = answer.scenario
    return scenario.note_zh if chinese() and scenario.note_zh else scenario.note


def verdict(agrees: bool | None) -> str:
    return "-" if agrees is None else tr("yes") if agrees else tr("NO")
