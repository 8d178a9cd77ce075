"""An answer of the calculator as JSON: every figure of it, ready to be plotted.

Amounts are in the scenario's currency, shares and qualities from 0 to 1, all rounded half-even to nine decimals; null is
what nobody knows. `series` are the points of a plot of cost against quality, the cheapest first.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from fairlead.evidence.calculator import Answer, Outcome, Verdict
from fairlead.evidence.workload import Priced, Strategy, Work

PLACES = 9


def figure(value: Fraction | None) -> int | float | None:
    if value is None:
        return None
    whole = round(value, PLACES)
    return whole.numerator if whole.denominator == 1 else float(whole)


def described(answer: Answer) -> dict[str, Any]:
    scenario, case = answer.scenario, answer.scenario.case
    return {
        "name": scenario.name,
        "title": scenario.title,
        "source": scenario.source,
        "date": scenario.date,
        "inputs": {
            "requests": case.requests,
            "period": scenario.period,
            "currency": scenario.currency,
            "tasks": {
                work.task: _work(work, any(model.tiers for model in case.models.values())) for work in case.works
            },
            "models": {name: _model(model) for name, model in case.models.items()},
            "strategies": {one.name: _strategy(one) for one in scenario.strategies},
        },
        "results": {name: _outcome(one, answer.compared) for name, one in answer.outcomes.items()},
        "series": _series(answer),
        "published": [_verdict(one) for one in answer.verdicts],
        "agrees": answer.agrees,
        "note": scenario.note,
        "warnings": list(scenario.warnings),
    }


def _work(work: Work, counted: bool) -> dict[str, Any]:
    """Tokens only where a price hangs on them."""
    return {
        "share": figure(work.share),
        "input": work.input if counted else None,
        "output": work.output if counted else None,
        "cached": figure(work.cached) if counted else None,
        "length": figure(work.length),
    }


def _model(model: Priced) -> dict[str, Any]:
    """Prices in the scenario's currency, whichever they were given in."""
    prices = [
        {"above": above, "input": figure(rate.input), "output": figure(rate.output), "cached": figure(rate.cached)}
        for above, rate in model.tiers
    ]
    first = prices[0] if prices else {"input": None, "output": None, "cached": None}
    return {
        "input": first["input"],
        "output": first["output"],
        "cached": first["cached"],
        "tiers": prices[1:],
        "per_request": figure(model.per_request),
        "quality": figure(model.quality),
        "qualities": {task: figure(quality) for task, quality in model.qualities.items()},
        "price_from": model.source,
        "quality_from": model.quality_source,
    }


def _strategy(one: Strategy) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": one.kind}
    if one.models:
        found["models"] = list(one.models)
    if one.amounts:
        found["amounts"] = {model: figure(amount) for model, amount in one.amounts.items()}
    if one.by_task:
        found["by_task"] = one.by_task
    if one.kind == "cascade":
        found |= {"pays": one.pays, "kept": {model: figure(quality) for model, quality in one.kept.items()}}
    if one.kind == "subscription":
        found |= {"fee": figure(one.fee), "includes": one.includes, "beyond": one.beyond}
    if one.moved:
        found["moved"] = figure(one.moved)
    if one.overhead:
        found["overhead"] = figure(one.overhead)
    return found


def _outcome(one: Outcome, compared: dict[str, Outcome]) -> dict[str, Any]:
    return {
        "requests": one.requests,
        "calls": figure(one.calls),
        "cost": figure(one.cost),
        "per_request": figure(one.per_request),
        "per_1000": figure(one.per_request * 1000),
        "per_million_tokens": figure(one.per_million_tokens),
        "quality": figure(one.quality),
        "saving": {name: figure(one.saving(other)) for name, other in compared.items() if other is not one},
        "cost_ratio": {
            name: figure(one.cost / other.cost) if other.cost else None
            for name, other in compared.items()
            if other is not one
        },
        "shares": {
            share.model: {
                "requests": figure(share.requests),
                "spend": figure(share.spend),
                "cost": figure(share.cost),
            }
            for share in one.shares
        },
        "tasks": [
            {
                "task": part.task,
                "model": part.model,
                "requests": figure(part.requests),
                "calls": figure(part.calls),
                "cost": figure(part.cost),
                "quality": figure(part.quality),
            }
            for part in one.parts
        ],
    }


def _series(answer: Answer) -> list[dict[str, Any]]:
    ordered = sorted(answer.outcomes.items(), key=lambda item: item[1].cost)
    return [
        {
            "strategy": name,
            "cost": figure(one.cost),
            "per_1000": figure(one.per_request * 1000),
            "quality": figure(one.quality),
        }
        for name, one in ordered
    ]


def _verdict(one: Verdict) -> dict[str, Any]:
    asked = one.published
    return {
        "figure": asked.figure,
        "of": asked.of,
        "against": asked.against or None,
        "model": asked.model or None,
        "value": figure(asked.value),
        "to": figure(asked.to),
        "least": figure(asked.least),
        "most": figure(asked.most),
        "computed": figure(one.computed),
        "agrees": one.agrees,
    }
