"""A word on a finished answer: written down first, then counted among what models are chosen by."""

from __future__ import annotations

import time

from fairlead.core.call import Caller
from fairlead.core.record import Feedback
from fairlead.errors import BadRequest, NotFound, Overloaded, StateError
from fairlead.gateway.runtime import Runtime


async def judge(runtime: Runtime, caller: Caller, request: str, score: float) -> tuple[Feedback, bool]:
    """What is now said of the answer, and whether something else was said before. The same word again changes nothing.

    Another tenant's request is as good as none, whatever the caller's role: to look is not to judge.
    """
    record = await runtime.ledger.decision(request, caller.tenant)
    if record is None or record.purpose != "answer":
        raise NotFound(
            f"There is no finished request {request[:100]!r}; its id is in the answer's x-fairlead-request-id.",
            param="request_id",
        )
    if record.outcome != "ok" or not record.model:
        raise BadRequest(
            f"Request {request} got no whole answer, so there is nothing to judge.",
            param="request_id",
            code="not_answered",
        )
    word = Feedback(
        request, record.at_ms, time.time_ns() // 1_000_000, caller.name, caller.tenant, record.model, record.task, score
    )
    async with runtime.judging:  # between reading the last word and writing the next, nobody else may write one
        before = await runtime.ledger.feedback(request)
        if before is None or before.score != score:
            try:
                runtime.ledger.judge(word)
            except StateError as problem:
                words = "What is said of answers cannot be written down just now; try again later."
                raise Overloaded(words, code="ledger_unwritable") from problem
            runtime.vitals.judged(word, before)
    return word, before is not None
