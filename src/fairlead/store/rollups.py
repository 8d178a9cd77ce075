"""Roll-ups: the sums that reports ask for, by minute, hour and day, so that a report over a million requests adds up some
thousand rows.

    rollups    by tenant, team, key, task, model, currency, result
    tag_sums   by tenant, tag: a request counts with each of its tags
    answers    by tenant, result and size of the prompt: the tokens of the attempts that answered, for what they would have
               cost

The result of a request is what it came to: its operation where it was answered, else `nothing`; of a side call it is
`aside`. It is empty in sums whose records were gone before results were told apart.

Rules:
- `tally` makes them, of records as they are taken in. They are added to in the transaction that takes records in, whenever
  some thousand have come together, which costs a fraction of adding each. `kept.rolled` says how far they reach; what came
  after that is read from the records. They can be made anew from the records at any time.
- A window is cut into days, hours and minutes; what is left at its ends, less than a minute, is read from the records.
- Minutes are kept for a short while; an end that lies further back is read from the records, up to an hour of them.
- Figures so large that their sums might not hold stand alone, under grain 0.
- What is asked of a request stands with its last attempt: on the books that is the one that answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from fairlead.core.record import Usage
from fairlead.errors import StateError
from fairlead.store.window import DAY_MS, Window

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
GRAINS = (DAY_MS, HOUR_MS, MINUTE_MS)
MINUTES_DAYS = 3
"""So long sums by the minute are kept."""
RETIRING = "records are let go of"
"""In `meta` as long as some are there yet that will be gone."""
TOGETHER = 4_000
"""Records that are added at once."""
LARGEST = 1 << 44
"""Figures up to here add up within 63 bits over half a million requests of one bucket."""
BANDS = (
    32_000,
    32_768,
    64_000,
    65_536,
    100_000,
    128_000,
    131_072,
    199_999,
    200_000,
    256_000,
    262_144,
    272_000,
    512_000,
    524_288,
    1_000_000,
)
"""Sizes of a prompt above which some provider's other rates hold; answers are told apart by them."""
TOKENS = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "image_input",
    "audio_input",
    "image_output",
    "audio_output",
)


class Kind(msgspec.Struct, frozen=True):
    """One table of sums."""

    table: str
    keys: tuple[str, ...]
    sums: dict[str, str]
    """Column -> which of the books it is."""
    odd: str
    """Which entries stand alone."""
    joined: str = ""
    where: str = "1"


_LAST = "later.seq IS NULL"
_ASKED = "requests.purpose IS 'answer'"
ASIDE, NOTHING = "aside", "nothing"
_FIGURES = {
    "requests": f"{_LAST} AND {_ASKED}",
    "answered": f"{_LAST} AND {_ASKED} AND requests.outcome IS 'ok' AND attempts.seq IS NOT NULL",
    "side_calls": f"{_LAST} AND NOT {_ASKED}",
    "errors": f"{_LAST} AND {_ASKED} AND requests.outcome IS NOT 'ok'",
    "attempts": "attempts.seq IS NOT NULL",
    "estimated": "coalesce(attempts.estimated, 0)",
    "cost": "coalesce(attempts.cost, 0)",
    "usd": "coalesce(attempts.usd, 0)",
    "spent": f"CASE WHEN {_LAST} THEN requests.cost ELSE 0 END",
    "compared": f"CASE WHEN {_LAST} AND requests.baseline_cost IS NOT NULL THEN requests.cost ELSE 0 END",
    "baseline": f"CASE WHEN {_LAST} THEN coalesce(requests.baseline_cost, 0) ELSE 0 END",
    **{name: f"coalesce(attempts.{name}, 0)" for name in TOKENS},
}
_LARGE = f"""max(requests.cost, coalesce(requests.baseline_cost, 0), coalesce(attempts.cost, 0), coalesce(attempts.usd, 0),
    coalesce(attempts.input, 0), coalesce(attempts.output, 0)) > {LARGEST}"""
_MIXED = """attempts.cached_input + attempts.cache_write + attempts.cache_write_1h + attempts.image_input
    + attempts.audio_input > attempts.input
    OR attempts.reasoning + attempts.image_output + attempts.audio_output > attempts.output"""
"""Tokens that cannot be told apart: what sums of them cost is not the sum of what each costs."""
_BOOKS = {
    "request": "requests.seq",
    "entry": "coalesce(attempts.seq, requests.seq)",
    "at_ms": "requests.at_ms",
    **{name: f"coalesce(requests.{name}, '')" for name in ("tenant", "team", "key", "task")},
    "model": "coalesce(attempts.model, '')",
    "result": f"""CASE WHEN NOT ({_ASKED}) THEN '{ASIDE}' WHEN requests.outcome IS NOT 'ok' THEN '{NOTHING}'
        ELSE coalesce(requests.operation, '') END""",
    "currency": "coalesce(attempts.currency, '')",
    "band": " + ".join(f"(coalesce(attempts.input, 0) > {above})" for above in BANDS),
    "good": f"{_LAST} AND {_ASKED} AND requests.outcome IS 'ok' AND coalesce(attempts.outcome, '') = 'ok'",
    "large": _LARGE,
    "mixed": f"coalesce({_LARGE} OR {_MIXED}, 0)",
    **_FIGURES,
}
"""What is told of each attempt, and of a request without one."""
_SUMS = {name: name for name in _FIGURES if name not in TOKENS or name in ("input", "output", "cached_input")}
ROLLUPS = Kind("rollups", ("tenant", "team", "key", "task", "model", "currency", "result"), _SUMS, "large")
TAGS = Kind("tag_sums", ("tenant", "tag"), _SUMS, "large", "CROSS JOIN tags ON tags.seq = books.request")
ANSWERS = Kind(
    "answers",
    ("tenant", "result", "band"),
    {"answers": "good", **{name: name for name in TOKENS}},
    "mixed",
    where="good",
)
KINDS = (ROLLUPS, TAGS, ANSWERS)


def _books(requests: str) -> str:
    """Those of some requests, given by a subquery with their `seq`. An attempt's follows its request's within so many:
    see `migrations`. The plus signs keep SQLite from making an index for it."""
    told = ", ".join(f"{of} AS {name}" for name, of in _BOOKS.items())
    return f"""SELECT {told} FROM {requests} AS wanted CROSS JOIN requests ON requests.seq = wanted.seq
        LEFT JOIN attempts ON attempts.seq BETWEEN requests.seq AND requests.seq + 255 AND +attempts.request = requests.seq
        LEFT JOIN attempts AS later ON later.seq = attempts.seq + 1 AND +later.request = requests.seq"""


def create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE tags (seq INTEGER, tag TEXT, PRIMARY KEY (seq, tag)) WITHOUT ROWID")
    for kind in KINDS:
        _create(connection, kind)
    connection.execute(
        "CREATE TABLE kept (only INTEGER PRIMARY KEY CHECK (only = 1), minutes_ms INTEGER, records_ms INTEGER, "
        "rolled INTEGER)"
    )
    connection.execute("INSERT INTO kept VALUES (1, 0, 0, -1)")


def _create(connection: sqlite3.Connection, kind: Kind) -> None:
    keys = ", ".join(f"{name} {'INTEGER' if name == 'band' else 'TEXT'} NOT NULL" for name in kind.keys)
    sums = ", ".join(f"{name} INTEGER NOT NULL" for name in kind.sums)
    connection.execute(
        f"""CREATE TABLE {kind.table} (grain INTEGER NOT NULL, at_ms INTEGER NOT NULL, {keys}, seq INTEGER NOT NULL,
        {sums}, PRIMARY KEY (grain, at_ms, {", ".join(kind.keys)}, seq)) WITHOUT ROWID"""
    )


def tell_results(connection: sqlite3.Connection) -> bool:
    """Makes room for results in sums that do not tell them; whether there were such. What they were is not known of these."""
    told = False
    for kind in (ROLLUPS, ANSWERS):
        there = [row[1] for row in connection.execute(f"PRAGMA table_info({kind.table})")]
        if "result" in there:
            continue
        columns = ", ".join(there)
        connection.execute(f"ALTER TABLE {kind.table} RENAME TO before")
        _create(connection, kind)
        connection.execute(f"INSERT INTO {kind.table} ({columns}, result) SELECT {columns}, '' FROM before")
        connection.execute("DROP TABLE before")
        told = True
    return told


def _select(kind: Kind, grain: int, books: str) -> str:
    """The sums of a grain; for grain 0 what stands alone."""
    source = f"FROM {books} AS books {kind.joined} WHERE {kind.where}"
    keys = ", ".join(kind.keys)
    if not grain:
        return f"SELECT 0, at_ms, {keys}, entry, {', '.join(kind.sums.values())} {source} AND {kind.odd}"
    sums = ", ".join(f"sum({of})" for of in kind.sums.values())
    places = ", ".join(str(2 + n) for n in range(len(kind.keys) + 1))
    return f"""SELECT {grain}, at_ms - at_ms % {grain}, {keys}, -1, {sums} {source} AND NOT {kind.odd}
        GROUP BY {places}"""


class Kept(msgspec.Struct, frozen=True):
    minutes: int
    """From when on there are sums by the minute (epoch milliseconds)."""
    records: int
    """From when on there are records."""
    rolled: int
    """The last record that is in the sums."""


GONE = "its only row is gone, or empty: how far back records and sums reach is not known; `fairlead ledger rebuild` finds it out"


def kept(connection: sqlite3.Connection) -> Kept | None:
    """None where somebody has taken the row out, or what stands in it."""
    row = connection.execute("SELECT minutes_ms, records_ms, rolled FROM kept").fetchone()
    return Kept(*row) if row is not None and all(isinstance(one, int) for one in row) else None


def horizons(connection: sqlite3.Connection) -> Kept:
    found = kept(connection)
    if found is None:
        raise StateError(f"table kept of the ledger: {GONE}")
    return found


def found_out(connection: sqlite3.Connection) -> Kept:
    """Within a transaction: the same, where it is gone by what there is. Records go by whole days."""
    found = kept(connection)
    if found is None:
        (first,) = connection.execute("SELECT min(at_ms) FROM requests").fetchone()
        (last,) = connection.execute(f"SELECT max(at_ms) FROM rollups WHERE grain = {DAY_MS}").fetchone()
        begin = first - first % DAY_MS if first is not None else 0 if last is None else last + DAY_MS
        going = connection.execute("SELECT value FROM meta WHERE key = ?", (RETIRING,)).fetchone()
        if going is not None:
            begin = int(going[0])
        elif connection.execute("SELECT 1 FROM rollups WHERE at_ms < ?", (begin,)).fetchone() is None:
            begin = 0
        connection.execute("INSERT OR REPLACE INTO kept VALUES (1, 0, ?, -1)", (begin,))
        found = Kept(0, begin, -1)
    return found


def forget_minutes(connection: sqlite3.Connection, now_ms: int) -> None:
    """In a transaction of its own, or in one."""
    before = (now_ms - MINUTES_DAYS * DAY_MS) // HOUR_MS * HOUR_MS
    if before > horizons(connection).minutes:
        connection.execute("UPDATE kept SET minutes_ms = ?", (before,))
        drop_minutes(connection, before)


def drop_minutes(connection: sqlite3.Connection, before: int) -> None:
    for kind in KINDS:
        connection.execute(f"DELETE FROM {kind.table} WHERE grain = {MINUTE_MS} AND at_ms < ?", (before,))


def usage_of(tokens: Sequence[int], calls: tuple[tuple[str, int], ...] = ()) -> Usage:
    """As TOKENS has them."""
    used = (*tokens[:6], False, *tokens[6:], calls)
    return Usage(*used)  # type: ignore[arg-type]  # the seventh is the flag


class Piece(msgspec.Struct, frozen=True):
    """`grain` 0 is what is read from the records."""

    grain: int
    since: int
    until: int


FOREVER = 1 << 62


def pieces(window: Window, minutes: int, records: int) -> list[Piece]:
    """The window as stretches of the largest grains. Where records are not kept any more, it begins and ends with an hour."""
    since, until = max(window.since_ms, 0), FOREVER if window.until_ms is None else window.until_ms
    if since < records:
        since -= since % HOUR_MS
    if until < records:
        until += -until % HOUR_MS
    return list(_cut(since, until, 0, minutes))


def _cut(since: int, until: int, level: int, minutes: int) -> Iterator[Piece]:
    if since >= until:
        return
    if level == len(GRAINS) or (GRAINS[level] == MINUTE_MS and since < minutes):
        yield Piece(0, since, until)
        return
    grain = GRAINS[level]
    first, last = -(-since // grain) * grain, until // grain * grain
    if until == FOREVER:
        last = FOREVER
    if first >= last:
        yield from _cut(since, until, level + 1, minutes)
        return
    yield from _cut(since, first, level + 1, minutes)
    yield Piece(grain, first, last)
    yield from _cut(last, until, level + 1, minutes)


def slices(connection: sqlite3.Connection, kind: Kind, window: Window) -> tuple[str, list[int | str]]:
    """A subquery with the columns of `kind`, `at_ms` and `seq`, whose rows add up to the window's, and its values. What
    stands alone has the `seq` of its attempt."""
    columns = ", ".join(("at_ms", *kind.keys, "seq", *kind.sums))
    of_tenant = "" if window.tenant is None else " AND tenant = ?"
    of_whom: list[int | str] = [] if window.tenant is None else [window.tenant]
    reach = horizons(connection)
    cut = pieces(window, reach.minutes, reach.records)
    if not cut:
        return f"(SELECT {columns} FROM {kind.table} WHERE 0)", []
    bounds = f"at_ms >= ? AND at_ms < ?{of_tenant}"
    by_position = bounds.replace("at_ms", "+at_ms")
    parts = [(_stored(kind, columns, bounds, piece.grain), piece.since, piece.until) for piece in cut if piece.grain]
    read = _read(kind, f"{bounds} AND seq <= {reach.rolled}", alone=False)
    parts += [(read, piece.since, piece.until) for piece in cut if not piece.grain]
    for part in (
        _stored(kind, columns, bounds, 0),
        _read(kind, f"{by_position} AND seq > {reach.rolled}", alone=True),
    ):
        parts.append((part, cut[0].since, cut[-1].until))
    values = [value for _, *ends in parts for value in (*ends, *of_whom)]
    return f"({' UNION ALL '.join(part for part, *_ in parts)})", values


def _stored(kind: Kind, columns: str, bounds: str, grain: int) -> str:
    return f"SELECT {columns} FROM {kind.table} WHERE grain = {grain} AND {bounds}"


def _read(kind: Kind, where: str, alone: bool) -> str:
    """From the records, each request for itself; with what stands alone, or without."""
    columns = ", ".join(("at_ms", *kind.keys, f"CASE WHEN {kind.odd} THEN entry ELSE -1 END AS seq"))
    sums = ", ".join(f"{of} AS {name}" for name, of in kind.sums.items())
    odd = "" if alone else f" AND NOT {kind.odd}"
    books = _books(f"(SELECT seq FROM requests WHERE {where})")
    return f"SELECT {columns}, {sums} FROM ({books}) AS books {kind.joined} WHERE {kind.where}{odd}"


def differences(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(table and bucket, what is odd) where sums are not those of the records."""
    there = kept(connection)
    if there is None:
        yield "kept", GONE
        return
    yield from _hidden(connection, there)
    books = f"({_books(f'(SELECT seq FROM requests WHERE at_ms >= ?1 AND seq <= {there.rolled})')})"
    for kind in KINDS:
        columns = ", ".join(("grain", "at_ms", *kind.keys, "seq", *kind.sums))
        for grain in (0, *GRAINS):
            since = max(there.records, there.minutes) if grain == MINUTE_MS else there.records
            ours, theirs = (
                f"SELECT {columns} FROM {kind.table} WHERE grain = {grain} AND at_ms >= ?1",
                _select(kind, grain, books),
            )
            for left, right, words in ((ours, theirs, "has"), (theirs, ours, "lacks")):
                for row in connection.execute(f"SELECT * FROM ({left}) EXCEPT SELECT * FROM ({right})", (since,)):
                    yield f"{kind.table} {row[0]} {row[1]}", f"{words} {row[2:]}, unlike the records"


def _hidden(connection: sqlite3.Connection, there: Kept) -> Iterator[tuple[str, str]]:
    """Where the horizons lie later than what there is, something that nobody looks at lies before them."""
    if connection.execute("SELECT 1 FROM meta WHERE key = ?", (RETIRING,)).fetchone() is None:
        (count,) = connection.execute("SELECT count(*) FROM requests WHERE at_ms < ?", (there.records,)).fetchone()
        if count:
            yield (
                "kept",
                f"records are said to begin at {there.records}, {count} are older: no sums are held against them",
            )
    for kind in KINDS:
        sql = f"SELECT count(*) FROM {kind.table} WHERE grain = {MINUTE_MS} AND at_ms < ?"
        (count,) = connection.execute(sql, (there.minutes,)).fetchone()
        if count:
            yield f"kept {kind.table}", f"minutes are said to begin at {there.minutes}, {count} are older"
