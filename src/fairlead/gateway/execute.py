"""Carries out a plan: performs the actions of `core.execution` on real connections, and puts every attempt on the books.

The state machine decides, this file acts: one method an action, each giving back the event it led to; an attempt by
itself is in `gateway.attempt`. The record is in the ledger's spool before the client's last byte leaves, so whatever a
client got whole is on the books whatever happens next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import trunc
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from fairlead.core import execution as machine
from fairlead.core.call import Call
from fairlead.core.cost import expected_cost, usage_cost
from fairlead.core.execution import Abort, Complete, Cut, Deliver, Dispatch, Event, Wait
from fairlead.core.model import Channel
from fairlead.core.plan import Plan
from fairlead.core.policy import USUAL as AS_USUAL
from fairlead.core.record import Attempt, Outcome, Record, Usage
from fairlead.core.settable import settable
from fairlead.core.table import NO_SETTINGS
from fairlead.dialects.dialect import Reader
from fairlead.errors import RequestError
from fairlead.gateway import handling
from fairlead.gateway.account import baseline_cost
from fairlead.gateway.admit import seed_of
from fairlead.gateway.answering import own_headers, pending_headers
from fairlead.gateway.attempt import OUTRUN, Try
from fairlead.gateway.checking import Checking
from fairlead.gateway.conditions import typical_ms
from fairlead.gateway.continuing import Joint
from fairlead.gateway.failures import UNFIT, Failure, why_failed
from fairlead.gateway.relaying import relay, shown
from fairlead.gateway.request import Outlet
from fairlead.gateway.unanswered import cut, gave_best, give_up
from fairlead.providers.wire import UpstreamBroken
from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime
    from fairlead.gateway.world import World


EVENTS = b"text/event-stream; charset=utf-8"


@settable
class Run(msgspec.Struct, eq=False):
    """One call being carried out."""

    runtime: Runtime
    world: World
    """That it began in."""
    call: Call
    plan: Plan
    outlet: Outlet
    received: float
    further: bytes = b""
    """Header lines of the answer that are known before it."""
    deadline: float = 0.0
    began: int = 0
    state: machine.State = machine.NOBODY
    tries: dict[int, Try] = {}
    attempts: tuple[Attempt, ...] = ()
    """On the books."""
    failures: tuple[Failure, ...] = ()
    joint: Joint | None = None
    """Where another may go on with what broke off."""
    balanced: tuple[tuple[str, float], ...] = ()
    """What the balance was judged by."""
    racing: dict[int, asyncio.Task[Event]] | None = None
    """Where attempts may be made side by side: those that have not ended."""
    checking: Checking | None = None
    """Where answers are checked before the client has them."""
    spared: Try | None = None
    """The first whole answer that was not as it should be: better than none."""
    baseline: int | None = None
    overhead: float = 0.0
    late: bool = False
    slow: tuple[str, machine.Cause] | None = None
    """Why those under way have to give way."""
    aborted: tuple[Outcome, str] = ("cancelled", "another answered first")
    """What becomes of an attempt that is aborted now, and why."""
    settled: bool = False
    broken: bool = False
    """The answer broke off after it had begun."""
    irregular: bool = False
    """Its client was kept waiting by pings, or got it unchecked: it is not to be given again."""
    unfit: str = ""
    """Why the answer that is given is not good enough."""
    broke_by: str = ""
    """What the last one died of of whom the client has a part."""
    priced: bool = True
    """Whether every attempt's price is known; else the cost is not."""
    spent: int = 0
    """What all attempts together cost, in nano-units of USD."""
    took: int = 0
    """Tokens that they really took."""
    own_limit: float = 0.0
    """Of its task, in seconds; 0 for none."""
    task: asyncio.Task[object] | None = None
    alone: bool = True
    """Only the first of its plan is in line so far, and nothing is wanted but that it is asked."""
    reserve: Callable[[], Plan] | None = None
    """Where some were left out for having failed of late: the plan with them."""

    def _begin(self) -> tuple[machine.Action, ...]:
        """What is to be done first."""
        plan, call, health = self.plan, self.call, self.runtime.health
        failing = plan.last_resort or (health.further.failing and health.further.doubtful)
        wanted = call.stream and call.wishes.continues
        if failing or wanted or plan.handling is not AS_USUAL or plan.settings is not NO_SETTINGS:
            plan, limits = handling.prepared(self, plan)
            candidates, stronger = machine.line(plan)
            if failing:
                candidates = health.in_turn(candidates)
            self.alone = False
            self.state, actions = machine.begin(candidates, stronger, limits)
        else:
            self.state, actions = machine.begin_alone(plan)
        return actions

    async def go(self) -> None:
        runtime = self.runtime
        self.task = asyncio.current_task(runtime.loop)
        self.began = time.time_ns() // 1_000_000
        deadlines = runtime.deadlines
        actions = self._begin()
        deadlines[self] = self.deadline = self.received + self.world.request_timeout
        timer = None if self.alone else handling.begun(self)
        try:
            while True:
                event: Event | None = None
                try:
                    for action in actions:
                        # These two are in every run, and `isinstance` is slow to deny what a struct is.
                        if type(action) is Dispatch:
                            trying = self._trying(action)
                            if self.racing is None:
                                event = await trying.start()
                            else:
                                self.racing[action.number] = runtime.loop.create_task(trying.start())
                        elif type(action) is Complete:
                            self._complete(action.number)
                        elif isinstance(action, Deliver):
                            event = await self._deliver(action.number)
                        elif isinstance(action, Wait):
                            await asyncio.sleep(action.seconds)
                            event = machine.WAITED
                        elif isinstance(action, Abort):
                            self._abort(action.number)
                        elif isinstance(action, Cut):
                            await cut(self)
                        elif self.checking is None or not await gave_best(self, self.checking):
                            give_up(self, action)
                    if event is None and self.racing:
                        event = await self._first_event(self.racing)
                except asyncio.CancelledError:
                    event = await self._interrupted()
                if event is None:
                    break
                self.state, actions = machine.step(self.state, event)
        except BaseException as error:
            if not self.settled:
                self._break_off(error.status if isinstance(error, RequestError) else 500)
            raise
        finally:
            del deadlines[self]
            self.tries.clear()  # they know this run in turn
            if not self.alone:
                handling.ended(self, timer)

    async def _interrupted(self) -> Event | None:
        """By the deadline, by the limit of its task, or by the client, which has left."""
        assert self.task is not None
        if self.late:
            self.task.uncancel()
            self.aborted = "failed", "the deadline passed"
            self._blame()
            return machine.DEADLINE_PASSED
        if self.slow is not None:
            words, cause = self.slow
            self.slow = None
            self.task.uncancel()
            return self._give_way(words, cause)
        self.aborted = "cancelled", "the client left"
        self.state, actions = machine.step(self.state, machine.CLIENT_LEFT)
        for action in actions:
            assert type(action) is machine.Abort
            self._abort(action.number)
        if not self.settled:
            self.settle("cancelled", 499, "the client left")
        raise asyncio.CancelledError

    def _blame(self) -> None:
        """Who had most of the request's time and has not begun to answer has failed. What a task wants sooner, and the end
        of the process, is nobody's fault."""
        if self.left() > 0 or self.runtime.ending:
            return
        for trying in self._under_way():
            if trying.claim is not None and not trying.first_at:
                if monotonic() - trying.sent_at > self.world.request_timeout / 2:
                    self.runtime.health.failed(trying.claim, "no answer before the deadline", None)

    def _break_off(self, status: int) -> None:
        """Something unforeseen: nothing stays open, here or at the provider."""
        self.aborted = "failed", "fairlead failed"
        for number in list(self.tries):
            self._abort(number)
        self.settle("failed", status, "internal_error")

    def expire(self) -> None:
        """The deadline has passed."""
        if not self.settled and not self.late and self.task is not None:
            self.late = True
            self.task.cancel()

    def over_own_limit(self) -> None:
        """The task's longest time is over: its fallback is asked, if there is one. Another channel of the same model is none."""
        state = self.state
        slow = {one.candidate.channel.model for one in state.flying}
        rest = state.candidates[state.taken :]
        others = tuple(one for one in rest if one.channel.model not in slow)
        if others and not state.answered and self._waiting() and self.task is not None:
            self.state = msgspec.structs.replace(state, candidates=(*state.candidates[: state.taken], *others))
            self.slow = f"no answer within {self.own_limit:g} s", "slow"
            self.task.cancel()
        else:
            self.expire()

    def hurry(self, words: str) -> None:
        """A stream has been held back for too long: somebody stronger is asked, if there is one."""
        whole = any(one.attempt is not None for one in self._under_way())
        if machine.may_rise(self.state) and self._waiting() and not whole and self.task is not None:
            self.slow = f"{UNFIT}{words}", "unfit"
            self.task.cancel()

    def _waiting(self) -> bool:
        """Whether somebody is under way of whom the client has nothing yet."""
        return self.state.phase == "trying" and not self.state.told and not self.settled and not self.late

    def speaking(self) -> bool:
        """Whether one of those under way has begun to answer."""
        return any(one.reader is not None and one.reader.committed and one.attempt is None for one in self._under_way())

    def _under_way(self) -> list[Try]:
        return [self.tries[one.number] for one in self.state.flying]

    def _give_way(self, words: str, cause: machine.Cause) -> Event | None:
        """What is under way takes too long."""
        event: Event | None = None
        for trying in self._under_way():
            if event is not None:
                self.state, _ = machine.step(self.state, event)
            trying.abort()
            self._forget(trying.number)
            event = trying.failed(trying.status, words, cause, kind="unfit" if cause == "unfit" else "")
            if isinstance(event, machine.Failed):
                event = msgspec.structs.replace(event, partial=True)
        return event

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - monotonic()

    # ---- attempts

    def _trying(self, action: Dispatch) -> Try:
        number, candidate = action.number, action.candidate
        channel, state = candidate.channel, self.state
        endpoint = self.world.endpoints[channel.provider]
        trying = self.tries[number] = Try(self, number, candidate, endpoint, endpoint)
        if state.answered:
            trying.escalated = channel.id in [one.channel.id for one in state.stronger]
        return trying

    async def _first_event(self, racing: dict[int, asyncio.Task[Event]]) -> Event:
        """The next event of the attempts under way, or that another is to be made beside them."""
        judging = any(one.attempt is not None for one in self._under_way())
        patience = self.plan.handling.hedge_ms / 1000 if machine.may_hedge(self.state) and not judging else None
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
        if trying.attempt is not None:
            trying.told_otherwise(*self.aborted)  # its answer was whole, and is not given

    def _forget(self, number: int) -> None:
        task = None if self.racing is None else self.racing.pop(number, None)
        if task is not None:
            task.cancel()

    def look_further(self) -> None:
        """An attempt has come to nothing: now it matters who comes next, and behind the last in line are those who were to
        be left alone."""
        if self.alone:
            self.alone = False
            candidates, stronger = machine.line(self.plan)
            self.state = msgspec.structs.replace(self.state, candidates=candidates, stronger=stronger)
        if self.reserve is None or self.state.taken < len(self.state.candidates):
            return
        (found, _), self.reserve = machine.line(self.reserve()), None
        known = {candidate.channel.id for candidate in self.state.candidates}
        more = self.runtime.health.in_turn(tuple(one for one in found if one.channel.id not in known))
        self.state = msgspec.structs.replace(self.state, reserve=(*self.state.reserve, *more))

    def spare(self, trying: Try) -> None:
        if self.spared is None:
            self.spared = trying

    # ---- the client's side

    async def _deliver(self, number: int) -> Event:
        winner = self.tries[number]
        if self.checking is not None:
            if not winner.live:
                await self.checking.give(winner)
                return machine.FINISHED
            self.checking.stop()
            self.irregular = True
        outlet, reader, reply = self.outlet, winner.reader, winner.reply
        assert reader is not None and reply is not None
        together = self.joint
        if outlet.started and together is not None:
            await outlet.write(together.label(winner.candidate.channel.id, winner.losses))
        else:
            await self.begin_stream(winner, None)
        if together is not None:
            together.follow(reader)
        first, winner.body = winner.body, b""
        await outlet.write(shown(winner, first))
        del first
        try:
            await relay(winner, reader, reply, outlet)
        except UpstreamBroken as broken:
            if together is not None:
                together.hold()
            reader.end()
            return self._broke(winner, reader, str(broken))
        if together is not None:
            together.hold()
        rest = reader.end()
        reply.let_go()
        if winner.cut is not None:
            reader.error = OUTRUN
        if reader.error:
            reply.abort()
            return self._broke(winner, reader, reader.error)
        if not reader.done:
            return self._broke(winner, reader, "the provider's stream broke off without its end")
        winner.usage = reader.usage
        await outlet.write(rest if together is None else rest + together.release())
        return machine.FINISHED

    async def begin_stream(self, winner: Try, attempt: Attempt | None) -> None:
        """Its head; where that has left before anybody knew who answers, that."""
        headers = self.headers(EVENTS, winner, attempt)
        if not self.outlet.started:
            self.outlet.start(200, headers)
        elif self.checking is not None:
            await self.outlet.write(self.checking.label(headers))

    def begin_pending(self) -> None:
        """The head of a stream of which nobody knows yet who answers it."""
        self.irregular = True
        lines = pending_headers(self.call, self.plan, self.world.version)
        self.outlet.start(200, b"Content-Type: %b\r\n%b%b" % (EVENTS, self.further, lines))

    def _broke(self, winner: Try, reader: Reader, words: str) -> Event:
        """The client has a part of the answer; maybe somebody goes on with it."""
        winner.usage = reader.usage
        self.broke_by = words
        event = winner.failed(200, words, why_failed(reader.fault), kind="budget" if words == OUTRUN else "")
        if self.joint is None or words == OUTRUN:
            return event
        return self.joint.broke(event, self.attempts[-1])

    def _complete(self, number: int) -> None:
        call, winner = self.call, self.tries[number]
        attempt = winner.close("ok", "")
        if attempt is None:  # it was before its answer was judged
            assert winner.attempt is not None
            attempt = self.last(winner.attempt, "ok")
        self.settle("ok", 200, "", attempt)
        stream = call.stream
        ms = typical_ms(attempt.first_ms, attempt.total_ms, attempt.usage.output, stream)
        if ms is not None:
            self.runtime.vitals.observe(attempt.channel, ms)
        if stream:
            self.outlet.end()
        else:
            self.send(winner, attempt)

    def send(self, winner: Try, attempt: Attempt) -> None:
        """A whole answer, all at once."""
        kind = EVENTS if self.call.stream else b"application/json"
        if self.call.operation == "opaque" and winner.reply is not None:
            kind = winner.reply.headers.get(b"content-type", kind)
        self.outlet.send(200, self.headers(kind, winner, attempt), winner.body)

    def last(self, attempt: Attempt, outcome: Outcome) -> Attempt:
        """On the books the attempt that answered is the last one."""
        others = [one for one in self.attempts if one.number != attempt.number]
        attempt = msgspec.structs.replace(attempt, outcome=outcome)
        self.attempts = (*others, attempt)
        return attempt

    def headers(self, content_type: bytes, winner: Try, attempt: Attempt | None) -> bytes:
        """The answer's header lines. Cost is exact once the attempt is closed, an estimate before."""
        call, state, ours = self.call, self.state, self.overhead
        cost: int | None
        if self.settled:
            cost, baseline = self.spent if self.priced else None, self.baseline
        else:
            compared = self.world.baselines.get(call.operation)
            if attempt is not None:
                cost, baseline = self.spent if self.priced else None, self._baseline_of(compared, attempt)
            else:
                expected = winner.candidate.target.expected
                usual = Usage(expected.input_tokens, expected.output_tokens)
                cost, baseline = expected.cost, baseline_cost(compared, usual, call.facts.at)
        if winner.first_at and not call.stream:
            ours += monotonic() - winner.first_at
        runtime, plan = self.runtime, self.plan
        if self.checking is None:
            lines = runtime.target_headers(plan, winner.candidate)
        else:
            lines = runtime.target_headers(plan, winner.candidate, winner.escalated, self.unfit != "")
            lines += self.checking.header(winner)
            if self.unfit:
                call = msgspec.structs.replace(call, warnings=(*call.warnings, self.unfit))
        tried = state.tried - state.spent.skipped
        own = own_headers(call, cost, baseline, tried, ours, winner.losses, winner.limit)
        return b"".join((b"Content-Type: ", content_type, b"\r\n", self.further, lines, own))

    # ---- the books

    def _baseline_of(self, compared: Channel | None, answered: Attempt) -> int | None:
        """What the same tokens would have cost at the channel that is compared with: what was spent, where that is by the
        very price."""
        usage = answered.usage
        price = None if compared is None else compared.price_at(self.call.facts.at)
        if price is None:
            return None
        if self.joint is not None:
            return usage_cost(price, self.joint.whole(usage))
        winner = self.tries[answered.number]
        if price is winner.price:
            return winner.spent
        return expected_cost(price, usage.input, usage.output) if winner.plain else usage_cost(price, usage)

    def settle(self, outcome: Outcome, status: int, error: str, answered: Attempt | None = None) -> None:
        call, plan, runtime = self.call, self.plan, self.runtime
        caller, wishes = call.caller, call.wishes
        self.settled = True
        compared = self.world.baselines.get(call.operation)
        model = channel = ""
        if answered is not None:
            model, channel = answered.model, answered.channel
            self.baseline = self._baseline_of(compared, answered)
        # In two parts: a call with so many arguments is made through a list, one by one.
        asked = (
            call.id, self.began, caller.name, caller.tenant, call.operation, call.dialect, call.model, call.stream,
            call.purpose, call.parent or "", outcome, status, error, plan.policy, plan.strategy, plan.policy_hash,
            plan.snapshot_hash, plan.conditions, seed_of(call.id), model, channel,
        )  # fmt: skip
        came = (
            self.attempts, self.spent, self.baseline if self.priced else None,
            "" if compared is None else compared.model, trunc(self.overhead * 1e6), trunc((monotonic() - self.received) * 1000),
            wishes.tags, plan.task, wishes.session, call.signals, __version__,
            None if plan.named else runtime.contents.decision(call, plan), self.balanced, caller.team,
        )  # fmt: skip
        runtime.settle(Record(*(asked + came)), call)
