"""`/admin/v1/keys`: who may ask. Issued keys are made, changed and taken back here; those of the configuration are shown.

A secret stands in the answer to who made it, once, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Annotated

import msgspec
from msgspec import Meta

from fairlead.config.tenants import doubts
from fairlead.core.cost import plain
from fairlead.core.grants import Keyholder, within
from fairlead.gateway.granting import Wanted, instant
from fairlead.server.admin import Asking, Parameter, Route
from fairlead.store.keys import IssuedKey

PATH = "/admin/v1/keys"
ONE = "/admin/v1/keys/{id}"
DOOR = "/admin/v1/door/open"
IN_FORCE = "in force"
PAGE = 100
MOST = 1000
OVERLAP = 24 * 3600.0
LONGEST = 366 * 86_400


class LimitsTold(msgspec.Struct, frozen=True):
    rpm: int | None
    tpm: int | None
    concurrency: int | None


class FormerTold(msgspec.Struct, frozen=True):
    prefix: str
    until: str | None


class AllotmentTold(msgspec.Struct, frozen=True):
    amount: str
    """In USD."""
    per: str


class KeyTold(msgspec.Struct, frozen=True):
    id: str
    """Empty for one of the configuration."""
    name: str
    called: str
    """As books and logs have it."""
    tenant: str
    team: str
    role: str
    scope: str
    state: str
    """`in force`, or why it is refused."""
    source: str
    """issued, or configuration."""
    plan: str | None
    policy: str | None
    models: tuple[str, ...] | None
    """Null where all are allowed; so for the next ones."""
    providers: tuple[str, ...] | None
    regions: tuple[str, ...] | None
    policies: tuple[str, ...] | None
    strategies: tuple[str, ...] | None
    sensitive: bool
    limits: LimitsTold
    expires: str | None
    budgets: tuple[AllotmentTold, ...]
    """What it alone may spend."""
    prefix: str = ""
    """How it begins."""
    former: list[FormerTold] = []
    """Secrets that were rotated away and still open."""
    created: str | None = None
    creator: str = ""
    notes: tuple[str, ...] = ()
    """What of a change looks like a slip."""


class KeyMade(msgspec.Struct, frozen=True):
    key: str
    """The secret; it cannot be shown again."""
    about: KeyTold
    notes: tuple[str, ...] = ()
    """What of it looks like a slip."""


class KeyPage(msgspec.Struct, frozen=True):
    keys: list[KeyTold]
    next: str | None
    """What to give as `after` for the next page; null on the last one."""


class Deleted(msgspec.Struct, frozen=True):
    id: str
    deleted: bool = True
    shut: bool = False
    """Whether it was the last: requests have to show a key all the same, until the door is opened."""


class Opened(msgspec.Struct, frozen=True):
    open: bool = True


class Overlap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap_seconds: Annotated[float, Meta(ge=0, le=LONGEST)] = OVERLAP
    """How long the secret before works on; a day where nothing is said."""


async def listing(asking: Asking) -> KeyPage:
    """All in the reach of who asks, by tenant and name."""
    limit = asking.number("limit", PAGE, MOST) or PAGE
    after, query = asking.query.get("after", ""), asking.query
    search = query.get("search", "").lower()
    wanted = [
        (caller.name, holder, key)
        for holder, key in _all(asking)
        if (caller := holder.caller).name > after
        and query.get("tenant", caller.tenant) == caller.tenant
        and query.get("team", caller.team) == caller.team
        and search in caller.name.lower()
    ]
    wanted.sort(key=itemgetter(0))
    page = [told(holder, key) for _, holder, key in wanted[:limit]]
    return KeyPage(page, page[-1].called if len(wanted) > limit else None)


async def create(asking: Asking) -> KeyMade:
    key, secret = await asking.keyring.issue(asking.own, asking.said)
    return KeyMade(secret, _now(asking, key), _notes(asking, key))


async def one(asking: Asking) -> KeyTold:
    return _now(asking, asking.keyring.seen(asking.own, asking.which))


async def update(asking: Asking) -> KeyTold:
    key = await asking.keyring.update(asking.own, asking.which, asking.said)
    found = _now(asking, key)
    moved = isinstance(asking.said.team, str)
    return msgspec.structs.replace(found, notes=_notes(asking, key)) if moved else found


async def rotate(asking: Asking) -> KeyMade:
    overlap = asking.said.overlap_seconds
    key, secret = await asking.keyring.rotate(asking.own, asking.which, overlap)
    return KeyMade(secret, _now(asking, key))


async def disable(asking: Asking) -> KeyTold:
    keyring = asking.keyring
    return _now(asking, await keyring.turn_off(asking.own, asking.which, True))


async def enable(asking: Asking) -> KeyTold:
    keyring = asking.keyring
    return _now(asking, await keyring.turn_off(asking.own, asking.which, False))


async def delete(asking: Asking) -> Deleted:
    key = await asking.keyring.delete(asking.own, asking.which)
    world = asking.keyring.world
    return Deleted(key.id, shut=not world.keys and not world.open)


async def unlock(asking: Asking) -> Opened:
    await asking.keyring.unlock(asking.own)
    return Opened()


def _now(asking: Asking, key: IssuedKey) -> KeyTold:
    """As it stands in the world that a change has made: the request itself was given the one before."""
    return told(asking.keyring.world.keys[key.digest], key)


def _notes(asking: Asking, key: IssuedKey) -> tuple[str, ...]:
    """As of the same key in a file. Who reaches no further than a tenant is not told how others are called."""
    if asking.own.caller.scope != "gateway":
        return ()
    tenants = asking.keyring.world.binding.tenants
    return tuple(f"{what}: {message}" for what, message in doubts(key.grant.tenant, key.grant.team, tenants))


def _all(asking: Asking) -> Iterator[tuple[Keyholder, IssuedKey | None]]:
    world, own = asking.keyring.world, asking.own.caller
    issued = [(world.keys.get(key.digest), key) for key in asking.keyring.all()]
    for holder, key in (*((world.keys[of], None) for of in world.declared), *issued):
        if holder is not None and within(own, holder.caller.tenant, holder.caller.team):
            yield holder, key


def told(holder: Keyholder, key: IssuedKey | None) -> KeyTold:
    grant = holder.grant
    assert grant is not None
    found = KeyTold(
        "",
        grant.name,
        holder.caller.name,
        grant.tenant,
        grant.team,
        grant.role,
        grant.scope,
        holder.ended or IN_FORCE,
        "configuration",
        grant.plan,
        grant.policy,
        grant.models,
        grant.providers,
        grant.regions,
        grant.policies,
        grant.strategies,
        grant.sensitive,
        LimitsTold(grant.rpm, grant.tpm, grant.concurrency),
        instant(grant.expires_ms),
        tuple(AllotmentTold(plain(amount), per) for per, amount in grant.budgets),
    )
    if key is None:
        return found
    return msgspec.structs.replace(
        found,
        id=key.id,
        source="issued",
        prefix=key.prefix,
        former=[FormerTold(one.prefix, instant(one.until_ms)) for one in key.former],
        created=instant(key.created_ms),
        creator=key.creator,
    )


FILTERS = (
    Parameter("tenant", "Only keys of this tenant."),
    Parameter("team", "Only keys of this team."),
    Parameter("search", "Only keys whose name holds this text."),
    Parameter("after", "What `next` of the page before says."),
    Parameter("limit", f"Keys on a page, {PAGE} where nothing is said, {MOST} at most.", number=True),
)
ROUTES = (
    Route("GET", PATH, listing, "viewer", "List the keys.", KeyPage, query=FILTERS),
    Route("POST", PATH, create, "admin", "Issue a key.", KeyMade, said=Wanted, status=201),
    Route("GET", ONE, one, "viewer", "One issued key.", KeyTold),
    Route("PATCH", ONE, update, "admin", "Change what a key may.", KeyTold, said=Wanted),
    Route("DELETE", ONE, delete, "admin", "Take a key back for good.", Deleted),
    Route("POST", f"{ONE}/rotate", rotate, "admin", "A new secret; the one before works on.", KeyMade, said=Overlap),
    Route("POST", f"{ONE}/disable", disable, "admin", "Refuse a key until it is enabled.", KeyTold),
    Route("POST", f"{ONE}/enable", enable, "admin", "Take a disabled key again.", KeyTold),
    Route("POST", DOOR, unlock, "admin", "Where no key is left, let requests in without one.", Opened, wide=True),
)
