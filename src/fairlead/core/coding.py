"""The coding preset: a coding agent asks for one or two models by name; its turns differ, and so may what answers them.

    background    small jobs beside the work (titles, summaries): the agent asks for its small model
    long_context  more input than most models hold well
    web_search    the model is to search the web
    image         there is a picture to look at
    thinking      the agent asks for reasoning
    default       everything else

The first of these that fits and has a model of its own decides.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core.call import Shape

Turn = Literal["background", "long_context", "web_search", "image", "thinking", "default"]
SMALL = ("haiku", "mini", "flash", "nano", "luna")
"""Parts of the names that agents ask for their small jobs by."""
NO_REASONING = (None, "none", "minimal", "low")


class Coding(msgspec.Struct, frozen=True):
    models: tuple[str, ...]
    """Names (with *) whose requests are routed."""
    default: str
    background: str = ""
    long_context: str = ""
    web_search: str = ""
    image: str = ""
    thinking: str = ""
    long_context_above: int = 60_000

    def routes(self, asked: str) -> bool:
        return any(fits(asked, name) for name in self.models)


def fits(name: str, pattern: str) -> bool:
    """Whether a name is a pattern's, where each * stands for any characters."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    if not name.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return name.endswith(others[-1]) and at <= len(name) - len(others[-1])


def model_for(coding: Coding, asked: str, shape: Shape, input_tokens: int, searches: bool) -> tuple[Turn, str]:
    """(which kind of turn, the `model` to ask for instead)."""
    small = any(part in asked.lower() for part in SMALL)
    kinds: tuple[tuple[Turn, bool, str], ...] = (
        ("background", small, coding.background),
        ("long_context", input_tokens > coding.long_context_above, coding.long_context),
        ("web_search", searches, coding.web_search),
        ("image", shape.images > 0, coding.image),
        ("thinking", shape.reasoning not in NO_REASONING, coding.thinking),
    )
    for kind, fits, model in kinds:
        if fits and model:
            return kind, model
    return "default", coding.default
