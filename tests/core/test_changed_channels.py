"""A channel that is reached in another way has the name of the one before, and nothing else of it."""

from __future__ import annotations

from tests.core.test_health import A, B, breakers, claimed, failing, shown


def test_another_by_the_same_name_is_asked_at_once_and_bears_nothing_of_the_one_before() -> None:  # M4.5 M8.4
    of = breakers()
    out = [claimed(of, 1.0) for _ in range(4)]
    failing(of, 1.0)
    of.forget([A])
    of.watch([A, B], 2.0)
    assert (of.ejected(2.0), shown(of, 2.0).failures) == (frozenset(), 0)
    failing(of, 2.0)
    told = [of.answered(out[0], 3.0), of.answered(out[1], 3.0), of.failed(out[2], 3.0, "HTTP 429", 500.0)]
    assert told == [None, None, None]
    assert of.ejected(4.0) == {A}
    assert shown(of, 4.0).seconds == 28.0
    assert of.claim(A, 33.0) is not None
