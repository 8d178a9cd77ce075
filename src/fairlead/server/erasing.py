"""`/admin/v1/erase`: what a user, a session or a whole tenant said is erased wherever it stays behind."""

from __future__ import annotations

from msgspec import Struct

from fairlead.core.whose import Whose
from fairlead.errors import BadRequest, Forbidden
from fairlead.gateway.erasing import erase
from fairlead.gateway.world import World, digest
from fairlead.server.admin import Asking, Route

PATH = "/admin/v1/erase"
KIND = "erased"
MARK = 12
"""Digits by which a name that is erased can be told from others."""


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    tenant: str = ""
    user: str = ""
    session: str = ""


class Erased(Struct, frozen=True):
    erased: dict[str, int]
    """By place."""
    total: int


async def erasing(asking: Asking) -> Erased:
    said: Wanted = asking.said
    own = asking.own.caller
    tenant = said.tenant
    if own.scope != "gateway":
        if own.scope != "tenant" or tenant not in ("", own.tenant):
            raise Forbidden(f"What is erased is a tenant's; the scope of this key is its {own.scope}.", code="scope")
        tenant = own.tenant
    whose = Whose(tenant, said.user, said.session)
    if whose.anybody or Whose(said.tenant, said.user, said.session).anybody:
        raise BadRequest("Say whose it is: `user`, `session` or `tenant`, or several of them.", param="user")
    runtime = asking.runtime
    gone = await erase(runtime, whose)
    runtime.act(KIND, own, of_whom(runtime.world, whose), by_place(gone))
    return Erased(gone, sum(gone.values()))


def of_whom(world: World, whose: Whose) -> str:
    """Whose it was, for the audit: a user or session by a digest, for its name is to be gone too."""
    marks = [
        f"{kind} {digest(world.pads, name.encode()).hex()[:MARK]}"
        for kind, name in (("user", whose.user), ("session", whose.session))
        if name
    ]
    return ", ".join([*([f"tenant {whose.tenant}"] if whose.tenant else []), *marks])


def by_place(gone: dict[str, int]) -> str:
    return ", ".join(f"{place} {count}" for place, count in gone.items())


ROUTES = (
    Route(
        "POST",
        PATH,
        erasing,
        "admin",
        "Erase what a user, a session or a tenant said, wherever it is kept.",
        Erased,
        Wanted,
    ),
)
