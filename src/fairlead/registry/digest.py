"""Versions of content, and amounts as the core holds them."""

from __future__ import annotations

import hashlib
from decimal import Context, Decimal

import msgspec

HASH_CHARS = 16
NANO_DIGITS = 9
EXACT = Context(prec=60)


def digest(content: object) -> str:
    """Over the content in one canonical order, so that how a file is arranged makes no other version."""
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:HASH_CHARS]


def nano(amount: Decimal) -> int:
    return int(amount.scaleb(NANO_DIGITS, EXACT))
