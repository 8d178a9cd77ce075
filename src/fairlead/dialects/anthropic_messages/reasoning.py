"""How much a model is to think: an effort where it thinks as much as it finds fit, a budget of tokens where not.

A budget is at least 1,024 tokens and stays below what may be said in all.
"""

from __future__ import annotations

from fairlead.dialects import neutral
from fairlead.dialects import thinking as scale
from fairlead.dialects.anthropic_messages import native
from fairlead.dialects.anthropic_messages.blocks import Json
from fairlead.dialects.anthropic_messages.native import DIALECT
from fairlead.dialects.dialect import Target
from fairlead.dialects.translate import Losses

LEAST_BUDGET = 1024


def read(request: native.Request) -> neutral.Reasoning | None:
    thinking = request.thinking
    effort = "" if request.output_config is None else request.output_config.effort or ""
    if thinking is None:
        return neutral.Reasoning(effort=effort) if effort else None
    if thinking.type == "disabled":
        return neutral.Reasoning(effort="none")
    shown = None if thinking.display is None else thinking.display != "omitted"
    if thinking.budget_tokens is not None:
        return neutral.Reasoning(budget=thinking.budget_tokens, visible=True if shown is None else shown)
    return neutral.Reasoning(effort=effort, visible=shown)


class Thinking:
    """How much is to be thought: `field` is the request's `thinking`, `config` its `output_config`."""

    __slots__ = ("config", "field", "on")

    def __init__(
        self,
        request: neutral.Request,
        turns: tuple[neutral.Turn, ...],
        limit: int,
        target: Target,
        losses: Losses,
    ) -> None:
        self.config: Json = {}
        self.field: Json = {}
        self.on = False
        wish = request.reasoning
        if wish is None:
            return
        if "no_thinking" in target.flags:
            if wish.effort != "none":
                losses.add("reasoning")
        elif wish.effort == "none":
            self.field = {"type": "disabled"}
        elif "adaptive_thinking" in target.flags:
            self._adaptive(wish, target, losses)
        elif limit <= LEAST_BUDGET or _amid_tools(turns):
            losses.add("reasoning")
        else:
            self._budgeted(wish, limit, losses)

    def _adaptive(self, wish: neutral.Reasoning, target: Target, losses: Losses) -> None:
        self.on = True
        self.field = {"type": "adaptive"}
        if wish.visible is not None:
            self.field["display"] = "summarized" if wish.visible else "omitted"
        effort = wish.effort if wish.budget is None else scale.effort_of(wish.budget)
        known = effort == "max" or (effort == "xhigh" and "xhigh_effort" in target.flags)
        level = effort if known else scale.nearest(effort, scale.CLAUDE)
        if level != wish.effort:
            losses.add("reasoning_effort")
        if level:
            self.config["effort"] = level

    def _budgeted(self, wish: neutral.Reasoning, limit: int, losses: Losses) -> None:
        budget = wish.budget
        if budget is None:
            if not wish.effort and not wish.visible:
                return
            losses.add("reasoning_effort")
            most = max(LEAST_BUDGET, limit * 3 // 4)
            budget = min(scale.budget_of(wish.effort or "medium"), most)
        fitting = min(max(budget, LEAST_BUDGET), limit - 1)
        if wish.budget is not None and fitting != wish.budget:
            losses.add("reasoning_effort")
        self.on = True
        self.field = {"type": "enabled", "budget_tokens": fitting}
        if wish.visible is False:
            self.field["display"] = "omitted"


def _amid_tools(turns: tuple[neutral.Turn, ...]) -> bool:
    """Whether results are handed to a turn that did not begin with a thought of Anthropic's own: with a budget such a
    turn cannot be gone on with."""
    if len(turns) < 2 or turns[-1].role != "user" or turns[-2].role != "assistant":
        return False
    if not any(isinstance(block, neutral.ToolResult) for block in turns[-1].blocks):
        return False
    first = next((block for block in turns[-2].blocks if not isinstance(block, neutral.Foreign)), None)
    return not (isinstance(first, neutral.Thinking) and first.origin == DIALECT and first.signature)
