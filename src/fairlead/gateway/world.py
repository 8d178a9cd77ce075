"""World: everything a configuration comes to, worked out once when it loads and never changed.

A reload builds a new world beside the old one and swaps them; requests under way end in the one they began in.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from fairlead.cache.settings import SemanticSettings
from fairlead.cache.settings import Settings as CacheSettings
from fairlead.classify.keywords import Keywords
from fairlead.classify.llm import Asked
from fairlead.classify.sensitivity.detector import Detector
from fairlead.classify.tasks import TASKS
from fairlead.config import intents, sensitivity
from fairlead.config.schema import Coding as CodingPreset
from fairlead.config.schema import Config, Health
from fairlead.core.agents import Agent, Group
from fairlead.core.bench import Bench, Every
from fairlead.core.budgets import Budget
from fairlead.core.coding import Coding
from fairlead.core.experiments import Experiment
from fairlead.core.gates.declared import Declared as DeclaredGate
from fairlead.core.grants import Keyholder
from fairlead.core.health import HealthSettings
from fairlead.core.model import EMBEDDINGS, Channel, Model, Snapshot
from fairlead.core.policy import Limits, Policy
from fairlead.core.table import Rule
from fairlead.gateway import callout
from fairlead.gateway.endpoints import endpoint
from fairlead.gateway.holders import Binding, binding, declared
from fairlead.gateway.minting import malformed
from fairlead.memory.settings import Remembering
from fairlead.providers.wire import Endpoint
from fairlead.registry import bench as registry_bench
from fairlead.registry import budgets as registry_budgets
from fairlead.registry import experiments as registry_experiments
from fairlead.registry import gates as registry_gates
from fairlead.registry import policies as registry_policies
from fairlead.registry import snapshot as registry
from fairlead.registry.budgets import Metered
from fairlead.registry.catalogue import Catalogue
from fairlead.registry.declared import Declared
from fairlead.registry.declared import declared as declared_of
from fairlead.registry.digest import nano

BLOCK = 64


class Pads(msgspec.Struct, frozen=True):
    """The pepper as HMAC uses it, prepared once."""

    inner: bytes
    outer: bytes


Grantor = tuple[str, str, str]
"""Tenant, name and plan of a key that granted others."""


class World(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    policies: Mapping[str, Policy]
    default_policy: str
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[bytes, Keyholder]
    """By digest, those that are refused too."""
    declared: Mapping[bytes, Keyholder]
    """Those of them that stand in the configuration."""
    odd: bool
    """Whether some of those begin as issued keys do and are none."""
    binding: Binding
    tenants: int
    """How many stand behind the accounts at the providers."""
    forked: bool
    """Whether any model has several channels."""
    pads: Pads
    baselines: Mapping[str, Channel]
    """By operation, whose model savings are measured against; nothing is compared where there is none."""
    coding: Coding | None
    request_timeout: float
    user_tags: bool
    """Whether requests are tagged with whom they are for."""
    health: HealthSettings = HealthSettings()
    routes: tuple[Rule, ...] = ()
    agents: Mapping[str, Agent | Group] = {}
    intents: Mapping[str, Mapping[str, str]] = {}
    """Name -> knobs, as a caller would state them."""
    tasks: Mapping[str, str] = {}
    """Lower-case name -> the task it is."""
    told_by: Mapping[str, tuple[tuple[str, str], ...]] = {}
    """Keyword -> the declared tasks it tells, each with the task it is like."""
    keywords: Keywords | None = None
    timezones: Mapping[str, ZoneInfo] = {}
    """By tenant, where it is not UTC."""
    detector: Detector | None = None
    classifier: Asked | None = None
    """The model that is asked where the built-in classifier is unsure."""
    version: str = ""
    """Of the configuration it was built of."""
    said: Declared = Declared()
    budgets: tuple[Budget, ...] = ()
    limits: Mapping[Metered, Limits] = {}
    """Of tenants, teams, models and plans."""
    gates: Mapping[str, DeclaredGate] = {}
    """Those that are declared."""
    remembering: Remembering | None = None
    """How what is remembered is kept and found; None where nothing is."""
    cache: CacheSettings | None = None
    semantic: SemanticSettings | None = None
    """None where no answer is given again."""
    asks_beside: bool = False
    """Whether models may be asked about requests: a classifier, a judge, embeddings."""
    experiments: tuple[Experiment, ...] = ()
    bench: Bench = Bench((), (), 0)
    review: Every | None = None
    granted: Mapping[str, tuple[Grantor, ...]] = {}
    """By what an issued key is called, the keys that it was granted by, they in turn, and so on."""
    shut: bool = False
    """Whether a key has to be shown though there is none: those that were issued are gone."""

    @property
    def open(self) -> bool:
        """Whether nobody has to show a key."""
        return not self.keys and not self.shut

    @property
    def shared(self) -> bool:
        """Whether several tenants stand behind the accounts at the providers."""
        return self.tenants > 1

    def baseline_of(self, operation: str) -> str:
        """The model's name; empty where there is none."""
        channel = self.baselines.get(operation)
        return "" if channel is None else channel.model

    def holder_of(self, key: bytes) -> Keyholder | None:
        return self.keys.get(digest(self.pads, key))


def digest(pads: Pads, key: bytes) -> bytes:
    """HMAC-SHA-256. Written out because OpenSSL's own asks the system for the process id on every call."""
    return sha256(pads.outer + sha256(pads.inner + key).digest()).digest()


def pads_of(pepper: bytes) -> Pads:
    block = (sha256(pepper).digest() if len(pepper) > BLOCK else pepper).ljust(BLOCK, b"\0")
    return Pads(bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block))


def build(config: Config, catalogue: Catalogue, pepper: bytes) -> World:
    snapshot = registry.build(config, catalogue)
    policies = registry_policies.policies(config)
    pads = pads_of(pepper)
    bound, budgets = binding(config, snapshot, policies), registry_budgets.budgets(config, policies)
    declared_keys = {
        digest(pads, key.key.reveal().encode()): bound.holder(declared(key, budgets)) for key in config.keys
    }
    endpoints = {name: endpoint(name, provider) for name, provider in config.providers.items()}
    gates = registry_gates.gates(config)
    endpoints |= {callout.name_of(name): callout.endpoint(gate) for name, gate in gates.items() if gate.url}
    remembering, semantic, classifier = _remembering(config), _semantic(config, snapshot), _classifier(config, snapshot)
    return World(
        snapshot=snapshot,
        policies=policies,
        default_policy=config.policy.default,
        endpoints=endpoints,
        keys=declared_keys,
        declared=declared_keys,
        odd=any(malformed(key.key.reveal().encode()) for key in config.keys),
        binding=bound,
        tenants=len({key.tenant for key in config.keys}),
        forked=any(len(model.channels) > 1 for model in snapshot.models.values()),
        pads=pads,
        baselines=_baselines(config, snapshot),
        coding=None if config.coding is None else _coding(config.coding),
        request_timeout=config.server.request_timeout,
        user_tags=config.server.user_tags,
        health=_health(config.health),
        routes=registry_policies.routes(config),
        agents=_agents(config),
        intents=_intents(config),
        tasks=_tasks(config),
        told_by=_told_by(config),
        keywords=_keywords(config),
        detector=_detector(config),
        classifier=classifier,
        timezones={name: ZoneInfo(tenant.timezone) for name, tenant in config.tenants.items()},
        said=declared_of(config),
        budgets=budgets,
        limits=registry_budgets.limits(config),
        gates=gates,
        remembering=remembering,
        cache=_cache(config),
        semantic=semantic,
        experiments=registry_experiments.experiments(config),
        bench=registry_bench.bench(config, snapshot),
        review=registry_bench.review(config),
        asks_beside=classifier is not None
        or any(gate.kind in ("judge", "consistency") for gate in gates.values())
        or (remembering is not None and bool(remembering.embedding))
        or (semantic is not None and bool(semantic.model)),
    )


def _health(given: Health) -> HealthSettings:
    return HealthSettings(
        failures=given.failures,
        successes=given.successes,
        ejection=given.ejection,
        longest=given.longest,
        probe_every=given.probe_every if given.probe == "list" else 0.0,
    )


def _agents(config: Config) -> dict[str, Agent | Group]:
    agents = {
        name: Agent(name, agent.model or "", agent.policy or "", frozenset(agent.complexity))
        for name, agent in config.agents.items()
    }
    groups = {
        name: Group(
            name,
            tuple(agents[one] for one in group.agents),
            "complexity" if group.by == "complexity" else "round_robin",
        )
        for name, group in config.groups.items()
    }
    return {**agents, **groups}


def _intents(config: Config) -> dict[str, dict[str, str]]:
    """As knobs: an intent says what its caller would otherwise have to."""
    return {
        name: {
            knob.removesuffix("_ms").replace("_", "-"): str(value)
            for knob, value in intent.model_dump(exclude={"description"}).items()
            if value is not None
        }
        for name, intent in {**intents.shipped(), **config.intents}.items()
    }


def _detector(config: Config) -> Detector | None:
    now = sensitivity.in_force(config)
    return Detector(now.kinds, now.terms, now.action) if now.on else None


def _classifier(config: Config, snapshot: Snapshot) -> Asked | None:
    given = config.classifier.model
    model = None if given is None else snapshot.resolve(given.model)
    if given is None or model is None:
        return None
    return Asked(
        model.name,
        given.below,
        given.timeout,
        None if given.budget is None else nano(given.budget),
        given.cached,
        given.alarm_agreement,
        given.alarm_drift,
        (*TASKS, *config.tasks),
        given.at_once,
    )


def _cache(config: Config) -> CacheSettings | None:
    exact = config.cache.exact
    if not exact.enabled:
        return None
    return CacheSettings(
        exact.ttl,
        exact.max_entries,
        int(exact.max_mb * 2**20),
        int(exact.max_answer_kb * 2**10),
        exact.requests,
        exact.tools,
        exact.keep == "disk",
        exact.redis.reveal() if exact.keep == "redis" and exact.redis is not None else "",
    )


def _semantic(config: Config, snapshot: Snapshot) -> SemanticSettings | None:
    given, exact = config.cache.semantic, _cache(config)
    if not given.enabled or exact is None:
        return None
    made = given.embedding
    model = None if made is None or made.model is None else snapshot.resolve(made.model)
    return SemanticSettings(
        given.threshold,
        given.ttl,
        given.max_entries,
        int(given.max_mb * 2**20),
        given.tools,
        float(given.max_temperature),
        given.max_turns,
        given.max_chars,
        *(
            ("", "", 2.0, None)
            if made is None
            else (made.model or "", made.path or "", made.timeout, _nano(made.budget))
        ),
        upstream="" if model is None else " ".join(sorted({channel.upstream for channel in model.channels})),
        redis=exact.redis,
    )


def _remembering(config: Config) -> Remembering | None:
    given = config.memory
    if not given.enabled:
        return None
    embedding, extractor = given.embedding, given.extractor
    return Remembering(
        given.days,
        given.most,
        given.block_tokens,
        given.least,
        *(("", 10.0, None) if embedding is None else (embedding.model, embedding.timeout, _nano(embedding.budget))),
        *(("", 20.0, None) if extractor is None else (extractor.model, extractor.timeout, _nano(extractor.budget))),
    )


def _nano(amount: Decimal | None) -> int | None:
    return None if amount is None else nano(amount)


def _tasks(config: Config) -> dict[str, str]:
    return {name.lower(): name for name in (*TASKS, *config.tasks)}


def _told_by(config: Config) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, task in config.tasks.items():
        for word in task.keyword:
            found.setdefault(word, []).append((name, task.like or ""))
    return {word: tuple(tasks) for word, tasks in found.items()}


def _keywords(config: Config) -> Keywords | None:
    """Every word that a rule, a tier, a route or a task asks for."""
    words = dict.fromkeys(word for task in config.tasks.values() for word in task.keyword)
    for policy in config.policies.values():
        for match in (*(rule.match for rule in policy.rules), *(tier.match for tier in policy.tiers)):
            words.update(dict.fromkeys(match.keyword))
    for route in config.routes:
        words.update(dict.fromkeys(route.match.keyword))
    return Keywords(words) if words else None


def _coding(preset: CodingPreset) -> Coding:
    return Coding(
        preset.models,
        preset.default,
        preset.background or "",
        preset.long_context or "",
        preset.web_search or "",
        preset.image or "",
        preset.thinking or "",
        preset.long_context_above,
    )


def _baselines(config: Config, snapshot: Snapshot) -> dict[str, Channel]:
    """Like is compared with like: texts with a model that writes them, embeddings with one that makes them. The declared
    one, else the priced model of best quality; where none is known of several that make embeddings, none is the best."""
    declared = None if config.report.baseline is None else snapshot.resolve(config.report.baseline)
    models = snapshot.models.values()
    texts = [model for model in models if model.capabilities != EMBEDDINGS]
    embedding = [model for model in models if model.capabilities & EMBEDDINGS]
    found = {"generate": _baseline(texts, declared), "embed": _baseline(embedding, declared)}
    one = found["embed"]
    if one is not None and one is not declared and not one.quality and len(_priced(embedding)) > 1:
        found["embed"] = None
    return {operation: model.channels[0] for operation, model in found.items() if model is not None}


def _baseline(able: list[Model], declared: Model | None) -> Model | None:
    if declared in able:
        return declared
    return max(_priced(able), key=lambda model: (model.quality or 0.0, model.name), default=None)


def _priced(models: list[Model]) -> list[Model]:
    return [model for model in models if model.channels[0].prices]
