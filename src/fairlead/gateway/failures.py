"""Why attempts failed, and what the client is told when none succeeded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from fairlead.core.execution import Candidate
from fairlead.dialects import json
from fairlead.dialects.openai_chat import native as openai_chat
from fairlead.errors import Overloaded, RateLimited, RequestError, UpstreamFailed
from fairlead.providers.wire import Endpoint, Reply, UpstreamBroken

LONGEST_WAIT = 3600.0
ERROR_BYTES = 64 * 1024
ERROR_SECONDS = 2.0


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt gave no answer."""

    candidate: Candidate
    status: int
    words: str
    body: bytes = b""
    retry_after: str = ""


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


def masked(body: bytes, endpoint: Endpoint) -> bytes:
    """A provider's own words without the key it was sent: some repeat it."""
    for secret in endpoint.secrets:
        body = body.replace(secret, b"***")
    return body


def all_failed(failures: Sequence[Failure]) -> RequestError:
    """Every attempt failed: name each. A shortage everywhere stays a shortage, so that clients wait and retry."""
    told = "; ".join(f"{f.candidate.channel.id}: {f.words}" for f in failures)
    statuses = {failure.status for failure in failures}
    waits = [
        min(float(f.retry_after[:12]), LONGEST_WAIT)
        for f in failures
        if f.retry_after.isascii() and f.retry_after.replace(".", "", 1).isdigit()
    ]
    message = f"No provider answered after {len(failures)} attempt(s): {told}"
    retry_after = min(waits) if waits else None
    if statuses == {429}:
        return RateLimited(message, code="upstream_rate_limited", retry_after=retry_after)
    if statuses <= {429, 503, 529}:
        return Overloaded(message, code="upstream_overloaded", retry_after=retry_after)
    return UpstreamFailed(message, retry_after=retry_after)


def told_by_provider(failure: Failure, request_id: str) -> bytes:
    if json.is_object(failure.body):
        return failure.body
    error = UpstreamFailed(
        f"{failure.candidate.channel.id} refused the request: {failure.words}", code="rejected_by_provider"
    )
    return openai_chat.error_body(error, request_id)
