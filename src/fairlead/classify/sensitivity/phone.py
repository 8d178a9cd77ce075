"""Telephone numbers: international ones, Chinese mobiles, North American grouping, and any that is called one."""

from __future__ import annotations

import re

from fairlead.classify.sensitivity import labels
from fairlead.classify.sensitivity.page import Number, Page

MOST_DIGITS = 15
_NANP = re.compile(rb"1?[2-9][0-9]{2}[2-9][0-9]{6}")
_CN_MOBILE = re.compile(rb"1(?:3[0-9]|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[0-9]{8}")
_CN = re.compile(rb"86(?:1[3-9][0-9]{9}|[2-9][0-9]{8,10})")
_EAST_ASIAN = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
_DATE = re.compile(rb"(?:19|20)[0-9]{2}$")


def find(page: Page) -> float:
    best = 0.0
    for number in page.numbers:
        best = max(best, _international(number) or _chinese(number) or _american(number) or _called_so(number))
        if best >= 0.95:
            break
    return best


def _international(number: Number) -> float:
    """After a plus: a country and up to fifteen digits. What follows behind a space may be another number."""
    if not number.plus or number.groups[0].startswith(b"0"):
        return 0.0
    if b"." in number.gaps and (len(number.groups) < 3 or max(number.shape) > 5):
        return 0.0
    digits = b""
    for count, group in enumerate(number.groups, 1):
        digits += group
        if len(digits) > MOST_DIGITS:
            break
        ends = count == len(number.groups) or b" " in number.gaps[count - 1]
        if ends and _plausible(digits, count) and not number.tail:
            return 0.95
    return 0.0


def _plausible(digits: bytes, groups: int) -> bool:
    if digits.startswith(b"1"):
        return len(digits) == 11 and _NANP.fullmatch(digits) is not None
    if digits.startswith(b"86"):
        return _CN.fullmatch(digits) is not None
    return len(digits) >= (9 if groups > 1 else 10)


def _chinese(number: Number) -> float:
    shape, groups = number.shape, number.groups
    for index, length in enumerate(shape):
        if length not in (3, 11, 13, 15):
            continue
        if length == 3:
            grouped = shape[index : index + 3] == b"\x03\x04\x04" and len(set(number.gaps[index : index + 2])) == 1
            if grouped and number.alone(index, index + 2) and _CN_MOBILE.fullmatch(b"".join(groups[index : index + 3])):
                if number.gaps[index] == b"-" or _chinese_around(number, index, prefixed=False):
                    return 0.9
            continue
        digits = groups[index].removeprefix(b"00") if length == 15 else groups[index]
        called = digits.removeprefix(b"86") if length > 11 else digits
        if (
            _CN_MOBILE.fullmatch(called)
            and number.alone(index, index)
            and _chinese_around(number, index, prefixed=length > 11)
        ):
            return 0.9
    return 0.0


def _chinese_around(number: Number, index: int, *, prefixed: bool) -> bool:
    """Eleven digits alone may be anything; among Chinese words, or called a telephone, they are a mobile."""
    context = number.context(index)
    if labels.PHONE.search(context):
        return True
    if labels.OTHER.search(context):
        return False
    return prefixed or _EAST_ASIAN.search(number.surroundings(index)) is not None


def _american(number: Number) -> float:
    shape, groups = number.shape, number.groups
    at = shape.find(b"\x03\x03\x04")
    while at >= 0:
        first = at - 1 if at and groups[at - 1] == b"1" else at
        gaps = number.gaps[at : at + 2]
        dashed = gaps == [b"-", b"-"] or (gaps[0] in (b") ", b")") and gaps[1] in (b"-", b" "))
        digits = b"".join(groups[at : at + 3])
        if dashed and _NANP.fullmatch(digits) and _alone(number, first, at + 2):
            if labels.OTHER.search(number.context(first)) is None:
                return 0.85
        at = shape.find(b"\x03\x03\x04", at + 1)
    return 0.0


def _alone(number: Number, first: int, last: int) -> bool:
    return number.alone(first, last) and not number.tail


def _called_so(number: Number) -> float:
    total = sum(number.shape)
    if total > MOST_DIGITS or number.tail or _DATE.match(number.groups[0]):
        return 0.0
    return 0.8 if labels.PHONE.search(number.context(0)) else 0.0
