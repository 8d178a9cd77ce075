"""The settings that say how models are chosen: the routing table, tiers, agents, intents, tenants, plans, classifiers.

`match` is read the same everywhere: everything that is given must hold, of several values one does.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from fairlead.classify.tasks import COMPLEXITIES, DOMAINS, LATENCY_CLASSES
from fairlead.config.budgets import Allotment, Limits
from fairlead.config.gates import Quality
from fairlead.config.references import AgentRef, ChannelRef, ModelRef, PolicyRef, ProviderRef, TaskRef
from fairlead.config.section import Section
from fairlead.config.values import (
    Count,
    Money,
    Name,
    Number,
    Seconds,
    Share,
    Switch,
    Text,
    Word,
    choice_of,
)
from fairlead.core.policies import STRATEGIES

EFFORTS = ("off", "on", "low", "medium", "high")
MODALITIES = ("image", "audio", "document")
KNOBS = (
    "task", "complexity", "domain", "latency-class", "quality-floor", "max-cost", "max-latency", "budget",
    "sensitivity", "strict", "session", "tags", "sort", "user", "memory", "cache",
)  # fmt: skip
"""What a caller may wish beside a request, as in the headers `x-fairlead-...`."""
FORMS = ("verify", "screen")
SPREADS = ("round_robin", "complexity")
STRATEGY_NAMES = tuple(STRATEGIES)


def one_or_more(value: Any) -> Any:
    """A single value counts as a list of one."""
    return [value] if isinstance(value, str) else value


def _effort(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return choice_of(value, EFFORTS)


Complexity = Annotated[
    str, BeforeValidator(lambda value: choice_of(value, COMPLEXITIES)), Word(" / ".join(COMPLEXITIES))
]
Domain = Annotated[str, BeforeValidator(lambda value: choice_of(value, DOMAINS)), Word(" / ".join(DOMAINS))]
LatencyClass = Annotated[
    str, BeforeValidator(lambda value: choice_of(value, LATENCY_CLASSES)), Word(" / ".join(LATENCY_CLASSES))
]
Modality = Annotated[str, BeforeValidator(lambda value: choice_of(value, MODALITIES)), Word(" / ".join(MODALITIES))]
StrategyName = Annotated[
    str, BeforeValidator(lambda value: choice_of(value, STRATEGY_NAMES)), Word(" / ".join(STRATEGY_NAMES))
]
Knob = Annotated[str, BeforeValidator(lambda value: choice_of(value, KNOBS)), Word(" / ".join(KNOBS))]
Thinking = Annotated[str, BeforeValidator(_effort), Word(" / ".join(EFFORTS))]
Form = Annotated[str, BeforeValidator(lambda value: choice_of(value, FORMS)), Word(" / ".join(FORMS))]
Spread = Annotated[str, BeforeValidator(lambda value: choice_of(value, SPREADS)), Word(" / ".join(SPREADS))]
Tasks = Annotated[tuple[TaskRef, ...], BeforeValidator(one_or_more)]
Names = Annotated[tuple[Name, ...], BeforeValidator(one_or_more)]
Complexities = Annotated[tuple[Complexity, ...], BeforeValidator(one_or_more)]
Domains = Annotated[tuple[Domain, ...], BeforeValidator(one_or_more)]
LatencyClasses = Annotated[tuple[LatencyClass, ...], BeforeValidator(one_or_more)]
Modalities = Annotated[tuple[Modality, ...], BeforeValidator(one_or_more)]
Words = Annotated[tuple[Text, ...], BeforeValidator(one_or_more)]


class Match(Section):
    task: Tasks = Field((), description="Tasks, one or a list.")
    complexity: Complexities = Field((), description="Complexities, one or a list.")
    domain: Domains = Field((), description="Domains, one or a list.")
    language: Names = Field((), description="Languages by their codes: en, zh, ja...")
    latency_class: LatencyClasses = Field((), description="How urgent it is.")
    modality: Modalities = Field((), description="What it holds beside text.")
    keyword: Words = Field((), description="Words or phrases; one of them stands in the request, whatever the case.")
    tools: Switch | None = Field(None, description="Whether tools are declared.")
    min_input_tokens: Count | None = Field(None, description="Least input.")
    max_input_tokens: Count | None = Field(None, description="Most input.")
    min_confidence: Share = Field(0, description="Least confidence in the task.")
    min_quality_floor: Share = Field(0, description="Only where the caller requires so much quality or more.")


class Work(Section):
    """Who does the work, and how."""

    model: ModelRef | None = Field(None, description="Who answers.")
    fallbacks: tuple[ModelRef, ...] = Field((), description="Who answers when the model cannot, in order.")
    threshold: Share | None = Field(
        None, description="Confidence in the task from which the model answers; below it the first fallback does."
    )
    max_input_tokens: Count | None = Field(
        None, description="Most input the model is given; longer requests go to the first fallback."
    )
    max_latency: Seconds | None = Field(None, description="Deadline of such requests.")
    thinking: Thinking = Field("off", description="Reasoning effort asked for where the caller says nothing.")
    quality_boost: Switch = Field(False, description="Highest reasoning effort, and the answer is checked.")
    quality: Quality | None = Field(None, description="How such answers are checked, instead of as the policy says.")


class TaskWork(Work):
    reason: Text = Field("", description="Why, in words; shown with the decision.")


class Rule(Work):
    name: Name | None = Field(None, description="How decisions call it; by default its place in the list.")
    match: Match = Field(Match(), description="Which requests it is for.")
    reason: Text = Field(min_length=1, description="Why, in words; shown with the decision.")


class Route(Rule):
    policy: PolicyRef | None = Field(None, description="The policy that holds for them, instead of a model.")


class Tier(Section):
    name: Name = Field(description="How answers and reports call it.")
    models: tuple[ModelRef, ...] = Field(min_length=1, description="Its models, in the order they are taken.")
    match: Match = Field(Match(), description="Which requests it is for; the last tier takes all that are left.")
    budget: Money | None = Field(None, description="What it may spend a day, in the tenant's time zone.")
    cost_per_1k: Money | None = Field(None, description="What 1,000 requests should cost; reports compare.")


class Cascade(Section):
    base: ModelRef = Field(description="Answers first, or what the classifier is surest of.")
    middle: ModelRef = Field(description="Answers what is nearly good enough, with that as a draft.")
    premium: ModelRef = Field(description="Answers the rest, thinking.")
    form: Form = Field("verify", description="By how sure the checks are of the answer, or the classifier of the task.")
    keep_above: Share = Field(0.9, description="Confidence above which the base model's answer is kept.")
    middle_above: Share = Field(0.7, description="Confidence above which the middle model is asked, and kept.")
    kept_share: Share = Field(
        0.7, description="Form verify: share of checked answers expected to be kept, until enough were counted."
    )
    middle_share: Share = Field(
        0.2, description="Form verify: share of the base model's answers expected to go to the middle one, likewise."
    )


class Routing(Section):
    quality: Share | None = Field(
        None, description="Share of good answers that is wanted; by default that of the best single model."
    )
    caught: Share = Field(0.5, description="Of bad answers, the share that the checks are expected to stop.")
    kept: Share = Field(0.95, description="Of good answers, the share that they are expected to let pass.")


class Task(Section):
    like: TaskRef | None = Field(None, description="The task it is a kind of, or another name for.")
    keyword: Words = Field((), description="Words or phrases that tell it; without any the caller has to.")
    description: Text = Field("", description="What it is.")


class Agent(Section):
    model: ModelRef | None = Field(None, description="The model it is.")
    policy: PolicyRef | None = Field(None, description="The policy that chooses for it.")
    complexity: Complexities = Field((), description="In a group by complexity: what it is given.")
    description: Text = Field("", description="What it is for.")


class Group(Section):
    agents: tuple[AgentRef, ...] = Field(min_length=1, description="Its agents, in order.")
    by: Spread = Field("round_robin", description="Each in turn, or the first whose complexity fits.")


class Intent(Section):
    task: TaskRef | None = Field(None, description="What the task is.")
    complexity: Complexity | None = Field(None, description="How complex it is.")
    domain: Domain | None = Field(None, description="Its domain.")
    latency_class: LatencyClass | None = Field(None, description="How urgent it is.")
    policy: PolicyRef | None = Field(None, description="The policy that chooses.")
    quality_floor: Share | None = Field(None, description="Least quality.")
    max_latency_ms: Count | None = Field(None, description="Longest it may be expected to take.")
    description: Text = Field("", description="What it is for.")


class Team(Section):
    policy: PolicyRef | None = Field(None, description="Policy of its keys, where they have none of their own.")
    models: tuple[ModelRef, ...] | None = Field(None, description="Only these models.")
    providers: tuple[ProviderRef, ...] | None = Field(None, description="Only these providers.")
    channels: tuple[ChannelRef, ...] | None = Field(None, description="Only these channels, each as model@channel.")
    regions: tuple[Name, ...] | None = Field(None, description="Only these regions.")
    policies: tuple[PolicyRef, ...] | None = Field(None, description="Only these policies may choose for it.")
    strategies: tuple[StrategyName, ...] | None = Field(None, description="Only policies of these strategies may.")
    sensitive: Switch = Field(False, description="Everything it sends stays on self-hosted providers.")
    limits: Limits = Field(Limits(), description="What all its keys together may do at most; by default unlimited.")
    budget: Allotment | None = Field(None, description="What all its keys together may spend; beside `budgets`.")


class Tenant(Team):
    timezone: Text = Field("UTC", description="Where its day begins at midnight, such as Asia/Shanghai.")
    teams: dict[Name, Team] = Field({}, description="Its teams, each within what the tenant may.")


class Plan(Section):
    max_cost: Money | None = Field(None, description="Most one request may be expected to cost.")
    policy: PolicyRef | None = Field(None, description="Policy of its keys, where they have none of their own.")
    models: tuple[ModelRef, ...] | None = Field(None, description="Only these models.")
    limits: Limits = Field(Limits(), description="What each of its keys may do at most, beside the key's own limits.")
    budget: Allotment | None = Field(None, description="What each of its keys may spend; beside `budgets`.")


class ModelClassifier(Section):
    model: ModelRef = Field(description="The model that is asked: a small, fast one.")
    below: Share = Field(0.6, description="It is asked where the built-in classifier is less sure than this.")
    timeout: Seconds = Field(2, description="How long it may take; then the built-in one's word counts.")
    budget: Money | None = Field(None, description="What it may spend a day.")
    cached: Count = Field(10_000, description="How many of its answers are kept.")
    at_once: Count = Field(32, description="Most questions to it at once; beyond them the built-in one's word counts.")
    alarm_agreement: Share = Field(0.6, description="An alarm below this share of agreement with the built-in one.")
    alarm_drift: Number = Field(0.25, description="An alarm above this population stability index from day to day.")


class Classifier(Section):
    model: ModelClassifier | None = Field(None, description="A model to ask where the built-in classifier is unsure.")
