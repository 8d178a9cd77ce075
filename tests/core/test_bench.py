"""Answers that are taken for right and are not, scores that say more than is known."""

from __future__ import annotations

import pytest

from fairlead.config.bench import shipped
from fairlead.core.bench import Answer, Case, Check, interval, right, scored


def case(check: Check, *expects: str) -> Case:
    return Case("c", "math", "?", check, expects)


@pytest.mark.parametrize(
    ("check", "expects", "text", "good"),
    [
        ("exact", ("W",), " w.\n", True),
        ("exact", ("W",), "The symbol is W", False),
        ("exact", ("不能", "否"), "不能。", True),
        ("exact", ("不能",), "能", False),
        ("contains", ("Danube", "Donau"), "It is the **Danube**.", True),
        ("contains", ("Danube",), "The Rhine", False),
        ("number", ("3431",), "47 * 73 = 3,431", True),
        ("number", ("3431",), "3431 or maybe 3432", False),
        ("number", ("14",), "The mean is 14.0", True),
        ("number", ("-2",), "-2", True),
        ("number", ("14",), "fourteen", False),
        ("json", ("order=A-7714", "quantity=3"), '```json\n{"order": "A-7714", "quantity": 3}\n```', True),
        ("json", ("order=A-7714", "quantity=3"), '{"order": "A-7714"}', False),
        ("json", ("a.0.b=true",), '{"a": [{"b": true}]}', True),
        ("json", ("a=1",), "a=1", False),
    ],
)
def test_a_wrong_answer_is_taken_for_right(
    check: Check, expects: tuple[str, ...], text: str, good: bool
) -> None:  # M7.1
    assert right(case(check, *expects), text) is good


def test_a_shipped_question_has_no_answer_that_passes() -> None:  # M7.1
    for name, one in shipped().items():
        wanted = Case(name, one.task, one.prompt, one.check, one.expects)  # type: ignore[arg-type]
        said = one.expects[0]
        if one.check == "json":
            fields = dict(field.partition("=")[::2] for field in one.expects)
            said = "{" + ", ".join(f'"{key}": "{value}"' for key, value in fields.items()) + "}"
        assert right(wanted, said), name
        assert not right(wanted, "I cannot help with that."), name
    assert len(shipped()) >= 28
    assert len({one.task for one in shipped().values()}) == 7


def answer(model: str, case: str, right: bool | None, task: str = "math", ms: float = 5.0) -> Answer:
    return Answer(model, case, task, right, 10, ms, "" if right is not None else "status 503")


def test_a_question_asked_ten_times_is_ten_questions_and_no_answer_a_wrong_one() -> None:  # M7.1
    found = scored([*[answer("a", "one", True)] * 9, answer("a", "one", False), answer("a", "two", None, ms=900)], 7)
    (score,) = found.scores
    assert (score.cases, score.good, score.missed, score.cost, score.ms) == (1, 0.9, 1, 110, 5.0)
    assert (found.asked, found.cost, found.problems) == (11, 110, ("a: status 503",))
    assert score.quality == pytest.approx(0.9)
    assert (score.low, score.high) == interval(0.9, 1)


def test_four_right_answers_of_four_are_certain() -> None:  # M7.1
    low, high = interval(4, 4)
    assert 0.45 < low < 0.55
    assert high > 0.999
    assert interval(0, 0) == (0.0, 1.0)
