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
from fairlead.core.plan import Plan
from fairlead.core.policy import Handling, Policy, listed
from fairlead.dialects.dialect import View
from fairlead.dialects.table import DIALECTS
from fairlead.errors import RequestError, StateError
from fairlead.gateway import affording
from fairlead.gateway.failures import CALLERS_FAULT
from fairlead.gateway.sharing import Purse

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

OK, UNPAID = 200, 402
_NUMBERS = count(1)


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


class Said(msgspec.Struct, frozen=True):
    """What came of a question."""

    body: bytes = b""
    problem: str = ""
    """Why there is no answer; empty where there is one."""
    failed: bool = False
    """Whether that speaks against who was asked, rather than against the question or who pays for it."""
    cost: int = 0


class Heard:
    """An outlet for an answer that stays here."""

    def __init__(self) -> None:
        self.started = False
        self.status = 0
        self.body = b""

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.start(status, headers)
        self.body = body

    def start(self, status: int, headers: bytes) -> None:
        self.started, self.status = True, status

    async def write(self, piece: bytes) -> None:
        self.body += piece

    def end(self, last: bytes = b"") -> None:
        self.body += last


async def asked(runtime: Runtime, parent: Call, question: Question, policy: Policy, purse: Purse) -> Said:
    """`policy`: the one that the request goes by, which binds what is asked about it."""
    from fairlead.gateway.execute import Run

    try:
        side, plan = _planned(runtime, _side(parent, question), policy)
    except (RequestError, StateError) as refused:
        return Said(problem=str(refused))
    if not _allows(policy, plan, question):
        return Said(problem=f"policy {policy.name} does not let it be sent to {question.model}")
    held = plan.steps[0].targets[0].expected.cost or 0
    tenant = parent.caller.tenant
    if not purse.affords(held, tenant, runtime.world.tenants):
        return Said(problem="the day's budget for it is spent")
    heard = Heard()
    run = Run(runtime, runtime.world, side, plan, heard, time.monotonic())
    problem, blameless = "", False
    purse.hold(held, tenant)
    try:
        async with asyncio.timeout(question.timeout):
            await run.go()
        if heard.status != OK:
            problem = f"status {heard.status}"
            blameless = heard.status in CALLERS_FAULT or heard.status == UNPAID
    except TimeoutError:
        problem = f"no answer within {question.timeout:g} s"
    except RequestError as error:
        problem, blameless = str(error), error.status in CALLERS_FAULT or error.status == UNPAID
    except StateError as error:
        problem, blameless = str(error), True
    finally:
        cost = run.spent
        purse.settle(held, cost, tenant)
        if parent.beside is not None and run.attempts:
            parent.beside.add(cost, run.priced)
    if problem:
        return Said(b"", problem, bool(run.attempts) and not blameless, cost)
    return Said(heard.body, cost=cost)


def _planned(runtime: Runtime, side: Call, policy: Policy) -> tuple[Call, Plan]:
    from fairlead.gateway import pipeline

    world = runtime.world
    choice = read_choice(side.model, _pinned(policy, side.purpose), world.policies, world.snapshot)
    if runtime.budgets.any:
        side, choice = affording.weighed(runtime, side, choice)
    return side, pipeline.plan_for(runtime, side, choice)


def _allows(policy: Policy, plan: Plan, question: Question) -> bool:
    """A model that is named is spared the policy's flags, and whom a critical one lists; one that is asked beside a request is
    not. A judge is listed by its gate."""
    if policy.critical and question.purpose != "judge" and question.model not in listed(policy):
        return False
    for step in plan.steps:
        for target in step.targets:
            for channel in target.channels:
                flags = channel.flags | target.model.flags
                if policy.exclude_flags & flags or policy.require_flags - flags:
                    return False
    return True


def _side(parent: Call, question: Question) -> Call:
    from fairlead.gateway import pipeline

    dialect, body = question.dialect, question.body
    view: View = DIALECTS[dialect].read_request(body, question.model, False)
    operation: Operation = "embed" if question.purpose == "embed" else "generate"
    side = child(
        parent, f"{parent.id}.{question.mark}{next(_NUMBERS)}", question.purpose, operation, question.model, body, view
    )
    return msgspec.structs.replace(
        side,
        dialect=dialect,
        wishes=bounds(parent.wishes),
        signals=pipeline.sized(body, question.most_output, parent.signals),
        path="",
        forward=b"",
    )


def bounds(wishes: Wishes) -> Wishes:
    """What the caller says of where its words may go, and of who pays, holds for what is asked about them too."""
    return Wishes(
        sensitive=wishes.sensitive,
        providers=wishes.providers,
        not_providers=wishes.not_providers,
        no_collection=wishes.no_collection,
        tags=wishes.tags,
    )


def _pinned(policy: Policy, purpose: Purpose) -> Policy:
    return Policy(
        purpose, "pinned", regions=policy.regions, handling=Handling(retries=0), hash=f"{purpose}+{policy.hash}"
    )
