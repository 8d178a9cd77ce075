"""Words and phrases with what they stand for, gathered from the checks and the two languages.

English phrases are rows of words, Chinese ones rows of characters; where several fit, the longest is meant. What a
phrase stands for is a mark (its kind and its value) or, without a kind, just a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from fairlead.cache.verifier import chinese, dates, english, names, negation, numbers, opposites, questions, units

P = TypeVar("P", str, tuple[str, ...])
Meaning = tuple[str, str]
"""Kind and value."""
Phrases = Mapping[str, tuple[tuple[P, Meaning], ...]]
"""First word or character -> the phrases that begin with it, the longest first."""

MARKS: tuple[tuple[str, str, str], ...] = (
    (negation.KIND, negation.ENGLISH, negation.CHINESE),
    (numbers.KIND, numbers.ENGLISH, numbers.CHINESE),
    (dates.KIND, dates.ENGLISH, dates.CHINESE),
    (units.KIND, units.ENGLISH, units.CHINESE),
    (questions.KIND, questions.ENGLISH, questions.CHINESE),
    (opposites.KIND, opposites.ENGLISH, opposites.CHINESE),
    (names.KIND, names.ENGLISH, names.CHINESE),
    ("", english.SAME, chinese.SAME),
)
"""A line of each text is one meaning: phrases parted by commas, the first gives the value."""


def lines(text: str) -> Iterable[list[str]]:
    for line in text.split("\n"):
        phrases = [phrase.strip() for phrase in line.split(",")]
        if phrases[0]:
            yield phrases


def gathered(texts: Iterable[tuple[str, str]]) -> Iterable[tuple[str, Meaning]]:
    """Phrases and meanings; whoever says a phrase first has it."""
    found: dict[str, Meaning] = {}
    for kind, text in texts:
        for phrases in lines(text):
            for phrase in phrases:
                found.setdefault(phrase, (kind, phrases[0]))
    return found.items()


def ordered(phrases: Iterable[tuple[P, Meaning]]) -> Phrases[P]:
    rows: dict[str, list[tuple[P, Meaning]]] = {}
    for phrase, meaning in phrases:
        rows.setdefault(phrase[0], []).append((phrase, meaning))
    return {first: tuple(sorted(each, key=lambda row: -len(row[0]))) for first, each in rows.items()}


def begun(text: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """First word -> the phrases of a list that begin with it, the longest first."""
    rows = ordered((tuple(phrase.split()), ("", "")) for phrases in lines(text) for phrase in phrases)
    return {first: tuple(phrase for phrase, _ in each) for first, each in rows.items()}


def longest(words: Sequence[str], at: int, phrases: Mapping[str, tuple[tuple[str, ...], ...]]) -> int:
    """Of how many words the longest phrase is that stands there."""
    for phrase in phrases.get(words[at], ()):
        if tuple(words[at : at + len(phrase)]) == phrase:
            return len(phrase)
    return 0


ENGLISH: Phrases[tuple[str, ...]] = ordered(
    (tuple(phrase.split()), meaning) for phrase, meaning in gathered((kind, text) for kind, text, _ in MARKS)
)
CHINESE: Phrases[str] = ordered(gathered((kind, text) for kind, _, text in MARKS))
OPENINGS, GREETINGS, CLOSINGS = begun(english.OPENINGS), begun(english.GREETINGS), begun(english.CLOSINGS)
OPEN_WHAT, REQUESTS, WONDERS = begun(english.OPEN_WHAT), begun(english.REQUESTS), begun(english.WONDERS)
HAN_OPENINGS = tuple(sorted((one[0] for one in lines(chinese.OPENINGS)), key=len, reverse=True))
HAN_CLOSINGS = tuple(sorted((one[0] for one in lines(chinese.CLOSINGS)), key=len, reverse=True))
