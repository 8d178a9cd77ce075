"""Draws that come out alike on every machine and in every version of Python: the bits are a hash's, all that is made of
them is spelled out here, and what is drawn is rounded to where libraries of mathematics agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from math import cos, log, pi, pow, sqrt

DIGITS = 6
_BITS = 53
_UNIT = 2.0**-_BITS

Chance = Iterator[float]
"""Numbers from 0 to below 1, without end."""


def chance_of(seed: int, *names: str) -> Chance:
    """One of its own for each name, whoever else draws."""
    said = "\n".join((str(seed), *names)).encode()
    for block in count():
        bits = int.from_bytes(blake2b(said, salt=block.to_bytes(8, "little")).digest(), "little")
        for _ in range(8):
            bits, number = divmod(bits, 2**64)
            yield (number >> 64 - _BITS) * _UNIT


def beta(seed: int, name: str, good: float, bad: float) -> float:
    """A share, as likely as it is after so many good and bad judgements. Nearly always the same seed gives a larger one
    for more good and a smaller one for more bad."""
    x, y = gamma(chance_of(seed, name, "good"), good), gamma(chance_of(seed, name, "bad"), bad)
    return round(x / (x + y) if x + y else good / (good + bad), DIGITS)


def gamma(chance: Chance, shape: float) -> float:
    """Marsaglia and Tsang's way (2000): a cubed normal, refused where it would come too often."""
    if shape <= 0:
        return 0.0
    if shape < 1:
        return gamma(chance, shape + 1) * pow(1 - next(chance), 1 / shape)
    scale = shape - 1 / 3
    spread = 1 / sqrt(9 * scale)
    while True:
        z = normal(chance)
        value = (1 + spread * z) ** 3
        if value > 0 and log(1 - next(chance)) < z * z / 2 + scale * (1 - value + log(value)):
            return scale * value


def normal(chance: Chance) -> float:
    return sqrt(-2 * log(1 - next(chance))) * cos(2 * pi * next(chance))
