"""How much and how slowly a client may send before the listener refuses or drops it."""

from __future__ import annotations

import msgspec


class Bounds(msgspec.Struct, frozen=True):
    body_bytes: int = 32 * 1024 * 1024
    header_bytes: int = 64 * 1024
    header_count: int = 200
    head_seconds: float = 10.0
    """For the header block."""
    receive_seconds: float = 10.0
    """For every further piece of the body."""
    body_grace: float = 30.0
    """Seconds after which a body has to have come at `body_rate` bytes a second on the whole."""
    body_rate: int = 16 * 1024
    held_bytes: int = 512 * 1024 * 1024
    """What all bodies that are still arriving may come to."""
    connections: int = 10_000
    idle_seconds: float = 75.0
    """Without a request; as long may a client leave an answer unread."""


USUAL = Bounds()
