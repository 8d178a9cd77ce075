"""The keyring: the issued keys, in force beside those of the configuration, and every way to change them.

A change makes the world anew with other keys, so a connection that remembers who it is finds out with its next request:
what it remembers was found in a world that is not there any more. Nothing is asked for it on the way of a request. The
same happens at the instant at which a key, or a secret that was rotated away, ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import msgspec

from fairlead.core.budgets import Budget
from fairlead.core.grants import Grant, Keyholder, within
from fairlead.errors import Conflict, NotFound
from fairlead.gateway.administration import Administration
from fairlead.gateway.granting import OWNER, Wanted, changed, demand_within, difference, granted
from fairlead.gateway.holders import called
from fairlead.gateway.minting import mint, shown
from fairlead.gateway.world import Grantor, World, digest
from fairlead.store.audit_chain import Act
from fairlead.store.keys import ISSUED, OPENED, Former, IssuedKey, NameTaken

log = logging.getLogger("fairlead.administration")

NEVER = float("inf")
ALERTS = (0.8, 1.0)
"""Shares of a budget that are told when they are spent."""
FORMER = 5
"""Secrets of one key that may still open, at most."""


class Keyring:
    def __init__(
        self,
        world: World,
        administration: Administration,
        turned: Callable[[], None] | None = None,
        take_up: Callable[[World], Awaitable[None]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.world = world
        """With the keys that are in force."""
        self._administration = administration
        self._turned = turned or self._renew
        """Called when the keys in force are others."""
        self._take_up = take_up
        """Called with a world of other budgets before it is in force: what was spent already counts."""
        self._keys: dict[str, IssuedKey] = {}
        self._holders: dict[str, tuple[IssuedKey, Keyholder]] = {}
        """By id, of the present configuration."""
        self._unbound: dict[str, str] = {}
        """Those that do not stand as the audit log tells, and in what."""
        self._grantors: dict[str, frozenset[str]] = {}
        """By what an issued key is called, who issued keys of that name."""
        self._shut = False
        """Whether a key has to be shown even when all that were issued are gone."""
        self._known: tuple[object, dict[str, tuple[Grantor, ...]]] | None = None
        """What that came to with the keys there are."""
        self._declared: object = None
        self._next = NEVER
        """When the first of them ends."""
        self._looked = 0.0
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """A key that does not stand as the audit log tells is refused, until somebody who may changes it or deletes it."""
        self._keys = {key.id: key for key in await self._administration.keys()}
        self._unbound = await self._administration.unbound()
        told = await self._administration.told()
        self._grantors, self._shut = dict(told.grantors), told.shut
        for key_id, why in self._unbound.items():
            log.error("issued key %s: %s", key_id, why)

    def _renew(self) -> None:
        self.in_force(self.world)

    def beat(self, late: float) -> None:
        """A look at the clock. One that was put back may have ended keys that go on."""
        if not self._looked <= self.now() < self._next:
            self._turned()

    def all(self) -> list[IssuedKey]:
        return list(self._keys.values())

    def in_force(self, world: World) -> World:
        """The world with all keys, each as it stands at this moment."""
        if self._declared is not world.declared:
            self._declared, self._holders = world.declared, {}
        self._looked = self.now()
        now_ms = int(self._looked * 1000)
        keys: dict[bytes, Keyholder] = {}
        ends: list[int] = []
        for of, holder in self._all(world):
            until = holder.expires_ms
            if until is not None and not holder.ended:
                if until <= now_ms:
                    holder = msgspec.structs.replace(holder, ended="it has expired")
                else:
                    ends.append(until)
            keys[of] = holder
        self._next = min(ends) / 1000 if ends else NEVER
        tenants = {holder.caller.tenant for holder in keys.values()}
        world = self.budgeted(world)
        self.world = msgspec.structs.replace(world, keys=keys, tenants=len(tenants), shut=self._shut)
        return self.world

    def _granted(self, world: World) -> dict[str, tuple[Grantor, ...]]:
        """By what an issued key is called, all those it goes back to, as far as they are there."""
        if not self._grantors:
            return {}
        if self._known is not None and self._known[0] is world.declared:
            return self._known[1]
        there = {
            called(key.grant): (key.grant.tenant, called(key.grant), key.grant.plan or "")
            for key in self._keys.values()
        }
        there |= {
            one.caller.name: (one.caller.tenant, one.caller.name, one.caller.plan) for one in world.declared.values()
        }
        found = {}
        for name in self._grantors:
            before: set[str] = set()
            waiting = [name]
            while waiting:
                more = self._grantors.get(waiting.pop(), frozenset()) - before
                before |= more
                waiting += more
            found[name] = tuple(there[one] for one in sorted(before - {name}) if one in there)
        self._known = world.declared, found
        return found

    def budgeted(self, world: World, *more: IssuedKey) -> World:
        """The world with the budgets of all issued keys, and of these."""
        declared = tuple(one for one in world.budgets if not one.issued)
        taken = _names(world)
        keys = (key for key in (*self._keys.values(), *more) if called(key.grant) not in taken)
        budgets = (*declared, *dict.fromkeys(_allotted(keys)))
        return msgspec.structs.replace(world, budgets=budgets, granted=self._granted(world))

    def _all(self, world: World) -> list[tuple[bytes, Keyholder]]:
        taken = _names(world)
        found = list(world.declared.items())
        for key in self._keys.values():
            holder = self._holder(key, world)
            if holder.caller.name in taken:
                why = "a key of the configuration has its name"
                holder = msgspec.structs.replace(holder, ended=why)
            found.append((key.digest, holder))
            for former in key.former:
                until = former.until_ms if holder.expires_ms is None else min(former.until_ms, holder.expires_ms)
                found.append((former.digest, msgspec.structs.replace(holder, expires_ms=until)))
        return found

    def _holder(self, key: IssuedKey, world: World) -> Keyholder:
        known = self._holders.get(key.id)
        if known is not None and known[0] is key:
            return known[1]
        holder = world.binding.holder(key.grant, key.id)
        odd = self._unbound.get(key.id)
        if odd is not None:
            holder = msgspec.structs.replace(holder, ended=odd)
        if key.disabled:
            holder = msgspec.structs.replace(holder, ended="it is disabled")
        self._holders[key.id] = (key, holder)
        return holder

    # ---- what those may do who administer

    def seen(self, own: Keyholder, key_id: str) -> IssuedKey:
        """One that lies in the reach of `own`; others are as good as none."""
        key = self._keys.get(key_id)
        if key is None or not within(own.caller, key.grant.tenant, key.grant.team):
            raise NotFound(f"There is no issued key {key_id[:100]!r}.", code="key_not_found")
        return key

    async def issue(self, own: Keyholder, wanted: Wanted) -> tuple[IssuedKey, str]:
        """The key, and its secret, which nobody can find out later."""
        now_ms = int(self.now() * 1000)
        grant = granted(wanted, own, self.world, now_ms)
        if called(grant) in _names(self.world):
            raise _taken(grant)
        secret = mint()
        key = IssuedKey(
            f"key_{secrets.token_hex(8)}",
            grant,
            digest(self.world.pads, secret.encode()),
            shown(secret),
            now_ms,
            own.caller.name,
        )
        await self._put(key, ISSUED, own, f"role {grant.role}, scope {grant.scope}, prefix {key.prefix}")
        return key, secret

    async def update(self, own: Keyholder, key_id: str, wanted: Wanted) -> IssuedKey:
        async with self._turn:
            key = self._mine(own, key_id)
            grant = changed(key.grant, wanted, own, self.world, int(self.now() * 1000))
            new = msgspec.structs.replace(key, grant=grant)
            return await self._put(new, "key_changed", own, difference(key.grant, grant))

    async def rotate(self, own: Keyholder, key_id: str, overlap: float) -> tuple[IssuedKey, str]:
        """A new secret now; the one before works on for so many seconds."""
        async with self._turn:
            key = self._mine(own, key_id)
            secret = mint()
            now_ms = int(self.now() * 1000)
            former = [one for one in key.former if one.until_ms > now_ms]
            if overlap > 0:
                former.append(Former(key.digest, key.prefix, now_ms + int(overlap * 1000)))
            new = msgspec.structs.replace(
                key,
                digest=digest(self.world.pads, secret.encode()),
                prefix=shown(secret),
                former=tuple(former[-FORMER:]),
            )
            words = f"prefix {new.prefix} after {key.prefix}, which works for {overlap:g} s more"
            return await self._put(new, "key_rotated", own, words), secret

    async def turn_off(self, own: Keyholder, key_id: str, off: bool) -> IssuedKey:
        async with self._turn:
            key = self._mine(own, key_id)
            new = msgspec.structs.replace(key, disabled=off)
            return await self._put(new, "key_disabled" if off else "key_enabled", own, "")

    async def delete(self, own: Keyholder, key_id: str) -> IssuedKey:
        async with self._turn:
            key = self._mine(own, key_id)
            await self._administration.remove(key.id, _act("key_deleted", own, key, f"prefix {key.prefix}"))
            self._keys.pop(key.id, None)
            self._holders.pop(key.id, None)
            self._known = None
            self._turned()
            return key

    async def unlock(self, own: Keyholder) -> None:
        """Where no key is left, let in again whoever shows none. Raises Conflict where one is."""
        async with self._turn:
            if self.world.keys:
                raise Conflict(
                    "There are keys, so everybody has to show one: delete them first, and take out those of the "
                    "configuration.",
                    code="keys_exist",
                )
            await self._administration.write(Act(OPENED, own.caller.name, "", "door", ""))
            self._shut = False
            self._turned()

    def _mine(self, own: Keyholder, key_id: str) -> IssuedKey:
        """One that `own` may change: within their reach, and no more than they have."""
        key = self.seen(own, key_id)
        demand_within(own, self.world.binding.holder(key.grant, key.id))
        return key

    async def _put(self, key: IssuedKey, kind: str, own: Keyholder, words: str) -> IssuedKey:
        try:
            await self._administration.put(key, _act(kind, own, key, words))
        except NameTaken:
            raise _taken(key.grant) from None
        self._unbound.pop(key.id, None)
        if kind == ISSUED:
            self._shut = True
            if own is not OWNER:
                name = called(key.grant)
                self._grantors[name] = self._grantors.get(name, frozenset()) | {own.caller.name}
        self._known = None
        if key.grant.budgets and self._take_up is not None:
            await self._take_up(self.budgeted(self.world, key))
        self._keys[key.id], self._known = key, None
        self._turned()
        return key


def holder_of(world: World, caller: object) -> Keyholder | None:
    """Whose key it is just now that this caller was found by."""
    if caller is OWNER.caller:
        return OWNER
    return next((one for one in world.keys.values() if one.caller is caller and not one.ended), None)


def _names(world: World) -> frozenset[str]:
    """Of the keys of the configuration, which nothing of an issued one of that name reaches."""
    return frozenset(holder.caller.name for holder in world.declared.values())


def _allotted(keys: Iterable[IssuedKey]) -> Iterator[Budget]:
    for key in keys:
        for per, amount in key.grant.budgets:
            yield Budget("key", (called(key.grant),), amount, per, alerts=ALERTS, issued=True)


def _act(kind: str, own: Keyholder, key: IssuedKey, words: str) -> Act:
    return Act(kind, own.caller.name, key.grant.tenant, f"{called(key.grant)} ({key.id})", words)


def _taken(grant: Grant) -> Conflict:
    return Conflict(f"There is a key {called(grant)!r} already: choose another name.", code="key_exists")
