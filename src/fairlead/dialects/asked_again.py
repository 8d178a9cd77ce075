"""Whether a request asked again may be given the answer it got before: what its own fields say of that, by dialect.

acting     it may act, or look at what changes: tools, searches
varying    it asks for chance: a temperature above zero, several answers
bound      it leans on what is kept and changes elsewhere
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Trait = Literal["acting", "varying", "bound"]

ACTING = frozenset(
    (
        "tools",
        "functions",
        "web_search_options",
        "mcp_servers",
        "container",
        "plugins",
        "search_parameters",
        "enable_search",
        "enable_web_search",
    )
)
"""Fields that say so where they hold anything: those of the dialects, and those of providers that speak them."""
NOTHING: tuple[object, ...] = (None, False, "", [])
"""What says that it does not; an empty object is how some are switched on."""
BOUND = {"openai_responses": ("conversation", "prompt", "background")}
SEVERAL = frozenset(("n", "best_of", "candidateCount", "candidate_count"))
SETTINGS = ("generationConfig", "generation_config")
"""Where Gemini's requests say how an answer is to be made."""


def traits(dialect: str, said: Mapping[str, Any]) -> set[Trait]:
    found: set[Trait] = set()
    if not ACTING.isdisjoint(said) and any(said.get(name) not in NOTHING for name in ACTING):
        found.add("acting")
    if any(said.get(name) for name in BOUND.get(dialect, ())):
        found.add("bound")
    for part in _settings(dialect, said):
        several = not SEVERAL.isdisjoint(part) and any(_above(part.get(name), 1) for name in SEVERAL)
        if several or _above(part.get("temperature"), 0):
            found.add("varying")
    return found


def is_settled(dialect: str, said: Mapping[str, Any]) -> bool:
    """Whether it asks for no chance at all: a temperature of zero."""
    return any(_number(part.get("temperature")) == 0 for part in _settings(dialect, said))


def temperature(dialect: str, said: Mapping[str, Any]) -> float:
    """The highest it asks for; 0 where it says nothing."""
    return max((_number(part.get("temperature")) or 0.0 for part in _settings(dialect, said)), default=0.0)


def _settings(dialect: str, said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if dialect != "gemini":
        return [said]
    return [part for name in SETTINGS if isinstance(part := said.get(name), dict)]


def _above(value: object, bound: float) -> bool:
    number = _number(value)
    return number is not None and number > bound


def _number(value: object) -> float | None:
    """As lenient readers take it: some accept a number in quotes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
