"""Vectors as sketches: on which side of 512 planes through the origin each one lies, a bit for each.

Two vectors with the angle a between them differ in a/pi of the bits, whatever they are vectors of: how many bits differ
tells the angle to within a few degrees. That is enough to pick the few that are then compared exactly, and takes 64 bytes
where the vector takes thousands.

Sketches lie in a log, as rows one after the other in the order of time:

    name    28 bytes, of where the request and its answer are
    at       4, epoch seconds
    bits    64

The planes are the same everywhere. What changes them, or the rows, changes SPACE.
"""

from __future__ import annotations

import math
from functools import cache
from hashlib import shake_256

import numpy as np
import numpy.typing as npt

from fairlead.cache.nearest import Vector

SPACE = "planes/1"
BITS = 512
COLUMNS = BITS // 64
NAME = 28
SPREAD = 4.0
"""Standard deviations by which more bits may differ than is to be expected: of a hundred thousand vectors that are just as
near as was asked for, three are missed."""
BLOCK = 16_384
"""Rows compared before the next ones: they stay in the processor's cache."""
FIRST = 16
"""Rows there is room for at first."""

ROW = np.dtype([("name", f"V{NAME}"), ("at", "<u4"), ("bits", "<u8", (COLUMNS,))])
GONE = 0
"""`at` of a row that leads nowhere any more."""

Bits = npt.NDArray[np.uint64]


class Sketches:
    """The rows of a log, as far as they were read. A search may go on in a thread while rows are added."""

    def __init__(self) -> None:
        self._names = np.empty(FIRST, ROW["name"])
        self._at = np.empty(FIRST, np.uint32)
        self._bits = np.empty((COLUMNS, FIRST), np.uint64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._at) * ROW.itemsize

    def take(self, log: bytes) -> None:
        """More rows of the log, whole ones."""
        rows = np.frombuffer(log, ROW)
        begin, end = self._count, self._count + len(rows)
        if end > len(self._at):
            self._grow(max(end, 2 * len(self._at)))
        self._names[begin:end] = rows["name"]
        self._at[begin:end] = rows["at"]
        self._bits[:, begin:end] = rows["bits"].T
        self._count = end

    def search(self, bits: Bits, least: float, most: int, since: float) -> list[tuple[bytes, int]]:
        """Names of at most so many rows that may have at least that cosine, with their places; not older than `since`."""
        count, at, columns = self._count, self._at, self._bits
        differ = np.zeros(count, np.uint16)
        for begin in range(0, count, BLOCK):
            end = min(begin + BLOCK, count)
            part = differ[begin:end]
            for column, word in zip(columns, bits, strict=True):
                part += np.bitwise_count(column[begin:end] ^ word)
        near = np.flatnonzero(differ <= farthest(least))
        near = near[at[near] >= max(since, GONE + 1)]
        if len(near) > most:
            near = near[np.argpartition(differ[near], most - 1)[:most]]
        near = near[np.argsort(differ[near], kind="stable")]
        return [(self._names[place].tobytes(), int(place)) for place in near]

    def forget(self, place: int) -> None:
        """What this row led to is gone."""
        self._at[place] = GONE

    def _grow(self, room: int) -> None:
        names, at, bits = self._names, self._at, self._bits
        count = self._count
        self._names, self._at = np.empty(room, ROW["name"]), np.empty(room, np.uint32)
        self._bits = np.empty((COLUMNS, room), np.uint64)
        self._names[:count], self._at[:count], self._bits[:, :count] = names[:count], at[:count], bits[:, :count]


def sketch(vector: Vector) -> Bits:
    return np.packbits(_planes(len(vector)) @ vector > 0).view("<u8")


def row(name: bytes, at: float, bits: Bits) -> bytes:
    return np.array((name, int(at), bits), ROW).tobytes()


def farthest(least: float) -> int:
    """Most bits that differ between two vectors of at least that cosine, but for a few."""
    share = math.acos(max(-1.0, min(1.0, least))) / math.pi
    return math.ceil(BITS * share + SPREAD * math.sqrt(BITS * share * (1 - share)))


@cache
def _planes(size: int) -> npt.NDArray[np.float32]:
    """By what stands at right angles on each. Corners of a cube: of vectors of some length as good as any directions, and
    the same with every version of everything."""
    count = BITS * size
    drawn = np.frombuffer(shake_256(f"{SPACE} {size}".encode()).digest((count + 7) // 8), np.uint8)
    return (np.unpackbits(drawn, count=count).astype(np.float32) * 2 - 1).reshape(BITS, size)
