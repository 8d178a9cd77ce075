"""Tools that providers ran, told in the pieces of a stream: none is lost, and none counted twice. # M6.1 FAULTS 47"""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.core.record import Usage
from fairlead.core.tools import Calls, together
from fairlead.dialects.anthropic_messages.passing import StreamReader as Anthropics
from fairlead.dialects.continuing import added
from fairlead.dialects.gemini.passing import StreamReader as Googles
from fairlead.dialects.neutral import Used
from fairlead.dialects.openai_responses.passing import StreamReader as Responses
from fairlead.dialects.passing import TAIL, Passing
from fairlead.dialects.table import DIALECTS

LONG = "word " * TAIL
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
CODE = {"type": "server_tool_use", "id": "srvtoolu_2", "name": "bash_code_execution"}


def event(**fields: Any) -> bytes:
    return f"event: {fields.get('type')}\ndata: {json.dumps(fields)}\n\n".encode()


def claude(*tools: dict[str, Any], container: str = "", requests: int = 0, whole: bool = True) -> list[bytes]:
    found = [event(type="message_start", message={"id": "m", "usage": {"input_tokens": 9, "output_tokens": 1}})]
    found += [event(type="content_block_start", index=n, content_block=tool) for n, tool in enumerate(tools)]
    found.append(event(type="content_block_delta", index=9, delta={"type": "text_delta", "text": LONG}))
    if whole:
        delta = {"stop_reason": "end_turn", "container": {"id": container} if container else None}
        usage = {"output_tokens": 5, "server_tool_use": {"web_search_requests": requests}}
        found += [event(type="message_delta", delta=delta, usage=usage), event(type="message_stop")]
    return found


def google(*queries: list[str], whole: bool = True) -> list[bytes]:
    found = []
    for number, searched in enumerate(queries):
        grounding = {"webSearchQueries": searched}
        candidate = {"content": {"parts": [{"text": LONG}]}, "groundingMetadata": grounding if searched else {}}
        found.append(
            event(candidates=[candidate], usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": number})
        )
    if whole:
        last = {"content": {"parts": [{"text": "."}]}, "finishReason": "STOP"}
        found.append(event(candidates=[last], usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 9}))
    return found


STREAMS: dict[str, tuple[type[Passing], list[bytes], Calls]] = {
    "claude, told at the end": (Anthropics, claude(SEARCH, SEARCH, requests=2), (("web_search", 2),)),
    "claude, code": (Anthropics, claude(CODE, CODE, container="c"), (("code_execution", 1),)),
    "claude, code that a search needed": (Anthropics, claude(SEARCH, CODE, container="c", requests=1), (("web_search", 1),)),
    "claude, broken off": (Anthropics, claude(SEARCH, SEARCH, CODE, whole=False), (("web_search", 2),)),
    "claude, broken off, code": (Anthropics, claude(CODE, CODE, whole=False), (("code_execution", 1),)),
    "gemini, long before the end": (Googles, google(["a", "b"], []), (("web_search", 2),)),
    "gemini, told again": (Googles, google(["a"], ["a", "b"], ["a", "b"]), (("web_search", 2),)),
    "gemini, nothing searched": (Googles, google([], []), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [0, 1_000])
def test_a_streams_tools_are_lost_or_counted_twice(name: str, size: int) -> None:
    make, events, calls = STREAMS[name]
    reader = make()
    body = b"".join(events)
    for at in range(0, len(body), size or len(body)):
        reader.feed(body[at : at + (size or len(body))])
    reader.end()
    assert reader.usage is not None
    assert reader.usage.calls == calls


def test_items_of_a_stream_that_broke_off_are_lost_or_counted_twice() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    said = event(type="response.output_text.delta", delta=LONG)
    reader = Responses()
    for piece in (
        event(type="response.output_item.added", item={**item, "status": "in_progress"}),
        event(type="response.output_item.done", item=item),
        said,
        event(type="response.output_item.done", item={**item, "id": "ws_2", "status": "failed"}),
        event(type="response.output_item.done", item={**item, "id": "ws_3"}),
        said,
    ):
        reader.feed(piece)
    reader.end()
    assert (reader.usage, reader.calls) == (None, (("web_search", 2),))


def test_a_search_is_lost_where_its_stream_is_written_anew() -> None:
    interpreter = DIALECTS["gemini"].interpreter()
    events = [one for piece in google(["a", "b"], []) for one in interpreter.read(piece)]
    assert [one.usage.calls for one in events if isinstance(one, Used)] == [(("web_search", 2),)]


def test_what_went_on_elsewhere_has_one_of_both_bills() -> None:
    one, other = Usage(1, 1, calls=(("maps", 1), ("web_search", 2))), Usage(1, 1, calls=(("web_search", 3),))
    assert added(one, other).calls == (("maps", 1), ("web_search", 5))
    assert added(one, Usage(1, 1)).calls == one.calls == together((), one.calls)
