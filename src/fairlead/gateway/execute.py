"""Carries out a plan: performs the actions of `core.execution` on real connections, and puts every attempt on the books.

The state machine decides, this file acts: one method an action, each giving back the event it led to. The record is
in the ledger's spool before the client's last byte leaves, so whatever a client got whole is on the books whatever
happens next.
"""

from __future__ import annotations

import asyncio
import time
from time import monotonic
from typing import TYPE_CHECKING

from fairlead.core import execution as machine
from fairlead.core.call import Call
from fairlead.core.cost import worst_cost
from fairlead.core.egress import grant
from fairlead.core.execution import Candidate
from fairlead.core.plan import Plan
from fairlead.core.record import Attempt, Intent, Outcome, Record, Usage
from fairlead.dialects.dialect import Reader
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest, DeadlineExceeded, Forbidden, RequestError, UpstreamFailed
from fairlead.gateway.account import baseline_cost, charge, intent
from fairlead.gateway.answering import own_headers, reader_for, whole
from fairlead.gateway.conditions import typical_ms
from fairlead.gateway.failures import CALLERS_FAULT, Failure, all_failed, masked, read_error, told_by_provider
from fairlead.gateway.request import Outlet
from fairlead.gateway.tiers import Hold
from fairlead.providers.wire import Endpoint, Reply, UpstreamBroken
from fairlead.providers.wires import outbound, wire_for
from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

LEFT_RUNNING = frozenset(("first_byte_timeout", "idle_timeout", "too_large"))
"""Ways to end an attempt from this side: the provider may go on generating, and bill it."""


class Run:
    """One call being carried out."""

    __slots__ = (
        "attempts", "baseline", "began", "body", "call", "candidate", "failures", "first_at", "generating", "hold", "intent", "late", "losses", "outlet", "overhead", "plan", "priced",
        "reader", "received", "reply", "runtime", "sent_at", "settled", "state", "status", "task", "time_limit", "usage", "world",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, call: Call, plan: Plan, outlet: Outlet, received: float) -> None:
        self.runtime = runtime
        self.world = runtime.world
        self.call = call
        self.plan = plan
        self.outlet = outlet
        self.received = received
        self.state = machine.begin(plan)
        self.attempts: list[Attempt] = []
        self.failures: list[Failure] = []
        self.candidate: Candidate | None = None
        self.intent: Intent | None = None
        self.reply: Reply | None = None
        self.reader: Reader | None = None
        self.losses: Losses | None = None
        self.body = b""
        self.usage: Usage | None = None
        self.status = 0
        self.sent_at = self.first_at = 0.0
        self.overhead = 0.0
        self.late = False
        self.settled = False
        self.generating = False
        """Whether the provider was asked and may still be at work, whatever became of its answer."""
        self.priced = True
        """Whether every attempt's price is known; else the cost is not."""
        self.baseline: int | None = None
        self.time_limit = self.world.request_timeout
        if plan.settings.max_latency_ms:
            self.time_limit = min(self.time_limit, plan.settings.max_latency_ms / 1000)
        self.hold: Hold | None = None
        self.task: asyncio.Task[object] | None = None
        self.began = 0

    async def go(self) -> None:
        self.task = asyncio.current_task(self.runtime.loop)
        self.began = time.time_ns() // 1_000_000
        deadlines = self.runtime.deadlines
        deadlines[self] = self.received + self.time_limit
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
                            event = await self._deliver() if self.call.stream else machine.FINISHED
                        elif type(action) is machine.Complete:
                            self._complete()
                        else:
                            await self._stop(action)
                except asyncio.CancelledError:
                    if self.late and self.task is not None:
                        self.task.uncancel()
                        event = machine.DEADLINE_PASSED
                    else:
                        self.state, actions = machine.step(self.state, machine.CLIENT_LEFT)
                        for action in actions:
                            await self._stop(action)
                        if not self.settled:
                            self._close_attempt("cancelled", "the client left")
                            self._settle("cancelled", 499, "the client left")
                        raise
        except BaseException as error:
            if not self.settled:
                self._break_off(error.status if isinstance(error, RequestError) else 500)
            raise
        finally:
            del deadlines[self]
            if self.hold is not None:
                self.runtime.tiers.settle(self.hold, 0)

    def _break_off(self, status: int) -> None:
        """Something unforeseen: nothing stays open, here or at the provider."""
        self._abort()
        self._close_attempt("failed", "fairlead failed")
        self._settle("failed", status, "internal_error")

    def expire(self) -> None:
        """The deadline has passed."""
        if not self.settled and not self.late and self.task is not None:
            self.late = True
            self.task.cancel()

    async def _stop(self, action: machine.Action) -> None:
        if isinstance(action, machine.Abort):
            self._abort()
        elif isinstance(action, machine.Cut):
            await self._cut()
        elif isinstance(action, machine.GiveUp):
            self._give_up(action)

    # ---- one attempt

    async def _dispatch(self, action: machine.Dispatch) -> machine.Event:
        call, world = self.call, self.world
        candidate = self.candidate = action.candidate
        channel = candidate.channel
        endpoint = world.endpoints[channel.provider]
        wire = wire_for(call, endpoint)
        self.reader = None
        self.losses = None
        self.usage = None
        self.status = 0
        self.first_at = 0.0
        try:
            permit = grant(call, channel)
            if wire is None:
                return self._failed(0, f"{endpoint.name} does not serve {call.dialect}", kind="untranslatable")
            if wire.dialect != call.dialect:
                self.losses = Losses(wire.dialect, call.wishes.strict)
            target = candidate.target
            sent = outbound(call, target.model, channel, endpoint, wire, self.losses, target.thinking)
        except Forbidden as refused:
            return self._failed(0, refused.message)
        except BadRequest as problem:
            return self._failed(0, problem.message, kind="untranslatable")
        if candidate.target.tier and not self._held(candidate):
            return self._failed(0, f"tier {candidate.target.tier} has nothing left today", kind="tier_budget")
        planned = self._intent(action.number, candidate)
        self.runtime.ledger.intend(planned)
        self.intent = planned
        self.generating = False
        self.sent_at = monotonic()
        if action.number == 1:
            self.overhead = self.sent_at - self.received
        try:
            reply = self.reply = await self.runtime.upstream_for(endpoint).send(permit, endpoint, sent, self._sent)
            self.status = reply.status
            if reply.status != 200:
                self.generating = False
                return self._refused(reply, await read_error(reply), endpoint)
            if call.stream:
                return await self._first_content(reply, wire.dialect, endpoint)
            body = reply.whole()
            if body is None:
                body = await reply.body()
        except UpstreamBroken as broken:
            answering = self.status == 200
            self.generating = self.generating and (answering or (not self.status and broken.reason in LEFT_RUNNING))
            return self._failed(self.status, str(broken), kind="stale" if broken.reason == "stale" else "")
        self.generating = False
        self.first_at = monotonic()
        self.body, self.usage, error = whole(call, wire.dialect, body, channel.model, self.losses)
        if error:
            return self._failed(200, error, body)
        return machine.COMMITTED

    def _held(self, candidate: Candidate) -> bool:
        """Whether the tier's budget bears the most that this may come to, which is then held."""
        call, policy = self.call, self.world.policies[self.plan.policy]
        target, price = candidate.target, candidate.channel.price_at(call.facts.at)
        shape, given = call.view.shape(), target.expected.input_tokens
        most = worst_cost(price, given, max(shape.max_output or 0, 0), target.model.max_output) * max(shape.answers, 1)
        self.hold = self.runtime.tiers.hold(call.caller.tenant, policy, candidate.target.tier, most, time.time())
        return self.hold is not None

    def _intent(self, number: int, candidate: Candidate) -> Intent:
        at_ms = self.began if number == 1 else time.time_ns() // 1_000_000
        return intent(self.call, self.plan, candidate, number, at_ms)

    def _sent(self) -> None:
        self.generating = True

    async def _first_content(self, reply: Reply, dialect: str, endpoint: Endpoint) -> machine.Event:
        """Reads on until there is something worth giving to the client; nothing is given before."""
        assert self.candidate is not None
        reader = self.reader = reader_for(self.call, dialect, endpoint, self.candidate.channel.model)
        while True:
            piece = await reply.read()
            self.body = reader.feed(piece) if piece else reader.end()
            if reader.error:
                self.generating = False
                self.usage = reader.usage
                reply.abort()
                return self._failed(200, reader.error)
            if reader.committed:
                self.first_at = monotonic()
                return machine.COMMITTED
            if not piece or reader.done:
                self.generating = False
                self.usage = reader.usage
                return self._failed(200, "the provider's stream ended without content")

    def _refused(self, reply: Reply, body: bytes, endpoint: Endpoint) -> machine.Event:
        """The provider answered with an error status. Some repeat the key they were sent."""
        status = reply.status
        body = masked(body, endpoint)
        words = f"HTTP {status}: {body[:300].decode('utf-8', 'replace')}"
        retry_after = reply.headers.get(b"retry-after", b"").decode("latin-1")
        return self._failed(status, words, body, retry_after, final=status in CALLERS_FAULT)

    def _failed(
        self,
        status: int,
        words: str,
        body: bytes = b"",
        retry_after: str = "",
        final: bool = False,
        kind: str = "",
    ) -> machine.Event:
        assert self.candidate is not None
        self.failures.append(Failure(self.candidate, status, words, body, retry_after, kind))
        if not final and not kind:
            self.runtime.complain(self.candidate.channel.id, status, words)
        # What a provider said may hold a key or the prompt: it is told to the caller, never written down.
        self._close_attempt("failed", f"HTTP {status}" if status not in (0, 200) else words)
        if kind == "stale":
            return machine.FAILED_STALE
        return machine.FAILED_FINALLY if final else machine.FAILED

    def _abort(self) -> None:
        if self.reply is not None:
            self.reply.abort()

    # ---- the client's side

    async def _deliver(self) -> machine.Event:
        outlet, reader, reply = self.outlet, self.reader, self.reply
        assert reader is not None and reply is not None
        outlet.start(200, self._headers(b"text/event-stream; charset=utf-8", None))
        await outlet.write(self._shown(self.body))
        try:
            while not reader.ended and (piece := await reply.read()):
                await outlet.write(self._shown(reader.feed(piece)))
                if reader.error:
                    break
        except UpstreamBroken as broken:
            reader.end()
            self.usage = reader.usage
            return self._failed(200, str(broken))
        rest = reader.end()
        self.usage = reader.usage
        reply.let_go()
        if reader.error:
            reply.abort()
            return self._failed(200, reader.error)
        if not reader.done:
            return self._failed(200, "the provider's stream broke off without its end")
        await outlet.write(rest)
        return machine.FINISHED

    def _complete(self) -> None:
        attempt = self._close_attempt("ok", "")
        self._settle("ok", 200, "")
        assert attempt is not None
        ms = typical_ms(attempt.first_ms, attempt.total_ms, attempt.usage.output, self.call.stream)
        if ms is not None:
            self.runtime.vitals.observe(attempt.channel, ms)
        if self.call.stream:
            self.outlet.end()
        else:
            kind = b"application/json"
            if self.call.operation == "opaque" and self.reply is not None:
                kind = self.reply.headers.get(b"content-type", kind)
            self.outlet.send(200, self._headers(kind, attempt), self.body)

    async def _cut(self) -> None:
        error: RequestError
        if self.late:
            self._close_attempt("failed", "the deadline passed")
            error = self._too_late()
        else:
            error = UpstreamFailed(
                f"The answer broke off: {self.failures[-1].words}. What came before this event is not whole.",
                code="stream_broken",
            )
        self._settle("failed", 200, error.code)
        await self.outlet.write(DIALECTS[self.call.dialect].error_event(error, self.call.id))
        self.outlet.end()

    def _give_up(self, action: machine.GiveUp) -> None:
        """The client has nothing yet: an error, or the provider's own word where the request is at fault."""
        if action.why == "final":
            failure = self.failures[-1]
            self._settle("failed", failure.status, "rejected_by_provider")
            headers = self._headers(b"application/json", None) + b"x-should-retry: false\r\n"
            self.outlet.send(failure.status, headers, told_by_provider(failure, self.call, self._asked_in(failure)))
            return
        if action.why == "deadline":
            self._close_attempt("failed", "the deadline passed")
            error: RequestError = self._too_late()
        else:
            error = all_failed(self.failures)
        self._settle("failed", error.status, error.code)
        try:
            raise error
        finally:
            del error  # else the error, this frame and the request's body hold each other

    def _shown(self, events: bytes) -> bytes:
        """A provider's error in a stream may repeat the key it was sent."""
        if b'"error"' not in events or self.candidate is None:
            return events
        return masked(events, self.world.endpoints[self.candidate.channel.provider])

    def _asked_in(self, failure: Failure) -> str:
        """The dialect in which the provider that failed was asked."""
        wire = wire_for(self.call, self.world.endpoints[failure.candidate.channel.provider])
        return self.call.dialect if wire is None else wire.dialect

    def _too_late(self) -> RequestError:
        own = self.time_limit < self.world.request_timeout
        limit = f"max_latency of {self.plan.rule} in policy {self.plan.policy}" if own else "server.request_timeout"
        return DeadlineExceeded(f"No whole answer within {self.time_limit:g} s ({limit}).")

    def _headers(self, content_type: bytes, attempt: Attempt | None) -> bytes:
        """The answer's header lines. Cost is exact once the attempt is closed, an estimate before."""
        candidate = self.candidate
        assert candidate is not None
        cost: int | None
        if attempt is None:
            expected = candidate.target.expected
            usual = Usage(expected.input_tokens, expected.output_tokens)
            ours, cost = self.overhead, expected.cost
            baseline = baseline_cost(self.world, usual, self.call.facts.at)
        else:
            ours, baseline = self.overhead + monotonic() - self.first_at, self.baseline
            cost = self._spent() if self.priced else None
        tried = max(len(self.attempts), self.state.tried)
        return b"Content-Type: %b\r\n%b%b" % (
            content_type,
            self.runtime.target_headers(self.call, self.plan, candidate),
            own_headers(self.call, cost, baseline, tried, ours, self.losses),
        )

    def _spent(self) -> int:
        return sum([attempt.cost for attempt in self.attempts])

    def tokens(self) -> int:
        """What the request really took, all attempts together."""
        return sum(attempt.usage.input + attempt.usage.output for attempt in self.attempts)

    # ---- the books

    def _close_attempt(self, outcome: Outcome, error: str) -> Attempt | None:
        """The attempt under way is over: what it used and cost. None when there is none."""
        intent, candidate = self.intent, self.candidate
        if intent is None or candidate is None:
            return None
        self.intent = None
        ended = monotonic()
        if self.usage is None and self.reader is not None:
            self.reader.end()
            self.usage = self.reader.usage
        usage = self.usage
        if usage is None:
            usage = self._estimated_usage(intent, outcome)
        price = candidate.channel.price_at(self.call.facts.at)
        self.priced = self.priced and price is not None
        lines, cost = charge(price, usage)
        attempt = Attempt(
            intent.attempt,
            intent.number,
            intent.model,
            intent.channel,
            intent.provider,
            intent.region,
            outcome,
            self.status,
            error[:500],
            intent.at_ms,
            int((self.first_at - self.sent_at) * 1000) if self.first_at else -1,
            int((ended - self.sent_at) * 1000),
            usage,
            lines,
            cost,
            intent.currency,
            candidate.move,
            intent.tier,
        )
        self.attempts.append(attempt)
        if self.hold is not None:
            self.runtime.tiers.settle(self.hold, cost)
            self.hold = None
        return attempt

    def _estimated_usage(self, intent: Intent, outcome: Outcome) -> Usage:
        """No usage came. A refusal costs nothing; what was delivered, or left running at the provider, is estimated."""
        reader = self.reader
        if reader is not None and (reader.committed or self.generating):
            return Usage(intent.input_tokens, reader.estimate, estimated=True)
        if outcome == "ok" or self.generating:
            return Usage(intent.input_tokens, intent.output_tokens, estimated=True)
        return Usage()

    def _settle(self, outcome: Outcome, status: int, error: str) -> None:
        call, plan, attempts = self.call, self.plan, tuple(self.attempts)
        self.settled = True
        answered = attempts[-1] if outcome == "ok" and attempts else None
        if answered is not None:
            self.baseline = baseline_cost(self.world, answered.usage, call.facts.at)
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
                attempts,
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
            ),
            call,
        )
