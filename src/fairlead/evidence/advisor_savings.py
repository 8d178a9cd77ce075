"""What would be saved, and how sure that is.

1. A group (a model's requests of one task and complexity) may go to a model that is about as good at the task: at most
   `tolerance` below; for simple requests a fixed quality is enough. It must be able to do it, and take the prompts.
2. What moving saves, if it may, is today's cost, less that of the same tokens at the other model's prices of the same days, less
   the answers that are asked for again of the old model and so are paid twice.
3. Each group goes where it saves most, that times the chance that rule 1 holds for the true qualities, among the models in use and at most `fleet` new ones, chosen one after the other.
4. The range comes from redrawing, 1,000 times: the days (with replacement), the qualities (by their standard errors),
   how many answers are asked for again, and how long the other model's answers are. Where a drawn quality breaks rule 1
   the group stays, and saves nothing. 90 of 100 draws lie in the range.
"""

from __future__ import annotations

from math import erf

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.evidence.advisor_market import NEEDS, Choice, Market
from fairlead.evidence.advisor_sums import (
    CACHED,
    COST,
    LONGEST,
    PLAIN,
    REQUESTS,
    WRITE,
    WRITE_1H,
    Group,
    Table,
    blended,
    of_day,
)
from fairlead.evidence.advisor_terms import Move, Range, Saving, Wishes

Figures = NDArray[np.float64]

ASKED_AGAIN = 0.02
"""Share of answers that are asked for again even of a model that is as good; the loss of quality comes on top."""
LENGTH = 0.15
"""Standard deviation of the logarithm of how much longer another model's tokens come out."""
LEAST_GAIN = 0.1
"""A group is not moved for less of its cost."""
MATTERS = 0.02
"""What a further model must save of all that is spent, to be worth having."""
IN_USE = 0.01
LOW, HIGH = 5, 95


class Plan(msgspec.Struct, frozen=True):
    """Where each group would go."""

    places: tuple[int, ...]
    """Groups that move."""
    to: tuple[Choice, ...]
    """Where to, in the same order."""
    costs: Figures
    """What they would cost there: by period and moving group."""
    fleet: tuple[str, ...]


def costs_with(choice: Choice, table: Table) -> Figures | None:
    """What every group would cost with a model, by period and group; None where it has no price."""
    found = np.zeros(table.figures.shape[:2])
    prices = [choice.price(day) for day in table.days]
    averages = average_prompts(table)
    for price in {id(each): each for each in prices}.values():
        if price is None:
            return None
        here = [at for at, each in enumerate(prices) if each is price]
        found[here] = of_day(price, table.figures[here], 0)
        for above, _ in price.tiers[:1]:
            for group in np.flatnonzero(averages > above):
                found[here, group] = of_day(price, table.figures[here, group], averages[group])
    return found


def average_prompts(table: Table) -> Figures:
    sums = table.figures.sum(0)
    prompts: Figures = sums[:, [PLAIN, CACHED, WRITE, WRITE_1H]].sum(1) / np.maximum(sums[:, REQUESTS], 1)
    prompts[sums[:, REQUESTS] == 0] = 0
    return prompts


def longest_prompts(table: Table) -> Figures:
    """By group; of rows of many requests, their average."""
    longest: Figures = np.maximum(table.figures[..., LONGEST].max(0), average_prompts(table))
    return longest


def may(choice: Choice, wishes: Wishes) -> bool:
    """Whether a model may be proposed at all."""
    if wishes.models:
        asked = choice.name in wishes.models
    else:  # what costs nothing is a trial, with limits that no workload fits into
        asked = choice.current and choice.quality is not None and blended(choice) > 0
    return (
        asked
        and (not wishes.vendors or choice.vendor in wishes.vendors)
        and (not wishes.regions or bool(choice.regions & wishes.regions))
    )


def fits(choice: Choice, group: Group, longest: float, wishes: Wishes) -> bool:
    """Rule 1."""
    now, then = worth(group), choice.worth(group.task)
    if now is None or then is None or choice is group.model.choice:
        return False
    if not able(choice, group.task, longest):
        return False
    return now - then <= wishes.loss or (group.complexity == "simple" and then >= wishes.simple)


def able(choice: Choice, task: str, longest: float) -> bool:
    """Whether it can do what such a task takes, with so long a prompt."""
    needs = NEEDS.get(task, 0)
    return choice.capabilities & needs == needs and (not choice.context or longest <= choice.context)


def worth(group: Group) -> float | None:
    return group.model.choice.worth(group.task) if group.model.choice else None


def asked_again(group: Group, choice: Choice) -> float:
    now, then = worth(group), choice.worth(group.task)
    return ASKED_AGAIN + max(0.0, (now or 0.0) - (then or 0.0))


def chance(group: Group, choice: Choice, wishes: Wishes) -> float:
    """That rule 1 holds, as unsure as the qualities are: a bargain with a doubtful one is worth less."""
    assert group.model.choice is not None
    now, then = worth(group) or 0.0, choice.worth(group.task) or 0.0
    unsure = choice.unsure(group.task)
    both = (unsure**2 + group.model.choice.unsure(group.task) ** 2) ** 0.5
    held = below(wishes.loss - now + then, both)
    return max(held, below(then - wishes.simple, unsure)) if group.complexity == "simple" else held


def below(room: float, error: float) -> float:
    """The chance that a normal error of that size stays below the room there is."""
    return (1 + erf(room / error / 2**0.5)) / 2


def plan(table: Table, market: Market, wishes: Wishes) -> Plan:
    now = table.figures[..., COST].sum(0)
    total = float(now.sum())
    longest = longest_prompts(table)
    gains: dict[str, Figures] = {}
    costs: dict[str, Figures] = {}
    for choice in market.choices.values():
        if not may(choice, wishes):
            continue
        fitting = [at for at, group in enumerate(table.groups) if fits(choice, group, longest[at], wishes)]
        there = costs_with(choice, table) if fitting else None
        if there is None:
            continue
        costs[choice.name] = there
        gain = np.zeros(len(table.groups))
        for at in fitting:
            group = table.groups[at]
            saved = now[at] * (1 - asked_again(group, choice)) - there[:, at].sum()
            gain[at] = saved * chance(group, choice, wishes) if saved >= LEAST_GAIN * now[at] else 0.0
        gains[choice.name] = gain
    chosen, best = _fleet(gains, in_use(table, total), total, wishes.fleet, len(table.groups))
    places = [at for at in range(len(table.groups)) if best[at] > 0]
    to = [max(chosen, key=lambda name: (gains[name][at], name)) for at in places]
    moved = np.stack([costs[name][:, at] for at, name in zip(places, to, strict=True)], 1) if places else now[:0, None]
    used = in_use(table, 0.0)
    fleet = tuple(name for name in dict.fromkeys(to) if name not in used)
    return Plan(tuple(places), tuple(market.choices[name] for name in to), moved, fleet)


def in_use(table: Table, total: float) -> set[str]:
    """The models that more than a crumb is spent on."""
    spent: dict[str, float] = {}
    for at, group in enumerate(table.groups):
        spent[group.model.name] = spent.get(group.model.name, 0.0) + float(table.figures[:, at, COST].sum())
    return {name for name, cost in spent.items() if cost >= IN_USE * total}


def _fleet(
    gains: dict[str, Figures], used: set[str], total: float, most: int, groups: int
) -> tuple[list[str], Figures]:
    """The models in use, and of the others one after the other that saves most on top; and what each group saves."""
    chosen = [name for name in gains if name in used]
    best: Figures = np.maximum.reduce([np.zeros(groups), *(gains[name] for name in chosen)])
    for _ in range(most):
        added = {name: float(np.maximum(gain, best).sum() - best.sum()) for name, gain in gains.items()}
        name = max(added, key=lambda each: (added[each], each), default="")
        if not name or added[name] <= MATTERS * total:
            break
        chosen.append(name)
        best = np.maximum(best, gains[name])
    return chosen, best


def saving(table: Table, made: Plan, wishes: Wishes, monthly: float) -> Saving:
    """Rule 4, and the plan in words; `monthly` is what makes a month of the logged time."""
    random = np.random.default_rng(wishes.seed)
    periods = len(table.days)
    drawn = random.multinomial(periods, np.full(periods, 1 / periods), wishes.draws).astype(np.float64)
    now = table.figures[..., COST]
    spent = drawn @ now.sum(1) * monthly
    expected_spent = float(now.sum()) * monthly
    if not made.places:
        return Saving(_range(spent, expected_spent), Range(0, 0, 0), 0.0, (), ())
    groups = [table.groups[at] for at in made.places]
    here, there = drawn @ now[:, made.places] * monthly, drawn @ made.costs * monthly
    stays, again = _drawn_quality(random, groups, made.to, wishes)
    longer = {choice.name: random.lognormal(0.0, LENGTH, wishes.draws) for choice in made.to}
    lengths = np.stack([longer[choice.name] for choice in made.to], 1)
    saved = np.where(stays, 0.0, here * (1 - again) - there * lengths)
    whole = saved.sum(1)
    expected = float(whole.mean())
    moves = [
        _move(table, at, choice, saved[:, place], monthly)
        for place, (at, choice) in enumerate(zip(made.places, made.to, strict=True))
    ]
    return Saving(
        _range(spent, expected_spent),
        _range(whole, expected),
        expected / expected_spent if expected_spent else 0.0,
        made.fleet,
        tuple(sorted(moves, key=lambda move: -move.saving.expected)),
    )


def _drawn_quality(
    random: np.random.Generator, groups: list[Group], to: tuple[Choice, ...], wishes: Wishes
) -> tuple[NDArray[np.bool_], Figures]:
    """By draw and group: whether it has to stay, and the share of its answers that is asked for again. A model is drawn
    once for a task, however many groups it has a part in."""
    drawn: dict[tuple[str, str], Figures] = {}

    def quality(choice: Choice, task: str) -> Figures:
        key = (choice.name, task)
        if key not in drawn:
            drawn[key] = (choice.worth(task) or 0.0) + random.normal(0.0, choice.unsure(task), wishes.draws)
        return drawn[key]

    shape = (wishes.draws, len(groups))
    stays, again = np.zeros(shape, dtype=np.bool_), np.zeros(shape)
    some = random.uniform(0.0, 2.0, wishes.draws) * ASKED_AGAIN
    for at, (group, choice) in enumerate(zip(groups, to, strict=True)):
        assert group.model.choice is not None
        then = quality(choice, group.task)
        lost = quality(group.model.choice, group.task) - then
        enough = lost <= wishes.loss
        if group.complexity == "simple":
            enough |= then >= wishes.simple
        stays[:, at] = ~enough
        again[:, at] = np.clip(some + np.maximum(lost, 0.0), 0.0, 1.0)
    return stays, again


def _move(table: Table, at: int, choice: Choice, saved: Figures, monthly: float) -> Move:
    group, sums = table.groups[at], table.figures[:, at].sum(0)
    return Move(
        group.task,
        group.complexity,
        group.model.name,
        choice.name,
        round(sums[REQUESTS] * monthly),
        round(sums[COST] * monthly),
        _range(saved, float(saved.mean())),
        worth(group) or 0.0,
        choice.worth(group.task) or 0.0,
        asked_again(group, choice),
    )


def _range(drawn: Figures, expected: float) -> Range:
    low, high = np.percentile(drawn, [LOW, HIGH])
    return Range(round(float(low)), round(expected), round(float(high)))
