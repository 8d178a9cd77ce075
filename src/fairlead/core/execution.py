"""How a plan is carried out: a state machine without IO. `begin` gives the first state and what to do, `step(state, event)`
the next.

            begin --> trying --Committed--> committed --Finished--> done        (both at once for a whole answer)
                        |  ^ ^ ^                 |
                     Failed | | +--- going on ---+ Failed: cut, told to the client in its own dialect,
                        v   | Waited                       or gone on with where that was asked for
              next candidate, or pausing, or done (given up)

An attempt that fails gives way to another by one of three moves, each with its own reasons and its own limit:

    failover   availability: it could not or would not answer (`outage`, `rate_limit`, `blocked`, `empty`, `slow`)
    escalate   quality: it answered, but not well enough (`unfit`, or says what nobody supplied: `ungrounded`)
    downgrade  budget: nobody pays for it (`budget`)

Rules that hold in every run:
- One attempt is under way at a time; two where one was hedged, and none of them has been committed yet.
- Before the commit a failed attempt gives way. After it nothing is tried again, but where that is allowed (`Limits.
  continued`) and the part that was told can be gone on with (`Failed.continues`), whoever comes next goes on with it.
  So at most one attempt is committed, and each further one only as its continuation, when the one before has failed.
- An attempt that broke on a connection already closing is made again at the same place, once in a run.
- One that failed for its key alone is made again at the same place with another key, a few times in a run.
- Who failed for a while only (`Failed.wait`) is tried once more after that, when nobody else is left and time allows.
- Then those are asked who were to be left alone (`State.reserve`): better than to refuse what one of them could answer.
- A fault that is the caller's own (`Failed.final`) is told to the caller, not tried elsewhere.
- An answer that was not good enough is still one: from then on only those are asked who may be better. Nobody is asked
  who is known to be no stronger, nor who has answered already; when the last of them has failed, that answer is given.
- One that says what nobody supplied is asked for at another provider first, whoever is there.
- When the client leaves or the deadline passes, what is under way is aborted and nothing new begins.
- Every attempt that was dispatched ends in exactly one of: finished, failed, aborted, skipped.
"""

from __future__ import annotations

from typing import Literal, final

import msgspec

from fairlead.core.model import Channel
from fairlead.core.plan import Move, Plan, Target
from fairlead.core.rising import next_elsewhere, stronger

Cause = Literal["outage", "rate_limit", "blocked", "empty", "slow", "unfit", "ungrounded", "budget"]
"""Why an attempt gives way to another."""
MOVES: dict[Cause, Move] = {
    "outage": "failover",
    "rate_limit": "failover",
    "blocked": "failover",
    "empty": "failover",
    "slow": "failover",
    "unfit": "escalate",
    "ungrounded": "escalate",
    "budget": "downgrade",
}
UNFIT: frozenset[Cause] = frozenset(("unfit", "ungrounded"))
"""It answered, and nobody has to be asked instead."""
FOREVER = float("inf")


class Limits(msgspec.Struct, frozen=True):
    """How often each move may be made in one run."""

    attempts: int = 4
    """In all, those that were skipped, or repeated for a stale connection or a key, apart."""
    failover: int = 3
    escalate: int = 2
    downgrade: int = 3
    retry: int = 1
    """Further tries, after a pause, of who has failed already."""
    hedge: int = 0
    """Further attempts beside one that is slow to begin."""
    keys: int = 3
    """Further tries at the same place with another key."""
    continued: int = 0
    """Further attempts that go on with an answer that broke off."""


USUAL = Limits()


class Candidate(msgspec.Struct, frozen=True, gc=False):
    move: Move
    target: Target
    channel: Channel
    why: str = ""
    """The cause of the move; empty for the first."""
    anyway: bool = False
    """Nobody else is left: it is asked although it failed of late."""


# Events: what the shell saw.


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The attempt has content worth giving to the client."""

    number: int = 1
    whole: bool = False
    """It is all there: nothing of it can break off any more."""


class Finished(msgspec.Struct, frozen=True):
    """The committed attempt's answer is complete."""


class Failed(msgspec.Struct, frozen=True):
    """An attempt ended without a (whole) answer."""

    number: int = 1
    cause: Cause = "outage"
    final: bool = False
    """The request itself is at fault: no other provider would do better."""
    again: bool = False
    """It broke on a connection that was closing already: worth one more try at the same place."""
    wait: float | None = None
    """Seconds after which the same channel may be asked once more; None for never in this run."""
    left: float = FOREVER
    """Seconds that the run still has."""
    key: bool = False
    """It failed for the key it was asked with, and another one is well."""
    continues: bool = False
    """The client has part of its answer, and another may go on with it."""
    leap: bool = False
    """Of the stronger ones the last is asked at once."""
    partial: bool = False
    """It was given up before its answer was whole, so that there is none to come back to."""


class Skipped(msgspec.Struct, frozen=True):
    """The channel is not to be asked just now: no attempt was made."""

    number: int
    later: bool = False
    """It may be asked all the same once nobody else is left."""


class HedgeDue(msgspec.Struct, frozen=True):
    """What is under way has been slow to begin."""


class Waited(msgspec.Struct, frozen=True):
    """The pause is over."""


class ClientLeft(msgspec.Struct, frozen=True):
    pass


class DeadlinePassed(msgspec.Struct, frozen=True):
    pass


Event = Committed | Finished | Failed | Skipped | HedgeDue | Waited | ClientLeft | DeadlinePassed

# Actions: what the shell is to do.


@final
class Dispatch(msgspec.Struct, frozen=True, gc=False):
    number: int
    candidate: Candidate


class Deliver(msgspec.Struct, frozen=True, gc=False):
    """From now on this attempt's content goes to the client as it comes."""

    number: int


@final
class Complete(msgspec.Struct, frozen=True, gc=False):
    """This attempt's answer is whole: the client gets what it has not got of it, and its proper end."""

    number: int


class Abort(msgspec.Struct, frozen=True):
    """Close this attempt, now."""

    number: int


class Wait(msgspec.Struct, frozen=True):
    """Nothing is under way: come back with `Waited`."""

    seconds: float


class Cut(msgspec.Struct, frozen=True):
    """The client has part of an answer and there will be no more: tell it so in-band."""


class GiveUp(msgspec.Struct, frozen=True):
    """The client has nothing yet and gets an error."""

    why: Literal["failed", "final", "deadline", "infeasible"]


Action = Dispatch | Deliver | Complete | Abort | Wait | Cut | GiveUp
Phase = Literal["trying", "pausing", "committed", "done"]


class Spent(msgspec.Struct, frozen=True):
    """What a run has used up of its limits."""

    failover: int = 0
    escalate: int = 0
    downgrade: int = 0
    retry: int = 0
    hedge: int = 0
    keys: int = 0
    skipped: int = 0
    again: bool = False
    """The one further try at the same place has been made."""
    later: tuple[tuple[float, Candidate], ...] = ()
    """Who may be tried once more, after so many seconds."""
    continued: int = 0


Flying = tuple[Dispatch, ...]


class State(msgspec.Struct, frozen=True, gc=False):
    candidates: tuple[Candidate, ...]
    """Of these the next is taken for a failover or a downgrade."""
    stronger: tuple[Candidate, ...] = ()
    """Of these for an escalation."""
    limits: Limits = USUAL
    phase: Phase = "trying"
    tried: int = 0
    """How many attempts were dispatched."""
    taken: int = 0
    """How many of the candidates were."""
    flying: Flying = ()
    """What is under way, as it was dispatched."""
    spent: Spent = Spent()
    pending: Candidate | None = None
    """Who is tried when the pause is over."""
    told: bool = False
    """The client has part of an answer: whatever is tried now goes on with it."""
    reserve: tuple[Candidate, ...] = ()
    """Who failed of late, and is asked when nobody else is left."""
    risen: int = 0
    """How many of the stronger ones were taken or passed over."""
    answered: tuple[Candidate, ...] = ()
    """Whose answers were not good enough."""
    in_hand: bool = False
    """One of these was whole."""


COMMITTED = Committed()
WHOLE = Committed(whole=True)
FINISHED = Finished()
HEDGE_DUE = HedgeDue()
WAITED = Waited()
CLIENT_LEFT = ClientLeft()
DEADLINE_PASSED = DeadlinePassed()
NOBODY = State((), phase="done")
"""Whom a run asks that has not begun."""
NOTHING: tuple[Action, ...] = ()
_CUT = (Cut(),)
_FIRST = (Complete(1),)
_replace = msgspec.structs.replace


def line(plan: Plan) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Every channel of every target, in the plan's order; those who are asked for a better answer apart."""
    ordinary: list[Candidate] = []
    higher: list[Candidate] = []
    for stage in plan.steps:
        into = higher if stage.move == "escalate" else ordinary
        for target in stage.targets:
            for channel in target.channels:
                into.append(Candidate(stage.move, target, channel))
    return tuple(ordinary), tuple(higher)


def begin(
    candidates: tuple[Candidate, ...], stronger: tuple[Candidate, ...] = (), limits: Limits = USUAL
) -> tuple[State, tuple[Action, ...]]:
    if not candidates:
        return State(candidates, stronger, limits, "done"), (GiveUp("infeasible"),)
    first = (Dispatch(1, candidates[0]),)
    return State(candidates, stronger, limits, "trying", 1, 1, first), first


def begin_alone(plan: Plan) -> tuple[State, tuple[Action, ...]]:
    """The same with the first of the plan's line alone: mostly no other needs to be looked at."""
    if not plan.steps:
        return begin(())
    stage = plan.steps[0]
    target = stage.targets[0]
    candidate = Candidate(stage.move, target, target.channels[0])
    first = (Dispatch(1, candidate),)
    return State((candidate,), (), USUAL, "trying", 1, 1, first), first


def step(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    phase = state.phase
    if type(event) is Committed:
        return _committed(state, event) if phase == "trying" else (state, NOTHING)
    if phase == "done":
        return state, NOTHING
    if isinstance(event, Finished):
        return (_done(state), (Complete(state.flying[0].number),)) if phase == "committed" else (state, NOTHING)
    if isinstance(event, Failed):
        return _failed(state, event)
    if isinstance(event, Skipped):
        return _skipped(state, event)
    if type(event) is HedgeDue:
        return _hedged(state)
    if type(event) is Waited:
        return _resumed(state)
    return _interrupted(state, type(event) is DeadlinePassed)


def _committed(state: State, event: Committed) -> tuple[State, tuple[Action, ...]]:
    number, flying, others = event.number, state.flying, NOTHING
    if len(flying) > 1 or flying[0].number != number:
        flying, others = _parted(flying, number)
        if not flying:
            return state, NOTHING
    if event.whole:
        completed = _FIRST if number == 1 else (Complete(number),)
        return _replace(state, phase="done", flying=(), told=True), others + completed
    return _replace(state, phase="committed", flying=flying, told=True), (*others, Deliver(number))


def _parted(flying: Flying, number: int) -> tuple[Flying, tuple[Action, ...]]:
    """The one that is committed, and the end of those beside it; nothing where that one is not under way."""
    chosen = tuple([one for one in flying if one.number == number])
    return chosen, tuple([Abort(one.number) for one in flying if one.number != number])


def _failed(state: State, event: Failed) -> tuple[State, tuple[Action, ...]]:
    failed = next((one.candidate for one in state.flying if one.number == event.number), None)
    if failed is None:
        return state, NOTHING
    flying = tuple(one for one in state.flying if one.number != event.number)
    if state.phase == "committed":
        if not event.continues:
            return _done(state), _CUT
        return _gone_on(_replace(state, flying=flying))
    if event.final and not state.told and not state.in_hand:
        return _done(state), (*(Abort(one.number) for one in flying), GiveUp("final"))
    spent = state.spent
    if event.again and not spent.again:
        return _dispatched(_replace(state, flying=flying, spent=_replace(spent, again=True)), failed)
    if event.key and spent.keys < state.limits.keys:
        chosen = failed if state.told else _replace(failed, move="failover", why=event.cause)
        return _dispatched(_replace(state, flying=flying, spent=_replace(spent, keys=spent.keys + 1)), chosen)
    if event.wait is not None and event.cause in ("outage", "rate_limit"):
        spent = _replace(spent, later=(*spent.later, (event.wait, failed)))
    answered = state.answered
    in_hand = state.in_hand
    if event.cause in UNFIT:
        answered, in_hand = (*answered, failed), in_hand or not event.partial
    state = _replace(state, flying=flying, spent=spent, answered=answered, in_hand=in_hand)
    if flying:
        return state, NOTHING
    if state.told:
        return _gone_on(state)
    return _better(state, event) if answered else _next(state, event.cause, event.left)


def _skipped(state: State, event: Skipped) -> tuple[State, tuple[Action, ...]]:
    if state.phase != "trying" or all(one.number != event.number for one in state.flying):
        return state, NOTHING
    flying = tuple(one for one in state.flying if one.number != event.number)
    reserve = state.reserve
    if event.later:
        skipped = (one.candidate for one in state.flying if one.number == event.number)
        reserve = (*reserve, *(one for one in skipped if not one.anyway))
    spent = _replace(state.spent, skipped=state.spent.skipped + 1)
    state = _replace(state, flying=flying, spent=spent, reserve=reserve)
    if flying:
        return state, NOTHING
    if state.told:
        return _gone_on(state, skipped=True)
    if state.answered:
        return _better(state, Failed(event.number), skipped=True)
    return _next(state, "outage", FOREVER, skipped=True)


def _next(state: State, cause: Cause, left: float, skipped: bool = False) -> tuple[State, tuple[Action, ...]]:
    """Whoever comes next by the cause's move, as far as its limit goes. A skipped one gives its place to the next."""
    move, spent, limits = MOVES[cause], state.spent, state.limits
    whole = _made(state) >= limits.attempts
    used: int = 0 if skipped else getattr(spent, move)
    if not whole and used < getattr(limits, move):
        chosen = state.candidates[state.taken] if state.taken < len(state.candidates) else None
        if chosen is not None:
            if not skipped:
                spent = _replace(spent, **{move: used + 1})
            if state.tried > spent.skipped:
                chosen = _replace(chosen, move=move, why=cause)
            return _dispatched(_replace(state, taken=state.taken + 1, spent=spent), chosen)
    soonest = min(spent.later, key=lambda pair: pair[0], default=None)
    if whole or soonest is None or spent.retry >= limits.retry or soonest[0] >= left:
        if state.reserve and not whole and move == "failover" and used < limits.failover:
            chosen = _replace(state.reserve[0], move="failover", why="last_resort", anyway=True)
            spent = spent if skipped else _replace(spent, failover=used + 1)
            return _dispatched(_replace(state, reserve=state.reserve[1:], spent=spent), chosen)
        return _done(state), (GiveUp("failed" if state.tried else "infeasible"),)
    wait, chosen = soonest
    spent = _replace(spent, retry=spent.retry + 1, later=tuple(pair for pair in spent.later if pair is not soonest))
    again = _replace(chosen, move="failover", why="retry", anyway=True)
    return _replace(state, phase="pausing", spent=spent, pending=again), (Wait(wait),)


def may_rise(state: State) -> bool:
    """Whether somebody stronger is left."""
    return state.spent.escalate < state.limits.escalate and stronger(state) >= 0


def _better(state: State, event: Failed, skipped: bool = False) -> tuple[State, tuple[Action, ...]]:
    """Behind an answer that was not good enough: who may give a better one, else that was all. Where a stronger one
    fails for another reason, the next of them takes its place."""
    spent, move = state.spent, MOVES[event.cause]
    used: int = 0 if skipped else getattr(spent, move)
    if _made(state) < state.limits.attempts and used < getattr(state.limits, move):
        ungrounded = event.cause == "ungrounded"
        elsewhere = state.answered[-1].channel.provider if ungrounded else ""
        at = stronger(state, event.leap, elsewhere)
        further = next_elsewhere(state, elsewhere) if at < 0 and ungrounded else -1
        if at < 0 and further < 0 and ungrounded:
            at = stronger(state, event.leap)
        if at >= 0 or further >= 0:
            move = "failover" if further >= 0 else move
            spent = spent if skipped else _replace(spent, **{move: getattr(spent, move) + 1})
            if further >= 0:
                chosen, state = state.candidates[further], _replace(state, taken=further + 1, spent=spent)
            else:
                chosen, state = state.stronger[at], _replace(state, risen=at + 1, spent=spent)
            return _dispatched(state, _replace(chosen, move=move, why=event.cause))
    if not state.in_hand:
        return _next(_replace(state, answered=()), "outage", event.left, skipped)
    return _done(state), (GiveUp("failed"),)


def _gone_on(state: State, skipped: bool = False) -> tuple[State, tuple[Action, ...]]:
    """Whoever comes next in line goes on with what was told, else that was all. Nobody who has failed is asked again."""
    spent = state.spent
    within = skipped or (spent.continued < state.limits.continued and _made(state) < state.limits.attempts)
    if not within or state.taken >= len(state.candidates):
        return _done(state), _CUT
    chosen = _replace(state.candidates[state.taken], move="failover", why="continued")
    if not skipped:
        spent = _replace(spent, continued=spent.continued + 1)
    return _dispatched(_replace(state, taken=state.taken + 1, spent=spent), chosen)


def _made(state: State) -> int:
    """Attempts that count."""
    return state.tried - state.spent.skipped - state.spent.again - state.spent.keys


def _dispatched(state: State, candidate: Candidate) -> tuple[State, tuple[Action, ...]]:
    number = state.tried + 1
    dispatched = (Dispatch(number, candidate),)
    trying = _replace(state, phase="trying", tried=number, flying=state.flying + dispatched, pending=None)
    return trying, dispatched


def may_hedge(state: State) -> bool:
    """Whether another attempt may be made beside the one under way."""
    return (
        state.phase == "trying"
        and not state.told
        and not state.answered
        and len(state.flying) == 1
        and state.spent.hedge < state.limits.hedge
        and state.taken < len(state.candidates)
        and _made(state) < state.limits.attempts
    )


def _hedged(state: State) -> tuple[State, tuple[Action, ...]]:
    if not may_hedge(state):
        return state, NOTHING
    spent = _replace(state.spent, hedge=state.spent.hedge + 1)
    beside = _replace(state.candidates[state.taken], move="failover", why="hedge")
    return _dispatched(_replace(state, taken=state.taken + 1, spent=spent), beside)


def _resumed(state: State) -> tuple[State, tuple[Action, ...]]:
    if state.phase != "pausing" or state.pending is None:
        return state, NOTHING
    return _dispatched(state, state.pending)


def _done(state: State) -> State:
    return _replace(state, phase="done", flying=(), pending=None)


def _interrupted(state: State, deadline: bool) -> tuple[State, tuple[Action, ...]]:
    aborts = tuple([Abort(one.number) for one in state.flying])
    if not deadline:
        return _done(state), aborts
    return _done(state), (*aborts, Cut() if state.told else GiveUp("deadline"))
