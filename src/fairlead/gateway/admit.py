"""From a body and headers to a Call: read it, take down what the caller wishes, find out what it is about, check the
key's limits.

    1. the body in its dialect                          dialects/
    2. the caller's wishes                              gateway/wishes.py
    3. which policy is in force, and what `model` means gateway/choosing.py, core/choice.py
    4. what the request is about, as far as that counts gateway/understanding.py, classify/
    5. who takes it: an agent, a route                  gateway/choosing.py
    6. the key's limits                                 core/limits.py
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from itertools import count
from typing import Protocol

import msgspec

from fairlead.classify import tokens
from fairlead.core.agents import Agent, Group
from fairlead.core.call import Beside, Call, Caller, Facts, Signal, Standing, Wishes
from fairlead.core.choice import AUTO, Choice
from fairlead.core.limits import Gate
from fairlead.core.policy import Policy, least
from fairlead.dialects.dialect import View
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.dialects.table import DIALECTS
from fairlead.gateway import belongings, choosing, media, metering, sessions, understanding, wishes
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World
from fairlead.store.belongings import Belongings

FORWARDED = (b"anthropic-version", b"anthropic-beta", b"openai-beta")
_random = random.SystemRandom()
_prefix, _numbers = "", count()
_now, _opening = Facts(0), ""
"""The present second, and how the ids that are given in it begin."""
_since = _over = 0.0
"""When it begins and is over: figures of one kind are sooner compared."""


def _begin_anew() -> None:
    """In every process, one that was forked included: its ids are those of no other."""
    global _prefix, _numbers, _since, _over  # noqa: PLW0603 - of the process
    _prefix = f"{_random.getrandbits(40):010x}"
    _numbers = count(100_000_000 + _random.getrandbits(24))  # of so many digits that they stay as many
    _since = _over = 0.0


_begin_anew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Moving(Protocol):
    """What moves from request to request, and is looked up for each."""

    @property
    def belongings(self) -> Belongings:
        """Whose is what providers keep."""
        ...

    def standing(self, session: str) -> Standing | None: ...

    def left(self, tenant: str, policy: Policy) -> tuple[tuple[str, int], ...]: ...

    def turn(self, group: str) -> int: ...


def begun() -> tuple[str, Facts]:
    """The id of a request that begins now, and what is known of it before anything is looked up: the time, which all requests
    of a second have in common. Ids are ordered by time, so that an index over them grows at its end, and unique over
    processes by their middle part."""
    global _now, _opening, _since, _over
    at = time.time()
    if at >= _over or at < _since:
        second = int(at)
        _since, _over = float(second), second + 1.0
        _now, _opening = Facts(second), f"req_{second:09x}{_prefix}"
    return _opening + str(next(_numbers)), _now


def new_id() -> str:
    return begun()[0]


def seed_of(request_id: str) -> int:
    """What is drawn for it comes of this. It stands in the record, so that another process need not come to the same."""
    return hash(request_id)


def admit(
    world: World,
    gate: Gate | None,
    incoming: Incoming,
    request_id: str,
    facts: Facts,
    moving: Moving,
    sensitivities: tuple[Signal, ...] = (),
) -> tuple[Call, Choice, choosing.Way | None]:
    """The call, who takes it, and how it came to that where it hangs on what the request is about. `facts` are known before.
    Raises a RequestError for whatever is wrong with the request or beyond the key's limits."""
    view, body = read_view(incoming), incoming.body
    said = incoming.headers.settled
    if type(said) is not Settled or not said.holds(world, incoming, view):
        said = settled(world, incoming, view)
    choice, wish, way = said.choice, said.wish, None
    if incoming.operation == "opaque":
        media.check(incoming, choice, least(least(choice.policy.max_cost, wish.max_cost), incoming.caller.max_cost))
    size = tokens.from_size(len(body))
    signals = understanding.sizes(view, incoming, size, said.enough, sensitivities) if said.enough else ()
    if not signals:
        signals = understanding.signals(world, view, incoming, choice, wish, sensitivities)
    if said.weighs:
        signals = said.signals + signals
        way, choice, wish, facts = _weighed(world, said, incoming, view, signals, facts, moving)
    if said.apart or moving.belongings.known:
        home = belongings.home(world, incoming, choice, wish, moving.belongings, way is None)
        if home:
            facts = msgspec.structs.replace(facts, home=home)
    if gate is not None:
        metering.enter(gate, view, incoming, size)
    call = Call(
        request_id,
        incoming.operation,
        incoming.dialect,
        view.model,
        view.stream,
        body,
        view,
        incoming.caller,
        wish,
        facts,
        signals,
        said.warnings,
        incoming.path,
        said.forward,
        Beside() if world.asks_beside else None,
    )
    return call, choice, way


def _weighed(
    world: World,
    said: Settled,
    incoming: Incoming,
    view: View,
    signals: tuple[Signal, ...],
    facts: Facts,
    moving: Moving,
) -> tuple[choosing.Way | None, Choice, Wishes, Facts]:
    """The way to who takes it, that, and what is wished and known, where more counts than the name of a model."""
    way, choice, wish = None, said.choice, said.wish
    if said.open:
        way, choice = _taken(world, said, signals, moving)
    if choice.model is None:
        session = wish.session or sessions.of(incoming.body, view)
        if session:
            wish = wish if wish.session else msgspec.structs.replace(wish, session=session)
            facts = msgspec.structs.replace(facts, standing=moving.standing(sessions.scoped(said.caller, session)))
    if world.user_tags:
        wish = wishes.tagged(wish, view)
    if choice.policy.tiers:
        facts = msgspec.structs.replace(facts, tiers=moving.left(said.caller.tenant, choice.policy))
    return way, choice, wish, facts


def _taken(
    world: World, said: Settled, signals: tuple[Signal, ...], moving: Moving
) -> tuple[choosing.Way | None, Choice]:
    """Who takes it by what it is about, and the way to that where it may be gone again."""
    agent, allowed = said.agent, said.caller.policies
    turn = moving.turn(agent.name) if isinstance(agent, Group) else 0
    way = choosing.Way(said.choice, said.bounds, agent, turn, allowed)
    choice = way.taken(world, signals, said.wish)
    return way if agent is None or choosing.by_complexity(agent) else None, choice


class Settled(msgspec.Struct, frozen=True):
    """What the head of a request, its key and the name of a model come to, whatever else the body says. Requests that come
    with the same head share it."""

    world: World
    caller: Caller
    model: str
    choice: Choice
    bounds: Policy | None
    agent: Agent | Group | None
    open: bool
    """Whether who takes it hangs on what it is about: an agent or a route says so."""
    wish: Wishes
    """With the session that the head names."""
    enough: int
    """Tokens up to which it is enough to know how large the request is."""
    warnings: tuple[str, ...]
    signals: tuple[Signal, ...]
    """What kind of turn of a coding agent it is, where that decides."""
    forward: bytes
    weighs: bool
    """Whether more counts of such requests than that they name a model, and how large they are."""
    apart: bool
    """Whether it matters who has what they name: there are several tenants, or several channels of a model."""

    def holds(self, world: World, incoming: Incoming, view: View) -> bool:
        """Whether this request comes to the same: the same in all of these, and nothing to the point in its body."""
        if self.model != view.model or self.caller is not incoming.caller or self.world is not world:
            return False
        if incoming.sensitive or view.options is not None:
            return False
        return not (isinstance(view, ChatView) and view.prefers)


def settled(world: World, incoming: Incoming, view: View) -> Settled:
    caller, headers = incoming.caller, incoming.headers
    asked, said = wishes.read(world, incoming, view)
    asked, signals = understanding.turn(world, asked, incoming, view)
    asked, agent = choosing.agent_asked(world, caller, asked)
    choice, bounds = choosing.asked_for(world, caller, asked, said.policy)
    wish, warnings = said.wishes, said.warnings
    if wish.task:
        wish, warnings = choosing.known_task(world, choice.policy, wish, warnings)
    session = wish.session or sessions.named(headers)
    if session != wish.session:
        wish = msgspec.structs.replace(wish, session=session)
    routed = bool(world.routes) and choice.model is None and not said.policy and asked == AUTO
    is_open = agent is not None or routed
    named = choice.model is not None and not is_open and not signals and not choice.policy.tiers
    found = Settled(
        world, caller, view.model, choice, bounds, agent, is_open, wish,
        understanding.enough(choice, wish, agent is not None), warnings, signals, forwarded(headers),
        not named or world.user_tags, world.shared or world.forked,
    )  # fmt: skip
    if not signals and found.holds(world, incoming, view):
        headers.settled = found
    return found


def again(world: World, call: Call, way: choosing.Way, moving: Moving) -> tuple[Call, Choice]:
    """Who takes it now that more is known of what it is about."""
    choice = way.taken(world, call.signals, call.wishes)
    tiers = moving.left(call.caller.tenant, choice.policy) if choice.policy.tiers else ()
    return msgspec.structs.replace(call, facts=msgspec.structs.replace(call.facts, tiers=tiers)), choice


def read_view(incoming: Incoming) -> View:
    dialect = DIALECTS[incoming.dialect]
    if incoming.operation == "count" and dialect.read_count is not None:
        return dialect.read_count(incoming.body, incoming.model)
    read = dialect.read_request
    return read(incoming.body, incoming.model, incoming.stream)


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


def anonymous() -> Caller:
    """Who asks where no keys are configured."""
    return Caller("anonymous")
