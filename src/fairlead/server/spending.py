"""`/admin/v1/report` and `/admin/v1/recommendations`: what was spent, and what would save money.

The ledger's file is read beside its writer, so that a long report holds nothing up.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from fairlead.core.spelling import closest
from fairlead.errors import BadRequest, Forbidden, Overloaded
from fairlead.evidence.advice import Advised
from fairlead.evidence.recommend import recommend
from fairlead.gateway.runtime import Runtime
from fairlead.registry.catalogue import load as load_catalogue
from fairlead.server.admin import Asking, Parameter, Route
from fairlead.server.advising import ground
from fairlead.server.plainly import DIMENSIONS, plain_advised, plain_report
from fairlead.server.reporting import Told, configured, report_from
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.reports import open_ledger
from fairlead.store.spool import SpoolFailed
from fairlead.store.window import Window

LATEST = 10**15
"""Milliseconds: the year 33658."""
MOST_BASELINES = 20
T = TypeVar("T")


async def of_ledger(runtime: Runtime, question: Callable[[sqlite3.Connection], T]) -> T:
    """Of everything answered so far, as far as it could be written down. Raises StateError, sqlite3.Error."""
    ledger = runtime.ledger
    with suppress(SpoolFailed):
        await ledger.flush()
    if isinstance(ledger, EmbeddedLedger):
        return await asyncio.to_thread(_beside, ledger.path, question)
    return await ledger.ask(question)


def _beside(path: Path, question: Callable[[sqlite3.Connection], T]) -> T:
    with closing(open_ledger(path)) as connection:
        return question(connection)


async def told_of(runtime: Runtime, window: Window, baselines: tuple[str, ...]) -> Told:
    by = configured(runtime.world)
    return await of_ledger(runtime, lambda connection: report_from(connection, window, by, load_catalogue(), baselines))


async def advised_of(runtime: Runtime, window: Window) -> Advised:
    by, now = configured(runtime.world), int(time.time())
    return await of_ledger(runtime, lambda connection: recommend(ground(connection, window, by, now)))


async def report(asking: Asking) -> dict[str, Any]:
    by = asking.query.get("by", "model")
    if by not in DIMENSIONS:
        near = closest(by, list(DIMENSIONS))
        hint = f" Did you mean {near!r}?" if near else ""
        raise BadRequest(f"by has to be one of {', '.join(DIMENSIONS)}.{hint}", param="by")
    window = _window(asking, asking.query.get("tenant"))
    baselines = tuple(name for name in asking.query.get("baselines", "").split(",") if name)
    if len(baselines) > MOST_BASELINES:
        raise BadRequest(f"baselines may name {MOST_BASELINES} models at most.", param="baselines")
    try:
        told = await told_of(asking.runtime, window, baselines)
    except sqlite3.Error as error:
        raise Overloaded(f"the ledger cannot be read: {error}") from None
    return plain_report(told, by, window.since_ms)


async def recommendations(asking: Asking) -> dict[str, Any]:
    try:
        return plain_advised(await advised_of(asking.runtime, _window(asking, None)))
    except sqlite3.Error as error:
        raise Overloaded(f"the ledger cannot be read: {error}") from None


def _window(asking: Asking, tenant: str | None) -> Window:
    """A key that reaches as far as its tenant sees what is that one's."""
    own = asking.own.caller
    if own.scope == "team":
        raise Forbidden("A report is of a tenant at least; the scope of this key is its team.", code="scope")
    if own.scope == "tenant":
        if tenant not in (None, own.tenant):
            raise Forbidden("The scope of this key is its tenant; that is another one.", code="scope")
        tenant = own.tenant
    since, until = asking.number("since_ms", 0, LATEST), asking.number("until_ms", None, LATEST)
    return Window(since or 0, until, tenant)


SINCE = Parameter("since_ms", "From then on (epoch milliseconds); by default everything.", number=True)
UNTIL = Parameter("until_ms", "Before then; by default up to now.", number=True)
ROUTES = (
    Route(
        "GET",
        "/admin/v1/report",
        report,
        "viewer",
        "What was asked, what it cost, what it would have cost elsewhere; what it is expected to come to.",
        dict[str, Any],
        query=(
            SINCE,
            UNTIL,
            Parameter("by", f"What to break the sums down by: {', '.join(DIMENSIONS)}."),
            Parameter("tenant", "Only this tenant's."),
            Parameter("baselines", "Models to compare with, with commas; by default every configured one."),
        ),
    ),
    Route(
        "GET",
        "/admin/v1/recommendations",
        recommendations,
        "viewer",
        "What would save money, with the changes of the configuration that do it.",
        dict[str, Any],
        wide=True,
        query=(SINCE, UNTIL),
    ),
)
