"""Whose content is: what an erasure names. Users and sessions are a tenant's own; one of the same name in another tenant is
another one."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Caller


class Whose(msgspec.Struct, frozen=True):
    """What is given must all hold. Empty stands for any."""

    tenant: str = ""
    user: str = ""
    session: str = ""

    @property
    def anybody(self) -> bool:
        """Whether nothing is given, so that it would be everybody's."""
        return not (self.tenant or self.user or self.session)

    def holds(self, tenant: str, user: str, session: str) -> bool:
        return (
            (not self.tenant or self.tenant == tenant)
            and (not self.user or self.user == user)
            and (not self.session or self.session == session)
        )

    def condition(self) -> tuple[str, list[str]]:
        """The same of columns of these names, in SQL, with its values."""
        given = [(name, text) for name in self.__struct_fields__ if (text := getattr(self, name))]
        if not given:
            raise ValueError("whose it is has to be said")
        return " AND ".join(f"{name} = ?" for name, _ in given), [text for _, text in given]


class Bounds(msgspec.Struct, frozen=True, array_like=True):
    """Where what a key says may go. None is anywhere."""

    regions: frozenset[str] | None = None
    providers: frozenset[str] | None = None

    def hold_for(self, caller: Caller) -> bool:
        """Whether what this caller sends stays within them."""
        return _within(caller.regions, self.regions) and _within(caller.providers, self.providers)


def bounds_of(caller: Caller) -> Bounds:
    return Bounds(caller.regions, caller.providers)


def _within(used: frozenset[str] | None, allowed: frozenset[str] | None) -> bool:
    return allowed is None or (used is not None and used <= allowed)
