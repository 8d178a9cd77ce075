"""Whom a request of Messages is for, as its `metadata` says it."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct, UnsetType

from fairlead.dialects.json import EMPTY


class Metadata(Struct):
    user_id: str | None = None


_METADATA = msgspec.json.Decoder(Metadata)


def user_of(metadata: Raw | UnsetType) -> str:
    """Empty where nothing is said, or nothing that can be read: that is for its provider to say."""
    if not isinstance(metadata, Raw) or bytes(metadata) in EMPTY:
        return ""
    try:
        return _METADATA.decode(metadata).user_id or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
