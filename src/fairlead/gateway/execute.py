"""Carries out a plan: performs the actions of `core.execution` on real connections, and puts every attempt on the books.

The state machine decides, this file acts: one method an action, each giving back the event it led to; an attempt by
itself is in `gateway.attempt`. The record is in the ledger's spool before the client's last byte leaves, so whatever a
client got whole is on the books whatever happens next.
"""

from __future__ import annotations

import asyncio
import time
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from fairlead.core import execution as machine
from fairlead.core.call import Call
from fairlead.core.execution import USUAL, Limits
from fairlead.core.plan import Plan
from fairlead.core.record import Attempt, Outcome, Record, Usage
from fairlead.dialects.dialect import Reader
from fairlead.dialects.table import DIALECTS
from fairlead.errors import DeadlineExceeded, Overloaded, RequestError, UpstreamFailed
from fairlead.gateway.account import baseline_cost
from fairlead.gateway.answering import own_headers
from fairlead.gateway.attempt import OUTRUN, Try
from fairlead.gateway.budgets import spent_error
from fairlead.gateway.conditions import typical_ms
from fairlead.gateway.continuing import Joint, joint
from fairlead.gateway.continuing import limits as continuing
from fairlead.gateway.failures import Failure, all_failed, masked, told_by_provider
from fairlead.gateway.request import Outlet
from fairlead.providers.wire import UpstreamBroken
from fairlead.providers.wires import wire_for
from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime


class Run:
    """One call being carried out."""

    joint: Joint | None = None
    """Where another may go on with what broke off."""
    balanced: tuple[tuple[str, float], ...] = ()
    """What the balance was judged by."""
    racing: dict[int, asyncio.Task[machine.Event]] | None = None
    """Where attempts may be made side by side: those that have not ended."""
    winner: Try | None = None
    spared: Try | None = None
    """The first whole answer that was not as it should be: better than none."""
    baseline: int | None = None
    overhead = 0.0
    late = False
    slow = False
    aborted: tuple[Outcome, str] = ("cancelled", "another answered first")
    """What becomes of an attempt that is aborted now, and why."""
    settled = False
    broken = False
    """The answer broke off after it had begun."""
    broke_by = ""
    """What the last one died of of whom the client has a part."""
    priced = True
    """Whether every attempt's price is known; else the cost is not."""
    further = b""
    """Header lines of the answer that are known before it."""
    own_limit = 0.0
    """Of its task, in seconds; 0 for none."""
    task: asyncio.Task[object] | None = None
    began = 0

    def __init__(self, runtime: Runtime, call: Call, plan: Plan, outlet: Outlet, received: float) -> None:
        self.runtime = runtime
        self.world = runtime.world
        self.call = call
        self.plan = plan
        self.outlet = outlet
        self.received = received
        self.deadline = received + self.world.request_timeout
        self.tries: dict[int, Try] = {}
        self.attempts: list[Attempt] = []
        self.failures: list[Failure] = []
        handling = plan.handling
        if handling.balance != "declared":
            plan, self.balanced = runtime.health.balanced(plan)
        limits = USUAL if handling.retries == USUAL.retry else Limits(retry=handling.retries)
        if handling.hedge_ms:
            self.racing, limits = {}, Limits(retry=handling.retries, hedge=1)
        if call.stream and (handling.continue_streams or call.wishes.continues):
            self.joint = joint(call, plan)
            limits = limits if self.joint is None else continuing(limits)
        if plan.settings.max_latency_ms:
            self.own_limit = plan.settings.max_latency_ms / 1000
        self.state = machine.begin(plan, limits)
        if plan.last_resort or runtime.health.further.doubtful:
            line = runtime.health.in_turn(self.state.candidates)
            self.state = msgspec.structs.replace(self.state, candidates=line)

    async def go(self) -> None:
        loop = self.runtime.loop
        self.task = asyncio.current_task(loop)
        self.began = time.time_ns() // 1_000_000
        deadlines = self.runtime.deadlines
        deadlines[self] = self.deadline
        timer = None
        if self.own_limit:
            timer = loop.call_later(self.own_limit - (monotonic() - self.received), self._over_own_limit)
        event: machine.Event | None = machine.BEGIN
        try:
            while event is not None:
                try:
                    self.state, actions = machine.step(self.state, event)
                    event = None
                    for action in actions:
                        if type(action) is machine.Dispatch:
                            event = await self._dispatch(action)
                        elif type(action) is machine.Deliver:
                            event = await self._deliver(action.number)
                        elif type(action) is machine.Complete:
                            self._complete()
                        elif type(action) is machine.Wait:
                            await asyncio.sleep(action.seconds)
                            event = machine.WAITED
                        elif type(action) is machine.Abort:
                            self._abort(action.number)
                        elif type(action) is machine.Cut:
                            await self._cut()
                        elif type(action) is machine.GiveUp:
                            self._give_up(action)
                    if event is None and self.racing:
                        event = await self._first_event(self.racing)
                except asyncio.CancelledError:
                    event = await self._interrupted()
        except BaseException as error:
            if not self.settled:
                self._break_off(error.status if isinstance(error, RequestError) else 500)
            raise
        finally:
            del deadlines[self]
            if timer is not None:
                timer.cancel()
            self.tries.clear()  # they know this run in turn
            self.winner = self.spared = None

    async def _interrupted(self) -> machine.Event | None:
        """By the deadline, by the limit of its task, or by the client, which has left."""
        assert self.task is not None
        if self.late:
            self.task.uncancel()
            self.aborted = "failed", "the deadline passed"
            return machine.DEADLINE_PASSED
        if self.slow:
            self.slow = False
            self.task.uncancel()
            return self._give_way()
        self.aborted = "cancelled", "the client left"
        self.state, actions = machine.step(self.state, machine.CLIENT_LEFT)
        for action in actions:
            assert type(action) is machine.Abort
            self._abort(action.number)
        if not self.settled:
            self._settle("cancelled", 499, "the client left")
        raise asyncio.CancelledError

    def _break_off(self, status: int) -> None:
        """Something unforeseen: nothing stays open, here or at the provider."""
        self.aborted = "failed", "fairlead failed"
        for number in list(self.tries):
            self._abort(number)
        self._settle("failed", status, "internal_error")

    def expire(self) -> None:
        """The deadline has passed."""
        if not self.settled and not self.late and self.task is not None:
            self.late = True
            self.task.cancel()

    def _over_own_limit(self) -> None:
        """The task's longest time is over: its fallback is asked, if there is one."""
        more = self.state.taken < len(self.state.candidates)
        if self.state.phase == "trying" and more and not self.state.told and not self.settled and self.task is not None:
            self.slow = True
            self.task.cancel()
        else:
            self.expire()

    def _give_way(self) -> machine.Event | None:
        """What is under way takes too long."""
        event: machine.Event | None = None
        for number, _ in self.state.flying:
            if event is not None:
                self.state, _ = machine.step(self.state, event)
            trying = self.tries[number]
            trying.abort()
            self._forget(number)
            event = trying.failed(trying.status, f"no answer within {self.own_limit:g} s", "slow")
        return event

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - monotonic()

    # ---- attempts

    async def _dispatch(self, action: machine.Dispatch) -> machine.Event | None:
        trying = self.tries[action.number] = Try(self, action.number, action.candidate)
        if self.racing is None:
            return await trying.start()
        self.racing[action.number] = self.runtime.loop.create_task(trying.start())
        return None

    async def _first_event(self, racing: dict[int, asyncio.Task[machine.Event]]) -> machine.Event:
        """The next event of the attempts under way, or that another is to be made beside them."""
        patience = self.plan.handling.hedge_ms / 1000 if machine.may_hedge(self.state) else None
        done, _ = await asyncio.wait(racing.values(), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return machine.HEDGE_DUE
        first = min(number for number, task in racing.items() if task in done)
        return racing.pop(first).result()

    def _abort(self, number: int) -> None:
        trying = self.tries[number]
        trying.abort()
        self._forget(number)
        trying.close(*self.aborted)

    def _forget(self, number: int) -> None:
        task = None if self.racing is None else self.racing.pop(number, None)
        if task is not None:
            task.cancel()

    def spare(self, trying: Try) -> None:
        if self.spared is None:
            self.spared = trying

    # ---- the client's side

    async def _deliver(self, number: int) -> machine.Event:
        winner = self.winner = self.tries[number]
        if not self.call.stream:
            return machine.FINISHED
        outlet, reader, reply = self.outlet, winner.reader, winner.reply
        assert reader is not None and reply is not None
        together = self.joint
        if not outlet.started:
            outlet.start(200, self._headers(b"text/event-stream; charset=utf-8", None))
        elif together is not None:
            await outlet.write(together.label(winner.candidate.channel.id, winner.losses))
        if together is not None:
            together.follow(reader)
        first, winner.body = winner.body, b""
        await outlet.write(self._shown(first))
        del first
        try:
            while not reader.ended and not reader.error and (piece := await reply.read()):
                writing = outlet.write(self._shown(reader.feed(piece)))
                piece = b""  # a slow client is to hold it once
                await writing
                if winner.limit and winner.outran(reader):
                    reader.error = OUTRUN
        except UpstreamBroken as broken:
            if together is not None:
                together.hold()
            reader.end()
            return self._broke(winner, reader, str(broken))
        if together is not None:
            together.hold()
        rest = reader.end()
        reply.let_go()
        if reader.error:
            reply.abort()
            return self._broke(winner, reader, reader.error)
        if not reader.done:
            return self._broke(winner, reader, "the provider's stream broke off without its end")
        winner.usage = reader.usage
        await outlet.write(rest if together is None else rest + together.release())
        return machine.FINISHED

    def _broke(self, winner: Try, reader: Reader, words: str) -> machine.Event:
        """The client has a part of the answer; maybe somebody goes on with it."""
        winner.usage = reader.usage
        self.broke_by = words
        event = winner.failed(200, words, kind="budget" if words == OUTRUN else "")
        if self.joint is None or words == OUTRUN:
            return event
        return self.joint.broke(event, self.attempts[-1])

    def _complete(self) -> None:
        winner = self.winner
        assert winner is not None
        attempt = winner.close("ok", "")
        assert attempt is not None
        self._settle("ok", 200, "", attempt)
        ms = typical_ms(attempt.first_ms, attempt.total_ms, attempt.usage.output, self.call.stream)
        if ms is not None:
            self.runtime.vitals.observe(attempt.channel, ms)
        if self.call.stream:
            self.outlet.end()
        else:
            self._send(winner, attempt)

    def _send(self, winner: Try, attempt: Attempt) -> None:
        """A whole answer, all at once."""
        kind = b"application/json"
        if self.call.operation == "opaque" and winner.reply is not None:
            kind = winner.reply.headers.get(b"content-type", kind)
        self.outlet.send(200, self._headers(kind, attempt), winner.body)

    async def _cut(self) -> None:
        error: RequestError
        if self.late:
            error = self._too_late()
        elif self.failures[-1].kind == "budget":
            error = spent_error("the answer grew beyond what was left for it, and is not whole", held=False)
        else:
            error = UpstreamFailed(
                f"The answer broke off: {self.broke_by}. What came before this event is not whole.",
                code="stream_broken",
            )
        self.broken = True
        self._settle("failed", 200, error.code)
        await self.outlet.write(DIALECTS[self.call.dialect].error_event(error, self.call.id))
        self.outlet.end()

    def _give_up(self, action: machine.GiveUp) -> None:
        """The client has nothing yet: an error, or the provider's own word where the request is at fault."""
        if action.why == "final":
            failure = self.failures[-1]
            self._settle("failed", failure.status, "rejected_by_provider")
            self.winner = next(one for one in self.tries.values() if one.candidate is failure.candidate)
            headers = self._headers(b"application/json", None) + b"x-should-retry: false\r\n"
            self.outlet.send(failure.status, headers, told_by_provider(failure, self.call, self._asked_in(failure)))
            return
        if action.why == "failed" and self.spared is not None:
            self._send_spared(self.spared)
            return
        error = self._too_late() if action.why == "deadline" else all_failed(self.failures)
        self._settle("failed", error.status, error.code)
        try:
            raise error
        finally:
            del error  # else the error, this frame and the request's body hold each other

    def _send_spared(self, spared: Try) -> None:
        """Nobody had a better answer: the caller gets this one, and sees in it how it ended. On the books the attempt that
        answered is the last one."""
        self.winner = spared
        place = next(place for place, one in enumerate(self.attempts) if one.number == spared.number)
        attempt = msgspec.structs.replace(self.attempts.pop(place), outcome="ok")
        self.attempts.append(attempt)
        self._settle("ok", 200, attempt.error, attempt)
        self._send(spared, attempt)

    def _shown(self, events: bytes) -> bytes:
        """A provider's error in a stream may repeat the key it was sent."""
        if b'"error"' not in events or self.winner is None:
            return events
        return masked(events, self.winner.endpoint)

    def _asked_in(self, failure: Failure) -> str:
        """The dialect in which the provider that failed was asked."""
        wire = wire_for(self.call, self.world.endpoints[failure.candidate.channel.provider])
        return self.call.dialect if wire is None else wire.dialect

    def _too_late(self) -> RequestError:
        if self.runtime.ending:
            return Overloaded("The server is being stopped; ask again.", code="stopping", retry_after=1)
        if self.own_limit and self.left() > 0:
            limit = f"max_latency of {self.plan.rule} in policy {self.plan.policy}"
            return DeadlineExceeded(f"No whole answer within {self.own_limit:g} s ({limit}).")
        return DeadlineExceeded(f"No whole answer within {self.world.request_timeout:g} s (server.request_timeout).")

    def _headers(self, content_type: bytes, attempt: Attempt | None) -> bytes:
        """The answer's header lines. Cost is exact once the attempt is closed, an estimate before."""
        winner = self.winner
        assert winner is not None
        cost: int | None
        if attempt is None:
            expected = winner.candidate.target.expected
            usual = Usage(expected.input_tokens, expected.output_tokens)
            ours, cost = self.overhead, expected.cost
            baseline = baseline_cost(self.world, usual, self.call.facts.at)
        else:
            ours, baseline = self.overhead + monotonic() - winner.first_at, self.baseline
            cost = self._spent() if self.priced else None
        tried = max(len(self.attempts), self.state.tried - self.state.spent.skipped)
        return b"Content-Type: %b\r\n%b%b%b" % (
            content_type,
            self.further,
            self.runtime.target_headers(self.call, self.plan, winner.candidate),
            own_headers(self.call, cost, baseline, tried, ours, winner.losses, winner.limit),
        )

    def _spent(self) -> int:
        return sum([attempt.spent for attempt in self.attempts])

    def tokens(self) -> int:
        """What the request really took, all attempts together."""
        return sum(attempt.usage.input + attempt.usage.output for attempt in self.attempts)

    # ---- the books

    def _settle(self, outcome: Outcome, status: int, error: str, answered: Attempt | None = None) -> None:
        call, plan = self.call, self.plan
        self.settled = True
        if answered is not None:
            usage = answered.usage if self.joint is None else self.joint.whole(answered.usage)
            self.baseline = baseline_cost(self.world, usage, call.facts.at)
        self.runtime.settle(
            Record(
                call.id,
                self.began,
                call.caller.name,
                call.caller.tenant,
                call.operation,
                call.dialect,
                call.model,
                call.stream,
                call.purpose,
                call.parent or "",
                outcome,
                status,
                error,
                plan.policy,
                plan.strategy,
                plan.policy_hash,
                plan.snapshot_hash,
                plan.conditions,
                plan.seed,
                "" if answered is None else answered.model,
                "" if answered is None else answered.channel,
                tuple(self.attempts),
                self._spent(),
                self.baseline,
                self.world.baseline,
                int(self.overhead * 1e6),
                int((monotonic() - self.received) * 1000),
                call.wishes.tags,
                plan.task,
                call.wishes.session,
                call.signals,
                __version__,
                None if plan.named else self.runtime.contents.decision(call, plan),
                self.balanced,
                call.caller.team,
            ),
            call,
        )
