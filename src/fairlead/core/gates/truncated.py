"""An answer that breaks off: the provider says so, or it ends where nothing ends."""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.verdict import Asked, Given, Verdict

FEW_TOKENS: Final = 64
"""A limit of the caller's own so small that being cut is meant."""
_FENCE: Final = re.compile(r"^[ \t]{0,3}(```+|~~~+)(.*)$", re.MULTILINE)
_DANGLING: Final = re.compile(
    r"(?:[,，、(（\[{“「《]|\b(?:the|an|and|or|because|which|your|their|its|our)"
    r"|(?:的话|因为|以及|并且|或者|但是|而且|例如|包括))$"
)
LEAST: Final = 60


def truncated(asked: Asked, given: Given) -> Verdict | None:
    if given.end == "length":
        if 0 < asked.max_output <= FEW_TOKENS:
            return None
        if asked.max_output:
            return Verdict(
                "truncated", 0.5, f"it was cut off at the {asked.max_output:,} tokens that the request allows"
            )
        return Verdict("truncated", 0.25, "it was cut off at the model's limit")
    text = given.text.rstrip()
    if given.end != "end" or given.calls or asked.form:
        return None
    if _unclosed(text):
        return Verdict("truncated", 0.3, "its last block of code does not end")
    if len(text) >= LEAST:
        ending = _DANGLING.search(text[-40:])
        if ending is not None and not _in_a_list(text, ending[0]):
            return Verdict("truncated", 0.3, f"it ends with {ending[0]!r}")
    return None


def _in_a_list(text: str, ending: str) -> bool:
    """Whether the line before ends so too: then lines end like this."""
    lines = [line for line in text[-2_000:].splitlines() if line.strip()]
    return len(lines) > 1 and lines[-2].rstrip().endswith(ending)


def _unclosed(text: str) -> bool:
    fence = ""
    for match in _FENCE.finditer(text):
        mark, told = match[1], match[2].strip()
        if not fence:
            fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not told:
            fence = ""
    return bool(fence)
