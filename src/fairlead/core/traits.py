"""Traits: what the signals of a request come to, one value a kind, as rules and strategies read them.

An empty word means "not known (yet)": a rule that asks for it can then neither hold nor fail. What the caller declared
goes before what was found, and is certain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.core.call import Signal, Wishes
from fairlead.core.model import CAPABILITIES


class Traits(msgspec.Struct, frozen=True):
    task: str = ""
    task_confidence: float = 0.0
    declared: bool = False
    """Whether the caller said what the task is."""
    complexity: str = ""
    complexity_confidence: float = 0.0
    domain: str = ""
    language: str = ""
    latency_class: str = ""
    modalities: frozenset[str] = frozenset()
    """Beside text."""
    keywords: frozenset[str] = frozenset()
    """Those of the configured words that stand in the request."""
    capabilities: int = 0
    tools: bool = False
    turns: int = 0
    chars: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    """What the answer is expected to take."""
    output_room: int = 0
    """What the answer may take at most, as far as the caller said; 0 otherwise."""


_TOKENS = {"input": "input_tokens", "output": "output_tokens", "output_room": "output_room"}
_STRUCTURE = {"turns": "turns", "chars": "chars"}


def read(signals: Iterable[Signal], wishes: Wishes) -> Traits:
    found: dict[str, object] = {}
    modalities: list[str] = []
    keywords: list[str] = []
    capabilities = 0
    for signal in signals:
        kind = signal.kind
        if kind == "tokens":
            found[_TOKENS[signal.name]] = int(signal.value)
        elif kind == "needs":
            if signal.value:
                capabilities |= CAPABILITIES[signal.name]
        elif kind == "structure":
            field = _STRUCTURE.get(signal.name)
            if field is not None:
                found[field] = signal.value
            elif signal.name == "tools":
                found["tools"] = bool(signal.value)
        elif kind == "task":
            found["task"], found["task_confidence"] = signal.name, signal.confidence
        elif kind == "complexity":
            found["complexity"], found["complexity_confidence"] = signal.name, signal.confidence
        elif kind == "domain" or kind == "language" or kind == "latency_class":
            found[kind] = signal.name
        elif kind == "modality":
            if signal.name != "text":
                modalities.append(signal.name)
        elif kind == "keyword":
            keywords.append(signal.name)
    if wishes.task:
        found["task"], found["task_confidence"], found["declared"] = wishes.task, 1.0, True
    if wishes.complexity:
        found["complexity"], found["complexity_confidence"] = wishes.complexity, 1.0
    if wishes.domain:
        found["domain"] = wishes.domain
    if wishes.latency_class:
        found["latency_class"] = wishes.latency_class
    if modalities:
        found["modalities"] = frozenset(modalities)
    if keywords:
        found["keywords"] = frozenset(keywords)
    if capabilities:
        found["capabilities"] = capabilities
    return Traits(**found)  # type: ignore[arg-type]
