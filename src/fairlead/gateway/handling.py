"""What a policy, a task or a caller wants of a run beyond that one is asked and answers: in which order who is asked and how
often, attempts side by side, checks of answers, streams that another goes on with, a time limit of its own.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from fairlead.core.execution import Limits
from fairlead.core.plan import Plan
from fairlead.gateway.admit import seed_of
from fairlead.gateway.checking import Checking, checked
from fairlead.gateway.continuing import joint
from fairlead.gateway.continuing import limits as continuing
from fairlead.gateway.quality import wanted

if TYPE_CHECKING:
    from fairlead.gateway.execute import Run


def prepared(run: Run, plan: Plan) -> tuple[Plan, Limits]:
    runtime, call, handling = run.runtime, run.call, plan.handling
    if handling.balance != "declared":
        plan, run.balanced = runtime.health.balanced(plan, seed_of(call.id))
    limits = Limits(retry=handling.retries)
    if handling.hedge_ms:
        run.racing, limits = {}, Limits(retry=handling.retries, hedge=1)
    if plan.quality is not None:
        checks = wanted(runtime, call, plan)
        if checks is not None:
            run.checking, limits = Checking(run, checks), checked(limits, plan, checks.quality)
    if call.stream and (handling.continue_streams or call.wishes.continues) and run.checking is None:
        run.joint = joint(call, plan)
        limits = limits if run.joint is None else continuing(limits)
    if plan.settings.max_latency_ms:
        run.own_limit = plan.settings.max_latency_ms / 1000
    return plan, limits


def begun(run: Run) -> asyncio.TimerHandle | None:
    """What runs beside it from its beginning; the timer of its own limit, if it has one."""
    if run.checking is not None:
        run.checking.begin()
    if not run.own_limit:
        return None
    return run.runtime.loop.call_later(run.own_limit - (monotonic() - run.received), run.over_own_limit)


def ended(run: Run, timer: asyncio.TimerHandle | None) -> None:
    """Nothing of it stays."""
    if timer is not None:
        timer.cancel()
    if run.checking is not None:
        run.checking.stop()
        run.checking = None
    run.spared = None
