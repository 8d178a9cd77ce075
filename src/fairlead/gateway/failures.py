"""Why attempts failed, and what the client is told when none succeeded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import orjson

from fairlead.core.call import Call, Operation
from fairlead.core.execution import Candidate, Cause
from fairlead.core.record import Attempt
from fairlead.dialects import json
from fairlead.dialects.table import DIALECTS
from fairlead.errors import BadRequest, Overloaded, RateLimited, RequestError, UpstreamFailed
from fairlead.gateway.balances import spent_error
from fairlead.providers.blocking import blocked
from fairlead.providers.wire import Endpoint, Reply, UpstreamBroken

LONGEST_TEXT = 2000
OVERFLOW = "context_length_exceeded"
OVERFLOWS = re.compile(r"prompt is too long|maximum context length|context window|exceeds the maximum number of tokens")
"""How the providers say that a prompt is too long for the model."""
MASK = b"***"
HTML = {ord('"'): b"&quot;", ord("&"): b"&amp;", ord("<"): b"&lt;", ord(">"): b"&gt;", ord("'"): b"&apos;"}
ERROR_BYTES = 64 * 1024
ERROR_SECONDS = 2.0

CALLERS_FAULT = frozenset((400, 409, 413, 415, 422))
"""A provider's answer that says the request itself is wrong: another provider would say the same."""
UNSERVED = frozenset((404, 405, 501))
"""Statuses that say of an image or the like, whose way and model the caller named, that nothing is made there."""
FILTERS = frozenset((400, 403, 422, 451))
"""Statuses that a provider's filter answers with."""
PASSING = frozenset((408, 429, 500, 502, 503, 504, 529, "busy", "connect", "cut", "connect_timeout"))
"""Statuses and breaks that may be gone in a moment."""


UNASKED = frozenset(("skipped", "limited", "budget", "held", "busy"))
"""Kinds of failures that reached nobody."""
UNPAID = frozenset(("budget", "held"))
"""Kinds of failures for which nobody pays."""


UNFIT = "unfit: "
"""Before what is said of an answer that was not good enough: no fault of the channel's."""


HELD_BACK = "held back: "
"""Before what is said where a filter refuses, or a model: what was asked may be the reason, so it is no fault of the channel's."""


def blamed(attempt: Attempt) -> bool:
    """Whether one that failed says something of its channel."""
    return attempt.status not in CALLERS_FAULT and not attempt.error.startswith((UNFIT, HELD_BACK))


def written(status: int, words: str, cause: Cause) -> str:
    """What is written down of a failure. What a provider said may hold a key or the prompt: only the caller is told it."""
    told = f"HTTP {status}" if status not in (0, 200) else words
    return f"{HELD_BACK}{told}" if cause == "blocked" else told


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt gave no answer."""

    candidate: Candidate
    status: int
    words: str
    body: bytes = b""
    retry_after: float | None = None
    kind: str = ""
    """`stale`: the connection was closing; `busy`: none was free; `unserved`: a provider does not make such things; `untranslatable`: the request cannot be put into the provider's dialect;
    `skipped`: nothing was asked; `limited`: the model's limit is reached; `key`: another of the provider's keys is well; `budget`: nothing is left to pay it with;
    `held`: what is left is held for others just now."""


async def read_error(reply: Reply) -> bytes:
    """What a provider says of an error: as much as is there soon, for it may be endless or never come."""
    pieces = []
    size = 0
    try:
        async with asyncio.timeout(ERROR_SECONDS):
            while size < ERROR_BYTES and (piece := await reply.read()):
                pieces.append(piece)
                size += len(piece)
    except (TimeoutError, UpstreamBroken):
        pass
    reply.abort()
    return b"".join(pieces)


def refused(status: int, body: bytes, operation: Operation) -> tuple[Cause, str]:
    """What an error status of a provider speaks of, and the kind of failure it is."""
    return why_refused(status, body), "unserved" if operation == "opaque" and status in UNSERVED else ""


def why_refused(status: int, body: bytes) -> Cause:
    """What an error status of a provider speaks of."""
    if status == 429:
        return "rate_limit"
    return why_failed(body) if status in FILTERS else "outage"


def why_failed(told: bytes) -> Cause:
    """What an error speaks of that a provider tells, whatever its status."""
    return "blocked" if blocked(told) else "outage"


def masked(body: bytes, endpoint: Endpoint) -> bytes:
    """A provider's own words without the key it was sent: some repeat it, and not all letter by letter."""
    for secret in endpoint.secrets:
        body = body.replace(secret, MASK)
        if b"\\" in body or b"%" in body or b"&" in body:
            body = _spellings(secret).sub(MASK, body)
    return body


@lru_cache(256)
def _spellings(secret: bytes) -> re.Pattern[bytes]:
    """However its letters are written: as JSON, an address or HTML has them."""
    return re.compile(
        b"".join(
            rb"(?:%b|&#(?:0*%d|(?i:x0*%x));|%%(?i:%02x)|\\+u00(?i:%02x)|\\*%b)"
            % (HTML.get(letter, b"&nothing;"), letter, letter, letter, letter, re.escape(bytes((letter,))))
            for letter in secret
        )
    )


def all_failed(failures: Sequence[Failure]) -> RequestError:
    """Every attempt failed: name each. A shortage everywhere stays a shortage, so that clients wait and retry."""
    kinds = {failure.kind for failure in failures}
    if kinds & UNPAID and kinds <= {*UNPAID, "skipped", "limited", "untranslatable"}:
        words = dict.fromkeys(failure.words for failure in failures if failure.kind in UNPAID)
        return spent_error("; ".join(words), "held" in kinds)
    if "limited" in kinds and kinds <= {"limited", "skipped"}:
        soonest = min(failure.retry_after or 0.0 for failure in failures)
        reached = "; ".join(dict.fromkeys(failure.words for failure in failures))
        return RateLimited(f"{reached}; try again in {soonest:.1f} s.", retry_after=soonest)
    if failures and all(failure.kind == "untranslatable" for failure in failures):
        return BadRequest(failures[0].words, code="not_translatable")
    told = "; ".join(f"{f.candidate.channel.id}: {f.words}" for f in failures)
    statuses = {failure.status for failure in failures if failure.kind not in UNASKED}
    waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
    made = sum(failure.kind not in UNASKED for failure in failures)
    message = f"No provider answered after {made} attempt(s): {told}"
    retry_after = min(waits) if waits else None
    if statuses == {429}:
        return RateLimited(message, code="upstream_rate_limited", retry_after=retry_after)
    if statuses <= {429, 503, 529}:
        return Overloaded(message, code="upstream_overloaded", retry_after=retry_after)
    return UpstreamFailed(message, retry_after=retry_after)


def told_by_provider(failure: Failure, call: Call, asked_in: str) -> bytes:
    """The provider's own words where the caller speaks its dialect, else what they say."""
    if asked_in == call.dialect and json.is_object(failure.body):
        return failure.body
    message, code = said(failure.body)
    error = BadRequest(
        message or f"{failure.candidate.channel.id} refused the request: {failure.words}",
        code=code or "rejected_by_provider",
    )
    error.status = failure.status
    return DIALECTS[call.dialect].error_body(error, call.id)


def said(body: bytes) -> tuple[str, str]:
    """(message, code) of a provider's error, in whichever of the shapes they use."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return "", ""
    error = found.get("error", found)
    if isinstance(error, str):
        return error[:LONGEST_TEXT], ""
    if not isinstance(error, dict):
        return "", ""
    message, code = error.get("message"), error.get("code")
    text = message[:LONGEST_TEXT] if isinstance(message, str) else ""
    if code == OVERFLOW or OVERFLOWS.search(text):
        return text, OVERFLOW
    return text, code if isinstance(code, str) else ""
