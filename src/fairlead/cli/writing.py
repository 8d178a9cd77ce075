"""Rows of the ledger as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from fairlead.cli.messages import tr
from fairlead.cli.terminal import harmless_json, visible
from fairlead.core.cost import plain
from fairlead.errors import FairleadError
from fairlead.store.export import COLUMNS, Value

Rows = Iterator[tuple[Value, ...]]
Writer = Callable[[Rows, BinaryIO], None]
BATCH = 10_000
FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet would compute at the start of a cell."""


def writer(form: str) -> Writer:
    """Raises FairleadError where what it needs is not installed, before anything is written."""
    if form == "parquet":
        return _parquet()
    return _jsonl if form == "jsonl" else _csv


@contextmanager
def target(path: Path | None) -> Iterator[BinaryIO]:
    """A file takes its name when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    except OSError as problem:
        raise FairleadError(f"cannot write {path}: {problem.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _jsonl(rows: Rows, file: BinaryIO) -> None:
    import orjson

    names = [column.name for column in COLUMNS]
    for row in rows:
        line = orjson.dumps(dict(zip(names, row, strict=True)), default=_text)
        file.write((line.decode() if line.isascii() else harmless_json(line.decode())).encode() + b"\n")


def _csv(rows: Rows, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        made = csv.writer(text, lineterminator="\n")
        made.writerow([column.name for column in COLUMNS])
        for row in rows:
            made.writerow([_cell(value) for value in row])
    finally:
        text.detach()  # else it closes a file that is not its own


def _cell(value: Value) -> str | int:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _text(value)
    if isinstance(value, tuple):
        value = " ".join(value)
    return uncomputed(value)


def uncomputed(text: str) -> str:
    """As a spreadsheet shows it, whatever it begins with."""
    return visible(f"'{text}" if text.startswith(FORMULA) else text)


def _text(value: object) -> str:
    """A decimal without an exponent."""
    assert isinstance(value, Decimal)
    return plain(int(value.scaleb(9)))


def _parquet() -> Writer:
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise FairleadError(tr("Parquet needs pyarrow: pip install 'fairlead[parquet]'")) from None

    types: dict[str, Any] = {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "flag": pyarrow.bool_(),
        "amount": pyarrow.decimal128(38, 9),
        "texts": pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("ms", tz="UTC"),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in COLUMNS])

    def write(rows: Rows, file: BinaryIO) -> None:
        with parquet.ParquetWriter(file, schema, compression="zstd") as made:
            while batch := list(islice(rows, BATCH)):
                columns = [
                    pyarrow.array(values, field.type)
                    for values, field in zip(zip(*batch, strict=True), schema, strict=True)
                ]
                made.write_table(pyarrow.Table.from_arrays(columns, schema=schema))

    return write
