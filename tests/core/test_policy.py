"""A caller may choose how to choose, never what its key rules out."""

from __future__ import annotations

import pytest

from fairlead.core.policy import Policy, narrowed
from tests.core.scenes import call, model, plan, policy, world


@pytest.mark.parametrize(
    ("bounds", "left"),
    [
        (policy("balanced", name="own"), ("a", "b", "c")),
        (policy("balanced", name="own", models=frozenset(("a",))), ("a",)),
        (policy("balanced", name="own", models=frozenset(("c", "a"))), ("a", "c")),
        (policy("balanced", name="own", models=frozenset(("x",))), ()),
        (policy("balanced", name="own", models=frozenset()), ()),
        (policy("balanced", name="own", models=frozenset(("a",)), fallbacks=("b",)), ("a", "b")),
    ],
)
def test_fallbacks_outside_the_bounds_are_dropped_and_the_others_keep_their_order(
    bounds: Policy, left: tuple[str, ...]
) -> None:
    named = policy("quality_first", name="named", fallbacks=("a", "b", "c"))
    assert narrowed(named, bounds).fallbacks == left


def test_a_policy_that_is_its_own_bounds_stays_as_it_is() -> None:
    own = policy("balanced", models=frozenset(("a",)), fallbacks=("b",))
    assert narrowed(own, own) is own


def test_what_is_narrower_holds() -> None:
    named = policy(
        "cost_first",
        name="named",
        models=frozenset(("a", "b")),
        regions=frozenset(("eu", "us")),
        max_cost=5,
        max_latency_ms=900,
        min_quality=0.3,
        require_flags=frozenset(("x",)),
    )
    bounds = policy(
        "balanced",
        name="own",
        models=frozenset(("b", "c")),
        regions=frozenset(("eu",)),
        max_cost=7,
        max_latency_ms=300,
        min_quality=0.6,
        require_flags=frozenset(("y",)),
        exclude_flags=frozenset(("z",)),
        hash="own",
    )
    found = narrowed(named, bounds)
    assert (found.name, found.strategy) == ("named", "cost_first")
    assert (found.models, found.regions) == (frozenset(("b",)), frozenset(("eu",)))
    assert (found.max_cost, found.max_latency_ms, found.min_quality) == (5, 300, 0.6)
    assert (found.require_flags, found.exclude_flags) == (frozenset(("x", "y")), frozenset(("z",)))
    assert found.hash not in (named.hash, bounds.hash)


def test_no_plan_of_a_narrowed_policy_leaves_the_bounds() -> None:
    there = world(model("a", 1), model("b", 2), model("c", 3))
    named = policy("pinned", name="named", model="a", fallbacks=("b", "c"))
    bounds = policy("balanced", name="own", models=frozenset(("a", "c")))
    steps = plan(call(), there, narrowed(named, bounds)).steps
    assert [target.model.name for step in steps for target in step.targets] == ["a", "c"]
