"""World: everything a configuration comes to, worked out once when it loads and never changed.

A reload builds a new world beside the old one and swaps them; requests under way end in the one they began in.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from fairlead.config.schema import Coding as CodingPreset
from fairlead.config.schema import Config, Key, Provider
from fairlead.core.call import Caller
from fairlead.core.coding import Coding
from fairlead.core.model import Channel, Snapshot
from fairlead.core.policy import Limits, Policy
from fairlead.errors import ConfigError
from fairlead.providers.deltas import DELTAS, PLAIN
from fairlead.providers.wire import Endpoint
from fairlead.registry import policies as registry_policies
from fairlead.registry import snapshot as registry
from fairlead.registry.catalogue import Catalogue
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
        keys={digest(pads, key.key.reveal().encode()): _holder(key, snapshot) for key in config.keys},
        pads=pads,
        baseline=baseline,
        baseline_channel=snapshot.models[baseline].channels[0] if baseline else None,
        coding=None if config.coding is None else _coding(config.coding),
        request_timeout=config.server.request_timeout,
    )


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


def _holder(key: Key, snapshot: Snapshot) -> Keyholder:
    models = None
    if key.models is not None:
        found = (snapshot.resolve(name) for name in key.models)
        models = frozenset(model.name for model in found if model is not None)
    return Keyholder(
        Caller(
            key.name,
            key.tenant,
            key.role,
            key.policy,
            models,
            None if key.providers is None else frozenset(key.providers),
            None if key.regions is None else frozenset(key.regions),
            key.sensitive,
        ),
        Limits(key.limits.rpm, key.limits.tpm, key.limits.concurrency),
    )


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
        return Endpoint(name, provider.kind, "openai_chat", self_hosted=provider.is_self_hosted, simulated=True)
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
