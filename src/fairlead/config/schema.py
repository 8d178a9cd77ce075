"""The configuration as types: every setting with its type, default and meaning, in one place.

The reference in docs/ is generated from the descriptions here. Unknown settings are errors; a setting with nothing
after the colon counts as left out. What depends on several settings at once is checked in `checks`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from fairlead.config.bench import Bench, Review
from fairlead.config.budgets import Allotment, Budget, Limits
from fairlead.config.cache import Cache
from fairlead.config.choosing import (
    Agent,
    Cascade,
    Classifier,
    Group,
    Intent,
    Knob,
    Plan,
    Route,
    Routing,
    Rule,
    StrategyName,
    Task,
    TaskWork,
    Tenant,
)
from fairlead.config.choosing import Tier as PolicyTier
from fairlead.config.experiments import Experiment
from fairlead.config.gates import Gate, Quality
from fairlead.config.guards import Guards
from fairlead.config.memory import Memory
from fairlead.config.money import Currency, Exchange, Fee, Flat, Peak, Prices, ToolName
from fairlead.config.proxy import usable as usable_proxy
from fairlead.config.references import LevelRef, ModelRef, PlanRef, PolicyRef, ProviderRef, TaskRef
from fairlead.config.secret import Secret
from fairlead.config.section import Section
from fairlead.config.sensitivity import Sensitivity
from fairlead.config.values import (
    Address,
    Count,
    Day,
    Discount,
    HeaderName,
    Instant,
    ModelName,
    Money,
    Name,
    Number,
    OptionalSecret,
    Path,
    RequiredSecret,
    Seconds,
    Share,
    Switch,
    Text,
    Whole,
    Word,
    choice_of,
)
from fairlead.core.balance import BALANCE
from fairlead.core.grants import ROLES, SCOPES
from fairlead.core.model import CAPABILITIES
from fairlead.core.policy import ENDINGS
from fairlead.providers.deltas import DELTAS, SPOKEN

KINDS: tuple[str, ...] = (*DELTAS, "simulated")
PROBES = ("list", "off")

Kind = Annotated[str, BeforeValidator(lambda value: choice_of(value, KINDS)), Word("kind")]
DialectName = Annotated[str, BeforeValidator(lambda value: choice_of(value, SPOKEN)), Word(" / ".join(SPOKEN))]
Role = Annotated[str, BeforeValidator(lambda value: choice_of(value, ROLES)), Word(" / ".join(ROLES))]
Scope = Annotated[str, BeforeValidator(lambda value: choice_of(value, SCOPES)), Word(" / ".join(SCOPES))]
ProxySecret = Annotated[Secret, AfterValidator(usable_proxy), Word("proxy address or none")]
Capability = Annotated[
    str, BeforeValidator(lambda value: choice_of(value, tuple(CAPABILITIES))), Word(" / ".join(CAPABILITIES))
]


ProbeName = Annotated[str, BeforeValidator(lambda value: choice_of(value, PROBES)), Word(" / ".join(PROBES))]
BalanceName = Annotated[str, BeforeValidator(lambda value: choice_of(value, tuple(BALANCE))), Word(" / ".join(BALANCE))]
EndingName = Annotated[str, BeforeValidator(lambda value: choice_of(value, ENDINGS)), Word(" / ".join(ENDINGS))]


class Health(Section):
    failures: Count = Field(3, description="Faults of a provider in a row with which a channel is left alone.")
    successes: Count = Field(2, description="Answers in a row with which it is asked as before.")
    ejection: Seconds = Field(30, description="How long it is left alone at first; twice as long each further time.")
    longest: Seconds = Field(600, description="How long at most.")
    probe: ProbeName = Field(
        "list",
        description="How who is not asked is probed: by its list of models, which costs nothing and carries nothing.",
    )
    probe_every: Number = Field(60, ge=0, description="Seconds without a request after which it is probed; 0 never.")


class Server(Section):
    host: Text = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: Whole = Field(4000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    state_dir: Path = Field("./state", description="Directory of the ledger, the spool and the counters; one owner.")
    pepper: OptionalSecret = Field(
        Secret(""), description="Secret mixed into the digests of issued keys; empty: one is generated in `state_dir`."
    )
    max_body_mb: Number = Field(32, gt=0, le=1024, description="Largest request body, in MiB; more is a 413.")
    header_timeout: Seconds = Field(10, description="How long a client may take to send its request head.")
    body_timeout: Seconds = Field(10, description="How long a client may pause while it sends its body.")
    request_timeout: Seconds = Field(600, description="Deadline of a whole request, all attempts together.")
    grace: Seconds = Field(
        10, description="How long what is under way may take to finish once the process is asked to end."
    )
    max_in_flight: Count | None = Field(
        None,
        description="Most requests under way at once, open streams included; by default as files and memory allow.",
    )
    max_lag: Seconds = Field(
        0.5,
        description="How late the event loop may run; from half of it on requests are turned away, at it all. "
        "A request may wait four times as long for its turn.",
    )
    max_memory: Share = Field(
        0.8, description="Share of the memory (of the machine or its container) that the process may take."
    )
    retries: Whole = Field(
        1,
        ge=0,
        le=10,
        description="How often who has failed is tried again, after a pause, when nobody else is left; policies may differ.",
    )
    decisions_days: Whole = Field(
        30, ge=1, le=36_500, description="How long a decision is kept so that it can be made again."
    )
    ledger_days: Whole | None = Field(
        None, ge=1, le=36_500, description="How long records are kept; sums by hour and day stay. By default for good."
    )
    user_tags: Switch = Field(
        False,
        description="Tag each request with whom it is for (`user:NAME`), for reports and budgets by user. The ledger then names users, which erasing them does not change.",
    )


class SimulatedModel(Section):
    latency_ms: Number = Field(200, description="Time to the first token.")
    tokens_per_second: Number = Field(200, gt=0, description="Speed after the first token.")
    output_tokens: Count = Field(120, description="Typical length of an answer.")
    quality: dict[Name, Share] = Field({}, description="Chance of a right answer, by task.")
    error_rate: Share = Field(0, description="Share of requests answered with `error_status`.")
    error_status: Whole = Field(500, ge=400, le=599, description="Status of a simulated error.")
    stall_rate: Share = Field(0, description="Share of requests that stop in the middle.")
    reply: Text = Field("", description="The text of every answer; empty: a made-up one.")
    thinks: Switch = Field(False, description="Thinks aloud when reasoning is asked for.")
    embeds: Whole = Field(
        0, ge=0, le=65_536, description="Numbers in a vector of a model that makes embeddings only; 0: it answers."
    )


class Provider(Section):
    kind: Kind = Field("openai", description=f"What it speaks and where it is: {', '.join(KINDS)}.")
    base_url: Address | None = Field(None, description="Its address; by default the kind's own.")
    api_key: RequiredSecret | None = Field(None, description="Sent to this provider only.")
    api_keys: tuple[RequiredSecret, ...] = Field(
        (), description="Several keys instead of `api_key`: one at its limit rests, one that is refused is retired."
    )
    region: Name | None = Field(None, description="Where it processes requests; channels may say otherwise.")
    self_hosted: Switch | None = Field(
        None, description="Sensitive requests may go there. By default only kinds vllm and ollama are."
    )
    headers: dict[HeaderName, RequiredSecret] = Field({}, description="Headers added to every request; masked in logs.")
    flags: tuple[Name, ...] = Field((), description="Feature flags of all its channels.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust instead of the system's.")
    verify: Switch = Field(True, description="Check its TLS certificate.")
    proxy: ProxySecret | None = Field(
        None,
        description=(
            "Proxy it is reached through, like `http://user:password@host:3128`; `none`: directly. By default as "
            "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say in the environment."
        ),
    )
    connect_timeout: Seconds = Field(5, description="How long connecting may take.")
    first_byte_timeout: Seconds = Field(120, description="How long the first byte of an answer may take.")
    idle_timeout: Seconds = Field(120, description="How long an answer may pause.")
    max_connections: Count = Field(1000, description="Most connections held open to it.")
    stream_usage: Switch | None = Field(
        None, description="Whether it accepts `stream_options.include_usage`; by default as its kind does."
    )
    cache_hints: Switch = Field(
        False,
        description=(
            "Tells its prompt cache what to keep where the caller does not: `cache_control` in Anthropic's dialect, "
            "`prompt_cache_key` in OpenAI's."
        ),
    )
    max_tokens_field: Name | None = Field(
        None, description="The name it wants for the output limit; by default as its kind does."
    )
    dialects: tuple[DialectName, ...] = Field(
        (),
        description=(
            f"What it speaks, the one to translate into first ({', '.join(SPOKEN)}); by default as its kind does."
        ),
    )
    models: dict[Name, SimulatedModel] = Field({}, description="Kind simulated only: how each upstream model behaves.")

    @property
    def lacks_address(self) -> bool:
        """Whether nothing says where it is: some kinds have no address of their own."""
        return self.base_url is None and self.kind in DELTAS and not DELTAS[self.kind].base_url

    @property
    def is_self_hosted(self) -> bool:
        if self.self_hosted is not None:
            return self.self_hosted
        return self.kind in DELTAS and DELTAS[self.kind].self_hosted


class Rates(Section):
    input: Money = Field(description="Per million input tokens.")
    output: Money = Field(description="Per million output tokens.")
    cached_input: Money | None = Field(None, description="Per million input tokens read from its cache; else as input.")
    cache_write: Money | None = Field(None, description="Per million tokens written to its cache; else as input.")
    cache_write_1h: Money | None = Field(None, description="The same for one-hour entries; else as input.")
    reasoning: Money | None = Field(None, description="Per million reasoning tokens; else as output.")
    image_input: Money | None = Field(None, description="Per million tokens of images it reads; else as input.")
    audio_input: Money | None = Field(None, description="Per million tokens of audio it hears; else as input.")
    image_output: Money | None = Field(None, description="Per million tokens of images it makes; else as output.")
    audio_output: Money | None = Field(None, description="Per million tokens of audio it speaks; else as output.")


class Tier(Rates):
    above: Count = Field(description="Prompt tokens above which these rates hold for the whole request.")


class Price(Rates):
    per_request: Money = Field(0, validate_default=True, description="Per request, added to the tokens.")
    currency: Currency = Field("USD", description="Currency of every amount here.")
    since: Day | None = Field(None, description="First day (UTC) it holds; before it the next source's price does.")
    tiers: tuple[Tier, ...] = Field((), description="Other rates for long prompts, by prompt length.")
    tools: dict[ToolName, Fee] = Field(
        {},
        description=(
            "What a use of a tool costs that the provider runs itself, or `{amount, per}`; of those not named here, as the "
            "next source says."
        ),
    )
    peaks: tuple[Peak, ...] = Field((), description="Hours in which everything here costs more, or less.")
    flat: Flat | None = Field(
        None, description="A subscription beside it: no part of what a request costs, spread over time in reports."
    )


class Channel(Section):
    provider: Name = Field(description="A name under `providers`.")
    model: Text | None = Field(
        None,
        min_length=1,
        description="Its name there; by default the catalogue's for that kind, else the model's own.",
    )
    name: Name | None = Field(None, description="Name of the channel, for `model@name`; by default the provider's.")
    price: Price | None = Field(None, description="Price on this channel; goes before the model's and the catalogue's.")
    discount: Discount = Field(
        0, validate_default=True, description="Share taken off the price that holds: 0.2 is 20 % off."
    )
    region: Name | None = Field(None, description="Where it processes requests; by default the provider's.")
    flags: tuple[Name, ...] = Field((), description="Feature flags of this channel, added to the provider's.")
    enabled: Switch = Field(True, description="Whether it may be chosen.")


class Model(Section):
    channels: tuple[Channel, ...] = Field(min_length=1, description="Ways to reach it.")
    aliases: tuple[ModelName, ...] = Field((), description="Other names for it, added to the catalogue's.")
    price: Price | None = Field(None, description="Price on every channel that has none of its own.")
    context: Count | None = Field(None, description="Tokens of prompt and answer together.")
    max_output: Count | None = Field(None, description="Most tokens of an answer.")
    capabilities: tuple[Capability, ...] | None = Field(
        None, description="What it can do; by default the catalogue's, for models it lacks tools and json_schema."
    )
    quality: Share | None = Field(None, description="How good it is; by default from the catalogue.")
    qualities: dict[TaskRef, Share] = Field({}, description="How good it is by task; by default from its benchmarks.")
    benchmarks: dict[Name, Number] = Field({}, description="Scores by benchmark, over the catalogue's.")
    latency_ms: Count | None = Field(None, description="What a typical request takes, until it is measured.")
    flags: tuple[Name, ...] = Field((), description="Feature flags, added to the catalogue's.")
    enabled: Switch = Field(True, description="Whether it may be chosen.")
    limits: Limits = Field(Limits(), description="How much all callers together may ask of it; by default no limit.")


class Key(Section):
    name: Name = Field(description="How reports and logs call it.")
    key: RequiredSecret = Field(description="What the client sends as its API key.")
    tenant: Name = Field("default", description="Whose requests these are.")
    team: Text = Field("", description="The tenant's team whose key it is; by default none.")
    role: Role = Field("caller", description="What it may do beyond asking models.")
    plan: PlanRef | None = Field(None, description="A name under `plans`.")
    policy: PolicyRef | None = Field(
        None, description="Policy or strategy for its requests; by default `policy.default`."
    )
    models: tuple[ModelRef, ...] | None = Field(None, description="Only these models; by default all.")
    providers: tuple[ProviderRef, ...] | None = Field(None, description="Only these providers; by default all.")
    regions: tuple[Name, ...] | None = Field(None, description="Only these regions; by default all.")
    sensitive: Switch = Field(False, description="Everything it sends stays on self-hosted providers.")
    policies: tuple[PolicyRef, ...] | None = Field(None, description="Only these policies may choose; by default all.")
    strategies: tuple[StrategyName, ...] | None = Field(
        None, description="Only policies of these strategies may choose; by default all."
    )
    scope: Scope | None = Field(
        None,
        description="How far its role reaches; by default its team or tenant where it names one, else the gateway.",
    )
    expires: Instant | None = Field(
        None, description="When it ends: the last day (UTC) it is valid, or a time like 2026-12-31T18:00:00Z."
    )
    wishes: dict[Knob, Text] = Field({}, description="What its requests wish where they say nothing: task, budget...")
    limits: Limits = Field(Limits(), description="What it may do at most; by default unlimited.")
    budget: Allotment | None = Field(None, description="What it may spend; by default what `budgets` say.")


class Weights(Section):
    quality: Number = Field(0, description="Share of quality.")
    cost: Number = Field(0, description="Share of cost.")
    latency: Number = Field(0, description="Share of latency.")


class Policy(Section):
    strategy: StrategyName = Field("balanced", description="How candidates are ordered.")
    min_quality: Share | None = Field(None, description="Least quality; by default the strategy's own; 0 is honoured.")
    floors: dict[LevelRef, Share] = Field(
        {}, description="Least quality by complexity or task, beside `min_quality`, as long as some model fulfils it."
    )
    weights: Weights | None = Field(
        None, description="For balanced and learned; renormalised, a share left out is 0. By default 0.5, 0.3 and 0.2."
    )
    model: ModelRef | None = Field(None, description="For pinned: the model when the caller names none.")
    fallbacks: tuple[ModelRef, ...] = Field((), description="Models to fail over to, in order.")
    models: tuple[ModelRef, ...] | None = Field(None, description="Only these are candidates; by default all.")
    regions: tuple[Name, ...] | None = Field(None, description="Only channels in these regions; by default all.")
    max_cost: Money | None = Field(None, description="Most a request may be expected to cost.")
    max_latency_ms: Count | None = Field(None, description="Longest a request may be expected to take.")
    require_flags: tuple[Name, ...] = Field((), description="Flags a candidate must have.")
    exclude_flags: tuple[Name, ...] = Field((), description="Flags a candidate must not have.")
    rules: tuple[Rule, ...] = Field((), description="The routing table; the first that matches decides.")
    tasks: dict[TaskRef, TaskWork] = Field({}, description="Who does which task; looked up after the rules.")
    default_task: TaskRef | None = Field(None, description="What a task that nobody knows is taken for.")
    threshold: Share = Field(0, description="Confidence in the task for rules and tasks without a threshold.")
    tiers: tuple[PolicyTier, ...] = Field((), description="For tiered: the tiers, the highest first.")
    cascade: Cascade | None = Field(None, description="For cascade: its models and bounds.")
    routing: Routing | None = Field(None, description="For cascade_routing: what is wanted, and what checks are worth.")
    self_hosted: tuple[ModelRef, ...] = Field((), description="For hybrid: who answers what can wait, in order.")
    commercial: tuple[ModelRef, ...] = Field((), description="For hybrid: who answers the rest, in order.")
    critical: Switch = Field(
        False, description="Only the models it names, no other provider unless listed, no cheaper stand-in."
    )
    stay: Share = Field(0.05, description="How much better another model must be for a conversation to move to it.")
    retries: Whole | None = Field(None, ge=0, le=10, description="Instead of `server.retries`.")
    hedge_ms: Whole = Field(
        0,
        ge=0,
        description="So long without content and another candidate is asked as well; 0 never. Both are paid for.",
    )
    balance: BalanceName = Field("declared", description="How the channels of a model share the work.")
    spread: Count = Field(1, description="So many of the best models share the work by `balance` as well.")
    failover_on: tuple[EndingName, ...] = Field(
        ("blocked", "empty", "truncated"),
        description="Ends of an answer with which the next candidate is asked; a filter's error is `blocked` too.",
    )
    continue_streams: Switch = Field(
        False, description="The next candidate goes on with a streamed text that breaks off. All are paid for."
    )
    memory: Switch = Field(
        False, description="Its requests are given what is remembered of their user, and what they say is remembered."
    )
    quality: Quality | None = Field(
        None,
        description="How answers are checked, and what follows where one is not good enough; by default not at all.",
    )


class PolicyChoice(Section):
    default: PolicyRef = Field("balanced", description="Name of a policy, or of a strategy with its own defaults.")
    tasks: dict[TaskRef, TaskWork] = Field({}, description="Who does which task, where the default policy holds.")
    threshold: Share | None = Field(None, description="Confidence in the task, for those tasks; by default 0.")
    default_task: TaskRef | None = Field(None, description="What a task that nobody knows is taken for.")


class Report(Section):
    baseline: ModelRef | None = Field(
        None,
        description="Model that savings are measured against; by default the one of best quality. An embedding is measured "
        "against a model that makes embeddings.",
    )
    premium: tuple[ModelRef, ...] = Field((), description="Models that count as premium; by default by their prices.")
    cheap: tuple[ModelRef, ...] = Field((), description="Models that count as cheap; by default by their prices.")


class Coding(Section):
    default: ModelName = Field(description="What answers when no other line fits: a model, or `auto`.")
    background: ModelName | None = Field(None, description="For an agent's small jobs: titles, summaries.")
    long_context: ModelName | None = Field(None, description="For more input than `long_context_above`.")
    long_context_above: Count = Field(60_000, description="Tokens of input from which a turn counts as long.")
    web_search: ModelName | None = Field(None, description="For turns that are to search the web.")
    image: ModelName | None = Field(None, description="For turns with a picture.")
    thinking: ModelName | None = Field(None, description="For turns that ask for reasoning.")
    models: tuple[Text, ...] = Field(
        ("claude-*", "*-codex*", "auto:coding"), description="The asked names (with *) that are routed so."
    )


class Config(Section):
    server: Server = Field(Server(), description="The listener and its state.")
    providers: dict[Name, Provider] = Field({}, description="Where models are reached, by name.")
    models: dict[ModelName, Model] = Field({}, description="Models that may be used, by name.")
    keys: tuple[Key, ...] = Field((), description="Who may ask. Without keys the server listens on loopback only.")
    policies: dict[Name, Policy] = Field({}, description="Ways to choose, by name.")
    policy: PolicyChoice = Field(PolicyChoice(), description="Which policy holds.")
    health: Health = Field(Health(), description="When a channel that fails is left alone, and how it comes back.")
    routes: tuple[Route, ...] = Field((), description="Which requests go by another policy; the first that matches.")
    tasks: dict[Name, Task] = Field({}, description="Further tasks, and other names for known ones.")
    agents: dict[Name, Agent] = Field({}, description="Named agents, asked for as `agent:NAME`.")
    groups: dict[Name, Group] = Field({}, description="Groups of agents, asked for as `agent:NAME` too.")
    intents: dict[Name, Intent] = Field({}, description="Intents beside the shipped ones: `intent:NAME`.")
    tenants: dict[Name, Tenant] = Field({}, description="What binds whole tenants, whatever their keys say.")
    plans: dict[Name, Plan] = Field({}, description="What keys of a plan may have.")
    budgets: tuple[Budget, ...] = Field((), description="What may be spent: by whom, and in which time.")
    sensitivity: Sensitivity = Field(Sensitivity(), description="What makes a request sensitive by its words.")
    classifier: Classifier = Field(Classifier(), description="How requests are understood.")
    memory: Memory = Field(Memory(), description="What is remembered of users and sessions.")
    coding: Coding | None = Field(None, description="Which models answer the turns of coding agents.")
    exchange: Exchange = Field(Exchange(), description="What other currencies are worth.")
    prices: Prices = Field(Prices(), description="Price lists that are asked for while the server runs.")
    report: Report = Field(Report(), description="How savings are reported.")
    guards: Guards = Field(Guards(), description="When an alarm is raised, and who is called.")
    gates: dict[Name, Gate] = Field({}, description="Gates of your own that answers have to pass, by name.")
    bench: Bench = Field(Bench(), description="Questions with known answers that models are asked now and then.")
    review: Review = Field(Review(), description="A dated report of what was spent, on whom, and what would be better.")
    experiments: dict[Name, Experiment] = Field(
        {}, description="Models or policies that are compared on requests drawn for each, by name."
    )
    cache: Cache = Field(Cache(), description="Answers that are given again.")

    _warnings: tuple[str, ...] = PrivateAttr(())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but looks like a mistake, each as `FILE:LINE: path: message`."""
        return self._warnings

    def warned(self, warnings: tuple[str, ...]) -> Config:
        copy = self.model_copy()
        copy._warnings = warnings
        return copy
