"""How a whole answer ended, where that is no ordinary end: it was blocked, refused, came to nothing, or broke off in the
middle of a tool call. Each has status 200, and none is what the caller asked for.

Nearly every answer is an ordinary one, so a few bytes decide first whether it is worth reading.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from fairlead.core.policy import Ending
from fairlead.dialects import neutral


def _chat(body: bytes) -> bool:
    said = b'"content":"' in body and b'"content":""' not in body
    if said and b'"stop"' in body and b'"refusal":"' not in body:
        return False  # what nearly all are
    if b'"tool_calls":[{' in body or b'"tool_calls": [' in body:
        return b'"length"' in body or b"content_filter" in body
    return _any(body, _CHAT) or b'"content"' not in body


def _anthropic(body: bytes) -> bool:
    return _any(body, _ANTHROPIC) or (b'"max_tokens"' in body and b'"tool_use"' in body)


def _responses(body: bytes) -> bool:
    return _any(body, _RESPONSES) or not _any(body, _SAID)


def _gemini(body: bytes) -> bool:
    return not _any(body, _USUAL) or _any(body, _NOTHING) or b'"parts"' not in body


def _any(body: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - of every answer: a generator costs more than the search
        if mark in body:
            return True
    return False


_CHAT = (b"content_filter", b'"content":null', b'"content": null', b'"content":""', b'"content": ""', b'"refusal":"', b'"refusal": "')  # fmt: skip
_ANTHROPIC = (b'"refusal"', b'"content":[]', b'"content": []', b'"text":""', b'"text": ""')
_RESPONSES = (b'"incomplete"', b'"refusal"', b'"output":[]', b'"output": []', b'"text":""', b'"text": ""')
_SAID = (b'"output_text"', b"_call")
_USUAL = (b'"STOP"', b'"MAX_TOKENS"')
_NOTHING = (b'"text":""', b'"text": ""', b"blockReason")

MAY_BE_ODD: dict[str, Callable[[bytes], bool]] = {
    "openai_chat": _chat,
    "anthropic_messages": _anthropic,
    "openai_responses": _responses,
    "gemini": _gemini,
}
"""By the dialect of an answer: whether it has to be read to know. False only for ordinary ones."""


def ending_of(answer: neutral.Answer) -> Ending:
    if answer.stop == "content_filter":
        return "blocked"
    if answer.stop == "refusal" or any(isinstance(block, neutral.Refusal) for block in answer.blocks):
        return "refused"
    calls = [block for block in answer.blocks if isinstance(block, neutral.ToolCall)]
    if calls:
        return "truncated" if answer.stop == "length" and not _whole(calls[-1].arguments) else ""
    if answer.stop in ("length", "pause", "context") or any(_says(block) for block in answer.blocks):
        return ""
    return "empty"


def _whole(arguments: str) -> bool:
    try:
        orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return False
    return True


def _says(block: neutral.Block) -> bool:
    if isinstance(block, neutral.Text):
        return bool(block.text.strip())
    return not isinstance(block, neutral.Thinking)
