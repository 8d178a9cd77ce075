"""Calls of tools against what was declared: that there is such a tool, that its arguments are JSON and fit its schema, that
one is called where one has to be, and that a call is not merely written out as text.
"""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.format import unfit
from fairlead.core.gates.schemas import read
from fairlead.core.gates.verdict import Asked, Called, Given, Tool, Verdict

MOST_CALLS: Final = 64
MOST_ARGUMENTS: Final = 200_000
_WRITTEN: Final = re.compile(
    r"<tool_call>|<function_?calls?>|<\|tool_call|\[TOOL_CALLS\]|<invoke name="
    r"|^\s*(?:```(?:json)?\s*)?\{\s*\"(?:name|function|tool|tool_name)\"\s*:\s*\"(?P<name>[^\"]{1,80})\"\s*,\s*\"(?:arguments|parameters|input|args)\"",
    re.MULTILINE,
)


def tools(asked: Asked, given: Given) -> Verdict | None:
    if not given.calls:
        return _missing(asked, given)
    declared = {tool.name: tool for tool in asked.tools}
    for call in given.calls[:MOST_CALLS]:
        problem = _wrong(call, declared.get(call.name), asked)
        if problem is not None:
            confidence, why, detail = problem
            return Verdict("tools", confidence, why, detail=detail)
    if asked.tool and all(call.name != asked.tool for call in given.calls):
        return Verdict("tools", 0.05, "another tool has to be called", detail=asked.tool)
    if len(given.calls) > MOST_CALLS:
        return Verdict("tools", 0.2, f"{len(given.calls)} tools are called at once")
    return None


def _missing(asked: Asked, given: Given) -> Verdict | None:
    if not asked.tools:
        return None
    if asked.must_call:
        return Verdict("tools", 0.05, "a tool has to be called, and none is")
    found = _WRITTEN.search(given.text[:20_000])
    if found is not None and (found["name"] is None or any(tool.name == found["name"] for tool in asked.tools)):
        return Verdict("tools", 0.1, "a call of a tool is written out as text")
    return None


def _wrong(call: Called, tool: Tool | None, asked: Asked) -> tuple[float, str, str] | None:
    if tool is None:
        if asked.foreign_tools:
            return None
        return 0.03, "a tool is called that is not declared", call.name[:60]
    if len(call.arguments) > MOST_ARGUMENTS:
        return 0.3, f"the arguments of a call are {len(call.arguments):,} characters long", call.name
    try:
        arguments = read(call.arguments or "{}")
    except ValueError:
        return 0.03, "the arguments of a call are no JSON", call.name
    if not isinstance(arguments, dict):
        return 0.05, "the arguments of a call are no object", call.name
    complaint = unfit(tool.parameters, arguments) if tool.parameters else ""
    return (
        (0.08, "the arguments of a call do not fit what was declared", f"{call.name}: {complaint}")
        if complaint
        else None
    )
