"""Whatever happens in whatever order, a request is tried a bounded number of times and answered at most once."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import msgspec
import pytest

from fairlead.core.execution import (
    CLIENT_LEFT,
    COMMITTED,
    DEADLINE_PASSED,
    FINISHED,
    HEDGE_DUE,
    MOVES,
    UNFIT,
    USUAL,
    WAITED,
    Abort,
    Action,
    Candidate,
    Committed,
    Complete,
    Cut,
    Deliver,
    Dispatch,
    Event,
    Failed,
    GiveUp,
    Limits,
    Skipped,
    State,
    Wait,
    begin,
    begin_alone,
    line,
    step,
)
from fairlead.core.model import Model
from tests.core.scenes import call, channel, model, plan, policy, world

SEQUENCES = int(os.environ.get("FAIRLEAD_SEQUENCES", "40000"))
"""A million takes a few minutes: FAIRLEAD_SEQUENCES=1000000."""


def ranked(name: str, rank: int) -> Model:
    """One that is better than all that `start` begins with."""
    return model(name, rank, quality=0.8 + rank / 100)


def start(models: int, limits: Limits = USUAL, stronger: int = 0, reserve: int = 0) -> State:
    candidates, _ = line(plan(call(), world(*(model(f"m{at}", at + 1) for at in range(models))), policy("cost_first")))
    better, _ = line(plan(call(), world(*(ranked(f"s{at}", at + 1) for at in range(stronger))), policy()))
    more = tuple(Candidate("escalate", one.target, one.channel) for one in better)
    spare, _ = line(plan(call(), world(*(model(f"r{at}", at + 1) for at in range(reserve))), policy()))
    return msgspec.structs.replace(begin(candidates, more, limits)[0], reserve=spare)


def play(state: State, *events: Event) -> tuple[State, list[Action]]:
    """From the beginning, with what is done there."""
    done: list[Action] = [*state.flying]
    for event in events:
        state, actions = step(state, event)
        done += actions
    return state, done


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def candidates(actions: list[Action]) -> list[str]:
    return [action.candidate.channel.id for action in actions if isinstance(action, Dispatch)]


def moves(actions: list[Action]) -> list[tuple[str, str]]:
    found = [action.candidate for action in actions if isinstance(action, Dispatch)]
    return [(one.move, one.why) for one in found]


def failed(number: int, **more: object) -> Failed:
    return Failed(number, **more)  # type: ignore[arg-type]  # the fields of an event, by name


def stale(number: int) -> Failed:
    return Failed(number, again=True)


# ---- any order of events


class Seen:
    """What a shell that obeys would see of a run: the rules of the module's docstring are kept by what it is told."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.flying: dict[int, Candidate] = {}
        self.ends: Counter[int] = Counter()
        self.moves: Counter[str] = Counter()
        self.numbers = self.skipped = self.stale = self.retries = self.hedges = self.keys = 0
        self.committed = 0
        """The attempt that speaks to the client, or spoke last."""
        self.spoke: set[int] = set()
        self.continued = 0
        self.answers = 0
        self.closed = False
        self.in_hand = False
        self.unfit: list[Candidate] = []
        """Whose answers were not good enough."""
        self.anyway: list[str] = []
        """Who was asked for want of anybody else."""

    def told(self, event: Event, before: State, actions: tuple[Action, ...]) -> None:
        if isinstance(event, Failed | Skipped) and event.number in self.flying and before.phase != "done":
            if not (isinstance(event, Skipped) and before.phase == "committed"):
                if isinstance(event, Failed) and event.cause in UNFIT and before.phase != "committed":
                    if not event.again and not event.key:
                        self.unfit.append(self.flying[event.number])
                        self.in_hand = self.in_hand or not event.partial
                self.over(event.number)
                self.skipped += isinstance(event, Skipped)
        for action in actions:
            assert not self.answers, "something was done after the client had its answer"
            self.acted(action, event)
        if event in (CLIENT_LEFT, DEADLINE_PASSED):
            self.closed = True
            assert not self.flying

    def acted(self, action: Action, event: Event | None) -> None:
        if isinstance(action, Dispatch):
            assert not self.closed
            assert not self.committed or (action.candidate.why == "continued" and not self.flying)
            self.numbers += 1
            assert action.number == self.numbers
            self.hedges += event is HEDGE_DUE
            self.retries += event is WAITED
            elsewhere = not isinstance(event, Failed) or not (event.again or event.key)
            if action.candidate.why == "last_resort" and elsewhere:
                self.anyway.append(action.candidate.channel.id)
            if isinstance(event, Failed):
                self.dispatched_for(event)
            if self.in_hand and not self.committed and self.stale_now(event) is False:
                self.better(action.candidate)
            self.flying[action.number] = action.candidate
            assert len(self.flying) <= 1 + (self.hedges > 0)
        elif isinstance(action, Abort):
            self.over(action.number)
        elif isinstance(action, Deliver):
            assert list(self.flying) == [action.number]
            assert self.committed not in self.flying
            self.committed = action.number
            self.spoke.add(action.number)
        elif isinstance(action, Wait):
            assert not self.flying
            assert not self.committed
        else:
            self.answers += 1
            if isinstance(action, Complete):
                if self.committed not in self.flying:  # a whole answer is given at once
                    self.committed = action.number
                    self.spoke.add(action.number)
                self.over(action.number)
            assert isinstance(action, GiveUp) != bool(self.committed)
            assert not self.flying

    def stale_now(self, event: Event | None) -> bool:
        """Whether this is the same place once more, which says nothing of who is better."""
        return isinstance(event, Failed) and (event.again or event.key)

    def better(self, chosen: Candidate) -> None:
        """Behind an answer that was not good enough."""
        assert chosen.move == "failover" or chosen.why in (*UNFIT, "budget")
        for before in self.unfit:
            assert chosen.channel.model != before.channel.model, "who has answered is asked again"
            assert chosen.target.expected.quality != before.target.expected.quality, "nobody says it is better"

    def dispatched_for(self, event: Failed) -> None:
        spoke = event.number in self.spoke
        if event.again and not self.stale and not spoke:
            self.stale = 1
        elif event.key and self.keys < self.limits.keys and not spoke:
            self.keys += 1
        elif self.committed:
            assert event.continues or not spoke
            self.continued += 1

    def over(self, number: int) -> None:
        del self.flying[number]
        self.ends[number] += 1

    def within(self, state: State) -> None:
        made = self.numbers - self.skipped - self.stale - self.keys
        assert made <= self.limits.attempts
        assert self.hedges <= self.limits.hedge
        assert self.retries <= self.limits.retry
        assert self.continued <= self.limits.continued
        assert len(self.spoke) <= 1 + self.continued
        assert state.told == bool(self.spoke)
        assert self.stale <= 1
        assert self.keys == state.spent.keys
        assert set(self.ends.values()) <= {1}
        assert sorted([*self.ends, *self.flying]) == list(range(1, self.numbers + 1))
        assert [one.number for one in state.flying] == list(self.flying)
        assert state.phase != "done" or self.answers or self.closed
        assert not self.anyway or state.taken >= len(state.candidates)
        assert len(self.anyway) == len(set(self.anyway)), "one of the reserve is asked twice"
        assert state.spent.failover <= self.limits.failover


def some_event(chance: Random, state: State, weights: tuple[float, ...]) -> Event:
    number = (
        chance.choice([one.number for one in state.flying] or [1]) if chance.random() < 0.9 else chance.randrange(9)
    )
    kind = chance.choices(range(8), weights)[0]
    if kind == 0:
        return Failed(
            number,
            chance.choice(tuple(MOVES)),
            chance.random() < 0.05,
            chance.random() < 0.2,
            chance.choice((None, 0.0, 0.5, 5.0)),
            chance.choice((1.0, float("inf"))),
            chance.random() < 0.2,
            chance.random() < 0.5,
            chance.random() < 0.3,
            chance.random() < 0.2,
        )
    return (
        Committed(number, chance.random() < 0.4),
        FINISHED,
        Skipped(number, chance.random() < 0.5),
        HEDGE_DUE,
        WAITED,
        CLIENT_LEFT,
        DEADLINE_PASSED,
    )[kind - 1]


def test_any_sequence_of_events_keeps_the_rules() -> None:  # M4.7
    chance = Random(20260901)
    limits = (
        USUAL, Limits(hedge=1), Limits(attempts=9, failover=9, hedge=3, retry=4), Limits(1, 0, 0, 0, 0, 0),
        Limits(continued=2), Limits(attempts=9, hedge=1, continued=5),
    )  # fmt: skip
    starts = [
        start(models, one, stronger, reserve)
        for models in (0, 1, 2, 5)
        for stronger in (0, 3)
        for reserve in (0, 2)
        for one in limits
    ]
    tempers = ((1,) * 8, (9, 1, 0.5, 2, 2, 3, 0.1, 0.1), (3, 3, 3, 0.3, 3, 3, 0.2, 0.2))
    for _ in range(SEQUENCES):
        state, weights = chance.choice(starts), chance.choice(tempers)
        seen = Seen(state.limits)
        for action in play(state)[1]:
            seen.acted(action, None)
        seen.answers += state.phase == "done"  # nobody could be asked
        events: list[Event] = []
        for _ in range(chance.randrange(16)):
            events.append(some_event(chance, state, weights))
            before = state
            state, actions = step(state, events[-1])
            try:
                seen.told(events[-1], before, actions)
                seen.within(state)
                assert before.phase != "done" or (state, actions) == (before, ())
            except (AssertionError, KeyError) as problem:
                raise AssertionError(events) from problem


# ---- how runs go


WHOLE = (Committed(1, whole=True),)


@pytest.mark.parametrize(("then", "done"), [((COMMITTED, FINISHED), ["Deliver", "Complete"]), (WHOLE, ["Complete"])])
def test_a_request_that_goes_well(then: tuple[Event, ...], done: list[str]) -> None:
    state, actions = play(start(2), *then)
    assert (kinds(actions), state.phase, state.told) == (["Dispatch", *done], "done", True)


def test_a_failure_before_content_gives_way_to_the_next_until_none_is_left() -> None:  # M4.2
    state, actions = play(start(3), failed(1), failed(2, cause="rate_limit"), failed(3))
    assert kinds(actions) == ["Dispatch", "Dispatch", "Dispatch", "GiveUp"]
    assert moves(actions) == [("first", ""), ("failover", "outage"), ("failover", "rate_limit")]
    assert (actions[-1], state.phase) == (GiveUp("failed"), "done")


@pytest.mark.parametrize("cause", MOVES)
def test_a_cause_leads_to_another_move_than_its_own(cause: str) -> None:  # M4.2
    _, actions = play(start(2, stronger=1), failed(1, cause=cause))
    assert moves(actions)[1] == (MOVES[cause], cause)  # type: ignore[index]  # one of its keys
    assert candidates(actions)[1] == ("s0@main" if cause in UNFIT else "m1@main")


def test_another_key_takes_the_place_of_another_provider_or_is_tried_for_ever() -> None:  # M4.7
    limits = Limits(attempts=2, keys=2)
    bad = [failed(number, cause="rate_limit", key=True) for number in (1, 2, 3, 4)]
    state, actions = play(start(3, limits), *bad)
    assert candidates(actions)[:4] == ["m0@main", "m0@main", "m0@main", "m1@main"]
    assert (actions[-1], state.phase) == (GiveUp("failed"), "done")


def test_one_move_uses_up_the_limit_of_another() -> None:  # M4.2
    limits = Limits(attempts=9, failover=1, escalate=2, downgrade=1)
    _, actions = play(
        start(5, limits, stronger=4),
        failed(1, cause="unfit"),
        failed(2, cause="outage"),
        failed(3, cause="budget"),
        failed(4, cause="unfit"),
        failed(5, cause="unfit"),
    )
    assert [move for move, _ in moves(actions)] == ["first", "escalate", "failover", "downgrade", "escalate"]
    assert candidates(actions) == ["m0@main", "s0@main", "s1@main", "s2@main", "s3@main"]
    assert actions[-1] == GiveUp("failed")


def test_a_connection_that_was_closing_is_worth_one_more_try_at_the_same_place() -> None:
    _, actions = play(start(3), stale(1), Committed(2), FINISHED)
    assert candidates(actions) == ["m0@main", "m0@main"]
    assert kinds(actions) == ["Dispatch", "Dispatch", "Deliver", "Complete"]


@pytest.mark.parametrize(
    ("again", "tried"),
    [
        ((True, True, True), ["m0", "m0", "m1", "m2"]),
        ((False, True, True), ["m0", "m1", "m1", "m2"]),
        ((True, False, True), ["m0", "m0", "m1", "m2"]),
        ((False, False, True), ["m0", "m1", "m2", "m2"]),
    ],
)
def test_it_is_tried_again_once_in_a_run_and_no_candidate_is_lost_for_it(
    again: tuple[bool, ...], tried: list[str]
) -> None:
    state, actions = play(start(3), *(Failed(at, again=one) for at, one in enumerate(again, 1)))
    assert candidates(actions) == [f"{name}@main" for name in tried]
    assert state.phase == "trying"


def test_what_was_tried_again_ends_as_any_other_attempt() -> None:
    assert kinds(play(start(1), stale(1), stale(2))[1]) == ["Dispatch", "Dispatch", "GiveUp"]
    assert kinds(play(start(1), stale(1), CLIENT_LEFT)[1]) == ["Dispatch", "Dispatch", "Abort"]
    assert kinds(play(start(1), COMMITTED, stale(1))[1]) == ["Dispatch", "Deliver", "Cut"]
    every = [stale(at) for at in range(1, 20)]
    assert kinds(play(start(9), *every)[1]) == ["Dispatch"] * (USUAL.attempts + 1) + ["GiveUp"]


def test_there_is_an_end_to_trying() -> None:  # M4.7
    channels = tuple(channel("m", f"c{at}") for at in range(20))
    many, _ = begin(*line(plan(call(), world(model("m", channels=channels), model("n", 2)), policy())))
    _, actions = play(many, *(failed(at, wait=0.0) for at in range(1, 20)))
    assert kinds(actions) == ["Dispatch"] * USUAL.attempts + ["GiveUp"]


# ---- once more, after a pause


def test_who_failed_for_a_while_is_tried_once_more_when_nobody_else_is_left() -> None:  # M4.7
    _, actions = play(start(2), failed(1, wait=2.0), failed(2, cause="rate_limit", wait=0.5), WAITED)
    assert (kinds(actions), actions[2]) == (["Dispatch", "Dispatch", "Wait", "Dispatch"], Wait(0.5))
    assert (candidates(actions)[2], moves(actions)[2]) == ("m1@main", ("failover", "retry"))
    assert kinds(play(start(1), failed(1, wait=1.0), WAITED, failed(2, wait=1.0))[1])[-1] == "GiveUp"


@pytest.mark.parametrize("event", [failed(1), failed(1, wait=3.0, left=3.0), failed(1, cause="empty", wait=1.0)])
def test_a_pause_that_comes_to_nothing(event: Failed) -> None:  # M4.7
    """Nobody to wait for, no time for it, or a failure that asking once more does not mend."""
    assert kinds(play(start(1), event)[1]) == ["Dispatch", "GiveUp"]


@pytest.mark.parametrize(("event", "last"), [(CLIENT_LEFT, []), (DEADLINE_PASSED, [GiveUp("deadline")])])
def test_a_pause_is_no_shelter(event: Event, last: list[Action]) -> None:
    paused, _ = play(start(1), failed(1, wait=1.0))
    state, actions = step(paused, event)
    assert (list(actions), state.phase) == (last, "done")
    assert step(state, WAITED) == (state, ())


# ---- gone on with


ALONG = Limits(continued=2)


def test_who_was_left_alone_is_asked_before_others_or_not_at_all() -> None:  # M4.5 FAULTS 12
    _, actions = play(start(2, reserve=2), failed(1, wait=0.1), failed(2), WAITED, failed(3), failed(4))
    assert candidates(actions) == ["m0@main", "m1@main", "m0@main", "r0@main"]
    assert moves(actions)[-1] == ("failover", "last_resort")
    _, actions = play(start(1, reserve=2), failed(1), Skipped(2), COMMITTED)
    assert candidates(actions) == ["m0@main", "r0@main", "r1@main"]
    for cause in ("unfit", "budget"):
        _, actions = play(start(1, reserve=1), failed(1, cause=cause))
        assert kinds(actions)[-1] == "GiveUp", "it is for want of anybody who can be reached, not of a better answer"


def test_who_was_skipped_for_its_faults_is_lost_though_nobody_else_is_left() -> None:  # M4.5 FAULTS 12
    _, actions = play(start(2), Skipped(1, later=True), failed(2), Committed(3))
    assert candidates(actions) == ["m0@main", "m1@main", "m0@main"]
    assert [one.candidate.anyway for one in actions if isinstance(one, Dispatch)] == [False, False, True]
    _, actions = play(start(1), Skipped(1, later=True), Skipped(2, later=True))
    assert kinds(actions) == ["Dispatch", "Dispatch", "GiveUp"], "it is asked anyway once, not for ever"


def test_the_one_further_try_is_refused_for_what_the_first_has_done() -> None:  # M4.5 FAULTS 11
    """A trial that fails ejects its channel anew: the try after it is for want of anybody else."""
    _, actions = play(start(1), failed(1, wait=0.1), WAITED)
    assert [one.candidate.anyway for one in actions if isinstance(one, Dispatch)] == [False, True]


def test_what_broke_off_is_not_gone_on_with_or_by_one_who_failed() -> None:  # M4.1
    broke = failed(2, continues=True, wait=1.0)
    state, actions = play(start(4, ALONG), failed(1, wait=1.0), Committed(2), broke, Committed(3), FINISHED)
    assert kinds(actions) == ["Dispatch", "Dispatch", "Deliver", "Dispatch", "Deliver", "Complete"]
    assert candidates(actions) == ["m0@main", "m1@main", "m2@main"]
    assert (moves(actions)[2], state.phase) == (("failover", "continued"), "done")


@pytest.mark.parametrize(
    ("models", "limits", "then"),
    [
        (3, USUAL, []),
        (1, ALONG, []),
        (3, Limits(attempts=1, continued=2), []),
        (4, Limits(attempts=9, continued=1), [failed(2)]),
        (2, ALONG, [failed(2, final=True)]),
        (2, ALONG, [Skipped(2)]),
        (2, ALONG, [Committed(2), failed(2, continues=True)]),
        (3, ALONG, [Committed(2), failed(2)]),
        (3, ALONG, [DEADLINE_PASSED]),
    ],
)
def test_what_cannot_be_gone_on_with_ends_as_an_error_before_any_content(
    models: int, limits: Limits, then: list[Event]
) -> None:  # M4.1
    state, actions = play(start(models, limits), COMMITTED, failed(1, continues=True), *then)
    assert (actions[-1], state.phase) == (Cut(), "done")


def test_going_on_is_hedged_or_waits() -> None:
    state, _ = play(start(3, Limits(hedge=1, continued=1)), COMMITTED, failed(1, continues=True))
    assert step(state, HEDGE_DUE) == (state, ())
    assert kinds(list(step(state, failed(2, wait=1.0))[1])) == ["Cut"]


def test_who_is_skipped_or_had_a_stale_connection_costs_a_continuation() -> None:
    once = Limits(continued=1)
    _, actions = play(start(3, once), COMMITTED, failed(1, continues=True), Skipped(2), stale(3), Committed(4))
    assert candidates(actions) == ["m0@main", "m1@main", "m2@main", "m2@main"]
    assert [why for _, why in moves(actions)] == ["", "continued", "continued", "continued"]
    assert kinds(actions)[-1] == "Deliver"


# ---- not now


def test_who_is_skipped_costs_an_attempt() -> None:  # M4.5
    limits = Limits(attempts=2, failover=1)
    _, actions = play(start(4, limits), Skipped(1), Skipped(2), failed(3), Committed(4))
    assert kinds(actions) == ["Dispatch"] * 4 + ["Deliver"]
    assert moves(actions)[3] == ("failover", "outage")
    assert kinds(play(start(1), Skipped(1))[1]) == ["Dispatch", "GiveUp"]


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ((failed(1, final=True),), [GiveUp("final")]),
        ((HEDGE_DUE, failed(2, final=True)), [Abort(1), GiveUp("final")]),
        ((COMMITTED, failed(1)), [Cut()]),
        ((COMMITTED, failed(1, final=True)), [Cut()]),
        ((CLIENT_LEFT,), [Abort(1)]),
        ((HEDGE_DUE, CLIENT_LEFT), [Abort(1), Abort(2)]),
        ((COMMITTED, CLIENT_LEFT), [Abort(1)]),
        ((DEADLINE_PASSED,), [Abort(1), GiveUp("deadline")]),
        ((COMMITTED, DEADLINE_PASSED), [Abort(1), Cut()]),
        ((failed(1), Committed(2), FINISHED), [Complete(2)]),
    ],
)
def test_how_each_run_ends(events: tuple[Event, ...], last: list[Action]) -> None:
    before, _ = play(start(3, Limits(hedge=1)), *events[:-1])
    state, actions = step(before, events[-1])
    assert (list(actions), state.phase) == (last, "done")


def test_a_plan_without_candidates_is_given_up_as_infeasible() -> None:
    assert begin(()) == (State((), phase="done"), (GiveUp("infeasible"),))


def test_every_channel_of_a_model_is_tried_before_the_next_model() -> None:
    two = model("a", channels=(channel("a", "x"), channel("a", "y")))
    asked = plan(call(), world(two, model("b", 9)), policy("pinned", model="a", fallbacks=("b",)))
    assert [one.channel.id for one in line(asked)[0]] == ["a@x", "a@y", "b@main"]
    assert begin_alone(asked) == begin(line(asked)[0][:1])
