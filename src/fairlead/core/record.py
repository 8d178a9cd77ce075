"""Record: what really happened to a call, attempt by attempt, to the last nano-dollar.

These structs are also what the spool stores, so a field may be added (with a default) but never renamed
or given another meaning.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core.call import Signal, Standing, Wishes
from fairlead.core.experiments import Arm
from fairlead.core.model import Price

Outcome = Literal["ok", "failed", "cancelled", "lost"]
"""`lost`: the process died before the attempt ended; its figures are estimates."""


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tokens on one base: `input` includes cached and cache-write tokens, `output` includes reasoning."""

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    estimated: bool = False
    image_input: int = 0
    """Part of `input`, as is `audio_input`; the other two are part of `output`. Told by few providers."""
    audio_input: int = 0
    image_output: int = 0
    audio_output: int = 0
    calls: tuple[tuple[str, int], ...] = ()
    """Of tools that the provider ran itself, how often each: by name, as price rows call them."""


class CostLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: str
    """input, output, cached_input, cache_write, cache_write_1h, reasoning, image_input, audio_input, image_output,
    audio_output, request, or a tool that the provider ran; `hold` where a crash left an estimate"""
    quantity: int
    unit: str
    """token, request or call"""
    price_row: str
    """Empty where nobody knows what such a tool costs."""
    amount: int
    """Nano-units of `currency`, rounded half-even once."""
    currency: str


class Intent(msgspec.Struct, frozen=True, array_like=True, tag="i", gc=False):
    """Written before an attempt's first byte leaves, so that a crash cannot hide it."""

    attempt: str
    """`<request id>.<number>`"""
    request: str
    number: int
    at_ms: int
    """Epoch milliseconds."""
    key: str
    tenant: str
    model: str
    channel: str
    provider: str
    region: str
    price_row: str
    currency: str
    hold: int
    """What the attempt is expected to cost, in nano-units of USD."""
    input_tokens: int
    output_tokens: int
    purpose: str = "answer"
    policy: str = ""
    """Named where one of its tiers pays for the attempt."""
    tier: str = ""
    team: str = ""
    tags: tuple[str, ...] = ()


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    id: str
    number: int
    model: str
    channel: str
    provider: str
    region: str
    outcome: Outcome
    status: int
    """The provider's HTTP status, 0 when none came."""
    error: str
    started_ms: int
    """Epoch milliseconds."""
    first_ms: int
    """Milliseconds from the start to the first content, -1 when none came."""
    total_ms: int
    usage: Usage
    lines: tuple[CostLine, ...]
    cost: int
    currency: str
    move: str = "first"
    tier: str = ""
    """Which tier pays for it."""
    purse: str = ""
    """The policy whose tier it is; empty means the record's."""
    why: str = ""
    """The cause of the move, as `core.execution` calls it."""
    price_row: str = ""
    """What it was charged by; empty where its price was unknown."""
    usd: int | None = None
    """The cost in nano-units of USD, at the exchange rate of the price row; None where that is its currency."""
    expected: int = 0
    """What it was expected to cost, in nano-units of USD."""

    @property
    def priced(self) -> bool:
        """Whether all that it used has a price."""
        return bool(self.price_row) and (not self.usage.calls or all(line.price_row for line in self.lines))

    @property
    def spent(self) -> int:
        """Nano-units of USD."""
        return self.cost if self.usd is None else self.usd


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a choice hung on beside the signals, so that it can be made again. What many requests share (the snapshot,
    the conditions, the policy, what the key allows) is stored once and named here."""

    start: int
    """Epoch milliseconds at which the process began: versions of conditions are counted from there."""
    at: int
    """Epoch seconds: which price rows held."""
    policy: str
    """Digest of the policy as it held for this request."""
    caller: str
    """Digest of what the key allows."""
    wishes: Wishes
    standing: Standing | None
    tiers: tuple[tuple[str, int], ...]
    rule: str
    reason: str
    tier: str
    plan: str
    """Digest of the plan: its steps, and who was left out and why."""
    home: str = ""
    """The only channel that might answer, where the request named what its provider keeps."""
    left: tuple[tuple[str, int], ...] = ()
    """What hard budgets left for the request, as in `Facts`."""
    eased: str = ""
    """Why others chose than would have."""
    arm: Arm | None = None
    """Of the experiment that the request might have been part of."""
    tried: bool = False
    """Whether it was."""
    meant: str = ""
    """Who would have been chosen but for a soft budget, as in `Facts`."""


class Reuse(msgspec.Struct, frozen=True, array_like=True):
    """An answer that was given again, out of a cache."""

    kind: str
    """exact or semantic"""
    request: str
    """Whose answer it was."""
    saved: int
    """What that one cost, in nano-units of USD."""
    age: int
    """Seconds since it was given first."""


class Record(msgspec.Struct, frozen=True, array_like=True, tag="r", gc=False):
    """One finished request. Everything the ledger, the report and a later replay need."""

    request: str
    at_ms: int
    key: str
    tenant: str
    operation: str
    dialect: str
    asked: str
    """The model as the caller wrote it."""
    stream: bool
    purpose: str
    parent: str
    outcome: Outcome
    status: int
    """The HTTP status the client saw."""
    error: str
    policy: str
    strategy: str
    policy_hash: str
    snapshot: str
    conditions: int
    seed: int
    model: str
    """The model that answered; empty when none did."""
    channel: str
    attempts: tuple[Attempt, ...]
    cost: int
    """Sum over the attempts, nano-units of USD."""
    baseline_cost: int | None
    """What the baseline model would have cost for the same tokens; None when there is none."""
    baseline: str
    overhead_us: int
    """Our own share of the time until the upstream request left."""
    total_ms: int
    tags: tuple[str, ...] = ()
    task: str = ""
    session: str = ""
    signals: tuple[Signal, ...] = ()
    version: str = ""
    decision: Decision | None = None
    """Where a model was chosen; None where the caller named one."""
    balanced: tuple[tuple[str, float], ...] = ()
    """Channels among which the work was shared, and what each was judged by."""
    team: str = ""
    reuse: Reuse | None = None
    """Where an earlier answer was given again: nobody was asked."""


class Audit(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """Something that concerns access or money and reached no provider: a refusal, a start, a change."""

    at_ms: int
    kind: str
    """unauthenticated, forbidden, rate_limited, infeasible, unpriced, started, recovered, stopped..."""
    key: str
    tenant: str
    request: str
    detail: str
    """Never a secret, never prompt text."""


class Feedback(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """What somebody said of a finished answer. What they said it with is not kept."""

    request: str
    at_ms: int
    """When the answer was asked for: it speaks for the model as it was then."""
    told_ms: int
    key: str
    """Whose word it is."""
    tenant: str
    model: str
    task: str
    score: float
    """0 to 1."""


class Priced(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """A price row comes into use: written before the first attempt that may be charged by it."""

    at_ms: int
    price: Price


Entry = Intent | Record | Audit | Feedback | Priced
