"""What a key is granted, and the rule that nobody grants more than they have themselves.

A `Grant` is what a key says of itself. A `Keyholder` is what that comes to once team, plan and tenant have narrowed it:
only holders are compared, so that what a tenant rules out cannot be granted by leaving it out.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fairlead.core.budgets import Per
from fairlead.core.call import Caller
from fairlead.core.policy import Limits

ROLES = ("caller", "viewer", "operator", "admin")
"""Each may do what those before it may."""
SCOPES = ("team", "tenant", "gateway")
"""The narrowest first."""

COMMON = "default"
"""The tenant of keys that name none."""

Names = tuple[str, ...] | None
"""Only these; None where all may be."""

Allotments = tuple[tuple[Per, int], ...]
"""What may be spent, in nano-units of USD, and in which time."""


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    tenant: str = COMMON
    team: str = ""
    role: str = "caller"
    scope: str = "gateway"
    plan: str | None = None
    policy: str | None = None
    models: Names = None
    providers: Names = None
    regions: Names = None
    policies: Names = None
    strategies: Names = None
    sensitive: bool = False
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    expires_ms: int | None = None
    """The first instant at which it is refused."""
    wishes: tuple[tuple[str, str], ...] = ()
    budgets: Allotments = ()


class Keyholder(msgspec.Struct, frozen=True):
    caller: Caller
    limits: Limits
    expires_ms: int | None = None
    ended: str = ""
    """Why the key is refused, where it is."""
    id: str = ""
    """Of an issued key."""
    grant: Grant | None = None
    """What it says of itself."""
    budgets: Allotments = ()
    """What it alone may spend."""


def usual_scope(tenant: str, team: str) -> str:
    """Of a key that does not say how far its role reaches."""
    return "team" if team else "gateway" if tenant == COMMON else "tenant"


def reaches(role: str, least: str) -> bool:
    """Whether a role may do what takes `least`."""
    return ROLES.index(role) >= ROLES.index(least)


def within(caller: Caller, tenant: str, team: str) -> bool:
    """Whether what belongs to a tenant and team lies in the reach of this key."""
    if caller.scope == "gateway":
        return True
    return caller.tenant == tenant and (caller.scope == "tenant" or caller.team == team)


def excess(own: Keyholder, given: Keyholder) -> str:
    """The first thing in which `given` goes beyond `own`, in words; nothing where there is none."""
    return next(_excesses(own, given), "")


def _excesses(own: Keyholder, given: Keyholder) -> Iterator[str]:
    mine, other = own.caller, given.caller
    if not within(mine, other.tenant, other.team):
        yield f"{'tenant' if mine.tenant != other.tenant else 'team'} is another than your own"
    if SCOPES.index(other.scope) > SCOPES.index(mine.scope):
        yield f"scope {other.scope} is beyond your own, {mine.scope}"
    if not reaches(mine.role, other.role):
        yield f"role {other.role} is above your own, {mine.role}"
    for what in ("models", "providers", "regions", "channels", "policies"):
        allowed, asked = getattr(mine, what), getattr(other, what)
        if allowed is not None and (asked is None or not asked <= allowed):
            beyond = "all" if asked is None else ", ".join(sorted(asked - allowed))
            yield f"{what} go beyond your own: {beyond}"
    if mine.policy is not None and other.policy != mine.policy:
        yield f"policy has to be your own, {mine.policy}"
    if mine.plan and other.plan != mine.plan:
        yield f"plan has to be your own, {mine.plan}"
    if mine.sensitive and not other.sensitive:
        yield "sensitive has to be true, as it is for your own key"
    if _more(other.max_cost, mine.max_cost):
        yield "the most a request may cost is beyond your own"
    for what in ("rpm", "tpm", "concurrency"):
        if _more(getattr(given.limits, what), getattr(own.limits, what)):
            yield f"limits.{what} is beyond your own, {getattr(own.limits, what)}"
    for per, amount in own.budgets:
        if _more(min((other for span, other in given.budgets if span == per), default=None), amount):
            yield f"the budget per {per} is beyond your own"
    if _more(given.expires_ms, own.expires_ms):
        yield "expires is later than your own key does"


def _more(asked: int | None, allowed: int | None) -> bool:
    return allowed is not None and (asked is None or asked > allowed)
