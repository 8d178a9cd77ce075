"""Payment cards: an issuer's range, the issuer's length and the check digit, in a card's grouping or in none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from fairlead.classify.sensitivity import labels
from fairlead.classify.sensitivity.page import Number, Page

GROUPINGS = (b"\x04\x04\x04\x04\x03", b"\x04\x04\x04\x04", b"\x04\x06\x05", b"\x04\x06\x04")
LENGTHS = frozenset(range(14, 20))
SPELLED_OUT = b"\x01" * 14
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


WINDOW = 96
"""How far behind a card's label its number ends."""
MOST_LABELS = 64
WORDS = (b"card", b"visa", b"amex", b"unionpay")
CHINESE = "卡号".encode()
_LABEL = re.compile(
    rb"(?:(?:(?<![a-z])|(?<=(?<![a-z])master))(?:card(?: ?n(?:o|r|umber))?|visa|amex|unionpay)|\xe5\x8d\xa1\xe5\x8f\xb7)"
    rb"(?:[ ](?:is|no))?(?:[^0-9a-z\n]{0,3}[:=\xef\xbc\x9a\s]|(?=</[a-z]))"
)
_APART = re.compile(rb"[0-9]+|</?[a-z][a-z0-9]{0,9}(?: [^<>\n]{0,40})?>|[^0-9a-z<]{1,4}")
"""What a number that is split goes on with: digits, a tag, a few signs or breaks of the line."""


def find(page: Page) -> float:
    for number in page.numbers:
        confidence = _in(number)
        if confidence:
            return confidence
    return 0.85 if any(_split(page.low, end) for end in islice(_called(page), MOST_LABELS)) else 0.0


def _called(page: Page) -> Iterator[int]:
    """Where a label ends."""
    for word in WORDS:
        for at in page.places.get(word, ()):
            label = _LABEL.match(page.low, at)
            if label is not None:
                yield label.end()
    if page.chinese:
        for at in page.each(CHINESE):
            label = _LABEL.match(page.low, at)
            if label is not None:
                yield label.end()


def _split(raw: bytes, at: int) -> bool:
    """A number in parts, on lines or in cells of their own: too much alike a table where nothing calls it a card."""
    digits, end = b"", min(at + WINDOW, len(raw))
    while at < end and (part := _APART.match(raw, at, end)) is not None:
        if part[0].isdigit():
            digits += part[0]
            if len(digits) > max(LENGTHS):
                return False
        at = part.end()
    return len(digits) in LENGTHS and issued(digits)


def _in(number: Number) -> float:
    shape, groups = number.shape, number.groups
    for index, length in enumerate(shape):
        if length in LENGTHS and issued(groups[index]) and _one_of_its_own(number, index):
            return 0.9
    for grouping in GROUPINGS:
        at = shape.find(grouping)
        while at >= 0:
            last = at + len(grouping) - 1
            if issued(b"".join(groups[at : last + 1])) and _set_apart(number, at, last):
                return 0.99
            at = shape.find(grouping, at + 1)
    if SPELLED_OUT in shape and set(shape) == {1} and len(shape) in LENGTHS:
        if issued(b"".join(groups)) and labels.CARD.search(number.context(0)):
            return 0.9
    return 0.0


def _one_of_its_own(number: Number, index: int) -> bool:
    """Behind a slash it is some thing's number in a path, unless what stands before the slash calls it a card."""
    context = number.context(index)
    called = labels.CARD.search(context) is not None
    if number.before(index) == b"/":
        return called
    return number.alone(index, index) and (called or labels.OTHER.search(context) is None)


def _set_apart(number: Number, first: int, last: int) -> bool:
    """Not four groups out of a longer row of the like: a table of figures, a UUID."""
    shape, gaps = number.shape, number.gaps
    if not number.alone(first, last) or any(len(gap) > 1 or gap in b"()" for gap in gaps[first:last]):
        return False
    return not (first and shape[first - 1] == 4) and not (last + 1 < len(shape) and shape[last + 1] == 4)


def issued(digits: bytes) -> bool:
    return _issuer(digits) and _checks(digits)


def _issuer(digits: bytes) -> bool:
    length = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if length == 16:
        return (
            40 <= two <= 49  # Visa
            or 51 <= two <= 55  # Mastercard
            or 2221 <= four <= 2720
            or two in (62, 65)  # UnionPay, Discover
            or four == 6011
            or 644 <= three <= 649
            or 3528 <= four <= 3589  # JCB
        )
    if length == 15:
        return two in (34, 37)  # American Express
    if length == 14:
        return two in (36, 38) or 300 <= three <= 305  # Diners
    return two == 62 or (length == 19 and 40 <= two <= 49)


def _checks(digits: bytes) -> bool:
    """Luhn's sum. All digits alike would pass at times and are nobody's card."""
    if digits.count(digits[-1:]) == len(digits):
        return False
    even, odd = digits[-1::-2], digits[-2::-2]
    return (sum(even) - 48 * len(even) + sum(_DOUBLED[digit - 48] for digit in odd)) % 10 == 0
