"""How many tokens a request has: asked of the named model's provider where it can tell, else estimated here."""

from __future__ import annotations

from fairlead.classify import signals, tokens
from fairlead.core.choice import Choice
from fairlead.dialects.table import DIALECTS
from fairlead.errors import RequestError
from fairlead.gateway import pipeline
from fairlead.gateway.admit import admit, new_id
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World


async def answer(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> None:
    request_id = new_id()
    try:
        call, choice = admit(runtime.world, None, incoming, request_id, pipeline.Looking(runtime))
    except RequestError as error:
        pipeline.refuse(runtime, incoming.caller, outlet, error, request_id, incoming.dialect)
        return
    if told_by_provider(runtime.world, choice, incoming.dialect):
        await pipeline.answer(runtime, incoming, outlet)
        return
    write = DIALECTS[incoming.dialect].write_count
    assert write is not None
    found = {signal.name: signal.value for signal in signals(call.view.shape()) if signal.kind == "tokens"}
    count = int(found.get("input", tokens.from_size(len(incoming.body))))
    headers = f"Content-Type: application/json\r\nx-fairlead-request-id: {request_id}\r\nx-fairlead-lossy: approximated:count\r\n"
    outlet.send(200, headers.encode(), write(count))


def told_by_provider(world: World, choice: Choice, dialect: str) -> bool:
    """Whether the named model is first reached through a provider that speaks the caller's dialect."""
    if choice.model is None:
        return False
    named = (one for one in choice.model.channels if not choice.channel or one.name == choice.channel)
    channel = next(named, None)
    return channel is not None and world.endpoints[channel.provider].speaks(dialect)
