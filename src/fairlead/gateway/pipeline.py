"""The way of every request, on one page.

    1. read      bytes -> Call: decode, check, the caller's wishes             gateway/admit.py, dialects/
    2. admit     the limits it meets; which policy is in force                 gateway/admit.py, core/limits.py
    3. classify  signals, as far as the choice hangs on any; a second opinion  classify/, gateway/opinion.py
       [cache]   answered before? then that answer again, and nothing further   gateway/caching.py, cache/
    4. decide    what budgets leave; Call -> Plan: who may answer, why not     gateway/affording.py, core/decide.py
    5. execute   Plan -> attempts: failover, streams, cancellation             gateway/execute.py, core/execution.py
    6. account   attempts -> Record: usage, cost lines, the ledger             gateway/account.py, store/

`answer` takes a request all the way; `explain` stops after step 4 and says what it would have done. Whatever goes
wrong ends here, as an error in the caller's dialect and, where access or money is concerned, a line in the audit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from fairlead.classify.sensitivity import strings
from fairlead.classify.tokens import from_size
from fairlead.core.call import Call, Caller, Signal
from fairlead.core.changes import Case
from fairlead.core.choice import Choice
from fairlead.core.decide import decide, last_resort
from fairlead.core.feasible import nearest
from fairlead.core.limits import Gate
from fairlead.core.model import Snapshot
from fairlead.core.plan import Plan, Rejection
from fairlead.dialects.table import DIALECTS
from fairlead.errors import (
    BadRequest,
    Forbidden,
    Infeasible,
    Internal,
    MethodNotAllowed,
    Overloaded,
    PaymentRequired,
    RequestError,
    StateError,
)
from fairlead.gateway import affording, experiments, media, opinion, remembering, understanding
from fairlead.gateway.admit import admit, again, begun, seed_of
from fairlead.gateway.choosing import Way
from fairlead.gateway.execute import Run
from fairlead.gateway.explanation import Explained, explained
from fairlead.gateway.look import Look
from fairlead.gateway.metering import told
from fairlead.gateway.remembering import Remembered
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.gateway")

ACCESS = frozenset(
    ("model_not_allowed", "provider_not_allowed", "channel_not_allowed", "kept_elsewhere", "region", "sensitive")
)
AUDITED = frozenset((401, 402, 403, 422, 429))


async def answer(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> Call | None:
    """The call that was answered; None where it did not come to one."""
    request_id, facts = begun()
    gate = runtime.metering.gate(incoming.caller)
    run: Run | None = None
    prepared: Prepared | None = None
    try:
        found = await understanding.sensitivities(runtime.world, incoming.body) if runtime.world.detector else ()
        call, choice, way = admit(runtime.world, gate, incoming, request_id, facts, runtime, found)
        if runtime.prepares or call.wishes.prior_result:
            prepared = Prepared(call, choice, outlet)
            if await prepared.told(runtime, incoming, gate, way):
                return prepared.call
            call, choice, outlet = prepared.call, prepared.choice, prepared.outlet
        if runtime.budgets.any and not runtime.budgets.ample(call, choice):
            call, choice = affording.weighed(runtime, call, choice)
        plan = plan_for(runtime, call, choice)
        further = b"" if gate is None else told(gate, call.dialect)
        if prepared is not None:
            further += prepared.header
        run = Run(runtime, runtime.world, call, plan, outlet, incoming.received, further)
        if runtime.vitals.conditions.ejected and not plan.last_resort:
            run.reserve = partial(last_resort, call, choice, runtime.snapshot(), seed_of(call.id))
        await run.go()
        if prepared is not None and prepared.look is not None:
            await prepared.look.keep(run)
        return None if run.broken else call
    except RequestError as error:
        refuse(runtime, incoming.caller, outlet, error, request_id, incoming.dialect)
    except StateError:  # the ledger has said why, once
        shed = Overloaded(
            "What is spent cannot be written down just now, so nothing is sent; try again later.",
            code="ledger_unwritable",
        )
        refuse(runtime, incoming.caller, outlet, shed, request_id, incoming.dialect)
    except Exception:
        log.exception("request %s failed", request_id)
        failed = Internal(f"fairlead failed here; the log has {request_id}.")
        refuse(runtime, incoming.caller, outlet, failed, request_id, incoming.dialect)
    finally:
        if prepared is not None:
            prepared.leave(runtime, run)
        if gate is not None:
            gate.leave(0 if run is None else run.took)
    return None


class Prepared:
    """What comes between admission and choice where the configuration wants it: what is remembered goes in, what was answered
    before is looked up, a model is asked for its opinion, an experiment draws its arm."""

    def __init__(self, call: Call, choice: Choice, outlet: Outlet) -> None:
        self.call, self.choice, self.outlet = call, choice, outlet
        self.header = b""
        """Lines of the answer."""
        self.memory: Remembered | None = None
        self.look: Look | None = None

    async def told(self, runtime: Runtime, incoming: Incoming, gate: Gate | None, way: Way | None) -> bool:
        """Whether the answer was given: it had been before."""
        if runtime.remembering is not None or self.call.wishes.prior_result:
            memory = self.memory = await remembering.begun(runtime, self.call, self.choice, incoming, self.outlet)
            self.call, self.outlet, self.header = memory.call, memory.outlet, memory.header
        call, choice = self.call, self.choice
        if runtime.caching is not None:
            look = self.look = await runtime.caching.look(
                runtime, call, choice, incoming, self.outlet, gate, self.memory
            )
            if look.told:
                return True
            self.outlet = look.outlet
        if runtime.opinions is not None:
            wiser = await opinion.second(runtime, call, choice, way is not None)
            if wiser is not call:
                call, choice = (wiser, choice) if way is None else again(runtime.world, wiser, way, runtime)
        if runtime.world.experiments and choice.model is None:
            call, choice = experiments.drawn(runtime.world, call, choice, runtime)
        self.call, self.choice = call, choice
        return False

    def leave(self, runtime: Runtime, run: Run | None) -> None:
        """Whatever became of it."""
        if self.memory is not None:
            self.memory.leave(runtime, run)
        if self.look is not None:
            self.look.land()


def explain(runtime: Runtime, incoming: Incoming, found: tuple[Signal, ...] | None = None) -> Explained:
    """Steps 1 to 4, nothing sent, nothing counted. `found` is what makes it sensitive, where that was looked for."""
    detector = runtime.world.detector
    if found is None:
        found = () if detector is None else detector.check(strings(incoming.body))
    looking = Looking(runtime)
    call, choice, _ = admit(runtime.world, None, incoming, *begun(), looking, found)
    if runtime.world.experiments and choice.model is None:
        call, choice = experiments.drawn(runtime.world, call, choice, looking)
    if runtime.budgets.any:
        call, choice = affording.weighed(runtime, call, choice)
    return explained(Case(call, choice, runtime.snapshot(), seed_of(call.id)))


class Looking:
    """The moving facts of a runtime, for one who only looks: nothing is counted."""

    def __init__(self, runtime: Runtime) -> None:
        self.standing, self.left, self.belongings = runtime.standing, runtime.left, runtime.belongings

    def turn(self, group: str) -> int:
        return 0


def plan_for(runtime: Runtime, call: Call, choice: Choice) -> Plan:
    snapshot = runtime.snapshot()
    plan = decide(call, choice, snapshot, seed_of(call.id), runtime.memo)
    if not plan.steps:
        short = affording.refusal(runtime.budgets, call, choice, plan, snapshot)
        raise short or infeasible(call, choice, plan, snapshot, runtime.health.back_in, runtime.switches.back_in)
    if call.operation == "opaque":
        plan = media.bear(runtime.budgets, call, choice, plan)
    if choice.model is None:
        runtime.contents.chosen(call, choice.policy, snapshot)
    return plan


def sized(body: bytes, most_output: int, of_parent: tuple[Signal, ...]) -> tuple[Signal, ...]:
    """The signals of a side call: its size, and what makes its parent sensitive."""
    return (
        *(signal for signal in of_parent if signal.kind == "sensitivity"),
        Signal("tokens", "input", from_size(len(body)), 0.5),
        Signal("tokens", "output", most_output, 0.5),
        Signal("tokens", "output_room", most_output),
    )


INPUT = {
    "openai_responses": "input",
    "embeddings": "input",
    "completions": "prompt",
    "gemini": "contents",
    "gemini_embeddings": "requests",
}
"""What the field is called that holds it, where it is not `messages`."""


def infeasible(
    call: Call, choice: Choice, plan: Plan, snapshot: Snapshot,
    back_in: Callable[[Iterable[str]], float], on_in: Callable[[Iterable[str]], float | None],
) -> RequestError:  # fmt: skip
    """Nobody may answer: the error says what stood in the way, and for a named model it is that model's own reason."""
    reasons = {rejection.reason for rejection in plan.rejected}
    told = "; ".join(words(rejection) for rejection in plan.rejected[:12])
    if not plan.rejected:
        return Infeasible("No model is configured.", code="no_models")
    if reasons - {"operation"} == {"context"}:  # models that do something else were no candidates
        field = INPUT.get(call.dialect, "messages")
        return BadRequest(f"The input is too long: {told}.", param=field, code="context_length_exceeded")
    if "ejected" in reasons:
        left_alone = [f"{one.model}@{one.channel}" for one in plan.rejected if one.reason == "ejected"]
        return Overloaded(f"Nobody may be asked just now: {told}.", code="all_ejected", retry_after=back_in(left_alone))
    if "tier_budget" in reasons:
        spent = "; ".join(dict.fromkeys(one.detail for one in plan.rejected if one.reason == "tier_budget"))
        return PaymentRequired(f"The budget does not bear this: {spent}.", code="budget_spent")
    if choice.model is not None or len(reasons) == 1:
        reason = plan.rejected[0].reason
        if reason == "outside_policy":
            return Forbidden(f"{told}.", param="model", code="not_allowed")
        if reason in ACCESS:
            return Forbidden(f"{told}.", param="model", code=reason)
        if reason == "disabled":
            off = [f"{one.model}@{one.channel}" for one in plan.rejected if one.reason == "disabled"]
            return Overloaded(f"{told}.", code="model_disabled", retry_after=on_in(off))
        if reason == "unpriced" or (reason == "cost" and "unknown" in plan.rejected[0].detail):
            return PaymentRequired(f"{told}.", code="unpriced")
    near = nearest(call, choice, snapshot)
    if near:
        return Infeasible(f"No model satisfies this request. {near} In all: {told}.", param="model")
    return Infeasible(f"No model satisfies this request: {told}.", param="model")


def words(rejection: Rejection) -> str:
    channel = f"@{rejection.channel}" if rejection.channel else ""
    return f"{rejection.model}{channel}: {rejection.detail}"


def refuse(
    runtime: Runtime, caller: Caller, outlet: Outlet, error: RequestError, request_id: str, dialect: str
) -> None:
    """An error as the client's dialect spells it, unless part of an answer is out already."""
    note_refusal(runtime, caller, error, request_id)
    if outlet.started:
        log.error("request %s failed after its answer had begun: %s", request_id, error.message)
        return
    version = runtime.world.version if error.status != 401 else ""  # a stranger is told nothing
    config = f"x-fairlead-config: {version}\r\n".encode() if version else b""
    body = DIALECTS[dialect].error_body(error, request_id)
    outlet.send(error.status, config + error_headers(error, request_id), body)


def note_refusal(runtime: Runtime, caller: Caller, error: RequestError, request_id: str) -> None:
    """A line in the audit where access or money is concerned."""
    if error.status in AUDITED:
        told = error.code if error.status == 422 or error.code.startswith("upstream_") else error.message
        runtime.audit(error.code, caller, request_id, told)


def error_headers(error: RequestError, request_id: str) -> bytes:
    lines = [f"Content-Type: application/json\r\nx-fairlead-request-id: {request_id}\r\n"]
    if error.retry_after is not None:
        lines.append(f"retry-after: {max(1, round(error.retry_after + 0.499))}\r\n")
    if isinstance(error, MethodNotAllowed) and error.allow:
        lines.append(f"allow: {error.allow}\r\n")
    if not error.retry:
        lines.append("x-should-retry: false\r\n")
    return "".join(lines).encode() + error.headers
