"""Spool: the log an entry is in before anything irreversible happens.

An entry goes into the page cache: it survives the death of the process, not the loss of power. Where the file
system can set a segment's space aside it is mapped, and an entry is a copy in memory; elsewhere it is one `write`.

    entry    = length (u32) | crc (u32) | payload (msgpack, tagged arrays)
    crc      = crc32 of the payload, started with the entry's offset, so that no payload can pose as an entry
    position = segment number << 32 | offset

Rules:
- A segment is `NNNNNN.log`. A process never writes to a segment it did not create: a torn end stays where it is.
- Space for a mapped segment is taken when it begins, so that no entry can meet a full disk; zeros follow the last
  entry. A write that fails or falls short is taken back with `ftruncate`, or else a new segment begins.
- At a rotation the open intents are written again into the new segment, so a segment whose records and audits
  are ingested can go, however long a request takes. An intent may therefore be read twice; its attempt id tells.
- A reader skips what has no good checksum up to the next entry that has one, and reports it. It is `torn` if
  nothing good follows in that segment: that is how a killed process leaves it. Anything else is damage.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from fairlead.core.record import Entry, Intent
from fairlead.errors import StateError
from fairlead.store.owner import is_at

SEGMENT_BYTES = 16 << 20
ENTRY_LIMIT = 1 << 20
RESIDENT = 4 << 20
HEADER = struct.Struct("<II")
blank = bytearray(768).copy
"""Makes bytes into which most payloads fit. To copy them is cheaper than to ask the type for new ones."""

Payload = bytes | bytearray
"""A bytearray where it was just written: sqlite3 binds that as it is, of bytes it asks first whether somebody adapts them."""

_pack = HEADER.pack
_encoder = msgspec.msgpack.Encoder()
_encode_into = _encoder.encode_into
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
        self._until = 0
        self._refusal = ""
        self._open_intents = open_intents
        self._segment_bytes = segment_bytes
        self._file: Mapped | Appended | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._begin(segment, b"")
        except OSError as error:
            raise SpoolFailed(f"cannot write to {folder}: {error.strerror}") from error

    @property
    def position(self) -> int:
        """Where the next entry goes."""
        return self.segment << 32 | self.offset

    def append(self, entry: Entry) -> tuple[int, bytearray]:
        """Writes one entry; returns its position and its payload."""
        payload = blank()
        return self.write(entry, payload), payload

    def write(self, entry: Entry, payload: bytearray) -> int:
        """Writes one entry, encoded into `payload`, whatever that held; returns its position. Raises SpoolFailed, leaving the
        log as it was."""
        offset = self.offset
        if offset >= self._until:
            self._go_on()
            offset = self.offset
        _encode_into(entry, payload)
        size = len(payload)
        if size > ENTRY_LIMIT:
            raise EntryTooLarge(f"an entry of {size} bytes exceeds the limit of {ENTRY_LIMIT}")
        framed = _pack(size, crc32(payload, offset)) + payload
        end = offset + len(framed)
        try:
            self._room[offset:end] = framed
        except OSError as error:
            self._until = 0
            raise SpoolFailed(f"cannot write to {self.folder}: {error.strerror}; is the disk full?") from error
        self.offset = end
        return self._base + offset

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

    def present(self) -> bool:
        """Whether the segment written to is still where a reader would look for it."""
        return self._file is None or is_at(segment_path(self.folder, self.segment), os.fstat(self._file.fd))

    def refuse(self, why: str) -> None:
        """From now on every append raises SpoolFailed."""
        self._refusal = why
        self._until = 0

    def close(self) -> None:
        file, self._file = self._file, None
        self._until = 0
        if file is not None:
            file.close(self.offset)

    def _go_on(self) -> None:
        """Sees to what must be done before the next entry, and to when something will have to be again."""
        if self._refusal:
            raise SpoolFailed(self._refusal)
        if self._file is None or self._file.unclean or self.offset >= self._segment_bytes:
            self._rotate()
        else:
            self._until = min(self._file.go_on(self.offset), self._segment_bytes)

    def _rotate(self) -> None:
        number = self.segment + 1
        framed: list[bytes] = []
        offset = 0
        for intent in self._open_intents():
            payload = _encoder.encode(intent)
            framed.append(_pack(len(payload), crc32(payload, offset)) + payload)
            offset += len(framed[-1])
        try:
            self._begin(number, b"".join(framed))
        except OSError as error:
            raise SpoolFailed(f"cannot begin a new segment in {self.folder}: {error.strerror}") from error

    def _begin(self, number: int, first: bytes) -> None:
        file = begin(segment_path(self.folder, number), self._segment_bytes, first)
        if self._file is not None:
            self._file.close(self.offset)
        self._file, self._room = file, file.room
        self.segment, self.offset, self._base = number, len(first), position(number, 0)
        self._until = min(file.go_on(self.offset), self._segment_bytes)


def begin(path: Path, size: int, first: bytes) -> Mapped | Appended:
    """A new segment holding `first`; nothing of it stays if that fails."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            file: Mapped | Appended = Mapped(fd, size + len(first) + ENTRY_LIMIT + HEADER.size)
        except (OSError, AttributeError):
            # No such call here, or no room for a whole segment: entries then go in one by one, as far as they fit.
            os.ftruncate(fd, 0)
            file = Appended(fd)
        file.room[0 : len(first)] = first
    except OSError:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return file


class Mapped:
    """A segment whose space is set aside, written as memory."""

    __slots__ = ("_kept", "fd", "room", "unclean")

    def __init__(self, fd: int, capacity: int) -> None:
        os.posix_fallocate(fd, 0, capacity)
        self.fd = fd
        self.room = mmap.mmap(fd, capacity)
        self._kept = 0
        self.unclean = False

    def go_on(self, offset: int) -> int:
        """The offset at which to come again: what is written belongs to the page cache, it need not count as memory of this
        process."""
        while offset - self._kept >= RESIDENT:
            self.room.madvise(mmap.MADV_DONTNEED, self._kept, RESIDENT)
            self._kept += RESIDENT
        return self._kept + RESIDENT

    def close(self, end: int) -> None:
        self.room.close()
        os.ftruncate(self.fd, end)
        os.close(self.fd)


class Appended:
    """A segment that grows with every entry. It is written like memory too."""

    __slots__ = ("fd", "room", "unclean")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.room = self
        self.unclean = False

    def __setitem__(self, place: slice, data: bytes) -> None:
        try:
            os.lseek(self.fd, place.start, os.SEEK_SET)
            _write_all(self.fd, data)
        except OSError:
            try:
                os.ftruncate(self.fd, place.start)
            except OSError:
                self.unclean = True
            raise

    def go_on(self, offset: int) -> int:
        return sys.maxsize

    def close(self, end: int) -> None:
        os.close(self.fd)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_segment(folder: Path, segment: int, damaged: list[Damage]) -> Iterator[tuple[int, Entry, bytes]]:
    """(position, entry, payload) of every good entry, in order; what is not good is appended to `damaged`."""
    data = segment_path(folder, segment).read_bytes()
    # Zeros after the last entry are space set aside; an entry that itself ends in zeros reaches past `end`.
    offset, end = 0, len(data.rstrip(b"\0"))
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
