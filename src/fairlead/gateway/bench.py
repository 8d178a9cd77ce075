"""A run of the bench: every model is asked every question, as side calls: same pipeline, permit, budgets and ledger as a
request's. Caller and key of these calls are `bench`, so reports tell what they cost.

Question by question all models are asked in turn, so that where the budget ends, it ends for all alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
import orjson

from fairlead.core.bench import Answer, Bench, Case, Scored, right, scored
from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.model import THINKING, Model
from fairlead.core.policy import Policy
from fairlead.dialects.openai_chat.native import DIALECT
from fairlead.dialects.table import DIALECTS
from fairlead.gateway.admit import new_id
from fairlead.gateway.answers import read_answer
from fairlead.gateway.aside import Question, Said, asked
from fairlead.gateway.sharing import Purse

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime
    from fairlead.gateway.world import World

WHO = Caller("bench")
POLICY = Policy("bench", "pinned", hash="bench")


class Budget:
    """What one run may cost, whatever day it is."""

    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.spent = self.held = 0
        self.empty = False
        """Whether there was a question that it does not bear: then none is asked any more."""
        self.settled = asyncio.Event()
        """Set when something that was held is given back."""


class OfQuestion(Purse):
    """The run's budget, as one question meets it."""

    def __init__(self, run: Budget) -> None:
        super().__init__(run.whole)
        self.run = run
        self.refused = False

    def affords(self, cost: int, tenant: str, tenants: int) -> bool:
        self.refused = self.run.spent + self.run.held + cost > self.run.whole
        return not self.refused

    def hold(self, cost: int, tenant: str) -> None:
        self.run.held += cost

    def settle(self, held: int, cost: int, tenant: str) -> None:
        run = self.run
        run.held -= held
        run.spent += cost
        run.settled.set()
        run.settled = asyncio.Event()


async def run(runtime: Runtime, bench: Bench) -> Scored:
    budget = Budget(bench.budget)
    room = asyncio.Semaphore(bench.at_once)
    questions = [(model, case) for _ in range(bench.repeat) for case in bench.cases for model in bench.models]
    found = await asyncio.gather(*(_asked(runtime, bench, budget, room, model, case) for model, case in questions))
    answers = [answer for answer in found if answer is not None]
    found_out = scored(answers, int(time.time()), len(questions) - len(answers))
    stood_in = simulated(runtime.world).intersection(bench.models)
    return msgspec.structs.replace(found_out, simulated=tuple(sorted(stood_in)))


async def _asked(
    runtime: Runtime, bench: Bench, budget: Budget, room: asyncio.Semaphore, model: str, case: Case
) -> Answer | None:
    """None where the budget does not bear it, nor any after it."""
    body = question(runtime.world.snapshot.models[model], case, bench.most_output)
    wanted = Question(model, body, DIALECT, "bench", "q", bench.most_output, bench.timeout)
    async with room:
        while not budget.empty:
            purse, began = OfQuestion(budget), time.monotonic()
            said = await asked(runtime, parent(body), wanted, POLICY, purse)
            if not purse.refused:
                return _answer(model, case, said, (time.monotonic() - began) * 1000)
            if budget.held:  # by others, who will hardly cost so much
                await budget.settled.wait()
            else:
                budget.empty = True
    return None


def _answer(model: str, case: Case, said: Said, ms: float) -> Answer:
    if said.problem:
        return Answer(model, case.name, case.task, None, said.cost, ms, said.problem[:200])
    try:
        given = read_answer(DIALECT, said.body)
    except ValueError:
        return Answer(model, case.name, case.task, None, said.cost, ms, "its answer cannot be read")
    if given.end == "length":
        return Answer(model, case.name, case.task, None, said.cost, ms, "its answer was cut off (bench.max_output)")
    return Answer(model, case.name, case.task, right(case, given.text), said.cost, ms)


def question(model: Model, case: Case, most_output: int) -> bytes:
    """Cold, but for models that think: many of these take no temperature."""
    cold = {} if model.capabilities & THINKING else {"temperature": 0}
    messages = [{"role": "user", "content": case.prompt}]
    return orjson.dumps({"model": model.name, "messages": messages, "max_tokens": most_output, **cold})


def parent(body: bytes) -> Call:
    """What a side call is made beside: of these there is no request."""
    view = DIALECTS[DIALECT].read_request(body, "", False)
    return Call(
        new_id(), "generate", DIALECT, view.model, False, body, view, WHO, Wishes(), Facts(int(time.time()))
    )  # fmt: skip


def simulated(world: World) -> frozenset[str]:
    """The models that are, on some channel."""
    return frozenset(
        model.name
        for model in world.snapshot.models.values()
        if any(world.endpoints[channel.provider].simulated for channel in model.channels)
    )


def of_tasks(bench: Bench, tasks: Iterable[str], models: Iterable[str]) -> Bench:
    """Only these, where any are named."""
    wanted, who = frozenset(tasks), tuple(models)
    cases = tuple(case for case in bench.cases if not wanted or case.task in wanted)
    return msgspec.structs.replace(bench, cases=cases, models=who or bench.models)
