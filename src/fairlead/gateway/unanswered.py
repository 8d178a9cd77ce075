"""How a run ends that nobody answered as it should be: with the best there was, the provider's own word, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.core import execution as machine
from fairlead.dialects.table import DIALECTS
from fairlead.errors import DeadlineExceeded, Overloaded, RequestError, UpstreamFailed
from fairlead.gateway.balances import spent_error
from fairlead.gateway.failures import Failure, all_failed, told_by_provider, why_refused
from fairlead.providers.wires import wire_for

if TYPE_CHECKING:
    from fairlead.gateway.attempt import Try
    from fairlead.gateway.checking import Checking
    from fairlead.gateway.execute import Run


async def cut(run: Run) -> None:
    error: RequestError
    if run.late:
        error = _too_late(run)
    elif run.failures[-1].kind == "budget":
        error = spent_error("the answer grew beyond what was left for it, and is not whole", held=False)
    else:
        error = UpstreamFailed(
            f"The answer broke off: {run.broke_by}. What came before this event is not whole.",
            code="stream_broken",
        )
    run.broken = True
    run.settle("failed", 200, error.code)
    await run.outlet.write(DIALECTS[run.call.dialect].error_event(error, run.call.id))
    run.outlet.end()


def give_up(run: Run, action: machine.GiveUp) -> None:
    """The client has nothing yet: an error, or the provider's own word where the request is at fault."""
    if run.outlet.started:
        _fail_in_band(run, _too_late(run) if action.why == "deadline" else all_failed(run.failures))
        return
    failure = _refusal(run, action)
    if failure is not None:
        run.settle("failed", failure.status, "rejected_by_provider")
        refused = next(one for one in run.tries.values() if one.candidate is failure.candidate)
        headers = run.headers(b"application/json", refused, None) + b"x-should-retry: false\r\n"
        run.outlet.send(failure.status, headers, told_by_provider(failure, run.call, _asked_in(run, failure)))
        return
    if action.why == "failed" and run.spared is not None:
        _send_spared(run, run.spared)
        return
    error = _too_late(run) if action.why == "deadline" else all_failed(run.failures)
    run.settle("failed", error.status, error.code)
    try:
        raise error
    finally:
        del error  # else the error, this frame and the request's body hold each other


def _refusal(run: Run, action: machine.GiveUp) -> Failure | None:
    """Whose word the caller gets: that of who found the request itself wrong, or of the first whose filter held it back
    where nobody else had an answer."""
    if action.why == "final":
        return run.failures[-1]
    if action.why != "failed" or run.spared is not None:
        return None
    return next((one for one in run.failures if why_refused(one.status, one.body) == "blocked"), None)


def _fail_in_band(run: Run, error: RequestError) -> None:
    """The client was told to wait, and waited in vain."""
    assert run.checking is not None
    run.checking.stop()
    run.broken = True
    run.settle("failed", 200, error.code)
    run.outlet.end(DIALECTS[run.call.dialect].error_event(error, run.call.id))


def _send_spared(run: Run, spared: Try) -> None:
    """Nobody had a better answer: the caller gets this one, and sees in it how it ended."""
    attempt = run.last(next(one for one in run.attempts if one.number == spared.number), "ok")
    run.settle("ok", 200, attempt.error, attempt)
    run.send(spared, attempt)


async def gave_best(run: Run, checking: Checking) -> bool:
    """Nobody better is left: the caller gets the best of the answers that were not good enough, if there is one."""
    best = checking.best
    if best is None or best.attempt is None:
        return False
    run.unfit = checking.words(best)
    attempt = best.attempt = run.last(best.attempt, "ok")
    run.settle("ok", 200, attempt.error, attempt)
    if run.call.stream:
        await checking.give(best)
        run.outlet.end()
    else:
        run.send(best, attempt)
    return True


def _asked_in(run: Run, failure: Failure) -> str:
    """The dialect in which the provider that failed was asked."""
    wire = wire_for(run.call, run.world.endpoints[failure.candidate.channel.provider])
    return run.call.dialect if wire is None else wire.dialect


def _too_late(run: Run) -> RequestError:
    if run.runtime.ending:
        return Overloaded("The server is being stopped; ask again.", code="stopping", retry_after=1)
    if run.own_limit and run.left() > 0:
        limit = f"max_latency of {run.plan.rule} in policy {run.plan.policy}"
        return DeadlineExceeded(f"No whole answer within {run.own_limit:g} s ({limit}).")
    return DeadlineExceeded(f"No whole answer within {run.world.request_timeout:g} s (server.request_timeout).")
