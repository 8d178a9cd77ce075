"""Whether the marks of one kind are the same in both, whatever their order: `direction` looks at that."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.cache.verifier.reading import Reading

Check = Callable[[Reading, Reading], bool]


def unlike(kind: str) -> Check:
    def differs(one: Reading, other: Reading) -> bool:
        ones, others = one.marks.get(kind), other.marks.get(kind)
        return ones != others and sorted(ones or ()) != sorted(others or ())

    return differs
