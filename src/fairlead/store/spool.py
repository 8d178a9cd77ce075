"""Spool: the log an entry is in before anything irreversible happens.

An entry is one `write` into the page cache: it survives the death of the process, not the loss of power.

    entry    = length (u32) | crc (u32) | payload (msgpack, tagged arrays)
    crc      = crc32 of the payload, started with the entry's offset, so that no payload can pose as an entry
    position = segment number << 32 | offset

Rules:
- A segment is `NNNNNN.log`. A process never writes to a segment it did not create: a torn end stays where it is.
- A write that fails or falls short is taken back with `ftruncate`; where even that fails, a new segment begins.
- At a rotation the open intents are written again into the new segment, so a segment whose records and audits
  are ingested can go, however long a request takes. An intent may therefore be read twice; its attempt id tells.
- A reader skips what has no good checksum up to the next entry that has one, and reports it. It is `torn` if
  nothing good follows in that segment: that is how a killed process leaves it. Anything else is damage.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from fairlead.core.record import Entry, Intent
from fairlead.errors import StateError

SEGMENT_BYTES = 64 << 20
ENTRY_LIMIT = 1 << 20
HEADER = struct.Struct("<II")

_pack = HEADER.pack
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


class SpoolFailed(StateError):
    """An entry could not be written; nothing of it is in the log, and the next try may succeed."""


class EntryTooLarge(StateError):
    """An entry exceeds ENTRY_LIMIT; it will never fit."""


class Damage(msgspec.Struct, frozen=True):
    """Bytes of a segment that hold no readable entry."""

    segment: int
    offset: int
    size: int
    torn: bool
    """At the end of the segment: an entry that was being written when the process died."""


def position(segment: int, offset: int) -> int:
    return segment << 32 | offset


def segment_of(at: int) -> int:
    return at >> 32


def offset_of(at: int) -> int:
    return at & 0xFFFFFFFF


def segment_path(folder: Path, segment: int) -> Path:
    return folder / f"{segment:06d}.log"


def segments(folder: Path) -> list[int]:
    """The numbers of the segments that are there, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdecimal())


class Spool:
    """The writing end. Creates `segment` and appends to it; `open_intents` says what a new segment must repeat."""

    def __init__(
        self,
        folder: Path,
        segment: int,
        open_intents: Callable[[], Iterable[Intent]],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = folder
        self.segment = segment
        self.offset = 0
        self._open_intents = open_intents
        self._segment_bytes = segment_bytes
        self._unclean = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = self._create(segment)
        except OSError as error:
            raise SpoolFailed(f"cannot write to {folder}: {error.strerror}") from error

    @property
    def position(self) -> int:
        """Where the next entry goes."""
        return self.segment << 32 | self.offset

    def append(self, entry: Entry) -> tuple[int, bytes]:
        """Writes one entry; returns its position and its payload. Raises SpoolFailed, leaving the log as it was."""
        if self.offset >= self._segment_bytes or self._unclean:
            self._rotate()
        payload = _encode(entry)
        size = len(payload)
        if size > ENTRY_LIMIT:
            raise EntryTooLarge(f"an entry of {size} bytes exceeds the limit of {ENTRY_LIMIT}")
        offset = self.offset
        data = _pack(size, crc32(payload, offset)) + payload
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._take_back(error)
        if written != size + 8:
            self._finish(data[written:])
        self.offset = offset + size + 8
        return self.segment << 32 | offset, payload

    def read_at(self, at: int) -> bytes:
        """The payload of the entry at a position this spool returned."""
        with segment_path(self.folder, segment_of(at)).open("rb") as file:
            file.seek(offset_of(at))
            size, _ = HEADER.unpack(file.read(HEADER.size))
            return file.read(size)

    def drop_before(self, segment: int) -> None:
        """Deletes the segments below `segment`: everything in them is ingested."""
        for number in segments(self.folder):
            if number < segment:
                segment_path(self.folder, number).unlink(missing_ok=True)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _create(self, segment: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return os.open(segment_path(self.folder, segment), flags, 0o600)

    def _rotate(self) -> None:
        number = self.segment + 1
        framed: list[bytes] = []
        offset = 0
        for intent in self._open_intents():
            payload = _encode(intent)
            framed.append(_pack(len(payload), crc32(payload, offset)) + payload)
            offset += len(framed[-1])
        try:
            fd = self._create(number)
            try:
                _write_all(fd, b"".join(framed))
            except OSError:
                os.close(fd)
                segment_path(self.folder, number).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise SpoolFailed(f"cannot begin a new segment in {self.folder}: {error.strerror}") from error
        os.close(self._fd)
        self._fd, self.segment, self.offset, self._unclean = fd, number, offset, False

    def _finish(self, rest: bytes) -> None:
        try:
            _write_all(self._fd, rest)
        except OSError as error:
            self._take_back(error)

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self.offset)
        except OSError:
            self._unclean = True
        raise SpoolFailed(f"cannot write to {self.folder}: {error.strerror}; is the disk full?") from error


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_segment(folder: Path, segment: int, damaged: list[Damage]) -> Iterator[tuple[int, Entry, bytes]]:
    """(position, entry, payload) of every good entry, in order; what is not good is appended to `damaged`."""
    data = segment_path(folder, segment).read_bytes()
    offset, end = 0, len(data)
    while offset < end:
        found = _entry(data, offset)
        if found is None:
            begin = offset
            offset += 1
            while offset < end and (found := _entry(data, offset)) is None:
                offset += 1
            damaged.append(Damage(segment, begin, offset - begin, torn=offset >= end))
            if found is None:
                return
        entry, payload = found
        yield position(segment, offset), entry, payload
        offset += HEADER.size + len(payload)


def _entry(data: bytes, offset: int) -> tuple[Entry, bytes] | None:
    start = offset + HEADER.size
    if start > len(data):
        return None
    size, crc = HEADER.unpack_from(data, offset)
    if not 0 < size <= ENTRY_LIMIT or start + size > len(data):
        return None
    payload = data[start : start + size]
    if crc32(payload, offset) != crc:
        return None
    try:
        return _decode(payload), payload
    except msgspec.MsgspecError:
        return None
