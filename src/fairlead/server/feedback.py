"""`POST /v1/feedback`: how good an answer was, as a share from 0 to 1 or a plain yes or no. Nothing else is taken, so
that no words of a conversation end up in the books."""

from __future__ import annotations

from typing import Annotated

import msgspec
import orjson

from fairlead.core.call import Caller
from fairlead.dialects.body import decode
from fairlead.dialects.openai_chat.native import DIALECT
from fairlead.errors import BadRequest
from fairlead.gateway.feedback import judge
from fairlead.gateway.runtime import Runtime
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.openai import incoming

LONGEST_ID = 200


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    good: bool | None = None


FIELDS = frozenset(Said.__struct_fields__)
_SAID = msgspec.json.Decoder(Said)


async def feedback(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    said = read(incoming(exchange, caller).body)
    score = said.score if said.score is not None else float(bool(said.good))
    with runtime.metering.aside(caller, DIALECT, exchange.received):
        word, replaced = await judge(runtime, caller, said.request_id, score)
    told = {
        "object": "feedback",
        "request_id": word.request,
        "model": word.model,
        "task": word.task,
        "score": word.score,
        "replaced": replaced,
    }
    exchange.send(200, JSON, orjson.dumps(told))


def read(body: bytes) -> Said:
    said = decode(body, _SAID, FIELDS)
    if (said.score is None) == (said.good is None):
        raise BadRequest("Say either `score`, from 0 to 1, or `good`, true or false.", param="score")
    return said
