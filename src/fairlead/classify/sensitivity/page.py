"""A stretch of text prepared once for all kinds: its bytes, its numbers, its long words.

Each view is made when a kind first asks for it, by calls that cost about a nanosecond a byte; the candidates they
leave are few, and only those are looked at one by one. Nothing here backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

from fairlead.classify.sensitivity.characters import plain

FEWEST_DIGITS = 9
"""The shortest number that is anybody's: a social security number."""
LONG_WORD = 16
SEPARATORS = b" .-()"
_FOREIGN = bytes(range(128, 256))
_HAN = tuple(bytes([lead]) for lead in range(0xE4, 0xEA))
_RUN = b"0" * FEWEST_DIGITS
_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))
_WORD = bytes(
    ord("a") if code < 128 and (chr(code).isalnum() or chr(code) in "_-.") else ord(" ") for code in range(256)
)
_LONG = b"a" * LONG_WORD
_STRETCH = bytes(ord("0") if chr(code) in "0123456789 .-()" else ord("x") for code in range(256))
_NUMBER = re.compile(
    rb"[0-9](?<![0-9A-Za-z_].)(?!(?:(?<=1)9|(?<=2)0)[0-9]{2}-[01][0-9]-[0-3][0-9])"
    rb"(?:[ .\-()]{0,3}[0-9]){8,}[xX]?(?![A-Za-z0-9_])",
    re.DOTALL,
)
"""Not from a date on: most numbers of a log are dates, and what follows one is found by itself."""
_YEAR = 5
_DATE = re.compile(rb"-(?<=[^0-9A-Za-z_+ .\-()](?:19|20)[0-9]{2}-)[01][0-9]-[0-3][0-9][ .]")
"""A date with a time behind it, and nothing before it that a number could go on from."""
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
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
    __slots__ = ("_numbers", "_undated", "ascii", "chinese", "digits", "low", "raw", "text")

    def __init__(self, text: str) -> None:
        self.text, self.raw = plain(text)
        self.low = self.raw.lower()
        foreign = len(self.raw) > len(self.text)
        self.ascii = self.low.translate(None, _FOREIGN) if foreign else self.low
        """The text in small letters without anything that is not ASCII: a word not in here is nowhere in the text."""
        self.chinese = foreign and any(lead in self.raw for lead in _HAN)
        """Whether any character is one that Chinese words are written in."""
        self._undated = self.raw
        self.digits = _digits(self.raw)
        """Whether enough digits stand together anywhere, separators and the years of dates aside."""
        if self.digits and (date := _DATE.search(self.raw)) is not None:
            self._undated = _without(self.raw[date.start() - _YEAR : date.start() + 1], self.raw)
            self.digits = _digits(self._undated)
        self._numbers: list[Number] | None = None if self.digits else []

    @property
    def numbers(self) -> list[Number]:
        if self._numbers is None:
            self._numbers = [Number(self.raw, found.start(), found.end()) for found in self._found()]
        return self._numbers

    def _found(self) -> Iterator[re.Match[bytes]]:
        """The pattern looks at every digit, so it is kept to stretches of digits and separators with digits enough."""
        raw, mask = self.raw, self._undated.translate(_STRETCH)
        at = mask.find(_RUN)
        while at >= 0:
            end = mask.find(b"x", at)
            end = end if end >= 0 else len(raw)
            start = at
            while len(raw[start:end].translate(None, SEPARATORS)) >= FEWEST_DIGITS:
                skipped = _NOBODYS.match(raw, start, end)
                if skipped is None:
                    # Two more: a check letter, and what must not follow it.
                    yield from _NUMBER.finditer(raw, start, end + 2)
                    break
                start = skipped.end()
            at = mask.find(_RUN, end)

    def words(self) -> Iterator[int]:
        """Where the words of at least LONG_WORD letters, digits, dashes, dots and underscores begin."""
        mask = self.raw.translate(_WORD)
        at = mask.find(_LONG)
        while at >= 0:
            yield at
            end = mask.find(b" ", at)
            if end < 0:
                return
            at = mask.find(_LONG, end)


def _digits(raw: bytes) -> bool:
    return _RUN in raw.translate(_DIGITS, SEPARATORS)


def _without(year: bytes, raw: bytes) -> bytes:
    """Hides a year and its dash wherever it stands behind the same sign, as on each line of a log."""
    return raw.replace(year, year[:1] + b"x" * _YEAR)
