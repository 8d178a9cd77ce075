"""Decisions to look at: what would be done with a request, and what was done with an earlier one."""

from __future__ import annotations

import msgspec
import orjson

from fairlead.core.call import Caller
from fairlead.core.cost import plain
from fairlead.errors import NotFound
from fairlead.gateway import pipeline
from fairlead.gateway.explanation import paragraphs
from fairlead.gateway.runtime import Runtime
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.openai import incoming

SEES_ALL = frozenset(("viewer", "operator", "admin"))


async def explain_route(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    call, plan = pipeline.explain(runtime, incoming(exchange, caller))
    told = pipeline.described(call, plan)
    told["explanation"] = paragraphs(call, plan)
    exchange.send(200, JSON, orjson.dumps(told, default=str))


async def decision(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    """A finished request by its id: exact cost, every attempt. Another tenant's is as good as none."""
    request_id = exchange.path.removeprefix("/v1/decisions/")
    tenant = None if caller.role in SEES_ALL else caller.tenant
    record = await runtime.ledger.decision(request_id, tenant)
    if record is None:
        raise NotFound(f"There is no decision {request_id[:100]!r}; its id is in the answer's x-fairlead-request-id.")
    told = msgspec.to_builtins(_named(record))
    exchange.send(200, JSON, orjson.dumps(told))


def _named(record: msgspec.Struct) -> dict[str, object]:
    """The record with field names; amounts also as plain decimals."""
    told: dict[str, object] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, msgspec.Struct):
            value = _named(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            value = [_named(item) for item in value]
        told[name] = value
        if name in ("cost", "amount", "baseline_cost") and isinstance(value, int):
            told[f"{name}_usd"] = plain(value)
    return told
