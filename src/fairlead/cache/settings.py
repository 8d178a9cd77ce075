"""The settings of the caches, as they hold for a running gateway."""

from __future__ import annotations

from typing import Literal

import msgspec

Which = Literal["usual", "settled", "all"]
Strictness = Literal["strict", "loose"]


class Settings(msgspec.Struct, frozen=True):
    ttl: float
    """Seconds."""
    most: int
    """Answers."""
    most_bytes: int
    largest: int
    """Bytes of one answer."""
    which: Which
    """`usual`: not those that ask for chance; `settled`: only those that ask for none; `all`."""
    tools: bool
    on_disk: bool
    redis: str = ""
    """Address of the Redis that answers are kept in; empty where they are kept here."""

    @property
    def place(self) -> str:
        return "redis" if self.redis else "disk" if self.on_disk else "memory"


class SemanticSettings(msgspec.Struct, frozen=True):
    threshold: float
    """Cosine."""
    ttl: float
    """Seconds."""
    most: int
    """Answers."""
    most_bytes: int
    tools: bool = False
    hottest: float = 0.0
    """The temperature up to which an answer is kept and given."""
    most_before: int = 0
    """Turns before the last."""
    longest: int = 2_000
    """Signs of the last text."""
    model: str = ""
    """Asked for vectors; without one, and without a path, texts are found by their words."""
    path: str = ""
    """Of a model that runs here."""
    timeout: float = 2.0
    budget: int | None = None
    """Nano-units of USD that its calls may cost a day."""
    upstream: str = ""
    """What its providers call that model: another one makes other vectors."""
    redis: str = ""
    """As `Settings.redis`."""

    @property
    def maker(self) -> tuple[str, str, str]:
        """What makes the vectors."""
        return self.model, self.upstream, self.path
