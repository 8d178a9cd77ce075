"""The measuring stick: a reverse proxy from aiohttp to aiohttp (on uvloop) that does nothing else.

    python bare_proxy.py PORT UPSTREAM_URL

No keys, no limits, no choice, no ledger. Bodies stream both ways; the ones whose size is known and small are passed in
one piece, which is faster. Upstream connections are kept and unlimited; there is no access log.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

import aiohttp
import uvloop
from aiohttp import web

SMALL = 64 * 1024
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"})


def _is_small(length: int | None) -> bool:
    return length is not None and length <= SMALL


def _end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


class Proxy:
    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self.upstream = upstream
        self.session = session

    async def forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read() if _is_small(request.content_length) else request.content
        async with self.session.request(
            request.method,
            self.upstream + request.path_qs,
            headers=_end_to_end(request.headers),
            data=body,
            allow_redirects=False,
        ) as answer:
            headers = _end_to_end(answer.headers)
            if _is_small(answer.content_length):
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            await response.write_eof()
            return response


async def serve(port: int, upstream: str) -> None:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", Proxy(upstream, session).forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2].rstrip("/")))
