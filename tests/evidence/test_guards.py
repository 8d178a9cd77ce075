"""Workloads: for each guard one that must raise it, and one like it that must not."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.model import Channel, Model, Snapshot
from fairlead.core.record import Feedback, Usage
from fairlead.evidence.guards import TELLING, GuardState, Looked, verdicts
from fairlead.registry.declared import Declared, Watch
from fairlead.server.guarding import judge
from fairlead.server.reporting import Configured
from fairlead.store.window import DAY_MS
from tests.evidence.ledgers import Like, filled, price
from tests.store.entries import AT

TALK = Usage(2_000, 200)
PRICES = {"big": price(10, 50, 1), "small": price(0.1, 0.4, 0.01)}
NOW = (AT + 2 * DAY_MS) / 1000
"""The window is the second day, the one before it the first."""


def model(name: str, quality: float) -> Model:
    return Model(name, (Channel(f"{name}@c", "c", name, "p", name, (PRICES[name],)),), quality=quality)


MODELS = {"big": model("big", 0.9), "small": model("small", 0.6)}


def like(
    count: int, name: str, task: str = "chat", usage: Usage = TALK, purpose: str = "answer", baseline: bool = True
) -> Like:
    return Like(count, name, task, usage, PRICES[name], purpose=purpose, baseline=PRICES["big"] if baseline else None)


def states(
    first: list[Like], second: list[Like], words: tuple[Feedback, ...] = (), **watch: object
) -> dict[str, GuardState]:
    """By guard, of two days."""
    by = Configured(
        Snapshot("s", MODELS, {}), {}, {}, "p", Declared(watch=msgspec.structs.replace(Watch(), **watch)), (), {}
    )
    made = filled(None, [*first], AT, 1)
    added = filled(made, [*second], AT + DAY_MS, 1)
    added.ingest([], [(10**9 + n, word) for n, word in enumerate(words)], 1, 1)
    found = {one.guard: one for one in judge(added.connection, by, NOW)}
    made.close()
    return found


def test_answers_may_get_worse_unseen() -> None:  # M6.6
    good, worse = [like(900, "big"), like(100, "small")], [like(400, "big"), like(600, "small")]
    assert states(good, good, quality_floor=0.8)["quality"].state == "fine"
    found = states(good, worse, quality_floor=0.8)["quality"]
    assert (found.state, round(found.value or 0, 2)) == ("alarm", 0.72)
    assert states(good, worse)["quality"].state == "off"


@pytest.mark.parametrize(
    ("score", "count", "state"), [(0.9, 40, "fine"), (0.5, 40, "alarm"), (0.5, TELLING - 1, "fine")]
)
def test_what_people_say_of_answers_is_not_heeded(score: float, count: int, state: str) -> None:  # M6.6
    words = tuple(
        Feedback(f"w{n}", AT + DAY_MS + n, AT + DAY_MS + n, "k", "t", "big", "chat", score) for n in range(count)
    )
    day = [like(1_000, "big")]
    assert states(day, day, words, quality_floor=0.6)["quality"].state == state


def test_routing_may_cost_more_than_it_saves() -> None:  # M6.6
    """$29.72 are saved on 1,000 small answers."""
    work = like(1_000, "small")
    few, many = (like(1, "big", "", Usage(read, 0), "judge", baseline=False) for read in (100_000, 3_000_000))
    assert states([work], [work, few])["overhead"].state == "fine"
    found = states([work], [work, many])["overhead"]
    assert found.state == "alarm"
    assert found.why == "routing's own calls cost $30.000000, routing saved $29.720000"
    assert states([work], [work, few], overhead=0.03)["overhead"].state == "alarm"
    unmeasured = like(1_000, "small", baseline=False)
    assert states([unmeasured], [unmeasured, many])["overhead"].state == "unknown"


def test_routing_may_cost_something_and_save_nothing() -> None:
    work, judged = like(1_000, "big"), like(5, "big", "", purpose="judge", baseline=False)
    assert states([work], [work])["overhead"].state == "fine"
    assert states([work], [work, judged])["overhead"].state == "alarm"


@pytest.mark.parametrize(
    ("usage", "state"), [((4_000, 100, 3_000), "fine"), ((4_000, 100, 100), "alarm"), ((500, 100, 0), "unknown")]
)
def test_a_cache_may_stop_being_hit(usage: tuple[int, int, int], state: str) -> None:  # M6.6
    day = [like(1_000, "big", usage=Usage(*usage))]
    assert states(day, day, cache_share=0.5)["cache"].state == state


def test_work_may_go_elsewhere_unseen() -> None:  # M6.6
    day = [like(500, "big"), like(500, "small")]
    same, moved = [like(5_100, "big"), like(4_900, "small")], [like(50, "big"), like(950, "small")]
    assert states(day, same)["drift_models"].state == "fine"
    found = states(day, moved)["drift_models"]
    assert found.state == "alarm"
    assert "most moved big, from 50% to 5%" in found.why
    assert states(day, moved)["drift_tasks"].state == "fine"
    assert states(day, moved, drift=None)["drift_models"].state == "off"


def test_other_work_may_come_unseen() -> None:  # M6.6
    chat, code = [like(900, "big"), like(100, "big", "math")], [like(100, "big"), like(900, "big", "math")]
    assert states(chat, chat)["drift_tasks"].state == "fine"
    assert states(chat, code)["drift_tasks"].state == "alarm"
    assert states(chat, code)["drift_models"].state == "fine"


def test_an_alarm_is_raised_by_a_handful_of_requests() -> None:
    few, many = [like(99, "small")], [like(1_000, "big")]
    watch = {"quality_floor": 0.8, "cache_share": 0.9}
    assert {one.state for one in states(many, few, **watch).values()} == {"unknown"}
    assert states(few, many)["drift_models"].state == "unknown"
    assert {one.state for one in states(many, few, **watch, least=99).values()} >= {"alarm"}


def test_an_empty_ledger_is_an_alarm() -> None:
    assert {one.state for one in verdicts(Looked(), Looked(), Watch())} == {"off", "unknown"}
