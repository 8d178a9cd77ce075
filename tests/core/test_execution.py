"""Whatever happens in whatever order, a request is tried a bounded number of times and answered at most once."""

from __future__ import annotations

import os
from random import Random

import pytest

from fairlead.core.execution import (
    BEGIN,
    CLIENT_LEFT,
    COMMITTED,
    DEADLINE_PASSED,
    FAILED,
    FAILED_FINALLY,
    FAILED_STALE,
    FINISHED,
    MAX_ATTEMPTS,
    Abort,
    Action,
    Candidate,
    Complete,
    Cut,
    Deliver,
    Dispatch,
    Event,
    GiveUp,
    State,
    begin,
    step,
)
from tests.core.scenes import call, channel, model, plan, policy, world

EVENTS: tuple[Event, ...] = (
    BEGIN,
    COMMITTED,
    FINISHED,
    FAILED,
    FAILED_FINALLY,
    CLIENT_LEFT,
    DEADLINE_PASSED,
    FAILED_STALE,
)
FAILURES = (FAILED, FAILED_FINALLY, FAILED_STALE)
SEQUENCES = int(os.environ.get("FAIRLEAD_SEQUENCES", "100000"))
"""A million takes about a minute: FAIRLEAD_SEQUENCES=1000000."""


def start(models: int) -> State:
    there = world(*(model(f"m{at}", at + 1) for at in range(models)))
    return begin(plan(call(), there, policy("cost_first")))


def play(state: State, *events: Event) -> tuple[State, list[Action]]:
    done: list[Action] = []
    for event in events:
        state, actions = step(state, event)
        done += actions
    return state, done


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def check(events: list[Event], state: State) -> None:
    """The rules of the module's docstring, over one run."""
    dispatched = ended = delivered = 0
    over = answered = left = again = False
    planned = state.candidates
    sent: list[Candidate] = []
    for event in events:
        before = state
        state, actions = step(state, event)
        if before.phase == "done":
            assert (state, actions) == (before, ()), events
        if event in (CLIENT_LEFT, DEADLINE_PASSED):
            left = True
            assert state.phase == "done"
        if before.phase == "trying" and event in FAILURES:
            ended += 1
        for action in actions:
            assert not over or type(action) in (Abort, Cut, GiveUp), events
            if type(action) is Dispatch:
                assert (left, delivered, ended) == (False, 0, dispatched), events
                dispatched += 1
                repeated = event is FAILED_STALE and not again
                if repeated:
                    again = True
                    assert action.candidate is sent[-1], events
                else:
                    sent.append(action.candidate)
                assert action.number == dispatched <= MAX_ATTEMPTS + again
            elif type(action) is Deliver:
                assert (left, delivered, ended) == (False, 0, dispatched - 1), events
                delivered += 1
            elif type(action) in (Complete, Cut, GiveUp):
                assert not answered, events
                answered = True
                assert (type(action) is GiveUp) == (not delivered), events
            if type(action) in (Complete, Abort) or (type(action) is Cut and event in FAILURES):
                assert ended == dispatched - 1, events
                ended += 1
        over = state.phase == "done"
        assert dispatched - ended == (1 if state.phase in ("trying", "committed") else 0), events
    assert all(one is other for one, other in zip(sent, planned, strict=False)), events
    assert len(sent) <= len(planned)
    if state.phase == "done" and not answered:
        assert CLIENT_LEFT in events


def test_any_sequence_of_events_keeps_the_rules() -> None:
    chance = Random(20260901)
    starts = [start(models) for models in range(7)]
    for _ in range(SEQUENCES):
        weights = chance.choice(((1, 1, 1, 1, 1, 1, 1, 1), (5, 5, 5, 5, 1, 0.2, 0.2, 5), (9, 1, 1, 9, 0, 0.1, 0.1, 9)))
        events = chance.choices(EVENTS, weights, k=chance.randrange(1, 14))
        if chance.random() < 0.8:
            events[0] = BEGIN
        check(events, chance.choice(starts))


def test_a_request_that_goes_well() -> None:
    state, actions = play(start(2), BEGIN, COMMITTED, FINISHED)
    assert (kinds(actions), state.phase) == (["Dispatch", "Deliver", "Complete"], "done")


def test_a_failure_before_content_gives_way_to_the_next_until_none_is_left() -> None:
    state, actions = play(start(3), BEGIN, FAILED, FAILED, FAILED)
    assert kinds(actions) == ["Dispatch", "Dispatch", "Dispatch", "GiveUp"]
    moves = [action.candidate.move for action in actions if isinstance(action, Dispatch)]
    assert moves == ["first", "failover", "failover"]
    assert (actions[-1], state.phase) == (GiveUp("failed"), "done")


def candidates(actions: list[Action]) -> list[str]:
    return [action.candidate.channel.id for action in actions if isinstance(action, Dispatch)]


def test_a_connection_that_was_closing_is_worth_one_more_try_at_the_same_place() -> None:
    _, actions = play(start(3), BEGIN, FAILED_STALE, COMMITTED, FINISHED)
    assert candidates(actions) == ["m0@main", "m0@main"]
    assert kinds(actions) == ["Dispatch", "Dispatch", "Deliver", "Complete"]


@pytest.mark.parametrize(
    ("events", "tried"),
    [
        ((FAILED_STALE, FAILED_STALE, FAILED_STALE), ["m0", "m0", "m1", "m2"]),
        ((FAILED, FAILED_STALE, FAILED_STALE), ["m0", "m1", "m1", "m2"]),
        ((FAILED_STALE, FAILED, FAILED_STALE), ["m0", "m0", "m1", "m2"]),
        ((FAILED, FAILED, FAILED_STALE), ["m0", "m1", "m2", "m2"]),
    ],
)
def test_it_is_tried_again_once_in_a_run_and_no_candidate_is_lost_for_it(
    events: tuple[Event, ...], tried: list[str]
) -> None:
    state, actions = play(start(3), BEGIN, *events)
    assert candidates(actions) == [f"{name}@main" for name in tried]
    assert state.phase == "trying"


def test_what_was_tried_again_ends_as_any_other_attempt() -> None:
    assert kinds(play(start(1), BEGIN, FAILED_STALE, FAILED_STALE)[1]) == ["Dispatch", "Dispatch", "GiveUp"]
    assert kinds(play(start(1), BEGIN, FAILED_STALE, CLIENT_LEFT)[1]) == ["Dispatch", "Dispatch", "Abort"]
    assert kinds(play(start(1), BEGIN, COMMITTED, FAILED_STALE)[1]) == ["Dispatch", "Deliver", "Cut"]
    assert kinds(play(start(9), BEGIN, *[FAILED_STALE] * 20)[1]) == ["Dispatch"] * (MAX_ATTEMPTS + 1) + ["GiveUp"]


def test_there_is_an_end_to_trying() -> None:
    channels = tuple(channel("m", f"c{at}") for at in range(20))
    many = begin(plan(call(), world(model("m", channels=channels), model("n", 2)), policy()))
    _, actions = play(many, BEGIN, *[FAILED] * 20)
    assert kinds(actions) == ["Dispatch"] * MAX_ATTEMPTS + ["GiveUp"]


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ((BEGIN, FAILED_FINALLY), [GiveUp("final")]),
        ((BEGIN, COMMITTED, FAILED), [Cut()]),
        ((BEGIN, COMMITTED, FAILED_FINALLY), [Cut()]),
        ((BEGIN, CLIENT_LEFT), [Abort()]),
        ((BEGIN, COMMITTED, CLIENT_LEFT), [Abort()]),
        ((BEGIN, DEADLINE_PASSED), [Abort(), GiveUp("deadline")]),
        ((BEGIN, COMMITTED, DEADLINE_PASSED), [Abort(), Cut()]),
        ((DEADLINE_PASSED,), [GiveUp("deadline")]),
        ((CLIENT_LEFT,), []),
        ((BEGIN, FAILED, COMMITTED, FINISHED), [Complete()]),
    ],
)
def test_how_each_run_ends(events: tuple[Event, ...], last: list[Action]) -> None:
    before, _ = play(start(3), *events[:-1])
    state, actions = step(before, events[-1])
    assert (list(actions), state.phase) == (last, "done")


def test_a_plan_without_candidates_is_given_up_as_infeasible() -> None:
    assert play(start(0), BEGIN)[1] == [GiveUp("infeasible")]


def test_every_channel_of_a_model_is_tried_before_the_next_model() -> None:
    two = model("a", channels=(channel("a", "x"), channel("a", "y")))
    state = begin(plan(call(), world(two, model("b", 9)), policy("pinned", model="a", fallbacks=("b",))))
    assert [one.channel.id for one in state.candidates] == ["a@x", "a@y", "b@main"]
