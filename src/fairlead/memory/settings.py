"""How things are remembered, as the configuration says it."""

from __future__ import annotations

from msgspec import Struct


class Remembering(Struct, frozen=True):
    days: int
    most: int
    """Of one tenant."""
    block_tokens: int
    least: float
    """How alike a note has to be to a request to be told with it."""
    embedding: str = ""
    """The model; empty for none, as below."""
    embedding_timeout: float = 10.0
    embedding_budget: int | None = None
    """Nano-units of USD a day."""
    extractor: str = ""
    extractor_timeout: float = 20.0
    extractor_budget: int | None = None
