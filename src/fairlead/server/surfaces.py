"""Every route of the admin API, in one table, and what is told of it in OpenAPI's terms."""

from __future__ import annotations

from fairlead.server import (
    acts,
    budgets,
    caching,
    configuring,
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
from fairlead.server.admin import Route, Tables, tables
from fairlead.server.reload import Reload


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
        *configuring.routes(reload),
        *switching.ROUTES,
    )
    return (*found, openapi.route(found))
