"""A file of logs as numbered lines or objects, packed with gzip or not, without holding more of it than needed.

Lines (JSON lines, CSV) are read one at a time. A JSON document (an answer of an API, an array) is read whole, and its
objects are taken out one by one; there is a limit, beyond which one should make lines of it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from _csv import Reader

HEAD = 1 << 20
LONGEST = 64 << 20
"""Bytes of a line. A longer one is skipped and counted as wrong."""
LARGEST = 1 << 30
"""Bytes of a JSON document."""
PACKED = b"\x1f\x8b"
DELIMITERS = ",;\t"
BROKEN = (OSError, EOFError, zlib.error)
"""What reading may end with: a disk that fails, an archive that is cut off or none."""

File = TypeVar("File", bound=io.IOBase)


class _Page(msgspec.Struct):
    data: msgspec.Raw


_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
_PAGES = msgspec.json.Decoder(_Page)


class Source:
    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = path.open("rb", buffering=0)
        self._opened: list[io.IOBase] = [self._file]
        self.size = os.fstat(self._file.fileno()).st_size
        self._bytes: io.BufferedReader = self._keep(io.BufferedReader(self._file, HEAD))
        try:
            packed = self._bytes.peek(2).startswith(PACKED)
        except OSError:
            self.close()
            raise
        if packed:
            unpacked = self._keep(gzip.GzipFile(fileobj=self._bytes))
            self._bytes = self._keep(io.BufferedReader(cast(io.RawIOBase, unpacked), HEAD))

    def _keep(self, file: File) -> File:
        self._opened.append(file)
        return file

    def close(self) -> None:
        for file in reversed(self._opened):
            file.close()

    def position(self) -> int:
        """How many bytes of the file have been read, as it lies on the disk."""
        try:
            return self._file.tell()
        except OSError:  # a pipe
            return 0

    def head(self) -> bytes:
        """The beginning, which is read again afterwards."""
        return self._bytes.peek(HEAD)[:HEAD]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """What is not blank, by the number of its line."""
        number = 0
        while text := self._bytes.readline(LONGEST):
            number += 1
            if len(text) == LONGEST and not text.endswith(b"\n"):
                while (rest := self._bytes.readline(LONGEST)) and not rest.endswith(b"\n"):
                    pass
                text = b"..."  # which is no JSON either, and so is told and counted
            if text := text.strip():
                yield number, text.removeprefix(b"\xef\xbb\xbf")

    def objects(self) -> Iterator[tuple[int, bytes]]:
        """The objects of a JSON document, by the number of the line they begin on."""
        whole = self._bytes.read(LARGEST)
        if len(whole) == LARGEST:
            raise ValueError(
                f"a JSON document of more than {LARGEST >> 20} MB: make JSON lines of it, one object a line"
            )
        whole = whole.removeprefix(b"\xef\xbb\xbf")
        number, seen = 1, 0
        for one in unwrapped(whole):
            at = whole.find(one, seen)
            number += whole.count(b"\n", seen, at)
            seen = at
            yield number, one

    def table(self) -> tuple[list[str], Iterator[tuple[int, list[str] | csv.Error]]]:
        """The header of a CSV file, and its lines."""
        csv.field_size_limit(LONGEST)
        text = self._keep(io.TextIOWrapper(self._bytes, encoding="utf-8-sig", errors="replace", newline=""))
        first = self.head().splitlines()[0].decode("utf-8", "replace")
        reader = csv.reader(text, delimiter=delimiter(first))
        header = [name.strip() for name in next(reader, [])]
        return header, self._rows(reader)

    @staticmethod
    def _rows(reader: Reader) -> Iterator[tuple[int, list[str] | csv.Error]]:
        while True:
            try:
                for fields in reader:
                    if fields:
                        yield reader.line_num, fields
                return
            except csv.Error as problem:
                yield reader.line_num, problem


def delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def unwrapped(whole: bytes) -> list[bytes]:
    """The objects of a document: of an array, of a page with `data`, of several pages; or the one object it is."""
    whole = whole.strip()
    if whole.startswith(b"["):
        found: list[bytes] = []
        for one in _LISTS.decode(whole):
            inner = bytes(one)
            found += unwrapped(inner) if _is_page(inner) else [inner]
        return found
    if not _is_page(whole):
        return [whole]
    return unwrapped(bytes(_PAGES.decode(whole).data))


def _is_page(one: bytes) -> bool:
    """An object whose `data` are the objects; decoding finds out, and is only tried where the name stands there."""
    if not one.startswith(b"{") or b'"data"' not in one:
        return False
    try:
        return bytes(_PAGES.decode(one).data)[:1] in (b"[", b"{")
    except msgspec.DecodeError:
        return False
