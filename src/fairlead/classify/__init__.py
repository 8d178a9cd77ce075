"""Signals: what is found out about a request before a model is chosen. One small file a kind, named here.

`signals` reads the structure alone; `read` reads the words too, and takes numpy and the weights with it at first need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from fairlead.classify import structure, tokens
from fairlead.core.call import Shape, Signal

if TYPE_CHECKING:
    from fairlead.classify.linear import Reason
    from fairlead.classify.request import Reading


KEPT = 1_024
"""Shapes of which the signals are remembered: what is asked again and again has the same."""


@lru_cache(KEPT)
def signals(shape: Shape) -> tuple[Signal, ...]:
    """Everything the structure of a request tells; its words are not read."""
    return (*structure.find(shape), *tokens.find(shape))


def read(shape: Shape, texts: Iterable[tuple[str, str]]) -> tuple[Signal, ...]:
    """What the words tell: task, complexity, domain, language, latency class; and that there are any."""
    return _reader()(shape, texts)


@cache
def _reader() -> Callable[[Shape, Iterable[tuple[str, str]]], tuple[Signal, ...]]:
    from fairlead.classify import words

    return words.read


def explain(shape: Shape, texts: Iterable[tuple[str, str]], head: str = "task", most: int = 8) -> list[Reason]:
    """Which words and traits spoke for what `read` said, loudest first."""
    from fairlead.classify import words

    return words.explain(shape, texts, head, most)


def warm() -> None:
    """Load the weights now rather than at the first request."""
    from fairlead.classify import linear

    linear.load()


def classify(request: str | Sequence[Mapping[str, Any]]) -> Reading:
    """What kind of request this is: a text, or the messages of a conversation in chat format."""
    from fairlead.classify import request as requests

    return requests.classify(request)
