"""Bench: a small set of questions with answers that can be checked, and what models made of them.

    right     whether an answer is right, by the case's own check
    scored    answers -> a score for each model and task, with an interval

A question that a model was not reached for says nothing of its quality: it is counted apart. Asked again, the same question is
still one: what counts for a task is each question's share of right answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from math import sqrt
from typing import Any, Literal, get_args

import msgspec

Check = Literal["exact", "contains", "number", "json"]
CHECKS: tuple[Check, ...] = get_args(Check)
Every = Literal["day", "week", "month", "quarter"]
EVERY: tuple[Every, ...] = get_args(Every)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)```", re.DOTALL)
LONGEST = 20_000
"""Characters of an answer that are looked at."""
NORMAL = 1.96


class Case(msgspec.Struct, frozen=True):
    """One question. `expects`: any of these is right; for `json` every one is a field as `path=value`."""

    name: str
    task: str
    prompt: str
    check: Check
    expects: tuple[str, ...]


class Bench(msgspec.Struct, frozen=True):
    cases: tuple[Case, ...]
    models: tuple[str, ...]
    """None for all that answer in words."""
    budget: int
    """Nano-units of USD a run."""
    every: Every | None = None
    repeat: int = 1
    at_once: int = 4
    timeout: float = 60.0
    most_output: int = 2_000
    """Tokens of an answer. One that is cut off there is none: who thinks before it answers would be called wrong."""


class Answer(msgspec.Struct, frozen=True):
    """What came of asking a model a question once."""

    model: str
    case: str
    task: str
    right: bool | None
    """None where there was no answer."""
    cost: int
    ms: float
    problem: str = ""


class Score(msgspec.Struct, frozen=True):
    """What a model made of a task's questions."""

    model: str
    task: str
    cases: int
    """Questions it answered, once or more often."""
    good: float
    """Sum over them of the shares of right answers."""
    missed: int
    """Askings without an answer."""
    cost: int
    ms: float
    """The median."""
    low: float
    high: float
    """Between which its share of right answers lies, with 95 % confidence."""

    @property
    def quality(self) -> float:
        return self.good / self.cases if self.cases else 0.0


class Scored(msgspec.Struct, frozen=True):
    """A run."""

    at: int
    """Epoch seconds."""
    scores: tuple[Score, ...]
    asked: int
    cost: int
    left_out: int = 0
    """Askings that the budget did not bear."""
    problems: tuple[str, ...] = ()
    """Why there was no answer, each once."""
    simulated: tuple[str, ...] = ()
    """Models that were only simulated: nothing is known by it of those that it stood in for."""


def right(case: Case, text: str) -> bool:
    said = text.strip()[:LONGEST]
    if case.check == "json":
        return _json(case, said)
    return any(_CHECKS[case.check](said, wanted) for wanted in case.expects)


def _exact(said: str, wanted: str) -> bool:
    return _plain(said) == _plain(wanted)


def _contains(said: str, wanted: str) -> bool:
    return _plain(wanted) in _plain(said)


def _plain(text: str) -> str:
    """Without what does not matter: case, spaces, a full stop or quotation marks around it."""
    return " ".join(text.casefold().split()).strip(" .。!！\"'`*「」“”")


def _number(said: str, wanted: str) -> bool:
    """The last number is what counts: before it stands how it was come to."""
    found = NUMBER.findall(said)
    try:
        return bool(found) and Decimal(found[-1].replace(",", "")) == Decimal(wanted)
    except InvalidOperation:
        return False


_CHECKS = {"exact": _exact, "contains": _contains, "number": _number}


def _json(case: Case, said: str) -> bool:
    fenced = FENCE.search(said)
    try:
        value: Any = msgspec.json.decode(fenced.group(1) if fenced else said)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return all(_field(value, *wanted.partition("=")[::2]) for wanted in case.expects)


def _field(value: Any, path: str, wanted: str) -> bool:
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    if isinstance(value, bool) or value is None:
        return msgspec.json.encode(value).decode() == wanted
    return str(value) == wanted


def scored(answers: Iterable[Answer], at: int, left_out: int = 0) -> Scored:
    every = list(answers)
    by_place: dict[tuple[str, str], list[Answer]] = {}
    for answer in every:
        by_place.setdefault((answer.task, answer.model), []).append(answer)
    scores = tuple(_score(model, task, found) for (task, model), found in sorted(by_place.items()))
    problems = tuple(dict.fromkeys(f"{one.model}: {one.problem}" for one in every if one.problem))
    return Scored(at, scores, len(every), sum(one.cost for one in every), left_out, problems)


def _score(model: str, task: str, answers: list[Answer]) -> Score:
    by_case: dict[str, list[bool]] = {}
    for one in answers:
        if one.right is not None:
            by_case.setdefault(one.case, []).append(one.right)
    good = sum(sum(found) / len(found) for found in by_case.values())
    took = sorted(one.ms for one in answers if one.right is not None)
    low, high = interval(good, len(by_case))
    return Score(
        model,
        task,
        len(by_case),
        good,
        sum(one.right is None for one in answers),
        sum(one.cost for one in answers),
        took[len(took) // 2] if took else 0.0,
        low,
        high,
    )


def interval(good: float, count: int) -> tuple[float, float]:
    """Wilson's, of a share."""
    if not count:
        return 0.0, 1.0
    share, squared = good / count, NORMAL**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = NORMAL / (1 + squared / count) * sqrt(share * (1 - share) / count + squared / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
