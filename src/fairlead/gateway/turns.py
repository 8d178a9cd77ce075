"""A conversation's turns as memory reads them: what a user said in one, what that tells, and a line about what was done."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import cast

from fairlead.core.call import Call
from fairlead.dialects.dialect import View
from fairlead.memory import rules
from fairlead.memory.own import own_words

GIST = 120
"""Characters of a task, and of what came of it."""


def said_in(turns: Sequence[str]) -> list[rules.Found]:
    return [one for text in turns for one in rules.found(text)]


def users_turns(call: Call) -> tuple[str, ...]:
    """Each as a whole: what is pasted stands in a part of its own with many clients."""
    texts = cast(View, call.view).texts()
    turns = (("\n\n".join(text for _, text in said), role) for role, said in groupby(texts, lambda one: one[0]))
    return tuple(turn for turn, role in turns if role == "user")


def done(asked_for: str, said: str, known: set[str]) -> str:
    """A task in a line; empty where nothing may be kept of it, or all of it was learned already."""
    task = next((one for one in rules.statements(own_words(asked_for), questions=True) if one not in known), "")
    came = next(rules.statements(said, questions=True), "")
    return f"{task[:GIST]} -> {came[:GIST]}" if task and came else task[:GIST]
