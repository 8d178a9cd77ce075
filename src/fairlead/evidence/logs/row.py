"""The neutral row: what the advisor needs to know of one request, or of a bucket of them, whoever wrote it down.

Counts of tokens are on the base of `core.record.Usage`: `input` includes what was cached and written to a cache,
`output` includes reasoning. Nothing here is kept: a row is added to the sums and forgotten.
"""

from __future__ import annotations

import msgspec

UNKNOWN_DAY = -1


class Row(msgspec.Struct, gc=False):
    model: str
    """As the log spells it."""
    day: int = UNKNOWN_DAY
    """Days since 1970-01-01 (UTC): which prices held, and the block that the row is resampled with."""
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    cost: int | None = None
    """Nano-units of USD as the log says; None where it says nothing."""
    requests: int = 1
    """0 where a bucket does not say how many it holds."""
    failed: int = 0
    latency_ms: int = -1
    task: str = ""
    complexity: str = ""
    said: str | bytes | None = None
    """The prompt, or the messages as JSON: read by the classifier, if at all."""
    tenant: str = ""
    key: str = ""
    via: str = ""
    """The kind of provider whose prices hold, where that is not the model's own vendor."""
    batch: bool = False
    """Of a provider's batch interface, which costs half the list price."""
    bill: bool = False
    """An amount of money without tokens, from an invoice: it checks the sums, or stands for what they lack."""
    estimated: bool = False
    """The tokens were counted from the text."""
