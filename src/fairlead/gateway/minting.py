"""Issued keys as text: `fl_`, 256 random bits in 43 letters and digits, and 6 more that say whether the rest came whole.

The checksum is no secret: it tells a slip of the hand from a key that is not known, before anything is looked up.
"""

from __future__ import annotations

import secrets
import string
from zlib import crc32

PREFIX = "fl_"
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM = 32
LONG, SUM = 43, 6
SHOWN = 6
"""Digits of a key that are shown to tell it from others: 36 of its 256 bits."""
_ALPHABET = frozenset(DIGITS.encode())
_PREFIX = PREFIX.encode()


def mint() -> str:
    body = _written(int.from_bytes(secrets.token_bytes(RANDOM)), LONG)
    return PREFIX + body + _checksum(body.encode())


def malformed(key: bytes) -> bool:
    """Whether it begins as an issued key does and cannot be one."""
    if not key.startswith(_PREFIX):
        return False
    body, told = key[len(_PREFIX) : -SUM], key[-SUM:]
    return len(key) != len(_PREFIX) + LONG + SUM or not _ALPHABET.issuperset(body) or _checksum(body).encode() != told


def shown(key: str) -> str:
    """What of a key may be seen by everyone."""
    return key[: len(PREFIX) + SHOWN]


def _checksum(body: bytes) -> str:
    return _written(crc32(body), SUM)


def _written(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
