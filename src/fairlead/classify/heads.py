"""The columns of the weights: which questions the model answers, and the answers to each, in order."""

from __future__ import annotations

from fairlead.classify.tasks import COMPLEXITIES, TASKS

LATIN_LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "vi", "id", "sv", "ro", "cs")
"""Languages in the Latin script; the others are told by their scripts."""

HEADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("task", TASKS),
    ("complexity", COMPLEXITIES),
    ("critical", ("no", "yes")),
    ("language", LATIN_LANGUAGES),
)
COLUMNS = sum(len(names) for _, names in HEADS)


def spans() -> dict[str, slice]:
    """Where each head's columns are."""
    found, start = {}, 0
    for head, names in HEADS:
        found[head] = slice(start, start + len(names))
        start += len(names)
    return found


SPANS = spans()
