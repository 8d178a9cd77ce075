"""Responses that go on with an earlier one (`previous_response_id`, `item_reference`), whichever provider answers.

The conversation so far is kept here, not at a provider: it is put in front of the new input, so a thread may go on with
another model. `store: false` keeps nothing.
"""

from __future__ import annotations

import msgspec
import orjson

from fairlead.core.call import Call
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.dialects import sse
from fairlead.dialects.openai_responses import native
from fairlead.errors import NotFound, RequestError, StateError
from fairlead.gateway import counting, items, pipeline
from fairlead.gateway.admit import new_id
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.runtime import Runtime
from fairlead.store.conversations import Kept, history

DIALECT = "openai_responses"
MOST_REFERRED = 256
"""Responses whose items one request may name."""
DONE = (b"response.completed", b"response.incomplete")


class Listening:
    """An outlet that keeps the response as it goes by: the whole body, or the last event of a stream."""

    def __init__(self, outlet: Outlet, previous: str = "") -> None:
        self._outlet = outlet
        self._previous = previous
        """What the response goes on with: providers are not told, the caller is."""
        self.response = b""

    @property
    def started(self) -> bool:
        return self._outlet.started

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        if status == 200:
            self.response = body = native.going_on(body, self._previous) if self._previous else body
        self._outlet.send(status, headers, body)

    def start(self, status: int, headers: bytes) -> None:
        self._outlet.start(status, headers)

    async def write(self, piece: bytes) -> None:
        await self._outlet.write(self._heard(piece))

    def end(self, last: bytes = b"") -> None:
        self._outlet.end(self._heard(last))

    def _heard(self, piece: bytes) -> bytes:
        if self._previous:
            piece = native.going_on(piece, self._previous)
        if DONE[0] in piece or DONE[1] in piece:
            for event in sse.split(piece):
                data = sse.data(event)
                if data is not None and (found := native.final_response(data)):
                    self.response = found
        return piece


async def answer(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> Call | None:
    """The call that was answered, as the pipeline tells it."""
    try:
        view = native.read_request(incoming.body, "", False)
        incoming = await with_earlier(runtime, incoming, view.previous)
        asked = tuple(native.input_items(incoming.body)) if view.store else ()
    except RequestError as error:
        pipeline.refuse(runtime, incoming.caller, outlet, error, new_id(), DIALECT)
        return None
    if not view.store and not view.previous:
        return await pipeline.answer(runtime, incoming, outlet)
    listening = Listening(outlet, view.previous)
    call = await pipeline.answer(runtime, incoming, listening)
    if listening.response and view.store and call is not None:
        await keep(runtime, grant_sink(call, "conversation", local=True), asked, listening.response)
    return call


async def count(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> None:
    """How many tokens a request has, with those of the conversation it goes on with."""
    try:
        view = native.read_count(incoming.body)
        incoming = await with_earlier(runtime, incoming, view.previous)
    except RequestError as error:
        pipeline.refuse(runtime, incoming.caller, outlet, error, new_id(), DIALECT)
        return
    await counting.answer(runtime, incoming, outlet)


async def with_earlier(runtime: Runtime, incoming: Incoming, previous: str) -> Incoming:
    """The request with all it leans on: items it only names in their places, what was said before in front of them."""
    kept = await runtime.conversations.find(incoming.caller.tenant, previous) if previous else None
    if previous and kept is None:
        raise missing(previous)
    if runtime.world.shared:
        incoming = await items.settled(runtime, incoming, kept)
    elif native.REFERENCE.encode() in incoming.body:
        incoming = await _with_referred(runtime, incoming)
    if kept is None:
        return incoming
    return _leaning(incoming, native.with_history(incoming.body, history(kept)), kept)


async def _with_referred(runtime: Runtime, incoming: Incoming) -> Incoming:
    """An item that was not answered here stays a name: its maker may know it, and all others refuse it."""
    given = native.input_items(incoming.body)
    known: dict[str, Kept | None] = {}
    sources: list[Kept] = []
    for place, item in enumerate(given):
        name, response = native.referred(item)
        if response and response not in known and len(known) < MOST_REFERRED:
            known[response] = await runtime.conversations.find(incoming.caller.tenant, response)
        kept = known.get(response)
        if kept is not None and (whole := native.item_of(kept.answered, name)):
            given[place] = whole
            sources.append(kept)
    return _leaning(incoming, native.with_input(incoming.body, given), *sources) if sources else incoming


def _leaning(incoming: Incoming, body: bytes, *sources: Kept) -> Incoming:
    sensitive = incoming.sensitive or any(kept.sensitive for kept in sources)
    return msgspec.structs.replace(incoming, body=body, sensitive=sensitive)


async def keep(runtime: Runtime, permit: SinkPermit, asked: tuple[bytes, ...], response: bytes) -> None:
    """The caller has its answer by now: a conversation that cannot be kept is said in the log, and is 404 later."""
    try:
        name = orjson.loads(response).get("id")
        if isinstance(name, str):
            kept = Kept(asked, tuple(native.output_items(response)), response, permit.sensitive)
            named = native.names_elsewhere(kept.answered) if runtime.world.shared else ()
            await runtime.conversations.keep(permit, name, kept, named)
    except (StateError, ValueError) as error:
        pipeline.log.error("a response was not kept: %s", error)


def missing(name: str) -> NotFound:
    return NotFound(
        f"There is no response {name[:100]!r}: it is another's, was made with store=false, or is older than a day.",
        param="previous_response_id",
        code="response_not_found",
    )


def page(given: tuple[bytes, ...]) -> bytes:
    """Input items as the API lists them."""
    return b'{"object":"list","data":[%b],"has_more":false,"first_id":null,"last_id":null}' % b",".join(given)
