"""Requests of Responses, from and to the neutral form. Reading stands in `asking`, items in `turns`."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from fairlead.dialects import neutral, toolnames
from fairlead.dialects import thinking as scale
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_responses.asking import ENCRYPTED, LOGPROBS, read
from fairlead.dialects.openai_responses.native import LEAST_OUTPUT, NAME
from fairlead.dialects.openai_responses.turns import Json, Turns
from fairlead.dialects.translate import Losses

__all__ = ["read", "write_request"]

NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
NO_REASONING = ("gpt-4", "gpt-3", "chatgpt")
"""Models that refuse the field."""
EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})
LONGEST_USER = 64
ALIKE = frozenset({"metadata", "service_tier", "prompt_cache_key", "safety_identifier", "prompt_cache_retention"})
"""Fields of other dialects of the same maker that mean the same here."""
TIERS = (b'"auto"', b'"default"', b'"flex"', b'"priority"', b'"scale"')
OWN = frozenset({"max_tool_calls", "truncation", "client_metadata", "prompt_cache_options", "moderation"})
"""Fields that only this dialect has."""
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    """The body for a provider of this dialect. What it cannot say is in `losses`, or refused by them.

    Nothing is kept at the provider: thoughts come along, to be sent back with what follows.
    """
    request = toolnames.written(request, NAME)
    custom = frozenset(tool.name for tool in request.tools if tool.freeform)
    form, turns = _form(request, losses)
    body: Json = {"model": target.model, "input": Turns(target, custom, losses).items(turns), "store": False}
    _tools(request, body, custom, losses)
    if form:
        body["text"] = form
    _reasoning(request, target, body, losses)
    _sampling(request, target, body, losses)
    _limit(request, target, body, losses)
    _rest(request, body, losses)
    if request.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _tools(request: neutral.Request, body: Json, custom: frozenset[str], losses: Losses) -> None:
    written: list[object] = []
    for tool in request.tools:
        if tool.cache:
            losses.add("cache_marks")
        if tool.freeform:
            written.append(Raw(tool.freeform))
            continue
        one: Json = {"type": "function", "name": tool.name}
        if tool.description:
            one["description"] = tool.description
        # Left out it would stand for true here, which other dialects do not mean.
        written.append(one | {"parameters": _schema(tool.parameters), "strict": bool(tool.strict)})
    for foreign in request.foreign_tools:
        if foreign.dialect == NAME:
            written.append(Raw(foreign.raw))
        else:
            losses.add("foreign_tool", foreign.kind)
    if not written:
        return
    body["tools"] = written
    if request.tool_choice == "tool":
        kind = "custom" if request.tool_name in custom else "function"
        body["tool_choice"] = {"type": kind, "name": request.tool_name}
    elif request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    if request.parallel is not None:
        body["parallel_tool_calls"] = request.parallel


def _schema(parameters: bytes) -> Raw:
    return Raw(parameters) if parameters else NO_PARAMETERS


def _form(request: neutral.Request, losses: Losses) -> tuple[Json, tuple[neutral.Turn, ...]]:
    """(`text`, the turns, with an instruction where JSON mode needs one)."""
    text: Json = {}
    form, turns = request.format, request.turns
    if form is not None and form.schema:
        schema: Json = {"type": "json_schema", "name": _NOT_IN_NAMES.sub("_", form.name)[:64] or "answer"}
        if form.description:
            schema["description"] = form.description
        text["format"] = schema | {"schema": Raw(form.schema), "strict": bool(form.strict)}
    elif form is not None:
        text["format"] = {"type": "json_object"}
        if not _says_json(turns):
            # JSON mode is refused where nothing in the conversation asks for it.
            losses.add("json_object")
            turns = (neutral.Turn("system", (neutral.Text("Answer with a JSON object."),)), *turns)
    if request.verbosity:
        text["verbosity"] = request.verbosity
    return text, turns


def _says_json(turns: tuple[neutral.Turn, ...]) -> bool:
    return any(
        "json" in block.text.lower() for turn in turns for block in turn.blocks if isinstance(block, neutral.Text)
    )


def _reasoning(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    wish = request.reasoning
    if target.model.rpartition("/")[2].startswith(NO_REASONING):
        if wish is not None and wish.effort != "none":
            losses.add("reasoning")
        return
    if wish is not None or "no_sampling" in target.flags:
        body["include"] = [ENCRYPTED]
    if wish is None:
        return
    effort = scale.nearest(wish.effort if wish.budget is None else scale.effort_of(wish.budget), scale.CHAT)
    if effort != wish.effort:
        losses.add("reasoning_effort")
    asked: Json = {"effort": effort} if effort else {}
    if wish.visible:
        asked["summary"] = "auto"
    if asked:
        body["reasoning"] = asked


def _sampling(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    for field in ("temperature", "top_p"):
        value = getattr(request, field)
        if value is None:
            continue
        if "no_sampling" not in target.flags:
            body[field] = value
        elif value != 1:
            losses.add("sampling")
    if request.logprobs:
        body["top_logprobs"] = request.top_logprobs or 0
        had = body.get("include")
        body["include"] = [*(had if isinstance(had, list) else []), LOGPROBS]
    for lost, met in (
        ("top_k", request.top_k is not None),
        ("stop", bool(request.stop)),
        ("seed", request.seed is not None),
        ("answers", request.answers > 1),
        ("penalties", bool(request.presence_penalty or request.frequency_penalty)),
    ):
        if met:
            losses.add(lost)


def _limit(request: neutral.Request, target: Target, body: Json, losses: Losses) -> None:
    limit = request.max_output
    if limit is None:
        return
    possible = max(limit, LEAST_OUTPUT)
    if 0 < target.max_output < possible:
        possible = target.max_output
    if possible != limit:
        losses.add("max_output")
    body["max_output_tokens"] = possible


def _rest(request: neutral.Request, body: Json, losses: Losses) -> None:
    if request.user:
        body["user"] = request.user[:LONGEST_USER]
    for field, raw in request.others.items():
        if field == "include" and raw.startswith(b'["'):
            wanted: list[str] = msgspec.json.decode(raw, type=list[str])
            had = body.get("include")
            body["include"] = [*(had if isinstance(had, list) else []), *wanted]
        elif field in OWN or (field in ALIKE and (field != "service_tier" or raw in TIERS)):
            body[field] = Raw(raw)
        else:
            losses.add("field", field)
