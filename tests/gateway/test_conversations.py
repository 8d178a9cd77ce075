"""Conversations that are kept here, as callers lean on them: by the response before, or by the names of its items. # M1.5"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.server.serving import Served, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, plain

ALONE = "keys: [{name: test, key: fl_test}]"
"""All there is belongs to one tenant."""


async def respond(server: Served, key: str = "fl_test", path: str = "/v1/responses", **fields: Any) -> Response:
    return await ask(server.port, "POST", path, json.dumps({"model": "m-one", **fields}).encode(), key=key)


def named(*items: dict[str, Any]) -> list[dict[str, Any]]:
    return [*({"type": "item_reference", "id": item["id"]} for item in items), {"role": "user", "content": "And?"}]


def sent(server: Served) -> list[tuple[str, Any]]:
    messages = json.loads(server.upstream.calls[-1].body)["messages"]
    return [(message["role"], message.get("content")) for message in messages]


async def test_an_item_that_was_answered_here_cannot_be_named(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        first = json.loads((await respond(server, input="Hello")).body)
        told = await respond(server, input=named(*first["output"]))
        assert told.status == 200
        assert sent(server) == [("assistant", "Bonjour."), ("user", "And?")]
        # What is kept is the item itself: going on does not need the first response any more.
        place = f"/v1/responses/{first['id']}"
        assert (await ask(server.port, "DELETE", place)).status == 200
        on = await respond(server, input="More", previous_response_id=json.loads(told.body)["id"])
        assert on.status == 200
        assert sent(server)[:2] == [("assistant", "Bonjour."), ("user", "And?")]


async def test_a_named_call_of_a_tool_is_an_orphan(tmp_path: Path) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"id": "a", "model": "up", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, json.dumps(answer).encode())], None, 200))
        first = json.loads((await respond(server, input="Hello", tools=tools)).body)
        result = {"type": "function_call_output", "call_id": "call_1", "output": "7"}
        given = [{"type": "item_reference", "id": first["output"][0]["id"]}, result]
        assert (await respond(server, input=given, tools=tools)).status == 200
        called, told = json.loads(server.upstream.calls[-1].body)["messages"]
        assert (called["tool_calls"][0]["id"], told["role"], told["tool_call_id"]) == ("call_1", "tool", "call_1")


async def test_another_tenants_item_or_a_forgotten_one_is_given_by_its_name(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        first = json.loads((await respond(server, input="Hello")).body)["output"]
        unkept = json.loads((await respond(server, input="Hello", store=False)).body)["output"]
        asked = len(server.upstream.calls)
        elsewhere: list[dict[str, Any]] = [{"id": "msg_made_elsewhere"}]
        for key, items in (("fl_other", first), ("fl_test", unkept), ("fl_test", elsewhere)):
            told = await respond(server, key, input=named(*items))
            assert told.status == 404
            assert json.loads(told.body)["error"]["code"] == "not_yours"
        assert len(server.upstream.calls) == asked
    async with serving(tmp_path / "alone", more=ALONE) as server:
        told = await respond(server, input=named({"id": "msg_made_elsewhere"}))
        assert told.status == 400
        assert json.loads(told.body)["error"]["code"] == "not_translatable"
        assert "item_reference" in json.loads(told.body)["error"]["message"]
        assert server.upstream.calls == []


MADE = {"id": "msg_up", "type": "message", "role": "assistant", "status": "completed", "content": [
    {"type": "output_text", "text": "Bonjour.", "annotations": []}]}  # fmt: skip
ANSWERED = {
    "id": "resp_up",
    "object": "response",
    "status": "completed",
    "model": "up",
    "output": [MADE],
    "error": None,
}


async def test_an_item_that_the_provider_named_is_every_tenants(tmp_path: Path) -> None:  # FAULTS 51
    """It would find the item of whoever asks: all tenants are one to it."""
    async with serving(tmp_path / "s", provider=", dialects: [openai_responses]") as server:
        server.upstream.push("one", Play([plain(200, json.dumps(ANSWERED).encode())], None, 200))
        first = await respond(server, input="Hello")
        assert json.loads(first.body)["output"] == [MADE]
        server.upstream.push("one", Play([plain(200, json.dumps(ANSWERED).encode())], None, 200))
        assert (await respond(server, input=named(MADE))).status == 200
        assert json.loads(server.upstream.calls[-1].body)["input"][0] == MADE
        asked = len(server.upstream.calls)
        for key, name in (("fl_other", "msg_up"), ("fl_other", "msg_nobodys"), ("fl_test", "msg_nobodys")):
            told = await respond(server, key, input=named({"id": name}))
            assert (told.status, json.loads(told.body)["error"]["code"]) == (404, "not_yours")
        assert (await ask(server.port, "GET", "/v1/responses/item%20msg_up")).status == 404
        assert len(server.upstream.calls) == asked


async def test_input_that_only_speaks_of_references_is_changed(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=", dialects: [openai_responses]", more=ALONE) as server:
        for given in ('Explain "item_reference".', named({"id": "msg_made_elsewhere_0"})):
            await respond(server, input=given)
            assert json.loads(server.upstream.calls[-1].body)["input"] == given
