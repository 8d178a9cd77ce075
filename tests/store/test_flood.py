from __future__ import annotations

from fairlead.store.flood import A_SECOND, DISTINCT, Flood
from tests.store.entries import AT, audit


def test_ten_alike_a_second_pass_and_the_rest_is_counted() -> None:
    flood = Flood()
    passed = [one for _ in range(A_SECOND + 5) for one in flood.admit(audit("x"))]
    assert passed == [audit("x")] * A_SECOND
    assert list(flood.release()) == [audit("x (5 more like this)")]
    assert list(flood.release()) == []


def test_a_new_second_first_tells_what_the_old_one_held_back() -> None:
    flood = Flood()
    for _ in range(A_SECOND + 2):
        list(flood.admit(audit("x")))
    assert list(flood.admit(audit("y", at_ms=AT + 1_000))) == [
        audit("x (2 more like this)"),
        audit("y", at_ms=AT + 1_000),
    ]
    assert list(flood.admit(audit("x", at_ms=AT + 1_000))) == [audit("x", at_ms=AT + 1_000)]


def test_audits_that_all_differ_are_bounded_too_and_none_goes_uncounted() -> None:
    flood = Flood()
    written = [one for number in range(10_000) for one in flood.admit(audit(f"path {number}"))]
    counted = list(flood.release())
    assert len(written) == DISTINCT + A_SECOND
    assert [one.detail for one in counted] == [f"of many kinds ({10_000 - len(written)} more like this)"]
