"""What a batch is told over the owner's door: on whose books its requests go, and whether they go to the cheapest.

Who may open the socket owns the state directory, so a key is named there and not shown: its limits and budgets hold for
the batch as for anybody who shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from fairlead.core.call import Caller
from fairlead.core.choice import nearest
from fairlead.core.table import Match
from fairlead.errors import NotFound, RequestError, Unauthenticated
from fairlead.gateway.bench import simulated
from fairlead.gateway.choosing import policy_in_force
from fairlead.gateway.granting import OWNER
from fairlead.gateway.request import words_of
from fairlead.gateway.world import World
from fairlead.server.auth import ANYONE, Proof

PATH = "/batch"
AS = b"x-fairlead-as"
"""Names the key that a request counts on."""
BATCH = "batch"
SHOWN = 12
"""Keys that are named to choose from."""
WEIGHING = ("balanced", "learned")
"""Strategies that make something of quality, cost and time. By any other the configuration says which of them counts."""


class Terms(msgspec.Struct, frozen=True):
    key: str
    keys: tuple[str, ...]
    """Some that could have been named."""
    cheapest: bool
    """What leaves the choice open goes to the cheapest that is good enough: the configuration says nothing of batches."""
    simulated: bool
    """Whether all models are: what they answer is made up."""
    passing: bool
    """Whether the gateway ends with the command that it is."""


def terms(world: World, named: str, policy: str = "", passing: bool = False) -> Terms:
    """Raises NotFound where there is no such key, or none that may name this policy."""
    caller, known = caller_of(world, named), _callers(world)
    try:
        policy_in_force(world, caller, policy)
    except RequestError as error:
        raise NotFound(error.message, param="policy") from None
    made_up = len(simulated(world)) == len(world.snapshot.models)
    return Terms(caller.name, tuple(islice(known, SHOWN)), not _knows_batches(world, caller), made_up, passing)


def caller_of(world: World, named: str) -> Caller:
    """The key of that name; where none is named, the only one there is, or else the owner, whom nothing bounds but what
    bounds everybody."""
    if world.open:
        return ANYONE
    callers = _callers(world)
    if not named:
        return next(iter(callers.values())) if len(callers) == 1 else OWNER.caller
    if named == OWNER.caller.name and named not in callers:
        return OWNER.caller
    caller = callers.get(named)
    if caller is None:
        raise NotFound(
            f"There is no key {named[:100]!r} that could be used now.{nearest(named, list(callers))} "
            f"There are: {', '.join(islice(callers, SHOWN)) or 'none'}{', ...' if len(callers) > SHOWN else ''}.",
            param="key",
        )
    return caller


def proof(world: World, headers: Mapping[bytes, bytes]) -> Proof:
    """As if the key had been shown that is named. Raises Unauthenticated where it is gone, as for one that is shown."""
    try:
        return Proof(world, b"", caller_of(world, words_of(headers.get(AS, b""))))
    except NotFound as error:
        raise Unauthenticated(error.message) from None


def _callers(world: World) -> dict[str, Caller]:
    return {holder.caller.name: holder.caller for holder in world.keys.values() if not holder.ended}


def _knows_batches(world: World, caller: Caller) -> bool:
    policy = world.policies[caller.policy or world.default_policy]
    return policy.strategy not in WEIGHING or any(BATCH in match.latency_classes for match in _matches(world))


def _matches(world: World) -> Iterator[Match]:
    for route in world.routes:
        yield route.match
    for policy in world.policies.values():
        for rule in policy.rules:
            yield rule.match
        for tier in policy.tiers:
            yield tier.match
