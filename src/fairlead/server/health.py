"""Liveness and readiness, for load balancers and supervisors. Neither needs a key nor tells more than yes or no."""

from __future__ import annotations

from fairlead.server.exchange import JSON, Exchange


def alive(is_ready: bool, exchange: Exchange) -> None:
    exchange.send(200, JSON, b'{"status":"ok"}')


def ready(is_ready: bool, exchange: Exchange) -> None:
    if is_ready:
        exchange.send(200, JSON, b'{"status":"ready"}')
    else:
        exchange.send(503, JSON + b"retry-after: 1\r\n", b'{"status":"not ready"}')


def hello(is_ready: bool, exchange: Exchange) -> None:
    """Some clients ask for the root, or for this path, to see whether anybody is there."""
    exchange.send(200, JSON, b'{"message":"This is fairlead."}')
