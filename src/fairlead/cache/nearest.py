"""Vectors side by side, and the nearest to one of them: every row is compared, so nothing is missed.

Rows are kept in eight bits with a scale each, a quarter of their size, and compared with the whole vector that is sought:
that moves a cosine by less than ERROR. Blocks of rows are made wide one after the other, so that they stay in the
processor's cache: it is faster than reading wide rows from memory.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]

ERROR = 0.004
STEPS = 127
BLOCK = 512
"""Rows."""
FIRST = 16
"""Rows there is room for at first."""


class Nearest:
    """Numbers by their vectors."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows = np.empty((FIRST, size), np.int8)
        self._scales = np.empty(FIRST, np.float32)
        self._numbers = np.empty(FIRST, np.int64)
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    @property
    def work(self) -> int:
        """Products that one search takes."""
        return len(self._places) * self.size

    def set(self, number: int, vector: Vector) -> None:
        """A vector of length one. A number stands for one vector at a time."""
        place = len(self._places)
        if place == len(self._rows):
            self._grow(place * 2)
        most = float(np.abs(vector).max())
        scale = most / STEPS if most else 1.0
        self._rows[place] = np.rint(vector / np.float32(scale))
        self._scales[place] = scale
        self._numbers[place] = number
        self._places[number] = place

    def remove(self, number: int) -> None:
        """The last row takes its place."""
        place = self._places.pop(number)
        last = len(self._places)
        if place != last:
            self._rows[place] = self._rows[last]
            self._scales[place] = self._scales[last]
            self._numbers[place] = self._numbers[last]
            self._places[int(self._numbers[place])] = place

    def again(self, vector: Vector, found: list[tuple[int, float]], least: float) -> list[tuple[int, float]]:
        """What was found, as it is now: rows may have moved while a thread compared them."""
        told = [(number, self._cosine(self._places[number], vector)) for number, _ in found if number in self._places]
        return sorted((one for one in told if one[1] >= least), key=lambda one: -one[1])

    def _cosine(self, place: int, vector: Vector) -> float:
        return min(1.0, float(self._rows[place].astype(np.float32) @ vector) * float(self._scales[place]))

    def search(self, vector: Vector, most: int, least: float) -> list[tuple[int, float]]:
        """At most so many of at least that cosine, the nearest first."""
        count = len(self._places)
        if not count or not math.isfinite(float(vector @ vector)):
            return []
        found = np.empty(count, np.float32)
        wide = np.empty((min(BLOCK, count), self.size), np.float32)
        rows = self._rows
        for begin in range(0, count, BLOCK):
            end = min(begin + BLOCK, count)
            part = wide[: end - begin]
            part[...] = rows[begin:end]
            np.dot(part, vector, out=found[begin:end])
        found *= self._scales[:count]
        near = np.flatnonzero(found >= least)
        if len(near) > most:
            near = near[np.argpartition(found[near], len(near) - most)[-most:]]
        near = near[np.argsort(-found[near], kind="stable")]
        return [(int(self._numbers[at]), min(1.0, float(found[at]))) for at in near]

    def _grow(self, room: int) -> None:
        rows, scales, numbers = self._rows, self._scales, self._numbers
        count = len(rows)
        self._rows = np.empty((room, self.size), np.int8)
        self._scales, self._numbers = np.empty(room, np.float32), np.empty(room, np.int64)
        self._rows[:count], self._scales[:count], self._numbers[:count] = rows, scales, numbers


def unit(numbers: npt.ArrayLike) -> Vector | None:
    """At length one; None where it has no direction."""
    found = np.asarray(numbers, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.linalg.norm(found))
    return (found / length).astype(np.float32) if math.isfinite(length) and length > 0 else None
