"""Alarms posted to whoever the configuration names: signed, a few times if need be, never at the expense of a request.

    POST {url}
    fairlead-signature: t=1790000000,v1=<hex of HMAC-SHA-256 over "1790000000." and the body, with the secret>

Rules:
- The name is looked up once for each try, and what was looked at is connected to. An address that no receiver of alarms
  has (unspecified, multicast, link-local, where clouds keep credentials) is not connected to.
- Redirects are not followed, of an answer only the status is read, and no proxy or credential of a provider is used.
- What waits is bounded: beyond that the oldest is let go of, which the log says.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from fairlead.registry.declared import Receiver

log = logging.getLogger("fairlead.guards")

PAUSES = (1.0, 5.0, 25.0)
"""Seconds between the tries."""
WAITING = 100
STATUS_BYTES = 8_192
OK = range(200, 300)


class Undelivered(Exception):
    pass


class Webhook:
    """One task delivers, as long as there is something to deliver."""

    def __init__(self, pauses: Sequence[float] = PAUSES) -> None:
        self._pauses = pauses
        self._waiting: deque[tuple[Receiver, bytes]] = deque()
        self._task: asyncio.Task[None] | None = None

    def tell(self, target: Receiver, body: bytes) -> None:
        """Soon. Called on the loop's thread."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            log.error("alarms wait for %s that is not reached; the oldest is let go of", _host(target))
        self._waiting.append((target, body))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._deliver(), name="fairlead-webhook")

    async def close(self) -> None:
        """What was not delivered stays in the audit."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _deliver(self) -> None:
        while self._waiting:
            target, body = self._waiting.popleft()
            for pause in (*self._pauses, None):
                try:
                    await post(target, body, int(time.time()))
                    break
                except (Undelivered, OSError, TimeoutError) as problem:
                    words = str(problem) or type(problem).__name__
                    if pause is None:
                        log.error("an alarm was not delivered to %s: %s", _host(target), words)
                        break
                    log.warning("an alarm could not be delivered to %s: %s; again in %g s", _host(target), words, pause)
                    await asyncio.sleep(pause)


def signature(secret: str, body: bytes, at: int) -> str:
    mac = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


async def post(target: Receiver, body: bytes, at: int) -> None:
    """Raises Undelivered, OSError or TimeoutError."""
    async with asyncio.timeout(target.timeout):
        status = await _posted(target, body, at)
    if status not in OK:
        raise Undelivered(f"HTTP {status}")


async def _posted(target: Receiver, body: bytes, at: int) -> int:
    url = urlsplit(target.url.reveal())
    host, secure = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refused: OSError | None = None
    for *_, address in found:
        check_address(str(address[0]))
    for *_, address in found:
        try:
            reader, writer = await asyncio.open_connection(
                str(address[0]), port, ssl=context, server_hostname=host if secure else None, limit=STATUS_BYTES
            )
            break
        except OSError as problem:
            refused = problem
    else:
        raise refused or Undelivered("it has no address")
    try:
        head = (
            f"POST {url.path or '/'} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nuser-agent: fairlead\r\nconnection: close\r\n"
            f"fairlead-signature: {signature(target.secret.reveal(), body, at)}\r\n\r\n"
        )
        writer.write(head.encode("ascii") + body)
        await writer.drain()
        return _status(await reader.readline())
    except ValueError:
        raise Undelivered("what answered speaks no HTTP") from None
    finally:
        writer.transport.abort()


def check_address(text: str) -> None:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = address if mapped is None else mapped
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        raise Undelivered(f"{address} is no address of a receiver of alarms")


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("no status")
    return int(rest[:3])


def _host(target: Receiver) -> str:
    """Without what a path may hold of secrets."""
    return urlsplit(target.url.reveal()).hostname or "?"
