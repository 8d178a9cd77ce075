"""How much a model is to think, in the words of the model: Gemini 3 and later take a level, Gemini 2.5 a number of
tokens, earlier ones do not think."""

from __future__ import annotations

from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import Reasoning
from fairlead.dialects.translate import Losses

BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
LEVELS = ("minimal", "low", "medium", "high")
_NEAREST_LEVEL = {"none": "minimal", "xhigh": "high", "max": "high"}
_NO_THOUGHTS = ("gemini-1", "gemini-2.0", "gemma", "learnlm")


def takes_level(target: Target) -> bool:
    """Gemini 3 and later, which also want signatures back with every call."""
    if "thinking_level" in target.flags:
        return True
    if "thinking_budget" in target.flags:
        return False
    name = _bare(target.model)
    return name.startswith("gemini-") and not name.startswith(("gemini-1", "gemini-2"))


def takes_budget(target: Target) -> bool:
    return "thinking_budget" in target.flags or _bare(target.model).startswith("gemini-2.5")


def config(reasoning: Reasoning, target: Target, losses: Losses) -> dict[str, str | int | bool]:
    """The thinkingConfig; empty for none."""
    found: dict[str, str | int | bool] = {}
    level, budget = takes_level(target), takes_budget(target)
    if not level and not budget:
        if reasoning.budget is not None or reasoning.effort not in ("", "none"):
            losses.add("reasoning")
        return found
    if reasoning.visible is not None:
        found["includeThoughts"] = reasoning.visible
    if level:
        wanted = _level(reasoning, losses)
        if wanted:
            found["thinkingLevel"] = _possible(wanted, _bare(target.model), losses).upper()
    else:
        tokens = _budget(reasoning, _bare(target.model), losses)
        if tokens is not None:
            found["thinkingBudget"] = tokens
    return found


def _bare(model: str) -> str:
    return model.rpartition("/")[2]


def _level(reasoning: Reasoning, losses: Losses) -> str:
    if reasoning.budget is not None:
        losses.add("reasoning_effort")
        return "low" if reasoning.budget <= 1024 else "medium" if reasoning.budget <= 8192 else "high"
    effort = reasoning.effort
    if not effort or effort in LEVELS:
        return effort
    losses.add("reasoning_effort")
    return _NEAREST_LEVEL.get(effort, "high")


def _possible(level: str, model: str, losses: Losses) -> str:
    """The larger models cannot think as little as possible, and the first of them knew two levels only."""
    if "pro" in model and level == "minimal":
        losses.add("reasoning_effort")
        return "low"
    if model.startswith("gemini-3-pro") and level == "medium":
        losses.add("reasoning_effort")
        return "high"
    return level


def _budget(reasoning: Reasoning, model: str, losses: Losses) -> int | None:
    wanted = reasoning.budget
    if wanted is None:
        if not reasoning.effort:
            return None
        wanted = BUDGETS.get(reasoning.effort, BUDGETS["high"])
        if reasoning.effort in ("minimal", "xhigh", "max") or reasoning.effort not in BUDGETS:
            losses.add("reasoning_effort")
    least, most = (128, 32768) if "pro" in model else (512, 24576) if "lite" in model else (1, 24576)
    if wanted == 0 and "pro" not in model:
        return 0
    possible = min(max(wanted, least), most)
    if possible != wanted:
        losses.add("reasoning_effort")
    return possible
