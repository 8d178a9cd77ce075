"""A conversation stays where it is until moving pays, its prompt cache included."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Call, Facts, Standing
from fairlead.core.policy import Policy, Weights
from tests.core.scenes import AT, DOLLAR, call, channel, model, order, plan, policy, tokens, world

OLD = model("old", 2.0, 0.80)
NEW = model("new", 1.9, 0.82)


def talk(model: str = "old", cached: int = 0) -> Call:
    return call(facts=Facts(AT, Standing(model, f"{model}@main", cached)))


def force(stay: float) -> Policy:
    return policy("balanced", weights=Weights(1, 1, 0), stay=stay)


def test_a_little_gain_does_not_move_a_conversation() -> None:  # M3.10
    there = world(OLD, NEW)
    assert order(plan(call(), there, force(0.05)))[0] == "new"
    made = plan(talk(), there, force(0.05))
    assert order(made)[0] == "old"
    assert "stays" in made.reason


def test_a_large_gain_does() -> None:  # M3.10
    there = world(OLD, model("new", 0.2, 0.95))
    made = plan(talk(), there, force(0.05))
    assert order(made)[0] == "new"
    assert "leaves old" in made.reason


def test_what_lies_in_the_prompt_cache_counts_at_its_price() -> None:  # M3.10 M5.4
    price = OLD.channels[0].prices[0]
    rates = msgspec.structs.replace(price.rates, cached_input=round(0.1 * DOLLAR))
    cached = channel("old", prices=(msgspec.structs.replace(price, rates=rates),))
    there = world(msgspec.structs.replace(OLD, channels=(cached,)), model("new", 1.0, 0.80))
    dear = policy("cost_first", min_quality=0.0, stay=0.0)
    assert order(plan(talk(cached=0), there, dear))[0] == "new"
    long = call(signals=tokens(90_000, 100), facts=Facts(AT, Standing("old", "old@main", 89_000)))
    assert order(plan(long, there, dear))[0] == "old"
    for share, stays in ((0.9, "old"), (0.0, "new")):
        learned = world(
            msgspec.structs.replace(OLD, channels=(cached,)), model("new", 1.0, 0.80), kept={"old@main": share}
        )
        assert order(plan(long, learned, dear))[0] == stays


def test_a_model_that_may_not_answer_is_left() -> None:  # M3.10
    made = plan(talk(), world(OLD, NEW, disabled=frozenset({"old"})), force(0.5))
    assert order(made) == ["new"]
    assert "may not answer" in made.reason
