"""How a whole answer ended, where that is no ordinary end: it was blocked, refused, came to nothing, or broke off in the
middle of a tool call. Each has status 200, and none is what the caller asked for.

Nearly every answer is an ordinary one, so a few bytes decide first whether it is worth reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson

from fairlead.core.policy import Ending
from fairlead.dialects import neutral, sse
from fairlead.dialects.dialect import Interpreter

SILENT: dict[neutral.Stop, Ending] = {
    "end": "empty", "stop_sequence": "empty", "tool_use": "empty", "content_filter": "blocked", "refusal": "refused",
}  # fmt: skip
"""What a stream without a word comes to, by why it stopped."""


def _chat(body: bytes) -> bool:
    find = body.find  # `in` raises and drops an exception first
    refused = find(b'"refusal":"') >= 0 or find(b'"refusal": "') >= 0
    if find(b'"stop"') >= 0 and not refused and not _blank(body, _CONTENT):
        return False  # what nearly all are
    if b'"tool_calls":[{' in body or b'"tool_calls": [' in body:
        return refused or b'"length"' in body or b"content_filter" in body
    return refused or b"content_filter" in body or _blank(body, _CONTENT)


def _completions(body: bytes) -> bool:
    return b"content_filter" in body or _blank(body, _TEXT)


def _anthropic(body: bytes) -> bool:
    if _any(body, _CALLS_ANTHROPIC):
        return b'"max_tokens"' in body or b'"refusal"' in body
    return b'"refusal"' in body or _blank(body, _TEXT) or not _any(body, _SAID_ANTHROPIC)


def _responses(body: bytes) -> bool:
    return _any(body, _ODD_RESPONSES) or _blank(body, _TEXT) or not _any(body, _SAID_RESPONSES)


def _gemini(body: bytes) -> bool:
    said = b'"text"' in body or b'"functionCall"' in body
    return not _any(body, _ENDED) or _blank(body, _TEXT) or b"blockReason" in body or not said


def _any(body: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - of every answer: a generator costs more than the search
        if body.find(mark) >= 0:
            return True
    return False


def _blank(body: bytes, key: bytes) -> bool:
    """Whether such a field is empty, null, or begins with white space. `key` is spelt with quotes and colon."""
    at = body.find(key)
    while at >= 0:
        at += len(key)
        if _NOTHING.match(body, at):
            return True
        at = body.find(key, at)
    return False


_NOTHING = re.compile(rb'\s*(?:"["\\ ]|nul)')
_CONTENT, _TEXT = b'"content":', b'"text":'
_CALLS_ANTHROPIC = (b'"type":"tool_use"', b'"type": "tool_use"')
_SAID_ANTHROPIC = (b'"type":"text"', b'"type": "text"')
_ODD_RESPONSES = (b'"incomplete"', b'"refusal"')
_SAID_RESPONSES = (b'"output_text"', b'_call"')
_ENDED = (b'"STOP"', b'"MAX_TOKENS"')

MAY_BE_ODD: dict[str, Callable[[bytes], bool]] = {
    "openai_chat": _chat,
    "completions": _completions,
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


def of_silence(stop: neutral.Stop | None) -> Ending:
    """The same of a stream that has stopped without a word."""
    return "" if stop is None else SILENT.get(stop, "")


def stop_of(events: bytes, interpreter: Interpreter) -> neutral.Stop | None:
    """Why a stream has stopped; None where it goes on."""
    try:
        found = [one for event in sse.split(events) for one in interpreter.read(event)] + interpreter.end()
    except ValueError:
        return None  # odd, but no more than that
    return next((one.stop for one in found if isinstance(one, neutral.Finish)), None)


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
