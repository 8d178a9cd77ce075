"""A decision made again from what is stored of it: the same plan to the last figure, or what is different.

A record has the signals, the facts and the seed; what many decisions share is read by its digest (`gateway.contents`).
The words of the request are not needed and not kept. Another version of the code may decide otherwise by right: the
record says which one decided.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeVar, cast

import msgspec

from fairlead.core.call import Call, Caller, Facts, Operation, Purpose, Shape
from fairlead.core.changes import Case
from fairlead.core.choice import Choice
from fairlead.core.model import Conditions, Snapshot
from fairlead.core.plan import Plan, digest
from fairlead.core.policy import Policy
from fairlead.core.record import Record
from fairlead.errors import FairleadError
from fairlead.gateway.contents import keys
from fairlead.gateway.world import World
from fairlead.version import __version__

T = TypeVar("T", bound=msgspec.Struct)


class NotReplayable(FairleadError):
    """Of this request no decision is kept, or not all that it hung on."""


class Unread:
    """Of a finished request the words are not kept."""

    user = ""
    answers = 1
    predicted = 0

    @property
    def max_output(self) -> int | None:
        return None

    def shape(self) -> Shape:
        return Shape(0, 0, 0)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())


class Replayed(msgspec.Struct, frozen=True):
    record: Record
    case: Case
    plan: Plan
    same: bool
    """Whether the plan is the one that was carried out, to the last figure and reason."""

    @property
    def other_version(self) -> bool:
        return self.record.version != __version__


def replay(record: Record, contents: Mapping[str, bytes]) -> Replayed:
    case = rebuilt(record, contents)
    assert record.decision is not None, "or it could not be rebuilt"
    plan = case.plan()
    return Replayed(record, case, plan, digest(plan) == record.decision.plan)


def under(replayed: Replayed, world: World) -> Plan:
    """The plan for the same request, signals and conditions in another world; its policy of the same name, else the
    default one."""
    case = replayed.case
    policy = world.policies.get(replayed.record.policy) or world.policies["default"]
    snapshot = msgspec.structs.replace(world.snapshot, conditions=case.snapshot.conditions)
    return Case(case.call, Choice(None, "", policy), snapshot, case.seed).plan()


def rebuilt(record: Record, contents: Mapping[str, bytes]) -> Case:
    """Everything `decide` was told. Raises NotReplayable."""
    made = record.decision
    if made is None:
        if record.outcome == "lost":
            raise NotReplayable(
                f"of request {record.request} no choice is kept: it was under way when the gateway ended, and what it asked "
                "for was not written down yet"
            )
        raise NotReplayable(
            f"of request {record.request} no choice is kept: the caller named the model, or it is older than "
            "server.decisions_days"
        )
    missing = [key for key in keys(record) if key not in contents]
    if missing:
        raise NotReplayable(f"request {record.request} cannot be decided again: {', '.join(missing)} is not kept")
    of_snapshot, of_conditions, of_policy, of_caller = (contents[key] for key in keys(record))
    call = Call(
        record.request,
        cast(Operation, record.operation),
        record.dialect,
        record.asked,
        record.stream,
        b"",
        Unread(),
        _read(of_caller, Caller),
        made.wishes,
        Facts(made.at, made.standing, made.tiers, made.home, made.left, made.eased, made.arm, made.meant),
        record.signals,
        purpose=cast(Purpose, record.purpose),
        parent=record.parent or None,
        depth=1 if record.parent else 0,
    )
    snapshot = msgspec.structs.replace(_read(of_snapshot, Snapshot), conditions=_read(of_conditions, Conditions))
    return Case(call, Choice(None, "", _read(of_policy, Policy)), snapshot, record.seed)


@lru_cache(64)
def _read(content: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(zlib.decompress(content), type=kind)
