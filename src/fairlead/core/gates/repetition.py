"""An answer that goes round in a loop: at its end, or over and over in the same lines or words.

Looked at are its last few thousand characters for a period, its lines, and its sequences of eight words. Verses have
refrains and tables have rows, so a good part of an answer has to be repetition before anything is said.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from fairlead.core.gates.verdict import Asked, Given, Verdict

TAIL: Final = 3_000
LOOP: Final = 240
"""Characters that a period has to go on for, and how often."""
ROUNDS: Final = 5
KNOWN: Final = 40
"""Characters: fewer than a loop has beside its last round."""
LINE: Final = 24
GRAM: Final = 8
MOST_WORDS: Final = 12_000
_ASKED_FOR: Final = re.compile(
    r"\brepeat|\btimes\b|\bchorus|\brefrain|\blyrics|\bsong|重复|遍|歌词|副歌|複唱|繰り返", re.IGNORECASE
)
_WORD: Final = re.compile(r"[^\W\d_]+|\d+|[\u3400-\u9fff\u3040-\u30ff]")
_CJK: Final = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")


def repetition(asked: Asked, given: Given) -> Verdict | None:
    text = given.text
    if len(text) < LOOP or _ASKED_FOR.search(asked.said[:2_000]):
        return None
    period = _period(text[-TAIL:].rstrip())
    if period:
        return Verdict("repetition", 0.05, "it ends in a loop", detail=period)
    line, share = _lines(text)
    if share > 0.5:
        return Verdict("repetition", 0.1, f"{share:.0%} of it are lines that come again and again", detail=line)
    fresh = _fresh(text)
    if fresh < 0.35:
        return Verdict("repetition", 0.1, f"only {fresh:.0%} of its sequences of words are new")
    if fresh < 0.5:
        return Verdict("repetition", 0.45, f"only {fresh:.0%} of its sequences of words are new")
    return None


def _period(tail: str) -> str:
    """What the text goes round in at its end; empty where it does not. The shortest period of each suffix, from the
    prefix function of the reversed text."""
    last = tail[-KNOWN:]
    if tail.find(last, 0, -1) < 0:  # a loop says its end again
        return ""
    turned = tail[::-1]
    border = [0] * len(turned)
    at = 0
    for place in range(1, len(turned)):
        sign = turned[place]
        while at and sign != turned[at]:
            at = border[at - 1]
        at += sign == turned[at]
        border[place] = at
    for size in range(len(turned), LOOP - 1, -1):
        period = size - border[size - 1]
        if size >= period * ROUNDS:
            found = turned[:period][::-1]
            if len(set(found)) > 2 and any(map(str.isalpha, found)):
                return found.strip()[:60]
    return ""


def _lines(text: str) -> tuple[str, float]:
    """The line that comes most often, and the share of the text in lines that come four times or more."""
    counted = Counter(line.strip() for line in text.splitlines())
    again = {line: times for line, times in counted.items() if times >= 4 and len(line) >= LINE and _says(line)}
    if not again:
        return "", 0.0
    most = max(again, key=lambda line: again[line] * len(line))
    return most[:60], sum(len(line) * (times - 1) for line, times in again.items()) / len(text)


def _says(line: str) -> bool:
    return sum(map(str.isalpha, line)) * 2 > len(line)


def _fresh(text: str) -> float:
    """The share of its sequences of words that were not there before."""
    words = _WORD.findall(text, 0, 120_000)[:MOST_WORDS]
    size = GRAM * 2 if len(_CJK.findall(text, 0, 2_000)) > 400 else GRAM
    total = len(words) - size + 1
    if total < 60:
        return 1.0
    return len({tuple(words[at : at + size]) for at in range(total)}) / total
