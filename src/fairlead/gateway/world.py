"""World: everything a configuration comes to, worked out once when it loads and never changed.

A reload builds a new world beside the old one and swaps them; requests under way end in the one they began in.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from fairlead.classify.keywords import Keywords
from fairlead.classify.llm import Asked
from fairlead.classify.sensitivity.detector import Detector
from fairlead.classify.tasks import TASKS
from fairlead.config import intents, sensitivity
from fairlead.config.choosing import Plan, Tenant
from fairlead.config.schema import Coding as CodingPreset
from fairlead.config.schema import Config, Key, Provider
from fairlead.core.agents import Agent, Group
from fairlead.core.call import Caller
from fairlead.core.coding import Coding
from fairlead.core.model import Channel, Snapshot
from fairlead.core.policy import Limits, Policy
from fairlead.core.table import Rule
from fairlead.errors import ConfigError
from fairlead.providers.deltas import DELTAS, PLAIN
from fairlead.providers.wire import Endpoint
from fairlead.registry import policies as registry_policies
from fairlead.registry import snapshot as registry
from fairlead.registry.catalogue import Catalogue
from fairlead.registry.digest import nano
from fairlead.version import __version__

SHORTEST_SECRET = 8
BLOCK = 64
VERSIONED = re.compile(r"/v[0-9]\w*$")


class Pads(msgspec.Struct, frozen=True):
    """The pepper as HMAC uses it, prepared once."""

    inner: bytes
    outer: bytes


class Keyholder(msgspec.Struct, frozen=True):
    caller: Caller
    limits: Limits


class World(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    policies: Mapping[str, Policy]
    default_policy: str
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[bytes, Keyholder]
    """By digest; empty means that nobody has to show one."""
    pads: Pads
    baseline: str
    """The model that savings are measured against."""
    baseline_channel: Channel | None
    coding: Coding | None
    request_timeout: float
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
    baseline = _baseline(config, snapshot)
    pads = pads_of(pepper)
    endpoints = {name: endpoint(name, provider) for name, provider in config.providers.items()}
    return World(
        snapshot=snapshot,
        policies=policies,
        default_policy=config.policy.default,
        endpoints=endpoints,
        keys={digest(pads, key.key.reveal().encode()): _holder(key, config, snapshot) for key in config.keys},
        pads=pads,
        baseline=baseline,
        baseline_channel=snapshot.models[baseline].channels[0] if baseline else None,
        coding=None if config.coding is None else _coding(config.coding),
        request_timeout=config.server.request_timeout,
        routes=registry_policies.routes(config),
        agents=_agents(config),
        intents=_intents(config),
        tasks=_tasks(config),
        told_by=_told_by(config),
        keywords=_keywords(config),
        detector=_detector(config),
        classifier=_classifier(config, snapshot),
        timezones={name: ZoneInfo(tenant.timezone) for name, tenant in config.tenants.items()},
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
            knob.replace("_", "-"): str(value)
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
    )


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


def _holder(key: Key, config: Config, snapshot: Snapshot) -> Keyholder:
    """What binds a key: its own words, its plan's and its tenant's, the narrowest of each."""
    plan = config.plans[key.plan] if key.plan is not None else Plan()
    tenant = config.tenants.get(key.tenant, Tenant())
    return Keyholder(
        Caller(
            key.name,
            key.tenant,
            key.role,
            key.policy or plan.policy or tenant.policy,
            _models(snapshot, key.models, plan.models, tenant.models),
            _narrowest(key.providers, tenant.providers),
            _narrowest(key.regions, tenant.regions),
            key.sensitive or tenant.sensitive,
            None if plan.max_cost is None else nano(plan.max_cost),
            key.plan or "",
            _narrowest(tenant.channels),
            tuple((knob, text) for knob, text in key.wishes.items()),
        ),
        Limits(key.limits.rpm, key.limits.tpm, key.limits.concurrency),
    )


def _models(snapshot: Snapshot, *lists: tuple[str, ...] | None) -> frozenset[str] | None:
    found = (snapshot.resolve(name) for name in _narrowest(*lists) or ())
    return None if _narrowest(*lists) is None else frozenset(model.name for model in found if model is not None)


def _narrowest(*lists: tuple[str, ...] | None) -> frozenset[str] | None:
    given = [frozenset(one) for one in lists if one is not None]
    return frozenset.intersection(*given) if given else None


def _baseline(config: Config, snapshot: Snapshot) -> str:
    """The declared one, else the priced model of best quality."""
    if config.report.baseline is not None:
        model = snapshot.resolve(config.report.baseline)
        return "" if model is None else model.name
    priced = [model for model in snapshot.models.values() if model.channels[0].prices]
    best = max(priced, key=lambda model: (model.quality or 0.0, model.name), default=None)
    return "" if best is None else best.name


def endpoint(name: str, provider: Provider) -> Endpoint:
    """One provider, with all that can be known of its requests before there is one."""
    if provider.kind == "simulated":
        return Endpoint(
            name,
            provider.kind,
            "openai_chat",
            dialects=frozenset({"embeddings"}),
            self_hosted=provider.is_self_hosted,
            simulated=True,
        )
    # Behind an address of one's own anything may speak the plain wire; only the provider itself has its ways.
    own = provider.kind == "openai" and provider.base_url is not None
    delta = PLAIN if own else DELTAS[provider.kind]
    address = provider.base_url or delta.base_url
    if not address:
        raise ConfigError(
            [f"providers.{name}: kind {provider.kind} needs a base_url, such as http://127.0.0.1:8000/v1"]
        )
    url = urlsplit(address)
    prefix = url.path.rstrip("/")
    if prefix.endswith("/openai"):
        # Anthropic and Google have such addresses, which speak OpenAI's dialect.
        delta = PLAIN
    elif delta.version and not VERSIONED.search(prefix):
        prefix += f"/{delta.version}"
    tls = url.scheme == "https"
    host = url.hostname or ""
    port = url.port or (443 if tls else 80)
    usual = port == (443 if tls else 80)
    shown = f"[{host}]" if ":" in host else host
    headers = {
        "Host": shown if usual else f"{shown}:{port}",
        "User-Agent": f"fairlead/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if provider.api_key is not None:
        key = provider.api_key.reveal()
        headers[delta.key_header] = f"Bearer {key}" if delta.key_header == "Authorization" else key
    for header, value in provider.headers.items():
        headers = {key: kept for key, kept in headers.items() if key.lower() != header.lower()}
        headers[header] = value.reveal()
    _check_tls(name, provider)
    return Endpoint(
        name=name,
        kind=provider.kind,
        dialect=provider.dialects[0] if provider.dialects else delta.dialect,
        dialects=frozenset(provider.dialects) or delta.dialects,
        host=host,
        port=port,
        tls=tls,
        prefix=prefix,
        headers=_rendered(name, headers),
        secrets=_secrets(provider),
        self_hosted=provider.is_self_hosted,
        ca_file=provider.ca_file or "",
        verify=provider.verify,
        max_tokens_field=provider.max_tokens_field or delta.max_tokens_field,
        stream_usage=delta.stream_usage if provider.stream_usage is None else provider.stream_usage,
        connect_timeout=provider.connect_timeout,
        first_byte_timeout=provider.first_byte_timeout,
        idle_timeout=provider.idle_timeout,
        max_connections=provider.max_connections,
    )


def _secrets(provider: Provider) -> tuple[bytes, ...]:
    """What must never be read in a provider's own words. Shorter ones are no secrets, and stand in ordinary text."""
    revealed = [secret.reveal() for secret in (provider.api_key, *provider.headers.values()) if secret is not None]
    long = [text for text in revealed if len(text) >= SHORTEST_SECRET]
    # In JSON a slash may be written with a backslash.
    return tuple(text.encode() for text in dict.fromkeys((*long, *(text.replace("/", "\\/") for text in long))))


def _check_tls(name: str, provider: Provider) -> None:
    if provider.ca_file:
        try:
            ssl.create_default_context(cafile=provider.ca_file)
        except (OSError, ssl.SSLError) as problem:
            raise ConfigError(
                [f"providers.{name}.ca_file: cannot be used as a PEM file of authorities ({problem})"]
            ) from None


def _rendered(name: str, headers: dict[str, str]) -> bytes:
    lines = []
    for header, value in headers.items():
        if any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise ConfigError([f"providers.{name}: the header {header} (or the key in it) holds a control character"])
        try:
            lines.append(f"{header}: {value}\r\n".encode("latin-1"))
        except UnicodeEncodeError:
            raise ConfigError(
                [f"providers.{name}: the header {header} (or the key in it) holds a character HTTP cannot carry"]
            ) from None
    return b"".join(lines)
