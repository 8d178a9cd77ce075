"""Runtime: one running gateway. The world it serves, the ledger it writes, the ways out, the meters of its keys.

There is no global state: a process may hold several. Whoever builds a runtime calls `open` and `close`.

`turn_to` puts another world in the place of the one it serves. A request is given `present`, a copy that keeps the world
it began in with all that hangs on it; what moves is shared by all copies, so it is changed in place, never replaced.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from fairlead.cache.answers import Semantic
from fairlead.core.budgets import Crossed
from fairlead.core.call import Call, Caller, Standing
from fairlead.core.decide import Memo
from fairlead.core.execution import Candidate
from fairlead.core.health import Change
from fairlead.core.model import Conditions, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import Policy
from fairlead.core.record import Attempt, Audit, Record
from fairlead.gateway.administration import Administration, found, noted
from fairlead.gateway.answering import header_text
from fairlead.gateway.balances import told
from fairlead.gateway.budgets import Budgets, Ended
from fairlead.gateway.budgets import log as budgets_log
from fairlead.gateway.caching import Caching, turned
from fairlead.gateway.conditions import DAY, Vitals
from fairlead.gateway.contents import Contents
from fairlead.gateway.endpoints import Way, way_to
from fairlead.gateway.erasing import Sweeper
from fairlead.gateway.failures import blamed
from fairlead.gateway.health import Health
from fairlead.gateway.idempotency import Once
from fairlead.gateway.judgements import KEPT
from fairlead.gateway.keyring import Keyring
from fairlead.gateway.keys import Keys
from fairlead.gateway.metering import Metering
from fairlead.gateway.opinion import Opinions
from fairlead.gateway.probing import Probing
from fairlead.gateway.quality import Gates
from fairlead.gateway.remembering import Kept, turned_to
from fairlead.gateway.sessions import Sessions, scoped
from fairlead.gateway.switches import Switches
from fairlead.gateway.transport import HttpUpstream
from fairlead.gateway.world import World
from fairlead.providers.wire import Endpoint, Upstream
from fairlead.store.audit_chain import Act, Head
from fairlead.store.belongings import Belongings
from fairlead.store.budgets import spent_on, spent_since
from fairlead.store.contract import Ledger
from fairlead.store.conversations import Conversations
from fairlead.store.feedback import judged_days

Hook = Callable[[Record, Call], None]
HEADERS_KEPT = 4096
WATCH = 0.05
QUIET = 1.0

log = logging.getLogger("fairlead.providers")


class Expiring(Protocol):
    """Something that has a deadline."""

    def expire(self) -> None: ...


class Runtime:
    __slots__ = (
        "__weakref__", "_after", "_complaints", "_due", "_ending", "_headers", "_simulated", "_snapshot", "_turns", "_watching",
        "administration", "beats", "belongings", "benching", "budgets", "caching", "contents", "conversations", "deadlines",
        "folder", "gates", "health", "hooks", "http", "judging", "kept", "keyring", "keys", "ledger", "loop", "memo", "metering",
        "once", "opinions", "prepares", "present", "probing", "remembering", "sessions", "sweeper", "switches", "vitals", "world",
    )  # fmt: skip
    """Of so many attributes, and copied, it would have a dict in which every call of a method is looked up anew."""
    prepares: bool
    """Whether anything is to happen between admission and choice, as far as the configuration says."""

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        simulated: Upstream | None = None,
        hooks: tuple[Hook, ...] = (),
        folder: Path | None = None,
    ) -> None:
        self.world = world
        self.folder = folder
        self.ledger = ledger
        self.loop = asyncio.get_running_loop()
        self.vitals = Vitals()
        self.health = Health(world.health, _ways(world), self._health_changed, _shares(world))
        self.keys = Keys(lambda kind, words: self.ledger.note(Audit(_now_ms(), kind, "", "", "", words)))
        self.http = HttpUpstream({name: one for name, one in world.endpoints.items() if not one.simulated})
        self.probing = Probing(self)
        self.switches = Switches(folder, self._switched_on)
        self.administration = Administration(folder, self._administered)
        self.keyring = Keyring(world, self.administration, self._rekey, self.take_up_budgets)
        self.conversations = Conversations(folder)
        self.belongings = Belongings(folder)
        self.once = Once(folder)
        self.hooks = hooks
        """Called with every finished request: the demo's ticker, logs, metrics."""
        self.contents = Contents(ledger, world.snapshot)
        self._simulated = simulated
        self.metering = Metering(world)
        self._snapshot = world.snapshot
        self.memo: Memo = {}
        """What `decide` remembers of the present snapshot."""
        self.deadlines: dict[Expiring, float] = {}
        """What is under way, and until when (monotonic)."""
        self._ending = asyncio.Event()
        self.beats: list[Callable[[float], None]] = [self.keyring.beat]
        """Called each WATCH seconds with by how much that is late."""
        self._due = time.monotonic() + WATCH
        self._watching = self.loop.call_later(WATCH, self._watch)
        self._complaints: dict[tuple[str, int], tuple[float, int]] = {}
        self._headers: dict[tuple[str, str, str, str, bool, bool], bytes] = {}
        self.sessions = Sessions()
        self.budgets = Budgets(world)
        self.gates = Gates(world.gates)
        self.sweeper = Sweeper(self)
        self.beats += [self.budgets.sweep, self.sweeper.beat]
        self.opinions = None if world.classifier is None else Opinions(world.classifier)
        self.caching = None if world.cache is None else Caching(world.cache, folder)
        if self.caching is not None:
            self.caching.semantic = self._semantic(world)
        self.kept = Kept(folder)
        self.remembering = turned_to(None, world.remembering, self.kept)
        self._turns: dict[str, int] = {}
        self.benching = asyncio.Lock()
        """Held while the bench runs."""
        self.judging = asyncio.Lock()
        """Held while a word on an answer takes the place of the one before it."""
        self._after: Runtime | None = None
        self.present = self._copied()
        """What a request that begins now is given."""

    async def open(self) -> None:
        await self.ledger.open()
        await self.keyring.open()
        await self.administration.reconcile(self.switches.off(), self.world.version)
        head = await self.administration.head()
        if head is not None:
            self.ledger.note(found(head, _now_ms()))
        self._rekey()
        await self.belongings.open()
        if self.caching is not None:
            await self.caching.open()
        await self.take_up_budgets(self.world, beginning=True)
        if self.opinions is not None:
            await self._take_up_opinions(self.opinions)
        await self._take_up_gates(self.gates)
        since = int(time.time()) // DAY - KEPT
        self.vitals.take_up(await self.ledger.ask(lambda ledger: judged_days(ledger, since)))
        self.look()
        self.contents.begin()
        self.probing.begin()
        self.ledger.note(Audit(_now_ms(), "started", "", "", "", f"snapshot {self.world.snapshot.hash}"))

    async def take_up_budgets(self, world: World, beginning: bool = False) -> None:
        """What was spent before this process began, or before there were budgets, is spent."""
        if world.budgets:
            now = time.time()
            moments = self.budgets.moments(world, now)
            self.budgets.ended = None if beginning else []
            spent = await self.ledger.ask(lambda ledger: spent_since(ledger, moments))
            self.budgets.take_up(world, spent, now, beginning)

    async def _take_up_opinions(self, opinions: Opinions) -> None:
        if opinions.asked.budget is not None:
            day = int(time.time()) // DAY
            opinions.turn_to(day)
            opinions.purse.take_up(await self.ledger.ask(lambda ledger: spent_on(ledger, "classify", day * DAY * 1000)))

    async def _take_up_gates(self, gates: Gates) -> None:
        """What judges spent today before they were declared, or before this process began."""
        if gates.budgeted:
            day = int(time.time()) // DAY
            gates.take_up(await self.ledger.ask(lambda ledger: spent_on(ledger, "judge", day * DAY * 1000)))

    async def turn_to(self, world: World, simulated: Upstream | None = None) -> None:
        """From now on this world: what has begun ends in the one before, whose connections are kept as long."""
        semantic = self._semantic(world)
        await self.take_up_budgets(self.keyring.budgeted(world))
        opinions = self.opinions
        if world.classifier is None:
            opinions = None
        elif opinions is None or opinions.asked != world.classifier:
            opinions = Opinions(world.classifier)
            await self._take_up_opinions(opinions)
        self.caching = await turned(self.caching, world.cache, self.folder)
        if self.caching is not None:
            await self.caching.turn_semantic(semantic)
        self._swap(world, simulated, opinions)
        await self._take_up_gates(self.gates)

    def _semantic(self, world: World) -> Semantic | None:
        """Raises ConfigError for a model that cannot be loaded."""
        if world.semantic is None:
            return None
        from fairlead.gateway.meaning import turned_semantic  # its words take time to load

        return turned_semantic(None if self.caching is None else self.caching.semantic, world.semantic, self)

    def _swap(self, world: World, simulated: Upstream | None, opinions: Opinions | None) -> None:
        former = _ways(self.world)
        endpoints = self.http.turn_to({name: one for name, one in world.endpoints.items() if not one.simulated})
        before = weakref.finalize(self.present, self.http.retire_soon, endpoints.former)
        before.atexit = False
        world = msgspec.structs.replace(world, endpoints={**world.endpoints, **endpoints.now})
        self.world = self.keyring.in_force(world)
        self.opinions, self._simulated = opinions, simulated
        self.remembering = turned_to(self.remembering, world.remembering, self.kept)
        self.keys.turn_to(world.endpoints.values())
        self.metering.turn_to(self.world)
        self.budgets.turn_to(self.world)
        self.gates = Gates(world.gates, self.gates)
        ways = _ways(world)
        changed = [channel for channel, way in ways.items() if former.get(channel, way) != way]
        self.health.turn_to(world.health, ways, _shares(world), changed)
        self.memo, self._snapshot, self._headers = {}, world.snapshot, {}
        self.contents = Contents(self.ledger, world.snapshot)
        self.contents.begin()
        # Who began earlier may hold pools that were given up later.
        self.present._after = self.present = self._copied()

    def _rekey(self) -> None:
        """The keys in force are others."""
        before = self.world
        self.world = self.keyring.in_force(before)
        self.metering.turn_to(self.world)
        if self.world.budgets != before.budgets or self.world.granted != before.granted:
            self.budgets.turn_to(self.world)
        self.budgets.rules, self.budgets.ended = self.world.budgets, None
        # Who began earlier may hold pools that were given up later.
        self.present._after = self.present = self._copied()

    def _copied(self) -> Runtime:
        """Without what it took the place of, which ends with its last request."""
        beside = (self.remembering, self.caching, self.opinions)
        self.prepares = any(one is not None for one in beside) or bool(self.world.experiments)
        copied = copy.copy(self)
        if hasattr(copied, "present"):
            del copied.present
        return copied

    def _watch(self) -> None:
        """One look at all deadlines costs less than a timer for each request."""
        now = time.monotonic()
        self.look()
        for beat in self.beats:
            beat(max(0.0, now - self._due))
        for run in [run for run, until in self.deadlines.items() if until <= now]:
            run.expire()
        self._due = time.monotonic() + WATCH
        self._watching = self.loop.call_later(WATCH, self._watch)

    @property
    def ending(self) -> bool:
        """What is broken off now ends because the process does, not for lack of time."""
        return self._ending.is_set()

    def break_off(self) -> None:
        """The process ends: clients that still wait for an answer, or for the rest of one, are told so."""
        self._ending.set()
        for run in list(self.deadlines):
            run.expire()

    async def close(self) -> None:
        self._watching.cancel()
        self.probing.close()
        await self.once.close()
        await self.sweeper.close()
        if self.remembering is not None:
            await self.remembering.close()
        await self.http.close()
        self.conversations.close()
        await self.belongings.close()
        self.kept.close()
        if self.caching is not None:
            await self.caching.close()
        self.ledger.note(Audit(_now_ms(), "stopped", "", "", "", ""))
        await self.ledger.close()

    def standing(self, session: str) -> Standing | None:
        return self.sessions.standing(session)

    def left(self, tenant: str, policy: Policy) -> tuple[tuple[str, int], ...]:
        """What is left of the day's budget of each tier."""
        return self.budgets.left_of_tiers(tenant, policy)

    def spent_since(self, ended: Ended) -> None:
        """Other budgets came into force, or are about to, while it was under way."""
        if self.budgets.ended is not None:
            self.budgets.ended.append(ended)
        if self.budgets.rules != self.world.budgets:
            self.alert(self.budgets.spent_on_others(ended))

    def alert(self, found: Sequence[Crossed]) -> None:
        """Shares of budgets that are spent by now."""
        for crossed in found:
            alert = told(crossed, _now_ms())
            budgets_log.warning("%s", alert.detail)
            self.ledger.note(alert)

    def turn(self, group: str) -> int:
        """How many requests a group of agents was given before this one."""
        before = self._turns.get(group, 0)
        self._turns[group] = before + 1
        return before

    def snapshot(self) -> Snapshot:
        """The world with its present conditions: who is not to be asked as of now, all else as of the last beat."""
        vitals, found = self.vitals, self._snapshot
        conditions = vitals.conditions
        if self.health.breakers.opened or conditions.ejected or self.switches.names is not vitals.disabled:
            conditions = self.look()
        if conditions is not found.conditions:
            self.memo = {}
            found = self._snapshot = msgspec.structs.replace(found, conditions=conditions)
        return found

    def look(self) -> Conditions:
        return self.vitals.at(time.monotonic(), self.health.ejected(), self.switches.off())

    def upstream_for(self, endpoint: Endpoint) -> Upstream:
        if endpoint.simulated and self._simulated is not None:
            return self._simulated
        return self.http

    def settle(self, record: Record, call: Call) -> None:
        self.ledger.settle(record)
        if record.outcome != "ok" or len(record.attempts) > 1 or self.vitals.ailing:
            self._tried(record.attempts)
        if record.decision is not None or record.task or call.wishes.session:
            self._learn(record, call)
        if self.hooks:
            for hook in self.hooks:
                hook(record, call)

    def _learn(self, record: Record, call: Call) -> None:
        """What an answer tells of its model and its channel, for those who choose."""
        if record.outcome != "ok" or not record.attempts:
            return
        if record.task and not call.depth:
            self.vitals.wrote(record.model, record.task, record.attempts[-1].usage.output)
        if record.decision is not None or call.wishes.session:
            self._read(record, call)

    def _tried(self, attempts: tuple[Attempt, ...]) -> None:
        for attempt in attempts:
            if attempt.outcome == "ok":
                self.vitals.tried(attempt.channel, True)
            elif attempt.outcome == "failed" and blamed(attempt):
                self.vitals.tried(attempt.channel, False)

    def _read(self, record: Record, call: Call) -> None:
        """What came from the channel's prompt cache, of a request in a session or for which a model was chosen."""
        usage, standing = record.attempts[-1].usage, None
        if call.wishes.session:
            place = scoped(call.caller, call.wishes.session)
            standing = self.sessions.standing(place)
            self.sessions.answered(place, record.model, record.channel, usage.input)
        if usage.cached_input or standing is not None or self.vitals.reads.knows(record.channel):
            self.vitals.read(record.channel, usage, standing)

    def complain(self, channel: str, status: int, words: str) -> None:
        """A provider failed: a line in the log, at most one a second for each channel and status."""
        now = time.monotonic()
        last, held = self._complaints.get((channel, status), (0.0, 0))
        if now - last < QUIET:
            self._complaints[(channel, status)] = (last, held + 1)
            return
        self._complaints[(channel, status)] = (now, 0)
        again = f" (and {held} more since the last line)" if held else ""
        if status in (401, 403):
            log.error("%s refuses our key with HTTP %d: check its provider's api_key%s", channel, status, again)
        else:
            log.warning("%s failed: %s%s", channel, f"HTTP {status}" if status not in (0, 200) else words, again)

    def _health_changed(self, change: Change) -> None:
        if change.opened:
            words = f"{change.channel} is left alone for {change.seconds:.0f} s: {change.why}"
            log.warning("%s", words)
        else:
            words = f"{change.channel} is asked again: {change.why}"
            log.info("%s", words)
        kind = "channel_ejected" if change.opened else "channel_back"
        self.ledger.note(Audit(_now_ms(), kind, "", "", "", words[:500]))

    def _switched_on(self, name: str) -> None:
        """Its time is over."""
        log.info("%s is switched on again", name)
        self.ledger.note(Audit(_now_ms(), "switched_on", "", "", "", f"{name}, as its time is over"))

    def _administered(self, act: Act, head: Head) -> None:
        self.ledger.note(noted(act, head, _now_ms()))

    def act(self, kind: str, caller: Caller, subject: str, detail: str) -> None:
        """What somebody who administers has done, for the audits and for the chain."""
        self.audit(kind, caller, "", ", ".join(filter(None, (subject, detail))))
        self.administration.note(Act(kind, caller.name, "", subject or "configuration", detail))

    def audit(self, kind: str, caller: Caller, request_id: str, detail: str) -> None:
        self.ledger.note(Audit(_now_ms(), kind, caller.name, caller.tenant, request_id, detail[:500]))

    def target_headers(self, plan: Plan, candidate: Candidate, escalated: bool = False, unfit: bool = False) -> bytes:
        """The header lines that depend only on the choice and what became of it; rendered once for each."""
        target = candidate.target
        key = (candidate.channel.id, plan.policy, plan.task, target.tier, target.downgraded != "" or unfit, escalated)
        lines = self._headers.get(key)
        if lines is None:
            task = f"x-fairlead-task: {header_text(plan.task)}\r\n" if plan.task else ""
            tier = f"x-fairlead-tier: {header_text(target.tier)}\r\n" if target.tier else ""
            config = f"x-fairlead-config: {self.world.version}\r\n" if self.world.version else ""
            lines = (
                f"x-fairlead-model: {header_text(candidate.channel.model)}\r\n"
                f"x-fairlead-channel: {header_text(candidate.channel.name)}\r\n"
                f"x-fairlead-policy: {header_text(plan.policy)}\r\n"
                f"{config}{task}{tier}x-fairlead-downgraded: {'true' if key[4] else 'false'}\r\nx-fairlead-escalated: {'true' if escalated else 'false'}\r\nx-fairlead-cache: bypass\r\n"
            ).encode("latin-1")
            if len(self._headers) < HEADERS_KEPT:
                self._headers[key] = lines
        return lines


def _shares(world: World) -> bool:
    """Whether any work is shared among equals."""
    return any(policy.handling.balance != "declared" for policy in world.policies.values())


def _ways(world: World) -> dict[str, tuple[str, str, Way]]:
    """How each channel is reached: its provider, its model's name there, and the way to it."""
    ways = {name: way_to(one) for name, one in world.endpoints.items()}
    channels = [channel for model in world.snapshot.models.values() for channel in model.channels]
    return {one.id: (one.provider, one.upstream, ways[one.provider]) for one in channels}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
