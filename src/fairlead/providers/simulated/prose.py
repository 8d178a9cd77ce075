"""Words for simulated answers, and the rule by which they are counted.

**The token rule**: a token is one CJK character, or up to six letters or digits in a row, or one other sign,
each with the white space before it. Prompts, answers, limits and usage are all counted by it, and a stream
sends one token per content chunk; so usage can be checked against the text.
"""

from __future__ import annotations

import random
import re

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"\s*(?:[{_CJK}]|(?:(?![{_CJK}])[^\W_]){{1,6}}|\S)|\s+")
_CJK_CHARACTER = re.compile(f"[{_CJK}]")

_OPENING = {"en": "This is a simulated answer from {model}.", "zh": "这是来自 {model} 的模拟回答。"}
_SHORT = {
    "en": ("Simulated: yes.", "Simulated: no.", "Simulated: positive.", "Simulated: the second one."),
    "zh": ("模拟:是。", "模拟:否。", "模拟:正面。", "模拟:第二个。"),
}
_THOUGHT = {"en": "Let me think about what is asked.", "zh": "先想一想问题是什么。"}
_SENTENCES = {
    "en": (
        "The short version is that the first option usually costs less and is easy to undo.",
        "Start with the smallest part that can be checked on its own.",
        "Two things matter here: how often it happens, and what a mistake would cost.",
        "If the numbers are close, prefer the choice with fewer moving parts.",
        "A small test with real data says more than a long debate.",
        "Most of the effort goes into the cases that look rare at first.",
        "Write down what you expect before you look at the result.",
        "The second step depends on the first, so keep them in this order.",
        "There is one exception, and it concerns very large inputs.",
        "In practice a simple rule covers nine cases out of ten.",
        "That leaves the question of who will look after it next year.",
        "Keep the old version around until the new one has run for a week.",
    ),
    "zh": (
        "简单来说,第一种方案通常更便宜,也更容易撤回。",
        "先从能够单独验证的最小部分开始。",
        "这里有两点很重要:发生的频率,以及出错的代价。",
        "如果数字相差不大,就选择更简单的做法。",
        "用真实数据做一次小测试,胜过长时间的讨论。",
        "大部分精力会花在起初看来少见的情况上。",
        "看结果之前,先写下自己的预期。",
        "第二步取决于第一步,所以请保持这个顺序。",
        "有一个例外,它与非常大的输入有关。",
        "实际上,一条简单的规则就能覆盖九成的情况。",
        "剩下的问题是明年由谁来维护。",
        "在新版本稳定运行一周之前,请保留旧版本。",
    ),
}


def tokens(text: str) -> list[str]:
    """The tokens of a text; joined they are the text again."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    return len(_TOKEN.findall(text))


def language(text: str) -> str:
    """`zh` when a good part of the signs is CJK, else `en`."""
    sample = text[:4000]
    return "zh" if len(_CJK_CHARACTER.findall(sample)) * 5 > len(sample) else "en"


def prose(rng: random.Random, model: str, tongue: str, length: int) -> str:
    """About `length` tokens of plain prose that says it is simulated."""
    if length < 8:
        return rng.choice(_SHORT[tongue])
    gap = " " if tongue == "en" else ""
    sentences = [_OPENING[tongue].format(model=model)]
    total = count(sentences[0])
    while total < length:
        sentence = rng.choice(_SENTENCES[tongue])
        sentences.append(sentence)
        total += count(sentence)
    return gap.join(sentences)


def thought(rng: random.Random, tongue: str, length: int) -> tuple[str, ...]:
    """Exactly `length` tokens of prose, in pieces of about a sentence."""
    gap = " " if tongue == "en" else ""
    sentences: list[str] = []
    sentence = _THOUGHT[tongue]
    while length > 0:
        pieces = tokens(sentence)[:length]
        sentences.append("".join(pieces))
        length -= len(pieces)
        sentence = gap + rng.choice(_SENTENCES[tongue])
    return tuple(sentences)
