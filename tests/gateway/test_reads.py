"""What is learned of prompt caches: beginnings and conversations apart, the latest first, and never from a guess."""

from __future__ import annotations

import pytest

from fairlead.core.call import Standing
from fairlead.core.record import Usage
from fairlead.gateway.reads import TELLING, Reads

HERE = Standing("m", "m@a", 1000)


def filled(*shares: float, standing: Standing | None = None, of: int = 1000) -> Reads:
    reads = Reads()
    for share in shares:
        reads.add("m@a", Usage(of, 10, int(of * share)), standing)
    return reads


def test_few_requests_say_something() -> None:  # M5.4
    assert filled(*[0.5] * (TELLING - 1)).told() == ({}, {})
    assert filled(*[0.5] * TELLING).told() == ({"m@a": 0.5}, {})


def test_a_conversations_reads_are_taken_for_a_beginnings() -> None:  # M5.4
    assert filled(*[0.9] * TELLING, standing=HERE).told() == ({}, {"m@a": 0.9})
    for elsewhere in (Standing("m", "m@b", 1000), Standing("m", "m@a", 0)):
        assert filled(*[0.9] * TELLING, standing=elsewhere).told() == ({"m@a": 0.9}, {})


def test_a_cache_that_keeps_nothing_is_trusted_on() -> None:  # M3.10 M5.4
    assert filled(*[0.0] * TELLING, standing=HERE).told() == ({}, {"m@a": 0.0})


def test_a_channel_without_a_cache_fills_the_tables() -> None:
    reads = filled(*[0.0] * 50)
    assert reads.told() == ({}, {})
    assert not reads.knows("m@a")


def test_only_what_it_was_taken_to_hold_counts() -> None:  # M5.4
    assert filled(*[0.25] * TELLING, standing=HERE, of=4000).told()[1] == {"m@a": 1.0}


def test_what_was_long_ago_counts_as_much_as_now() -> None:  # M5.4
    reads = filled(*[1.0] * 100, *[0.0] * 100)
    assert reads.told()[0]["m@a"] < 0.2


def test_a_guess_is_learned_from() -> None:
    reads = Reads()
    for _ in range(TELLING):
        reads.add("m@a", Usage(1000, 10, 900, estimated=True), None)
        reads.add("m@a", Usage(0, 10, 0), HERE)
    assert reads.told() == ({}, {})


@pytest.mark.parametrize("share", [0.51, 0.52])
def test_every_request_makes_new_conditions(share: float) -> None:
    assert filled(*[share] * TELLING).told()[0] == {"m@a": 0.5}
