"""A month of 1,234,567 requests for $2,847.50, as published: its shares, and the advice that goes with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead.core.model import Channel, Model, Snapshot
from fairlead.core.policy import Policy
from fairlead.core.record import Usage
from fairlead.evidence.advice import percent, usd
from fairlead.evidence.recommend import recommend
from fairlead.registry.declared import Declared
from fairlead.server.advising import ground
from fairlead.server.reporting import Configured
from fairlead.store.reports import groups, totals
from fairlead.store.sqlite import Projection
from fairlead.store.window import DAY_MS, Window
from tests.evidence.ledgers import Like, filled, price
from tests.store.entries import AT

MONTH = Window(AT, AT + 30 * DAY_MS)
PRICES = {"gpt-4.5": price(15, 64), "claude-3.5-sonnet": price(3, 16), "gemini-2.0-flash": price(0.1, 0.4)}
WORK = (
    ("gpt-4.5", "classification", 19_114, 400, 5),
    ("gemini-2.0-flash", "classification", 108_313, 400, 5),
    ("gpt-4.5", "reasoning", 19_579, 1_450, 200),
    ("gpt-4.5", "reasoning", 1, 2_962, 10),
    ("gemini-2.0-flash", "chat", 999_588, 5_000, 875),
    ("gemini-2.0-flash", "chat", 1, 10_540, 0),
    ("claude-3.5-sonnet", "summarization", 87_970, 2_398, 400),
    ("claude-3.5-sonnet", "summarization", 1, 45_268, 1),
)
"""Model, task, requests, and the tokens of each."""


def model(name: str, quality: float, **qualities: float) -> Model:
    return Model(
        name, (Channel(f"{name}@c", "c", name, "p", name, (PRICES[name],)),), quality=quality, qualities=qualities
    )


MODELS = (
    model("gpt-4.5", 0.92),
    model("claude-3.5-sonnet", 0.88),
    model("gemini-2.0-flash", 0.62, classification=0.8),
)
POLICY = Policy("standard", "balanced")
BY = Configured(
    Snapshot("s", {one.name: one for one in MODELS}, {}), {"standard": POLICY, "default": POLICY}, {}, "standard",
    Declared({"standard": frozenset()}),
)  # fmt: skip


@pytest.fixture(scope="module")
def month() -> Iterator[Projection]:
    made = filled(
        None, [Like(count, name, task, Usage(read, written), PRICES[name]) for name, task, count, read, written in WORK]
    )
    yield made
    made.close()


def test_the_published_month_does_not_add_up(month: Projection) -> None:  # M6.4
    whole = totals(month.connection, MONTH)
    assert (whole.requests, usd(whole.cost)) == (1_234_567, "$2,847.50")
    assert round(whole.usd_per_request, 4) == round(whole.usd / 1_234_567, 4)
    assert f"{whole.usd_per_request:.4f}" == "0.0023"
    found = {
        one.name: (usd(one.cost), percent(one.cost / whole.cost)) for one in groups(month.connection, "model", MONTH)
    }
    assert found == {
        "claude-3.5-sonnet": ("$1,196.00", "42 %"),
        "gemini-2.0-flash": ("$854.20", "30 %"),
        "gpt-4.5": ("$797.30", "28 %"),
    }


def test_the_published_advice_is_another(month: Projection) -> None:  # M6.4
    advised = recommend(ground(month.connection, MONTH, BY, AT // 1000))
    task, cheap = advised.advice
    assert str(task.title) == "move 15 % of classification from gpt-4.5 to gemini-2.0-flash"
    assert usd(task.saving) == usd(cheap.saving) == usd(advised.together) == "$120.00"
    (change,) = task.changes
    assert change.path == ("policy", "tasks", "classification")
    assert change.value == {"model": "gemini-2.0-flash", "fallbacks": ("gpt-4.5",)}
    assert cheap.id == "cheap"
    assert [str(one) for one in cheap.evidence] == [
        "cheap models (gemini-2.0-flash) took 30 % of the spend, less than 50 %",
        "classification could move from gpt-4.5 to gemini-2.0-flash",
    ]
    assert cheap.changes == task.changes
