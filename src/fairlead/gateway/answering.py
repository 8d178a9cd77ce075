"""Answers on their way back: untouched where client and provider speak the same dialect, else translated."""

from __future__ import annotations

import time
from math import floor
from typing import cast

import msgspec

from fairlead.core.call import Call
from fairlead.core.cost import plain
from fairlead.core.execution import Cause
from fairlead.core.plan import Plan
from fairlead.core.policy import Ending
from fairlead.core.record import Usage
from fairlead.dialects import toolnames
from fairlead.dialects.citations import untold
from fairlead.dialects.dialect import Asked, Reader, View
from fairlead.dialects.embeddings import EmbeddingsView, as_asked
from fairlead.dialects.endings import MAY_BE_ODD, ending_of, of_silence, stop_of
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.dialects.passing import at_least
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from fairlead.dialects.weighing import tokens_of
from fairlead.gateway import media
from fairlead.providers.openai_compatible import wants_usage
from fairlead.providers.wire import Endpoint

HUNDREDTHS = tuple(f"{hundredths / 100:.2f}" for hundredths in range(1000))
"""Milliseconds as they are told: rounding a fraction takes longer than most of the lines about it."""


def reader_for(call: Call, dialect: str, endpoint: Endpoint, model: str, anew: bool = False) -> Reader:
    """What a provider that was asked in `dialect` streams, for the caller. `anew`: it was asked in other words."""
    view = cast(View, call.view)
    if dialect == call.dialect and not anew:
        return DIALECTS[dialect].passing(view, isinstance(view, ChatView) and wants_usage(view, endpoint))
    interpreter = DIALECTS[dialect].interpreter()
    names = toolnames.own(view.neutral(), dialect)
    if names:
        interpreter = toolnames.Restoring(interpreter, names)
    # Google's SDK takes a comment for the beginning of an error.
    return Translating(interpreter, DIALECTS[call.dialect].writer(asked(call, model)), call.dialect != "gemini")


class Whole(msgspec.Struct, frozen=True):
    """A whole answer, for the caller."""

    body: bytes
    usage: Usage | None = None
    error: str = ""
    """Why it is no answer."""
    ending: Ending = ""
    issued: frozenset[str] = frozenset()
    """The ids it gave that its provider goes on owning."""


def cause_of(ending: Ending) -> Cause:
    """Why another is asked instead."""
    return "blocked" if ending in ("blocked", "refused") else "empty"


def whole(call: Call, dialect: str, body: bytes, model: str, losses: Losses | None = None, anew: bool = False) -> Whole:
    """What of it the caller cannot be told is in `losses`. `anew`: the provider was asked in other words."""
    operation = call.operation
    if operation == "count":
        return Whole(body, Usage())
    if dialect == call.dialect and not anew:
        usage, error = DIALECTS[dialect].account(body)
        issues = ISSUES.get(dialect)
        issued = frozenset[str]() if issues is None else issues.of_answer(body)
        if error or operation != "generate":
            if not error and isinstance(call.view, EmbeddingsView):
                body = as_asked(body, call.view)
            return Whole(body, media.told(call, usage) if operation == "opaque" else usage, error, "", issued)
        look = MAY_BE_ODD.get(dialect)
        if usage is not None and not usage.output:
            usage = at_least(usage, tokens_of(body))
        ending = _ending(dialect, body) if look is not None and look(body) else ""
        return Whole(body, usage, "", ending, issued)
    try:
        answer = DIALECTS[dialect].read_answer(body)
    except ValueError as problem:
        return Whole(
            body, DIALECTS[dialect].account(body)[0], str(problem) or "the provider's answer is not what it should be"
        )
    ending = ""
    if operation == "generate":
        ending = ending_of(answer)
        answer = toolnames.restored(answer, toolnames.own(cast(View, call.view).neutral(), dialect))
    if losses is not None:
        losses.answered(untold(answer, call.dialect))
    return Whole(DIALECTS[call.dialect].write_answer(answer, asked(call, model)), answer.usage, "", ending)


def silence(call: Call, reader: Reader, events: bytes) -> Ending:
    """How a stream ended, of which `events` is all that came and there is no word in it; nothing where it goes on."""
    if isinstance(reader, Translating):
        return of_silence(reader.stop)
    return of_silence(stop_of(events, DIALECTS[call.dialect].interpreter()))


def _ending(dialect: str, body: bytes) -> Ending:
    try:
        return ending_of(DIALECTS[dialect].read_answer(body))
    except ValueError:
        return ""  # odd, but the caller's own dialect: it passes


def side_cost(call: Call) -> str:
    """The header line of what was asked about the request before its answer left."""
    beside = call.beside
    if beside is None or not beside.calls:
        return ""
    return f"x-fairlead-side-cost: {plain(beside.cost) if beside.priced else 'unknown'}\r\n"


def own_headers(
    call: Call, cost: int | None, baseline: int | None, tried: int, ours: float, losses: Losses | None, limit: int = 0
) -> bytes:
    """The header lines that are this answer's own. `limit` is the output limit that was sent where a budget wants one."""
    hundredths = floor(ours * 100_000 + 0.5)
    overhead = HUNDREDTHS[hundredths] if 0 <= hundredths < 1000 else f"{ours * 1000:.2f}"
    compared = "" if baseline is None else f"x-fairlead-baseline-cost: {plain(baseline)}\r\n"
    sent = f"x-fairlead-max-tokens: {limit}\r\n" if limit else ""
    seldom, beside = "", call.beside
    if losses is not None or call.warnings or (beside is not None and beside.calls):
        lost = "" if losses is None else losses.header()
        seldom = f"{lost}{side_cost(call)}{warned(call) if call.warnings else ''}"
    return (
        f"x-fairlead-request-id: {call.id}\r\n"
        f"x-fairlead-cost: {'unknown' if cost is None else plain(cost)}\r\n"
        f"x-fairlead-attempts: {tried}\r\n"
        f"x-fairlead-overhead-ms: {overhead}\r\n{compared}{sent}{seldom}"
    ).encode()


def warned(call: Call) -> str:
    """The header line that tells what was understood otherwise than it was said."""
    return f"x-fairlead-warning: {visible('; '.join(call.warnings))[:500]}\r\n"


def asked(call: Call, model: str) -> Asked:
    return Asked(call.id, model, cast(View, call.view), int(time.time()))


def pending_headers(call: Call, plan: Plan, version: str) -> bytes:
    """The header lines of a stream that begins before anybody knows who answers it."""
    task = f"x-fairlead-task: {visible(plan.task)}\r\n" if plan.task else ""
    config = f"x-fairlead-config: {visible(version)}\r\n" if version else ""
    return (
        f"x-fairlead-request-id: {call.id}\r\nx-fairlead-model: pending\r\n"
        f"x-fairlead-policy: {visible(plan.policy)}\r\n{config}{task}{warned(call) if call.warnings else ''}"
    ).encode()


def visible(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def header_text(text: str) -> str:
    """Text as a header value: no line ends, nothing outside Latin-1."""
    return "".join(char if 32 <= ord(char) < 256 and ord(char) != 127 else "?" for char in text)
