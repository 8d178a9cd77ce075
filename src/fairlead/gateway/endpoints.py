"""Endpoints: how each provider is reached, as far as that can be known before there is a request."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fairlead.config.schema import Provider
from fairlead.errors import ConfigError
from fairlead.gateway.proxies import proxy_for
from fairlead.providers.deltas import DELTAS, PLAIN
from fairlead.providers.wire import Endpoint, Proxy
from fairlead.providers.wires import headed
from fairlead.version import __version__

SHORTEST_SECRET = 8
VERSIONED = re.compile(r"/v[0-9]\w*$")
Way = tuple[str, int, bool, str, tuple[bytes, ...], str, bool, Proxy | None]


def endpoint(name: str, provider: Provider, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """One provider, with all that can be known of its requests before there is one. `environ` may name a proxy."""
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
    written = (f"[{host}]" if ":" in host else host) + ("" if port == (443 if tls else 80) else f":{port}")
    keys = _keys(provider)
    headers = [_rendered(name, _headers(provider, delta.key_header, written, key)) for key in keys or ("",)]
    proxy = proxy_for(name, provider.proxy, host, port, tls, environ)
    if proxy is not None and not tls:
        prefix, headers = f"http://{written}{prefix}", [lines + proxy.authorization for lines in headers]
    found = Endpoint(
        name=name,
        kind=provider.kind,
        dialect=provider.dialects[0] if provider.dialects else delta.dialect,
        dialects=frozenset(provider.dialects) or delta.dialects,
        host=host,
        port=port,
        tls=tls,
        prefix=prefix,
        headers=headers[0],
        secrets=_secrets(provider, proxy),
        self_hosted=provider.is_self_hosted,
        ca_file=provider.ca_file or "",
        authorities=_authorities(name, provider),
        verify=provider.verify,
        proxy=proxy,
        cache_hints=provider.cache_hints,
        max_tokens_field=provider.max_tokens_field or delta.max_tokens_field,
        stream_usage=delta.stream_usage if provider.stream_usage is None else provider.stream_usage,
        connect_timeout=provider.connect_timeout,
        first_byte_timeout=provider.first_byte_timeout,
        idle_timeout=provider.idle_timeout,
        max_connections=provider.max_connections,
    )
    return headed(found) if len(keys) < 2 else _keyed(found, keys, headers)


def way_to(endpoint: Endpoint) -> Way:
    """By which address, with which keys and past whom it is reached. Where that is another, nothing known of it holds."""
    one, headers = endpoint, tuple(each.headers for each in endpoint.keyed or (endpoint,))
    return one.host, one.port, one.tls, one.prefix, headers, one.authorities, one.verify, one.proxy


def _keys(provider: Provider) -> tuple[str, ...]:
    secrets = provider.api_keys if provider.api_key is None else (provider.api_key,)
    return tuple(dict.fromkeys(secret.reveal() for secret in secrets))


def _keyed(found: Endpoint, keys: tuple[str, ...], headers: list[bytes]) -> Endpoint:
    """Told by the place and a digest of it, each key can be found in the configuration, and cannot be made of it."""
    names = [f"{place} ({sha256(key.encode()).hexdigest()[:8]})" for place, key in enumerate(keys, 1)]
    keyed = [
        headed(msgspec.structs.replace(found, key=name, headers=lines))
        for name, lines in zip(names, headers, strict=True)
    ]
    return msgspec.structs.replace(found, keyed=tuple(keyed))


def _headers(provider: Provider, key_header: str, host: str, key: str) -> dict[str, str]:
    """What every request to it carries. `host` is as it is written there, with the port unless it is the usual one."""
    headers = {
        "Host": host,
        "User-Agent": f"fairlead/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if key:
        headers[key_header] = f"Bearer {key}" if key_header == "Authorization" else key
    for header, value in provider.headers.items():
        headers = {name: kept for name, kept in headers.items() if name.lower() != header.lower()}
        headers[header] = value.reveal()
    return headers


def _secrets(provider: Provider, proxy: Proxy | None) -> tuple[bytes, ...]:
    """What must never be read in a provider's own words. Shorter ones are no secrets, and stand in ordinary text."""
    revealed = [*_keys(provider), *(secret.reveal() for secret in provider.headers.values())]
    revealed += () if proxy is None else proxy.secrets
    return tuple(text.encode() for text in dict.fromkeys(revealed) if len(text) >= SHORTEST_SECRET)


def _authorities(name: str, provider: Provider) -> str:
    if not provider.ca_file:
        return ""
    try:
        ssl.create_default_context(cafile=provider.ca_file)
        return sha256(Path(provider.ca_file).read_bytes()).hexdigest()
    except OSError as problem:
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
