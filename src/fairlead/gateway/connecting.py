"""How a connection to a provider is made: straight or through a proxy, with TLS up to whoever is at the other end.

To a provider that speaks TLS a proxy opens a tunnel (CONNECT), and the provider's certificate is checked through it;
for any other it takes ordinary requests that name the whole address, which the endpoint has prepared. Whatever ends
the making, a time limit, a failure or the caller's leaving, closes what was opened.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from fairlead.gateway.addresses import Addresses
from fairlead.providers.wire import Endpoint, Proxy, UpstreamBroken
from fairlead.version import __version__

if TYPE_CHECKING:
    from fairlead.gateway.connections import Connection

MAX_ANSWER = 16 * 1024
"""Bytes of a proxy's answer to CONNECT."""
ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class Way:
    """The way to one endpoint."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, addresses: Addresses) -> None:
        self.endpoint = endpoint
        self.loop = loop
        self.addresses = addresses
        self.tls = tls_context(endpoint.ca_file, endpoint.verify) if endpoint.tls else None
        proxy = endpoint.proxy
        self.proxy_tls = tls_context(endpoint.ca_file) if proxy is not None and proxy.tls else None
        self._proxy = "" if proxy is None else f"{proxy.host}:{proxy.port}"

    async def dial(self, made: Callable[[], Connection]) -> Connection:
        """`made` makes the connection's own end. Raises UpstreamBroken when there is none in `connect_timeout`."""
        endpoint = self.endpoint
        where = f"{endpoint.host}:{endpoint.port}" + (f" through the proxy {self._proxy}" if self._proxy else "")
        try:
            async with asyncio.timeout(endpoint.connect_timeout):
                proxy = endpoint.proxy
                if proxy is None:
                    connection = await self._straight(made, endpoint.host, endpoint.port, self.tls)
                elif self.tls is None:
                    connection = await self._straight(made, proxy.host, proxy.port, self.proxy_tls)
                else:
                    connection = await self._through(made, proxy, self.tls)
        except TimeoutError:
            told = f"no connection to {where} in {endpoint.connect_timeout:g} s"
            raise UpstreamBroken("connect_timeout", told) from None
        except ssl.SSLError as problem:
            raise UpstreamBroken("tls", f"{where}: {_words(problem)}") from None
        except OSError as problem:
            raise UpstreamBroken("connect", f"{where}: {_words(problem)}") from None
        if not connection.usable:
            raise UpstreamBroken("cut", f"{where} closed the connection at once")
        return connection

    async def _straight(
        self, made: Callable[[], Connection], host: str, port: int, tls: ssl.SSLContext | None
    ) -> Connection:
        sock = await self.addresses.reach(host, port)
        try:
            _, connection = await self.loop.create_connection(
                made, sock=sock, ssl=tls, server_hostname=host if tls else None
            )
        except BaseException:
            sock.close()
            raise
        return connection

    async def _through(self, made: Callable[[], Connection], proxy: Proxy, tls: ssl.SSLContext) -> Connection:
        sock = await self.addresses.reach(proxy.host, proxy.port)
        tunnel = Tunnel(self.loop)
        try:
            outer, _ = await self.loop.create_connection(
                lambda: tunnel, sock=sock, ssl=self.proxy_tls, server_hostname=proxy.host if proxy.tls else None
            )
        except BaseException:
            sock.close()
            raise
        try:
            await tunnel.ask(self.endpoint, proxy)
            connection = made()
            inner = await self.loop.start_tls(outer, connection, tls, server_hostname=self.endpoint.host)
            if inner is None or inner.is_closing():
                raise ConnectionResetError("the connection was closed at once")
        except BaseException:
            outer.abort()
            raise
        connection.connection_made(inner)
        return connection


class Tunnel(asyncio.Protocol):
    """A connection to a proxy until it leads on to the provider."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._head = b""
        self._ended: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) > MAX_ANSWER:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def ask(self, endpoint: Endpoint, proxy: Proxy) -> None:
        """Raises UpstreamBroken when the proxy does not open the way."""
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        name = f"{host}:{endpoint.port}".encode()
        if self._transport is not None:
            self._transport.write(
                b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: fairlead/%b\r\n%b\r\n"
                % (name, name, __version__.encode(), proxy.authorization)
            )
            await self._ended
        refused = self._refusal()
        if refused:
            raise UpstreamBroken("proxy", f"the proxy {proxy.host}:{proxy.port} {refused}")

    def _refusal(self) -> str:
        head, whole, rest = self._head.partition(b"\r\n\r\n")
        found = ANSWER.match(head + b"\r")
        if not head:
            return "closed the connection without an answer"
        if not whole or found is None:
            return "does not answer in proper HTTP"
        status = int(found[1])
        if status == 407:
            return NOT_LET_IN
        if not 200 <= status < 300:
            return f"opens no way there (HTTP {status})"
        return "sends bytes that nobody asked for" if rest else ""


NOT_LET_IN = "wants other credentials (HTTP 407)"


def tls_context(ca_file: str, verify: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(problem: OSError) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return problem.reason or str(problem)
    if isinstance(problem, socket.gaierror) or not problem.errno:
        return problem.strerror or str(problem)
    return os.strerror(problem.errno)
