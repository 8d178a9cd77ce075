"""An answer without a word and without a call."""

from __future__ import annotations

from fairlead.core.gates.verdict import Asked, Given, Verdict


def empty(asked: Asked, given: Given) -> Verdict | None:
    if given.calls:
        return None
    if not given.text.strip():
        return Verdict("empty", 0.01, "there is no word in it")
    if not any(map(str.isalnum, given.text[:10_000])) and len(given.text) < 40 and not _signs(asked):
        return Verdict("empty", 0.3, "there is nothing in it but signs")
    return None


def _signs(asked: Asked) -> bool:
    """Whether an answer of signs alone may be meant: the question is short too, or asks for one."""
    return len(asked.said) < 40 or "emoji" in asked.said.lower() or "表情" in asked.said
