"""How a plan is carried out: a state machine without IO. `step(state, event)` gives the next state and what to do.

    waiting --Begin--> trying --Committed--> committed --Finished--> done
                        |  ^                     |
                     Failed |                  Failed: cut, told to the client in its own dialect
                        v  |
                     next candidate, or done (given up)

Rules that hold in every run:
- At most one attempt is under way, and at most one is ever committed.
- Before the commit a failed attempt gives way to the next candidate; after it nothing is tried again. Once in a run
  an attempt that broke on a connection already closing is made again at the same place.
- A fault that is the caller's own (`Failed.final`) is told to the caller, not tried elsewhere.
- When the client leaves or the deadline passes, the attempt under way is aborted and nothing new begins.
- Every attempt that was dispatched ends in exactly one of: finished, failed, aborted.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core.model import Channel
from fairlead.core.plan import Move, Plan, Target

MAX_ATTEMPTS = 4


class Candidate(msgspec.Struct, frozen=True):
    move: Move
    target: Target
    channel: Channel


# Events: what the shell saw.


class Begin(msgspec.Struct, frozen=True):
    pass


class Committed(msgspec.Struct, frozen=True):
    """The attempt has content worth giving to the client."""


class Finished(msgspec.Struct, frozen=True):
    """The attempt's answer is complete."""


class Failed(msgspec.Struct, frozen=True):
    """The attempt ended without a (whole) answer."""

    final: bool = False
    """The request itself is at fault: no other provider would do better."""
    again: bool = False
    """It broke on a connection that was closing already: worth one more try at the same place."""


class ClientLeft(msgspec.Struct, frozen=True):
    pass


class DeadlinePassed(msgspec.Struct, frozen=True):
    pass


Event = Begin | Committed | Finished | Failed | ClientLeft | DeadlinePassed

# Actions: what the shell is to do.


class Dispatch(msgspec.Struct, frozen=True):
    number: int
    candidate: Candidate


class Deliver(msgspec.Struct, frozen=True):
    """From now on the attempt's content goes to the client."""


class Complete(msgspec.Struct, frozen=True):
    """The client has a whole answer: end it properly."""


class Abort(msgspec.Struct, frozen=True):
    """Close the attempt under way, now."""


class Cut(msgspec.Struct, frozen=True):
    """The client has part of an answer and there will be no more: tell it so in-band."""


class GiveUp(msgspec.Struct, frozen=True):
    """The client has nothing yet and gets an error."""

    why: Literal["failed", "final", "deadline", "infeasible"]


Action = Dispatch | Deliver | Complete | Abort | Cut | GiveUp
Phase = Literal["waiting", "trying", "committed", "done"]


class State(msgspec.Struct, frozen=True):
    candidates: tuple[Candidate, ...]
    phase: Phase = "waiting"
    tried: int = 0
    again: bool = False
    """The one further try at the same place has been made."""


BEGIN = Begin()
COMMITTED = Committed()
FINISHED = Finished()
FAILED = Failed()
FAILED_FINALLY = Failed(final=True)
FAILED_STALE = Failed(again=True)
CLIENT_LEFT = ClientLeft()
DEADLINE_PASSED = DeadlinePassed()

_DELIVER = (Deliver(),)
_COMPLETE = (Complete(),)
_ABORT = (Abort(),)
_ABORT_AND_CUT = (Abort(), Cut())
_ABORT_AND_GIVE_UP = (Abort(), GiveUp("deadline"))
_CUT = (Cut(),)
NOTHING: tuple[Action, ...] = ()


def begin(plan: Plan) -> State:
    """Every channel of every target in the plan's order, up to the attempts one request may make."""
    candidates = []
    for stage in plan.steps:
        for target in stage.targets:
            for channel in target.channels:
                candidates.append(Candidate(stage.move, target, channel))
    return State(tuple(candidates[:MAX_ATTEMPTS]))


def step(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    phase = state.phase
    if phase == "done":
        return state, NOTHING
    kind = type(event)
    if kind is ClientLeft or kind is DeadlinePassed:
        return _interrupted(state, kind is DeadlinePassed)
    if phase == "waiting":
        return _next(state) if kind is Begin else (state, NOTHING)
    if kind is Committed and phase == "trying":
        return State(state.candidates, "committed", state.tried), _DELIVER
    if kind is Finished and phase == "committed":
        return State(state.candidates, "done", state.tried), _COMPLETE
    if isinstance(event, Failed):
        if phase == "committed":
            return State(state.candidates, "done", state.tried), _CUT
        if event.final:
            return State(state.candidates, "done", state.tried), (GiveUp("final"),)
        return _next(_repeated(state) if event.again and not state.again else state)
    return state, NOTHING


def _repeated(state: State) -> State:
    tried = state.tried
    candidates = (*state.candidates[:tried], state.candidates[tried - 1], *state.candidates[tried:])
    return State(candidates, state.phase, tried, again=True)


def _next(state: State) -> tuple[State, tuple[Action, ...]]:
    tried = state.tried
    if tried < len(state.candidates):
        trying = State(state.candidates, "trying", tried + 1, state.again)
        return trying, (Dispatch(tried + 1, state.candidates[tried]),)
    return State(state.candidates, "done", tried), (GiveUp("failed" if tried else "infeasible"),)


def _interrupted(state: State, deadline: bool) -> tuple[State, tuple[Action, ...]]:
    done = State(state.candidates, "done", state.tried)
    if state.phase == "committed":
        return done, _ABORT_AND_CUT if deadline else _ABORT
    if state.phase == "trying":
        return done, _ABORT_AND_GIVE_UP if deadline else _ABORT
    return done, (GiveUp("deadline"),) if deadline else NOTHING
