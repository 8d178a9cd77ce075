"""Proxies as they are written down: `http://user:password@host:port`, or `none`.

A message about one never repeats it: it may hold a password.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic_core import PydanticCustomError

from fairlead.config.secret import Secret

NONE = "none"
"""Written instead of an address: the provider is reached directly, whatever the environment says."""
HOST = re.compile(r"[a-z0-9._:%-]+")
PORTS = {"http": 80, "https": 443}


class ProxyAddress(NamedTuple):
    host: str
    port: int
    tls: bool
    """The proxy itself is spoken to over TLS."""
    user: str
    password: str


def read(text: str) -> ProxyAddress:
    """Raises ValueError with what is wrong with it. Without a scheme it is taken for http, as everywhere."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        return _read(parts, parts.port)
    except ValueError as problem:
        fault = str(problem) if isinstance(problem, _Unusable) else "expected an address like http://host:3128"
        raise ValueError(fault) from None


class _Unusable(ValueError):
    pass


def _read(parts: SplitResult, port: int | None) -> ProxyAddress:
    if parts.scheme not in PORTS:
        raise _Unusable(f"proxies are spoken to over http or https, not {parts.scheme[:10]}")
    if not parts.hostname or port == 0 or not HOST.fullmatch(parts.hostname):
        raise _Unusable("expected an address like http://host:3128")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _Unusable("the address of a proxy has no path")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if ":" in user:
        raise _Unusable("the user of a proxy must not hold a colon")
    return ProxyAddress(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "https", user, password)


def usable(value: Secret) -> Secret:
    if not value:
        raise PydanticCustomError("value", "is empty: give the proxy's address, or none to go directly")
    if value.reveal() != NONE:
        try:
            read(value.reveal())
        except ValueError as problem:
            raise PydanticCustomError("value", "{message}", {"message": str(problem)}) from None
    return value
