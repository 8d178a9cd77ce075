"""The surfaces of one gateway on one listener: a table of paths, and the errors that no surface handles itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from fairlead.core.call import Caller
from fairlead.dialects.openai_chat import native as openai_chat
from fairlead.errors import MethodNotAllowed, NotFound, RequestError
from fairlead.gateway.admit import new_id
from fairlead.gateway.pipeline import note_refusal, refuse
from fairlead.gateway.runtime import Runtime
from fairlead.server import health, openai, route
from fairlead.server.auth import ANYONE, identify
from fairlead.server.exchange import Exchange

Surface = Callable[[Runtime, Exchange, Caller], Awaitable[None]]


class App:
    """The handler a listener is given."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.ready = False
        self.started = time.time()
        self.open: Mapping[str, Callable[[bool, Exchange], None]] = {"/healthz": health.alive, "/readyz": health.ready}
        """Answered to anyone."""
        self.surfaces: Mapping[str, Mapping[str, Surface]] = {
            "/v1/chat/completions": {"POST": openai.chat},
            "/v1/models": {"GET": openai.models},
            "/v1/route": {"POST": route.explain_route},
        }
        self.prefixes: tuple[tuple[str, Mapping[str, Surface]], ...] = (
            ("/v1/models/", {"GET": openai.one_model}),
            ("/v1/decisions/", {"GET": route.decision}),
        )

    async def __call__(self, exchange: Exchange) -> None:
        caller = ANYONE
        try:
            methods = self.surfaces.get(exchange.path)
            if methods is None:
                answer = self.open.get(exchange.path)
                if answer is not None:
                    answer(self.ready, exchange)
                    return
                methods = self._by_prefix(exchange.path)
            caller = identify(self.runtime.world, exchange)
            surface = methods.get(exchange.method)
            if surface is None:
                allowed = ", ".join(methods)
                raise MethodNotAllowed(f"{exchange.path} takes {allowed}, not {exchange.method}.", allow=allowed)
            await surface(self.runtime, exchange, caller)
        except RequestError as error:
            refuse(self.runtime, caller, exchange, error, new_id())

    def gate(self, exchange: Exchange) -> None:
        """Before a body that does not come at once is taken in: whose is it?"""
        if exchange.path not in self.open:
            try:
                identify(self.runtime.world, exchange)
            except RequestError as error:
                note_refusal(self.runtime, ANYONE, error, "")
                raise

    def _by_prefix(self, path: str) -> Mapping[str, Surface]:
        for prefix, methods in self.prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return methods
        known = ", ".join((*self.surfaces, *(f"{prefix}{{id}}" for prefix, _ in self.prefixes), *self.open))
        raise NotFound(f"There is nothing at {path[:200]}; there is: {known}.", code="unknown_path")


def refusal(error: RequestError) -> bytes:
    """The body of an error the listener raises before there is a request."""
    return openai_chat.error_body(error, new_id())
