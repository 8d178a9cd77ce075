"""What can wait stays at home, what cannot goes out; each side ranked in its own way, nobody left out in silence."""

from __future__ import annotations

import pytest

from fairlead.core.call import Call, Signal, Wishes
from fairlead.core.policy import Weights
from tests.core.scenes import call, model, order, plan, policy, reasons, tokens, with_channel, world

HOME = [with_channel(model(name, cost, 0.6), self_hosted=True) for name, cost in (("attic", 2.0), ("cellar", 0.5))]
OUT = [model("dear", 15, 0.95), model("fair", 1, 0.8)]
FOUR = world(*HOME, *OUT)


def urgent(latency_class: str, **wishes: bool) -> Call:
    found = (Signal("latency_class", latency_class, True, 0.9),) if latency_class else ()
    return call(signals=(*tokens(), *found), wishes=Wishes(**wishes))  # type: ignore[arg-type]


@pytest.mark.parametrize("latency_class", ["batch", "interactive", "normal", ""])
def test_only_what_can_wait_stays_at_home(latency_class: str) -> None:  # M3.1
    names = order(plan(urgent(latency_class), FOUR, policy("hybrid")))
    home, out = ["cellar", "attic"], order(plan(call(), world(*OUT), policy("balanced")))
    assert names == (home + out if latency_class == "batch" else out + home)


def test_sides_that_are_listed_keep_their_order_and_leave_the_others_out() -> None:  # M3.1
    force = policy("hybrid", self_hosted=("attic",), commercial=("dear", "fair"))
    made = plan(urgent("interactive"), FOUR, force)
    assert order(made) == ["dear", "fair", "attic"]
    assert reasons(made) == {"cellar": "outside_policy"}
    assert order(plan(urgent("batch"), FOUR, force)) == ["attic", "dear", "fair"]


def test_one_side_that_is_listed_leaves_the_rest_to_the_other() -> None:
    force = policy("hybrid", self_hosted=("fair",))
    assert order(plan(urgent("batch"), FOUR, force))[0] == "fair"
    assert set(order(plan(urgent("interactive"), FOUR, force))[:3]) == {"dear", "attic", "cellar"}


def test_what_is_sensitive_stays_at_home_however_urgent() -> None:  # M3.7
    assert set(order(plan(urgent("interactive", sensitive=True), FOUR, policy("hybrid")))) == {"attic", "cellar"}
    assert order(plan(urgent("interactive", sensitive=True), world(*OUT), policy("hybrid"))) == []


def test_the_weights_of_a_hybrid_rank_its_commercial_side() -> None:
    best = order(plan(urgent("normal"), FOUR, policy("hybrid", weights=Weights(1, 0, 0))))
    cheapest = order(plan(urgent("normal"), FOUR, policy("hybrid", weights=Weights(0, 1, 0))))
    assert (best[0], cheapest[0]) == ("dear", "fair")


def test_a_fallback_that_the_policy_lists_is_lost() -> None:  # M4.2
    force = policy("hybrid", self_hosted=("attic",), commercial=("dear",), fallbacks=("cellar", "fair"))
    assert order(plan(urgent("normal"), FOUR, force)) == ["dear", "cellar", "fair"]
    assert order(plan(urgent("normal"), world(*HOME, *OUT, disabled=frozenset({"dear"})), force))[0] == "attic"
