"""How providers say that their filter has held a request or its answer back: with an error, each in words of its own.

Another provider may well answer, and the channel is well: whoever asks what is filtered must not have it left alone. Only
the fields of the error are looked at, for some providers repeat in it what they were asked.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

CODES = {
    "azure": ("content_filter", "responsibleaipolicyviolation"),
    "dashscope": ("data_inspection_failed", ".*datainspectionfailed"),
    "moonshot": ("content_filter",),
    "openai": ("content_policy_violation", "moderation_blocked"),
    "resellers": ("sensitive_words_detected",),
    "volcengine": (r"\w*sensitivecontentdetected(?:\..*)?", r"\w*riskdetection"),
    "zhipu": ("1301",),
}
WORDS = {
    "anthropic": "blocked by content filtering policy",
    "dashscope": "data may contain inappropriate content",
    "deepseek": "content exists risk",
    "moonshot": "rejected because it was considered high risk",
    "openai": "flagged as potentially violating",
    "openrouter": "input was flagged",
    "xai": "content violates usage guidelines",
}
_CODE = re.compile("|".join(sorted({one for codes in CODES.values() for one in codes})), re.IGNORECASE)
_WORDS = re.compile("|".join(WORDS.values()), re.IGNORECASE)
LOOKED_AT = 500
"""Characters of a message."""
LONGEST = 64 * 1024
"""Bytes of an error; what is longer is none."""


def blocked(body: bytes) -> bool:
    """Whether a provider's error, whole or as an event of a stream, is its filter's."""
    return len(body) <= LONGEST and any(_blocks(found) for found in _errors(body))


def _errors(body: bytes) -> list[dict[str, Any]]:
    texts = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:")] or [body]
    return [error for text in texts if (error := _error(text)) is not None]


def _error(text: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return None
    error = found.get("error", found)
    return error if isinstance(error, dict) else {"message": error or found.get("message")}


def _blocks(error: dict[str, Any]) -> bool:
    inner = error.get("innererror")
    codes = (error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None)
    if any(_CODE.fullmatch(str(code)[:LOOKED_AT]) for code in codes if code):
        return True
    said = error.get("message") or error.get("detail")
    return isinstance(said, str) and _WORDS.search(said[:LOOKED_AT]) is not None
