"""A second opinion on what a request is about: a model is asked where the built-in classifier is unsure.

It is asked as a child call: the same pipeline, permit and ledger, so it costs what it costs, sensitive text stays where it
must, and a model that may not be asked is not. Whatever goes wrong, or takes too long, the built-in word counts; a model
that goes on giving no answer is left alone for a while. Who asks the same at the same time shares one answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import zlib
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

import msgspec

from fairlead.classify import llm
from fairlead.classify.llm import Asked
from fairlead.classify.patience import Patience
from fairlead.core.call import Call, Signal, Wishes
from fairlead.core.choice import Choice
from fairlead.core.policy import Policy
from fairlead.core.record import Audit
from fairlead.dialects.openai_chat.native import DIALECT
from fairlead.gateway.aside import Question, asked, bounds
from fairlead.gateway.sharing import Places, Purse

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.classifier")

DAY = 86_400
TELLING = 100
"""So many requests before a share or a distribution says anything."""


class Wanted(msgspec.Struct, frozen=True):
    """What is asked, and all that says of whom it may be: two that are alike have one answer."""

    text: bytes
    key: str
    policy: str
    wishes: Wishes
    sensitive: bool


class Opinions:
    """What was asked, what it cost, and whether it still agrees with the built-in classifier and with its own past."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.kept: OrderedDict[bytes, llm.Opinion] = OrderedDict()
        self.day = 0
        self.purse = Purse(asked.budget)
        self.places = Places(asked.at_once)
        self.patience = Patience()
        self.under_way: dict[Wanted, asyncio.Future[llm.Opinion | None]] = {}
        self.agreed = self.compared = 0
        self.today: Counter[str] = Counter()
        self.yesterday: Counter[str] = Counter()
        self._alarmed: set[str] = set()

    def turn_to(self, day: int) -> None:
        if day != self.day:
            self.yesterday = self.today if day == self.day + 1 else Counter()
            self.today = Counter()
            self.day, self.agreed, self.compared = day, 0, 0
            self._alarmed.clear()

    def took(self, opinion: llm.Opinion, built_in: str) -> list[tuple[str, str]]:
        """Counts an opinion; gives back (kind, words) of what is to be alarmed, once a day each."""
        self.today[opinion.task] += 1
        self.compared += 1
        self.agreed += opinion.task == built_in
        found = []
        if self.compared >= TELLING and self.agreement < self.asked.alarm_agreement:
            found.append(
                ("classifier_disagrees", f"{self.asked.model} agrees with the built-in one on {self.agreement:.0%}")
            )
        if self.compared >= TELLING and self.yesterday.total() >= TELLING and self.drift > self.asked.alarm_drift:
            found.append(
                ("classifier_drift", f"{self.asked.model}: population stability index {self.drift:.2f} since yesterday")
            )
        fresh = [alarm for alarm in found if alarm[0] not in self._alarmed]
        self._alarmed.update(kind for kind, _ in fresh)
        return fresh

    @property
    def agreement(self) -> float:
        return self.agreed / self.compared if self.compared else 1.0

    @property
    def drift(self) -> float:
        return llm.stability(self.yesterday, self.today)

    def remember(self, key: bytes, opinion: llm.Opinion) -> None:
        self.kept[key] = opinion
        self.kept.move_to_end(key)
        if len(self.kept) > self.asked.cached:
            self.kept.popitem(last=False)


def unsure(call: Call, asked: Asked) -> str | None:
    """The built-in word that a second opinion is wanted on; None where none is."""
    if call.wishes.task:
        return None
    said = None
    for signal in call.signals:  # the last word counts: that of a declared task's keyword comes after the built-in one
        if signal.kind == "task":
            said = signal.name if signal.confidence < asked.below else None
    return said


async def second(runtime: Runtime, call: Call, choice: Choice, wanted: bool = False) -> Call:
    """The call with a better word for what it is about, where one is wanted and to be had: where a model is still to be
    chosen, or was by what the request is about."""
    opinions = runtime.opinions
    if opinions is None or (choice.model is not None and not wanted) or call.depth:
        return call
    built_in = unsure(call, opinions.asked)
    if built_in is None:
        return call
    opinions.turn_to(int(time.time()) // DAY)
    key = _key(call)
    opinion = opinions.kept.get(key)
    if opinion is None:
        opinion = await _shared(runtime, opinions, call, choice.policy, key)
        if opinion is None:
            return _noted(call, built_in)
        if not call.sensitive:
            opinions.remember(key, opinion)
    for kind, words in opinions.took(opinion, built_in):
        _tell(runtime, call, logging.WARNING, kind, words)
    return msgspec.structs.replace(call, signals=llm.signals(call.signals, opinion))


def _noted(call: Call, built_in: str) -> Call:
    """It was asked in vain."""
    return msgspec.structs.replace(call, signals=(*call.signals, Signal("classifier", "built-in", built_in)))


def _key(call: Call) -> bytes:
    """Of one tenant's requests only."""
    said = f"{call.caller.tenant}\0{llm.quoted(call.view.texts())}"
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


async def _shared(runtime: Runtime, opinions: Opinions, call: Call, policy: Policy, key: bytes) -> llm.Opinion | None:
    """Asks, or waits for who asks the same already. Who leaves before the answer leaves the others with none."""
    question = Wanted(key, call.caller.name, policy.hash, bounds(call.wishes), call.sensitive)
    waiting = opinions.under_way.get(question)
    if waiting is not None:
        return await asyncio.shield(waiting)
    tenant = call.caller.tenant
    if not opinions.patience.allows(time.monotonic()) or not opinions.places.take(tenant, runtime.world.tenants):
        return None
    answer = opinions.under_way[question] = runtime.loop.create_future()
    opinion = None
    try:
        opinion = await _ask(runtime, opinions, call, policy)
        return opinion
    finally:
        opinions.places.leave(tenant)
        del opinions.under_way[question]
        answer.set_result(opinion)


async def _ask(runtime: Runtime, opinions: Opinions, call: Call, policy: Policy) -> llm.Opinion | None:
    """What the model says; that it says nothing, or not in time, is remembered."""
    wanted = opinions.asked
    body = llm.question(wanted.model, call.view.texts(), wanted.tasks)
    question = Question(wanted.model, body, DIALECT, "classify", "c", llm.MOST_OUTPUT, wanted.timeout)
    opinions.patience.begin()
    try:
        said = await asked(runtime, call, question, policy, opinions.purse)
    finally:
        opinions.patience.abandoned()
    if said.problem:
        log.debug("no second opinion: %s", said.problem)
        if said.failed:
            _failed(runtime, opinions, call, said.problem)
        return None
    if opinions.patience.answered():
        _tell(runtime, call, logging.INFO, "classifier_answers", f"{wanted.model} answers again")
    return llm.read(said.body, wanted.tasks)


def _failed(runtime: Runtime, opinions: Opinions, call: Call, problem: str) -> None:
    """Noted when it begins to rest, not again for each trial that fails."""
    before = opinions.patience.resting
    rest = opinions.patience.failed(time.monotonic(), zlib.crc32(call.id.encode()))
    if rest and not before:
        words = f"{opinions.asked.model} gives no answer ({problem}); it is not asked for {rest:.0f} s, then tried"
        _tell(runtime, call, logging.WARNING, "classifier_rests", words)


def _tell(runtime: Runtime, call: Call, level: int, kind: str, words: str) -> None:
    log.log(level, "%s", words)
    runtime.ledger.note(Audit(time.time_ns() // 1_000_000, kind, "", "", call.id, words))
