"""The checks, in their order: the first that finds a difference says why a text is not taken for the other.

`strict` takes nothing for granted; `loose` trusts an embedding model for words that no check knows.
"""

from __future__ import annotations

from fairlead.cache.settings import Strictness
from fairlead.cache.verifier import (
    articles,
    dates,
    direction,
    language,
    names,
    negation,
    numbers,
    opposites,
    questions,
    swapped,
    units,
    words,
)
from fairlead.cache.verifier.marks import Check, unlike
from fairlead.cache.verifier.reading import Reading

KNOWN: tuple[tuple[str, Check], ...] = (
    ("language", language.differs),
    ("code", unlike("code")),
    ("quotation", unlike("quote")),
    ("number", unlike(numbers.KIND)),
    ("date", unlike(dates.KIND)),
    ("unit", unlike(units.KIND)),
    ("name", names.differs),
    ("negation", unlike(negation.KIND)),
    ("question", unlike(questions.KIND)),
    ("opposite", unlike(opposites.KIND)),
    ("article", articles.differs),
    ("direction", direction.differs),
)
CHECKS: dict[Strictness, tuple[tuple[str, Check], ...]] = {
    "strict": (*KNOWN, ("words", words.differs)),
    "loose": (*KNOWN, ("swapped", swapped.differs)),
}
NAMES = tuple(dict.fromkeys(name for checks in CHECKS.values() for name, _ in checks))


def difference(one: Reading, other: Reading, strictness: Strictness = "strict") -> str:
    """The check that tells the two apart; nothing where they ask for the same."""
    if one == other:
        return ""
    for name, differs in CHECKS[strictness]:
        if differs(one, other):
            return name
    return ""
