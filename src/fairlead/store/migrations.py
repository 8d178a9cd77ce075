"""Migrations of the ledger's database: a list of functions, the n-th takes a database from version n to n + 1.

A function that was released never changes. The version is SQLite's `user_version`; the day each step was taken
is in `meta`.

A request's `seq` is the position of its record in the spool, so taking a record in twice changes nothing; its
attempts follow as `seq`, `seq + 1`, ... which cannot reach the next record: an attempt takes more than one byte.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

from fairlead.errors import StateError
from fairlead.store import budgets, calls, lines, reuses, rollups, tally, trials, unpriced
from fairlead.store.progress import logged

PAGE_SIZE = 16384
ADDING_UP = "the ledger's requests are added up anew"
TABLES = (
    "meta", "checkpoint", "requests", "attempts", "audit", "contents", "pruned", "tiers", "feedback", "prices", "spent",
    "tags", "rollups", "tag_sums", "answers", "kept", "reuses", "trials", "calls",
)  # fmt: skip
"""All that there are in the end."""

log = logging.getLogger("fairlead.ledger")


def _first(connection: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE checkpoint (only INTEGER PRIMARY KEY CHECK (only = 1), segment INTEGER, offset INTEGER)",
        "INSERT INTO checkpoint VALUES (1, 0, 0)",
        """CREATE TABLE requests (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, key TEXT, tenant TEXT, model TEXT,
            task TEXT, purpose TEXT, operation TEXT, outcome TEXT, cost INTEGER NOT NULL, baseline_cost INTEGER,
            total_ms INTEGER, record BLOB NOT NULL)""",
        "CREATE INDEX requests_at ON requests (at_ms)",
        """CREATE TABLE attempts (
            seq INTEGER PRIMARY KEY, request INTEGER NOT NULL, number INTEGER, model TEXT, channel TEXT, provider TEXT,
            outcome TEXT, currency TEXT, cost INTEGER NOT NULL, input INTEGER, output INTEGER, cached_input INTEGER,
            cache_write INTEGER, cache_write_1h INTEGER, reasoning INTEGER, estimated INTEGER, lines TEXT)""",
        """CREATE TABLE audit (
            seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, tenant TEXT, request TEXT,
            detail TEXT)""",
        """CREATE VIEW cost_lines AS
            SELECT requests.id || '.' || attempts.number AS attempt,
                json_extract(line.value, '$[0]') AS kind, json_extract(line.value, '$[1]') AS quantity,
                json_extract(line.value, '$[2]') AS unit, json_extract(line.value, '$[3]') AS price_row,
                json_extract(line.value, '$[4]') AS amount, json_extract(line.value, '$[5]') AS currency
            FROM attempts JOIN requests ON requests.seq = attempts.request, json_each(attempts.lines) AS line""",
    ):
        connection.execute(statement)


def _contents(connection: sqlite3.Connection) -> None:
    """What the decisions of many requests share, each stored once: by what it is, and when it was last in force."""
    connection.execute(
        "CREATE TABLE contents (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID"
    )
    connection.execute("CREATE TABLE pruned (only INTEGER PRIMARY KEY CHECK (only = 1), at_ms INTEGER, seq INTEGER)")
    connection.execute("INSERT INTO pruned VALUES (1, 0, 0)")


def _tiers(connection: sqlite3.Connection) -> None:
    """Which tier of which policy paid for an attempt; only of attempts that a tier paid for. `seq` is the attempt's."""
    connection.execute(
        """CREATE TABLE tiers (
            seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, tenant TEXT NOT NULL, policy TEXT NOT NULL,
            tier TEXT NOT NULL, cost INTEGER NOT NULL)"""
    )
    connection.execute("CREATE INDEX tiers_at ON tiers (at_ms)")


def _feedback(connection: sqlite3.Connection) -> None:
    """The last word on each answer. `seq` is the position of that word in the spool, `at_ms` the answer's time."""
    connection.execute(
        """CREATE TABLE feedback (
            request TEXT PRIMARY KEY, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, told_ms INTEGER NOT NULL,
            key TEXT NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL, score REAL NOT NULL
        ) WITHOUT ROWID"""
    )
    connection.execute("CREATE INDEX feedback_at ON feedback (at_ms)")


def _priced(connection: sqlite3.Connection) -> None:
    """The price rows that attempts were charged by, and what each attempt came to in USD. `seq` is where in the spool a
    row came into use; one that changes under its id stays beside what it was. Older attempts do not say their row."""
    for statement in (
        """CREATE TABLE prices (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL, at_ms INTEGER NOT NULL, currency TEXT NOT NULL,
            since INTEGER NOT NULL, source TEXT NOT NULL, price TEXT NOT NULL)""",
        "CREATE INDEX prices_id ON prices (id)",
        "ALTER TABLE requests ADD COLUMN team TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE attempts ADD COLUMN price_row TEXT",
        "ALTER TABLE attempts ADD COLUMN usd INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN expected INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN image_input INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN audio_input INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN image_output INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN audio_output INTEGER NOT NULL DEFAULT 0",
        "UPDATE attempts SET usd = cost",
        "CREATE INDEX requests_aside ON requests (purpose, at_ms) WHERE purpose <> 'answer'",
    ):
        connection.execute(statement)


def _rollups(connection: sqlite3.Connection) -> None:
    """The sums that reports ask for."""
    rollups.create(connection)
    tally.rebuild(connection, logged(ADDING_UP))


def _spent(connection: sqlite3.Connection) -> None:
    """What was spent in each quarter of an hour by each kind of request: what budgets are counted by at a start."""
    connection.execute(
        """CREATE TABLE spent (
            quarter INTEGER, tenant TEXT, team TEXT, key TEXT, model TEXT, policy TEXT, tier TEXT, tags TEXT,
            cost INTEGER NOT NULL, PRIMARY KEY (quarter, tenant, team, key, model, policy, tier, tags)) WITHOUT ROWID"""
    )
    connection.execute(
        """INSERT INTO spent
            SELECT coalesce(tiers.at_ms, requests.at_ms) / 900000, coalesce(requests.tenant, ''), requests.team,
                coalesce(requests.key, ''), coalesce(attempts.model, ''), coalesce(tiers.policy, ''),
                coalesce(tiers.tier, ''), '', sum(attempts.usd)
            FROM attempts JOIN requests ON requests.seq = attempts.request LEFT JOIN tiers ON tiers.seq = attempts.seq
            WHERE attempts.usd <> 0 GROUP BY 1, 2, 3, 4, 5, 6, 7"""
    )


def _spent_by_records(connection: sqlite3.Connection) -> None:
    """The same by what the records themselves say, which is what it is verified against: tags, and when an attempt began."""
    begin = rollups.horizons(connection).records
    budgets.rebuild(connection, begin)


def _reuses(connection: sqlite3.Connection) -> None:
    """Answers that were given again out of a cache: before, there were none."""
    for statement in reuses.TABLE:
        connection.execute(statement)


def _trials(connection: sqlite3.Connection) -> None:
    """Requests that were part of an experiment: before, there were none."""
    for statement in trials.TABLE:
        connection.execute(statement)


def _calls(connection: sqlite3.Connection) -> None:
    """Tools that providers ran themselves: before, nobody counted them."""
    for statement in calls.TABLE:
        connection.execute(statement)


def _results(connection: sqlite3.Connection) -> None:
    """What requests came to, told apart in the sums as far back as there are records."""
    if rollups.tell_results(connection):
        tally.rebuild(connection, logged(ADDING_UP))


def _unpriced(connection: sqlite3.Connection) -> None:
    """So that attempts without a price are found among millions."""
    connection.execute(unpriced.INDEX)


def _input_costs(connection: sqlite3.Connection) -> None:
    """Lines that say nothing else than how the cost falls on tokens in and out are not written out. What is there stays."""
    connection.execute(lines.COLUMN)
    connection.execute("DROP VIEW cost_lines")
    connection.execute(lines.VIEW)


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    _first,
    _contents,
    _tiers,
    _feedback,
    _priced,
    _spent,
    _rollups,
    _spent_by_records,
    _reuses,
    _trials,
    _calls,
    _results,
    _unpriced,
    _input_costs,
]


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(connection: sqlite3.Connection, where: str) -> None:
    found = version(connection)
    if found > len(MIGRATIONS):
        raise StateError(
            f"{where} was written by a newer fairlead (database version {found}, this one knows up to "
            f"{len(MIGRATIONS)}); upgrade fairlead, or set server.state_dir to a fresh directory"
        )


def refuse_older(connection: sqlite3.Connection, where: str) -> None:
    """For whoever only reads."""
    if version(connection) < len(MIGRATIONS):
        raise StateError(
            f"{where} was written by an earlier fairlead; start the gateway once (fairlead serve), which brings it up to date"
        )


def refuse_partial(connection: sqlite3.Connection, where: str) -> None:
    """A ledger that is up to date and lacks a table: somebody has taken it out."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    gone = [name for name in TABLES if name not in there]
    if gone:
        raise StateError(f"the ledger {where} lacks a table ({', '.join(gone)}): take that of a backup")


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Brings the database up to date, each step in a transaction of its own."""
    refuse_newer(connection, where)
    begun = version(connection)
    if 0 < begun < len(MIGRATIONS):
        log.info("%s was written by an earlier fairlead and is brought up to date, before anything else", where)
    for number in range(begun, len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[number](connection)
            connection.execute("INSERT INTO meta VALUES (?, datetime('now'))", (f"version {number + 1} since",))
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    refuse_partial(connection, where)
