"""Whether every word of one is accounted for in the other. The last check, and the one that knows nothing in advance."""

from __future__ import annotations

from fairlead.cache.verifier.reading import Reading


def differs(one: Reading, other: Reading) -> bool:
    return one.words != other.words and sorted(one.words) != sorted(other.words)
