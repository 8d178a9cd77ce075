"""The surfaces of one gateway on one listener: a table of paths, and the errors that no surface handles itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from fairlead.dialects.table import DIALECTS
from fairlead.errors import MethodNotAllowed, NotFound, RequestError
from fairlead.gateway.admit import new_id
from fairlead.gateway.pipeline import error_headers, note_refusal, refuse
from fairlead.gateway.runtime import Runtime
from fairlead.server import anthropic, feedback, gemini, health, memories, openai, route
from fairlead.server.auth import ANYONE, Proof, identify
from fairlead.server.exchange import Exchange
from fairlead.server.metrics import PATH as METRICS
from fairlead.server.metrics import Metrics
from fairlead.server.once import Once, Surface
from fairlead.server.reload import Reload
from fairlead.server.shedding import LATER, Shedding
from fairlead.server.surfaces import surfaces

NO_ID = "req_of_nobody"
ID = NO_ID.encode()
"""Stands where each answer has an id of its own."""


class App:
    """The handler a listener is given."""

    def __init__(self, runtime: Runtime, shedding: Shedding, reload: Reload | None = None) -> None:
        self.runtime = runtime
        self.shedding = self.gauge = shedding
        self.ready = False
        self.started = time.time()
        self._told: dict[tuple[RequestError, str], tuple[list[bytes], list[bytes]]] = {}
        """What who is turned away is told: headers and body, in pieces between which each answer has an id of its own."""
        self.metrics = Metrics(shedding, self.started)
        administration = surfaces(reload)
        self.open: Mapping[str, Callable[[bool, Exchange], None]] = {
            "/healthz": health.alive,
            "/readyz": health.ready,
            "/": health.hello,
            "/api/hello": health.hello,
        }
        """Answered to anyone."""
        self.surfaces: Mapping[str, Mapping[str, Surface]] = {
            "/v1/chat/completions": {"POST": Once(openai.chat), "GET": openai.no_stored_chats},
            "/v1/responses": {"POST": Once(openai.responses), "GET": openai.no_socket},
            "/v1/responses/input_tokens": {"POST": openai.count_tokens},
            "/v1/completions": {"POST": Once(openai.completions)},
            "/v1/embeddings": {"POST": Once(openai.embeddings)},
            **{path: {"POST": Once(openai.opaque)} for path in openai.OPAQUE},
            "/v1/messages": {"POST": Once(anthropic.messages)},
            "/v1/messages/count_tokens": {"POST": anthropic.count_tokens},
            "/v1/models": {"GET": openai.models},
            "/v1beta/models": {"GET": gemini.models},
            "/v1/route": {"POST": route.explain_route},
            "/v1/feedback": {"POST": feedback.feedback},
            memories.PATH: {"POST": memories.write, "GET": memories.listed},
            f"{memories.PATH}/search": {"POST": memories.search},
            METRICS: {"GET": self.metrics},
            **administration.exact,
        }
        self._dialects = {path: dialect_of(path) for path, methods in self.surfaces.items() if "POST" in methods}
        """Of the requests that may be turned away as they come."""
        self.prefixes: tuple[tuple[str, Mapping[str, Surface]], ...] = (
            ("/v1/models/", {"GET": openai.one_model, "POST": Once(gemini.generate)}),
            ("/v1beta/models/", {"GET": gemini.one_model, "POST": Once(gemini.generate)}),
            ("/v1/responses/", {"GET": openai.stored, "DELETE": openai.forget, "POST": openai.stored_action}),
            ("/v1/decisions/", {"GET": route.decision}),
            (f"{memories.PATH}/", {"GET": memories.get, "DELETE": memories.forget}),
            *administration.prefixes,
        )

    async def answer(self, exchange: Exchange) -> None:
        caller, proof = ANYONE, exchange.headers.proof
        try:
            if type(proof) is Proof and proof.surface is not None and proof.world is self.runtime.world:
                caller, surface = proof.caller, proof.surface
            else:
                methods = self._methods(exchange)
                if methods is None:
                    return
                caller = identify(self.runtime.world, exchange)
                surface = _surface(methods, exchange)
                if exchange.method != "POST":
                    await surface(self.runtime.present, exchange, caller)
                    return
                proof = exchange.headers.proof
                if type(proof) is Proof:
                    proof.surface = surface
            shedding, name = self.shedding, caller.name
            shed = shedding.crowded(name)  # it was let in as it came, and has waited for its turn
            if shed is not None:
                self._turn_away(exchange, shed, dialect_of(exchange.path))
                return
            shedding.enter(name)
            try:
                await surface(self.runtime.present, exchange, caller)
            finally:
                shedding.leave(name)
        except RequestError as error:
            refuse(self.runtime, caller, exchange, error, new_id(), dialect_of(exchange.path))

    def turned_away(self, exchange: Exchange) -> float | None:
        """As the handler would, before its task wakes: where more come than can be answered, what a no costs is what counts.
        Whoever shows no good key, or asks for something else, is left to the handler."""
        dialect = self._dialects.get(exchange.path)
        if dialect is None or exchange.method != "POST":
            return None
        try:
            caller = identify(self.runtime.world, exchange)
        except RequestError:
            return None
        shed = self.shedding.refusal(caller.name)
        if shed is None:
            return None
        self._turn_away(exchange, shed, dialect)
        return LATER.get(shed, 0.0)

    def gate(self, exchange: Exchange) -> None:
        """Before a body that does not come at once is taken in: whose is it, and is there room for more?"""
        if exchange.path not in self.open:
            try:
                caller = identify(self.runtime.world, exchange)
            except RequestError as error:
                error.request_id = new_id()
                note_refusal(self.runtime, ANYONE, error, error.request_id)
                raise
            shed = self.shedding.refusal(caller.name)
            if shed is not None:
                # A copy: one that was raised keeps what it was raised in.
                raise type(shed)(shed.message, code=shed.code, retry_after=shed.retry_after)

    def _turn_away(self, exchange: Exchange, shed: RequestError, dialect: str) -> None:
        """Not audited one by one: what was turned away is told once, when it is over."""
        told = self._told.get((shed, dialect))
        if told is None:
            lines, words = error_headers(shed, NO_ID), DIALECTS[dialect].error_body(shed, NO_ID)
            told = self._told[(shed, dialect)] = lines.split(ID), words.split(ID)
        headers, body = told
        own = new_id().encode()
        exchange.send(shed.status, own.join(headers), own.join(body))

    def _methods(self, exchange: Exchange) -> Mapping[str, Surface] | None:
        """What may be done at this path; None where it was answered, as anyone is."""
        path = exchange.path
        methods = self.surfaces.get(path)
        if methods is not None:
            return methods
        told = self.open.get(path)
        if told is not None:
            told(self.ready and not self.shedding.full, exchange)
            return None
        for prefix, methods in self.prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return methods
        known = ", ".join((*self.surfaces, *(f"{prefix}{{id}}" for prefix, _ in self.prefixes), *self.open))
        raise NotFound(f"There is nothing at {path[:200]}; there is: {known}.", code="unknown_path")


def _surface(methods: Mapping[str, Surface], exchange: Exchange) -> Surface:
    """The same for all requests with the same head."""
    surface = methods.get(exchange.method)
    if surface is None:
        allowed = ", ".join(methods)
        raise MethodNotAllowed(f"{exchange.path} takes {allowed}, not {exchange.method}.", allow=allowed)
    return surface.fitting(exchange.headers) if isinstance(surface, Once) else surface


def dialect_of(path: str) -> str:
    """In whose shape errors are told: the path says which API is spoken, never a header."""
    if path.startswith("/v1/messages"):
        return "anthropic_messages"
    if path.startswith("/v1beta/") or (path.startswith("/v1/models/") and ":" in path):
        return "gemini"
    return "openai_responses" if path.startswith("/v1/responses") else "openai_chat"


def refusal(error: RequestError, path: str) -> tuple[bytes, bytes]:
    """Header lines and body of an error that is told before there is a whole request."""
    request_id = error.request_id or new_id()
    return error_headers(error, request_id), DIALECTS[dialect_of(path)].error_body(error, request_id)
