"""Asks the channels that nobody has asked for a while, or whose ejection is over, whether they are there.

One look a second for who is due, one task a provider, and one question for all its channels that are: the list of its
models, which costs nothing and carries nothing of any request. That there is none (404, 405) is an answer too. Where everything
is asked anyway there is nobody to probe. Simulated providers are not probed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.egress import grant_probe
from fairlead.core.health import Claim
from fairlead.core.model import Snapshot
from fairlead.gateway.failures import ERROR_BYTES
from fairlead.providers import limits
from fairlead.providers.wire import Endpoint, Outbound, Reply, UpstreamBroken, head
from fairlead.providers.wires import WIRES

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

LOOK = 1.0
PATIENCE = 5.0
REFUSED = frozenset((401, 403))


class Finding(msgspec.Struct, frozen=True):
    """What a probe came to."""

    fault: str = ""
    """Empty for none."""
    retry_after: float = 0.0
    telling: bool = True
    """Whether it says anything of the channels."""


def probe_of(endpoint: Endpoint) -> Outbound:
    headers = endpoint.headers.replace(b"Content-Type: application/json\r\n", b"", 1)
    return Outbound(head("GET", f"{endpoint.prefix}/models", headers + WIRES[endpoint.dialect].version), b"")


class Probing:
    """Of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._looking: asyncio.TimerHandle | None = None
        self.under_way: dict[str, asyncio.Task[None]] = {}
        """By provider."""
        self._snapshot: Snapshot | None = None
        self._providers: dict[str, str] = {}
        """Of that snapshot's channels, by their ids."""

    def begin(self) -> None:
        self._looking = self.runtime.loop.call_later(LOOK, self.look)

    def close(self) -> None:
        """What is under way is broken off: nobody waits for it."""
        if self._looking is not None:
            self._looking.cancel()
        for task in list(self.under_way.values()):
            task.cancel()

    def look(self) -> None:
        """Who is due is asked, and the next look is a second off."""
        runtime, health = self.runtime, self.runtime.health
        due: dict[str, list[str]] = {}
        for channel in health.breakers.due(health.now()):
            provider = self._provider_of(channel)
            if provider and provider not in self.under_way and not runtime.world.endpoints[provider].simulated:
                due.setdefault(provider, []).append(channel)
        for provider, channels in due.items():
            endpoint = runtime.world.endpoints[provider]
            asked = runtime.keys.take(endpoint)
            if isinstance(asked, Endpoint):
                self.under_way[provider] = runtime.loop.create_task(self._probe(endpoint, asked, channels))
        self.begin()

    def _provider_of(self, channel: str) -> str:
        snapshot = self.runtime.world.snapshot
        if snapshot is not self._snapshot:
            models = snapshot.models.values()
            self._snapshot = snapshot
            self._providers = {one.id: one.provider for model in models for one in model.channels}
        return self._providers.get(channel, "")

    async def _probe(self, endpoint: Endpoint, asked: Endpoint, channels: list[str]) -> None:
        """One question, and what it says of each."""
        health = self.runtime.health
        now = health.now()
        taken = [health.breakers.claim(channel, now, probe=True) for channel in channels]
        claims = [claim for claim in taken if claim is not None]
        found = Finding(telling=False)
        try:
            if claims:
                found = await self._ask(endpoint, asked)
        finally:
            del self.under_way[endpoint.name]
            for claim in claims:
                self._report(claim, endpoint.name, found)

    def _report(self, claim: Claim, provider: str, found: Finding) -> None:
        health = self.runtime.health
        if not found.telling:
            health.breakers.abandoned(claim)
        else:
            health.probed(claim, provider, found.fault, found.retry_after)

    async def _ask(self, endpoint: Endpoint, asked: Endpoint) -> Finding:
        runtime = self.runtime
        begun: list[Reply] = []
        try:
            async with asyncio.timeout(PATIENCE):
                upstream = runtime.upstream_for(endpoint)
                reply = await upstream.send(grant_probe(endpoint.name), endpoint, probe_of(asked), begun.append)
                size = 0
                while size < ERROR_BYTES and (piece := await reply.read()):
                    size += len(piece)
        except TimeoutError:
            return Finding(f"no answer to a probe within {PATIENCE:g} s")
        except UpstreamBroken as broken:
            return Finding(str(broken), telling=not broken.ours)
        finally:
            for one in begun:  # nobody reads the rest, if there is one
                one.abort()
        return self.said(endpoint, asked, reply.status, limits.retry_after(reply.headers, time.time()))

    def said(self, endpoint: Endpoint, asked: Endpoint, status: int, retry_after: float | None) -> Finding:
        back_in = self.runtime.keys.fell(endpoint, asked, status, retry_after)
        if back_in == 0:  # another key is well, and will be asked
            return Finding(telling=False)
        if status < 500 and status != 429 and status not in REFUSED:
            self.runtime.keys.answered(asked)
            return Finding()
        if status in REFUSED:
            self.runtime.complain(endpoint.name, status, "")
        return Finding(f"HTTP {status} to a probe", back_in or retry_after or 0.0)
