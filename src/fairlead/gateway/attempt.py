"""One attempt: a plan's candidate is asked, until there is content worth giving to the client, or none to come.

Whatever becomes of it ends in `close`, which puts it on the books and gives back what was held for it: the tier's
budget, the claim on the channel, its place in the balance.
"""

from __future__ import annotations

import time
from math import trunc
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.budgets import Hold
from fairlead.core.call import Call
from fairlead.core.cost import billed, is_plain
from fairlead.core.egress import grant
from fairlead.core.execution import WHOLE, Candidate, Cause, Committed, Event, Failed, Skipped
from fairlead.core.health import Claim
from fairlead.core.limits import Gate
from fairlead.core.model import Price
from fairlead.core.policy import Ending
from fairlead.core.record import Attempt, CostLine, Intent, Outcome, Usage
from fairlead.core.settable import settable
from fairlead.core.throttle import backoff
from fairlead.dialects.dialect import Reader
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.dialects.passing import HELD_LIMIT
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.weighing import BYTES
from fairlead.errors import BadRequest, Forbidden
from fairlead.gateway import used
from fairlead.gateway.account import intend
from fairlead.gateway.admit import seed_of
from fairlead.gateway.answering import cause_of, reader_for, silence, whole
from fairlead.gateway.balances import Refusal
from fairlead.gateway.belongings import take_down
from fairlead.gateway.budgets import Ended, outran
from fairlead.gateway.failures import CALLERS_FAULT, PASSING, Failure, masked, read_error, refused, why_failed, written
from fairlead.gateway.health import LEFT_ALONE
from fairlead.gateway.hosting import bear
from fairlead.gateway.metering import limited, taking_of
from fairlead.providers import limits
from fairlead.providers.capping import LIMITS as CAPPED
from fairlead.providers.capping import PLAIN, capped
from fairlead.providers.wire import Endpoint, Outbound, Reply, UpstreamBroken
from fairlead.providers.wires import Wire, outbound, wire_for

if TYPE_CHECKING:
    from fairlead.gateway.execute import Run

LEFT_RUNNING = frozenset(("first_byte_timeout", "idle_timeout", "too_large"))
"""Ways to end an attempt from this side: the provider may go on generating, and bill it."""
OUTRUN = "the answer grew beyond what was left of its budget"
SLICE = 256
"""Bytes that are read at once where an answer may grow beyond its budget."""
UNPRICED: tuple[tuple[CostLine, ...], int, int | None] = ((), 0, None)
"""What comes to nothing, as its price is not known."""
FAULTS = frozenset(("outage", "rate_limit", "slow"))
"""Causes that speak against a channel."""


@settable
class Try(msgspec.Struct, eq=False):
    """One attempt of a run."""

    run: Run
    number: int
    candidate: Candidate
    endpoint: Endpoint
    asked: Endpoint
    """The same, with the key it is asked with."""
    body: bytes = b""
    claim: Claim | None = None
    """What entitles it to ask the channel, until it is over."""
    generating: bool = False
    """Whether the provider was asked and may still be at work, whatever became of its answer."""
    first_at: float = 0.0
    sent_at: float = 0.0
    gate: Gate | None = None
    """The way through its model's limits."""
    grip: Hold | None = None
    """What of budgets it holds."""
    limit: int = 0
    """The output limit it is sent with, where a budget wants one."""
    intent: Intent | None = None
    price: Price | None = None
    """What it is charged by."""
    losses: Losses | None = None
    reader: Reader | None = None
    reply: Reply | None = None
    status: int = 0
    took: int = 0
    """Tokens, once it is over."""
    spent: int = 0
    """What it cost then, in nano-units of USD."""
    plain: bool = False
    """Whether what it used then was plain input and output alone."""
    cut: int | None = None
    """Where it was ended because a budget bears no more: about the tokens that the client has been given."""
    _unseen: int = 0
    """Bytes that may be an event whose end has not come."""
    usage: Usage | None = None
    attempt: Attempt | None = None
    """On the books, where it was closed before it was delivered."""
    live: bool = False
    """Its stream is given unchecked, as it comes."""
    escalated: bool = False
    """It was made because somebody weaker's answer was not good enough."""

    async def start(self) -> Event:
        """Up to the first content of a stream, or a whole answer."""
        run, endpoint = self.run, self.endpoint
        runtime, checking, alone = run.runtime, run.checking, run.alone
        call = run.call if alone else self._said()
        anew = call is not run.call
        candidate = self.candidate
        channel = candidate.channel
        if endpoint.keyed:
            taken = runtime.keys.take(endpoint)
            if isinstance(taken, float):
                return self._skipped(f"all keys of {endpoint.name} are at their limits", taken)
            self.asked = taken
        wire = wire_for(call, endpoint)
        try:
            permit = grant(call, channel)
            if wire is None:
                return self.failed(0, f"{endpoint.name} does not serve {call.dialect}", kind="untranslatable")
            if anew or wire.dialect != call.dialect:
                self.losses = Losses(wire.dialect, call.wishes.strict)
            target = candidate.target
            sent = outbound(call, target.model, channel, self.asked, wire, self.losses, target.thinking)
        except Forbidden as refused:
            return self.failed(0, refused.message)
        except BadRequest as problem:
            return self.failed(0, problem.message, kind="untranslatable")
        self.price = channel.price_at(call.facts.at)
        if runtime.metering.of_models or runtime.budgets.any:
            borne = self._borne(call, sent, wire.dialect)
            if not isinstance(borne, Outbound):
                return borne
            sent = borne
        health = runtime.health
        if alone:
            entered = health.enter(channel)
        else:
            further = self.number > 1 and await health.further.heard(channel.provider)
            entered = health.enter(channel, further, candidate.anyway or run.plan.last_resort)
        if type(entered) is not Claim:
            return self._skipped(entered, later=entered is LEFT_ALONE)
        self.claim = entered
        intend(self)
        try:
            reply = self.reply = await runtime.upstream_for(endpoint).send(permit, endpoint, sent, self._sent)
            self.status = status = reply.status
            if endpoint.keyed or (health.shares and run.plan.handling.balance == "weighted"):
                self._look_at_quota(reply)
            if status != 200:
                self.generating = False
                return self._refused(reply, await read_error(reply))
            if call.stream:
                return await (self._held(reply, wire, anew) if checking else self._first_content(reply, wire))
            body = reply.whole()
            if body is None:
                body = await reply.body()
        except UpstreamBroken as broken:
            return self._broken(broken)
        self.first_at = monotonic()
        event = self._answered(body, wire, anew)
        return event if checking is None or type(event) is not Committed else await self._judged()

    def _said(self) -> Call:
        """What it is asked, where it may be more than what the client asked."""
        run = self.run
        if run.checking is not None:
            return run.checking.call(self)
        return run.call if run.joint is None else run.joint.call()

    def _borne(self, call: Call, sent: Outbound, dialect: str) -> Outbound | Event:
        """The request as limits and budgets let it leave, with what they hold for it; else why they do not."""
        run, channel = self.run, self.candidate.channel
        runtime = run.runtime
        limited_models = runtime.metering.of_models
        if channel.model in limited_models:
            self.gate = Gate((limited_models[channel.model],))
            over = self.gate.enter(monotonic(), *taking_of(call, self.candidate.target))
            if over is not None:
                return self._skipped(limited(over), over.retry_after, "limited")
        budgets = runtime.budgets
        grip = budgets.hold(run, call, self.candidate, self.price) if budgets.any else None
        if grip is None:
            return sent
        if not isinstance(grip, Hold):
            return self.failed(0, grip.words, "budget", kind=grip.kind)
        self.grip = grip
        view, passes = call.view, self.losses is None
        # What passes goes out with no such terms but those that it came with.
        if grip.lines.hard and not (passes and isinstance(view, ChatView) and view.plain):
            borne = bear(self, grip, sent, dialect)
            if isinstance(borne, Refusal):
                return self.failed(0, borne.words, "budget", kind=borne.kind)
            sent = borne
        limit = grip.limit
        if limit and passes and limit == view.max_output and dialect in PLAIN:
            self.limit = limit
        elif limit and dialect in CAPPED:
            self.limit = limit
            return capped(sent, dialect, limit, self.endpoint)
        return sent

    def _answered(self, body: bytes, wire: Wire, anew: bool) -> Event:
        run, losses = self.run, self.losses
        call, dialect = run.call, wire.dialect
        read = DIALECTS[dialect].usual if losses is None and call.operation == "generate" else None
        usage = None if read is None else read(body)
        if usage is not None:
            self.body, self.usage, self.generating = body, usage, False
            return WHOLE if self.number == 1 else Committed(self.number, whole=True)
        found = whole(call, dialect, body, self.candidate.channel.model, losses, anew)
        # Until here whatever goes wrong was made, and is billed; so is an answer that nobody can read.
        self.body, self.usage, self.generating = found.body, found.usage, False
        if found.issued:
            take_down(run.runtime.belongings, run.call, self.candidate.channel.id, found.issued)
        if found.error:
            self.generating = True
            return self.failed(200, found.error, why_failed(body), body)
        if found.ending and found.ending in run.plan.handling.failover_on:
            run.spare(self)
            return self.failed(200, f"the answer was {found.ending}", cause_of(found.ending), body)
        return Committed(self.number, whole=True)

    async def _judged(self) -> Event:
        """The whole answer is there, and nothing of it with the client yet. It is on the books before it is judged: what
        it held is free while the checks take their time."""
        checking = self.run.checking
        assert checking is not None
        self.attempt = self.close("ok", "")
        return await checking.judge(self)

    def unfit(self, words: str) -> None:
        """Not good enough: on the books it stays what it cost."""
        self.run.failures += (Failure(self.candidate, 200, words, kind="unfit"),)
        self.told_otherwise("failed", words)

    def told_otherwise(self, outcome: Outcome, error: str) -> None:
        """What became of an answer that was whole, and on the books already."""
        run, before = self.run, self.attempt
        assert before is not None
        told = self.attempt = msgspec.structs.replace(before, outcome=outcome, error=error[:500])
        run.attempts = tuple([told if one is before else one for one in run.attempts])

    async def _held(self, reply: Reply, wire: Wire, anew: bool) -> Event:
        """A stream that is checked: nothing of it is given before all of it is there, unless that takes too long."""
        run, checking, model = self.run, self.run.checking, self.candidate.channel.model
        assert checking is not None
        reader = self.reader = reader_for(run.call, wire.dialect, self.endpoint, model, anew)
        pieces: list[bytes] = []
        size = 0
        reply.await_content(True)
        while True:
            piece = await reply.read()
            pieces.append(self.within(reader, piece) if piece else reader.end())
            size += len(pieces[-1])
            if reader.committed and not self.first_at:
                reply.await_content(False)
                self.first_at = monotonic()
            if reader.error or self.cut is not None or not piece or reader.ended or size > HELD_LIMIT:
                break
            if checking.unchecked and reader.committed:
                self.body, self.live = b"".join(pieces), True
                run.runtime.health.began(self.claim)
                return Committed(self.number)
        if piece and not reader.error:
            pieces.append(reader.end())
        self.body, self.usage, self.generating = b"".join(pieces), reader.usage, False
        problem = self._problem(reader, size)
        if problem:
            reply.abort()
            budget, empty = problem == OUTRUN, not reader.committed and reader.done
            cause: Cause = "budget" if budget else "empty" if empty else "outage"
            return self.failed(200, problem, cause, kind="budget" if budget else "")
        reply.let_go()
        return await self._judged()

    def _problem(self, reader: Reader, size: int) -> str:
        """Why a stream that was held back is no whole answer."""
        if self.cut is not None:
            return OUTRUN
        if reader.error:
            return reader.error
        if size > HELD_LIMIT:
            return f"more than {HELD_LIMIT >> 20} MiB cannot be held back to be checked"
        if not reader.committed:
            return "the provider's stream ended without content"
        return "" if reader.done else "the provider's stream broke off without its end"

    def _look_at_quota(self, reply: Reply) -> None:
        found = limits.quota(reply.headers, time.time())
        if found is not None:
            share = self.run.runtime.keys.quota(self.endpoint, self.asked, found)
            self.run.runtime.health.quota(self.candidate.channel.id, share, found.resets)

    def _sent(self, reply: Reply) -> None:
        self.reply, self.generating = reply, True

    async def _first_content(self, reply: Reply, wire: Wire) -> Event:
        """Reads on until there is something worth giving to the client; nothing is given before."""
        run, model = self.run, self.candidate.channel.model
        if run.joint is None:
            reader = self.reader = reader_for(run.call, wire.dialect, self.endpoint, model)
        else:
            reader = self.reader = run.joint.reader(wire.dialect, model)
        reply.await_content(True)
        while True:
            piece = await reply.read()
            self.body = self.within(reader, piece) if piece else reader.end()
            if reader.error and not (reader.committed and run.joint is not None and run.joint.goes_on):
                self.generating = False
                reply.abort()
                return self.failed(200, reader.error, why_failed(reader.fault))
            if reader.committed:
                reply.await_content(False)
                self.first_at = monotonic()
                if not reader.said and run.joint is None:
                    ending = silence(run.call, reader, self.body)
                    if ending in run.plan.handling.failover_on:
                        return await self._silent(reply, reader, ending)
                run.runtime.health.began(self.claim)
                return Committed(self.number)
            if not piece or reader.done:
                self.generating = False
                return self.failed(200, "the provider's stream ended without content", "empty")

    async def _silent(self, reply: Reply, reader: Reader, ending: Ending) -> Event:
        """A stream that ended without a word is read up to where it tells what it took, and spared."""
        while not reader.ended and (piece := await reply.read()):
            self.body += reader.feed(piece)
        self.body += reader.end()
        reply.let_go()
        self.run.spare(self)
        return self.failed(200, f"the answer was {ending}", cause_of(ending))

    def _broken(self, broken: UpstreamBroken) -> Event:
        status, reason = self.status, broken.reason
        self.generating = self.generating and (status == 200 or (not status and reason in LEFT_RUNNING))
        return self.failed(status, str(broken), kind=reason if broken.ours else "", passing=reason in PASSING)

    def _refused(self, reply: Reply, body: bytes) -> Event:
        """The provider answered with an error status. Some repeat the key they were sent."""
        status = reply.status
        body = masked(body, self.endpoint)
        words = f"HTTP {status}: {body[:300].decode('utf-8', 'replace')}"
        after = limits.retry_after(reply.headers, time.time())
        cause, kind = refused(status, body, self.run.call.operation)
        final = "blocked" not in self.run.plan.handling.failover_on if cause == "blocked" else status in CALLERS_FAULT
        back_in = self.run.runtime.keys.fell(self.endpoint, self.asked, status, after)
        if back_in == 0:
            return self.failed(status, words, cause, body, kind="key")
        # Where all its keys rest, the provider is asked again when the first of them may be.
        return self.failed(status, words, cause, body, back_in or after, final, kind, status in PASSING)

    def _skipped(self, words: str, back_in: float | None = None, kind: str = "skipped", later: bool = False) -> Event:
        """It is not asked at all."""
        self._give_back(0)
        self.run.look_further()
        self.run.failures += (Failure(self.candidate, 0, words, retry_after=back_in, kind=kind),)
        return Skipped(self.number, later)

    def failed(
        self,
        status: int,
        words: str,
        cause: Cause = "outage",
        body: bytes = b"",
        retry_after: float | None = None,
        final: bool = False,
        kind: str = "",
        passing: bool = False,
    ) -> Event:
        """`passing`: what may be better in a moment."""
        run = self.run
        run.failures += (Failure(self.candidate, status, words, body, retry_after, kind),)
        if not final and not kind and cause != "blocked":
            run.runtime.complain(self.candidate.channel.id, status, words)
        if self.claim is not None and cause in FAULTS and not final and not kind:
            run.runtime.health.failed(self.claim, f"HTTP {status}" if status not in (0, 200) else words, retry_after)
        self.close("failed", written(status, words, cause)[:500])
        run.look_further()
        wait = None
        if passing:
            wait = backoff(self.number, seed_of(run.call.id), retry_after or 0.0)
        return Failed(self.number, cause, final, kind == "stale", wait, run.left(), kind == "key")

    def within(self, reader: Reader, piece: bytes) -> bytes:
        """What of a piece goes on to the client: the events that the budget bears. Where it grows beyond them, `cut` says
        so: what comes after is neither shown nor charged, and the attempt has to be ended. An answer that ends in this
        piece cannot grow any more, and passes where its tokens were told."""
        grip = self.grip
        if grip is None or not self.limit or reader.estimate + (self._unseen + len(piece)) // BYTES <= grip.counted:
            events = reader.feed(piece)
            self._unseen = len(piece) if events else self._unseen + len(piece)
            return events
        shown: list[bytes] = []
        for at in range(0, len(piece), SLICE):
            borne = min(reader.estimate, grip.counted)
            events = reader.feed(piece[at : at + SLICE])
            if reader.ended or not outran(self.run.runtime.budgets.books, grip, reader.estimate):
                shown.append(events)
                continue
            rest = [events, reader.feed(piece[at + SLICE :])]
            if self._told_whole(reader, rest):
                shown += rest
            else:
                self.cut = borne
            break
        return b"".join(shown)

    def _told_whole(self, reader: Reader, rest: list[bytes]) -> bool:
        """Whether an answer is over, and its provider says what it took."""
        if reader.ended and reader.usage is None and self.run.joint is None:
            rest.append(reader.end())
        return reader.ended and reader.usage is not None and not reader.usage.estimated

    def abort(self) -> None:
        if self.reply is not None:
            self.reply.abort()

    # ---- the books

    def close(self, outcome: Outcome, error: str) -> Attempt | None:
        """It is over: what it used and cost. None where it was never made, or is closed already."""
        intent, run, candidate = self.intent, self.run, self.candidate
        if intent is None:
            self._give_back(0)
            return None
        self.intent = None
        if outcome == "ok":
            if self.claim is not None:
                run.runtime.health.answered(self.claim)
            if self.asked.key:
                run.runtime.keys.answered(self.asked)
        usage, sent_at, first_at = self.usage, self.sent_at, self.first_at
        # `trunc` does to a fraction what `int` does, which asks first what it was given.
        first_ms = total_ms = trunc((first_at - sent_at) * 1000) if first_at else -1
        if usage is None or self.reader is not None:  # else it came whole, and was over with that
            total_ms = trunc((monotonic() - sent_at) * 1000)
            usage = used.read(self, intent, outcome)
        if self.grip is not None:
            usage = used.borne(self, usage)
        price, plain = self.price, is_plain(usage)
        self.plain = plain
        lines, cost, usd = UNPRICED if price is None else billed(price, usage, plain)
        attempt = Attempt(
            intent.attempt, intent.number, intent.model, intent.channel, intent.provider, intent.region, outcome, self.status,
            error, intent.at_ms, first_ms, total_ms, usage, lines, cost, intent.currency, candidate.move, intent.tier,
            intent.policy, candidate.why, intent.price_row, usd, intent.hold,
        )  # fmt: skip
        if price is None or (usage.calls and not attempt.priced):
            run.priced = False
        run.attempts += (attempt,)
        spent = self.spent = cost if usd is None else usd
        took = self.took = usage.input + usage.output
        run.spent += spent
        run.took += took
        self._give_back(spent)
        return attempt

    def _give_back(self, cost: int) -> None:
        """What was held or taken for it, once."""
        if self.gate is not None:
            self.gate.leave(self.took)
        grip, run = self.grip, self.run
        runtime = run.runtime
        budgets = runtime.budgets
        if grip is not None:
            self.grip = None
            if crossed := budgets.books.settle(grip, cost):
                runtime.alert(crossed)
        if cost and (budgets.rules is not run.world.budgets or budgets.ended is not None):
            runtime.spent_since(Ended(run.call, run.plan, self.candidate, grip, cost))
        claim, self.claim = self.claim, None
        if claim is not None and (claim.ok is None or runtime.health.shares):  # else all has been said
            took = (self.first_at - self.sent_at) * 1000 if self.first_at else None
            runtime.health.left(claim, took)
