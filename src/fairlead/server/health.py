"""Liveness and readiness, for load balancers and supervisors. Neither needs a key nor tells more than yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.server.exchange import Exchange

if TYPE_CHECKING:
    from fairlead.server.app import App

JSON = b"Content-Type: application/json\r\n"


def alive(app: App, exchange: Exchange) -> None:
    exchange.send(200, JSON, b'{"status":"ok"}')


def ready(app: App, exchange: Exchange) -> None:
    if app.ready:
        exchange.send(200, JSON, b'{"status":"ready"}')
    else:
        exchange.send(503, JSON + b"retry-after: 1\r\n", b'{"status":"not ready"}')
