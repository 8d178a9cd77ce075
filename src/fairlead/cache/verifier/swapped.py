"""Whether the texts are the same but for a few words in one place, or have their common words in another order.

For vectors of a real embedding model, which may find the same question in quite other words. A question that is the same
word by word up to a place, and again from there on, was not put in other words: something in it was exchanged. And who
puts a question in other words seldom turns it round.
"""

from __future__ import annotations

from fairlead.cache.verifier.reading import Reading

FEW = 3
"""Words exchanged or added."""


def differs(one: Reading, other: Reading) -> bool:
    a, b = one.words, other.words
    if sorted(a) == sorted(b):  # `direction` has looked at it
        return False
    size = min(len(a), len(b))
    begin = 0
    while begin < size and a[begin] == b[begin]:
        begin += 1
    end = 0
    while end < size - begin and a[-1 - end] == b[-1 - end]:
        end += 1
    return max(len(a), len(b)) - begin - end <= FEW or _order(a, b) != _order(b, a)


def _order(words: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """The words that both have."""
    return [word for word in words if word in others]
