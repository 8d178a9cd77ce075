"""Shared context, where a request, its key or its policy wants it: what is remembered goes in front of the request, what it
says is remembered behind its answer, and one request goes on with another's result.

    before   the block of the request's user or session, and the result it names, put into its body; the signals say how
             many tokens that takes, and about how many it would have taken to send what they were learned from
    after    the result is kept; the user's turns that were not read yet are, by rules and where configured by a model

Nothing is put into a sensitive request but a result that it names itself, and nothing of it stays behind. Where a result says
what is sensitive, the request that names it is; a block that does is left out. What is asked of a model on the way is a side
call.
"""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import orjson

from fairlead.classify.tokens import input_tokens
from fairlead.core.call import Call, Shape, Signal
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.core.policy import Policy
from fairlead.core.whose import Bounds
from fairlead.dialects import adding
from fairlead.dialects.dialect import View
from fairlead.dialects.openai_chat.native import DIALECT
from fairlead.dialects.table import DIALECTS
from fairlead.errors import Forbidden, NotFound, StateError
from fairlead.gateway import answers, sessions
from fairlead.gateway.aside import Question, asked
from fairlead.gateway.embedding import Embedder, Vector
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.sharing import Purse
from fairlead.gateway.turns import done, said_in, users_turns
from fairlead.gateway.understanding import sensitivities
from fairlead.memory import asking, rules
from fairlead.memory.block import prior
from fairlead.memory.context import EMPTY, ContextStore, Recalled, Subject, digest
from fairlead.memory.own import own_words
from fairlead.memory.settings import Remembering as Settings
from fairlead.store.memories import DAY, Memories
from fairlead.store.shelf import Shelf

if TYPE_CHECKING:
    from fairlead.gateway.execute import Run
    from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.memory")

SIGNAL = "memory"
"""Of signals: `sent` and `instead`, in tokens."""
LARGEST = 2**20
"""Bytes of an answer that are looked at."""
FRESH = 2_048
"""Characters of a turn that tell a conversation from others."""
PATIENCE = 0.5
"""Seconds that a request waits for what the one before it told."""
MODEL = re.compile(rb"x-fairlead-model: ([^\r\n]*)")
MOST_TURNS = 32
"""Of a conversation that was not heard before, the latest that are read."""
AT_ONCE = 2_000
"""Characters of turns that are read without letting others go on."""


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What an answer said. Stored: fields are added at the end, with a default."""

    text: str
    model: str
    tokens: int
    """Of its request and of itself."""
    bounds: Bounds = Bounds()
    """Of the key that asked: it goes before no model beyond them."""
    user: str = ""
    """For whom it was asked: nobody else goes on from it."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Result).decode


class Kept:
    """What is on disk, whatever is configured just now: it may have to be erased."""

    def __init__(self, folder: Path | None) -> None:
        self.memories = Memories(folder)
        self.results = Shelf(folder, "results.db", "results")

    def close(self) -> None:
        self.memories.close()
        self.results.close()


class Remembering:
    """One configuration's."""

    def __init__(self, settings: Settings, kept: Kept) -> None:
        kept.memories.turn_to(settings.days, settings.most)
        kept.results.turn_to(settings.days * DAY)
        self.settings, self._kept = settings, kept
        self.embedder = Embedder(settings.embedding, settings.embedding_timeout, settings.embedding_budget)
        self.store = ContextStore(kept.memories, settings.block_tokens, settings.least, self.embedder.space, tokens_of)
        self._purse = Purse(settings.extractor_budget)
        self._learning: dict[asyncio.Task[None], Subject] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        """Results that are being written."""

    async def begun(
        self, runtime: Runtime, call: Call, choice: Choice, incoming: Incoming, outlet: Outlet
    ) -> Remembered:
        """Raises NotFound for a result that is not there."""
        wishes = call.wishes
        wanted = choice.policy.handling.memory if wishes.memory is None else wishes.memory
        named = wishes.prior_result
        if not (wanted or named) or call.operation != "generate" or not adding.takes(call.dialect):
            return Remembered(call, outlet)
        result = await self._result(call, named) if named else None
        if result is not None:
            call = await as_sensitive_as(runtime, call, result.text)
        wanted = wanted and not call.sensitive
        session = session_of(call, incoming)
        if session != wishes.session:
            call = msgspec.structs.replace(
                call, wishes=msgspec.structs.replace(wishes, session=session or wishes.session)
            )
        subject = Subject(call.caller.tenant, call.user, session)
        said = users_turns(call) if wanted else ()
        recalled = await self._recalled(runtime, call, choice.policy, subject) if wanted and subject.known else EMPTY
        if recalled.block.text and not await may_be_told(runtime, call, recalled.block.text):
            recalled = EMPTY
        call, sent, instead = with_both(call, recalled, result)
        header = b"x-fairlead-memory: sent=%d; instead=%d\r\n" % (sent, instead)
        if not wanted:
            return Remembered(call, outlet, header)
        return Listening(call, outlet, header, self, subject, choice.policy, said)

    def remember(self, runtime: Runtime, heard: Listening, used: int) -> None:
        """Soon: nobody waits for it. `used`: tokens of the request and its answer, where they were counted."""
        task = asyncio.get_running_loop().create_task(self._remember(runtime, heard, used))
        self._learning[task] = heard.subject
        task.add_done_callback(self._learning.pop)

    async def _remember(self, runtime: Runtime, heard: Listening, used: int) -> None:
        call = heard.call
        try:
            said = answers.given_of(call, bytes(heard.body)).text
        except ValueError as problem:
            log.debug("request %s is not remembered: %s", call.id, problem)
            return
        permit = grant_sink(call, "memory", local=True)
        result = Result(said, heard.model, used or tokens_of(said), permit.bounds, permit.user)
        keeping = asyncio.get_running_loop().create_task(self._keep(permit, result))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        if heard.subject.known:
            try:
                await self._learn(runtime, heard, permit, said)
            except StateError as problem:
                log.error("request %s is not remembered: %s", call.id, problem)

    async def _keep(self, permit: SinkPermit, result: Result) -> None:
        try:
            await self._kept.results.keep(permit, permit.call, _encode(result))
        except StateError as problem:
            log.error("request %s leaves no result: %s", permit.call, problem)

    async def _learned(self, subject: Subject) -> None:
        """What was said before is learned, unless that takes a model, or a disk that is slow."""
        if self._learning and not self.embedder.model:
            tasks = [task for task, whose in self._learning.items() if whose.same(subject)]
            if tasks:
                await asyncio.wait(tasks, timeout=PATIENCE)

    async def settled(self, seconds: float | None = None) -> None:
        """What is being learned just now is learned, or so much time is over."""
        if self._learning:
            await asyncio.wait(list(self._learning), timeout=seconds)
        await self._written()

    async def give_up(self, tenant: str) -> None:
        """What is still being learned of a tenant, or of anybody, is not."""
        tasks = [task for task, whose in self._learning.items() if tenant in ("", whose.tenant)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._written()

    async def close(self) -> None:
        """What takes no model is learned; what does is given up."""
        tasks = list(self._learning)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._written()

    async def _written(self) -> None:
        if self._keeping:
            await asyncio.wait(list(self._keeping))
        await self._kept.memories.written()

    async def _result(self, call: Call, name: str) -> Result:
        found = await self._kept.results.find(call.caller.tenant, name)
        result = None if found is None else _decode(found)
        if result is None or result.user not in ("", call.user) or not result.bounds.hold_for(call.caller):
            raise NotFound(
                f"There is no result of a request {name[:100]!r}: it is another tenant's or another user's, was made without "
                "memory, is too old, or was given to a key that may send less far than this one.",
                param="fairlead.prior_result",
                code="result_not_found",
            )
        return result

    async def _recalled(self, runtime: Runtime, call: Call, policy: Policy, subject: Subject) -> Recalled:
        texts = list(cast(View, call.view).texts())
        turns = [text for role, text in texts if role == "user"]
        if not turns:
            return EMPTY
        system = next((text for role, text in texts if role in adding.SYSTEM), "")
        conversation = digest(subject, system[:FRESH], turns[0][:FRESH])
        if any(role in ("assistant", "model") for role, _ in texts):
            begun = self.store.begun(call.caller, conversation)
            if begun is not None:
                return begun
        try:
            await self._learned(subject)
            (near,) = await self.embedder.vectors(runtime, call, policy, turns[-1:], "m")
            return await self.store.recall(subject, call.caller, conversation, near)
        except StateError as problem:
            log.error("request %s goes without what is remembered: %s", call.id, problem)
            return EMPTY

    async def _learn(self, runtime: Runtime, heard: Listening, permit: SinkPermit, said: str) -> None:
        call, subject, policy = heard.call, heard.subject, heard.policy
        fresh = self.store.unread(subject, heard.said)
        if not fresh:
            return
        late = fresh[-MOST_TURNS:]
        found = await asyncio.to_thread(said_in, late) if sum(map(len, late)) > AT_ONCE else said_in(late)
        tokens = sum(map(tokens_of, fresh)) + tokens_of(said)
        vectors = await self._vectors(runtime, call, policy, found, "e")
        await self.store.learn(permit, found, vectors, call.caller.name, tokens)
        if line := done(fresh[-1], said, {one.text for one in found}):
            await self.store.did(permit, subject, line, call.caller.name, tokens)
        if self.settings.extractor:
            more = await self._extracted(runtime, call, policy, fresh[-1], found)
            vectors = await self._vectors(runtime, call, policy, more, "x")
            await self.store.learn(permit, more, vectors, call.caller.name, tokens, len(found))

    async def _vectors(
        self, runtime: Runtime, call: Call, policy: Policy, found: list[rules.Found], mark: str
    ) -> list[Vector | None]:
        """Of knowledge only: what holds for every answer is told without being looked up."""
        texts = [one.text for one in found if one.kind == "knowledge"]
        made = iter(await self.embedder.vectors(runtime, call, policy, texts, mark))
        return [next(made) if one.kind == "knowledge" else None for one in found]

    async def _extracted(
        self, runtime: Runtime, call: Call, policy: Policy, text: str, known: list[rules.Found]
    ) -> list[rules.Found]:
        settings = self.settings
        own = own_words(text)
        if not own.strip():
            return []
        body = asking.question(settings.extractor, own)
        question = Question(
            settings.extractor, body, DIALECT, "extract", "r", asking.MOST_OUTPUT, settings.extractor_timeout
        )
        said = await asked(runtime, call, question, policy, self._purse)
        found = None if said.problem else asking.read(said.body)
        if found is None:
            log.info("%s finds nothing to remember: %s", settings.extractor, said.problem or "no usable answer")
            return []
        there = {one.text for one in known}
        return [one for one in found if one.text not in there]


class Remembered:
    """A request with what was put into it, and where its answer goes."""

    def __init__(self, call: Call, outlet: Outlet, header: bytes = b"") -> None:
        self.call, self._outlet = call, outlet
        self.header = header
        """Tells what was put in."""

    @property
    def outlet(self) -> Outlet:
        return self._outlet

    def leave(self, runtime: Runtime, run: Run | None) -> None:
        """The caller has its answer, or there is none."""


class Listening(Remembered):
    """One whose answer is kept as it goes by: it is its outlet."""

    def __init__(
        self,
        call: Call,
        outlet: Outlet,
        header: bytes,
        remembering: Remembering,
        subject: Subject,
        policy: Policy,
        said: tuple[str, ...],
    ) -> None:
        super().__init__(call, outlet, header)
        self._remembering = remembering
        self.subject, self.policy = subject, policy
        self.said = said
        """The user's turns, without what was put in."""
        self.model = ""
        self.body = bytearray()
        """Empty where there is none, or more than is looked at."""
        self._status = 0
        self._listens = self._whole = False

    @property
    def outlet(self) -> Outlet:
        return self

    def leave(self, runtime: Runtime, run: Run | None) -> None:
        if self._status == 200 and self._whole and self.body and (run is None or not run.broken):
            self._remembering.remember(runtime, self, 0 if run is None else run.took)

    # An outlet

    @property
    def started(self) -> bool:
        return self._outlet.started

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self._begin(status, headers)
        self._hear(body)
        self._outlet.send(status, headers, body)
        self._whole = True

    def start(self, status: int, headers: bytes) -> None:
        self._begin(status, headers)
        self._outlet.start(status, headers)

    async def write(self, piece: bytes) -> None:
        self._hear(piece)
        await self._outlet.write(piece)

    def end(self, last: bytes = b"") -> None:
        self._hear(last)
        self._outlet.end(last)
        self._whole = True

    def _begin(self, status: int, headers: bytes) -> None:
        found = MODEL.search(headers)
        self._status, self.model = status, "" if found is None else found.group(1).decode("latin-1")
        self._listens = True

    def _hear(self, piece: bytes) -> None:
        if self._listens and len(self.body) + len(piece) <= LARGEST:
            self.body += piece
        else:
            self._listens = False
            self.body.clear()


async def begun(runtime: Runtime, call: Call, choice: Choice, incoming: Incoming, outlet: Outlet) -> Remembered:
    """The request with what is to be put into it."""
    if runtime.remembering is None:
        raise off()
    return await runtime.remembering.begun(runtime, call, choice, incoming, outlet)


def with_both(call: Call, recalled: Recalled, result: Result | None) -> tuple[Call, int, int]:
    """(the call with the block and the result in its body, tokens that they take, tokens that they stand for)."""
    system = recalled.block.text
    first = "" if result is None else prior(result.text, result.model)
    if not system and not first:
        return call, 0, 0
    sent = (tokens_of(system) if system else 0) + (tokens_of(first) if first else 0)
    instead = recalled.instead + (0 if result is None else max(result.tokens, tokens_of(first)))
    view = cast(View, call.view)
    body = adding.added(call.dialect, call.body, system, first)
    signals = [
        msgspec.structs.replace(one, value=int(one.value) + sent)
        if (one.kind, one.name) == ("tokens", "input")
        else one
        for one in call.signals
    ]
    signals += [Signal(SIGNAL, "sent", sent), Signal(SIGNAL, "instead", instead)]
    view = DIALECTS[call.dialect].read_request(body, view.model, view.stream)
    return msgspec.structs.replace(call, body=body, view=view, signals=tuple(signals)), sent, instead


async def as_sensitive_as(runtime: Runtime, call: Call, text: str) -> Call:
    """The call, with what was found in a text that comes into it: a model's words were not looked at when it said them."""
    if runtime.world.detector is None or call.sensitive:
        return call
    found = await sensitivities(runtime.world, orjson.dumps([text]))
    return msgspec.structs.replace(call, signals=(*found, *call.signals)) if found else call


async def may_be_told(runtime: Runtime, call: Call, text: str) -> bool:
    try:
        return not (await as_sensitive_as(runtime, call, text)).sensitive
    except Forbidden:  # such requests are refused
        return False


def session_of(call: Call, incoming: Incoming) -> str:
    """The session that the caller named as one. What a conversation is only recognised by is nobody's name, and a cache
    key is often the same for many people."""
    session = call.wishes.session
    if not session or session.startswith("~") or session == sessions.cache_key(incoming.body):
        return sessions.named(incoming.headers)
    return session


def tokens_of(text: str) -> int:
    utf8 = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return input_tokens(Shape(len(text), utf8, 0))


def off() -> NotFound:
    return NotFound(
        "Nothing is remembered here, so there is no result to go on from: `memory.enabled` is off.",
        param="fairlead.prior_result",
        code="memory_off",
    )


def turned_to(before: Remembering | None, settings: Settings | None, kept: Kept) -> Remembering | None:
    """What conversations were told at their beginning stays, where nothing of it is configured otherwise."""
    if settings is None:
        return None
    return before if before is not None and before.settings == settings else Remembering(settings, kept)
