"""Reads the whole of a text for what makes a request sensitive. Built once for a configuration.

1. `pieces` puts short texts together and cuts long ones, so that between two pieces a loop may breathe.
2. Each kind looks at a piece: a cheap look that most texts fail, then the candidates, then their check digits.
3. What was found becomes signals. A kind that has been found is not looked for again.

Time is linear in the text for any text; `benchmarks/sensitivity.py` measures it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fairlead.classify.sensitivity.kinds import FINDERS
from fairlead.classify.sensitivity.page import Page
from fairlead.classify.sensitivity.terms import Terms
from fairlead.core import sensitivity
from fairlead.core.call import Signal
from fairlead.core.sensitivity import Action
from fairlead.errors import Forbidden

PIECE = 32_768
OVERLAP = 1_024
"""Longer than anything that is looked for."""
SEAM = "\n\0\n"
"""Between two texts: nothing reaches over it."""


class Detector:
    def __init__(
        self, kinds: Iterable[str] = sensitivity.KINDS, terms: Iterable[str] = (), action: Action = "self_hosted"
    ) -> None:
        chosen = tuple(dict.fromkeys(kinds))
        if unknown := set(chosen) - FINDERS.keys():
            raise ValueError(f"nothing finds {', '.join(sorted(unknown))}; there are: {', '.join(FINDERS)}")
        self.action = action
        self._finders = [(name, FINDERS[name]) for name in chosen]
        listed = tuple(terms)
        self._terms = Terms(listed) if listed else None

    def find(self, texts: Iterable[str]) -> list[Signal]:
        found: dict[str, float] = {}
        for piece in pieces(texts):
            self.read(piece, found)
        return self.signals(found)

    def read(self, piece: str, found: dict[str, float]) -> None:
        """Adds to `found`: what there is in a piece -> how sure that is."""
        page = Page(piece)
        for name, look in self._finders:
            if name not in found:
                confidence = look(page)
                if confidence:
                    found[name] = confidence
        if self._terms is not None:
            self._terms.find(page, found)

    def signals(self, found: dict[str, float]) -> list[Signal]:
        value = sensitivity.MARKS if self.action == "mark" else sensitivity.BINDS
        return [Signal(sensitivity.SIGNAL, name, value, confidence) for name, confidence in found.items()]

    def verdict(self, found: dict[str, float]) -> tuple[Signal, ...]:
        """What was found, as signals; raises Forbidden where such requests are refused."""
        signals = tuple(self.signals(found))
        if signals and self.action == "refuse":
            raise refused(signals)
        return signals

    def check(self, texts: Iterable[str]) -> tuple[Signal, ...]:
        """`read` and `verdict` in one go."""
        found: dict[str, float] = {}
        for piece in pieces(texts):
            self.read(piece, found)
        return self.verdict(found)


def refused(found: Iterable[Signal]) -> Forbidden:
    """Says what kind of thing was found, never the thing."""
    names = ", ".join(sorted(signal.name.partition(":")[0] for signal in found))
    return Forbidden(f"The request holds what may not be sent here: {names}.", code="sensitive_content")


def pieces(texts: Iterable[str]) -> Iterator[str]:
    """The texts in pieces of at most PIECE characters; long ones overlap, and are cut between words where that can be."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if size + len(text) > PIECE and batch:
            yield SEAM.join(batch)
            batch, size = [], 0
        if len(text) > PIECE:
            yield from _cut(text)
        elif text:
            batch.append(text)
            size += len(text) + len(SEAM)
    if batch:
        yield SEAM.join(batch)


def _cut(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE:
        end = start + PIECE
        gap = text.rfind("\n", end - OVERLAP // 2, end)
        if gap < 0:
            gap = text.rfind(" ", end - OVERLAP // 2, end)
        end = end if gap < 0 else gap
        yield text[start:end]
        start = end - OVERLAP
        gap = text.find("\n", start, start + OVERLAP // 4)
        start = start if gap < 0 else gap
    yield text[start:]
