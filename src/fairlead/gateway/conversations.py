"""Responses that go on with an earlier one (`previous_response_id`), whichever provider answers.

The conversation so far is kept here, not at a provider: it is put in front of the new input, so a thread may go on with
another model. `store: false` keeps nothing.
"""

from __future__ import annotations

import orjson

from fairlead.core.call import Caller
from fairlead.dialects import sse
from fairlead.dialects.openai_responses import native
from fairlead.errors import NotFound, RequestError, StateError
from fairlead.gateway import pipeline
from fairlead.gateway.admit import new_id
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.runtime import Runtime
from fairlead.store.conversations import Kept, history

DIALECT = "openai_responses"
DONE = (b"response.completed", b"response.incomplete")


class Listening:
    """An outlet that keeps the response as it goes by: the whole body, or the last event of a stream."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.response = b""

    @property
    def started(self) -> bool:
        return self._outlet.started

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        if status == 200:
            self.response = body
        self._outlet.send(status, headers, body)

    def start(self, status: int, headers: bytes) -> None:
        self._outlet.start(status, headers)

    async def write(self, piece: bytes) -> None:
        if DONE[0] in piece or DONE[1] in piece:
            for event in sse.split(piece):
                data = sse.data(event)
                if data is not None and (found := native.final_response(data)):
                    self.response = found
        await self._outlet.write(piece)

    def end(self, last: bytes = b"") -> None:
        self._outlet.end(last)


async def answer(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> None:
    try:
        view = native.read_request(incoming.body, "", False)
        earlier: tuple[bytes, ...] = ()
        body = incoming.body
        if view.previous:
            kept = await runtime.conversations.find(incoming.caller.tenant, view.previous)
            if kept is None:
                raise missing(view.previous)
            earlier = tuple(history(kept))
            body = native.with_history(body, earlier)
            incoming = Incoming(
                incoming.operation, incoming.caller, incoming.headers, body, incoming.received, incoming.dialect
            )
        items = (*earlier, *view.input_items()) if view.store else ()
    except RequestError as error:
        pipeline.refuse(runtime, incoming.caller, outlet, error, new_id(), DIALECT)
        return
    if not view.store:
        await pipeline.answer(runtime, incoming, outlet)
        return
    listening = Listening(outlet)
    await pipeline.answer(runtime, incoming, listening)
    if listening.response:
        await keep(runtime, incoming.caller, items, listening.response)


async def keep(runtime: Runtime, caller: Caller, items: tuple[bytes, ...], response: bytes) -> None:
    """The caller has its answer by now: a conversation that cannot be kept is said in the log, and is 404 later."""
    try:
        name = orjson.loads(response).get("id")
        if isinstance(name, str):
            kept = Kept(items, tuple(native.output_items(response)), response)
            await runtime.conversations.keep(caller.tenant, name, kept)
    except (StateError, ValueError) as error:
        pipeline.log.error("a response was not kept: %s", error)


def missing(name: str) -> NotFound:
    return NotFound(
        f"There is no response {name[:100]!r}: it is another's, was made with store=false, or is older than a day.",
        param="previous_response_id",
        code="response_not_found",
    )


def page(items: tuple[bytes, ...]) -> bytes:
    """Input items as the API lists them."""
    return b'{"object":"list","data":[%b],"has_more":false,"first_id":null,"last_id":null}' % b",".join(items)
