"""The cache's step: a request that was answered before is given that answer again.

    look    finds it, or waits while somebody asks the very same; tells it, puts it on the books
    keep    behind an answer that is whole and proper: see `look`

Who asks is told `hit-exact` or `hit-semantic`, `miss` where it was looked up in vain, `bypass` where the cache had no part.
A hit meets the limits of its key, as every request does, and costs nothing, so budgets are not asked. It needs what the
answer itself would: a key that may not use the model and channel which gave it is not given it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.cache.answers import Hit, Kept, Kind, Semantic
from fairlead.cache.exact import Answers, InMemory
from fairlead.cache.flights import TRIES, Flights, wait
from fairlead.cache.in_redis import InRedis
from fairlead.cache.key import named
from fairlead.cache.on_disk import OnDisk
from fairlead.cache.settings import Settings
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.cost import plain
from fairlead.core.egress import grant_sink, refusal
from fairlead.core.limits import Gate
from fairlead.core.model import Channel
from fairlead.core.record import Record, Reuse
from fairlead.core.whose import Whose
from fairlead.dialects import json, replay
from fairlead.dialects.asked_again import is_settled, traits
from fairlead.gateway.account import baseline_cost
from fairlead.gateway.answering import header_text, side_cost, warned
from fairlead.gateway.look import Look
from fairlead.gateway.metering import told as limits_told
from fairlead.gateway.request import Incoming, Outlet
from fairlead.store.cache import cache_shelf
from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.gateway.remembering import Remembered
    from fairlead.gateway.runtime import Runtime

OPERATIONS = frozenset(("generate", "embed"))
FOREVER = float("inf")
LINES_KEPT = 4096
ESCALATED = "x-fairlead-escalated"


class Control(msgspec.Struct, frozen=True):
    """What `Cache-Control` says of a request."""

    reads: bool = True
    keeps: bool = True
    oldest: float = FOREVER
    """Seconds."""


ANY = Control()


class Caching:
    """The caches of one gateway, and what they have done since it began."""

    def __init__(self, settings: Settings, folder: Path | None, semantic: Semantic | None = None) -> None:
        self.settings = settings
        self.answers = answers_of(settings, folder)
        self.semantic = semantic
        self.flights = Flights()
        self._keeping: set[asyncio.Task[None]] = set()
        self._lines: dict[tuple[str, ...], str] = {}
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """By (what, tenant, model): hit-exact, hit-semantic, kept; and under no model miss and bypass."""

    async def look(
        self,
        runtime: Runtime,
        call: Call,
        choice: Choice,
        incoming: Incoming,
        outlet: Outlet,
        gate: Gate | None,
        memory: Remembered | None = None,
    ) -> Look:
        """`memory`: what was put into the request, which a hit tells as well."""
        control = incoming.headers.once(controlled)
        said = None if call.wishes.cache == "off" or not control.keeps else self._cacheable(call)
        if said is None:
            self.counts["bypass", call.caller.tenant, ""] += 1
            return Look(self, call, outlet)
        name = named(call, choice, said)
        look = Look(self, call, outlet, choice, name)
        if call.wishes.cache == "refresh" or not control.reads:
            self.counts["bypass", call.caller.tenant, ""] += 1
            return look
        look.looked_up, look.gate, look.memory = True, gate, b"" if memory is None else memory.header
        try:
            await self._find(runtime, look, said, control.oldest, incoming)
        except BaseException:
            look.land()
            raise
        if not look.told:
            self.counts["miss", call.caller.tenant, ""] += 1
        return look

    def _cacheable(self, call: Call) -> Mapping[str, Any] | None:
        """The body, decoded; None where the cache passes the request by."""
        if call.operation not in OPERATIONS or call.sensitive or call.facts.home:
            return None
        said = json.loads(call.body)
        found = traits(call.dialect, said)
        asked = call.wishes.cache in ("on", "refresh")
        settings = self.settings
        if "bound" in found or ("acting" in found and not (settings.tools or asked)):
            return None
        if asked or settings.which == "all" or call.operation == "embed":
            return said
        if "varying" in found or (settings.which == "settled" and not is_settled(call.dialect, said)):
            return None
        return said

    async def _find(
        self, runtime: Runtime, look: Look, said: Mapping[str, Any], oldest: float, incoming: Incoming
    ) -> None:
        """Tells the answer where there is one, waiting for whoever asks the same just now. Else the look leads."""
        assert look.name is not None and look.choice is not None
        call = look.call
        place = call.caller.tenant, look.name.answer
        until = incoming.received + runtime.world.request_timeout
        since = time.time() - oldest
        for waited in range(TRIES + 1):
            found = await self.answers.find(call.caller.tenant, look.name.forms, since)
            kept = None if found is None else await self._formed(look, *found, said)
            if kept is not None and self._tell(runtime, look, Hit("exact", kept), incoming):
                return
            if waited == TRIES:
                return
            leader = self.flights.lead(place)
            if leader is None:
                look.leads = place
                break
            if not await wait(leader, (until - monotonic()) / 2):
                return
        if self.semantic is not None:
            near = await self.semantic.lookup(call, look.choice, said, since)
            kept = None if near is None else in_form(call, near.kept, said, look.name.told)
            if near is not None and kept is not None:
                self._tell(runtime, look, Hit("semantic", kept, near.similarity), incoming)

    async def _formed(self, look: Look, form: bytes, kept: Kept, said: Mapping[str, Any]) -> Kept | None:
        """In the form that is wanted, which is kept as well."""
        assert look.name is not None
        if form == look.name.form:
            return kept
        told = in_form(look.call, kept, said, look.name.told)
        if told is not None and len(told.body) <= self.settings.largest:
            await self.answers.keep(grant_sink(look.call, "cache", local=not self.settings.redis), look.name.form, told)
        return told

    def _tell(self, runtime: Runtime, look: Look, hit: Hit, incoming: Incoming) -> bool:
        """Whether who asks may have the answer, and so has it."""
        call, kept = look.call, hit.kept
        channel = _channel(runtime, kept)
        now = time.time()
        if channel is None or refusal(call, channel) is not None or (kept.until and now > kept.until):
            return False
        age = max(0, int(now - kept.at))
        baseline = baseline_cost(runtime.world.baselines.get(call.operation), kept.usage, call.facts.at)
        self.counts[f"hit-{hit.kind}", call.caller.tenant, kept.model] += 1
        self._settle(runtime, call, hit.kind, kept, age, baseline, incoming.received)
        headers = b"Content-Type: %b\r\n%b%b%b" % (
            b"text/event-stream; charset=utf-8" if call.stream else b"application/json",
            b"" if look.gate is None else limits_told(look.gate, call.dialect),
            look.memory,
            headers_of(
                self._lines_of(runtime.world.version, kept, channel),
                call,
                hit,
                age,
                baseline,
                monotonic() - incoming.received,
            ),
        )
        look.told = True
        if call.stream:
            look.outlet.start(200, headers)
            look.outlet.end(kept.body)
        else:
            look.outlet.send(200, headers, kept.body)
        return True

    def _lines_of(self, version: str, kept: Kept, channel: Channel) -> str:
        """The header lines of who gave an answer; rendered once for each."""
        key = version, kept.channel, kept.policy, kept.task, kept.tier
        found = self._lines.get(key)
        if found is None:
            told = {"model": kept.model, "channel": channel.name, "policy": kept.policy}
            more = {"config": version, "task": kept.task, "tier": kept.tier}
            told |= {name: text for name, text in more.items() if text}
            found = "".join(f"x-fairlead-{name}: {header_text(text)}\r\n" for name, text in told.items())
            if len(self._lines) >= LINES_KEPT:
                self._lines.clear()
            self._lines[key] = found
        return found

    def _settle(
        self, runtime: Runtime, call: Call, kind: Kind, kept: Kept, age: int, baseline: int | None, received: float
    ) -> None:
        took = monotonic() - received
        record = Record(
            call.id,
            int((time.time() - took) * 1000),
            call.caller.name,
            call.caller.tenant,
            call.operation,
            call.dialect,
            call.model,
            call.stream,
            call.purpose,
            "",
            "ok",
            200,
            "",
            kept.policy,
            "",
            "",
            runtime.world.snapshot.hash,
            0,
            0,
            kept.model,
            kept.channel,
            (),
            0,
            baseline,
            runtime.world.baseline_of(call.operation),
            int(took * 1e6),
            int(took * 1000),
            call.wishes.tags,
            kept.task,
            call.wishes.session,
            call.signals,
            __version__,
            team=call.caller.team,
            reuse=Reuse(kind, kept.request, kept.cost, age),
        )
        runtime.ledger.settle(record)
        for hook in runtime.hooks:
            hook(record, call)

    async def open(self) -> None:
        await self.answers.open()

    async def turn_semantic(self, semantic: Semantic | None) -> None:
        """Another one takes the place of the one before, or the same one goes on."""
        if self.semantic is not None and self.semantic is not semantic:
            await self.semantic.close()
        self.semantic = semantic

    async def beside(self, keeping: Coroutine[Any, Any, None]) -> None:
        """To its end, though whoever waits for it leaves."""
        task = asyncio.get_running_loop().create_task(keeping)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        if self._keeping:
            await asyncio.wait(self._keeping)
        if self.semantic is not None:
            await self.semantic.close()
        await self.answers.close()

    async def erase(self, whose: Whose | None) -> int:
        """How many answers that were."""
        gone = 0 if self.semantic is None else await self.semantic.erase(whose)
        return gone + await self.answers.erase(whose)


async def erase(runtime: Runtime, whose: Whose | None) -> int:
    """What was kept by an earlier configuration goes too, though nobody is given it now; how many answers that were."""
    caching = runtime.caching
    gone = 0 if caching is None else await caching.erase(whose)
    if runtime.folder is not None and (caching is None or not caching.settings.on_disk):
        shelf = cache_shelf(runtime.folder, 1.0)
        try:
            gone += await (shelf.empty() if whose is None else shelf.erase(whose))
        finally:
            shelf.close()
    return gone


def answers_of(settings: Settings, folder: Path | None) -> Answers:
    """Where answers are kept. Without a folder there is no disk."""
    if settings.redis:
        return InRedis(settings.redis, settings.ttl)
    bounds = settings.most, settings.most_bytes, settings.ttl
    return InMemory(*bounds) if folder is None or not settings.on_disk else OnDisk(folder, *bounds)


async def turned(before: Caching | None, settings: Settings | None, folder: Path | None) -> Caching | None:
    """The caches under other settings. What is kept stays, unless it is to be kept elsewhere."""
    place = None if settings is None else (settings.place, settings.redis)
    if before is not None and settings is not None and (before.settings.place, before.settings.redis) == place:
        before.settings = settings
        before.answers.bound(settings.most, settings.most_bytes, settings.ttl)
        return before
    if before is not None:
        await before.close()
    if settings is None:
        return None
    caching = Caching(settings, folder)
    await caching.open()
    return caching


def headers_of(lines: str, call: Call, hit: Hit, age: int, baseline: int | None, took: float) -> bytes:
    """`lines` are those that depend on who gave the answer only."""
    again = hit.kept.lines
    climbed = "" if ESCALATED in again else f"{ESCALATED}: false\r\n"
    compared = "" if baseline is None else f"x-fairlead-baseline-cost: {plain(baseline)}\r\n"
    alike = f"x-fairlead-cache-similarity: {hit.similarity:.3f}\r\n" if hit.kind == "semantic" else ""
    return (
        f"{lines}x-fairlead-downgraded: false\r\n{climbed}"
        f"x-fairlead-cache: hit-{hit.kind}\r\n{alike}age: {age}\r\n"
        f"x-fairlead-request-id: {call.id}\r\n"
        f"x-fairlead-cost: 0\r\nx-fairlead-attempts: 0\r\n"
        f"x-fairlead-overhead-ms: {took * 1000:.2f}\r\n{compared}{again}"
        f"{side_cost(call)}{warned(call) if call.warnings else ''}"
    ).encode("latin-1")


def controlled(headers: Mapping[bytes, bytes]) -> Control:
    """What is not understood says nothing, as HTTP has it."""
    reads = keeps = True
    oldest = FOREVER
    for directive in headers.get(b"cache-control", b"").lower().split(b","):
        name, _, value = directive.strip().partition(b"=")
        if name == b"no-cache":
            reads = False
        elif name == b"no-store":
            keeps = False
        elif name == b"max-age" and value.strip(b'"').isdigit():
            oldest = min(oldest, float(value.strip(b'"')[:12]))
    return ANY if reads and keeps and oldest == FOREVER else Control(reads, keeps, oldest)


def _channel(runtime: Runtime, kept: Kept) -> Channel | None:
    """The channel that gave the answer, if it may be asked at all: neither gone nor off."""
    model = runtime.world.snapshot.models.get(kept.model)
    off = runtime.switches.off()
    if model is None or not model.enabled or kept.model in off or kept.channel in off:
        return None
    return next((one for one in model.channels if one.id == kept.channel and one.enabled), None)


def in_form(call: Call, kept: Kept, said: Mapping[str, Any], form: bytes) -> Kept | None:
    """The answer as this caller wants it told; None where that is not known."""
    if kept.form == form:
        return kept
    body = replay.as_whole(kept.dialect, kept.body) if kept.stream else kept.body
    if body is not None and call.stream:
        body = replay.as_stream(kept.dialect, body, said.get("stream_options"))
    return None if body is None else msgspec.structs.replace(kept, stream=call.stream, body=body, form=form)
