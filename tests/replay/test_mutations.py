"""Damaged streams and bodies do no harm: a few thousand here, a million with `make mutations`."""

from __future__ import annotations

import pytest

from tests.replay.exchanges import RECORDED
from tests.replay.mutations import Found

pytestmark = [
    pytest.mark.skipif(not RECORDED, reason="there are no recorded exchanges beside the checkout"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Google's SDK, of its own types
]


def test_no_damage_brings_a_crash_a_hang_or_a_silent_loss() -> None:
    found = Found()
    found.run(1, range(10_000))
    assert list(found.wrong) == []
    ways = {way for way, _ in found.told}
    for way in ways:
        # Damage of which nothing is understood, or which nothing is refused of, would prove nothing.
        assert found.told[way, "understood"] > 200
        assert found.told[way, "refused"] > 200
