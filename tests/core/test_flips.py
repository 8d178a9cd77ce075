"""Each flip is put to the test: what it names, done, flips the choice; a bit less does not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.call import Call, Facts, Signal, Standing, Wishes
from fairlead.core.changes import Case, Value, changed
from fairlead.core.choice import read_choice
from fairlead.core.flips import Flip, flips, just
from fairlead.core.model import Conditions, Model, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import Cascade, Policy, Tier, Weights
from fairlead.core.table import Match, Rule, Settings
from tests.core.scenes import AT, DOLLAR, POLICIES, call, channel, model, order, policy, price, tokens, world


def case(asked: Call, snapshot: Snapshot, force: Policy) -> Case:
    return Case(asked, read_choice(asked.model, force, POLICIES, snapshot), snapshot, 1)


def found(one: Case) -> tuple[Flip, ...]:
    return flips(one.call, one.choice, one.snapshot, one.seed, one.plan())


def less(flip: Flip) -> Value:
    """The change, not quite made."""
    value = flip.value
    assert not isinstance(value, str)
    if flip.relation in (">", "<"):
        return value
    up = flip.relation == ">="
    if isinstance(value, int):
        return value - 1 if up else value + 1
    if flip.setting.startswith("weight."):
        return value - 0.0002 if up else value + 0.0002
    return math.nextafter(value, -math.inf if up else math.inf)


def done(one: Case, flip: Flip, value: Value) -> bool:
    plan: Plan = changed(one, flip.setting, flip.subject, value).plan()
    names = order(plan)
    if flip.first:
        return names[:1] == [flip.model]
    passed = {rejection.model for rejection in plan.rejected if rejection.reason in ("outranked", "tier", "cascade")}
    return flip.model in names or flip.model in passed


def prove(one: Case) -> tuple[Flip, ...]:
    told = found(one)
    for flip in told:
        assert not done(one, flip, flip.now) if flip.now is not None else True, flip
        assert done(one, flip, just(flip)), flip
        if flip.relation != "=":
            assert not done(one, flip, less(flip)), flip
    return told


numbers = st.floats(0.05, 30, allow_nan=False).map(lambda value: round(value, 2))
shares = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    models: list[Model] = []
    for number in range(draw(st.integers(2, 6))):
        models.append(
            model(
                f"m{number}",
                draw(st.none() | numbers),
                draw(st.none() | shares),
                latency_ms=draw(st.none() | st.integers(50, 9000)),
                context=draw(st.sampled_from((500, 20_000, 100_000))),
            )
        )
    health = {f"m{number}@main": draw(st.floats(0.3, 1)) for number in range(draw(st.integers(0, 2)))}
    return world(*models, health=health)


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    return Weights(draw(shares), draw(shares), draw(shares))


@settings(deadline=None, max_examples=150)
@given(worlds(), weights(), st.none() | st.sampled_from(("m0", "m1", "m5")))
def test_a_named_weight_does_not_flip_the_choice(snapshot: Snapshot, by: Weights, stands: str | None) -> None:  # M3.6
    standing = None if stands is None else Standing(stands, f"{stands}@main", 300)
    prove(case(call(facts=Facts(AT, standing)), snapshot, policy(weights=by)))


@settings(deadline=None, max_examples=100)
@given(
    worlds(),
    st.sampled_from(("cost_first", "quality_first", "specialist", "hybrid")),
    st.none() | shares,
    st.none() | st.integers(1, 20_000_000),
    st.none() | st.integers(100, 5000),
)
def test_a_named_limit_does_not_flip_the_choice(
    snapshot: Snapshot, strategy: str, floor: float | None, cost: int | None, latency: int | None
) -> None:  # M3.6
    force = policy(strategy, min_quality=floor, max_cost=cost, max_latency_ms=latency)
    prove(case(call(signals=tokens(900, 400, 300)), snapshot, force))


@settings(deadline=None, max_examples=150)
@given(
    worlds(),
    st.sampled_from(("balanced", "cost_first", "quality_first", "specialist", "hybrid", "learned")),
    st.sampled_from((0.5, 0.9, 1.0)),
    st.booleans(),
)
def test_what_goes_to_somebody_for_want_of_anybody_better_cannot_be_explained(
    snapshot: Snapshot, strategy: str, floor: float, ill: bool
) -> None:  # M3.6
    """Nobody is as good as such work wants, or all have failed of late: those who answer all the same are compared."""
    if ill:
        everybody = frozenset(one.channels[0].id for one in snapshot.models.values())
        snapshot = msgspec.structs.replace(snapshot, conditions=Conditions(ejected=everybody))
    signals = (*tokens(), Signal("complexity", "complex", True, 0.9))
    one = case(call(signals=signals), snapshot, policy(strategy, floors={"complex": floor}))
    assert one.plan().last_resort == (ill and bool(one.plan().steps))
    for flip in found(one):
        assert done(one, flip, just(flip)), flip


def told(flips: Sequence[Flip]) -> list[tuple[str, str, str]]:
    return [(flip.model, flip.setting, flip.relation) for flip in flips]


def test_the_weight_at_which_the_better_model_wins_is_wrong() -> None:  # M3.6
    """cheap: 0.5 and 1; good: 0.9 and a tenth of it. Equal at q * 0.5 + (1 - q) = q * 0.9 + (1 - q) * 0.1."""
    snapshot = world(model("cheap", 1.0, 0.5), model("good", 10.0, 0.9))
    flip = prove(case(call(), snapshot, policy(weights=Weights(0.5, 0.5, 0))))[0]
    assert (flip.model, flip.setting, flip.relation, flip.now) == ("good", "weight.quality", ">=", 0.5)
    assert flip.value == pytest.approx(0.9 / 1.3, abs=0.02)


def test_more_than_the_three_nearest_are_told() -> None:
    snapshot = world(*(model(f"m{n}", 1.0 + n, math.sqrt(1 - 1 / (1 + n) ** 2)) for n in range(8)))
    flips = prove(case(call(), snapshot, policy(weights=Weights(0.1, 0.9, 0))))
    assert len(flips) == 3


def test_the_least_quality_at_which_a_dearer_model_wins_is_wrong() -> None:  # M3.6
    snapshot = world(model("a", 1, 0.7), model("b", 2, 0.65), model("c", 3, 0.8), model("d", 4, 0.9))
    flips = prove(case(call(), snapshot, policy("cost_first")))
    assert [(flip.model, flip.value) for flip in flips] == [("c", 0.7), ("d", 0.8)]


@pytest.mark.parametrize("evidence", [{}, {"best|math": (18.0, 20.0), "cheaper|math": (60.0, 100.0)}])
def test_the_quality_around_which_another_would_have_to_be_drawn_is_wrong(
    evidence: dict[str, tuple[float, float]],
) -> None:  # M3.1
    snapshot = world(model("best", 5, 0.9), model("cheaper", 1, 0.6), model("dearer", 9, 0.8), evidence=evidence)
    named = set[str]()
    for seed in range(30):
        one = case(call(wishes=Wishes(task="math")), snapshot, policy("learned", weights=Weights(0.9, 0.1, 0)))
        one = Case(one.call, one.choice, one.snapshot, seed)
        flips = found(one)
        for flip in flips:
            if flip.setting.startswith("weight."):
                continue
            assert isinstance(flip.value, float)
            assert done(one, flip, flip.value)
            assert not done(one, flip, flip.value - 0.0001)
        named.update(flip.setting for flip in flips)
    assert {"quality", "weight.cost"} <= named


@pytest.mark.parametrize("judged", [1.0, 33.0, 1000.0])
def test_the_quality_another_would_need_forgets_its_judgements(judged: float) -> None:  # M3.6
    evidence = {"cheaper|math": (0.3 * judged, judged)}
    snapshot = world(model("best", 5, 0.9), model("cheaper", 1, 0.8), evidence=evidence)
    (flip,) = prove(case(call(wishes=Wishes(task="math")), snapshot, policy("quality_first")))
    assert (flip.setting, flip.value, flip.model) == ("quality", 0.9, "cheaper")
    assert flip.now == pytest.approx(0.8 - 0.5 * judged / (20 + judged))


def test_the_quality_another_would_need_is_wrong() -> None:  # M3.6
    snapshot = world(model("best", 5, 0.9), model("cheaper", 1, 0.8), model("dearer", 9, 0.85))
    flips = prove(case(call(), snapshot, policy("quality_first")))
    assert set(told(flips)) == {("cheaper", "quality", ">="), ("dearer", "quality", ">")}
    assert {flip.value for flip in flips} == {0.9}


def ruled(confidence: float, given: int = 1000, **more: object) -> Case:
    rule = Rule("translation", Match(tasks=frozenset(("translation",))), ("first", "second"), "", Settings(0.8, 5000))
    signals = (*tokens(given), Signal("task", "translation", confidence, confidence))
    snapshot = world(model("first"), model("second"))
    return case(call(signals=signals, **more), snapshot, policy("cost_first", rules=(rule,)))


def test_what_would_bring_a_rules_fallback_is_not_told() -> None:  # M3.3, M3.6
    assert told(prove(ruled(0.9))) == [("second", "confidence", "<"), ("second", "input_tokens", ">")]
    assert told(prove(ruled(0.5))) == [("first", "confidence", ">=")]
    assert told(prove(ruled(0.9, 6000))) == [("first", "input_tokens", "<=")]


def test_a_declared_task_is_told_to_hang_on_confidence() -> None:
    assert told(prove(ruled(0.5, wishes=Wishes(task="translation")))) == [("second", "input_tokens", ">")]


def test_a_tier_whose_budget_would_give_way_is_not_named() -> None:  # M3.5, M3.6
    tiers = (Tier("high", ("big",), budget=DOLLAR), Tier("low", ("small",)))
    high = Match(complexities=frozenset(("complex",)))
    tiers = (Tier("high", ("big",), high, DOLLAR), tiers[1])
    snapshot = world(model("big", 10), model("small", 1))
    signals = (*tokens(), Signal("complexity", "complex", 0.9))
    force = policy("tiered", tiers=tiers)
    rich = prove(case(call(signals=signals, facts=Facts(AT, tiers=(("high", DOLLAR),))), snapshot, force))
    assert told(rich) == [("small", "tier_left", "<")]
    poor = prove(case(call(signals=signals, facts=Facts(AT, tiers=(("high", 1000),))), snapshot, force))
    assert told(poor) == [("big", "tier_left", ">=")]
    assert poor[0].first


@pytest.mark.parametrize(("sure", "flips"), [(0.95, 2), (0.8, 2), (0.3, 2)])
def test_a_cascade_does_not_tell_its_bounds(sure: float, flips: int) -> None:
    snapshot = world(model("base"), model("middle"), model("premium"))
    force = policy("cascade", cascade=Cascade(("base", "middle", "premium")))
    asked = call(signals=(*tokens(), Signal("task", "chat", sure, sure)))
    assert len(prove(case(asked, snapshot, force))) == flips


def test_the_stay_that_keeps_a_conversation_is_wrong() -> None:  # M3.10
    snapshot = world(model("own", 1.0, 0.80), model("other", 1.0, 0.84))
    facts = Facts(AT, Standing("own", "own@main"))
    stays = prove(case(call(facts=facts), snapshot, policy()))
    assert ("other", "stay", "<") in told(stays)
    assert next(flip.value for flip in stays if flip.setting == "stay") == pytest.approx(0.02)
    leaves = prove(case(call(facts=facts), snapshot, policy(stay=0.01)))
    assert ("own", "stay", ">=") in told(leaves)


def test_the_limit_that_keeps_a_model_out_is_not_named() -> None:  # M3.6, M3.9
    snapshot = world(
        model("fits", 1, 0.7),
        model("short", 1, 0.9, context=1000),
        model("dear", 50, 0.9),
        model("slow", 1, 0.9, latency_ms=9000),
        model("weak", 1, 0.2),
    )
    force = policy("cost_first", max_cost=20_000_000, max_latency_ms=3000)
    flips = prove(case(call(signals=tokens(1500, 400, 100)), snapshot, force))
    by_model = {flip.model: (flip.setting, flip.value) for flip in flips}
    assert by_model == {
        "short": ("context", 1600),
        "dear": ("max_cost", 1500 * 50_000 + 400 * 250_000),
        "slow": ("max_latency_ms", 9000),
        "weak": ("min_quality", 0.2),
    }


def test_nobody_answers_and_nothing_says_what_would_help() -> None:  # M3.9
    flips = prove(case(call(), world(model("a", 1, 0.7), model("b", 2, 0.8)), policy(min_quality=0.95)))
    assert [(flip.model, flip.value, flip.first) for flip in flips] == [("a", 0.7, True), ("b", 0.8, True)]


def test_a_model_kept_out_by_two_limits_is_said_to_hang_on_one() -> None:
    snapshot = world(model("fine"), model("hopeless", 50, 0.1, latency_ms=9000))
    assert prove(case(call(), snapshot, policy(min_quality=0.5, max_latency_ms=2000, weights=Weights(1, 0, 0)))) == ()


def test_a_named_model_is_said_to_hang_on_a_weight() -> None:
    assert prove(case(call(model="a"), world(model("a"), model("b")), policy())) == ()


def test_a_hybrid_does_not_say_that_waiting_would_move_it() -> None:
    own = model("own", channels=(channel("own", prices=(price(0, 0),), self_hosted=True),))
    flips = prove(case(call(), world(own, model("bought")), policy("hybrid")))
    assert ("own", "latency_class", "=") in told(flips)
