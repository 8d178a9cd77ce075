"""`/v1/memory`: what agents write down for each other, sought by what it means.

What is written belongs to the tenant of the key. Naming a user or a session, it is theirs alone, and found only by who
names them too; else every agent of the tenant finds it. Nothing sensitive is kept.
"""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
import orjson
from msgspec import Meta, Struct

from fairlead.classify.sensitivity import strings
from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.choice import nearest
from fairlead.core.egress import grant_sink
from fairlead.dialects.body import decode
from fairlead.dialects.openai_chat.native import DIALECT, read_request
from fairlead.errors import BadRequest, NotFound, Overloaded, StateError
from fairlead.gateway.admit import new_id
from fairlead.gateway.remembering import Remembering
from fairlead.gateway.request import Incoming
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.wishes import declared_sensitive
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.openai import incoming
from fairlead.store.memories import KINDS, Kind, Memory, Sought

PATH = "/v1/memory"
MOST = 100
"""Of a list."""
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(min_length=1, max_length=4_000)]


class Written(Struct, frozen=True, forbid_unknown_fields=True):
    text: Text
    kind: str = "note"
    agent: Name = ""
    """Who writes; by default the key."""
    user: Name = ""
    session: Name = ""


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    query: Text
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 5
    least: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    """How alike at least."""
    kinds: list[str] = []
    agent: Name = ""
    user: Name = ""
    session: Name = ""


_WRITTEN, _ASKED = msgspec.json.Decoder(Written), msgspec.json.Decoder(Asked)
WRITTEN_FIELDS, ASKED_FIELDS = frozenset(Written.__struct_fields__), frozenset(Asked.__struct_fields__)


async def write(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    arrived = incoming(exchange, caller)
    said = decode(arrived.body, _WRITTEN, WRITTEN_FIELDS)
    kind = kind_of("kind", said.kind)
    if kind in ("profile", "constraint") and not (said.user or said.session):
        raise BadRequest(f"A {kind} is somebody's: name the user or the session.", param="user")
    remembering = switched_on(runtime)
    with runtime.metering.aside(caller, DIALECT, exchange.received):
        call = about(runtime, arrived, said.text, said.user, said.session)
        permit = grant_sink(call, "memory", local=True)
        policy = runtime.world.policies[caller.policy or runtime.world.default_policy]
        (vector,) = await remembering.embedder.vectors(runtime, call, policy, [said.text])
        memory = Memory(
            f"mem_{call.id.removeprefix('req_')}",
            kind,
            said.text,
            int(time.time()),
            said.user,
            said.session,
            said.agent or caller.name,
            space=remembering.embedder.space if vector is not None else "",
            vector=b"" if vector is None else vector.tobytes(),
            bounds=permit.bounds,
        )
        try:
            await remembering.store.memories.keep(permit, memory)
        except StateError as problem:
            raise not_now(problem) from None
    exchange.send(200, JSON, orjson.dumps({**told(memory), "found_by_meaning": vector is not None}))


async def search(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    arrived = incoming(exchange, caller)
    said = decode(arrived.body, _ASKED, ASKED_FIELDS)
    kinds = [kind_of("kinds", text) for text in said.kinds]
    remembering = switched_on(runtime)
    with runtime.metering.aside(caller, DIALECT, exchange.received):
        call = about(runtime, arrived, said.query, said.user, said.session)
        policy = runtime.world.policies[caller.policy or runtime.world.default_policy]
        embedder = remembering.embedder
        (vector,) = await embedder.vectors(runtime, call, policy, [said.query])
        if vector is None:
            raise Overloaded(f"{embedder.model} gives no embedding just now; try again.", code="no_embedding")
        sought = sought_by(said.user, said.session, said.agent, kinds)
        try:
            found = await remembering.store.memories.near(
                caller.tenant, embedder.space, vector, sought, said.limit, said.least
            )
        except StateError as problem:
            raise not_now(problem) from None
    data = [{**told(memory), "score": round(score, 4)} for memory, score in found]
    exchange.send(200, JSON, orjson.dumps({"object": "list", "embedding": embedder.space, "data": data}))


async def listed(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    """What is known of a user or a session, or of nobody in particular; the latest first."""
    query = queried(exchange)
    limit = query.get("limit", "20")
    if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:6]) <= MOST:
        raise BadRequest(f"limit has to be a whole number from 1 to {MOST}.", param="limit")
    remembering = switched_on(runtime)
    sought = sought_by(query.get("user", ""), query.get("session", ""), query.get("agent", ""), [])
    try:
        found = await remembering.store.memories.listed(caller.tenant, sought)
    except StateError as problem:
        raise not_now(problem) from None
    data = [told(memory) for memory in found[: int(limit)]]
    exchange.send(200, JSON, orjson.dumps({"object": "list", "data": data, "has_more": len(found) > int(limit)}))


async def get(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    exchange.send(200, JSON, orjson.dumps(told(await named(runtime, exchange, caller))))


async def named(runtime: Runtime, exchange: Exchange, caller: Caller) -> Memory:
    """The one in the path. Knowing its id is not enough: whose it is has to be said too."""
    name, query = exchange.path.removeprefix(f"{PATH}/"), queried(exchange)
    try:
        found = await switched_on(runtime).store.memories.find(caller.tenant, name)
    except StateError as problem:
        raise not_now(problem) from None
    if found is None or not sought_by(query.get("user", ""), query.get("session", ""), "", []).meets(found):
        raise missing(name)
    return found


async def forget(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    name = (await named(runtime, exchange, caller)).id
    remembering = switched_on(runtime)
    try:
        gone = await remembering.store.memories.forget(caller.tenant, name)
    except StateError as problem:
        raise not_now(problem) from None
    if not gone:
        raise missing(name)
    remembering.store.forget_begun(caller.tenant)
    exchange.send(200, JSON, orjson.dumps({"id": name, "object": "memory", "deleted": True}))


def queried(exchange: Exchange) -> dict[str, str]:
    return {name: texts[-1] for name, texts in parse_qs(exchange.query).items()}


def sought_by(user: str, session: str, agent: str, kinds: list[Kind]) -> Sought:
    """Whoever names nobody finds what is nobody's."""
    of_session = (session or None) if user else session
    return Sought(frozenset(kinds or KINDS), user, of_session, agent or None, shared=True)


def kind_of(field: str, text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    known = ", ".join(KINDS)
    raise BadRequest(f"{field}: {text[:100]!r} is none; there are {known}.{nearest(text, list(KINDS))}", param=field)


def about(runtime: Runtime, arrived: Incoming, text: str, user: str, session: str) -> Call:
    """The request as a call: what it says is as sensitive as anything else."""
    body = orjson.dumps({"model": "memory", "messages": [{"role": "user", "content": text}]})
    detector = runtime.world.detector
    return Call(
        new_id(),
        "retrieve",
        DIALECT,
        "",
        False,
        body,
        read_request(body),
        arrived.caller,
        Wishes(sensitive=declared_sensitive(arrived), user=user, session=session),
        Facts(int(time.time())),
        () if detector is None else detector.check(strings(body)),
    )


def switched_on(runtime: Runtime) -> Remembering:
    if runtime.remembering is None:
        raise NotFound("Nothing is remembered here: `memory.enabled` is off.", code="memory_off")
    return runtime.remembering


def told(memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "object": "memory",
        "kind": memory.kind,
        "text": memory.text,
        "created": memory.made,
        "agent": memory.agent,
        "user": memory.user or None,
        "session": memory.session or None,
        "request_id": memory.source or None,
    }


def missing(name: str) -> NotFound:
    return NotFound(
        f"There is no memory {name[:100]!r}: it is another tenant's, is of a user or a session that was not named, was erased, or "
        "is too old.",
        code="memory_not_found",
    )


def not_now(problem: StateError) -> Overloaded:
    return Overloaded(f"What is remembered is out of reach just now: {problem}", code="memory_unreachable")
