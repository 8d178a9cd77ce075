"""What threshold the semantic cache needs, and how often it would be wrong: measured on pairs of texts.

A pair of near-misses that is taken for one is a wrong hit; a pair that asks for the same and is taken for two is a hit
that is missed. The threshold is the highest that misses no hit more than the lowest does, among those whose rate of wrong
hits, with 95 % confidence, is not above what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import exp, lgamma, log, log1p
from pathlib import Path

import msgspec
import numpy as np

from fairlead.cache.nearest import ERROR, Vector
from fairlead.cache.settings import Strictness
from fairlead.cache.verifier.reading import Reading, read
from fairlead.cache.verifier.table import difference
from fairlead.cache.word_vector import by_words
from fairlead.evidence.train.near_misses import Pair, generated, written

SEED = 20_261
ALLOWED = 0.001
"""Wrong hits among near-misses."""
SURE = 0.95
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))

Embed = Callable[[str, Reading], Vector | None]


class Judged(msgspec.Struct, frozen=True):
    pair: Pair
    why: str
    """The check that tells the two apart; empty where none does."""
    cosine: float
    """Only of those that no check tells apart; else 0."""

    def hit(self, threshold: float) -> bool:
        return not self.why and self.cosine >= threshold - ERROR


class Count(msgspec.Struct, frozen=True):
    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def at_most(self) -> float:
        """The highest rate that so few hits leave likely."""
        return at_most(self.hits, self.of)


class Calibrated(msgspec.Struct, frozen=True):
    threshold: float
    judged: tuple[Judged, ...]
    card: str

    def wrong(self, which: Callable[[Pair], bool] = lambda pair: True) -> Count:
        return count((one for one in self.judged if not one.pair.same and which(one.pair)), self.threshold)

    def found(self, which: Callable[[Pair], bool] = lambda pair: True) -> Count:
        return count((one for one in self.judged if one.pair.same and which(one.pair)), self.threshold)


def calibrate(
    folder: Path, embed: Embed | None = None, strictness: Strictness = "strict", seed: int = SEED
) -> Calibrated:
    pairs = [*written(folder), *generated(folder, seed)]
    judged = tuple(judge(pair, embed or _by_words, strictness) for pair in pairs)
    threshold = chosen(judged)
    found = Calibrated(threshold, judged, "")
    return msgspec.structs.replace(found, card=card(found, strictness))


def _by_words(text: str, reading: Reading) -> Vector | None:
    return by_words(reading)


def judge(pair: Pair, embed: Embed, strictness: Strictness) -> Judged:
    first, second = read(pair.first), read(pair.second)
    why = difference(first, second, strictness)
    if why:
        return Judged(pair, why, 0.0)
    if first.words == second.words:
        return Judged(pair, "", 1.0)
    one, other = embed(pair.first, first), embed(pair.second, second)
    return Judged(pair, "", 0.0 if one is None or other is None else float(np.dot(one, other)))


def chosen(judged: Sequence[Judged]) -> float:
    """1 where none is good enough."""
    near = [one for one in judged if not one.pair.same and not one.pair.held_out]
    same = [one for one in judged if one.pair.same]
    alike = [one for one in near if not one.why]
    allowed = [each for each in THRESHOLDS if at_most(count(alike, each).hits, len(near)) <= ALLOWED]
    if not allowed:
        return 1.0
    most = count(same, allowed[0]).hits
    return max(each for each in allowed if count(same, each).hits == most)


def count(judged: Iterable[Judged], threshold: float) -> Count:
    hits = of = 0
    for one in judged:
        hits += one.hit(threshold)
        of += 1
    return Count(hits, of)


def at_most(hits: int, of: int, sure: float = SURE) -> float:
    """The rate at which so few hits, or fewer, would come with a chance of 1 - `sure` only."""
    low, high = hits / of if of else 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        if of and _likely(hits, of, rate) > 1 - sure:
            low = rate
        else:
            high = rate
    return high if of else 1.0


def _likely(hits: int, of: int, rate: float) -> float:
    """The chance of at most so many hits."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return float(hits >= of)
    return sum(
        exp(lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) + k * log(rate) + (of - k) * log1p(-rate))
        for k in range(hits + 1)
    )


def left_out(judged: Sequence[Judged]) -> list[tuple[str, float, Count]]:
    """Each kind of near-miss, the threshold that the others choose, and how often it is wrong on that kind then."""
    rows = []
    for kind in sorted({one.pair.kind for one in judged if not one.pair.same}):
        others = [one for one in judged if one.pair.same or one.pair.kind != kind]
        threshold = chosen(others)
        own = [one for one in judged if not one.pair.same and one.pair.kind == kind]
        rows.append((kind, threshold, count(own, threshold)))
    return rows


def card(found: Calibrated, strictness: Strictness) -> str:
    sources = sorted({one.pair.source for one in _near(found)})
    kinds = sorted({one.pair.kind for one in found.judged if one.pair.same})
    checks = sorted({one.why for one in found.judged if one.why and not one.pair.same})
    worst = max(left_out(found.judged), key=lambda row: row[2].share)
    lines = [
        f"verify: {strictness}   threshold: {found.threshold}",
        "",
        "near-misses                  wrong hits   of       at most (95 %)",
        *(_wrong(source, found.wrong(lambda pair, at=source: pair.source == at)) for source in sources),  # type: ignore[misc]
        _wrong("all", found.wrong()),
        f"threshold chosen without each kind: at worst {worst[2].hits} of {worst[2].of} ({worst[0]})",
        "",
        "the same in other words      found        of       recall",
        *(_right(kind, found.found(lambda pair, at=kind: pair.kind == at)) for kind in kinds),  # type: ignore[misc]
        _right("all", found.found()),
        "",
        "threshold   wrong hits   found",
        *(f"{each:<11} {count(_near(found), each).hits:<12} {count(_same(found), each).hits}" for each in THRESHOLDS),
        "",
        "told apart by: " + ", ".join(f"{check} {sum(one.why == check for one in _near(found))}" for check in checks),
    ]
    return "\n".join(lines)


def _near(found: Calibrated) -> list[Judged]:
    return [one for one in found.judged if not one.pair.same]


def _same(found: Calibrated) -> list[Judged]:
    return [one for one in found.judged if one.pair.same]


def _wrong(name: str, counted: Count) -> str:
    return f"{name:<28} {counted.hits:<12} {counted.of:<8} {counted.at_most:.3%}"


def _right(name: str, counted: Count) -> str:
    return f"{name:<28} {counted.hits:<12} {counted.of:<8} {counted.share:.0%}"
