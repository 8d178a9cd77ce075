"""Where nobody fulfils all limits, the one in the way is named with the nearest value that somebody fulfils."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from fairlead.core.call import Wishes
from fairlead.core.choice import read_choice
from fairlead.core.feasible import nearest
from tests.core.scenes import call, model, plan, policy, world

THREE = world(
    model("small", 0.1, 0.5, latency_ms=300),
    model("middling", 1.0, 0.75, latency_ms=900),
    model("strong", 10.0, 0.95, latency_ms=3000),
)


def told(wishes: Wishes) -> str:
    asked = call(wishes=wishes)
    force = policy()
    return nearest(asked, read_choice("auto", force, {}, THREE), THREE)


def test_the_limit_in_the_way_is_named_with_the_nearest_value() -> None:  # M3.9
    found = told(Wishes(quality_floor=0.9, max_cost=10_000_000))
    assert "quality-floor <= 0.75 (middling; asked for 0.9)" in found
    assert "max-cost >= 0.03 (strong; asked for $0.01)" in found


def test_where_no_single_limit_is_to_blame_the_nearest_model_is_told_for_all() -> None:  # M3.9
    found = told(Wishes(quality_floor=0.99, max_cost=1, max_latency_ms=10))
    assert "nearest is strong, with quality-floor <= 0.95, max-cost >= 0.03, max-latency >= 3000" in found


def test_without_such_limits_nothing_is_told() -> None:
    assert told(Wishes()) == ""


@given(
    st.floats(0, 1).map(lambda value: round(value, 2)),
    st.integers(0, 60_000_000),
    st.integers(1, 5000),
)
def test_what_is_told_really_does(floor: float, cost: int, latency: int) -> None:  # M3.9
    wishes = Wishes(quality_floor=floor, max_cost=cost, max_latency_ms=latency)
    assume(not plan(call(wishes=wishes), THREE, policy()).steps)
    found = told(wishes)
    if found.startswith("It would do with"):
        limit, _, value = found.removeprefix("It would do with ").partition(" (")[0].split(" ")
        moved = {
            "quality-floor": Wishes(quality_floor=float(value), max_cost=cost, max_latency_ms=latency),
            "max-cost": Wishes(floor, round(float(value) * 1e9), latency),
            "max-latency": Wishes(quality_floor=floor, max_cost=cost, max_latency_ms=int(float(value))),
        }[limit]
        assert plan(call(wishes=moved), THREE, policy()).steps
