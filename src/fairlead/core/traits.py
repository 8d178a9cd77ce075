"""Traits: what the signals of a request come to, one value a kind, as rules and strategies read them.

An empty word means "not known (yet)": a rule that asks for it can then neither hold nor fail. What the caller declared
goes before what was found, and is certain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.core.call import Signal, Wishes
from fairlead.core.model import CAPABILITIES

NONE: frozenset[str] = frozenset()


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
    quality_floor: float = 0.0
    """What the caller requires."""


def read(signals: Iterable[Signal], wishes: Wishes) -> Traits:
    task, task_confidence, declared = wishes.task, 1.0, bool(wishes.task)
    complexity, complexity_confidence = wishes.complexity, 1.0 if wishes.complexity else 0.0
    named = {"domain": wishes.domain, "language": "", "latency_class": wishes.latency_class}
    sizes = {"input": 0, "output": 0, "output_room": 0, "turns": 0, "chars": 0}
    modalities: list[str] = []
    keywords: list[str] = []
    capabilities = 0
    tools = False
    for signal in signals:
        kind, name = signal.kind, signal.name
        if kind == "tokens":
            sizes[name] = int(signal.value)
        elif kind == "structure":
            if name == "tools":
                tools = bool(signal.value)
            elif name in sizes:
                sizes[name] = int(signal.value)
        elif kind == "needs":
            if signal.value:
                capabilities |= CAPABILITIES[name]
        elif kind == "task":
            if not declared:
                task, task_confidence = name, signal.confidence
        elif kind == "complexity":
            if not wishes.complexity:
                complexity, complexity_confidence = name, signal.confidence
        elif kind in named:
            if kind == "language" or not getattr(wishes, kind):
                named[kind] = name
        elif kind == "modality":
            if name != "text":
                modalities.append(name)
        elif kind == "keyword":
            keywords.append(name)
    return Traits(
        task,
        task_confidence if task else 0.0,
        declared,
        complexity,
        complexity_confidence,
        named["domain"],
        named["language"],
        named["latency_class"],
        frozenset(modalities) if modalities else NONE,
        frozenset(keywords) if keywords else NONE,
        capabilities,
        tools,
        sizes["turns"],
        sizes["chars"],
        sizes["input"],
        sizes["output"],
        sizes["output_room"],
        wishes.quality_floor or 0.0,
    )
