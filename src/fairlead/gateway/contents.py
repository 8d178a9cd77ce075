"""What the decisions of many requests share, stored once and named by its digest: the snapshot's still part, its
conditions, the policy as it held, what the key allows. A record's `Decision` names it, and `gateway.replay` reads it.

    snapshot/<hash>                 at the start
    conditions/<start>/<version>    with the first decision made by them
    policy/<digest>, caller/<digest>

Once a day whatever is still used is stored again, so that it is not taken for old.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import msgspec

from fairlead.core.call import Call, Caller
from fairlead.core.model import Conditions, Price, Snapshot
from fairlead.core.plan import Plan, digest
from fairlead.core.policy import Policy
from fairlead.core.record import Decision, Record
from fairlead.registry.digest import digest as digest_of
from fairlead.store.contract import Ledger

DAY = 86_400
DIGESTS_KEPT = 512
_encode = msgspec.msgpack.Encoder().encode


class Contents:
    """One process's: which of it the ledger has been given."""

    def __init__(self, ledger: Ledger, snapshot: Snapshot) -> None:
        self.start = time.time_ns() // 1_000_000
        self._ledger = ledger
        self._snapshot = msgspec.structs.replace(snapshot, conditions=Conditions())
        self._until = 0
        """Epoch seconds: the end of the day."""
        self._version = -1
        self._policies: dict[str, tuple[Policy, str]] = {}
        self._callers: dict[str, tuple[Caller, str]] = {}
        self._digests: dict[int, tuple[Plan, str]] = {}
        """By the identity of a plan's steps, which live as long as the plan does."""

    def begin(self) -> None:
        self._ledger.price(rows_of(self._snapshot))
        self._keep(f"snapshot/{self._snapshot.hash}", self._snapshot)

    def chosen(self, call: Call, policy: Policy, snapshot: Snapshot) -> None:
        """A model is chosen by this: it must be there when the decision is looked at."""
        at = call.facts.at
        if at >= self._until:
            if self._until:
                self.begin()
            self._until, self._version = (at // DAY + 1) * DAY, -1
            self._policies.clear()
            self._callers.clear()
        if snapshot.conditions.version != self._version:
            self._version = snapshot.conditions.version
            self._keep(f"conditions/{self.start}/{self._version}", snapshot.conditions)
        known = self._policies.get(policy.hash)
        if known is None or (known[0] is not policy and known[0] != policy):
            self._policies[policy.hash] = policy, self._stored("policy", policy)
        caller = call.caller
        holder = self._callers.get(caller.name)
        if holder is None or (holder[0] is not caller and holder[0] != caller):
            self._callers[caller.name] = caller, self._stored("caller", caller)

    def decision(self, call: Call, plan: Plan) -> Decision | None:
        policy, caller = self._policies.get(plan.policy_hash), self._callers.get(call.caller.name)
        if policy is None or caller is None:
            return None
        facts, wishes = call.facts, call.wishes
        if wishes.user:
            wishes = msgspec.structs.replace(wishes, user="")
        return Decision(
            self.start,
            facts.at,
            policy[1],
            caller[1],
            wishes,
            facts.standing,
            facts.tiers,
            plan.rule,
            plan.reason,
            plan.steps[0].targets[0].tier if plan.steps else "",
            self._digest(plan),
            facts.home,
            facts.left,
            facts.eased,
            facts.arm,
            plan.arm is not None,
            facts.meant,
        )

    def _digest(self, plan: Plan) -> str:
        """Requests of the same kind and size share their steps: these are told once."""
        known = self._digests.get(id(plan.steps))
        if known is not None:
            like, told = known
            if plan.rejected is like.rejected and plan.reason == like.reason and plan.rule == like.rule:
                if plan.strategy == like.strategy:
                    return told
        elif len(self._digests) >= DIGESTS_KEPT:
            self._digests.clear()
        told = digest(plan)
        self._digests[id(plan.steps)] = plan, told
        return told

    def _stored(self, kind: str, content: Policy | Caller) -> str:
        name = digest_of(content)
        self._keep(f"{kind}/{name}", content)
        return name

    def _keep(self, key: str, content: msgspec.Struct) -> None:
        self._ledger.keep(key, zlib.compress(_encode(content), 6))


def rows_of(snapshot: Snapshot) -> Iterator[Price]:
    """Every price row by which an attempt may be charged."""
    for model in snapshot.models.values():
        for channel in model.channels:
            for row in channel.prices:
                yield row
                yield from (peak.price for peak in row.peaks)


def keys(record: Record) -> tuple[str, ...]:
    """Where what a record's decision hung on is kept: snapshot, conditions, policy, caller."""
    made = record.decision
    if made is None:
        return ()
    return (
        f"snapshot/{record.snapshot}",
        f"conditions/{made.start}/{record.conditions}",
        f"policy/{made.policy}",
        f"caller/{made.caller}",
    )
