"""A stretch of text prepared once for all kinds: its bytes, its numbers, its long words.

Each view is made when a kind first asks for it, by calls that cost about a nanosecond a byte; the candidates they
leave are few, and only those are looked at one by one. Nothing here backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

import numpy as np

from fairlead.classify.sensitivity.characters import plain
from fairlead.classify.sensitivity.words import looked_up

FEWEST_DIGITS = 9
"""The shortest number that is anybody's: a social security number."""
SEPARATORS = b" .-()"
_HAN = tuple(bytes([lead]) for lead in range(0xE4, 0xEA))
_RUN = b"0" * FEWEST_DIGITS
_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))
_OTHER, _DIGIT = 0, 2
_STRETCH = bytes(_DIGIT if 48 <= code <= 57 else 1 if code in SEPARATORS else _OTHER for code in range(256))
_NUMBER = re.compile(
    rb"[0-9](?<![0-9A-Za-z_].)(?!(?:(?<=1)9|(?<=2)0)[0-9]{2}-[01][0-9]-[0-3][0-9])"
    rb"(?:[ .\-()]{0,3}[0-9]){8,}[xX]?(?![A-Za-z0-9_])",
    re.DOTALL,
)
"""Not from a date on: most numbers of a log are dates, and what follows one is found by itself."""
_YEAR = 5
_DATE = re.compile(rb"-(?<=[^0-9A-Za-z_+ .\-()](?:19|20)[0-9]{2}-)[01][0-9]-[0-3][0-9][ .]")
"""A date with a time behind it, and nothing before it that a number could go on from."""
_OCTET = r"(?:1[0-9]{0,2}|2(?:[0-4][0-9]?|5[0-5]?|[6-9])?|[3-9][0-9]?|0)"
_NOBODYS = re.compile(
    rf"[ .\-()]*(?<![0-9A-Za-z_+])(?:(?:19|20)[0-9]{{2}}(?=-[01][0-9]-[0-3][0-9])|{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9.]))".encode()
)
"""The year of a date, or an address of a host: what most numbers of a log begin with."""
_PARTS = re.compile(rb"[0-9]+|[^0-9]+")
REACH = 40
"""How far before a number a word may stand that says what it is."""


class Number:
    """A row of digits with its groups (`4111 1111` has two) and what stands between and around them."""

    def __init__(self, raw: bytes, start: int, end: int) -> None:
        self.raw = raw
        self.start = start
        self.end = end
        body = raw[start:end]
        lead = raw[max(start - 3, 0) : start].removesuffix(b"(")
        self.plus = lead.endswith(b"+") and not lead[-2:-1].isalnum()
        self.tail = body[-1:].upper() if body[-1:] in b"xX" else b""
        parts: list[bytes] = _PARTS.findall(body)
        if self.tail:
            del parts[-1]
        self.groups = parts[::2]
        self.gaps = parts[1::2]
        self.shape = bytes([min(len(group), 255) for group in self.groups])
        """The groups' lengths, so that a shape is found as a substring."""

    @cached_property
    def _offsets(self) -> list[int]:
        lengths = [len(group) for group in self.groups]
        steps = [length + len(gap) for length, gap in zip(lengths, self.gaps, strict=False)]
        return list(accumulate(steps, initial=self.start))

    def before(self, group: int) -> bytes:
        """What stands right before a group: the gap, or the one byte before the number."""
        if group:
            return self.gaps[group - 1]
        return self.raw[max(self.start - 1, 0) : self.start]

    def after(self, group: int) -> bytes:
        if group < len(self.gaps):
            return self.gaps[group]
        return self.raw[self.end : self.end + 1]

    def context(self, group: int) -> bytes:
        at = self._offsets[group]
        return self.raw[max(at - REACH, 0) : at]

    def surroundings(self, group: int) -> bytes:
        at = self._offsets[group]
        return self.raw[max(at - REACH, 0) : at + len(self.groups[group]) + REACH]

    def alone(self, first: int, last: int) -> bool:
        """Whether these groups are no part of a longer chain: a decimal, a serial number, a path."""
        left, right = self.before(first), self.after(last)
        if left in (b"-", b".", b"/", b"_", b"\\") or right in (b"-", b"/", b"_", b"\\"):
            return False
        if right == b"." and last < len(self.gaps):
            return False
        return not self.tail or last < len(self.gaps)


class Page:
    __slots__ = ("_low", "_numbers", "_undated", "chinese", "digits", "long", "places", "raw", "text")

    def __init__(self, text: str) -> None:
        self.text, raw = plain(text)
        self.raw = self._undated = raw
        self._low: bytes | None = None
        self.places, self.long = looked_up(raw)
        """Where the words stand that announce something, and where long words begin; neither is anywhere else."""
        self.chinese = len(raw) > len(self.text) and max(map(raw.find, _HAN)) >= 0
        """Whether any character is one that Chinese words are written in."""
        self.digits = _digits(raw)
        """Whether enough digits stand together anywhere, separators and the years of dates aside."""
        if self.digits and (date := _DATE.search(raw)) is not None:
            self._undated = _without(raw[date.start() - _YEAR : date.start() + 1], raw)
            self.digits = _digits(self._undated)
        self._numbers: list[Number] | None = None if self.digits else []

    @property
    def low(self) -> bytes:
        """The text in small letters."""
        if self._low is None:
            self._low = self.raw.lower()
        return self._low

    @property
    def numbers(self) -> list[Number]:
        if self._numbers is None:
            self._numbers = [Number(self.raw, found.start(), found.end()) for found in self._found()]
        return self._numbers

    def _found(self) -> Iterator[re.Match[bytes]]:
        """The pattern looks at every digit, so it is kept to stretches of digits and separators with digits enough."""
        raw, mask = self.raw, self._undated.translate(_STRETCH)
        for start in _starts(mask):
            end = mask.find(_OTHER, start)
            end = end if end >= 0 else len(raw)
            while (skipped := _NOBODYS.match(raw, start, end)) is not None:
                start = skipped.end()
                if end - start < FEWEST_DIGITS or len(raw[start:end].translate(None, SEPARATORS)) < FEWEST_DIGITS:
                    break
            else:
                # Two more: a check letter, and what must not follow it.
                yield from _NUMBER.finditer(raw, start, end + 2)

    def each(self, word: bytes) -> Iterator[int]:
        """Where a word stands that has no case."""
        at = self.raw.find(word)
        while at >= 0:
            yield at
            at = self.raw.find(word, at + len(word))


def _digits(raw: bytes) -> bool:
    return raw.translate(_DIGITS, SEPARATORS).rfind(_RUN) >= 0


def _starts(mask: bytes) -> list[int]:
    """The first digit of each stretch that has enough: as many other signs stand before the ninth as before the first."""
    kinds = np.frombuffer(mask, np.uint8)
    digits = (kinds == _DIGIT).nonzero()[0]
    others = (kinds == _OTHER).cumsum(dtype=np.int32).take(digits)
    further = FEWEST_DIGITS - 1
    enough = others[further:] == others[:-further]
    enough[1:] &= others[1:-further] != others[: -further - 1]
    starts: list[int] = digits.take(enough.nonzero()[0]).tolist()
    return starts


def _without(year: bytes, raw: bytes) -> bytes:
    """Hides a year and its dash wherever it stands behind the same sign, as on each line of a log."""
    return raw.replace(year, year[:1] + b"x" * _YEAR)
