"""From a body and headers to a Call: read it, take down the caller's wishes, check the key's limits."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation

import msgspec

from fairlead import classify
from fairlead.classify import tokens
from fairlead.core.call import Call, Caller, Facts, Signal, Wishes
from fairlead.core.choice import Choice, read_choice
from fairlead.core.coding import model_for
from fairlead.core.cost import nano
from fairlead.core.limits import Meter
from fairlead.core.policy import Policy, narrowed
from fairlead.dialects.dialect import View
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, RateLimited
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World

SWITCH = {"true": True, "false": False, "1": True, "0": False}
SENSITIVITIES = {"normal": False, "sensitive": True}
FORWARDED = (b"anthropic-version", b"anthropic-beta", b"openai-beta")
SEARCHES = re.compile(rb'"type"\s*:\s*"web_search|"google_?[sS]earch"|"web_search_options"')
"""How the dialects ask for a search of the web."""
CLOSE_TO_CONTEXT = 0.5
"""Above this share of a model's context the size of the body is no longer estimate enough."""
NINE_DECIMALS = Decimal("1e-9")
_NOTHING = Wishes()
_random = random.SystemRandom()
_PREFIX = f"{_random.getrandbits(40):010x}"
_count = _random.getrandbits(24)


def new_id() -> str:
    """Ordered by time, so that an index over ids grows at its end; unique over processes by the middle part."""
    global _count  # noqa: PLW0603 - the one counter of the process
    _count += 1
    return f"req_{time.time_ns() // 1_000_000:011x}{_PREFIX}{_count & 0xFFFFFFFF:08x}"


def admit(world: World, meter: Meter | None, incoming: Incoming, request_id: str) -> tuple[Call, Choice]:
    """Raises a RequestError for whatever is wrong with the request or beyond the key's limits."""
    view = read_view(incoming)
    wishes = read_wishes(incoming.headers, view.options)
    policy = policy_in_force(world, incoming, view.options)
    own = incoming.caller.policy
    bounds = None if own is None else world.policies[own]
    asked, turn = view.model, ""
    if world.coding is not None and world.coding.routes(asked):
        size = tokens.input_tokens(view.shape())
        turn, asked = model_for(world.coding, asked, view.shape(), size, SEARCHES.search(incoming.body) is not None)
    choice = read_choice(asked, policy, world.policies, world.snapshot, bounds)
    named = choice.model is not None or choice.policy.strategy == "pinned"
    rough = tokens.from_size(len(incoming.body))
    signals: tuple[Signal, ...]
    near = choice.model is not None and rough > CLOSE_TO_CONTEXT * choice.model.context > 0
    if not named or near or choice.policy.fallbacks:
        signals = classify.signals(view.shape())
    else:
        limit = view.max_output()
        signals = (
            Signal("tokens", "input", rough, 0.5),
            Signal("tokens", "output", min(limit or tokens.TYPICAL_OUTPUT, tokens.TYPICAL_OUTPUT) * view.answers, 0.3),
            Signal("tokens", "output_room", limit or 0),
        )
    if turn:
        signals = (*signals, Signal("coding", "turn", turn))
    if meter is not None:
        refused = meter.admit(incoming.received, rough)
        if refused is not None:
            raise RateLimited(
                f"Key {incoming.caller.name!r} may make {refused.limit:,} {refused.what}; "
                f"try again in {refused.retry_after:.1f} s.",
                retry_after=refused.retry_after,
            )
    call = Call(
        request_id,
        incoming.operation,
        incoming.dialect,
        view.model,
        view.stream,
        incoming.body,
        view,
        incoming.caller,
        wishes,
        Facts(int(time.time())),
        signals,
        path=incoming.path,
        forward=forwarded(incoming.headers),
    )
    return call, choice


def read_view(incoming: Incoming) -> View:
    dialect = DIALECTS[incoming.dialect]
    if incoming.operation == "count" and dialect.read_count is not None:
        return dialect.read_count(incoming.body, incoming.model)
    return dialect.read_request(incoming.body, incoming.model, incoming.stream)


def forwarded(headers: Mapping[bytes, bytes]) -> bytes:
    """The headers that say more closely what is asked of a provider, as lines."""
    lines = b""
    kind = headers.get(b"content-type", b"")
    if kind.startswith(b"multipart/"):
        lines = b"content-type: %b\r\n" % kind
    for name in FORWARDED:
        value = headers.get(name)
        if value is not None:
            lines += b"%b: %b\r\n" % (name, value)
    return lines


def policy_in_force(world: World, incoming: Incoming, options: Options | None) -> Policy:
    """Named by the request (header, then body) within the bounds of the key's own; else the key's, else the default."""
    header = incoming.headers.get(b"x-fairlead-policy")
    name = header.decode("latin-1") if header else (options.policy if options is not None else None)
    if name:
        policy = world.policies.get(name)
        if policy is None:
            known = ", ".join(sorted(world.policies))
            raise BadRequest(f"policy {name!r} is not known here; there are: {known}.", param="fairlead.policy")
        own = incoming.caller.policy
        return policy if own is None else narrowed(policy, world.policies[own])
    return world.policies[incoming.caller.policy or world.default_policy]


def read_wishes(headers: Mapping[bytes, bytes], options: Options | None) -> Wishes:
    """From the x-fairlead-* headers and the body's `fairlead` object; the header wins where both say something."""
    stated: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(b"x-fairlead-"):
            stated[name[11:].decode("latin-1")] = value.decode("latin-1").strip()
    if options is not None:
        for field, wish in msgspec.structs.asdict(options).items():
            key = field.replace("_", "-")
            if wish is not None and key not in stated:
                stated[key] = ",".join(wish) if isinstance(wish, list) else str(wish)
    if not stated:
        return _NOTHING
    return Wishes(
        quality_floor=_number(stated, "quality-floor", 0.0, 1.0),
        max_cost=_money(stated, "max-cost"),
        max_latency_ms=_milliseconds(stated, "max-latency"),
        sensitive=_sensitivity(stated.get("sensitivity"))
        or _sensitivity(None if options is None else options.sensitivity),
        strict=_switch(stated, "strict"),
        session=stated.get("session", "")[:200],
        task=stated.get("task", "")[:100],
        tags=tuple(tag.strip()[:100] for tag in stated.get("tags", "").split(",") if tag.strip())[:20],
    )


def _number(stated: dict[str, str], name: str, least: float, most: float) -> float | None:
    text = stated.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise BadRequest(
            f"x-fairlead-{name} is {text!r}; it has to be a number from {least:g} to {most:g}.", param=name
        )
    return value


def _money(stated: dict[str, str], name: str) -> int | None:
    text = stated.get(name)
    if text is None:
        return None
    try:
        amount = Decimal(text)
        if amount.is_finite() and amount >= 0:
            return nano(amount.quantize(NINE_DECIMALS, ROUND_DOWN))
    except (InvalidOperation, ValueError):
        pass
    raise BadRequest(f"x-fairlead-{name} is {text!r}; it has to be an amount of USD such as 0.01.", param=name)


def _milliseconds(stated: dict[str, str], name: str) -> int | None:
    text = stated.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:12]) < 1:
        raise BadRequest(f"x-fairlead-{name} is {text!r}; it has to be whole milliseconds such as 2000.", param=name)
    return int(text[:12])


def _switch(stated: dict[str, str], name: str) -> bool:
    text = stated.get(name, "false").lower()
    if text not in SWITCH:
        raise BadRequest(f"x-fairlead-{name} is {text!r}; it has to be true or false.", param=name)
    return SWITCH[text]


def _sensitivity(text: str | None) -> bool:
    """Header and body are read apart: sensitivity only goes up."""
    if text is None:
        return False
    if text.lower() not in SENSITIVITIES:
        raise BadRequest(f"x-fairlead-sensitivity is {text!r}; it has to be normal or sensitive.", param="sensitivity")
    return SENSITIVITIES[text.lower()]


def anonymous() -> Caller:
    """Who asks where no keys are configured."""
    return Caller("anonymous")
