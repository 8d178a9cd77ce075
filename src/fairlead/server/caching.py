"""`/admin/v1/cache`: what the caches hold and have saved asking for, and how to have it erased."""

from __future__ import annotations

from collections import Counter

import msgspec

from fairlead.cache.answers import Holding
from fairlead.core.call import Caller
from fairlead.core.whose import Whose
from fairlead.errors import Forbidden
from fairlead.gateway.caching import Caching, erase
from fairlead.server.admin import Asking, Parameter, Route
from fairlead.server.erasing import of_whom

PATH = "/admin/v1/cache"


class ModelCount(msgspec.Struct, frozen=True):
    model: str
    exact: int
    """Requests that were given its answer to the very same request."""
    semantic: int
    """Those that were given its answer to one that means the same."""
    kept: int


class Held(msgspec.Struct, frozen=True):
    tenant: str
    exact: int
    """Answers."""
    semantic: int
    bytes: int


class CacheTold(msgspec.Struct, frozen=True):
    """Counts are of the time since the server began."""

    enabled: bool
    keep: str = ""
    """`memory`, `disk` or `redis`; empty where the cache is off."""
    semantic: bool = False
    """Whether answers are found by meaning as well."""
    hits: int = 0
    misses: int = 0
    bypassed: int = 0
    models: list[ModelCount] = []
    tenants: list[Held] = []
    rejected: dict[str, int] = {}
    """By check: requests that were like another and not given its answer."""


class Erased(msgspec.Struct, frozen=True):
    answers: int


async def stats(asking: Asking) -> CacheTold:
    """A key that reaches as far as its tenant sees what is that one's."""
    caching = asking.runtime.caching
    if caching is None:
        return CacheTold(enabled=False)
    tenant = _tenant(asking)
    counts = Counter[tuple[str, str]]()
    for (what, whose, model), count in caching.counts.items():
        if tenant in (None, whose):
            counts[what, model] += count
    exact, semantic = [
        [one for one in found if tenant in (None, one.tenant)]
        for found in (await caching.answers.holdings(), await _semantic(caching))
    ]
    models = sorted({model for _, model in counts if model})
    kinds = ("hit-exact", "hit-semantic", "kept")
    return CacheTold(
        enabled=True,
        keep=caching.settings.place,
        semantic=caching.semantic is not None,
        hits=sum(count for (what, _), count in counts.items() if what.startswith("hit-")),
        misses=counts["miss", ""],
        bypassed=counts["bypass", ""],
        models=[ModelCount(model, *(counts[kind, model] for kind in kinds)) for model in models],
        tenants=_held(exact, semantic),
        rejected=dict(caching.semantic.rejected()) if caching.semantic is not None and tenant is None else {},
    )


async def _semantic(caching: Caching) -> tuple[Holding, ...]:
    return () if caching.semantic is None else await caching.semantic.holdings()


def _held(exact: list[Holding], semantic: list[Holding]) -> list[Held]:
    by_words = {one.tenant: one for one in exact}
    by_meaning = {one.tenant: one for one in semantic}
    found = []
    for tenant in sorted(by_words.keys() | by_meaning.keys()):
        one, other = by_words.get(tenant, Holding(tenant, 0, 0)), by_meaning.get(tenant, Holding(tenant, 0, 0))
        found.append(Held(tenant, one.answers, other.answers, one.bytes + other.bytes))
    return found


async def clear(asking: Asking) -> Erased:
    """Of a tenant, of a user or session in it, or all."""
    query = asking.query
    whose = Whose(_tenant(asking) or "", query.get("user", ""), query.get("session", ""))
    gone = await erase(asking.runtime, None if whose.anybody else whose)
    of = of_whom(asking.runtime.world, whose) or "all tenants"
    asking.runtime.act("cache_cleared", asking.own.caller, of, f"{gone} answers")
    return Erased(gone)


def _tenant(asking: Asking) -> str | None:
    """The tenant that is asked of, in the reach of who asks; None for all."""
    own: Caller = asking.own.caller
    asked = asking.query.get("tenant")
    if own.scope == "gateway":
        return asked
    if own.scope != "tenant" or asked not in (None, own.tenant):
        raise Forbidden(f"The cache is told of by tenant; the scope of this key is its {own.scope}.", code="scope")
    return own.tenant


TENANT = Parameter("tenant", "Only what is this tenant's.")
ROUTES = (
    Route(
        "GET", PATH, stats, "viewer", "What the caches hold, and how often they answered.", CacheTold, query=(TENANT,)
    ),
    Route(
        "DELETE",
        PATH,
        clear,
        "operator",
        "Erase cached answers: all, or those of a tenant, a user, a session.",
        Erased,
        query=(
            TENANT,
            Parameter("user", "Only what was answered to requests for this user."),
            Parameter("session", "Only what was answered in this session."),
        ),
    ),
)
