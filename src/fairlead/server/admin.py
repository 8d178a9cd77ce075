"""What only who runs the gateway may ask over HTTP."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Caller
from fairlead.errors import BadRequest, Forbidden
from fairlead.gateway.runtime import Runtime
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.once import Surface
from fairlead.server.reload import Reload


def reloading(reload: Reload | None) -> Surface:
    """The surface that takes up what the configuration's file says."""

    async def answer(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
        if caller.role != "admin":
            raise Forbidden("This takes a key with the role admin.", code="role")
        if reload is None:
            raise BadRequest("This server was started without a file: there is nothing to reload.", code="no_file")
        outcome = await reload.reload(f"asked for by key {caller.name}", caller)
        if not outcome.taken:
            told = "; ".join(outcome.problems)
            raise BadRequest(
                f"The configuration is rejected; {outcome.version} stays in force: {told}", code="config_rejected"
            )
        exchange.send(200, JSON, msgspec.json.encode({"version": outcome.version, "warnings": outcome.warnings}))

    return answer
