"""A report and recommendations as plain data: for `fairlead report --json`, its CSV, and `GET /admin/v1/report`. Amounts stand in nano-units of
USD, and again as plain decimals; shares go from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from fairlead.core.cost import plain
from fairlead.evidence.advice import Advised
from fairlead.evidence.figures import Burn, Figures, Month
from fairlead.evidence.forecast import Forecast
from fairlead.evidence.prompt_caches import ModelCache
from fairlead.server.reporting import Told
from fairlead.store.opinions import Opinions
from fairlead.store.recalled import Recalled
from fairlead.store.reports import Group, Report, Totals
from fairlead.store.tiers import TierGroup

By = Literal["model", "key", "tenant", "team", "task", "tag", "day", "tier"]
DIMENSIONS: tuple[By, ...] = ("model", "key", "tenant", "team", "task", "tag", "day", "tier")
NO_ANSWER = "(no answer)"
NO_TIER = "(no tier)"
AGAIN = "(given again)"


def groups_of(found: Report, by: By) -> tuple[Group, ...]:
    """The groups, so that their requests add up to all there were."""
    match by:
        case "model":
            return (*found.models, *again(found), *unanswered(found))
        case "key":
            return found.keys
        case "tenant":
            return found.tenants
        case "team":
            return found.teams
        case "task":
            return found.tasks
        case "tag":
            return found.tags
        case "day":
            return found.days
        case "tier":
            return by_tier(found)


def again(found: Report) -> tuple[Group, ...]:
    """The requests that were given an earlier answer: no model was asked."""
    return (Group(AGAIN, "USD", found.hits, 0, 0, 0, 0, 0, 0),) if found.hits else ()


def unanswered(found: Report) -> tuple[Group, ...]:
    """The requests no model answered, with all that was tried for them."""
    if not found.totals.errors:
        return ()
    tried = found.unanswered
    return (
        Group(
            NO_ANSWER,
            "USD",
            found.totals.errors,
            sum(one.attempts for one in tried),
            sum(one.estimated for one in tried),
            sum(one.input_tokens for one in tried),
            sum(one.output_tokens for one in tried),
            sum(one.cached_tokens for one in tried),
            sum(one.spent for one in tried),
        ),
    )


def by_tier(found: Report) -> tuple[Group, ...]:
    """The tiers of all tenants together, and what no tier paid for."""
    nothing = Group("", "USD", 0, 0, 0, 0, 0, 0, 0)
    sums: dict[str, Group] = {}
    rest = _plus(nothing, found.totals, NO_TIER)
    for one in found.tiers:
        name = f"{one.policy}/{one.tier}"
        sums[name] = _plus(sums.get(name, nothing), one, name)
        rest = _plus(rest, one, NO_TIER, -1)
    return (*sums.values(), *((rest,) if rest.requests or rest.attempts else ()))


def _plus(group: Group, one: Totals | TierGroup, name: str, sign: int = 1) -> Group:
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


def plain_report(told: Told, by: By, since: int) -> dict[str, object]:
    found, figures = told.report, told.figures
    totals = found.totals
    sums: dict[str, object] = {**msgspec.structs.asdict(totals), "cost_usd": plain(totals.cost)}
    sums["cost_usd_per_request"] = str(totals.usd_per_request)
    sums["cost_usd_per_1000"] = str(totals.usd_per_thousand)
    sums["compared_cost_usd"] = plain(totals.compared_cost)
    sums["baseline_cost_usd"] = plain(totals.baseline_cost)
    sums["unanswered_cost_usd"] = plain(totals.unanswered_cost)
    sums["estimated_share"] = totals.estimated_share
    sums["saving"] = totals.saving
    groups = groups_of(found, by)
    requests, spent = all_of(found, by, groups)
    return {
        "since_ms": since,
        "totals": sums,
        **plain_figures(figures),
        "by": by,
        "groups": [plain_group(one, requests, spent) for one in groups],
        "baselines": [
            {**msgspec.structs.asdict(one), "cost_usd": plain(one.cost), "saving": one.saving}
            for one in found.counterfactuals
        ],
        "tiers": [plain_tier(one) for one in found.tiers],
        "subscriptions": [{**msgspec.structs.asdict(one), "cost_usd": plain(one.cost)} for one in found.subscriptions],
        "tools": [{**msgspec.structs.asdict(one), "usd": plain(one.cost)} for one in found.tools],
        "unpriced": [msgspec.structs.asdict(one) for one in found.unpriced],
        "feedback": [msgspec.structs.asdict(one) for one in found.judged],
        "given_again": {
            "hits": found.hits,
            "saved": found.saved,
            "saved_usd": plain(found.saved),
            "by": [{**msgspec.structs.asdict(one), "saved_usd": plain(one.saved)} for one in found.reused],
        },
        "classifier": None if found.opinions is None else plain_opinions(found.opinions),
    }


def all_of(found: Report, by: By, groups: Sequence[Group]) -> tuple[int, int]:
    """The requests, and what was spent, that the groups have shares of. A request has several tags or, mostly, none."""
    if by == "tag":
        return found.totals.requests, found.totals.cost
    return sum(one.requests for one in groups), sum(one.spent for one in groups)


def plain_group(one: Group, requests: int, spent: int) -> dict[str, object]:
    per_thousand = per_1k(one)
    return {
        **msgspec.structs.asdict(one),
        "cost_usd": plain(one.spent),
        "cost_usd_per_1000": None if per_thousand is None else plain(per_thousand),
        "share_of_requests": one.requests / requests if requests else None,
        "share_of_cost": one.spent / spent if spent else None,
    }


def per_1k(one: Group) -> int | None:
    """What 1,000 requests came to, in nano-units of USD."""
    return round(one.spent * 1000 / one.requests) if one.requests else None


def plain_figures(figures: Figures) -> dict[str, object]:
    cache, overhead = figures.cache, figures.overhead
    return {
        "cache": {**msgspec.structs.asdict(cache), "saved": cache.saved, "saved_usd": plain(cache.saved)},
        "overhead": {
            "cost": overhead.cost,
            "cost_usd": plain(overhead.cost),
            "side_calls": [msgspec.structs.asdict(one) for one in overhead.side_calls],
            "ms_per_request": None if overhead.us is None else overhead.us / 1000,
            "looked_at": overhead.looked_at,
        },
        "quality": figures.quality,
        "cost_quality_ratio": figures.ratio,
        "month": None if figures.month is None else plain_month(figures.month),
        "budgets": [plain_burn(one) for one in figures.budgets],
        "prompt_caches": [plain_model_cache(one) for one in figures.caches],
        "memory": None if figures.recalled is None else plain_recalled(figures.recalled),
    }


def plain_model_cache(one: ModelCache) -> dict[str, object]:
    prices = {
        f"{name}_usd_per_million": None if nano is None else plain(nano)
        for name, nano in (("plain", one.plain), ("effective", one.effective))
    }
    return {**msgspec.structs.asdict(one), "hit_rate": one.hit_rate, **prices}


def plain_recalled(one: Recalled) -> dict[str, object]:
    return {**msgspec.structs.asdict(one), "saved": one.saved}


def plain_month(one: Month) -> dict[str, object]:
    return {
        "month": one.name,
        "spent": one.spent,
        "spent_usd": plain(one.spent),
        "expected": one.expected,
        "expected_usd": None if one.expected is None else plain(one.expected),
        "still_to_come": plain_forecast(one.forecast),
    }


def plain_burn(one: Burn) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(one),
        "forecast": plain_forecast(one.forecast),
        "amount_usd": plain(one.amount),
        "spent_usd": plain(one.spent),
        "share": one.share,
    }


def plain_forecast(one: Forecast | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        **msgspec.structs.asdict(one),
        "expected_usd": plain(one.expected),
        "low_usd": plain(one.low),
        "high_usd": plain(one.high),
    }


def plain_tier(one: TierGroup) -> dict[str, object]:
    usd = {
        f"{name}_usd": None if nano is None else plain(nano)
        for name, nano in (("cost", one.cost), ("per_1k", one.per_1k), ("left", one.left))
    }
    return {**msgspec.structs.asdict(one), "per_1k": one.per_1k, "left": one.left, **usd}


def plain_opinions(said: Opinions) -> dict[str, object]:
    built = msgspec.to_builtins(said)
    return {**built, "agreement": said.agreement, "cost_usd": plain(said.cost)}


def plain_advised(found: Advised) -> dict[str, object]:
    """Amounts of a month."""
    return {
        "spent": found.spent,
        "spent_usd": plain(found.spent),
        "together": found.together,
        "together_usd": plain(found.together),
        "recommendations": [
            {
                "number": number,
                "id": advice.id,
                "kind": advice.kind,
                "about": advice.about,
                "title": str(advice.title),
                "saving": advice.saving,
                "saving_usd": plain(advice.saving),
                "evidence": [str(words) for words in advice.evidence],
                "way": None if advice.way is None else str(advice.way),
                "changes": [{"path": list(change.path), "value": change.value} for change in advice.changes],
                "apply": f"fairlead recommend --config FILE --apply {advice.id}" if advice.changes else None,
            }
            for number, advice in enumerate(found.advice, 1)
        ],
    }
