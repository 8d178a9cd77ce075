"""The routing table: rules that say for which requests which models answer, in which order. The first that holds wins.

A rule that asks for a trait which is not known yet leaves the matter open (`OPEN`): the classifier is only asked when
the table needs its word, and a rule that holds without it never waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from fairlead.core.quality import Quality
from fairlead.core.traits import Traits

Effort = Literal["", "low", "medium", "high"]


class Match(msgspec.Struct, frozen=True):
    """What a request has to be. Everything that is given must hold; of several values one does."""

    tasks: frozenset[str] = frozenset()
    complexities: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    latency_classes: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    keywords: frozenset[str] = frozenset()
    tools: bool | None = None
    min_input: int = 0
    """Tokens."""
    max_input: int = 0
    """0 means no bound."""
    min_confidence: float = 0.0
    """Of the task."""
    min_floor: float = 0.0
    """The quality that the caller requires at least."""


class Settings(msgspec.Struct, frozen=True):
    """How the work is to be done, whoever does it."""

    threshold: float = 0.0
    """Confidence in the task from which the first model answers; below it the fallback does."""
    max_input: int = 0
    """Tokens that the first model takes; a longer request goes to the fallback."""
    max_latency_ms: int = 0
    thinking: Effort = ""
    quality_boost: bool = False
    quality: Quality | None = None
    """How such answers are checked, instead of as the policy says."""


class Rule(msgspec.Struct, frozen=True):
    name: str
    match: Match
    models: tuple[str, ...] = ()
    """Who answers, in order."""
    policy: str = ""
    """Of a route: the policy that holds for such requests."""
    settings: Settings = Settings()
    reason: str = ""


NO_SETTINGS = Settings()
OPEN: Final = "open"


def lookup(traits: Traits, rules: Sequence[Rule]) -> Rule | Literal["open"] | None:
    """The first rule that holds; OPEN when one before it may hold, for all that is known."""
    for rule in rules:
        held = holds(rule.match, traits)
        if held:
            return rule
        if held is None:
            return OPEN
    return None


def holds(match: Match, traits: Traits) -> bool | None:
    """Whether a request is so; None where that hangs on what is not known yet."""
    if match.min_input and traits.input_tokens < match.min_input:
        return False
    if match.max_input and traits.input_tokens > match.max_input:
        return False
    if match.min_floor and traits.quality_floor < match.min_floor:
        return False
    if match.tools is not None and match.tools is not traits.tools:
        return False
    if match.keywords and not match.keywords & traits.keywords:
        return False
    if match.modalities and not match.modalities & traits.modalities:
        return False
    known = True
    for wanted, trait in (
        (match.tasks, traits.task),
        (match.complexities, traits.complexity),
        (match.domains, traits.domain),
        (match.languages, traits.language),
        (match.latency_classes, traits.latency_class),
    ):
        if wanted and trait not in wanted:
            if trait:
                return False
            known = False
    if match.min_confidence:
        if not traits.task:
            known = False
        elif traits.task_confidence < match.min_confidence:
            return False
    return True if known else None


def in_words(match: Match) -> str:
    """A condition as a person reads it."""
    told = [
        f"{kind} {' or '.join(sorted(values))}"
        for kind, values in (
            ("task", match.tasks),
            ("complexity", match.complexities),
            ("domain", match.domains),
            ("language", match.languages),
            ("latency class", match.latency_classes),
            ("modality", match.modalities),
            ("keyword", match.keywords),
        )
        if values
    ]
    if match.tools is not None:
        told.append("with tools" if match.tools else "without tools")
    if match.min_input:
        told.append(f"at least {match.min_input:,} tokens of input")
    if match.max_input:
        told.append(f"at most {match.max_input:,} tokens of input")
    if match.min_floor:
        told.append(f"quality of at least {match.min_floor:g} required")
    if match.min_confidence:
        told.append(f"confidence in the task from {match.min_confidence:g}")
    return ", ".join(told) or "every request"
