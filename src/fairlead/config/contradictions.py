"""Settings of choosing that say nothing, or say two things: what would else be found out with the first request.

What concerns names (unknown, or given to two things), providers, prices and doors stands in `checks`, what concerns one
policy in itself in `policies`; here is what no single name or policy shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo, available_timezones

from fairlead.classify.tasks import BY_NAME, COMPLEXITIES, DOMAINS, LATENCY_CLASSES, TASKS
from fairlead.config import references
from fairlead.config.choosing import Match, Rule, Task
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding, named_twice, unused
from fairlead.config.gates import Quality, unchecked, unnamed
from fairlead.config.languages import CODE, NAMES, TOLD
from fairlead.config.policies import work_findings
from fairlead.config.schema import Config
from fairlead.config.spelling import nearest, similar
from fairlead.config.values import parse_number
from fairlead.core.policies import STRATEGIES
from fairlead.core.spelling import closest

MODELS = ("pinned",)
"""Strategies that choose nobody where the policy names no model: right for callers who name one themselves."""

WORDS = {
    "complexity": COMPLEXITIES,
    "domain": DOMAINS,
    "latency-class": LATENCY_CLASSES,
    "budget": ("normal", "low"),
    "sensitivity": ("normal", "sensitive"),
    "strict": ("true", "false"),
    "memory": ("true", "false"),
    "cache": ("on", "refresh", "off"),
    "sort": ("price", "throughput", "latency"),
}
"""What a key may wish, knob by knob."""
NUMBERS = {"quality-floor": "a number from 0 to 1", "max-cost": "USD such as 0.01", "max-latency": "whole milliseconds"}


def findings(config: Config, known: Mapping[str, str]) -> Iterator[Finding]:
    yield from _policies(config)
    yield from _left_out(config, known)
    yield from _rows(config)
    yield from _agents(config)
    yield from _tasks(config)
    yield from _tenants(config)
    yield from _peaks(config)
    yield from _wishes(config)
    yield from _matches(config)
    yield from _memory(config)
    yield from unchecked(_checked(config))
    yield from unnamed(config.gates, {name for _, what, name in references.found(config) if what == "gate"})


def _checked(config: Config) -> Iterator[tuple[NodePath, Quality | None]]:
    """What is said anywhere of how answers are checked, in the order of the sections."""
    for name, policy in config.policies.items():
        yield ("policies", name), policy.quality
        for at, rule in enumerate(policy.rules):
            yield ("policies", name, "rules", at), rule.quality
        for task, work in policy.tasks.items():
            yield ("policies", name, "tasks", task), work.quality
    for task, work in config.policy.tasks.items():
        yield ("policy", "tasks", task), work.quality
    for at, route in enumerate(config.routes):
        yield ("routes", at), route.quality


def _memory(config: Config) -> Iterator[Finding]:
    """Whoever wants to be remembered where nothing is."""
    if config.memory.enabled:
        return
    yield from unused(("memory",), config.memory)
    wanted: list[NodePath] = [("policies", name, "memory") for name, policy in config.policies.items() if policy.memory]
    wanted += [
        ("keys", at, "wishes", "memory") for at, key in enumerate(config.keys) if key.wishes.get("memory") == "true"
    ]
    for path in wanted:
        yield Finding(path, "nothing is remembered: `memory.enabled` is off", wrong=False)


def _policies(config: Config) -> Iterator[Finding]:
    """A strategy asked for by its own name has no settings."""
    for path, what, name in references.found(config):
        strategy = STRATEGIES.get(name) if what == "policy" and name not in config.policies else None
        if strategy is not None and strategy.needs:
            message = f"strategy {name} needs `{strategy.needs}`: declare a policy with it under policies"
            yield Finding(path, message)
        elif what == "policy" and path[0] in ("routes", "agents", "intents") and _names_nobody(config, name):
            yield Finding(path, f"policy {name} names no `model`, so it can answer nobody who does not name one")


def _names_nobody(config: Config, name: str) -> bool:
    policy = config.policies.get(name)
    if policy is None:
        return name in MODELS
    return policy.strategy in MODELS and not policy.model and not policy.rules and not policy.tasks


def _left_out(config: Config, known: Mapping[str, str]) -> Iterator[Finding]:
    """Who is to answer by a policy that does not admit them."""
    for name, policy in config.policies.items():
        if policy.models is None:
            continue
        admitted = {known.get(model.lower()) for model in (*policy.models, *policy.fallbacks)}
        asked: list[tuple[NodePath, str]] = [(("model",), policy.model)] if policy.model else []
        asked += [(("rules", at, "model"), rule.model) for at, rule in enumerate(policy.rules) if rule.model]
        asked += [(("tasks", task, "model"), work.model) for task, work in policy.tasks.items() if work.model]
        asked += [(("tiers", at, "models"), one) for at, tier in enumerate(policy.tiers) for one in tier.models]
        for path, model in asked:
            if known.get(model.lower()) not in admitted:
                yield Finding(("policies", name, *path), f"{model!r} is not among the policy's `models`")


def _rows(config: Config) -> Iterator[Finding]:
    for task, work in config.policy.tasks.items():
        yield from work_findings(("policy", "tasks", task), work)
    for index, route in enumerate(config.routes):
        path: NodePath = ("routes", index)
        if route.policy is None:
            yield from work_findings(path, route)
        elif route.model is not None:
            yield Finding((*path, "model"), f"the route goes by policy {route.policy}; name one or the other")
    yield from named_twice(("routes",), [route.name for route in config.routes])


def _agents(config: Config) -> Iterator[Finding]:
    for name, agent in config.agents.items():
        if agent.model is not None and agent.policy is not None:
            yield Finding(("agents", name, "policy"), f"the agent is {agent.model}; name a model or a policy")
    for name, group in config.groups.items():
        if name in config.agents:
            yield Finding(("groups", name), "an agent has this name too, and both are asked for as `agent:NAME`")
        for index, one in enumerate(group.agents):
            if one in config.groups and one not in config.agents:
                yield Finding(("groups", name, "agents", index), f"{one!r} is a group; list its agents")


def _tasks(config: Config) -> Iterator[Finding]:
    spelt = {shipped: shipped for shipped in TASKS}
    for name, task in config.tasks.items():
        shipped = spelt.setdefault(name.lower(), name)
        if shipped != name:
            yield Finding(("tasks", name), f"differs from {shipped!r} only in case; write {shipped!r}")
        elif name in BY_NAME:
            yield from _shadowing(name, task)
        seen = [name]
        after = task.like
        while after is not None and after in config.tasks and after not in seen:
            seen.append(after)
            after = config.tasks[after].like
        if after is not None and after in seen:
            yield Finding(("tasks", name, "like"), f"goes round in a circle: {' -> '.join([*seen, after])}")
        for index, word in enumerate(task.keyword):
            if not word.strip():
                yield Finding(("tasks", name, "keyword", index), "an empty keyword stands in no request")


def _shadowing(name: str, task: Task) -> Iterator[Finding]:
    """Keywords may be added to a task that ships; what it means stays."""
    for field in ("like", "description"):
        if getattr(task, field):
            message = (
                f"task {name} ships and means: {BY_NAME[name].description}; give yours another name, such as my_{name}"
            )
            yield Finding(("tasks", name, field), message)


def _peaks(config: Config) -> Iterator[Finding]:
    for name, model in config.models.items():
        channels = ((("channels", index, "price"), channel.price) for index, channel in enumerate(model.channels))
        for path, price in ((("price",), model.price), *channels):
            for index, peak in enumerate(() if price is None else price.peaks):
                if peak.timezone not in available_timezones():
                    hint = similar(peak.timezone, available_timezones())
                    where = ("models", name, *path, "peaks", index, "timezone")
                    yield Finding(where, f"unknown time zone {peak.timezone!r}{hint}")


def _tenants(config: Config) -> Iterator[Finding]:
    channels = {
        f"{name}@{channel.name or channel.provider}"
        for name, model in config.models.items()
        for channel in model.channels
    }
    for name, tenant in config.tenants.items():
        try:
            ZoneInfo(tenant.timezone)
        except (ValueError, OSError, KeyError):
            hint = similar(tenant.timezone, available_timezones())
            yield Finding(("tenants", name, "timezone"), f"unknown time zone {tenant.timezone!r}{hint}")
        for index, channel in enumerate(tenant.channels or ()):
            if channel not in channels:
                hint = similar(channel, channels)
                yield Finding(("tenants", name, "channels", index), f"unknown channel {channel!r}{hint}")


def _wishes(config: Config) -> Iterator[Finding]:
    """A request that says nothing wishes these, so a wrong one would refuse it."""
    for index, key in enumerate(config.keys):
        for knob, text in key.wishes.items():
            words = (*TASKS, *config.tasks) if knob == "task" else WORDS.get(knob)
            if words is not None and text.lower() not in {word.lower() for word in words}:
                hint = nearest(text, words, offer=True)
                yield Finding(("keys", index, "wishes", knob), f"unknown {knob} {text[:100]!r}{hint}")
            elif knob in NUMBERS and not _fits(knob, text):
                yield Finding(("keys", index, "wishes", knob), f"expected {NUMBERS[knob]}, found {text[:100]!r}")


def _fits(knob: str, text: str) -> bool:
    number = parse_number(text)
    if number is None or number < 0:
        return False
    if knob == "max-latency":
        return text.isdigit() and number >= 1
    return number <= (1 if knob == "quality-floor" else 1_000_000)


def _matches(config: Config) -> Iterator[Finding]:
    for path, match in _all(config):
        if match.min_input_tokens and match.max_input_tokens and match.min_input_tokens > match.max_input_tokens:
            yield Finding((*path, "min_input_tokens"), f"is above max_input_tokens ({match.max_input_tokens})")
        for index, word in enumerate(match.keyword):
            if not word.strip():
                yield Finding((*path, "keyword", index), "an empty keyword stands in no request")
        for index, language in enumerate(match.language):
            if language not in TOLD:
                yield _language((*path, "language", index), language)
    for name, policy in config.policies.items():
        below = [("rules", index) for index, rule in enumerate(policy.rules[:-1]) if rule.match == Match()]
        below += [
            ("tiers", index)
            for index, tier in enumerate(policy.tiers[:-1])
            if tier.match == Match() and tier.budget is None
        ]
        for table, index in below:
            below_it = "never answers" if table == "rules" else "answers only where money runs out"
            message = f"is for every request, so what stands below it {below_it}; give it a `match`"
            yield Finding(("policies", name, table, index), message, wrong=False)


def _language(path: NodePath, said: str) -> Finding:
    """A language that is never told apart is a mistake only where it is no code of any: rules may be written ahead."""
    lower = said.lower()
    meant = next((code for code in (lower, lower[:2]) if code in TOLD and said[2:3] in ("", "-", "_")), None)
    meant = meant or NAMES.get(lower) or NAMES.get(closest(lower, NAMES, 0.7) or "")
    if meant is None and CODE.fullmatch(said):
        return Finding(
            path, f"no request is found to be in {said!r}; told apart are: {', '.join(sorted(TOLD))}", wrong=False
        )
    hint = f", did you mean {meant!r}?" if meant else f"; known: {', '.join(sorted(TOLD))}"
    return Finding(path, f"expected the code of a language, found {said!r}{hint}")


def _all(config: Config) -> Iterator[tuple[NodePath, Match]]:
    routes: tuple[Rule, ...] = config.routes
    for index, route in enumerate(routes):
        yield ("routes", index, "match"), route.match
    for name, policy in config.policies.items():
        for index, rule in enumerate(policy.rules):
            yield ("policies", name, "rules", index, "match"), rule.match
        for index, tier in enumerate(policy.tiers):
            yield ("policies", name, "tiers", index, "match"), tier.match
