"""Every route of the admin API, in one table, and what is told of it in OpenAPI's terms."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Caller
from fairlead.errors import BadRequest
from fairlead.server import (
    acts,
    budgets,
    caching,
    erasing,
    experimenting,
    guarding,
    keys,
    openapi,
    reviewing,
    scheduling,
    spending,
    switching,
)
from fairlead.server.admin import Asking, Route, Tables, tables
from fairlead.server.reload import Reload


class Taken(msgspec.Struct, frozen=True):
    version: str
    warnings: tuple[str, ...]


def surfaces(reload: Reload | None) -> Tables:
    return tables(routes(reload))


def routes(reload: Reload | None) -> tuple[Route, ...]:
    found = (
        *keys.ROUTES,
        *acts.ROUTES,
        *budgets.ROUTES,
        *caching.ROUTES,
        *erasing.ROUTES,
        *spending.ROUTES,
        *guarding.ROUTES,
        *experimenting.ROUTES,
        *reviewing.ROUTES,
        *scheduling.ROUTES,
        _reloading(reload),
        *switching.ROUTES,
    )
    return (*found, openapi.route(found))


def _reloading(reload: Reload | None) -> Route:
    async def does(asking: Asking) -> Taken:
        if reload is None:
            raise BadRequest("This server was started without a file: there is nothing to reload.", code="no_file")
        caller: Caller = asking.own.caller
        outcome = await reload.reload(f"asked for by key {caller.name}", caller)
        if not outcome.taken:
            told = "; ".join(outcome.problems)
            raise BadRequest(
                f"The configuration is rejected; {outcome.version} stays in force: {told}", code="config_rejected"
            )
        return Taken(outcome.version, outcome.warnings)

    what = "Take up what the configuration's file says now."
    return Route("POST", "/admin/v1/reload", does, "admin", what, Taken, wide=True)
