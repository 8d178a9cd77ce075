"""Whether nothing is `a` thing in one and `the` thing in the other. Without an article it may be either."""

from __future__ import annotations

from fairlead.cache.verifier.reading import Reading

KIND = "article"


def differs(one: Reading, other: Reading) -> bool:
    """A mark is the article and the word behind it."""
    ones, others = one.marks.get(KIND), other.marks.get(KIND)
    if ones is None or others is None:
        return False
    told = dict(mark.split(" ", 1)[::-1] for mark in ones)
    return any(told.get(word, article) != article for article, word in (mark.split(" ", 1) for mark in others))
