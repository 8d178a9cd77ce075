"""What a model's maker wants back unchanged, shown to a client of another dialect.

A thought's signature is of use to its maker only. Where a thread is shown in another dialect the signature travels
packed with the name of the dialect that made it, so that it is restored when the thread returns there and is known to
be nobody else's. The form is `fl1.<origin>.<signature>`; names of dialects hold no dot.
"""

from __future__ import annotations

MARK = "fl1."
CALL = "+call"
"""Behind the origin where the signature belongs to the tool call next to it and not to a thought."""


def pack(origin: str, signature: str) -> str:
    return f"{MARK}{origin}.{signature}"


def unpack(text: str) -> tuple[str, str]:
    """(origin, signature); the origin is empty for what was never packed."""
    if text.startswith(MARK):
        origin, dot, signature = text[len(MARK) :].partition(".")
        if dot and origin:
            return origin, signature
    return "", text
