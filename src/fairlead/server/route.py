"""Decisions to look at: what would be done with a request, and what was done with an earlier one."""

from __future__ import annotations

from contextlib import suppress

import orjson

from fairlead.core.call import Caller
from fairlead.core.grants import reaches, within
from fairlead.core.record import Record
from fairlead.errors import NotFound
from fairlead.gateway import contents, pipeline, replay, understanding
from fairlead.gateway.explanation import Language, described, of_record, record_described
from fairlead.gateway.runtime import Runtime
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.openai import incoming

MOST_LANGUAGES = 20


async def explain_route(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    asked = incoming(exchange, caller)
    with runtime.metering.aside(caller, asked.dialect, asked.received):
        found = await understanding.sensitivities(runtime.world, asked.body)
        told = described(pipeline.explain(runtime, asked, found), language(exchange))
    exchange.send(200, JSON, orjson.dumps(told, default=str))


async def decision(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    """A finished request by its id: exact cost, every attempt, and why it went there. What lies beyond the reach of
    who asks is as good as none."""
    request_id = exchange.path.removeprefix("/v1/decisions/")
    record = await runtime.ledger.decision(request_id, None)
    if record is None or not sees(caller, record):
        raise NotFound(f"There is no decision {request_id[:100]!r}; its id is in the answer's x-fairlead-request-id.")
    one = None
    if record.decision is not None:
        kept = await runtime.ledger.contents(contents.keys(record))
        with suppress(replay.NotReplayable):
            again = replay.replay(record, kept)
            one = of_record(again.case, again.plan)
    exchange.send(200, JSON, orjson.dumps(record_described(record, one, language(exchange)), default=str))


def sees(caller: Caller, record: Record) -> bool:
    """Its own key's; with a role that reads, all that its scope reaches."""
    if not reaches(caller.role, "viewer"):
        return (record.tenant, record.key) == (caller.tenant, caller.name)
    return within(caller, record.tenant, record.team)


def language(exchange: Exchange) -> Language:
    """The one of ours that the client likes best; English where it names neither."""
    liked: list[tuple[float, Language]] = []
    for part in exchange.headers.get(b"accept-language", b"").decode("latin-1").lower().split(",")[:MOST_LANGUAGES]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if tag.startswith("zh"):
            liked.append((weight, "zh"))
        elif tag.startswith("en"):
            liked.append((weight, "en"))
    return max(liked, key=lambda one: one[0], default=(0.0, "en"))[1]
