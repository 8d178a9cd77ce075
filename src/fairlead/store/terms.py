"""Terms: the words that thousands of requests have in common, for the statements that put requests into their tables.

What is bound costs SQLite, a text most of all. So each set of words stands once in a table in memory, for as long as the
connection lasts, and a row is given the set's number in place of the words. What is stored is the words themselves.
"""

from __future__ import annotations

import sqlite3

KEPT = 10_000
"""Sets beyond which all are forgotten when the next batch begins."""
REQUEST_WORDS = ("key", "tenant", "model", "task", "purpose", "operation", "outcome", "team")
ATTEMPT_WORDS = ("attempted", "channel", "provider", "price_row")
"""Those of the first attempt."""
_WORDS = REQUEST_WORDS + ATTEMPT_WORDS
_PLACES = ", ".join("?" * len(_WORDS))


def with_terms(columns: str, number: int) -> str:
    """A SELECT of columns of `given`, which stands for rows of values, and of terms; which of the values is their number."""
    return f"SELECT {columns} FROM ({{}}) AS given CROSS JOIN temp.terms ON terms.id = given.column{number} WHERE true"


class Terms(dict[tuple[str, ...], int]):
    """The number of a set of words, in the order of `_WORDS`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(f"CREATE TEMP TABLE terms (id INTEGER PRIMARY KEY, {', '.join(_WORDS)})")

    def __missing__(self, words: tuple[str, ...]) -> int:
        number = len(self)
        self._connection.execute(f"INSERT OR REPLACE INTO temp.terms VALUES (?, {_PLACES})", (number, *words))
        self[words] = number
        return number

    def forget(self) -> None:
        """Not while rows name their numbers. It must be done after a transaction that was taken back: some are gone with it."""
        self.clear()
        self._connection.execute("DELETE FROM temp.terms")
