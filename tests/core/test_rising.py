"""Behind an answer that was not good enough: who is asked instead, how far that goes, and what ends it."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.execution import FINISHED, HEDGE_DUE, Committed, GiveUp, Limits, Skipped, State, line
from fairlead.core.plan import Step
from tests.core.scenes import call, model, plan, policy, world
from tests.core.test_execution import candidates, failed, kinds, moves, play, start


def at(state: State, place: int, provider: str) -> State:
    """One of the stronger ones at another provider."""
    one = state.stronger[place]
    moved = msgspec.structs.replace(one, channel=msgspec.structs.replace(one.channel, provider=provider))
    return msgspec.structs.replace(state, stronger=(*state.stronger[:place], moved, *state.stronger[place + 1 :]))


def worth(state: State, place: int, quality: float | None) -> State:
    """One of the stronger ones with another expected quality."""
    one = state.stronger[place]
    expected = msgspec.structs.replace(one.target.expected, quality=quality)
    other = msgspec.structs.replace(one, target=msgspec.structs.replace(one.target, expected=expected))
    return msgspec.structs.replace(state, stronger=(*state.stronger[:place], other, *state.stronger[place + 1 :]))


def test_an_answer_that_is_not_good_enough_climbs_step_by_step_and_no_further_than_allowed() -> None:  # M4.2 M4.4
    state, actions = play(start(3, stronger=3), *(failed(number, cause="unfit") for number in (1, 2, 3)))
    assert candidates(actions) == ["m0@main", "s0@main", "s1@main"]
    assert moves(actions)[1:] == [("escalate", "unfit")] * 2
    assert (actions[-1], state.phase) == (GiveUp("failed"), "done")


def test_a_leap_stops_between() -> None:  # M4.4
    _, actions = play(start(2, stronger=3), failed(1, cause="unfit", leap=True), Committed(2), FINISHED)
    assert candidates(actions) == ["m0@main", "s2@main"]


@pytest.mark.parametrize("quality", [0.5, 0.8, None])
def test_somebody_who_is_known_to_be_no_stronger_is_asked(quality: float | None) -> None:  # M4.2
    _, actions = play(worth(start(2, stronger=2), 0, quality), failed(1, cause="unfit"), Committed(2))
    assert candidates(actions)[1] == ("s0@main" if quality is None else "s1@main")


def test_the_weaker_of_two_stronger_ones_is_asked_behind_the_stronger() -> None:  # M4.2
    begun = start(2, stronger=2)
    line = (begun.candidates[0], msgspec.structs.replace(begun.stronger[1], move="failover"))
    begun = msgspec.structs.replace(begun, candidates=line, stronger=worth(begun, 0, None).stronger)
    _, actions = play(begun, failed(1), failed(2, cause="unfit"))
    assert candidates(actions) == ["m0@main", "s1@main"]


def test_a_stronger_one_that_fails_gives_its_place_to_somebody_weaker() -> None:  # M4.2
    for cause in ("outage", "rate_limit", "budget"):
        _, actions = play(start(4, stronger=2), failed(1, cause="unfit"), failed(2, cause=cause), failed(3))
        assert candidates(actions) == ["m0@main", "s0@main", "s1@main"], cause
        assert kinds(actions)[-1] == "GiveUp", "nobody is waited for, and nobody weaker is asked"
    _, actions = play(start(4, stronger=2), failed(1, cause="unfit"), Skipped(2), Skipped(3))
    assert candidates(actions) == ["m0@main", "s0@main", "s1@main"]


def test_a_request_that_was_answered_is_told_to_be_at_fault() -> None:  # M4.2
    _, actions = play(start(2, stronger=2), failed(1, cause="unfit"), failed(2, final=True))
    assert candidates(actions) == ["m0@main", "s0@main", "s1@main"]


def test_what_nobody_supplied_is_asked_for_at_the_same_provider_while_there_is_another() -> None:  # M4.3
    _, actions = play(at(start(2, stronger=2), 1, "other"), failed(1, cause="ungrounded"))
    assert candidates(actions)[1] == "s1@main"
    begun = start(3)
    one = begun.candidates[2]
    elsewhere = msgspec.structs.replace(one, channel=msgspec.structs.replace(one.channel, provider="other"))
    begun = msgspec.structs.replace(begun, candidates=(*begun.candidates[:2], elsewhere))
    _, actions = play(begun, failed(1, cause="ungrounded"))
    assert (candidates(actions)[1], moves(actions)[1]) == ("m2@main", ("failover", "ungrounded"))


def test_one_of_two_side_by_side_that_is_not_good_enough_ends_the_other() -> None:
    limits = Limits(hedge=1)
    begun = (HEDGE_DUE, failed(1, cause="unfit"))
    _, actions = play(start(3, limits, stronger=1), *begun, Committed(2), FINISHED)
    assert kinds(actions) == ["Dispatch", "Dispatch", "Deliver", "Complete"]
    _, actions = play(start(3, limits, stronger=1), *begun, failed(2))
    assert candidates(actions) == ["m0@main", "m1@main", "s0@main"]


def test_what_escalates_is_not_failed_over_to() -> None:  # M4.2
    asked = plan(call(), world(model("a"), model("b", 9)), policy("pinned", model="a", fallbacks=("b",)))
    first, second = asked.steps
    parts = line(msgspec.structs.replace(asked, steps=(first, Step("escalate", second.targets))))
    assert [[one.channel.model for one in part] for part in parts] == [["a"], ["b"]]


def test_who_was_given_up_half_way_leaves_nothing_and_nobody_else_is_asked() -> None:  # M4.4
    gone = failed(1, cause="unfit", partial=True)
    _, actions = play(start(3, stronger=1), gone, failed(2), failed(3))
    assert candidates(actions) == ["m0@main", "s0@main", "m1@main", "m2@main"]
    _, actions = play(start(3, stronger=1), gone, failed(2, cause="unfit"), failed(3))
    assert (candidates(actions), actions[-1]) == (["m0@main", "s0@main"], GiveUp("failed"))
    _, actions = play(start(3, stronger=1), gone, failed(2, final=True))
    assert actions[-1] == GiveUp("final")
