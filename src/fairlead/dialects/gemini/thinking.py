"""How much a model is to think, in the words of the model: Gemini 3 and later take a level, Gemini 2.5 a number of
tokens, earlier ones do not think."""

from __future__ import annotations

from fairlead.dialects import thinking as scale
from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import Reasoning
from fairlead.dialects.translate import Losses


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
        wanted = _level(reasoning, _bare(target.model), losses)
        if wanted:
            found["thinkingLevel"] = wanted.upper()
    else:
        tokens = _budget(reasoning, _bare(target.model), losses)
        if tokens is not None:
            found["thinkingBudget"] = tokens
    return found


def _bare(model: str) -> str:
    return model.rpartition("/")[2]


def _level(reasoning: Reasoning, model: str, losses: Losses) -> str:
    """The larger models cannot think as little as possible, and the first of them knew two levels only."""
    effort = reasoning.effort if reasoning.budget is None else scale.effort_of(reasoning.budget)
    if not effort:
        return ""
    levels: tuple[str, ...] = scale.GEMINI
    if "pro" in model:
        levels = scale.GEMINI_FIRST_PRO if model.startswith("gemini-3-pro") else scale.GEMINI_FROM_LOW
    level = scale.nearest(effort, levels) if effort in scale.BUDGETS else "high"
    if level != reasoning.effort:
        losses.add("reasoning_effort")
    return level


def _budget(reasoning: Reasoning, model: str, losses: Losses) -> int | None:
    wanted = reasoning.budget
    if wanted is None:
        if not reasoning.effort:
            return None
        wanted = scale.budget_of(reasoning.effort)
        if reasoning.effort not in scale.BUDGETS:
            losses.add("reasoning_effort")
    least, most = (128, 32768) if "pro" in model else (512, 24576) if "lite" in model else (1, 24576)
    if wanted == 0 and "pro" not in model:
        return 0
    possible = min(max(wanted, least), most)
    if possible != wanted:
        losses.add("reasoning_effort")
    return possible
