"""HTTP/1.1 to the providers: a pool of kept-alive connections for every endpoint, one request at a time on each.

`pool` says who gets a connection, `connecting` and `addresses` how one is made, `connections` how an answer arrives,
`encodings` how one is read that comes compressed. Time limits are kept by one sweep over the replies under way, not
by a timer each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import msgspec

from fairlead.core.egress import EgressPermit
from fairlead.gateway.addresses import Addresses
from fairlead.gateway.connections import HttpReply
from fairlead.gateway.encodings import EncodedReply
from fairlead.gateway.outbox import Outbox
from fairlead.gateway.pool import Pool
from fairlead.providers.wire import Endpoint, Outbound, Reply, UpstreamBroken

SWEEP = 0.1


class Turned(msgspec.Struct, frozen=True):
    now: Mapping[str, Endpoint]
    """By name: those that did not change are the very ones from before."""
    former: list[Pool]


class HttpUpstream:
    """Carries requests to providers over HTTP. See `providers.wire.Upstream`."""

    def __init__(self, endpoints: Mapping[str, Endpoint], addresses: Addresses | None = None) -> None:
        loop = self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(loop)
        self.addresses = addresses or Addresses(loop)
        self.pools = {name: Pool(one, loop, self.outbox, self.addresses) for name, one in endpoints.items()}
        self._former: list[Pool] = []
        """Whom only requests ask that began before."""
        self._due = monotonic() + SWEEP
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)

    def send(
        self, permit: EgressPermit, endpoint: Endpoint, outbound: Outbound, sent: Callable[[Reply], None]
    ) -> Awaitable[HttpReply | EncodedReply]:
        if type(permit) is not EgressPermit or permit.provider != endpoint.name:
            raise TypeError(f"no permit for {endpoint.name}")
        if not permit.call and outbound.body:
            raise TypeError(f"the permit for {endpoint.name} is for a probe, which carries nothing")
        pool = self.pools.get(endpoint.name)
        if pool is None or pool.endpoint is not endpoint:
            pool = self._pool_of(endpoint)
        now = monotonic()
        connection = pool.ready(now)
        return (
            self._once_connected(pool, outbound, sent) if connection is None else connection.send(outbound, now, sent)
        )

    async def _once_connected(
        self, pool: Pool, outbound: Outbound, sent: Callable[[Reply], None]
    ) -> HttpReply | EncodedReply:
        connection = await pool.acquire()
        return await connection.send(outbound, monotonic(), sent)

    def _pool_of(self, endpoint: Endpoint) -> Pool:
        """Of an endpoint that was known before the present ones, or of an equal one."""
        for pool in (*self.pools.values(), *self._former):
            if pool.endpoint == endpoint:
                return pool
        raise UpstreamBroken("stale", f"{endpoint.name} is not configured any more")

    def turn_to(self, endpoints: Mapping[str, Endpoint]) -> Turned:
        """These are all there are from now on. The same as before keep their pools; pools of others stay until they
        are retired."""
        pools = {}
        for name, endpoint in endpoints.items():
            before = self.pools.get(name)
            same = before is not None and before.endpoint == endpoint
            pools[name] = before if before and same else Pool(endpoint, self.loop, self.outbox, self.addresses)
        former = [pool for name, pool in self.pools.items() if pools.get(name) is not pool]
        self._former += former
        self.pools = pools
        return Turned({name: pool.endpoint for name, pool in pools.items()}, former)

    def retire_soon(self, pools: list[Pool]) -> None:
        """Nobody needs them any more. Whatever thread finds that out, the loop closes them."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._retire, pools)

    def _retire(self, pools: list[Pool]) -> None:
        for pool in pools:
            pool.close()
        self._former = [pool for pool in self._former if pool not in pools]

    def _sweep(self) -> None:
        now = monotonic()
        for pool in (*self.pools.values(), *self._former):
            pool.sweep(now, now - self._due)
        self._due = now + SWEEP
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)

    async def close(self) -> None:
        self._sweeping.cancel()
        for pool in (*self.pools.values(), *self._former):
            pool.close()
        self.addresses.close()
