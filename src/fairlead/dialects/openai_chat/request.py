"""Requests of Chat Completions, from and to the neutral form. Reading stands in `asking`, messages in `turns`."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from fairlead.dialects import neutral, toolnames
from fairlead.dialects import thinking as scale
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_chat import kinds
from fairlead.dialects.openai_chat.asking import read
from fairlead.dialects.openai_chat.message import NAME
from fairlead.dialects.openai_chat.turns import Json, Turns
from fairlead.dialects.translate import Losses

__all__ = ["read", "write_request"]

MOST_STOPS = 4
NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


class _Custom(msgspec.Struct):
    name: str = ""


class _CustomTool(msgspec.Struct):
    type: str = ""
    name: str = ""
    custom: _Custom | None = None


_CUSTOM_TOOL = msgspec.json.Decoder(_CustomTool)


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    """The body for a provider of this dialect. What it cannot say is in `losses`, or refused by them."""
    request = toolnames.written(request, NAME)
    tools, custom = _tools(request, target, losses)
    turns = request.turns
    body: Json = {"model": target.model, "messages": []}
    form = _format(request, target, losses)
    if form is not None:
        said, turns = form
        if said:
            body["response_format"] = said
    body["messages"] = Turns(target, custom, losses).messages(turns)
    if tools:
        body["tools"] = tools
        _tool_choice(request, body)
    _limit(request, target, body, losses)
    _sampling(request, target, body, losses)
    _reasoning(request, target, body, losses)
    _rest(request, target, body, losses)
    if request.stream:
        body["stream"] = True
        if target.kind != "mistral":
            body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def _tools(request: neutral.Request, target: Target, losses: Losses) -> tuple[list[object], frozenset[str]]:
    """(the tools as they are sent, the names of those that take text)."""
    tools: list[object] = []
    for tool in request.tools:
        if tool.freeform:
            losses.add("custom_tool", tool.name)
        function: Json = {"name": tool.name}
        if tool.description:
            function["description"] = tool.description
        if tool.parameters:
            function["parameters"] = Raw(tool.parameters)
        elif target.kind not in kinds.OPENAI:
            function["parameters"] = NO_PARAMETERS
        if tool.strict is not None:
            function["strict"] = tool.strict
        if tool.cache:
            losses.add("cache_marks")
        tools.append({"type": "function", "function": function})
    custom = []
    for foreign in request.foreign_tools:
        if foreign.dialect != NAME or foreign.kind == "web_search_options":
            losses.add("foreign_tool", foreign.kind)
            continue
        found = _CUSTOM_TOOL.decode(foreign.raw)
        if found.custom is not None:
            custom.append(found.custom.name)
        tools.append(Raw(foreign.raw))
    return tools, frozenset(custom)


def _tool_choice(request: neutral.Request, body: Json) -> None:
    if request.tool_choice == "tool":
        body["tool_choice"] = {"type": "function", "function": {"name": request.tool_name}}
    elif request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    if request.parallel is not None:
        body["parallel_tool_calls"] = request.parallel


def _format(
    request: neutral.Request, target: Target, losses: Losses
) -> tuple[Json | None, tuple[neutral.Turn, ...]] | None:
    """(response_format, the turns, with an instruction where the target needs one)."""
    form, turns = request.format, request.turns
    if form is None:
        return None
    if form.schema and target.kind not in kinds.NO_SCHEMA:
        schema: Json = {"name": _NOT_IN_NAMES.sub("_", form.name)[:64] or "answer", "schema": Raw(form.schema)}
        if form.description:
            schema["description"] = form.description
        if form.strict is not None:
            schema["strict"] = form.strict
        return {"type": "json_schema", "json_schema": schema}, turns
    if form.schema:
        losses.add("schema")
        turns = (_instruction("Answer with a JSON object that fits this JSON schema: " + form.schema.decode()), *turns)
    elif not _says_json(turns):
        # JSON mode is refused where nothing in the conversation asks for it.
        losses.add("json_object")
        turns = (_instruction("Answer with a JSON object."), *turns)
    return {"type": "json_object"}, turns


def _instruction(text: str) -> neutral.Turn:
    return neutral.Turn("system", (neutral.Text(text),))


def _says_json(turns: tuple[neutral.Turn, ...]) -> bool:
    return any(
        "json" in block.text.lower() for turn in turns for block in turn.blocks if isinstance(block, neutral.Text)
    )


def _limit(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    limit = request.max_output
    if limit is None:
        return
    if 0 < target.max_output < limit:
        losses.add("max_output")
        limit = target.max_output
    reasons = target.kind in kinds.OPENAI and "no_sampling" in target.flags
    body[target.max_tokens_field or ("max_completion_tokens" if reasons else "max_tokens")] = limit


def _sampling(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    if "no_sampling" in target.flags:
        # Temperature and top_p at their defaults are no wish.
        if request.temperature not in (None, 1) or request.top_p not in (None, 1) or request.top_k is not None:
            losses.add("sampling")
        if request.presence_penalty or request.frequency_penalty:
            losses.add("penalties")
        if request.logprobs:
            losses.add("logprobs")
        if request.stop:
            losses.add("stop")
    else:
        _sampling_freely(request, target, body, losses)
    if request.seed is not None:
        body["random_seed" if target.kind == "mistral" else "seed"] = request.seed
    if request.answers > 1:
        body["n"] = request.answers


def _sampling_freely(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    for field in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        value = getattr(request, field)
        if value is not None:
            body[field] = value
    if request.top_k is not None:
        if target.kind in kinds.TOP_K:
            body["top_k"] = request.top_k
        else:
            losses.add("top_k")
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs is not None:
            body["top_logprobs"] = request.top_logprobs
    stops = [word for word in request.stop if word]
    if len(stops) > MOST_STOPS:
        losses.add("stop")
    if stops:
        body["stop"] = stops[:MOST_STOPS]


def _reasoning(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    wish = request.reasoning
    if wish is None:
        return
    if target.kind in kinds.OPENAI and target.model.rpartition("/")[2].startswith(kinds.NO_REASONING):
        if wish.effort != "none":
            losses.add("reasoning")
        return
    knob = kinds.KNOBS.get(target.kind, kinds.PLAIN)
    effort = wish.effort or ("" if wish.budget is None else scale.effort_of(wish.budget))
    level = scale.nearest(effort, knob.levels) if effort else ""
    exact = level == wish.effort
    if knob.style == "object":
        asked: Json = {"effort": level} if wish.effort else {"enabled": True}
        if wish.budget is not None:
            asked, exact = {"max_tokens": wish.budget}, True
        if wish.visible is not None:
            asked["exclude"] = not wish.visible
        body["reasoning"] = asked
    elif knob.style == "thinking":
        exact = _thinking(effort, level, knob, body, exact)
    elif knob.style == "enable":
        body["enable_thinking"] = effort != "none"
        if wish.budget and effort != "none":
            body["thinking_budget"] = wish.budget
        exact = wish.effort in ("", "none")
    elif level:
        body["reasoning_effort"] = level
    if not exact:
        losses.add("reasoning_effort")


def _thinking(effort: str, level: str, knob: kinds.Knob, body: Json, exact: bool) -> bool:
    """Whether it says what was asked for."""
    if effort == "none":
        body["thinking"] = {"type": "disabled"}
        return True
    body["thinking"] = {"type": "enabled"}
    if effort and knob.levels:
        body["reasoning_effort"] = level
        return exact
    return not effort


def _rest(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    if request.user:
        if target.kind == "mistral":
            losses.add("user")
        else:
            body["user"] = request.user
    if request.verbosity:
        if target.kind in kinds.OPENAI and "no_sampling" in target.flags:
            body["verbosity"] = request.verbosity
        else:
            losses.add("verbosity")
    allowed = kinds.OPENAI_FIELDS if target.kind in kinds.OPENAI else kinds.COMMON_FIELDS
    for field, raw in request.others.items():
        if field not in allowed or (field == "service_tier" and raw not in kinds.TIERS):
            losses.add("field", field)
        elif field == "logit_bias" and "no_sampling" in target.flags:
            losses.add("logit_bias")
        else:
            body[field] = Raw(raw)
