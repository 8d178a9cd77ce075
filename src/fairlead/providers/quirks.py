"""What certain models take otherwise than their dialect's others: rows of (provider kind, start of the upstream name,
flags). The flags are those that `write_request` of the dialects knows. A new model that differs is a new row."""

from __future__ import annotations

from functools import lru_cache

ROWS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("anthropic", "claude-opus-4-6", frozenset({"adaptive_thinking"})),
    ("anthropic", "claude-sonnet-4-6", frozenset({"adaptive_thinking"})),
    ("anthropic", "claude-opus-4-7", frozenset({"adaptive_thinking", "no_sampling"})),
    ("anthropic", "claude-opus-4-8", frozenset({"adaptive_thinking", "no_sampling"})),
    ("anthropic", "claude-opus-5", frozenset({"adaptive_thinking", "no_sampling"})),
    ("anthropic", "claude-sonnet-5", frozenset({"adaptive_thinking", "no_sampling"})),
    ("anthropic", "claude-haiku-5", frozenset({"adaptive_thinking", "no_sampling"})),
    ("openai", "o1-mini", frozenset({"no_sampling", "no_system"})),
    ("openai", "o1", frozenset({"no_sampling"})),
    ("openai", "o3", frozenset({"no_sampling"})),
    ("openai", "o4", frozenset({"no_sampling"})),
    ("openai", "gpt-5", frozenset({"no_sampling"})),
    ("openai", "gpt-6", frozenset({"no_sampling"})),
    ("gemini", "gemini-2.5", frozenset({"thinking_budget"})),
    ("gemini", "gemini-3", frozenset({"thinking_level"})),
    ("gemini", "gemini-4", frozenset({"thinking_level"})),
)
NONE: frozenset[str] = frozenset()


@lru_cache(4096)
def flags_of(kind: str, upstream: str) -> frozenset[str]:
    """The flags of the longest row that fits."""
    found, length = NONE, -1
    for row_kind, start, flags in ROWS:
        if row_kind == kind and upstream.startswith(start) and len(start) > length:
            found, length = flags, len(start)
    return found
