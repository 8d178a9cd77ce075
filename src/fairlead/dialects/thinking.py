"""How much is to be thought: the words for it, the tokens they come to, and which words each maker knows.

One scale for all dialects, so that a wish keeps its level on the way through several of them. A budget that a word
comes to is that word again. Any other is the next word above it, but never one above `high`: those are not known to
every model, and who gives a budget does not ask for them.
"""

from __future__ import annotations

BUDGETS: dict[str, int] = {
    "none": 0,
    "minimal": 1_024,
    "low": 4_096,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 49_152,
    "max": 65_536,
}
"""Tokens of thought that each effort comes to, rising."""
EFFORTS = tuple(BUDGETS)
_EXACT = {budget: effort for effort, budget in BUDGETS.items()}
_USUAL = EFFORTS[: EFFORTS.index("high") + 1]

CLAUDE = ("low", "medium", "high")
"""What every Anthropic model with efforts knows; all know `max` too, and some `xhigh`."""
GEMINI = ("minimal", "low", "medium", "high")
GEMINI_FROM_LOW = ("low", "medium", "high")
"""Of the larger Gemini models, which cannot think as little as possible."""
GEMINI_FIRST_PRO = ("low", "high")
CHAT = ("none", "minimal", "low", "medium", "high", "xhigh")


def effort_of(budget: int) -> str:
    """The effort that a number of tokens stands for."""
    exact = _EXACT.get(budget)
    if exact is not None:
        return exact
    return next((effort for effort in _USUAL if budget <= BUDGETS[effort]), "high")


def budget_of(effort: str) -> int:
    """The tokens of an effort; one that nobody knows is taken for much."""
    return BUDGETS.get(effort, BUDGETS["high"])


def nearest(effort: str, levels: tuple[str, ...]) -> str:
    """The level nearest to an effort: itself, else the next higher, else the highest. One that nobody knows stays."""
    if effort in levels or effort not in BUDGETS or not levels:
        return effort
    above = EFFORTS[EFFORTS.index(effort) :]
    return next((level for level in above if level in levels), levels[-1])
