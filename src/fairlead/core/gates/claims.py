"""What a text claims that can be looked up in another: numbers, names, quotes. Read off in one pass, and no more than so many.

Numbers are compared as values, however they are written (1,200 is 1200, 三十 is 30, 5 million is 5000000); names without case
and accents; quotes without punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST: Final = 400
AROUND: Final = 40
_WORKED_OUT: Final = re.compile(
    r"\b(?:total|together|altogether|in all|sum|combined|averag\w+|differen\w+|increas\w+|decreas\w+|drop\w*"
    r"|declin\w+|rise|rose|grew|growth|fewer|more than|less than|ratio|times|twice|doubl\w+|half|remain\w*)\b|[=≈]"
    r"|合计|总计|共计|一共|平均|相差|增加|增长|减少|下降|差额|之和|倍|剩余",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(
    r"(?<![A-Za-z0-9_.])[-+]?(\d{1,3}(?:[,\u00a0']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*(%|％|percent|thousand|million|billion|trillion|bn\b|mn\b|k\b|百万|千万|亿|億|万|萬|千)?(?![A-Za-z0-9_])"
)
_GROUPING: Final = re.compile("[,\u00a0']")
_TIMES: Final = {
    "thousand": 1e3, "k": 1e3, "千": 1e3, "万": 1e4, "萬": 1e4, "million": 1e6, "mn": 1e6, "百万": 1e6, "千万": 1e7,
    "亿": 1e8, "億": 1e8, "billion": 1e9, "bn": 1e9, "trillion": 1e12,
}  # fmt: skip
COUNT: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_WORDS: Final = {
    **COUNT, "zero": 0, "hundred": 100, "thousand": 1000, "dozen": 12, "half": 0.5, "first": 1, "second": 2, "third": 3,
    "fourth": 4, "fifth": 5, "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7,
    "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_WORD: Final = re.compile(r"[A-Za-z]+")
_HAN_NUMBER: Final = re.compile(
    r"[零〇一二两三四五六七八九十百千]{1,9}(?=[万亿年月日号个名人元岁次天周倍成分页章条项家台部辆点时小])"
)
_DIGITS: Final = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_ENUMERATION: Final = re.compile(
    r"^[ \t]*(?:[-*•]\s*)?(?:\(?\d{1,3}[.)、:：]|第[一二三四五六七八九十\d]+[章节条步点]|#+ .*)", re.MULTILINE
)
_TITLE: Final = re.compile(
    r"^\|[^\n]*\|[ \t]*\n(?=\|[ :|-]+\|)|^[ \t]*(?:#+|\*\*|[-*•][ \t]+\*\*)[^\n]{0,80}?(?:\*\*|$)|^[^\n.!?。！？]{1,60}[:：][ \t]*$|^[ \t]*[A-Z][\w &/'-]{0,50}:",
    re.MULTILINE,
)
_MARKS: Final = re.compile(
    r"\[\^?\d{1,3}\]|\[\d+(?:, ?\d+)*\]|【\d+[^】]{0,20}】|https?://\S+|```.*?(?:```|\Z)", re.DOTALL
)
_NAME: Final = re.compile(
    r"\b[A-Z][a-z'’éèüöäçñ-]+(?:[ \t]+(?:(?:of|the|de|van|von|der|da|di|al|bin)[ \t]+)?[A-Z][a-z'’éèüöäçñ-]+)+\b|\b[A-Z][a-z]+[A-Z]\w+\b|\b(?=[A-Z][A-Z][A-Z-]{0,20}\d)[A-Z0-9-]{3,40}\b"
)
_NAME_ZH: Final = re.compile(
    r"《([^》\n]{2,40})》|([\u4e00-\u9fff]{2,10}?(?:有限公司|股份公司|集团|公司|大学|学院|医院|银行|研究院|研究所|协会|基金会|出版社))"
    r"|((?:[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤])[\u4e00-\u9fff]{1,2})(?=先生|女士|教授|博士|医生|经理|主任|总裁|院长|部长|表示|认为|指出|说|称|担任)"
)
_QUOTE: Final = re.compile(r"\"([^\"\n]{8,400})\"|“([^”\n]{8,400})”|「([^」\n]{8,400})」|『([^』\n]{8,400})』")
SHORTEST: Final = 20
"""Characters of a quote; of a Chinese one less than half."""
_STRIPPED: Final = re.compile(r"[\W_]+")
_ACCENTS: Final = str.maketrans("éèêëáàâäãåíìîïóòôöõúùûüçñ", "eeeeaaaaaaiiiiooooouuuucn")


def plain(text: str) -> str:
    """Small letters and digits alone, one space between words."""
    return _STRIPPED.sub(" ", text.lower().translate(_ACCENTS)).strip()


def bare(text: str) -> str:
    """Without what belongs to the form: list numbers, titles, marks of sources, addresses, code."""
    return _ENUMERATION.sub(" ", _TITLE.sub(" ", _MARKS.sub(" ", text)))


class Number(NamedTuple):
    """One in digits."""

    written: str
    value: float
    off: float
    """By how much it may be off, as it is rounded."""
    worked_out: bool
    """Whether the words around it say that it was calculated."""


def numbers(text: str) -> Iterator[Number]:
    for at, match in enumerate(_NUMBER.finditer(text)):
        if at >= MOST:
            return
        digits = _GROUPING.sub("", match[1])
        times = _TIMES.get((match[2] or "").lower(), 1)
        off = 0.5 * times * 10.0 ** -len(digits.partition(".")[2])
        around = text[max(match.start() - AROUND, 0) : match.end() + AROUND]
        yield Number(match[0].strip(), float(digits) * times, off, _WORKED_OUT.search(around) is not None)


def values(text: str) -> set[float]:
    """Every number of a text as a value, those in words too, with and without its unit."""
    found: set[float] = set()
    for match in _NUMBER.finditer(text):
        value = float(_GROUPING.sub("", match[1]))
        found.add(value)
        found.add(round(value * _TIMES.get((match[2] or "").lower(), 1), 6))
    for match in re.finditer(r"\d+(?:\.\d+)?", text):
        found.add(float(match[0]))
    for word in _WORD.findall(text.lower()):
        if word in _WORDS:
            found.add(float(_WORDS[word]))
    for match in _HAN_NUMBER.finditer(text):
        found.add(float(_han(match[0])))
    return found


def operands(text: str, most: int) -> list[float]:
    """The numbers that may be calculated with; none where there are more."""
    found = {number.value for number in numbers(text)} | {
        float(COUNT[word]) for word in _WORD.findall(text.lower()) if COUNT.get(word, 0) > 1
    }
    return sorted(found) if len(found) <= most else []


def _han(text: str) -> int:
    total, digit = 0, 0
    if not any(sign in _UNITS for sign in text):
        return int("".join(str(_DIGITS[sign]) for sign in text))
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        else:
            total += max(digit, 1) * _UNITS[sign]
            digit = 0
    return total + digit


def names(text: str) -> Iterator[str]:
    """Names of two words and more, of things with digits, and Chinese titles, institutions and persons."""
    at = 0
    for match in _NAME.finditer(text):
        yield match[0]
        at += 1
        if at >= MOST:
            return
    for match in _NAME_ZH.finditer(text):
        yield next(part for part in match.groups() if part)
        at += 1
        if at >= MOST:
            return


def quotes(text: str) -> Iterator[str]:
    for at, match in enumerate(_QUOTE.finditer(text)):
        if at >= MOST:
            return
        said = next(part for part in match.groups() if part)
        if len(said) >= SHORTEST or not said.isascii():
            yield said
