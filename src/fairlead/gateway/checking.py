"""What becomes of a run whose answers are checked: each is held back until it is judged, the best one is kept, and a client
that waits for a stream is told so.

A stream that is held for longer than `hold` begins with pings, labelled `pending`: whatever comes then comes in it, errors
too. Who answered is said in a comment in front of the answer.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

import msgspec

from fairlead.core.call import Call
from fairlead.core.cost import expected_cost
from fairlead.core.execution import Candidate, Cause, Committed, Event, Failed, Limits
from fairlead.core.gates.verdict import Judgement
from fairlead.core.plan import Plan
from fairlead.core.quality import Quality
from fairlead.dialects.dialect import View
from fairlead.dialects.drafting import LONGEST, Drafted, may_draft
from fairlead.dialects.table import DIALECTS
from fairlead.errors import BadRequest
from fairlead.gateway.answers import given_of
from fairlead.gateway.failures import UNFIT
from fairlead.gateway.quality import Checks, judged
from fairlead.gateway.relaying import shown

if TYPE_CHECKING:
    from fairlead.gateway.attempt import Try
    from fairlead.gateway.execute import Run

PING_SECONDS = 5.0
PATIENCE = 1.0
"""Seconds that a stream which is to be given unchecked may take to its next piece before its client is pinged."""
GROUNDED = "grounded"


class Checking:
    """The checks of one run, and what they found."""

    def __init__(self, run: Run, checks: Checks) -> None:
        self._run = run
        self.checks = checks
        self._answers: list[tuple[Try, Judgement | None]] = []
        """Whole answers nobody has; those without a judgement were not judged in time."""
        self._keeper: asyncio.Task[None] | None = None
        self.unchecked = False
        """It took too long: what there is is given as it comes."""

    # ---- what the checks say

    async def judge(self, trying: Try) -> Event:
        run = self._run
        self._answers.append((trying, None))
        found = await judged(run.runtime, run.call, run.plan, self.checks, trying.body, trying.candidate)
        self._answers[-1] = (trying, found)
        bar = trying.candidate.target.bar
        if bar is None:
            kept, leap = self.checks.passed(found), False
        else:
            kept, leap = found.confidence > bar.keep, found.confidence <= bar.leap
            run.runtime.vitals.checked(run.plan, trying.candidate, found, kept, leap)
        if kept:
            return Committed(trying.number, whole=not run.call.stream)
        trying.unfit(f"{UNFIT}{self.words(trying)}")
        return Failed(trying.number, _cause(found), left=run.left(), leap=leap)

    @property
    def best(self) -> Try | None:
        """The best answer so far: one that was not judged in time is the work of somebody stronger than those before."""
        if not self._answers:
            return None
        return max(self._answers, key=lambda pair: (1.0 if pair[1] is None else pair[1].confidence, pair[0].number))[0]

    def _judgement(self, trying: Try) -> Judgement | None:
        return next((found for one, found in self._answers if one is trying), None)

    def words(self, trying: Try) -> str:
        """How sure the checks are of an answer, where that is not enough, and why."""
        found, bar = self._judgement(trying), trying.candidate.target.bar
        if found is None:
            return "the answer was not checked in time"
        wanted = f"not above {bar.keep:g}" if bar is not None else f"below {self.checks.threshold:g}"
        return f"confidence {found.confidence:g} in the answer is {wanted}; {found.why}".rstrip("; ")

    def header(self, trying: Try) -> bytes:
        found = self._judgement(trying)
        return b"" if found is None else b"x-fairlead-confidence: %.3f\r\n" % found.confidence

    # ---- the request with a draft

    def call(self, trying: Try) -> Call:
        """What is asked: with the answer that was not good enough, where who is asked is to see it."""
        run, target = self._run, trying.candidate.target
        if not self._answers or not (target.draft or self.checks.quality.draft):
            return run.call
        view = cast(View, run.call.view)
        try:
            draft = drafted(run.call, self._answers[-1][0].body)
            fits = draft and may_draft(view.neutral())
        except (BadRequest, ValueError):
            return run.call
        more = len(draft) // 3 + 100
        model, expected = target.model, target.expected
        if not fits or (model.context and expected.input_tokens + more + expected.output_tokens > model.context):
            return run.call
        trying.candidate = longer(trying.candidate, more, run.call.facts.at)
        return msgspec.structs.replace(run.call, view=Drafted(view, draft))

    # ---- streams

    def begin(self) -> None:
        run = self._run
        if run.call.stream:
            self._keeper = run.runtime.loop.create_task(self._keep())
            self._keeper.add_done_callback(_seen)

    def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None

    async def _keep(self) -> None:
        """The client hears nothing for so long, then that somebody is at work."""
        run, quality = self._run, self.checks.quality
        await asyncio.sleep(max(0.0, quality.hold - (monotonic() - run.received)))
        if quality.after_hold == "commit":
            self.unchecked = True
            if run.speaking():
                await asyncio.sleep(PATIENCE)
        elif quality.after_hold == "escalate":
            run.hurry(f"its answer was not whole within {quality.hold:g} s")
        ping = DIALECTS[run.call.dialect].ping
        run.begin_pending()
        while True:
            await run.outlet.write(ping)
            await asyncio.sleep(PING_SECONDS)

    async def give(self, trying: Try) -> None:
        """All of a stream that was held back."""
        self.stop()
        run = self._run
        await run.begin_stream(trying, trying.attempt)
        await run.outlet.write(shown(trying, trying.body))

    def label(self, lines: bytes) -> bytes:
        """Who answers, where the head has left before anybody knew; Google's clients take comments for errors."""
        if self._run.call.dialect == "gemini":
            return b""
        told = [line for line in lines.split(b"\r\n") if line.startswith(TOLD)]
        return b"".join([b": %b\n" % line for line in told]) + b"\n"


TOLD = (
    b"x-fairlead-model", b"x-fairlead-channel", b"x-fairlead-tier", b"x-fairlead-downgraded", b"x-fairlead-escalated",
    b"x-fairlead-confidence", b"x-fairlead-attempts", b"x-fairlead-lossy", b"x-fairlead-warning",
)  # fmt: skip
"""Header lines that are said in a comment where the head has left."""


def checked(limits: Limits, plan: Plan, quality: Quality) -> Limits:
    """With as many escalations as the policy allows; a cascade may go all the way."""
    more = quality.upgrades
    for step in plan.steps:
        if step.move == "escalate" and plan.steps[0].targets[0].bar is not None:
            more = max(more, len(step.targets))
    return msgspec.structs.replace(limits, attempts=limits.attempts + more, escalate=more)


def _cause(found: Judgement) -> Cause:
    weightiest = min(found.verdicts, key=lambda verdict: verdict.confidence, default=None)
    return "ungrounded" if weightiest is not None and weightiest.gate == GROUNDED else "unfit"


def drafted(call: Call, body: bytes) -> str:
    """An answer as text, calls of tools included; empty where it is too long to be shown. Raises ValueError."""
    given = given_of(call, body)
    calls = [f"(calls the tool {one.name} with {one.arguments})" for one in given.calls]
    told = "\n".join(part for part in (given.text.strip(), *calls) if part)
    return told if len(told) <= LONGEST else ""


def longer(candidate: Candidate, more: int, at: int) -> Candidate:
    """Expected to take so many tokens of input more."""
    target = candidate.target
    expected = target.expected
    price = target.channels[0].price_at(at)
    cost = None
    if expected.cost is not None and price is not None:
        cost = expected.cost + expected_cost(price, expected.input_tokens + more, 0)
        cost -= expected_cost(price, expected.input_tokens, 0)
    expected = msgspec.structs.replace(expected, input_tokens=expected.input_tokens + more, cost=cost)
    return msgspec.structs.replace(candidate, target=msgspec.structs.replace(target, expected=expected))


def _seen(task: asyncio.Task[None]) -> None:
    """What a ping fails of, the answer's own writing finds out too."""
    if not task.cancelled():
        task.exception()
