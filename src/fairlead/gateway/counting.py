"""How many tokens a request has: asked of the named model's provider where it can tell, else estimated here."""

from __future__ import annotations

from fairlead.classify import signals, tokens
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.dialects.table import DIALECTS
from fairlead.errors import RequestError
from fairlead.gateway import pipeline
from fairlead.gateway.admit import admit, begun
from fairlead.gateway.request import Incoming, Outlet
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World


async def answer(runtime: Runtime, incoming: Incoming, outlet: Outlet) -> None:
    request_id, facts = begun()
    try:
        call, choice, _ = admit(runtime.world, None, incoming, request_id, facts, pipeline.Looking(runtime))
        if not told_by_provider(runtime.world, choice, incoming.dialect):
            with runtime.metering.aside(incoming.caller, incoming.dialect, incoming.received):
                _estimated(call, outlet)
            return
    except RequestError as error:
        pipeline.refuse(runtime, incoming.caller, outlet, error, request_id, incoming.dialect)
        return
    await pipeline.answer(runtime, incoming, outlet)


def _estimated(call: Call, outlet: Outlet) -> None:
    write = DIALECTS[call.dialect].write_count
    assert write is not None
    found = {signal.name: signal.value for signal in signals(call.view.shape()) if signal.kind == "tokens"}
    count = int(found.get("input", tokens.from_size(len(call.body))))
    headers = f"Content-Type: application/json\r\nx-fairlead-request-id: {call.id}\r\nx-fairlead-lossy: approximated:count\r\n"
    outlet.send(200, headers.encode(), write(count))


def told_by_provider(world: World, choice: Choice, dialect: str) -> bool:
    """Whether the named model is first reached through a provider that speaks the caller's dialect."""
    if choice.model is None:
        return False
    named = (one for one in choice.model.channels if not choice.channel or one.name == choice.channel)
    channel = next(named, None)
    return channel is not None and world.endpoints[channel.provider].speaks(dialect)
