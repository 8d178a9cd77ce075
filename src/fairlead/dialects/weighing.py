"""About how much an answer says, where nobody told its tokens: by its length, not by how it is put into events or fields.

Four bytes of text are taken for a token. Pictures and sound are much longer than what is billed for them: of these it is
a KiB.
"""

from __future__ import annotations

import msgspec

from fairlead.core.record import Usage

MOST_TOKENS = 10**8
"""No request comes to so many: a provider that reports more has miscounted."""
BYTES = 4
"""Of text that are about a token."""
OF_MEDIA = 256
"""Bytes of pictures and sound that weigh like one of text."""
MEDIA = frozenset(
    (
        "b64_json", "data", "encrypted_content", "partial_image_b64", "result", "signature", "thoughtSignature",
        "thought_signature", "url",
    )
)  # fmt: skip
FRAME = frozenset(
    (
        "annotations", "avgLogprobs", "call_id", "citationMetadata", "citations", "created", "expires_at", "finishReason",
        "finish_reason", "format", "groundingMetadata", "id", "index", "logprobs", "logprobsResult", "mimeType", "object",
        "role", "safetyRatings", "status", "tokenCount", "type",
    )
)  # fmt: skip
"""Fields that are no part of what a model says."""
GIVEN = frozenset(("args", "input"))
"""Arguments of tools, which are told as objects."""
TWICE = ("reasoning", "reasoning_details", "reasoning_content")
"""The same thought, by names of several providers."""
ROOTS = ("choices", "candidates", "output", "content")
"""Where the four APIs put what was said."""


def tokens_of(body: bytes) -> int:
    """About the tokens of a whole answer."""
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return len(body) // BYTES
    if not isinstance(whole, dict):
        return len(body) // BYTES
    return next((-(-spoken(whole[root]) // BYTES) for root in ROOTS if whole.get(root)), 0)


def unreadable(body: bytes) -> tuple[Usage | None, str]:
    """(usage, what is wrong) of a body that is not the JSON it should be. An answer that was cut short was made, and is billed;
    what is no JSON from the first byte on comes from somebody in front of the model."""
    usage = None if body[:64].lstrip()[:1] == b"{" else Usage()
    return usage, "the provider's answer is not the JSON it should be"


def unescaped(raw: bytes) -> int:
    """About the bytes of JSON as they are with what is escaped in it written out."""
    if raw.find(b"\\") < 0:  # `in` raises and drops an exception first
        return len(raw)
    # A backslash escapes another in pairs; what follows such a pair is no escape.
    escapes = raw.count(b"\\") - raw.count(b"\\\\")
    return len(raw) - escapes - 2 * max(raw.count(b"\\u") - raw.count(b"\\\\u"), 0)


def spoken_in(raw: bytes) -> int:
    """About the bytes that a piece of JSON says; a text's is without its quotes."""
    if raw[:1] == b'"':
        return unescaped(raw) - 2
    try:
        return spoken(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return len(raw)


def spoken(value: object) -> int:
    """The same of what is decoded."""
    said = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            said += len(one) if one.isascii() else len(one.encode("utf-8", "surrogatepass"))
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            thoughts = [name for name in TWICE if one.get(name)]
            for name, part in one.items():
                if name in FRAME or name in thoughts[1:]:
                    continue
                if name in MEDIA and isinstance(part, str):
                    said += -(-len(part) // OF_MEDIA)
                elif name in GIVEN and isinstance(part, dict):
                    said += len(msgspec.json.encode(part)) if part else 0
                else:
                    waiting.append(part)
    return said
