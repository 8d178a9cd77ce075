"""Whose limits a request meets: its key's, its plan's, its team's, its tenant's; and, with each attempt, its model's."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

from fairlead.classify.tokens import from_size, input_tokens
from fairlead.core.call import Call, Caller
from fairlead.core.limits import SLOT, WHOLE, Gate, Meter, Refused
from fairlead.core.plan import Target
from fairlead.core.policy import Limits, least
from fairlead.dialects.dialect import View
from fairlead.errors import RateLimited
from fairlead.gateway.budgets import LONGEST
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World
from fairlead.registry.budgets import Metered

NONE = Limits()
MOSTLY_TEXT = from_size(32_768)
"""Tokens of a body by its size up to which that tells them; beyond, it may hold pictures, which take far fewer."""
SILENT = frozenset(("gemini", "gemini_embeddings"))
"""Dialects whose clients look for no such headers."""
OPENAI = tuple(f"x-ratelimit-limit-{what}: %s\r\nx-ratelimit-remaining-{what}: " for what in ("requests", "tokens"))
REQUESTS_RESET, TOKENS_RESET = (
    tuple(f"\r\nx-ratelimit-reset-{what}: {slots * SLOT:.3f}s\r\n" for slots in range(WHOLE + 1))
    for what in ("requests", "tokens")
)
"""By the number of slots from the beginning of the one under way: time is told in them, never too early."""


class Metering:
    """The meters of one gateway. What was counted outlives a change of the configuration, also of who is gone for a
    while."""

    def __init__(self, world: World) -> None:
        self.meters: dict[Metered, Meter] = {}
        self._met: dict[Caller, tuple[Meter, ...]] = {}
        self._keys: dict[str, Limits] = {}
        self._limits: Mapping[Metered, Limits] = {}
        self.of_models: dict[str, Meter] = {}
        """Of the models that have limits."""
        self.turn_to(world)

    def turn_to(self, world: World) -> None:
        now = time.monotonic()
        self._limits = world.limits
        self._keys = {holder.caller.name: holder.limits for holder in world.keys.values() if not holder.ended}
        self._met.clear()
        in_use = {*self._limits, *(("key", name) for name in self._keys)}
        for who, meter in list(self.meters.items()):
            if who not in in_use and meter.at_rest(now):
                del self.meters[who]
        models = [name for kind, name, *_ in self._limits if kind == "model"]
        self.of_models = {name: self._meter(("model", name), self._limits["model", name]) for name in models}

    def gate(self, caller: Caller) -> Gate | None:
        """The way in for one request; None where nothing limits it."""
        meters = self._met.get(caller)
        if meters is None:
            meters = self._met[caller] = tuple(self._of(caller))
        return Gate(meters) if meters else None

    @contextmanager
    def aside(self, caller: Caller, dialect: str, received: float) -> Iterator[None]:
        """While a request is served that asks no model: it counts as one, without tokens. Raises RateLimited."""
        gate = self.gate(caller)
        if gate is None:
            yield
            return
        refused = gate.enter(received, 0)
        if refused is not None:
            raise too_many(refused, told(gate, dialect))
        try:
            yield
        finally:
            gate.leave(0)

    def _of(self, caller: Caller) -> Iterator[Meter]:
        own = _narrower(self._keys.get(caller.name, NONE), self._limits.get(("plan", caller.plan), NONE))
        wider: tuple[Metered, ...] = (("team", caller.tenant, caller.team), ("tenant", caller.tenant))
        if own != NONE:
            yield self._meter(("key", caller.name), own)
        for who in wider:
            if who in self._limits:
                yield self._meter(who, self._limits[who])

    def _meter(self, who: Metered, limits: Limits) -> Meter:
        found = self.meters.get(who)
        if found is None:
            found = self.meters[who] = Meter(limits, f"{who[0].capitalize()} {who[-1]!r}")
        else:
            found.turn_to(limits)
        found.told = _openai(limits)
        return found


def _narrower(one: Limits, other: Limits) -> Limits:
    if other == NONE:
        return one
    return Limits(least(one.rpm, other.rpm), least(one.tpm, other.tpm), least(one.concurrency, other.concurrency))


def enter(gate: Gate, view: View, incoming: Incoming, size: int) -> None:
    """With the tokens of its input, `size` by its body, and of its answer at most, where somebody says. Raises RateLimited."""
    answer: int | None = 0
    if incoming.operation == "generate":
        if size > MOSTLY_TEXT:
            size = input_tokens(view.shape())
        limit = view.max_output
        answer = (limit if limit < LONGEST else LONGEST) * view.answers if limit else None
    refused = gate.enter(incoming.received, size, answer)
    if refused is not None:
        raise too_many(refused, told(gate, incoming.dialect))


def taking_of(call: Call, target: Target) -> tuple[int, int]:
    """The tokens of an attempt's input, and of its answer at most, whose model has a limit of its own."""
    expected, possible, limit = target.expected, target.model.max_output, call.view.max_output
    if call.operation != "generate":
        return expected.input_tokens, 0
    if not limit:
        return expected.input_tokens, expected.output_tokens
    return expected.input_tokens, min(limit, possible or LONGEST) * call.view.answers


def limited(refused: Refused) -> str:
    return f"{refused.whose} may be asked {refused.limit:,} {refused.what}{kept(refused)}"


def kept(refused: Refused) -> str:
    if not refused.held:
        return ""
    return f", and {refused.held:,} are kept for answers under way: for each its max_tokens, or what is usual"


def too_many(refused: Refused, headers: bytes = b"") -> RateLimited:
    error = RateLimited(
        f"{refused.whose} may make {refused.limit:,} {refused.what}{kept(refused)}; "
        f"try again in {refused.retry_after:.1f} s.",
        retry_after=refused.retry_after,
    )
    error.headers = headers
    return error


def told(gate: Gate, dialect: str) -> bytes:
    """What is left as of when it came in, and when all of it will be, in the headers that clients of a dialect look for."""
    if dialect in SILENT:
        return b""
    of_requests = of_tokens = gate.meters[0]
    if len(gate.meters) > 1:
        of_requests, of_tokens = gate.nearest()
    left, more = of_requests.rpm - of_requests.requests, of_tokens.tpm - of_tokens.tokens
    whole_in = of_requests.whole_in()
    later = whole_in if of_tokens is of_requests else of_tokens.whole_in()
    if left < 0:  # of a limit that was lowered
        left = 0
    if more < 0:
        more = 0
    requests, tokens, lines = of_requests.told[0], of_tokens.told[1], ""
    if dialect == "anthropic_messages":
        if requests:
            lines = _anthropic("requests", of_requests.rpm, left, whole_in)
        if tokens:
            lines += _anthropic("tokens", of_tokens.tpm, more, later)
    else:
        if requests:
            lines = f"{requests}{left}{REQUESTS_RESET[whole_in]}"
        if tokens:
            lines = f"{lines}{tokens}{more}{TOKENS_RESET[later]}"
    return lines.encode()


def _openai(limits: Limits) -> tuple[str, str]:
    of_requests, of_tokens = OPENAI
    return "" if limits.rpm is None else of_requests % limits.rpm, "" if limits.tpm is None else of_tokens % limits.tpm


def _anthropic(what: str, limit: int, left: int, slots: int) -> str:
    return (
        f"anthropic-ratelimit-{what}-limit: {limit}\r\nanthropic-ratelimit-{what}-remaining: {left}\r\n"
        f"anthropic-ratelimit-{what}-reset: {_moment(time.time() + slots * SLOT)}\r\n"
    )


def _moment(at: float) -> str:
    """Never sooner."""
    return _spelled(int(at + 0.999))


@lru_cache(256)
def _spelled(at: int) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
