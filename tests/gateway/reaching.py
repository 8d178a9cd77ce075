"""Providers that are reached over TLS, through a proxy, or not at all: what those tests share."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.core.egress import grant
from fairlead.gateway.addresses import Address, Addresses
from fairlead.gateway.connections import HttpReply
from fairlead.gateway.encodings import EncodedReply
from fairlead.gateway.transport import HttpUpstream
from fairlead.providers.wire import Endpoint, Outbound, Reply
from tests.gateway.test_transport import CHANNEL, OUTBOUND, call

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test on asyncio's loop and on the one that serves."""

    def run(loop: str, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(test(**arguments))

    own = inspect.signature(test).parameters.values()
    named = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = inspect.Signature([*own, named])  # type: ignore[attr-defined]
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.pytestmark = [*getattr(test, "pytestmark", ())]  # type: ignore[attr-defined]
    return pytest.mark.parametrize("loop", LOOPS)(run)


def endpoint(port: int, host: str = "127.0.0.1", **more: Any) -> Endpoint:
    settings: dict[str, Any] = {"first_byte_timeout": 5.0, "idle_timeout": 5.0, "connect_timeout": 3.0} | more
    return Endpoint("one", "openai", "openai_chat", host, port, **settings)


class Sending:
    def __init__(self, http: HttpUpstream, endpoint: Endpoint) -> None:
        self.http = http
        self.endpoint = endpoint

    async def send(self, outbound: Outbound = OUTBOUND) -> HttpReply | EncodedReply:
        begun: list[Reply] = []
        try:
            return await self.http.send(grant(call(), CHANNEL), self.endpoint, outbound, begun.append)
        except asyncio.CancelledError:
            for one in begun:
                one.abort()
            raise

    async def ask(self, outbound: Outbound = OUTBOUND) -> bytes:
        return await (await self.send(outbound)).body()

    @property
    def open(self) -> int:
        return len(self.http.pools["one"].open)


@asynccontextmanager
async def sending(endpoint: Endpoint, addresses: Addresses | None = None) -> AsyncIterator[Sending]:
    http = HttpUpstream({"one": endpoint}, addresses)
    try:
        yield Sending(http, endpoint)
    finally:
        await http.close()


def named(*addresses: str) -> Addresses:
    """A name service that knows one name, `provider.test`."""

    async def look_up(host: str, port: int) -> Sequence[Address]:
        if host != "provider.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6, (one, port, 0, 0)) if ":" in one else (socket.AF_INET, (one, port)) for one in addresses
        ]

    return Addresses(asyncio.get_running_loop(), look_up)


class Authority:
    """Signs certificates that nobody else trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority for tests")])
        limits = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self.name, self.key.public_key()).add_extension(limits, critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        today = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(today - day)
        return builder.not_valid_after(today + day)

    def server(self, name: str = "provider.test") -> ssl.SSLContext:
        """For a server of that name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        san = x509.IPAddress(ipaddress.ip_address(name)) if name[-1].isdigit() else x509.DNSName(name)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server for tests")])
        builder = self._builder(subject, key.public_key()).add_extension(
            x509.SubjectAlternativeName([san]), critical=False
        )
        pem = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        pem += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self.folder / f"{name.replace(':', '_')}.pem"
        file.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@dataclass
class Ear:
    """A server that takes every connection, says a fixed thing or nothing, and notes what it heard."""

    says: bytes = b""
    then_closes: bool = False
    reads: bool = True
    asked: bool = True
    """Says it when it has heard a head, else at once."""
    listens: asyncio.Event = field(default_factory=asyncio.Event)
    """Where it does not read: until then."""
    broken: int = 0
    """Connections that did not end properly."""
    heard: list[bytearray] = field(default_factory=list)
    gone: list[asyncio.Event] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard, gone = bytearray(), asyncio.Event()
        self.heard.append(heard)
        self.gone.append(gone)
        try:
            if self.says:
                if self.asked:
                    heard += await reader.readuntil(b"\r\n\r\n")
                writer.write(self.says)
                await writer.drain()
            while self.reads and not self.then_closes and (data := await reader.read(65536)):
                heard += data
            if not self.reads and not self.then_closes:
                await self.listens.wait()
                while data := await reader.read(65536):
                    heard += data
        except OSError:
            self.broken += 1
        finally:
            gone.set()
            writer.transport.abort() if self.then_closes else writer.close()

    def listen(self) -> None:
        """Whoever it has not read from yet is heard now."""
        before, self.listens = self.listens, asyncio.Event()
        before.set()


@asynccontextmanager
async def ear(
    says: bytes = b"",
    then_closes: bool = False,
    reads: bool = True,
    asked: bool = True,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Ear]:
    told = Ear(says, then_closes, reads, asked)
    async with _listening(told.serve, tls) as told.port:
        yield told


@asynccontextmanager
async def _listening(serve: Serve, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    serving: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls, limit=4096)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@dataclass
class Middle:
    """A proxy that opens tunnels, all of them to one port of this machine, and notes who asked for what."""

    to: int
    answer: bytes = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"
    asked: list[bytes] = field(default_factory=list)
    """The heads of the requests."""
    gone: list[asyncio.Event] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.Event()
        self.gone.append(gone)
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.answer.startswith(b"HTTP/1.1 200"):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
                writer.write(self.answer)
                await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
            elif self.answer:
                writer.write(self.answer)
            else:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            gone.set()
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def middle(to: int, answer: bytes | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Middle]:
    proxy = Middle(to) if answer is None else Middle(to, answer)
    async with _listening(proxy.serve, tls) as proxy.port:
        yield proxy


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port on which connecting never ends: its queue is full and nobody takes from it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        try:
            yield port
        finally:
            for one in waiting:
                one.close()


def refusing() -> int:
    """A port on which nobody listens."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])
