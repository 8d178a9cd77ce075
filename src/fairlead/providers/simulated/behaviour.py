"""How a simulated model behaves when nobody scripts it: pure data, in the units a person thinks in."""

from __future__ import annotations

from typing import Literal

import msgspec

UsageMode = Literal["normal", "absent", "zero", "wrong", "twice", "inline"]
"""How usage is reported: as it should be, not at all, as zeros, inflated a thousandfold with a total that
does not add up, in two chunks, or inside the chunk that finishes the choice (the last two only in streams)."""


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    latency_ms: float = 300.0
    """Time to the first token, and so to the head of a streamed answer."""
    tokens_per_second: float = 100.0
    """0 means all at once."""
    output_tokens: int = 80
    """Typical length of an answer; a `[tokens:N]` mark in the prompt overrides it."""
    quality: dict[str, float] = {}
    """Chance of a right answer by task; the key `default` holds for the tasks not named."""
    jitter: float = 0.1
    """Latency and pace vary by up to this share."""
    error_rate: float = 0.0
    error_status: int = 503
    retry_after: str = ""
    """Sent as it stands with those errors: seconds, a date, or nonsense."""
    stall_rate: float = 0.0
    stall_ms: float | None = None
    """How long a stalled answer pauses half-way; None means for ever."""
    cut_after_tokens: int | None = None
    """Every answer loses its connection after so many tokens."""
    empty_rate: float = 0.0
    reply: str | None = None
    """Always answer exactly this instead of prose."""
    tool_call: Literal["asked", "always", "never"] = "asked"
    """When to call a tool although `tool_choice` leaves it open: if the prompt speaks of one, always, never."""
    thinks: bool = False
    """Whether it thinks aloud when reasoning is asked for. All count the tokens of it."""
    embeds: int = 0
    """The numbers in a vector of a model that makes embeddings, and answers nothing else; 0 for all others."""
    usage: UsageMode = "normal"
    cached_share: float = 0.0
    """The share of prompt tokens reported as read from the provider's cache."""

    def quality_for(self, task: str) -> float:
        return self.quality.get(task, self.quality.get("default", 0.8))


class SimulatedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    behaviour: Behaviour = Behaviour()
    seed: int = 0
    context: int = 0
    """Prompt and answer together; 0 accepts any length."""
