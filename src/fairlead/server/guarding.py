"""The guards of a running gateway: they look at the ledger now and then, and tell of what begins and what is over.

An alarm is a line in the log, a row of the audit (`guard_alarm`, `guard_over`) and, where the configuration names one, a
call of the webhook; it is told again once a day as long as it lasts, whatever starts and stops meanwhile: what was told is
in the audit. The same looks are answered to `fairlead guards`.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from typing import Any

import msgspec

from fairlead.core.call import Caller
from fairlead.errors import Overloaded
from fairlead.evidence.guards import GuardState, Looked, verdicts
from fairlead.evidence.worth import average_quality, price_of
from fairlead.gateway.admit import new_id
from fairlead.gateway.runtime import Runtime
from fairlead.server.admin import Asking, Route
from fairlead.server.reporting import Configured, configured
from fairlead.server.rounds import Rounds
from fairlead.server.spending import of_ledger
from fairlead.server.webhook import Webhook
from fairlead.store.feedback import judged
from fairlead.store.reports import totals
from fairlead.store.spending import NO_TEXT, side_calls, works
from fairlead.store.window import Window
from fairlead.version import __version__

log = logging.getLogger("fairlead.guards")

AGAIN = 86_400.0
"""Seconds after which an alarm that lasts is told again."""
PROMPT = 1_024
"""Tokens of a prompt from which providers cache it."""
NOBODY = Caller("")


class Guarding:
    def __init__(self, runtime: Runtime, webhook: Webhook | None = None) -> None:
        self._runtime = runtime
        self._webhook = webhook or Webhook()
        self._since: dict[str, float] = {}
        """By guard that is in alarm: when that was last told (epoch seconds)."""
        self.latest: tuple[GuardState, ...] = ()
        """What they found when they last looked."""
        self._took_up = False
        self.rounds = Rounds("guards", self._look, lambda: runtime.world.said.watch.every)

    async def close(self) -> None:
        await self.rounds.close()
        await self._webhook.close()

    async def _look(self) -> None:
        if not self._took_up:
            self._since = await of_ledger(self._runtime, alarms) | self._since
            self._took_up = True
        self.take(await verdicts_of(self._runtime, time.time()), time.time())

    def take(self, found: tuple[GuardState, ...], now: float) -> None:
        """Tells what is new."""
        self.latest = found
        for verdict in found:
            told = self._since.get(verdict.guard)
            if verdict.state == "alarm":
                if told is None or now - told >= AGAIN:
                    self._since[verdict.guard] = now
                    self._tell("guard_alarm", verdict)
            elif verdict.state in ("fine", "off") and told is not None:
                del self._since[verdict.guard]
                self._tell("guard_over", verdict)

    def _tell(self, kind: str, verdict: GuardState) -> None:
        words = f"{verdict.guard}: {verdict.why or 'it is switched off'}"
        log.log(logging.WARNING if kind == "guard_alarm" else logging.INFO, "%s: %s", kind, words)
        self._runtime.audit(kind, NOBODY, "", words)
        receiver = self._runtime.world.said.receiver
        if receiver is not None:
            self._webhook.tell(receiver, message(kind, verdict, time.time_ns() // 1_000_000))


def alarms(connection: sqlite3.Connection) -> dict[str, float]:
    """The guards that were in alarm when that was last told, and when."""
    found: dict[str, float] = {}
    sql = "SELECT kind, at_ms, detail FROM audit WHERE kind IN ('guard_alarm', 'guard_over') ORDER BY seq"
    for kind, at_ms, detail in connection.execute(sql):
        guard = str(detail).partition(":")[0]
        if kind == "guard_alarm":
            found[guard] = at_ms / 1000
        else:
            found.pop(guard, None)
    return found


def message(kind: str, verdict: GuardState, at_ms: int) -> bytes:
    whole: dict[str, Any] = {
        "id": f"alarm_{new_id().removeprefix('req_')}",
        "event": kind,
        "at_ms": at_ms,
        "fairlead": __version__,
        **msgspec.structs.asdict(verdict),
    }
    return msgspec.json.encode(whole)


async def verdicts_of(runtime: Runtime, now: float) -> tuple[GuardState, ...]:
    by = configured(runtime.world)
    return await of_ledger(runtime, lambda connection: judge(connection, by, now))


def judge(connection: sqlite3.Connection, by: Configured, now: float) -> tuple[GuardState, ...]:
    """Of the window that ends now, against the one before."""
    watch = by.said.watch
    end, length = int(now * 1000), int(watch.window * 1000)
    begin = max(0, end - length)
    return verdicts(
        look(connection, by, Window(begin, end), int(now)),
        look(connection, by, Window(max(0, begin - length), begin), int(now)),
        watch,
    )


def look(connection: sqlite3.Connection, by: Configured, window: Window, at: int) -> Looked:
    models = by.snapshot.models
    done, sums = works(connection, window), totals(connection, window)
    words = judged(connection, window)
    judgements = sum(one.judgements for one in words)
    side_cost = sum(one.cost for one in side_calls(connection, window))
    by_model, by_task = Counter[str](), Counter[str]()
    cacheable = cached = 0
    for work in done:
        by_model[work.model] += work.requests
        if work.task:
            by_task[work.task] += work.requests
        model = models.get(work.model)
        price = None if model is None else price_of(model, at)
        if price is not None and price.rates.cached_input is not None and work.prompt >= PROMPT:
            cacheable, cached = cacheable + work.input_tokens, cached + work.cached_tokens
    scores = {(one.model, one.task): (one.score, one.judgements) for one in words}
    return Looked(
        requests=sum(work.requests for work in done),
        quality=average_quality(works(connection, window, NO_TEXT), models, scores),
        judged=sum(one.score * one.judgements for one in words) / judgements if judgements else 0.0,
        judgements=judgements,
        side_cost=side_cost,
        saved=sums.baseline_cost - sums.compared_cost + side_cost if sums.baseline_cost else None,
        cacheable=cacheable,
        cached=cached,
        models=by_model,
        tasks=by_task,
    )


class Guards(msgspec.Struct, frozen=True):
    guards: tuple[GuardState, ...]


async def guards(asking: Asking) -> Guards:
    try:
        return Guards(await verdicts_of(asking.runtime, time.time()))
    except sqlite3.Error as error:
        raise Overloaded(f"the ledger cannot be read: {error}") from None


ROUTES = (
    Route(
        "GET",
        "/admin/v1/guards",
        guards,
        "viewer",
        "What the guards say of the window that ends now.",
        Guards,
        wide=True,
    ),
)
