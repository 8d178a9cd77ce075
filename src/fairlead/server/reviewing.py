"""Reviews of a ledger: for the owner, who writes them when a period is over, and for who reads beside it."""

from __future__ import annotations

import sqlite3
import time

from fairlead.core.bench import Every, Scored
from fairlead.errors import BadRequest, Overloaded
from fairlead.evidence.bench import runs
from fairlead.evidence.experiments import Standing
from fairlead.evidence.periods import began
from fairlead.evidence.recommend import recommend
from fairlead.evidence.review import Change, Review, benched, findings, shares
from fairlead.gateway.administration import TOLD
from fairlead.gateway.runtime import Runtime
from fairlead.server.admin import Asking, Parameter, Route
from fairlead.server.advising import ground
from fairlead.server.experimenting import standings_of
from fairlead.server.reporting import Configured, configured
from fairlead.server.spending import of_ledger
from fairlead.store.feedback import judged
from fairlead.store.spending import works
from fairlead.store.window import Window

LATEST = 10**11
QUARTER_DAYS = 92


def review_from(
    connection: sqlite3.Connection,
    by: Configured,
    bench: tuple[Scored, ...],
    experiments: tuple[Standing, ...],
    since: int,
    until: int,
) -> Review:
    """Of a period, in epoch seconds, against as long a time before."""
    window = Window(since * 1000, until * 1000)
    before = Window(max(0, 2 * since - until) * 1000, since * 1000)
    told, spent, spent_before = shares(works(connection, window), works(connection, before))
    return Review(
        since,
        until,
        spent,
        spent_before,
        told,
        judged(connection, window),
        benched(bench, since, until),
        recommend(ground(connection, window, by, until)),
        findings(experiments),
        changes(connection, window),
    )


def changes(connection: sqlite3.Connection, window: Window) -> tuple[Change, ...]:
    """What those who administer did to the configuration or to who may be asked."""
    rows = connection.execute(
        f"""SELECT at_ms / 1000, kind, detail FROM audit
            WHERE kind IN ({", ".join("?" * len(TOLD))}) AND at_ms >= ? AND at_ms < ? ORDER BY seq""",
        (*TOLD, window.since_ms, window.until_ms),
    )
    return tuple(Change(*row) for row in rows)


async def review_of(runtime: Runtime, since: int, until: int) -> Review:
    by, folder = configured(runtime.world), runtime.folder
    bench = () if folder is None else runs(folder)
    experiments = await standings_of(runtime, until)
    return await of_ledger(runtime, lambda connection: review_from(connection, by, bench, experiments, since, until))


def last_period(every: Every, now: int) -> tuple[int, int]:
    """The one that ended last: (begin, end)."""
    end = began(every, now)
    return began(every, end - 1), end


async def review(asking: Asking) -> Review:
    now = int(time.time()) + 1  # what was done this second is done
    until = asking.number("until", now, LATEST) or now
    since = asking.number("since", until - QUARTER_DAYS * 86_400, LATEST) or 0
    if since >= until:
        raise BadRequest("since has to lie before until.", param="since")
    try:
        return await review_of(asking.runtime, since, until)
    except sqlite3.Error as error:
        raise Overloaded(f"the ledger cannot be read: {error}") from None


PATH = "/admin/v1/review"
ROUTES = (
    Route(
        "GET",
        PATH,
        review,
        "viewer",
        "Who cost how much of a period and the one before, what was better, and what would save money.",
        Review,
        wide=True,
        query=(
            Parameter("since", "From then on (epoch seconds); by default 92 days before the end.", number=True),
            Parameter("until", "Before then; by default up to now.", number=True),
        ),
    ),
)
