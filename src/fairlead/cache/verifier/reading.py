"""A text, read for what it asks: marks of each kind, and the row of words that has to be accounted for.

How freely words are taken for others hangs on what the text speaks of:

    literal   of words themselves, or in a language that is not known here: every sign counts
    plain     of what is alike or different: no word stands for another; articles and courtesy are left out
    free      of anything else: words that may stand for each other are one word

What follows a colon or a line's end is somebody's text, and what stands in quotation marks or as code is a thing by
itself: they count sign by sign.
"""

from __future__ import annotations

import re

import msgspec

from fairlead.cache.verifier import chinese, english, names, other_languages
from fairlead.cache.verifier.english_words import EnglishWords
from fairlead.cache.verifier.han_words import HanWords
from fairlead.cache.verifier.spoken import FREE, LITERAL, PLAIN, Spoken
from fairlead.cache.verifier.tokens import Token, plainly, tokens

HAN = re.compile("[㐀-鿿〇]")
FOREIGN = re.compile("[^\\W\\dA-Za-z㐀-鿿〇²³µ°º]")
"""Letters of languages whose courtesy nobody knows here."""
HAN_LITERAL = re.compile("|".join(chinese.LITERAL))
HAN_PLAIN = re.compile("|".join(chinese.PLAIN))


class Reading(msgspec.Struct, frozen=True):
    language: str
    """`en`, `zh`, or nothing where it is not known."""
    words: tuple[str, ...]
    """All that is said, in its order; marks stand there with their values."""
    marks: dict[str, tuple[str, ...]]
    """Kind -> the values, in their order."""


def read(text: str) -> Reading:
    written, text = text, plainly(text)
    found = tokens(text)
    han = HAN.search(text) is not None
    lower = {token.lower() for kind, token in found if kind == "word"}
    language = _language(text, han, lower)
    freedom = _freedom(text, language, lower)
    if freedom == LITERAL and han:
        found = tokens(plainly(written, as_written=True))
    spoken = _spoken(found, language, freedom)
    if spoken.twofold:
        spoken = _spoken(found, language, PLAIN)
    return Reading(language, tuple(spoken.words), {kind: tuple(values) for kind, values in spoken.marks.items()})


def _language(text: str, han: bool, lower: set[str]) -> str:
    if not text.isascii() and FOREIGN.search(text):
        return ""
    if han:
        return "zh"
    strong, others = len(english.MARKERS & lower), len(other_languages.WORDS & lower)
    known = strong >= others if strong else not others and len(english.WEAK_MARKERS & lower) > 1
    return "en" if known else ""


def _freedom(text: str, language: str, lower: set[str]) -> int:
    if not language or not english.LITERAL.isdisjoint(lower):
        return LITERAL
    if language == "zh":
        if HAN_LITERAL.search(text):
            return LITERAL
        return PLAIN if HAN_PLAIN.search(text) else FREE
    return FREE if english.PLAIN.isdisjoint(lower) else PLAIN


def _spoken(found: list[Token], language: str, freedom: int) -> Spoken:
    if freedom == LITERAL:
        return _literal(found)
    return HanWords(found, freedom).read() if language == "zh" else EnglishWords(found, freedom).read()


def _literal(found: list[Token]) -> Spoken:
    """Every sign but white space and the last mark."""
    spoken = Spoken(LITERAL)
    last = len(found) - 1
    for at, (kind, token) in enumerate(found):
        if kind == "silent" and (not token.strip() or at == last):
            continue
        if at == last and token == "?":
            continue
        if kind in ("quote", "payload", "address", "code"):
            spoken.thing(kind, token)
        elif kind in ("number", "date"):
            spoken.mark(kind, token)
        elif at == 0 and kind == "word" and not (token.isupper() and token.lower() in names.AMBIGUOUS):
            spoken.word(token.lower())
        else:
            spoken.word(token)
            if at and kind == "word" and token[0].isupper():
                spoken.note(names.KIND, token)
    return spoken
