"""Whether both are asked in the same language: an answer in another is none."""

from __future__ import annotations

from fairlead.cache.verifier.reading import Reading


def differs(one: Reading, other: Reading) -> bool:
    return one.language != other.language and bool(one.language) and bool(other.language)
