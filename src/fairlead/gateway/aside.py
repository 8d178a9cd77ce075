"""Side calls: a model is asked something beside the request it is about. Same pipeline, permit, budgets and ledger as the
request itself; whatever goes wrong is told to who asked, never to the caller.
"""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.call import Call, Operation, Purpose, Wishes, child
from fairlead.core.choice import read_choice
from fairlead.core.policy import Handling, Policy
from fairlead.dialects.dialect import View
from fairlead.dialects.table import DIALECTS
from fairlead.errors import RequestError, StateError
from fairlead.gateway import affording
from fairlead.gateway.failures import CALLERS_FAULT
from fairlead.gateway.opinion import Heard

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

OK = 200
_NUMBERS = count(1)
REFUSED = "what was asked was refused"
"""How the problem begins where it is what the request says, and tells nothing of who was asked."""
DAY = 86_400


class Purse:
    """What side calls of one kind may cost a day, in nano-units of USD; None for no bound."""

    def __init__(self, budget: int | None) -> None:
        self.budget = budget
        self.spent = self.held = self._day = 0

    def affords(self, cost: int) -> bool:
        day = int(time.time()) // DAY
        if day != self._day:
            self._day, self.spent = day, 0
        return self.budget is None or self.spent + self.held + cost <= self.budget


class Question(msgspec.Struct, frozen=True):
    """What is asked, and of whom."""

    model: str
    body: bytes
    dialect: str
    purpose: Purpose
    mark: str
    """Behind the id of the request it is about, before a number: several may ask the like about one request."""
    most_output: int
    timeout: float


async def asked(
    runtime: Runtime, parent: Call, question: Question, policy: Policy, purse: Purse, bill: list[int] | None = None
) -> tuple[bytes, str]:
    """(the answer, why there is none). `policy`: the one that the request goes by, which binds what is asked about it.
    `bill`: what each attempt cost is written there."""
    from fairlead.gateway import pipeline
    from fairlead.gateway.execute import Run

    heard = Heard()
    held = 0
    run: Run | None = None
    try:
        side = _side(parent, question)
        world = runtime.world
        choice = read_choice(side.model, _pinned(policy, question.purpose), world.policies, world.snapshot)
        if runtime.budgets.any:
            side, choice = affording.weighed(runtime.budgets, world, side, choice)
        plan = pipeline.plan_for(runtime, side, choice)
        held = plan.steps[0].targets[0].expected.cost or 0
        if not purse.affords(held):
            held = 0
            return b"", "the day's budget for it is spent"
        purse.held += held
        run = Run(runtime, side, plan, heard, time.monotonic())
        async with asyncio.timeout(question.timeout):
            await run.go()
    except TimeoutError:
        return b"", f"no answer within {question.timeout:g} s"
    except RequestError as problem:
        return b"", f"{REFUSED}: {problem}" if problem.status in CALLERS_FAULT else str(problem)
    except StateError as problem:
        return b"", str(problem)
    finally:
        purse.held -= held
        if run is not None:
            purse.spent += sum(attempt.spent for attempt in run.attempts)
            if bill is not None:
                bill += (attempt.spent for attempt in run.attempts)
    if heard.status == OK:
        return heard.body, ""
    return b"", f"{REFUSED}: status {heard.status}" if heard.status in CALLERS_FAULT else f"status {heard.status}"


def _side(parent: Call, question: Question) -> Call:
    from fairlead.gateway import pipeline

    dialect, body = question.dialect, question.body
    view: View = DIALECTS[dialect].read_request(body, question.model, False)
    operation: Operation = "embed" if question.purpose == "embed" else "generate"
    side = child(
        parent, f"{parent.id}.{question.mark}{next(_NUMBERS)}", question.purpose, operation, question.model, body, view
    )
    wishes = parent.wishes
    return msgspec.structs.replace(
        side,
        dialect=dialect,
        wishes=Wishes(
            sensitive=wishes.sensitive,
            providers=wishes.providers,
            not_providers=wishes.not_providers,
            no_collection=wishes.no_collection,
            tags=wishes.tags,
        ),
        signals=pipeline.sized(body, question.most_output, parent.signals),
        path="",
        forward=b"",
    )


def _pinned(policy: Policy, purpose: Purpose) -> Policy:
    return Policy(
        purpose,
        "pinned",
        regions=policy.regions,
        require_flags=policy.require_flags,
        exclude_flags=policy.exclude_flags,
        handling=Handling(retries=0),
        hash=f"{purpose}+{policy.hash}",
    )
