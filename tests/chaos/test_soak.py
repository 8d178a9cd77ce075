"""What leaks is seen to leak, and what does not is let pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.soak import CLIENTS, FILES, THREADS, Look, verdicts

ROUNDS = 16
AT_FIRST = Look(0, 80 << 20, 22, 5, 8, 1 << 20, 17 << 20, 0, 0)


def looks(**slopes: float) -> list[Look]:
    """A process that grows warm and then grows by so much a request, or not at all."""
    found = [AT_FIRST]
    for number in range(1, ROUNDS):
        asked = 4000 * number
        warm = replace(
            AT_FIRST, asked=asked, memory=(140 << 20) + (number % 3 << 18), files=40 + number * 7 % 12, threads=10,
            books=(1 << 20) + 1400 * asked,
        )  # fmt: skip
        found.append(
            replace(warm, **{name: getattr(warm, name) + int(slope * asked) for name, slope in slopes.items()})
        )
    return found


def failed(found: list[Look], slack: float = 1.0) -> set[str]:
    return {verdict.what for verdict in verdicts(found, slack) if not verdict.good}


def test_a_process_at_rest_is_taken_for_a_leak() -> None:  # FAULTS 40
    assert failed(looks()) == set()


@pytest.mark.parametrize(
    ("what", "slopes"),
    [
        ("memory", {"memory": 150}),
        ("files", {"files": 1 / 1000}),
        ("tasks", {"tasks": 1 / 4000}),
        ("threads", {"threads": 1 / 3000}),
        ("spool", {"spool": 1000}),
    ],
)
def test_a_leak_is_not_seen(what: str, slopes: dict[str, float]) -> None:  # FAULTS 40
    assert failed(looks(**slopes)) == {what}


def test_books_that_take_ever_more_are_not_seen() -> None:  # FAULTS 40
    growing = [replace(look, books=look.books + look.asked**2 // 8) for look in looks()]
    assert failed(growing) == {"books"}


@pytest.mark.parametrize(("field", "what"), [("held", "held"), ("under_way", "under way")])
def test_what_is_left_over_once_is_forgotten(field: str, what: str) -> None:  # FAULTS 40
    found = looks()
    found[4] = replace(found[4], **{field: 1})
    assert failed(found) == {what}


def test_a_short_run_lets_every_leak_pass() -> None:  # FAULTS 40
    assert failed(looks(memory=2000), slack=8.0) == {"memory"}
    assert min(FILES, CLIENTS, THREADS) > 0
