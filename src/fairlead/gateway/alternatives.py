"""What an answer gives its caller to choose from, each by itself with what it was asked: several answers to one question
(`n`, `candidateCount`), and text completions, which may also be asked about several texts at once.

Whoever asks for several takes any of them, so each is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import orjson

from fairlead.core.call import Call
from fairlead.core.gates.verdict import MOST_TEXT, Asked, End, Given
from fairlead.dialects import completions, replay
from fairlead.dialects.completions import CompletionView
from fairlead.gateway.answers import READABLE, asked_of, given_of, read_answer

CHECKED: Final = READABLE | {completions.NAME}
"""Dialects whose answers can be looked at."""
LISTS: Final = {"gemini": "candidates"}
ENDS: Final[dict[str, End]] = {"length": "length", "content_filter": "blocked"}


def alternatives(call: Call, task: str, body: bytes) -> list[tuple[Asked, Given]]:
    """At least one. Raises ValueError for what is no proper answer."""
    if call.dialect == completions.NAME:
        return list(_completed(call, task, body))
    asked = asked_of(call, task)
    if call.view.answers < 2:
        return [(asked, given_of(call, body))]
    return [(asked, read_answer(call.dialect, one)) for one in _apart(call, body)]


def _apart(call: Call, body: bytes) -> Iterator[bytes]:
    """An answer with several, as answers with one each."""
    answer, name = _whole(call, body), LISTS.get(call.dialect, "choices")
    several = answer.get(name)
    if not isinstance(several, list) or not several:
        raise ValueError("the answer gives nothing to choose from")
    for one in several:
        yield orjson.dumps({**answer, name: [one]})


def _whole(call: Call, body: bytes) -> dict[str, Any]:
    try:
        found = replay.REPLAYS[call.dialect].gathered(body) if call.stream else (orjson.loads(body), True)
    except replay.UNLIKE as problem:
        raise ValueError("the answer is not built as it should be") from problem
    if found is None or not isinstance(found[0], dict):
        raise ValueError("the answer is not whole")
    return found[0]


def _completed(call: Call, task: str, body: bytes) -> Iterator[tuple[Asked, Given]]:
    view = cast(CompletionView, call.view)
    texts, of_each = [text for _, text in view.texts()], max(view.request.n or 1, 1)
    if len(texts) != view.prompts:
        texts = []  # some came as tokens
    for one in _apart(call, body):
        try:
            (choice,) = orjson.loads(one)["choices"]
            at, text, end = (choice.get("index") or 0) // of_each, choice["text"], choice.get("finish_reason") or ""
            said = texts[at][:MOST_TEXT] if at < len(texts) else ""
            given = Given(text[:MOST_TEXT], end=ENDS.get(end, "end"))
        except replay.UNLIKE as problem:
            raise ValueError("the answer is not built as it should be") from problem
        yield Asked(task, context=(said,), said=said, max_output=view.max_output or 0), given
