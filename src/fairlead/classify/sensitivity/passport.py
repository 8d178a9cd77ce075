"""Passports, only where it is certain: the machine-readable zone with its check digits, or a number called one."""

from __future__ import annotations

import re

from fairlead.classify.sensitivity.page import Page

_ZONE = re.compile(rb"P[A-Z<][A-Z<]{42}\s{1,4}([A-Z0-9<]{9})([0-9])[A-Z<]{3}([0-9]{6})([0-9])[MFX<]([0-9]{6})([0-9])")
_CALLED = re.compile(
    rb"passport(?:\s{0,2}(?:number|no|num|nr|id|#))?[.:#=\s\"']{0,4}(?:is\s)?[\"':\s]{0,3}([A-Za-z]{0,3}[0-9]{6,9})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_CALLED_ZH = re.compile(
    "护照(?:号码|号|编号)?(?:[:\\s]|：|是|为){0,4}([A-Za-z]{1,2}[0-9]{7,8})(?![0-9A-Za-z])".encode()
)
_ZH = "护照".encode()
WEIGHTS = (7, 3, 1)


def find(page: Page) -> float:
    raw = page.raw
    if raw.find(b"<") >= 0 and any(map(_checked, _ZONE.finditer(raw))):
        return 0.99
    if any(_CALLED.match(raw, at) for at in page.places.get(b"pass", ())):
        return 0.9
    return 0.9 if page.chinese and raw.find(_ZH) >= 0 and _CALLED_ZH.search(raw) else 0.0


def _checked(zone: re.Match[bytes]) -> bool:
    parts = zone.groups()
    return all(check_digit(field) == int(digit) for field, digit in zip(parts[::2], parts[1::2], strict=True))


def check_digit(field: bytes) -> int:
    """Of the machine-readable zone: weights 7, 3, 1, letters from 10, the filler nothing."""
    values = (0 if char == 60 else int(chr(char), 36) for char in field)
    return sum(value * WEIGHTS[index % 3] for index, value in enumerate(values)) % 10
