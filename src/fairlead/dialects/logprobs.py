"""How sure a model was of each token, in the words of Chat Completions, which Responses has too.

Clients check what they are told of it, so it is read on its way, and what is odd goes no further.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct


class Token(Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class Sure(Token):
    top_logprobs: list[Token] | None = None


_TOKENS = msgspec.json.Decoder(list[Sure] | None)


def tokens(raw: Raw | bytes) -> list[Sure]:
    """Raises msgspec.DecodeError for what is no list of tokens."""
    return _TOKENS.decode(raw) or []


def written(found: list[Sure]) -> bytes:
    """With all that one of the two dialects asks for; empty where there are none."""
    for one in found:
        one.top_logprobs = one.top_logprobs or []
        for token in (one, *one.top_logprobs):
            if token.bytes is None:
                token.bytes = list(token.token.encode("utf-8", "surrogatepass"))
    return msgspec.json.encode(found) if found else b""
