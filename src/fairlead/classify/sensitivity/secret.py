"""Secrets: keys in a provider's own format, private key blocks, tokens, passwords told as such, logins in addresses.

A key is recognised by its prefix, length and alphabet; all of them are long words, of which prose has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead.classify.sensitivity.page import Page

KEYS: tuple[tuple[str, str], ...] = (
    ("sk-", r"(?:ant-|or-|proj-|svcacct-|admin-|lf-)?[A-Za-z0-9_-]{20,}"),
    ("sk_live_", r"[A-Za-z0-9]{16,}"),
    ("sk_test_", r"[A-Za-z0-9]{16,}"),
    ("rk_live_", r"[A-Za-z0-9]{16,}"),
    ("whsec_", r"[A-Za-z0-9]{24,}"),
    ("AKIA", r"[0-9A-Z]{16}"),
    ("ASIA", r"[0-9A-Z]{16}"),
    ("AIza", r"[\w-]{35}"),
    ("ya29.", r"[\w-]{20,}"),
    ("GOCSPX-", r"[\w-]{20,}"),
    ("ghp_", r"[A-Za-z0-9]{36}"),
    ("gho_", r"[A-Za-z0-9]{36}"),
    ("ghu_", r"[A-Za-z0-9]{36}"),
    ("ghs_", r"[A-Za-z0-9]{36}"),
    ("ghr_", r"[A-Za-z0-9]{36}"),
    ("github_pat_", r"\w{22,}"),
    ("glpat-", r"[\w-]{20,}"),
    ("xoxa-", r"[\w-]{10,}"),
    ("xoxb-", r"[\w-]{10,}"),
    ("xoxp-", r"[\w-]{10,}"),
    ("xoxr-", r"[\w-]{10,}"),
    ("xoxs-", r"[\w-]{10,}"),
    ("xapp-", r"[\w-]{10,}"),
    ("hf_", r"[A-Za-z0-9]{30,}"),
    ("npm_", r"[A-Za-z0-9]{36}"),
    ("pypi-", r"[\w-]{50,}"),
    ("gsk_", r"[A-Za-z0-9]{40,}"),
    ("xai-", r"[A-Za-z0-9]{40,}"),
    ("pplx-", r"[A-Za-z0-9]{32,}"),
    ("nvapi-", r"[\w-]{40,}"),
    ("tvly-", r"[A-Za-z0-9-]{24,}"),
    ("r8_", r"[A-Za-z0-9]{37}"),
    ("dapi", r"[a-f0-9]{32}"),
    ("dop_v1_", r"[a-f0-9]{64}"),
    ("shpat_", r"[a-fA-F0-9]{32}"),
    ("SG.", r"[\w-]{16,}\.[\w-]{16,}"),
    ("hvs.", r"[\w-]{24,}"),
    ("LTAI", r"[A-Za-z0-9]{12,20}"),
    ("AKID", r"[A-Za-z0-9]{32}"),
    ("fl_", r"[A-Za-z0-9]{24,}"),
    ("AGE-SECRET-KEY-", r"1[0-9A-Z]{58}"),
    ("eyJ", r"[\w-]{10,}\.eyJ[\w-]{8,}"),
)
"""(prefix, what follows). The last one is a JWT: two parts that begin as JSON does in base64."""
_JOINTS = frozenset((b"-", b".", b"_"))
_HEADS = frozenset(prefix[:2].encode() for prefix, _ in KEYS)
_KEY = re.compile(f"(?:{'|'.join(re.escape(prefix) + rest for prefix, rest in KEYS)})(?![A-Za-z0-9])".encode())
_STRETCH = re.compile(rb"[A-Za-z0-9]{12,}")
"""A key's random part; words joined by dashes have none."""
_BLOCK = b"PRIVATE KEY"
_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY")

NAMES = ((b"pass", True), (b"pwd", True), (b"secret", False), (b"token", False), (b"bearer", False), (b"key", False))
"""True for a person's own: short, and told in words too. The others are a machine's: long and random."""
CHINESE = ("密码".encode(), "口令".encode())
_VALUE = rb"[ \t]{0,3}(\"|'|`)?([^\s\"'`<>,;\xe3-\xe9\xef]{6,128})"
_TOLD = re.compile(
    "(?:word|wd|phrase|d)?[\"'`]?[ \t]{0,3}(?::=|[:=]|=>|is(?= )|：|是|为)".encode() + _VALUE,
)
_DRAWN = re.compile("(?:[_-]?key)?(?:[\"'`]?[ \t]{0,3}(?::=|[:=]|=>|：)|(?= ))".encode() + _VALUE)
_HOLDER = re.compile(rb"^[$%]|[{}()\[\]<>]|\*\*|\.\.\.|xxx|your|example|placeholder|redacted|changeme|environ|getenv|process\.|config\.|self\.|null|none|true|false|https?:", re.IGNORECASE)  # fmt: skip
"""What stands in for a secret, or where code fetches one."""
_LOGIN = re.compile(rb"://[^\s/:@\"'<>]{0,64}:([^\s/@\"'<>]{3,128})@[A-Za-z0-9\[]")
LONGEST_LOGIN = 196
LEAST = 8


def find(page: Page) -> float:
    return _keys(page) or _blocks(page) or _logins(page) or _told(page)


def _keys(page: Page) -> float:
    raw = page.raw
    for at in page.long:
        while raw[at : at + 1] in _JOINTS:
            at += 1
        if raw[at : at + 2] in _HEADS:
            found = _KEY.match(raw, at)
            if found and any(map(_random, _STRETCH.findall(found[0]))):
                return 0.99
    return 0.0


def _random(stretch: bytes) -> bool:
    """Letters and digits mixed, or letters in both cases."""
    return not (stretch.isalpha() and (stretch.islower() or stretch.isupper())) and len(set(stretch)) > 3


def _blocks(page: Page) -> float:
    return 0.99 if b"key" in page.places and page.raw.rfind(_BLOCK) >= 0 and _BEGIN.search(page.raw) else 0.0


def _logins(page: Page) -> float:
    """Looked for from the sign before the host, which is rare; nothing of a login holds that sign, or a slash."""
    raw = page.raw
    at = raw.find(b"@")
    if at < 0 or raw.rfind(b"://") < 0:
        return 0.0
    while at >= 0:
        start = raw.rfind(b"://", max(at - LONGEST_LOGIN, 0), at)
        found = _LOGIN.match(raw, start) if start >= 0 else None
        if found and not _HOLDER.search(found[1]) and found[1].lower() not in (b"pass", b"password", b"secret", b"pwd"):
            return 0.9
        at = raw.find(b"@", at + 1)
    return 0.0


def _told(page: Page) -> float:
    for name, own in NAMES:
        if (at := page.places.get(name)) and _value_of(page.low, at, len(name), own):
            return 0.8
    if page.chinese:
        for name in CHINESE:
            if _value_of(page.low, page.each(name), len(name), True):
                return 0.8
    return 0.0


def _value_of(low: bytes, places: Iterable[int], length: int, own: bool) -> bool:
    match = (_TOLD if own else _DRAWN).match
    for at in places:
        found = match(low, at + length)
        if found and _made_up(found[2].rstrip(b".,)"), own, found[1] is not None):
            return True
    return False


def _made_up(value: bytes, own: bool, quoted: bool) -> bool:
    """By a person: letters with digits or signs. By a machine: a stretch of both. Never code that fetches it."""
    if _HOLDER.search(value):
        return False
    if not own:
        return any(_mixed(stretch) for stretch in _STRETCH.findall(value))
    if len(value) < (6 if quoted else LEAST) or value.isdigit():
        return False
    signs = sum(not (48 <= char <= 57 or 97 <= char <= 122 or char in b"._-") for char in value)
    return signs > 0 or _mixed(value)


def _mixed(value: bytes) -> bool:
    digits = sum(48 <= char <= 57 for char in value)
    letters = sum(97 <= char <= 122 for char in value)
    return digits >= 2 and letters >= 2
