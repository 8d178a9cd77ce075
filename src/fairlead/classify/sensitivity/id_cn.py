"""Chinese resident identity numbers: a region, a date of birth, a check character (ISO 7064, mod 11-2)."""

from __future__ import annotations

from fairlead.classify.sensitivity.page import Number, Page

REGIONS = frozenset(
    (11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83)
)  # fmt: skip
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = b"10X98765432"
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def find(page: Page) -> float:
    return 0.99 if any(map(_in, page.numbers)) else 0.0


def _in(number: Number) -> bool:
    shape, groups = number.shape, number.groups
    last = len(shape) - 1
    for length, tail in ((18, b""), (17, number.tail)):
        at = shape.find(length)
        while at >= 0:
            if length == 18 or (tail and at == last):
                if valid(groups[at] + tail) and number.before(at) not in (b"-", b".", b"/", b"_"):
                    return True
            at = shape.find(length, at + 1)
    for spread, tail in ((b"\x06\x08\x04", b""), (b"\x06\x08\x03", number.tail)):
        at = shape.find(spread)
        if at >= 0 and (spread[2] == 4 or (tail and at + 2 == last)) and valid(b"".join(groups[at : at + 3]) + tail):
            return True
    return False


def valid(number: bytes) -> bool:
    if len(number) != 18 or int(number[:2]) not in REGIONS:
        return False
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if not (1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]):
        return False
    total = sum((digit - 48) * weight for digit, weight in zip(number[:17], WEIGHTS, strict=True))
    return CHECKS[total % 11] == number[17]
