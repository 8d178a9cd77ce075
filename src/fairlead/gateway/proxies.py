"""Which proxy a provider is reached through: its own setting, else what the environment says for its address.

The environment is read as curl reads it, lower case before upper: `https_proxy` or `http_proxy` by the provider's
scheme, then `all_proxy`; `no_proxy` names who is reached directly, and this machine itself always is. A provider's
own `proxy` holds for whatever address it has.
"""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Mapping

from fairlead.config.proxy import NONE, ProxyAddress, read
from fairlead.config.secret import Secret
from fairlead.config.values import is_loopback
from fairlead.errors import ConfigError
from fairlead.providers.wire import Proxy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def proxy_for(
    name: str, own: Secret | None, host: str, port: int, tls: bool, environ: Mapping[str, str]
) -> Proxy | None:
    """`own`: what provider `name` says itself. None: it is reached directly."""
    if own is not None:
        return None if own.reveal() == NONE else _proxy(read(own.reveal()))
    variable = _variable(tls, environ)
    if not variable or is_loopback(host) or host.endswith(".localhost"):
        return None
    if exempt(host, port, environ.get("no_proxy") or environ.get("NO_PROXY", "")):
        return None
    try:
        return _proxy(read(environ[variable].strip()))
    except ValueError as problem:
        told = f"providers.{name}: {variable} in the environment names no usable proxy ({problem}); set `proxy: none`"
        raise ConfigError([f"{told} to reach it directly"]) from None


def _variable(tls: bool, environ: Mapping[str, str]) -> str:
    """The variable that holds. An empty one in lower case switches off its upper twin."""
    for kind in ("https_proxy" if tls else "http_proxy", "all_proxy"):
        name = next((name for name in (kind, kind.upper()) if name in environ), "")
        if name and environ[name].strip():
            return name
    return ""


def _proxy(address: ProxyAddress) -> Proxy:
    secrets: tuple[str, ...] = ()
    line = b""
    if address.user or address.password:
        token = b64encode(f"{address.user}:{address.password}".encode())
        line = b"Proxy-Authorization: Basic %b\r\n" % token
        secrets = (address.password, f"{address.user}:{address.password}", token.decode())
    return Proxy(address.host, address.port, address.tls, line, secrets)


def exempt(host: str, port: int, listed: str) -> bool:
    """Whether a list like `example.com, .corp:8443, 10.0.0.0/8, ::1, *` names the host."""
    host = host.lower().rstrip(".")
    return any(_names(entry, host, port) for entry in listed.lower().replace(",", " ").split())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, named_port = _split(entry)
    if named_port and named_port != str(port):
        return False
    network, address = _network(name), _network(host)
    if network is not None or address is not None:
        return (
            network is not None
            and address is not None
            and network.version == address.version
            and address.network_address in network
        )
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """(name, port) of `name:port` and `[address]:port`; the port is empty where none is named."""
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    name, found, port = entry.rpartition(":")
    return (name, port) if found and ":" not in name else (entry, "")


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
