"""The surfaces of one gateway on one listener: a table of paths, and the errors that no surface handles itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from fairlead.core.call import Caller
from fairlead.dialects.table import DIALECTS
from fairlead.errors import MethodNotAllowed, NotFound, RequestError
from fairlead.gateway.admit import new_id
from fairlead.gateway.pipeline import note_refusal, refuse
from fairlead.gateway.runtime import Runtime
from fairlead.server import anthropic, gemini, health, openai, route
from fairlead.server.auth import ANYONE, identify
from fairlead.server.exchange import Exchange

Surface = Callable[[Runtime, Exchange, Caller], Awaitable[object]]


class App:
    """The handler a listener is given."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.ready = False
        self.started = time.time()
        self.open: Mapping[str, Callable[[bool, Exchange], None]] = {
            "/healthz": health.alive,
            "/readyz": health.ready,
            "/": health.hello,
            "/api/hello": health.hello,
        }
        """Answered to anyone."""
        self.surfaces: Mapping[str, Mapping[str, Surface]] = {
            "/v1/chat/completions": {"POST": openai.chat, "GET": openai.no_stored_chats},
            "/v1/responses": {"POST": openai.responses, "GET": openai.no_socket},
            "/v1/responses/input_tokens": {"POST": openai.count_tokens},
            "/v1/completions": {"POST": openai.completions},
            "/v1/embeddings": {"POST": openai.embeddings},
            **{path: {"POST": openai.opaque} for path in openai.OPAQUE},
            "/v1/messages": {"POST": anthropic.messages},
            "/v1/messages/count_tokens": {"POST": anthropic.count_tokens},
            "/v1/models": {"GET": openai.models},
            "/v1beta/models": {"GET": gemini.models},
            "/v1/route": {"POST": route.explain_route},
        }
        self.prefixes: tuple[tuple[str, Mapping[str, Surface]], ...] = (
            ("/v1/models/", {"GET": openai.one_model, "POST": gemini.generate}),
            ("/v1beta/models/", {"GET": gemini.one_model, "POST": gemini.generate}),
            ("/v1/responses/", {"GET": openai.stored, "DELETE": openai.forget, "POST": openai.stored_action}),
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
            refuse(self.runtime, caller, exchange, error, new_id(), dialect_of(exchange.path))

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


def dialect_of(path: str) -> str:
    """In whose shape errors are told: the path says which API is spoken, never a header."""
    if path.startswith("/v1/messages"):
        return "anthropic_messages"
    if path.startswith("/v1beta/") or (path.startswith("/v1/models/") and ":" in path):
        return "gemini"
    return "openai_responses" if path.startswith("/v1/responses") else "openai_chat"


def refusal(error: RequestError, path: str) -> bytes:
    """The body of an error the listener raises before there is a request."""
    return DIALECTS[dialect_of(path)].error_body(error, new_id())
