"""International bank account numbers: country, its length, remainder 1 modulo 97."""

from __future__ import annotations

import re

from fairlead.classify.sensitivity.page import Page

LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18,
    "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
    "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31,
    "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
LONGEST = 34
_CANDIDATE = re.compile(rb"[A-Z](?<![0-9A-Za-z_].)[A-Z][0-9]{2}(?:[ -]?[0-9A-Z]){11,30}", re.DOTALL)
_HEAD = b"AA00"
_HEADS = bytes(65 if 65 <= code <= 90 else 48 if 48 <= code <= 57 else 32 for code in range(256))
"""Where a candidate begins, a country and two digits stand: found without the pattern."""
_DIGITS = {char: str(int(char, 36)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_TABLE = str.maketrans(_DIGITS)


def find(page: Page) -> float:
    if not page.digits:
        return 0.0
    if _in(page.raw):
        return 0.99
    # In small letters hexadecimal numbers look the same, so there it has to be called by its name.
    return 0.9 if b"iban" in page.places and _in(page.raw.upper()) else 0.0


def _in(raw: bytes) -> bool:
    heads = raw.translate(_HEADS)
    at = heads.find(_HEAD) if heads.rfind(_HEAD) >= 0 else -1
    while at >= 0:
        found = _CANDIDATE.match(raw, at)
        if found is None:
            at = heads.find(_HEAD, at + 1)
            continue
        if _account(found[0], raw[found.end() : found.end() + 1]):
            return True
        # A longer row of words may hide the next one's beginning.
        at = heads.find(_HEAD, at + len(_HEAD))
    return False


def _account(candidate: bytes, follows: bytes) -> bool:
    """Whether the candidate begins with an account number that ends where a word does."""
    text = candidate.decode("ascii")
    length = LENGTHS.get(text[:2])
    if length is None:
        return False
    compact = text.replace(" ", "").replace("-", "")[:length]
    if len(compact) < length:
        return False
    end = _end_of(text, length)
    rest = text[end : end + 1] or follows.decode("latin-1")
    if (rest.isascii() and (rest.isalnum() or rest == "_")) or not _grouped(text[:end]):
        return False
    if sum(char.isdigit() for char in compact) < 8:
        return False
    turned = (compact[4:] + compact[:4]).translate(_TABLE)
    return int(turned) % 97 == 1


def _end_of(text: str, length: int) -> int:
    """Where the `length`th letter or digit ends."""
    seen = 0
    for position, char in enumerate(text):
        seen += char not in " -"
        if seen == length:
            return position + 1
    return len(text)


def _grouped(text: str) -> bool:
    """Written in one piece, or in groups of four."""
    groups = text.replace("-", " ").split(" ")
    return len(groups) == 1 or (all(len(group) == 4 for group in groups[:-1]) and len(groups[-1]) <= 4)
