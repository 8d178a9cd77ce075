"""An answer shorter or longer than was asked for in so many words, or than such a task ever needs."""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.claims import COUNT
from fairlead.core.gates.verdict import Asked, Given, Verdict

_NUMBER: Final = rf"(\d{{1,6}}|{'|'.join(COUNT)})"
_UNITS: Final = r"(words?|sentences?|characters?|letters?|paragraphs?)"
_MOST: Final = re.compile(
    rf"\b(?:in|within|at most|no more than|max(?:imum)?(?: of)?|under|less than|fewer than|up to|not exceed(?:ing)?|limit(?:ed)? to)\s+(?:a |the )?(?:single )?{_NUMBER}[- ]{_UNITS}"
    rf"|\b{_NUMBER}[- ]{_UNITS}\s+(?:or less|or fewer|at most|max(?:imum)?|limit)\b",
    re.IGNORECASE,
)
_LEAST: Final = re.compile(
    rf"\b(?:at least|minimum(?: of)?|no less than|no fewer than|more than|over)\s+{_NUMBER}[- ]{_UNITS}", re.IGNORECASE
)
_MOST_ZH: Final = re.compile(
    r"(?:不超过|不多于|少于|控制在|限制在|最多)\s*(\d{1,6})\s*(?:个)?字|(\d{1,6})\s*(?:个)?字(?:以内|之内|以下)"
)
_LEAST_ZH: Final = re.compile(
    r"(?:不少于|至少|(?<!不)多于|(?<!不)超过|不低于)\s*(\d{1,6})\s*(?:个)?字|(\d{1,6})\s*(?:个)?字以上"
)
_WAYS: Final = ((_MOST, True), (_MOST_ZH, True), (_LEAST, False), (_LEAST_ZH, False))
_ONE_WORD: Final = re.compile(
    r"\b(?:one|a single) word\b|\byes or no\b only|only (?:with )?(?:yes or no|the label|the category|a number)|只(?:回答|需回答|输出)(?:是或否|一个词|标签|类别|数字)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_SENTENCE: Final = re.compile(r"[.!?。！？]+(?:\s|$|[”\"'）)])|[。！？]")
_SEVERAL: Final = re.compile(
    r"\b(?:each|every|per|respectively|titles?|headlines?|captions?|stories|sentences? each|bullets?|slides?|options)\b|每|各|分别|分为|字段|部分|标题|括号|句话",
    re.IGNORECASE,
)
"""A bound is of one of several things."""
SLACK: Final = 1.3
FAR: Final = 2.0
HEAD: Final = 1_500
LABELS: Final = ("classification", "fast_response")
LONG_LABEL: Final = 1_500
WORKS: Final = ("creative_writing", "code_generation", "summarization", "long_document", "reasoning", "data_analysis")
LEAST_WORK: Final = 12


def length(asked: Asked, given: Given) -> Verdict | None:
    if given.calls or asked.form:
        return None
    text = given.text.strip()
    said = asked.said if len(asked.said) <= 2 * HEAD else f"{asked.said[:HEAD]}\n{asked.said[-HEAD:]}"
    bounds = [(found, most) for ways, most in _WAYS for found in ways.finditer(said)]
    if len(bounds) == 1 and not _SEVERAL.search(said):
        verdict = _against(text, *bounds[0])
        if verdict is not None:
            return verdict
    if _ONE_WORD.search(said) and len(text) > 200:
        return Verdict("length", 0.4, f"a word was asked for, it has {len(text):,} characters")
    if asked.task in LABELS and len(text) > LONG_LABEL:
        return Verdict("length", 0.7, f"it has {len(text):,} characters, for {asked.task}")
    if asked.task in WORKS and len(text) < LEAST_WORK and not text.endswith(")"):
        return Verdict("length", 0.5, f"it has {len(text)} characters, for {asked.task}")
    return None


def _against(text: str, found: re.Match[str], most: bool) -> Verdict | None:
    parts = [part for part in found.groups() if part]
    number = COUNT.get(parts[0].lower()) or int(parts[0])
    unit = parts[1].lower().rstrip("s") if len(parts) > 1 else "character"
    has = _count(text, unit, "字" in found[0])
    if not number or not has:
        return None
    off = has / number if most else number / has
    slack = SLACK if number >= 10 else 1.0
    if unit == "character" and "字" in found[0]:
        slack = 1.4
    if off <= slack:
        return None
    bound = "at most" if most else "at least"
    return Verdict("length", 0.3 if off > FAR else 0.6, f"{bound} {number:,} {unit}s were asked for, it has {has:,}")


def _count(text: str, unit: str, han: bool) -> int:
    if unit in ("character", "letter"):
        return len(_HAN.findall(text)) + len(_WORD.findall(_HAN.sub(" ", text))) if han else len(text)
    if unit == "word":
        return len(_WORD.findall(text)) if not _HAN.search(text) else 0
    if unit == "sentence":
        return max(len(_SENTENCE.findall(text)), 1)
    return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])
