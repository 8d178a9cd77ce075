"""An attempt made beside one that is slow to begin: the first to commit wins, and nobody is hedged out of place."""

from __future__ import annotations

import pytest

from fairlead.core.execution import (
    COMMITTED,
    FINISHED,
    HEDGE_DUE,
    Abort,
    Committed,
    Complete,
    Deliver,
    Event,
    Limits,
    step,
)
from tests.core.test_execution import candidates, failed, kinds, moves, play, start


def test_a_slow_beginning_is_hedged_and_the_first_to_commit_wins() -> None:
    for winner, loser in ((1, 2), (2, 1)):
        _, actions = play(start(2, Limits(hedge=1)), HEDGE_DUE, Committed(winner), FINISHED)
        assert actions[1:] == [actions[1], Abort(loser), Deliver(winner), Complete(winner)]
        assert moves(actions)[1] == ("failover", "hedge")


def test_one_of_two_that_fails_leaves_the_other_and_then_the_rest() -> None:
    _, actions = play(start(3, Limits(hedge=1)), HEDGE_DUE, failed(1), failed(2), Committed(3))
    assert kinds(actions) == ["Dispatch", "Dispatch", "Dispatch", "Deliver"]
    assert candidates(actions) == ["m0@main", "m1@main", "m2@main"]


@pytest.mark.parametrize("before", [(COMMITTED,), (HEDGE_DUE,), (failed(1), failed(2), failed(3))])
def test_a_hedge_out_of_place(before: tuple[Event, ...]) -> None:
    state, _ = play(start(3, Limits(hedge=1)), *before)
    assert step(state, HEDGE_DUE) == (state, ())
    alone, _ = play(start(3))
    assert step(alone, HEDGE_DUE) == (alone, ())
