"""A plan in words a person reads, and as data: what was understood, who answers and why, who does not and why, and what
would flip it. The CLI, `POST /v1/route`, `GET /v1/decisions/{id}` and the library all tell it from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from fairlead import classify
from fairlead.classify.excerpt import END, FIRST, HEAD, SYSTEM, TAIL
from fairlead.core import traits
from fairlead.core.call import Call, Signal
from fairlead.core.changes import Case, Value
from fairlead.core.cost import plain
from fairlead.core.flips import Flip, flips
from fairlead.core.model import Compared
from fairlead.core.plan import Plan, Rejection, Target
from fairlead.core.policies import STRATEGIES
from fairlead.core.record import Record
from fairlead.core.table import in_words
from fairlead.gateway import requirement
from fairlead.gateway.chinese import phrase, told

if TYPE_CHECKING:
    from fairlead.classify.linear import Reason

Language = Literal["en", "zh"]
HEADS = ("task", "complexity", "domain", "language", "latency_class")
LOUDEST = 6
"""Words that are told of those that spoke for the task."""
MARKS = {"system": SYSTEM, "first turn": FIRST, "start": HEAD, "rest": TAIL, "end": END}
"""Where in a request a feature stands, as the classifier marks it."""
PLACES = {ord(mark): f"[{name}]" for name, mark in MARKS.items()}
PLACES_OF = {"failover": "failover", "escalate": "if an answer is not good enough"}
DRAWN = "The quality of each is drawn at random around what is expected of it, the wider the less it was judged."
DRAWING = frozenset(name for name, strategy in STRATEGIES.items() if strategy.drawn)
MONEY = frozenset(("max_cost", "tier_left", "left"))


class Explained(msgspec.Struct, frozen=True):
    case: Case
    plan: Plan
    flips: tuple[Flip, ...]
    spoke: tuple[Reason, ...] = ()
    """Which words spoke for the task, loudest first; none where the words are not kept or were not read."""

    @property
    def call(self) -> Call:
        return self.case.call


def explained(case: Case) -> Explained:
    plan = case.plan()
    found = flips(case.call, case.choice, case.snapshot, case.seed, plan)
    return Explained(case, plan, found, _spoke(case.call))


def of_record(case: Case, plan: Plan) -> Explained:
    """Of a finished request; its words are gone."""
    return Explained(case, plan, flips(case.call, case.choice, case.snapshot, case.seed, plan))


def _spoke(call: Call) -> tuple[Reason, ...]:
    """Where the built-in classifier said what the task is."""
    if call.wishes.task or not any(signal.kind == "task" for signal in call.signals):
        return ()
    spoke = classify.explain(call.view.shape(), call.view.texts(), "task", LOUDEST)
    return tuple(msgspec.structs.replace(reason, feature=reason.feature.translate(PLACES)) for reason in spoke)


# ---- in words


def paragraphs(one: Explained, language: Language = "en") -> list[str]:
    plan = one.plan
    return [
        asked(one, language),
        *understood(one, language),
        *why(one, language),
        *requirement.in_words(plan, language),
        *_answering(plan, language),
        *(rejected(rejection, language) for rejection in plan.rejected),
        *(flip_in_words(flip, language) for flip in one.flips),
        phrase("Policy {policy}, version {version}; snapshot {snapshot}.", language).format(
            policy=plan.policy, version=plan.policy_hash, snapshot=plan.snapshot_hash
        ),
    ]


def asked(one: Explained, language: Language = "en") -> str:
    plan = one.plan
    words = "The request asks for {asked}, so policy {policy} ({strategy}) chooses."
    if plan.named:
        words = "The request asks for {asked}, which names the model."
    return phrase(words, language).format(asked=repr(one.call.model), policy=plan.policy, strategy=plan.strategy)


def understood(one: Explained, language: Language = "en") -> Iterator[str]:
    """What the request was taken for, and what in it said so."""
    call = one.call
    heads = ", ".join(_heads(one, language))
    if heads:
        yield phrase("It is taken for: {heads}.", language).format(heads=heads)
    if one.spoke:
        words = ", ".join(f"{_shown(told(reason.feature, language))} {reason.weight:+.2f}" for reason in one.spoke)
        yield phrase("For this task spoke: {words}.", language).format(words=words)
    others = ", ".join(_signal(signal) for signal in call.signals if signal.kind not in HEADS)
    if others:
        yield phrase("Found out: {signals}.", language).format(signals=others)
    for warning in call.warnings:
        yield phrase("Note: {warning}.", language).format(warning=told(warning, language))
    standing = call.facts.standing
    if standing is not None:
        words = "{model} answered this conversation last, via {channel}; {cached} tokens of it are in its prompt cache."
        yield phrase(words, language).format(
            model=standing.model, channel=standing.channel, cached=f"{standing.cached:,}"
        )
    if call.facts.tiers:
        left = ", ".join(f"{name} ${plain(amount)}" for name, amount in call.facts.tiers)
        yield phrase("Left of the tiers' budgets today: {left}.", language).format(left=left)
    if call.facts.left:
        left = ", ".join(f"{name} ${plain(amount)}".strip() for name, amount in call.facts.left)
        yield phrase("Left to spend: {left}.", language).format(left=left)


def _heads(one: Explained, language: Language) -> Iterator[str]:
    call = one.call
    declared = {
        "task": call.wishes.task,
        "complexity": call.wishes.complexity,
        "domain": call.wishes.domain,
        "latency_class": call.wishes.latency_class,
    }
    last = {signal.kind: signal for signal in call.signals if signal.kind in HEADS}
    for head in HEADS:
        name = phrase(head.replace("_", " "), language)
        if declared.get(head):
            yield phrase("{name} {value} (declared)", language).format(name=name, value=declared[head])
        elif head in last:
            words = phrase("{name} {value} (confidence {confidence})", language)
            yield words.format(name=name, value=last[head].name, confidence=f"{last[head].confidence:.2f}")


def _signal(signal: Signal) -> str:
    value = signal.value
    shown = ("yes" if value else "no") if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else value
    return f"{signal.kind} {signal.name} {shown}"


def _shown(feature: str) -> str:
    return repr(feature) if " " in feature else feature


def why(one: Explained, language: Language = "en") -> Iterator[str]:
    """What put the first choice first, and what it stands in for."""
    plan, policy = one.plan, one.case.choice.policy
    if plan.rule:
        rule = next((rule for rule in policy.rules if rule.name == plan.rule), None)
        if rule is not None:
            words = phrase("Rule {rule} of policy {policy} holds: {match}.", language)
            match = told(in_words(rule.match), language)
            yield words.format(rule=plan.rule, policy=plan.policy, match=match)
    if not plan.steps:
        return
    first = plan.steps[0].targets[0]
    if plan.reason:
        words = phrase("{model} comes first: {reason}.", language)
        yield words.format(model=first.model.name, reason=told(plan.reason, language))
    yield from _found_out(one, language)
    if plan.strategy in DRAWING:
        yield phrase(DRAWN, language)
    if first.tier:
        yield phrase("It is of tier {tier}.", language).format(tier=first.tier)
    if first.downgraded:
        words = phrase("It stands in for a better one: {reason}.", language)
        yield words.format(reason=told(first.downgraded, language))
    if first.thinking:
        yield phrase("It is asked to think: {effort}.", language).format(effort=first.thinking)


def _found_out(one: Explained, language: Language) -> Iterator[str]:
    """What experiments found of those that may answer."""
    for model, found in experiments(one).items():
        words = "Experiment {experiment} told {model} from {against}: {gain} in quality ({low} to {high}), of {answers} answers."
        yield phrase(words, language).format(
            experiment=found.experiment,
            model=model,
            against=found.against,
            gain=f"{found.gain:+.3f}",
            low=f"{found.low:+.3f}",
            high=f"{found.high:+.3f}",
            answers=f"{found.answers:,}",
        )


def experiments(one: Explained) -> dict[str, Compared]:
    """By model of the plan."""
    known, task = one.case.snapshot.conditions.compared, traits.read(one.call.signals, one.call.wishes).task
    names = dict.fromkeys(target.model.name for step in one.plan.steps for target in step.targets) if known else ()
    found = {name: known.get(f"{name}|{task}") or known.get(f"{name}|") for name in names}
    return {name: told for name, told in found.items() if told is not None}


def _answering(plan: Plan, language: Language) -> Iterator[str]:
    if not plan.steps:
        yield phrase("Nobody may answer.", language)
    targets = [(step.move, target) for step in plan.steps for target in step.targets]
    for number, (move, target) in enumerate(targets, 1):
        place = PLACES_OF.get(move, "first choice")
        yield f"{number}. {_target(target, language)} ({phrase(place, language)})"


def _target(target: Target, language: Language) -> str:
    expected = target.expected
    words = "{model} via {channels}, for about {cost}"
    if expected.cost is None:
        words = "{model} via {channels}, at an unknown price"
    cost = "" if expected.cost is None else f"${plain(expected.cost)}"
    channels = ", ".join(channel.name for channel in target.channels)
    told_ = phrase(words, language).format(model=target.model.name, channels=channels, cost=cost)
    if expected.quality is not None:
        told_ += phrase(", quality {quality}", language).format(quality=f"{expected.quality:g}")
    if expected.latency_ms is not None:
        told_ += phrase(", about {ms} ms", language).format(ms=f"{expected.latency_ms:,}")
    if target.parts:
        parts = ", ".join(f"{phrase(name, language)} {value:.2f}" for name, value in target.parts)
        told_ += phrase("; score {score} ({parts})", language).format(score=f"{target.score:.3f}", parts=parts)
    return told_


def rejected(rejection: Rejection, language: Language = "en") -> str:
    where = f"{rejection.model}@{rejection.channel}" if rejection.channel else rejection.model
    words = phrase("Not {model}: {detail} [{reason}].", language)
    return words.format(model=where, detail=told(rejection.detail, language), reason=rejection.reason)


def flip_in_words(flip: Flip, language: Language = "en") -> str:
    """As in: gpt-5.5 wins if quality weight >= 0.62 (now 0.5)."""
    words = "{model} wins if {setting} {relation} {value}" if flip.first else "{model} may answer if {setting} {relation} {value}"  # fmt: skip
    setting = phrase(NAMES[flip.setting], language).format(subject=flip.subject)
    shown = phrase(words, language).format(
        model=flip.model, setting=setting, relation=flip.relation, value=amount(flip, flip.value)
    )
    if flip.setting in ("context", "max_output") and isinstance(flip.value, int) and isinstance(flip.now, int):
        return shown + phrase(" ({more} tokens more than now).", language).format(more=f"{flip.value - flip.now:,}")
    if flip.now in (None, ""):
        return f"{shown}."
    return shown + phrase(" (now {now}).", language).format(now=amount(flip, flip.now))


def amount(flip: Flip, value: Value | None) -> str:
    if isinstance(value, int):
        return f"${plain(value)}" if flip.setting in MONEY else f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


NAMES = {
    "weight.quality": "quality weight",
    "weight.cost": "cost weight",
    "weight.latency": "latency weight",
    "stay": "stay",
    "min_quality": "min_quality",
    "max_cost": "max_cost",
    "max_latency_ms": "max_latency_ms",
    "latency_class": "latency class",
    "tier_left": "what is left of tier {subject}'s budget",
    "left": "what is left to spend",
    "confidence": "confidence in the task",
    "input_tokens": "tokens of input",
    "quality": "quality of {subject}",
    "context": "context of {subject}",
    "max_output": "longest output of {subject}",
}
"""Settings of `core.changes` as they are told."""


# ---- as data


def described(one: Explained, language: Language = "en") -> dict[str, object]:
    """A plan as plain data."""
    call, plan = one.call, one.plan
    found = traits.read(call.signals, call.wishes)
    standing = call.facts.standing
    return {
        "request_id": call.id,
        "asked": call.model,
        "policy": plan.policy,
        "strategy": plan.strategy,
        "policy_hash": plan.policy_hash,
        "snapshot": plan.snapshot_hash,
        "task": found.task,
        "task_confidence": round(found.task_confidence, 4),
        "complexity": found.complexity,
        "domain": found.domain,
        "language": found.language,
        "latency_class": found.latency_class,
        "spoke": [{"feature": one.feature, "weight": round(one.weight, 4)} for one in one.spoke],
        "signals": [msgspec.structs.asdict(signal) for signal in call.signals],
        "warnings": list(call.warnings),
        "standing": None if standing is None else msgspec.structs.asdict(standing),
        "tiers": dict(call.facts.tiers),
        "left": dict(call.facts.left),
        "rule": plan.rule,
        "reason": plan.reason,
        "steps": [
            {
                "move": step.move,
                "model": target.model.name,
                "channels": [channel.name for channel in target.channels],
                "score": round(target.score, 4) if target.parts else None,
                "parts": {name: round(value, 4) for name, value in target.parts},
                "expected": msgspec.structs.asdict(target.expected),
                "tier": target.tier,
                "downgraded": target.downgraded,
                "thinking": target.thinking,
            }
            for step in plan.steps
            for target in step.targets
        ],
        "experiments": {name: msgspec.structs.asdict(found) for name, found in experiments(one).items()},
        "quality": requirement.described(plan),
        "rejected": [msgspec.structs.asdict(rejection) for rejection in plan.rejected],
        "flips": [{**msgspec.structs.asdict(flip), "words": flip_in_words(flip, language)} for flip in one.flips],
        "explanation": paragraphs(one, language),
    }


def named(value: object) -> object:
    """A record by field names (the ledger keeps it as arrays); amounts also as plain decimals."""
    if isinstance(value, msgspec.Struct):
        shown: dict[str, object] = {}
        for name in value.__struct_fields__:
            part = getattr(value, name)
            shown[name] = named(part)
            if name in ("cost", "amount", "baseline_cost") and isinstance(part, int):
                shown[f"{name}_usd"] = plain(part)
        return shown
    return [named(part) for part in value] if isinstance(value, tuple) else value


OF_THE_CHOICE = ("rule", "reason", "steps", "experiments", "quality", "rejected", "flips", "explanation")


def record_described(record: Record, one: Explained | None, language: Language = "en") -> dict[str, object]:
    """A finished request: its record, and what the choice was made by, where that is still kept."""
    shown = named(record)
    assert isinstance(shown, dict)
    if one is None:
        return shown
    told_ = described(one, language)
    return {**shown, **{name: told_[name] for name in OF_THE_CHOICE}}
