"""The advice of `fairlead advise`, in words and tables, and as JSON. The advisor speaks in codes; the words are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.cli.asking import put_json
from fairlead.cli.messages import tr
from fairlead.cli.tables import count, line, money, percent, table

if TYPE_CHECKING:
    from fairlead.evidence.advisor_terms import Advice, Coverage, Facts, Range

WORDS: dict[str, str] = {
    "verdict_spend": "No: {spent_usd} a month is under {least_usd}; what routing saves of that is not worth a router.",
    "verdict_compliance": "No: of the models that may be used, {models} are left, and there is nothing to choose from.",
    "verdict_capacity": "No: nobody can look after a router. Use fewer models, or the findings below by hand.",
    "verdict_large": "Yes: {spent_usd} a month is worth routing (rules for it: {for}, against it: {against}).",
    "verdict_large_but": "Perhaps: {spent_usd} a month is worth routing, but more speaks against it (rules for it: {for}, against it: {against}).",
    "verdict_between_yes": "Yes: {spent_usd} a month is not much, but enough speaks for routing (rules for it: {for}, against it: {against}).",
    "verdict_between_maybe": "Perhaps: {spent_usd} a month is not much (rules for routing: {for}, against it: {against}).",
    "verdict_between_no": "No: {spent_usd} a month is not much, and more speaks against routing (rules for it: {for}, against it: {against}).",
    "verdict_unknown": "Unknown: too much of the logs has no known price ({spent_usd} a month are known).",
    "spend_unknown": "{spent_usd} a month are known, but {unpriced_share} of the rows have no known price",
    "saving_unknown": "only {known_share} of the spending goes, with tokens, to models the catalogue knows",
    "spend_small": "{spent_usd} a month; under {least_usd} the trouble costs more than it saves",
    "spend_between": "{spent_usd} a month, between {least_usd} and {enough_usd}: the other rules decide",
    "spend_large": "{spent_usd} a month; over {enough_usd} a router pays for itself",
    "saving_small": "{saved_share} of it could be saved: hardly worth it",
    "saving_unsure": "{saved_share} of it might be saved, but it may also be nothing ({low_usd} to {high_usd})",
    "saving_large": "{saved_share} of it would be saved: {low_usd} to {high_usd} a month",
    "variety_varied": "the work is varied: as if {tasks} tasks were equally frequent; the most frequent, {task}, is {task_share}",
    "variety_alike": "the work is much alike: as if {tasks} tasks were equally frequent, {task} alone is {task_share}; choosing one fitting model does most of it",
    "variety_unknown": "the task is known of {known_share} of the requests only; logs with prompts would tell",
    "tolerance_unknown": "how much quality may be lost is not said (--tolerance); {loss} is taken",
    "tolerance_none": "no loss of quality is accepted: only better and cheaper models remain",
    "tolerance_little": "a loss of quality of {loss} is accepted: little room",
    "tolerance_some": "a loss of quality of {loss} is accepted: room enough",
    "compliance_unknown": "whether every provider may be used is not said (--compliance); all {vendors} vendors of the catalogue are considered",
    "compliance_open": "any provider may be used: {models} models of {vendors} vendors",
    "compliance_listed": "{models} models of {vendors} vendors may be used",
    "compliance_unlisted": "only some providers may be used, but which is not said (--vendor, --region, --model)",
    "compliance_no_choice": "{models} models may be used: there is nothing to choose from",
    "dependency_one": "{provider_share} goes to {provider}: when it fails or raises its prices, there is no other way",
    "dependency_several": "{provider_share} at most goes to one provider, {provider}",
    "dependency_unknown": "whose the models are is not known",
    "capacity_unknown": "who would look after a router is not said (--capacity)",
    "capacity_none": "nobody can look after a router",
    "capacity_some": "somebody can look after a router now and then: keep to few models",
    "capacity_team": "a team looks after it",
    "premium_share": "premium models take {premium_share} of the spending; over {most_share} is too much",
    "cheap_share": "cheap models answer {cheap_share} of the requests; under {least_share} is too little",
    "premium_on_simple": "{model} answers simple requests ({tasks}): {simple_share} of what it costs",
    "dominated": "{to} is as good as {model} or better ({quality_to}, {quality}), and costs less",
    "too_weak": "{model} gets {requests} complex requests a month ({tasks}) that it is too weak for",
    "dear_after_all": "{model} has lower prices than {other}, but costs {times} times as much a request ({tasks}): it writes more",
    "comes_again": "{again_share} of the prompts to {model} come again soon, {risen_share} of these to a dearer model: its answers may not be good enough",
    "fails_often": "{failed_share} of the requests to {model} fail",
}  # fmt: skip
"""Each is also a line of the table of messages."""
RULES = {
    "spend": "spending",
    "saving": "saving",
    "variety": "variety of tasks",
    "tolerance": "tolerance",
    "compliance": "compliance",
    "dependency": "single provider",
    "capacity": "capacity to maintain",
}
SPEAKS = {"for": "for", "against": "against", "neither": "neither", "unknown": "unknown"}
KINDS = {"overuse": "overuse", "mismatch": "mismatch"}
TODAY, ADVISED = "(today)", "(as advised)"
MOVES = FINDINGS = OWNERS = 12
"""Rows shown; JSON holds all."""


def put(found: Advice, files: list[dict[str, object]]) -> None:
    """Amounts in nano-units of USD, as everywhere; the reasons in English beside their codes."""
    import msgspec

    built = msgspec.to_builtins(found)
    built["text"] = english(found.reason, found.facts)
    for name in ("rules", "findings"):
        for one in built[name]:
            one["text"] = english(one["reason"], one["facts"])
    put_json({**built, "files": files})


def english(code: str, facts: Facts) -> str:
    return WORDS[code].format(**filled(facts))


def words(code: str, facts: Facts) -> str:
    return tr(WORDS[code]).format(**filled(facts))


def filled(facts: Facts) -> dict[str, str]:
    return {name: _fact(name, value) for name, value in facts.items()}


def _fact(name: str, value: int | float | str) -> str:
    if isinstance(value, str):
        return value
    if name.endswith("_usd"):
        return money(round(value), 2)
    if name.endswith("_share"):
        return percent(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def show(found: Advice) -> None:
    line(words(found.reason, found.facts), "bold")
    line()
    rows = [(tr(RULES[rule.name]), tr(SPEAKS[rule.speaks]), words(rule.reason, rule.facts)) for rule in found.rules]
    table((tr("rule"), tr("speaks"), tr("because")), rows, title=tr("Does routing pay?"))
    show_saving(found)
    if found.findings:
        show_findings(found)
    show_models(found)
    if len(found.owners) > 1:
        owners = [(one.name, usd(one.cost), percent(one.share)) for one in found.owners[:OWNERS]]
        headings = (tr("tenant or key"), f">{tr('cost in that time')}", f">{tr('share of cost')}")
        table(headings, owners, title=tr("Who spends it"))
    show_coverage(found.coverage)


def show_saving(found: Advice) -> None:
    saving = found.saving
    if not saving.moves:
        line(tr("Nothing could go to another model that is about as good and costs less."))
        line()
        return
    rows = [
        (
            " ".join(filter(None, (move.task or tr("unknown"), f"({move.complexity})" if move.complexity else ""))),
            move.model,
            move.to,
            count(move.requests),
            usd(move.cost),
            ranged(move.saving),
            f"{move.quality:.2f} > {move.quality_to:.2f}",
        )
        for move in saving.moves[:MOVES]
    ]
    caption = tr("Of {spent} a month {saved} would be saved ({share}); in 90 of 100 draws {low} to {high}.").format(
        spent=usd(saving.spent.expected),
        saved=usd(saving.saved.expected),
        share=percent(saving.share),
        low=usd(saving.saved.low),
        high=usd(saving.saved.high),
    )
    if (left := len(saving.moves) - MOVES) > 0:
        caption += " " + tr("{count} smaller moves are not shown.").format(count=left)
    caption += " " + tr("Qualities are what the catalogue says: try a move on requests of your own first.")
    table(
        (
            tr("task"),
            tr("from"),
            tr("to"),
            f">{tr('requests')}",
            f">{tr('cost a month')}",
            f">{tr('would save')}",
            f">{tr('quality')}",
        ),
        rows,
        title=tr("What would be saved"),
        caption=caption,
        spare=(f">{tr('requests')}",),
    )


def show_findings(found: Advice) -> None:
    rows = [
        (
            tr(KINDS[one.kind]),
            words(one.reason, one.facts),
            usd(one.cost),
            "-" if one.saving is None else usd(one.saving),
        )
        for one in found.findings[:FINDINGS]
    ]
    left = len(found.findings) - FINDINGS
    table(
        (tr("kind"), tr("what was found"), f">{tr('cost a month')}", f">{tr('would save')}"),
        rows,
        title=tr("Overuse and mismatch"),
        caption=tr("{count} smaller findings are not shown.").format(count=left) if left > 0 else "",
    )


def show_models(found: Advice) -> None:
    rows = [
        (
            tr(one.model) if one.model in (TODAY, ADVISED) else one.model,
            tr("yes") if one.in_use else tr("no"),
            "-" if one.cost is None else usd(one.cost),
            "-" if one.quality is None else f"{one.quality:.3f}",
        )
        for one in found.baselines
    ]
    if rows:
        table(
            (tr("model"), tr("in use"), f">{tr('cost a month')}", f">{tr('quality')}"),
            rows,
            title=tr("Everything to one model"),
        )


def show_coverage(told: Coverage) -> None:
    rows = [("rows", count(told.rows)), ("requests", count(told.requests)), ("days", f"{told.days:,}")]
    if told.first_day:
        rows.append(("first day", told.first_day))
        rows.append(("last day", told.last_day))
    rows.append(("cost in that time", usd(told.cost)))
    rows.append(("of it as the logs say", usd(told.logged_cost)))
    rows.append(("of it at list prices", usd(told.cost - told.logged_cost)))
    if told.billed:
        rows.append(("on invoices", usd(told.billed)))
    if told.unpriced:
        rows.append(("rows without a known price, left out", f"{told.unpriced:,}"))
    if told.estimated:
        rows.append(("rows whose tokens are estimates", f"{told.estimated:,}"))
    if told.texts:
        rows.append(("prompts without a task", f"{told.texts:,}"))
        rows.append(("of them read by the classifier", f"{told.texts_read:,}"))
    rows.append(("share of the cost whose task is unknown", percent(told.untold)))
    table(("", ">"), [(tr(name), value) for name, value in rows], title=tr("What this rests on"))
    if told.assumed_days:
        line(tr("The logs have no times: {days} days are assumed (--days).").format(days=told.days))
    elif told.days < 7:
        line(tr("The logs cover {days} days: a month may be quite different.").format(days=told.days))


def usd(nano: int) -> str:
    return money(nano, 2) if abs(nano) >= 10_000_000 else money(nano)


def ranged(one: Range) -> str:
    return f"{usd(one.low)} - {usd(one.high)}"
