"""Intents and records for the tests of the store."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Signal
from fairlead.core.record import Attempt, Audit, CostLine, Intent, Outcome, Record, Usage
from fairlead.store.sqlite import Projection

AT = 1_800_000_000_000


def intent(request: str, number: int = 1, hold: int = 5_000, tenant: str = "t") -> Intent:
    return Intent(
        f"{request}.{number}", request, number, AT, "k", tenant, "m", "m@c", "p", "eu", "row-1", "USD", hold, 120, 40
    )


def attempt(
    request: str,
    number: int = 1,
    cost: int = 1_000,
    outcome: Outcome = "ok",
    model: str = "m",
    usage: Usage | None = None,
) -> Attempt:
    lines = (
        CostLine("input", 100, "token", "row-1", cost - 1, "USD"),
        CostLine("request", 1, "request", "row-1", 1, "USD"),
    )
    used = usage or Usage(100, 20, 10)
    status = 200 if outcome == "ok" else 500
    return Attempt(
        f"{request}.{number}",
        number,
        model,
        f"{model}@c",
        "p",
        "eu",
        outcome,
        status,
        "",
        AT,
        5,
        9,
        used,
        lines,
        cost,
        "USD",
    )


def record(
    request: str,
    *attempts: Attempt,
    at_ms: int = AT,
    tenant: str = "t",
    key: str = "k",
    task: str = "chat",
    purpose: str = "answer",
    outcome: Outcome = "ok",
    baseline_cost: int | None = None,
    error: str = "",
) -> Record:
    return Record(
        request=request,
        at_ms=at_ms,
        key=key,
        tenant=tenant,
        operation="generate",
        dialect="openai_chat",
        asked="auto",
        stream=False,
        purpose=purpose,
        parent="",
        outcome=outcome,
        status=200,
        error=error,
        policy="standard",
        strategy="balanced",
        policy_hash="ab",
        snapshot="cd",
        conditions=2,
        seed=2**63,
        model=attempts[-1].model if attempts else "",
        channel="m@c",
        attempts=attempts,
        cost=sum(one.cost for one in attempts),
        baseline_cost=baseline_cost,
        baseline="big" if baseline_cost is not None else "",
        overhead_us=90,
        total_ms=12,
        tags=("a", "b"),
        task=task,
        session="s",
        signals=(
            Signal("structure", "chars", 12),
            Signal("language", "name", "de", 0.75),
            Signal("task", "code", True, 0.5),
        ),
        version="1",
    )


def audit(detail: str = "no such key", at_ms: int = AT, kind: str = "unauthenticated", request: str = "") -> Audit:
    return Audit(at_ms, kind, "k", "t", request, detail)


def taken_in(projection: Projection, *records: Record) -> None:
    rows = [(n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    projection.ingest(rows, [], 1, 1)
