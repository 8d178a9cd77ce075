"""Configuration to policies: the routing table, tiers and bounds as `decide` reads them, each with its version.

A policy's table is its rules in their order, then its tasks. `policy.tasks` belong to the default policy, behind its
own. Tasks and their other names are one: a table that names `legal_summaries` means what is declared so, and what is
declared like a task falls to that task's row when it has none of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from fairlead.config import choosing, gates, schema
from fairlead.core.gates.names import spelt_out
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import USUAL, Cascade, Handling, Policy, Routing, Tier, Weights
from fairlead.core.quality import BOOSTED, AfterHold, Quality
from fairlead.core.table import Effort, Match, Rule, Settings
from fairlead.errors import ConfigError
from fairlead.registry.digest import digest, nano

_HELD: dict[str, AfterHold] = {"wait": "wait", "commit": "commit", "escalate": "escalate"}
EFFORTS: dict[str, Effort] = {"off": "", "on": "medium", "low": "low", "medium": "medium", "high": "high"}


def policies(config: schema.Config) -> dict[str, Policy]:
    """Every policy by name, each strategy by its own name, and `default`."""
    bare = (name for name, strategy in STRATEGIES.items() if not strategy.needs)
    retries = config.server.retries
    found = {
        name: sealed(Policy(name=name, strategy=name, handling=Handling(retries, quality=_own_checks(name, None))))
        for name in bare
    }
    found.update({name: _policy(name, policy, config) for name, policy in config.policies.items()})
    default = found.get(config.policy.default)
    if default is None:
        raise ConfigError([f"policy.default: unknown policy {config.policy.default!r}"])
    if config.policy.tasks:
        default = sealed(
            msgspec.structs.replace(
                default,
                rules=(*default.rules, *_tasks(config.policy.tasks, config)),
                threshold=default.threshold if config.policy.threshold is None else config.policy.threshold,
                default_task=default.default_task or config.policy.default_task or "",
            )
        )
        found[config.policy.default] = default
    found["default"] = default
    return found


def routes(config: schema.Config) -> tuple[Rule, ...]:
    return tuple(
        msgspec.structs.replace(_rule(route, f"routes[{index}]", config), policy=route.policy or "")
        for index, route in enumerate(config.routes)
    )


def sealed(policy: Policy) -> Policy:
    """Handling as usual is the very same everywhere: a run then sees at once that there is nothing to prepare."""
    handling = USUAL if policy.handling == USUAL else policy.handling
    return msgspec.structs.replace(policy, handling=handling, hash=digest(msgspec.structs.replace(policy, hash="")))


def _policy(name: str, given: schema.Policy, config: schema.Config) -> Policy:
    weights = given.weights
    return sealed(
        Policy(
            name=name,
            strategy=given.strategy,
            min_quality=given.min_quality,
            floors=_floors(given.floors, config),
            weights=Weights(weights.quality, weights.cost, weights.latency) if weights is not None else Weights(),
            model=given.model or "",
            fallbacks=given.fallbacks,
            models=None if given.models is None else frozenset(given.models),
            regions=None if given.regions is None else frozenset(given.regions),
            max_cost=None if given.max_cost is None else nano(given.max_cost),
            max_latency_ms=given.max_latency_ms,
            require_flags=frozenset(given.require_flags),
            exclude_flags=frozenset(given.exclude_flags),
            rules=_table(given, config),
            threshold=given.threshold,
            default_task=given.default_task or "",
            tiers=tuple(_tier(tier, config) for tier in given.tiers),
            cascade=None if given.cascade is None else _cascade(given.cascade),
            routing=None if given.routing is None else _routing(given.routing),
            self_hosted=given.self_hosted,
            commercial=given.commercial,
            critical=given.critical,
            stay=given.stay,
            handling=_handling(given, config),
        )
    )


def _handling(given: schema.Policy, config: schema.Config) -> Handling:
    retries = config.server.retries if given.retries is None else given.retries
    return Handling(
        retries,
        given.hedge_ms,
        given.balance,
        given.spread,
        frozenset(given.failover_on),
        given.continue_streams,
        _quality(given.quality) or _own_checks(given.strategy, given.cascade),
        given.memory,
    )


def _own_checks(strategy: str, cascade: choosing.Cascade | None) -> Quality | None:
    """Where answers are checked though the policy says nothing of it."""
    verifies = strategy == "cascade" and cascade is not None and cascade.form == "verify"
    return BOOSTED if verifies or STRATEGIES[strategy].checks else None


def _quality(given: gates.Quality | None) -> Quality | None:
    if given is None:
        return None
    return Quality(
        spelt_out(given.gates),
        given.threshold,
        given.upgrades,
        given.hold_seconds,
        _HELD[given.after_hold],
        given.draft,
    )


def _floors(given: Mapping[str, float], config: schema.Config) -> dict[str, float]:
    """A declared task has the floor of the one it is like, unless it has its own."""
    of_kinds = {name: least for task, least in given.items() for name in kinds_of(task, config, given)}
    return {**of_kinds, **given}


def _table(given: schema.Policy, config: schema.Config) -> tuple[Rule, ...]:
    rules = (_rule(rule, f"rules[{index}]", config) for index, rule in enumerate(given.rules))
    return (*rules, *_tasks(given.tasks, config))


def _rule(rule: choosing.Rule, place: str, config: schema.Config) -> Rule:
    return Rule(rule.name or place, _match(rule.match, config), _models(rule), "", _settings(rule), rule.reason)


def _tasks(tasks: Mapping[str, choosing.TaskWork], config: schema.Config) -> Iterable[Rule]:
    """A row for each; what is declared like one of them falls to it, unless it has its own."""
    for task, work in tasks.items():
        names = frozenset((task, *kinds_of(task, config, tasks)))
        yield Rule(task, Match(tasks=names), _models(work), "", _settings(work), work.reason)


def kinds_of(task: str, config: schema.Config, without: Iterable[str] = ()) -> Iterable[str]:
    """The declared tasks that are kinds of this one, and kinds of those."""
    for name, one in config.tasks.items():
        if one.like == task and name not in without:
            yield name
            yield from kinds_of(name, config, without)


def _match(given: choosing.Match, config: schema.Config) -> Match:
    tasks = frozenset(given.task)
    return Match(
        tasks=tasks.union(*(kinds_of(task, config) for task in given.task)),
        complexities=frozenset(given.complexity),
        domains=frozenset(given.domain),
        languages=frozenset(given.language),
        latency_classes=frozenset(given.latency_class),
        modalities=frozenset(given.modality),
        keywords=frozenset(given.keyword),
        tools=given.tools,
        min_input=given.min_input_tokens or 0,
        max_input=given.max_input_tokens or 0,
        min_confidence=given.min_confidence,
        min_floor=given.min_quality_floor,
    )


def _models(work: choosing.Work) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(() if work.model is None else (work.model,)), *work.fallbacks)))


def _settings(work: choosing.Work) -> Settings:
    return Settings(
        threshold=work.threshold or 0.0,
        max_input=work.max_input_tokens or 0,
        max_latency_ms=0 if work.max_latency is None else round(work.max_latency * 1000),
        thinking=EFFORTS[work.thinking],
        quality_boost=work.quality_boost,
        quality=_quality(work.quality),
    )


def _tier(tier: choosing.Tier, config: schema.Config) -> Tier:
    return Tier(
        tier.name,
        tier.models,
        _match(tier.match, config),
        None if tier.budget is None else nano(tier.budget),
        None if tier.cost_per_1k is None else nano(tier.cost_per_1k),
    )


def _routing(given: choosing.Routing) -> Routing:
    return Routing(given.quality, given.caught, given.kept)


_FORMS: dict[str, Literal["screen", "verify"]] = {"screen": "screen", "verify": "verify"}


def _cascade(cascade: choosing.Cascade) -> Cascade:
    return Cascade(
        (cascade.base, cascade.middle, cascade.premium),
        cascade.keep_above,
        cascade.middle_above,
        _FORMS[cascade.form],
        cascade.kept_share,
        cascade.middle_share,
    )
