"""Draws that come out alike on every machine and in every version of Python: of a generator only `random()` is promised
to stay, so the rest is spelled out here, and what is drawn is rounded to where libraries of mathematics agree.
"""

from __future__ import annotations

from hashlib import blake2b
from math import cos, log, pi, pow, sqrt
from random import Random

DIGITS = 6


def generator(seed: int, *names: str) -> Random:
    """One of its own for each name, whoever else draws."""
    said = "\n".join((str(seed), *names)).encode()
    return Random(int.from_bytes(blake2b(said, digest_size=8).digest()))


def beta(seed: int, name: str, good: float, bad: float) -> float:
    """A share, as likely as it is after so many good and bad judgements. Nearly always the same seed gives a larger one
    for more good and a smaller one for more bad."""
    x, y = gamma(generator(seed, name, "good"), good), gamma(generator(seed, name, "bad"), bad)
    return round(x / (x + y) if x + y else good / (good + bad), DIGITS)


def gamma(chance: Random, shape: float) -> float:
    """Marsaglia and Tsang's way (2000): a cubed normal, refused where it would come too often."""
    if shape <= 0:
        return 0.0
    if shape < 1:
        return gamma(chance, shape + 1) * pow(1 - chance.random(), 1 / shape)
    scale = shape - 1 / 3
    spread = 1 / sqrt(9 * scale)
    while True:
        z = normal(chance)
        value = (1 + spread * z) ** 3
        if value > 0 and log(1 - chance.random()) < z * z / 2 + scale * (1 - value + log(value)):
            return scale * value


def normal(chance: Random) -> float:
    return sqrt(-2 * log(1 - chance.random())) * cos(2 * pi * chance.random())
