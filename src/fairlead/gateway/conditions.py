"""The moving part of the snapshot: how fast each channel has been lately, how often it answered, how long the answers
to each task were, what was said of them. Renewed at most once a second, and only when something moved enough to matter.

Health forgets: whoever is asked no more because of it would otherwise never be asked again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from fairlead.classify.tokens import TYPICAL_OUTPUT
from fairlead.core.call import Standing
from fairlead.core.execution import Candidate
from fairlead.core.gates.verdict import Judgement
from fairlead.core.lengths import Lengths
from fairlead.core.model import Compared, Conditions
from fairlead.core.plan import Plan
from fairlead.core.record import Feedback, Usage
from fairlead.gateway.checks import Checks
from fairlead.gateway.judgements import Judgements
from fairlead.gateway.reads import Reads
from fairlead.store.feedback import JudgedDay

DAY = 86_400
NOBODY: frozenset[str] = frozenset()
WEIGHT = 0.1
EVEN = 10
"""So many answers count alike; each one behind them weighs WEIGHT."""
TELLING_OUTPUT = 64
"""A whole answer of fewer tokens says too little of how long a usual one takes."""
RENEW_SECONDS = 1.0


FORGET_SECONDS = 60.0
"""In which half of a channel's failures are forgotten."""
STEP = 0.05
"""Health is told in steps of this."""
TELLING_ANSWERS = 5
"""Answers of a model to a task before their length says anything."""


LeftOut = tuple[frozenset[str], frozenset[str]]
"""Channels that are not to be asked, and those of them that are not even as the last resort."""


class Written:
    """The answers of a model to a task, as far as their length goes."""

    __slots__ = ("count", "lengths", "name", "usual")

    def __init__(self, name: str) -> None:
        self.name = name
        """As the conditions name it."""
        self.count = 0
        self.usual = 0.0
        self.lengths = Lengths()

    def add(self, tokens: int) -> None:
        self.count = count = self.count + 1
        self.usual += (1 / count if count <= EVEN else WEIGHT) * (tokens - self.usual)
        self.lengths.add(tokens)


class Vitals:
    """What was measured, and the conditions made of it."""

    def __init__(self, today: Callable[[], int] = lambda: int(time.time()) // DAY) -> None:
        """`today` counts days from the epoch."""
        self.conditions = Conditions()
        self._latency: dict[str, float] = {}
        self.ailing: dict[str, float] = {}
        """Of the channels that failed of late, the share that they answer. While there are none, answers say nothing new."""
        self._written: dict[tuple[str, str], Written] = {}
        """By model and task."""
        self._checks = Checks()
        self.reads = Reads()
        self._judgements = Judgements()
        self._judged_on: int | None = None
        """The day whose evidence the conditions have; None where more was said since."""
        self._compared: dict[str, Compared] = {}
        self._today = today
        self._left_out: LeftOut = NOBODY, NOBODY
        self.disabled = NOBODY
        """Of the last look: while they are the very same, so are the conditions."""
        self._moved = False
        self._renewed = 0.0

    def observe(self, channel: str, ms: float) -> None:
        latency = self._latency
        before = latency.get(channel, ms)
        latency[channel] = before + WEIGHT * (ms - before)
        self._moved = True

    def tried(self, channel: str, answered: bool) -> None:
        """An attempt whose end says something of the channel: neither the caller's fault nor its leaving does."""
        before = self.ailing.get(channel)
        if before is not None or not answered:
            before = 1.0 if before is None else before
            self.ailing[channel] = before + WEIGHT * (answered - before)
            self._moved = True

    def wrote(self, model: str, task: str, tokens: int) -> None:
        """The length of a whole answer."""
        self._of(model, task).add(tokens)
        self._moved = True

    def cut(self, model: str, task: str, limit: int) -> None:
        """An answer that ended at the limit it was sent with: it would have been longer."""
        self._of(model, task).lengths.add(2 * limit)
        self._moved = True

    def _of(self, model: str, task: str) -> Written:
        found = self._written.get((model, task))
        if found is None:
            found = self._written[model, task] = Written(f"{model}|{task}")
        return found

    def checked(self, plan: Plan, candidate: Candidate, found: Judgement, kept: bool, leap: bool) -> None:
        """An answer of a cascade, and what became of it."""
        self._checks.add(
            f"{plan.policy}|{candidate.channel.model}|{plan.task}", kept, not kept and not leap, found.cost
        )
        self._moved = True

    def read(self, channel: str, usage: Usage, standing: Standing | None) -> None:
        """An answer, and where its conversation stood before it: how much came from the prompt cache."""
        self.reads.add(channel, usage, standing)
        self._moved = True

    def judged(self, word: Feedback, before: Feedback | None) -> None:
        """`before` is what was said of the same answer earlier."""
        self._judgements.judged(word, before)
        self._judged_on, self._moved = None, True

    def compare(self, found: dict[str, Compared]) -> None:
        """What experiments found for certain."""
        if found != self._compared:
            self._compared, self._moved = found, True

    def measured(self, days: Iterable[JudgedDay]) -> None:
        """What the bench found; in the place of what it had found before."""
        self._judgements.measure(days)
        self._judged_on, self._moved = None, True

    def take_up(self, days: Iterable[JudgedDay]) -> None:
        """What was said before this process began."""
        self._judgements.load(days)
        self._judged_on, self._moved = None, True

    def at(self, now: float, left_out: LeftOut = (NOBODY, NOBODY), disabled: frozenset[str] = NOBODY) -> Conditions:
        """The conditions to decide by. Who is not to be asked counts at once."""
        if left_out is not self._left_out or disabled is not self.disabled:
            self._left_out, self.disabled = left_out, disabled
            before, (ejected, resting) = self.conditions, left_out
            if ejected != before.ejected or resting != before.resting or disabled != before.disabled:
                self.conditions = msgspec.structs.replace(
                    before, version=before.version + 1, ejected=ejected, resting=resting, disabled=disabled
                )
        if now - self._renewed >= RENEW_SECONDS and (self._moved or self.ailing):
            self._forget(now - self._renewed if self._renewed else 0.0)
            self._renewed = now
            self._moved = False
            before = self.conditions
            latency = {channel: quantised(ms) for channel, ms in self._latency.items()}
            health = {channel: stepped(share) for channel, share in self.ailing.items() if stepped(share) < 1}
            output = self._usual_lengths()
            written = self._written.values()
            longest = {one.name: most for one in written if (most := one.lengths.longest) is not None}
            evidence = self._evidence(before)
            checked = self._checks.told(now)
            cached, kept = self.reads.told()
            found = (latency, health, output, longest, evidence, checked, cached, kept, self._compared)
            if found != _known(before):
                self.conditions = msgspec.structs.replace(
                    before,
                    version=before.version + 1,
                    cached=cached,
                    kept=kept,
                    latency_ms=latency,
                    health=health,
                    output=output,
                    longest=longest,
                    evidence=evidence,
                    checked=checked,
                    compared=self._compared,
                )
        return self.conditions

    def _usual_lengths(self) -> dict[str, int]:
        """By model and task, and by task alone, each model that has given enough answers counting alike."""
        found, of_task = {}, defaultdict[str, list[float]](list)
        for (_, task), one in self._written.items():
            if one.count >= TELLING_ANSWERS:
                found[one.name] = quantised(one.usual)
                of_task[f"|{task}"].append(one.usual)
        return found | {task: quantised(sum(lengths) / len(lengths)) for task, lengths in of_task.items()}

    def _evidence(self, before: Conditions) -> dict[str, tuple[float, float]]:
        today = self._today()
        if today == self._judged_on:
            return before.evidence
        self._judged_on = today
        return self._judgements.evidence(today)

    def _forget(self, seconds: float) -> None:
        kept = 0.5 ** (seconds / FORGET_SECONDS)
        for channel, share in list(self.ailing.items()):
            share = 1 - (1 - share) * kept
            if share > 1 - STEP / 2:
                del self.ailing[channel]
            else:
                self.ailing[channel] = share


def _known(told: Conditions) -> tuple[object, ...]:
    return (
        told.latency_ms, told.health, told.output, told.longest, told.evidence, told.checked, told.cached, told.kept,
        told.compared,
    )  # fmt: skip


def typical_ms(first_ms: int, total_ms: int, output: int, stream: bool) -> float | None:
    """What an answer of typical length would have taken, as far as this one tells; None when it tells nothing."""
    if stream and output > 1 and first_ms >= 0:
        return first_ms + (total_ms - first_ms) * TYPICAL_OUTPUT / output
    return total_ms if output >= TELLING_OUTPUT else None


def stepped(share: float) -> float:
    return round(round(share / STEP) * STEP, 2)


def quantised(ms: float) -> int:
    """Two significant digits: a difference below that is noise, and every change is a new version to store."""
    whole = round(ms)
    step = 1
    while whole // step >= 100:
        step *= 10
    return whole // step * step
