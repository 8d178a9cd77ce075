"""An answer that says a thing and its opposite: a sentence and its denial, one thing with two numbers, yes and then no, a sum
that is wrong.

Only what is said in nearly the same words is compared, so what is found is nearly always there.
"""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.tongues import prose

MOST_SENTENCES: Final = 600
LONGEST: Final = 400
_SENTENCE: Final = re.compile(r"[^.!?。！？，\n;；]+(?:\.(?=\d)[^.!?。！？，\n;；]*)*")
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+|\d[\d,]*(?:\.\d+)?%?")
_TOKEN: Final = re.compile(r"[\u3400-\u9fff]|[a-z]+'t\b|cannot|[^\W\d_\u3400-\u9fff]+(?:'[a-z]+)?|\d[\d,]*(?:\.\d+)?%?")
_NOT: Final = {
    "not", "no", "never", "cannot", "can't", "won't", "isn't", "aren't", "wasn't", "weren't", "doesn't", "don't",
    "didn't", "hasn't", "haven't", "without",
}  # fmt: skip
_AUXILIARY: Final = {
    "does", "do", "did", "has", "have", "had", "will", "would", "can", "could", "is", "are", "was", "were", "be",
    "been", "the", "a", "an", "that", "this", "it", "also", "however",
}  # fmt: skip
_NOT_ZH: Final = re.compile(r"不(?!仅|但|过|同|少|断|管|只|论|得不)|没有|没|未|无(?!论|数)")
_SUM: Final = re.compile(
    r"(?<![\w.,/*×÷+\-−(^)}])(-?\d+(?:,\d{3})*(?:\.\d+)?)(?: ([+\-−×x*÷/]) |([+\-×*÷]))(\d+(?:,\d{3})*(?:\.\d+)?)\s*=\s*\$?(-?\d+(?:,\d{3})*(?:\.\d+)?)(?![\d.,]*(?:\s*[+\-−×*÷/^%(\d]|[A-Za-z\\]))"
)
_BEGINS: Final = re.compile(
    r"\A\W*(yes|no|是的|不是|对|不对|可以|不可以|能|不能)\b|\A\W*(是的|不是|对，|不对|可以|不可以)", re.IGNORECASE
)
_ENDS: Final = re.compile(
    r"(?:the (?:final )?answer is|so the answer is|therefore,? the answer is|in conclusion,?)\W*(yes|no)\b|(?:答案是|结论是|所以答案是)\W*(是的|不是|可以|不可以|对|不对)",
    re.IGNORECASE,
)
_INTERJECTION: Final = re.compile(r"\A\W*(?:yes|no|well|so|but|and|also|however|indeed|in fact|note that)\b[, ]+")
_YES: Final = frozenset(("yes", "是的", "对", "对，", "可以", "能"))
_OPERATORS: Final = ("+", "-", "−", "×", "x", "*", "÷", "/", "^", "=", ")", "(", "}")
_STATES: Final = re.compile(
    r"\b(?:is|was|are|were|has|had|have|reached|rose|fell|grew|totall?ed|costs?|earned|sold|employs?|founded|born|died|began|ended|opened|took)\b|[为是达有共至约]"
)
"""What makes a line a statement rather than a title or an entry of a list."""
_ASIDE: Final = re.compile(
    r"\A(?:if|then|when|unless|otherwise|whether|如果|那么|若|假如|当|否则|是否)|[|`{}]|\w\(|[=<>]{1,2} ", re.IGNORECASE
)
"""Conditions, tables and code: no statements."""
LEAST_WORDS: Final = 5
BEFORE_NUMBER: Final = 3
LEAST_SIGNS: Final = 8


def contradiction(text: str) -> str:
    """The contradiction in words; empty where none is found."""
    text = prose(text)
    return _sums(text) or _yes_and_no(text) or _sentences(text)


def _sums(text: str) -> str:
    for at, match in enumerate(_SUM.finditer(text)):
        if at >= 200:
            break
        a, b, told = (float(match[place].replace(",", "")) for place in (1, 4, 5))
        sign = match[2] or match[3]
        chained = text[max(match.start() - 4, 0) : match.start()].rstrip(" $").endswith(_OPERATORS)
        if chained or (sign in "÷/" and not b):
            continue
        right = a + b if sign == "+" else a - b if sign in "-−" else a * b if sign in "×x*" else a / b
        digits = len(match[5].partition(".")[2])
        if abs(right - told) > max(0.51 * 10**-digits, abs(right) * 0.006 if sign in "÷/" else 0.0):
            return f"{' '.join(match[0].split())}, it is {right:g}"
    return ""


def _yes_and_no(text: str) -> str:
    begins, endings = _BEGINS.search(text), list(_ENDS.finditer(text))
    if begins is None or not endings:
        return ""
    first, last = begins[1] or begins[2], endings[-1][1] or endings[-1][2]
    if (first.lower() in _YES) is not (last.lower() in _YES):
        return f"it begins with {first!r} and ends with {last!r}"
    return ""


def _sentences(text: str) -> str:
    said: dict[tuple[str, ...], tuple[bool, str]] = {}
    told: dict[tuple[str, ...], tuple[str, str]] = {}
    for at, match in enumerate(_SENTENCE.finditer(text)):
        if at >= MOST_SENTENCES:
            break
        sentence = match[0].strip()
        if len(sentence) > LONGEST or _ASIDE.search(sentence):
            continue
        words, denied = _read(sentence)
        if len(words) >= (LEAST_SIGNS if _is_chinese(words) else LEAST_WORDS):
            before = said.setdefault(words, (denied, sentence))
            if before[0] is not denied:
                return f"{_short(before[1])!r} and {_short(sentence)!r}"
        if not denied and _STATES.search(sentence) and sentence[0] not in "*#-•|":
            found = _two_numbers(told, words, sentence)
            if found:
                return found
    return ""


def _read(sentence: str) -> tuple[tuple[str, ...], bool]:
    """The words without what denies, and whether an odd number of them did."""
    lowered = sentence.lower().replace("’", "'")
    lowered = _INTERJECTION.sub("", lowered)
    denials = len(_NOT_ZH.findall(lowered))
    lowered = _NOT_ZH.sub("", lowered)
    words = []
    for word in _TOKEN.findall(lowered):
        if word in _NOT:
            denials += 1
        elif word not in _AUXILIARY:
            words += _WORD.findall(word.replace("'", ""))
    return tuple(word.rstrip("s") if word.isascii() and len(word) > 3 else word for word in words), denials % 2 == 1


def _two_numbers(told: dict[tuple[str, ...], tuple[str, str]], words: tuple[str, ...], sentence: str) -> str:
    """One thing with two numbers: sentences alike but for the only number in them, which comes last or nearly so."""
    places = [at for at, word in enumerate(words) if word[0].isdigit()]
    if len(places) != 1 or places[0] < len(words) - 3 or places[0] < BEFORE_NUMBER:
        return ""
    number = words[places[0]]
    masked = (*words[: places[0]], "#", *words[places[0] + 1 :])
    before = told.setdefault(masked, (number, sentence))
    return f"{_short(before[1])!r} and {_short(sentence)!r}" if before[0] != number else ""


def _is_chinese(words: tuple[str, ...]) -> bool:
    return sum("\u3400" <= word[0] <= "\u9fff" for word in words) * 2 > len(words)


def _short(text: str) -> str:
    return " ".join(text.split())[:70]
