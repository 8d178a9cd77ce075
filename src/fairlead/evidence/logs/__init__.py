"""Logs of others and our own, one importer a file; which format a file has is found out from its beginning.

`Log` opens a file, says what it is, and yields its rows. A line that is none of its format is told with file and line,
and the next one is read; so is the rest of the other files when one of them breaks off.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fairlead.evidence.logs import anthropic, ledger, litellm, openai, openrouter, plain
from fairlead.evidence.logs.form import Columns, Format
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.source import BROKEN, Source, delimiter, unwrapped

FORMATS: tuple[Format, ...] = (
    *openai.FORMATS,
    *anthropic.FORMATS,
    *ledger.FORMATS,
    *litellm.FORMATS,
    *openrouter.FORMATS,
    *plain.FORMATS,
)
"""The first one that fits is taken: the particular ones first."""

TRIED = 20
"""Lines at the beginning that may be broken before a file counts as unreadable."""
WRONG = (ValueError, LookupError, OverflowError, RecursionError, TypeError, msgspec.MsgspecError, csv.Error)
"""What a line that is none of its format comes to, whatever is wrong with it."""

Told = Callable[[str, int, str], None]
"""Is told of what could not be read: file, line (0: all of it), reason."""


class Unreadable(ValueError):
    """A file that is no log, or none we know."""


class Log:
    """One file. `format` is known once it is opened; `rows` may be taken once."""

    def __init__(self, path: Path, told: Told) -> None:
        self.source = Source(path)
        try:
            self.format, self._table, self._lined = detect(self.source.head())
        except (Unreadable, *BROKEN):
            self.source.close()
            raise
        self.read = 0
        self.wrong = 0
        self._told = told

    def rows(self) -> Iterator[Row]:
        try:
            yield from self._of_table() if self._table else self._of_objects()
        except (*BROKEN, ValueError, msgspec.MsgspecError) as problem:
            self._refuse(0, problem)
        finally:
            self.source.close()

    def _refuse(self, line: int, problem: Exception) -> None:
        self.wrong += 1
        self._told(self.source.name, line, reason_of(problem))

    def _of_table(self) -> Iterator[Row]:
        header, lines = self.source.table()
        assert self.format.columns is not None
        read = self.format.columns(Columns({name.lower(): at for at, name in enumerate(header)}))
        for line, fields in lines:
            try:
                if isinstance(fields, csv.Error):
                    raise fields
                row = read(fields)
            except WRONG as problem:
                self._refuse(line, problem)
                continue
            if row is not None:
                self.read += 1
                yield row

    def _of_objects(self) -> Iterator[Row]:
        record = self.format.record
        assert record is not None
        for line, text in self._objects():
            try:
                rows = list(record(text))
            except WRONG as problem:
                self._refuse(line, problem)
                continue
            self.read += len(rows)
            yield from rows

    def _objects(self) -> Iterator[tuple[int, bytes]]:
        if not self._lined:
            yield from self.source.objects()
            return
        for number, text in self.source.lines():
            if b'"data"' in text:
                try:
                    inner = unwrapped(text)
                except msgspec.DecodeError:
                    inner = [text]
                for one in inner:
                    yield number, one
            else:
                yield number, text


def reason_of(problem: Exception) -> str:
    if isinstance(problem, IndexError):
        return "the line has too few columns"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    text = str(problem) or type(problem).__name__
    return f"this is not JSON: {text}" if "malformed" in text or "truncated" in text else text


def detect(head: bytes) -> tuple[Format, bool, bool]:
    """The format of a file that begins so; whether it is a table; and whether its objects are lines."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        raise Unreadable("the file is empty")
    if head[:1] not in (b"{", b"["):
        return _of_table(head), True, True
    lines = head.split(b"\n")
    for text in lines[:TRIED]:
        if (names := _keys(text)) is not None and (found := _fitting(names)) is not None:
            return found, False, True
    names = _keys(head) or _first_keys(head)
    if names is None:
        raise Unreadable("this is neither JSON, nor JSON lines, nor CSV")
    if (found := _fitting(names)) is None:
        raise Unreadable(f"no known log has objects with {', '.join(sorted(names)[:6]) or 'nothing'} in them")
    return found, False, False


def _of_table(head: bytes) -> Format:
    first = head.splitlines()[0].decode("utf-8", "replace")
    try:
        header = next(csv.reader([first.strip()], delimiter=delimiter(first)), [])
    except csv.Error:
        raise Unreadable("this is neither JSON, nor JSON lines, nor CSV") from None
    names = frozenset(name.strip().lower() for name in header)
    found = next((each for each in FORMATS if each.fits(names, table=True)), None)
    if found is None:
        raise Unreadable(f"no known log has the columns {', '.join(name.strip() for name in header[:6])[:200]}")
    return found


def _fitting(names: frozenset[str]) -> Format | None:
    return next((each for each in FORMATS if each.fits(names, table=False)), None)


def _keys(text: bytes) -> frozenset[str] | None:
    """The keys of the first object in a text that is whole; None if it is none."""
    try:
        first = unwrapped(text.strip().removesuffix(b","))
        keys = msgspec.json.decode(first[0], type=dict[str, msgspec.Raw]) if first else {}
    except (msgspec.MsgspecError, RecursionError):
        return None
    return frozenset(map(str.lower, keys))


def _first_keys(head: bytes) -> frozenset[str] | None:
    """The same for a document of which only the beginning is there: of the first object that is whole in it."""
    begin = 0
    while (begin := head.find(b"{", begin)) >= 0 and begin < len(head):
        end, depth_ends = begin, 0
        while (end := head.find(b"}", end + 1)) >= 0 and depth_ends < 200:
            depth_ends += 1
            if (names := _keys(head[begin : end + 1])) is not None and _fitting(names) is not None:
                return names
        begin += 1
        if head.count(b"{", 0, begin) > 4:
            return None
    return None
