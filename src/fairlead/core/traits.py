"""Traits: what the signals of a request come to, one value a kind, as rules and strategies read them.

An empty word means "not known (yet)": a rule that asks for it can then neither hold nor fail. What the caller declared
goes before what was found, and is certain.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fairlead.core import sensitivity
from fairlead.core.call import Signal, Wishes
from fairlead.core.model import CAPABILITIES

NONE: frozenset[str] = frozenset()
KEPT = 1_024
"""A request is asked for its traits more than once, and what is asked again has the same."""


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
    sensitive: bool = False
    """Whether what it says binds it to where it may go."""
    longest_input: int = 0
    """Tokens of the longest of several inputs that are each taken by itself; 0 where there is but one."""


@lru_cache(KEPT)
def read(signals: tuple[Signal, ...], wishes: Wishes) -> Traits:
    task, task_confidence, declared = wishes.task, 1.0, bool(wishes.task)
    complexity, complexity_confidence = wishes.complexity, 1.0 if wishes.complexity else 0.0
    domain, language, latency_class = wishes.domain, "", wishes.latency_class
    turns = chars = input_tokens = output_tokens = output_room = longest_input = capabilities = 0
    modalities: list[str] = []
    keywords: list[str] = []
    tools = sensitive = False
    for signal in signals:
        kind, name = signal.kind, signal.name
        if kind == "tokens":
            if name == "input":
                input_tokens = int(signal.value)
            elif name == "output":
                output_tokens = int(signal.value)
            elif name == "output_room":
                output_room = int(signal.value)
            elif name == "longest_input":
                longest_input = int(signal.value)
        elif kind == "structure":
            if name == "turns":
                turns = int(signal.value)
            elif name == "chars":
                chars = int(signal.value)
            elif name == "tools":
                tools = bool(signal.value)
        elif kind == "task":
            if not declared:
                task, task_confidence = name, signal.confidence
        elif kind == "complexity":
            if not wishes.complexity:
                complexity, complexity_confidence = name, signal.confidence
        elif kind == "domain":
            domain = wishes.domain or name
        elif kind == "language":
            language = name
        elif kind == "latency_class":
            latency_class = wishes.latency_class or name
        elif kind == "modality":
            if name != "text":
                modalities.append(name)
        elif kind == "needs":
            if signal.value:
                capabilities |= CAPABILITIES[name]
        elif kind == "keyword":
            keywords.append(name)
        elif kind == sensitivity.SIGNAL:
            sensitive = sensitive or signal.value is sensitivity.BINDS
    return Traits(
        task, task_confidence if task else 0.0, declared, complexity, complexity_confidence, domain, language, latency_class,
        frozenset(modalities) if modalities else NONE, frozenset(keywords) if keywords else NONE, capabilities, tools, turns,
        chars, input_tokens, output_tokens, output_room, wishes.quality_floor or 0.0, sensitive,
        longest_input,
    )  # fmt: skip
