"""Numbers, names and quotes of an answer that stand nowhere in what was supplied, and an answer that contradicts itself.

Only where something was supplied to answer from: documents, results of tools, a long text. A number that can be worked out of
two others in the context by one step is no invention, nor is a small one that counts; a name counts by its rarest word.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from fairlead.core.gates.claims import bare, names, numbers, operands, plain, quotes, values
from fairlead.core.gates.contradiction import contradiction
from fairlead.core.gates.verdict import MOST_CONTEXT, Asked, Given, Verdict

SUPPLIED: Final = 240
"""Characters beyond the question from which there is something to answer from."""
MOST_ANSWER: Final = 30_000
_SIGNS: Final = re.compile(r"[\u3040-\u9fff]")
COUNTING: Final = 10
"""Whole numbers up to this count things rather than state them."""
OPERANDS: Final = 24
"""So many numbers of the context are tried in pairs."""
_OPEN: Final = frozenset(
    ("creative_writing", "code_generation", "code_debug", "chat", "translation", "math", "agent", "desktop")
)
"""Tasks whose answers are meant to say more than was supplied."""
_FROM: Final = re.compile(
    r"\b(?:based on|according to|using only|only use|from the (?:text|passage|article|document|context|following|above)"
    r"|in the (?:text|passage|article|document|context)|summari[sz]e|summary of|tl;?dr|extract"
    r"|the following (?:text|passage|article|document|report|email|transcript|context)|given the (?:text|context|passage))\b"
    r"|根据(?:以上|以下|上述|上文|下文|这|该|文|材料|资料|内容|报告)|总结|摘要|概括|提取|抽取|文中|以下(?:文章|文本|材料|资料|报告)|依据",
    re.IGNORECASE,
)
"""How a question says that its answer is in what comes along."""
_WRITES: Final = re.compile(
    r"\b(?:write|compose|draft|create|generate|come up with|brainstorm)\b[^.!?\n]{0,40}"
    r"\b(?:article|essay|story|blog|post|speech|resume|cv|letter|email|poem|ad|plan|description|persona|scenario|keywords?)\b"
    r"|(?:写|撰写|生成|创作|拟)(?:一|出|几|下)?[^。！？\n]{0,12}(?:文章|文案|故事|发言稿|演讲|简历|总结文章|方案|作文|诗|邮件|标题)",
    re.IGNORECASE,
)
"""How a question says that its answer is to hold more than what comes along."""
_SOURCED: Final = ("summarization", "long_document", "extraction", "data_analysis")
_COMMON: Final = {
    "the", "of", "and", "in", "on", "at", "by", "as", "if", "for", "to", "a", "an", "mr", "mrs", "ms", "dr", "prof",
    "university", "company", "group", "inc", "ltd", "corp", "while", "when", "after", "before", "during", "with",
    "since", "both", "although", "under", "according", "today", "yesterday", "meanwhile", "however", "founded",
    "overall", "from",
}  # fmt: skip
_WEIGHT: Final = {"number": 0.55, "quote": 0.45, "name": 0.6}
"""What is left of the confidence for each claim of the kind that nothing supports."""
BASE: Final = 0.95


def grounded(asked: Asked, given: Given) -> Verdict | None:
    if given.calls and not given.text.strip():
        return None
    text = given.text[:MOST_ANSWER]
    clash = contradiction(text)
    if clash:
        return Verdict("grounded", 0.25, "it contradicts itself", detail=clash)
    supplied = _supplied(asked)
    if not supplied or asked.task in _OPEN or asked.form:
        return None
    confidence, missing = BASE, []
    kinds: Counter[str] = Counter()
    for kind, claim in _unsupported(bare(text), supplied):
        confidence *= _WEIGHT[kind]
        kinds[kind] += 1
        missing.append(repr(claim[:60]))
    if not missing:
        return None
    counted = " and ".join(f"{times} {kind}{'s' if times > 1 else ''}" for kind, times in kinds.items())
    words = (
        f"{counted} stand nowhere in what was supplied"
        if len(missing) > 1
        else f"{counted} stands nowhere in what was supplied"
    )
    return Verdict("grounded", round(max(confidence, 0.05), 4), words, detail=", ".join(missing[:5]))


def _supplied(asked: Asked) -> str:
    """All that was given to answer from; empty where there is only a question."""
    heads = f"{asked.said[:600]}\n{asked.said[-600:]}\n{asked.system[:2_000]}"
    told = _FROM.search(heads) is not None and not _WRITES.search(heads)
    if not asked.sourced and asked.task not in _SOURCED and not told:
        return ""
    whole = "\n".join((asked.system, *asked.context))[-MOST_CONTEXT:]
    size = len(whole) + 2 * len(_SIGNS.findall(whole[: 4 * SUPPLIED]))
    return whole if size - min(len(asked.said), SUPPLIED) >= SUPPLIED else ""


def _unsupported(text: str, supplied: str) -> list[tuple[str, str]]:
    known = f" {plain(supplied)} "
    squeezed = known.replace(" ", "")
    found: list[tuple[str, str]] = []
    stated = values(supplied)
    known_numbers = operands(supplied, OPERANDS)
    seen: set[str] = set()
    for number in numbers(text):
        written, value = number.written, number.value
        if written in seen or (value <= COUNTING and value == int(value) and "%" not in written):
            continue
        seen.add(written)
        known_number = _stated(value, number.off, stated) or (
            number.worked_out and _derived(value, number.off, known_numbers)
        )
        if not known_number:
            found.append(("number", written))
    for quote in quotes(text):
        said = plain(quote).replace(" ", "")
        if said and said not in squeezed and quote not in seen:
            seen.add(quote)
            found.append(("quote", quote))
    for name in names(text):
        if name not in seen and not _known(name, known, squeezed):
            seen.add(name)
            found.append(("name", name))
    return found


def _stated(value: float, off: float, stated: set[float]) -> bool:
    """Whether it stands there, maybe less rounded."""
    return value in stated or (not _year(value) and any(abs(value - one) <= off for one in stated))


def _year(value: float) -> bool:
    return value == int(value) and 1000 <= value <= 2100


def _derived(value: float, off: float, operands: list[float]) -> bool:
    """Whether one step of arithmetic on two numbers of the context gives it. Years are not worked out."""
    if _year(value):
        return False
    for at, a in enumerate(operands):
        for b in operands[at:]:
            worked = [a + b, b - a, (a + b) / 2, a * b / 100]
            if a:
                worked += [b / a, (b - a) / a * 100, b / a * 100]
            if b:
                worked += [a / b, (b - a) / b * 100, a / b * 100]
            if any(abs(one - value) <= off for one in worked):
                return True
    return False


def _known(name: str, known: str, squeezed: str) -> bool:
    said = plain(name)
    if said.replace(" ", "") in squeezed:
        return True
    if not said.isascii():
        return said[-4:] in squeezed
    # A sentence may begin with a capital, so a name may have a word too many in front.
    words = [word for word in said.split() if word not in _COMMON]
    return not words or (f" {words[-1]} " in known and sum(f" {word} " in known for word in words) * 2 >= len(words))
