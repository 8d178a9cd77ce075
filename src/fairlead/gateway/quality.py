"""Checks of an answer before the client has it: which ones, decided from what was known when the configuration loaded, and
what they say.

    checks = wanted(runtime, call, plan)            None where there is nothing to check, which is the usual case
    judgement = await judged(runtime, call, plan, checks, body, candidate)
    if not checks.passed(judgement): ...            somebody stronger is asked

`body` is all that the client would be given, in its own dialect: a whole answer, or every event of a stream. Where it gives
several to choose from each is looked at, and the one that the gates are least sure of counts. Gates that cost nothing come
first: who has failed them is not judged by those that cost time or money. A long answer is looked at in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from fairlead.core.call import Call
from fairlead.core.execution import Candidate
from fairlead.core.gates.combine import combine
from fairlead.core.gates.declared import Declared, gate_of
from fairlead.core.gates.names import spelt_out
from fairlead.core.gates.table import GATES
from fairlead.core.gates.verdict import Asked, Gate, Given, Judgement, Verdict
from fairlead.core.plan import Plan
from fairlead.core.policy import Policy, listed
from fairlead.core.quality import Quality, threshold_of
from fairlead.gateway.alternatives import CHECKED, alternatives
from fairlead.gateway.callout import CallOut
from fairlead.gateway.choosing import policy_in_force
from fairlead.gateway.judge import Asker

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

AT_ONCE: Final = 20_000
"""Characters of an answer and of what it is held against that are looked at without letting others go on."""
CODE: Final = 10
"""As many characters one counts for where code has to be parsed."""
UNREADABLE: Final = 0.05
LOST: Final = 0.1
"""A confidence at or below which nobody else is asked."""


class Beyond(Protocol):
    """A gate that asks somebody."""

    @property
    def declared(self) -> Declared: ...

    async def verdict(
        self, runtime: Runtime, call: Call, policy: Policy, wanted: Asked, given: Given, candidate: Candidate | None
    ) -> Verdict | None: ...


class Checks(msgspec.Struct, frozen=True):
    """What an answer to one request has to pass."""

    quality: Quality
    threshold: float
    gates: tuple[Gate, ...]
    beyond: tuple[Beyond, ...] = ()

    def passed(self, judgement: Judgement) -> bool:
        return judgement.confidence >= self.threshold


class Gates:
    """The gates of one configuration. Those that ask somebody keep what they have spent and heard over a reload, as long as
    they are declared as before."""

    def __init__(self, declared: Mapping[str, Declared], before: Gates | None = None) -> None:
        kept: dict[Declared, Asker | CallOut] = {} if before is None else before._askers
        self._declared = declared
        self._askers: dict[Declared, Asker | CallOut] = {
            one: kept.get(one) or _asker(one) for one in declared.values() if gate_of(one) is None
        }
        self._fresh = [asker for one, asker in self._askers.items() if one not in kept and isinstance(asker, Asker)]
        self._of: dict[tuple[str, ...], tuple[tuple[Gate, ...], tuple[Beyond, ...]]] = {}

    @property
    def budgeted(self) -> bool:
        """Whether one that is new may spend so much a day and no more."""
        return any(asker.declared.budget is not None for asker in self._fresh)

    def take_up(self, spent: Mapping[str, int]) -> None:
        """What was spent today by tenant, by whichever of them: none may forget it."""
        for asker in self._fresh:
            asker.purse.take_up(spent)
        self._fresh = []

    def forget(self) -> None:
        """What was judged of answers: it may repeat their words."""
        for asker in self._askers.values():
            if isinstance(asker, Asker):
                asker.kept.clear()

    def of(self, names: tuple[str, ...]) -> tuple[tuple[Gate, ...], tuple[Beyond, ...]]:
        found = self._of.get(names)
        if found is None:
            found = self._of[names] = self._found(spelt_out(names))
        return found

    def _found(self, names: tuple[str, ...]) -> tuple[tuple[Gate, ...], tuple[Beyond, ...]]:
        gates: list[Gate] = []
        beyond: list[Beyond] = []
        for name in names:
            own = self._declared.get(name)
            gate = GATES.get(name) if own is None else gate_of(own)
            if gate is not None:
                gates.append(gate)
            elif own is not None:
                beyond.append(self._askers[own])
        return tuple(gates), tuple(beyond)


def _asker(declared: Declared) -> Asker | CallOut:
    return CallOut(declared) if declared.kind == "http" else Asker(declared)


def wanted(runtime: Runtime, call: Call, plan: Plan) -> Checks | None:
    quality = plan.quality
    if quality is None or call.operation != "generate" or call.depth or call.dialect not in CHECKED:
        return None
    gates, beyond = runtime.gates.of(quality.gates)
    return Checks(quality, threshold_of(quality, plan.settings.threshold, plan.task), gates, beyond)


async def judged(
    runtime: Runtime, call: Call, plan: Plan, checks: Checks, body: bytes, candidate: Candidate | None = None
) -> Judgement:
    """What the checks say of an answer. `candidate`: who gave it."""
    try:
        given = alternatives(call, plan.task, body)
    except ValueError:
        return Judgement(UNREADABLE, "it cannot be read")
    if sum(_effort(*one) for one in given) > AT_ONCE:
        found = await asyncio.to_thread(_looked_at, checks.gates, given)
    else:
        found = _looked_at(checks.gates, given)
    if checks.beyond and min(one.confidence for one in found) > LOST:
        for at, (asked, one) in enumerate(given):
            found[at] = await _asked_about(runtime, call, plan, checks, asked, one, candidate, found[at])
            if found[at].confidence <= LOST:
                break
    return found[0] if len(found) == 1 else _worst(found)


def _worst(found: list[Judgement]) -> Judgement:
    at = min(range(len(found)), key=lambda at: found[at].confidence)
    worst = found[at]
    return msgspec.structs.replace(
        worst,
        why=f"answer {at + 1} of {len(found)}: {worst.why}" if worst.why else "",
        cost=sum(one.cost for one in found),
    )


def _effort(asked: Asked, given: Given) -> int:
    """About how many characters are gone through."""
    written = len(given.text) * (CODE if "```" in given.text or "~~~" in given.text else 1)
    calls = sum(len(one.arguments) for one in given.calls)
    declared = len(asked.schema) + (sum(len(tool.parameters) for tool in asked.tools) if given.calls else 0)
    return written + calls + declared + sum(map(len, asked.context)) + len(asked.system)


def _looked_at(gates: tuple[Gate, ...], given: list[tuple[Asked, Given]]) -> list[Judgement]:
    return [combine(gate(asked, one) for gate in gates) for asked, one in given]


async def _asked_about(
    runtime: Runtime, call: Call, plan: Plan, checks: Checks, asked: Asked, given: Given, candidate: Candidate | None,
    found: Judgement,
) -> Judgement:  # fmt: skip
    """With what those say who have to be asked, one after the other as long as it matters."""
    policy = policy_in_force(runtime.world, call.caller, plan.policy if plan.policy in runtime.world.policies else "")
    for gate in checks.beyond:
        if found.confidence <= LOST:
            break
        model = gate.declared.model
        if policy.critical and model and model not in listed(policy):
            continue
        verdict = await gate.verdict(runtime, call, policy, asked, given, candidate)
        found = combine((*found.verdicts, verdict))
    return found
