"""`GET /metrics`: what a gateway counts, in the text form that Prometheus reads. For keys with the role `viewer` or higher
whose scope is the gateway; where no key has such a role, for any whose scope that is; and without keys for whoever may ask at
all.

Nothing but their statuses is counted for it while requests are answered. What they came to is read off the ledger when somebody asks, each
row once, beside its writer; the rest is what the gateway keeps anyway. Counters begin with the process. Labels are names
out of the configuration, of keys and of tenants, and never more than MOST of a metric; no user's text, and no secret.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

from fairlead.core.call import Caller
from fairlead.core.grants import reaches
from fairlead.core.model import NANO
from fairlead.errors import Forbidden, Overloaded, StateError
from fairlead.evidence.guards import GuardState, State
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server.exchange import Exchange
from fairlead.server.guarding import Guarding
from fairlead.server.shedding import Shedding, Shortage
from fairlead.server.spending import of_ledger
from fairlead.version import __version__

PATH = "/metrics"
TEXT = b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\n"
MOST = 500
"""Lines of one metric; of what is beyond them only how many there are is told."""
TOKENS = ("input", "output", "cached_input", "cache_write", "reasoning")
STATES: tuple[State, ...] = get_args(State)
Labels = tuple[tuple[str, str], ...]
Samples = Iterable[tuple[Labels, float]]


class Tally:
    """Sums over what the ledger has taken in since the process began."""

    def __init__(self, began_ms: int) -> None:
        self._began_ms = began_ms
        self._seen: tuple[int, int] | None = None
        """The last rows of requests and of audits that were counted."""
        self.requests = Counter[tuple[str, str]]()
        self.attempts = Counter[tuple[str, str, str]]()
        self.tokens = Counter[tuple[str, str, str]]()
        self.cost = Counter[tuple[str, str]]()
        self.noted = Counter[tuple[str]]()

    def read(self, connection: sqlite3.Connection) -> None:
        """Takes in what is new. Rows of attempts bear the number of their request, or one up to 255 above."""
        if self._seen is None:
            before = "SELECT coalesce(max(seq), -256) FROM {} WHERE at_ms < ?"
            self._seen = (
                _one(connection, before.format("requests"), self._began_ms),
                _one(connection, before.format("audit"), self._began_ms),
            )
        request, note = self._seen
        last = _one(connection, "SELECT coalesce(max(seq), ?) FROM requests", request)
        noted = _one(connection, "SELECT coalesce(max(seq), ?) FROM audit", note)
        of_requests = "SELECT operation, outcome, count(*) FROM requests WHERE seq > ? AND seq <= ? GROUP BY 1, 2"
        for operation, outcome, count in connection.execute(of_requests, (request, last)):
            self.requests[operation, outcome] += count
        sums = ", ".join(f"sum({kind})" for kind in TOKENS)
        of_attempts = (
            f"SELECT provider, model, outcome, count(*), sum(usd), {sums} FROM attempts "
            "WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3"
        )
        for provider, model, outcome, count, usd, *tokens in connection.execute(
            of_attempts, (request + 255, last + 255)
        ):
            self.attempts[provider, model, outcome] += count
            self.cost[provider, model] += usd
            for kind, amount in zip(TOKENS, tokens, strict=True):
                self.tokens[provider, model, kind] += amount
        of_notes = "SELECT kind, count(*) FROM audit WHERE seq > ? AND seq <= ? GROUP BY 1"
        for kind, count in connection.execute(of_notes, (note, noted)):
            self.noted[(kind,)] += count
        self._seen = last, noted


def _one(connection: sqlite3.Connection, sql: str, value: int) -> int:
    found: int = connection.execute(sql, (value,)).fetchone()[0]
    return found


class Metrics:
    """The surface."""

    def __init__(self, shedding: Shedding, started: float) -> None:
        self._shedding = shedding
        self._started = started
        self._tally = Tally(int(started * 1000))
        self._reading = asyncio.Lock()
        self.guarding: Guarding | None = None
        self.statuses: list[int] = []
        """How often each HTTP status was answered."""

    async def __call__(self, runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
        if not reaches(caller.role, "viewer") and _has_viewers(runtime.world):
            raise Forbidden("This takes a key with the role viewer, operator or admin.", code="role")
        if caller.scope != "gateway":
            raise Forbidden(
                f"This concerns the whole gateway; the scope of this key is its {caller.scope}.", code="scope"
            )
        try:
            async with self._reading:
                await of_ledger(runtime, self._tally.read)
        except (sqlite3.Error, StateError) as problem:
            raise Overloaded(f"the ledger cannot be read: {problem}") from None
        exchange.send(200, TEXT, "".join(self._lines(runtime)).encode())

    def _lines(self, runtime: Runtime) -> Iterator[str]:
        tally, shedding = self._tally, self._shedding
        yield from _metric("build_info", "gauge", "The version that runs.", [((("version", __version__),), 1)])
        yield from _metric("start_time_seconds", "gauge", "When the process began.", [((), round(self._started, 3))])
        yield from _metric("in_flight", "gauge", "Requests under way.", [((), shedding.in_flight)])
        shed = [((("what", what),), shedding.refused[what]) for what in get_args(Shortage)]
        yield from _metric("shed_total", "counter", "Requests turned away for want of room or time.", shed)
        what = "Requests that were carried out, by how they ended."
        yield from _metric(
            "requests_total", "counter", what, _counted(("operation", "outcome"), tally.requests.items())
        )
        answered = [((("status", str(status)),), count) for status, count in enumerate(self.statuses) if count]
        yield from _metric("responses_total", "counter", "Answers to whatever was asked, by HTTP status.", answered)
        what = "Attempts at providers."
        yield from _metric(
            "attempts_total", "counter", what, _counted(("provider", "model", "outcome"), tally.attempts.items())
        )
        what = "Tokens on the books; the cached, written and reasoning ones are among the others."
        yield from _metric(
            "tokens_total", "counter", what, _counted(("provider", "model", "kind"), tally.tokens.items())
        )
        spent = {key: nano / NANO for key, nano in tally.cost.items()}
        yield from _metric(
            "cost_usd_total", "counter", "What attempts cost.", _counted(("provider", "model"), spent.items())
        )
        what = "Lines of the audit: refusals, alarms, acts of those who administer."
        yield from _metric("audit_total", "counter", what, _counted(("kind",), tally.noted.items()))
        yield from _metric("ledger_lag", "gauge", "Records not in the database yet.", [((), runtime.ledger.lag)])
        yield from self._of_cache(runtime)
        yield from self._of_budgets(runtime)
        yield from self._of_guards()

    def _of_cache(self, runtime: Runtime) -> Iterator[str]:
        if runtime.caching is not None:
            found = Counter[tuple[str]]()
            for (what, *_), count in runtime.caching.counts.items():
                found[(what,)] += count
            yield from _metric(
                "cache_total", "counter", "What the cache did for requests.", _counted(("what",), found.items())
            )

    def _of_budgets(self, runtime: Runtime) -> Iterator[str]:
        budgets = runtime.budgets
        if not budgets.any:
            return
        callers = [holder.caller for holder in runtime.keyring.world.keys.values()]
        lines = sorted(budgets.sheet(callers), key=lambda line: -((line.spent + line.held) / max(line.amount, 1)))
        labels = [
            (("scope", one.scope), ("tenant", one.tenant), ("who", one.who), ("per", one.per), ("mode", one.mode))
            for one in lines
        ]
        for name, what in (("amount", "What may be spent."), ("spent", "What was spent."), ("held", "What is held.")):
            amounts = [getattr(one, name) / NANO for one in lines]
            yield from _metric(f"budget_{name}_usd", "gauge", what, list(zip(labels, amounts, strict=True)))
        yield from _metric("budgets", "gauge", "Budgets there are; the fullest are told apart.", [((), len(lines))])

    def _of_guards(self) -> Iterator[str]:
        looked: tuple[GuardState, ...] = () if self.guarding is None else self.guarding.latest
        states = [
            ((("guard", one.guard), ("state", state)), int(one.state == state)) for one in looked for state in STATES
        ]
        yield from _metric("guard", "gauge", "1 for the state that a guard was in when it last looked.", states)
        values = [((("guard", one.guard),), one.value) for one in looked if one.value is not None]
        yield from _metric("guard_value", "gauge", "What it measured.", values)
        bounds = [((("guard", one.guard),), one.bound) for one in looked if one.bound is not None]
        yield from _metric("guard_bound", "gauge", "What that is held against.", bounds)


def _has_viewers(world: World) -> bool:
    """Whether anybody's key is for looking: else all look."""
    return any(reaches(holder.caller.role, "viewer") for holder in world.keys.values() if not holder.ended)


def _counted(names: tuple[str, ...], counts: Iterable[tuple[tuple[str, ...], float]]) -> Samples:
    for values, count in sorted(counts):
        yield tuple(zip(names, (str(one) for one in values), strict=True)), count


def _metric(name: str, kind: str, what: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP fairlead_{name} {what}\n# TYPE fairlead_{name} {kind}\n"
    for number, (labels, value) in enumerate(samples):
        if number >= MOST:
            return
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"fairlead_{name}{{{told}}} {value}\n" if told else f"fairlead_{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
