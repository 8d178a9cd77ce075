"""Conversations that are kept here, as callers lean on them: by the response before, or by the names of its items. # M1.5"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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


NATIVE = ", dialects: [openai_responses]"
PICTURE = {"id": "ig_up", "type": "image_generation_call", "status": "completed", "result": "aGk="}
THOUGHT = {"id": "rs_up", "type": "reasoning", "summary": []}
SEALED = {**THOUGHT, "id": "rs_sealed", "encrypted_content": "gAAA"}
CALLED = {
    "id": "fc_up",
    "type": "function_call",
    "call_id": "c1",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "7"}


async def answered(server: Served, *output: dict[str, Any], **fields: Any) -> None:
    """The provider gives these items to the tenant of fl_test."""
    server.upstream.push("one", Play([plain(200, json.dumps({**ANSWERED, "output": output}).encode())], None, 200))
    assert (await respond(server, **({"input": "Hello"} | fields))).status == 200


async def passed(server: Served, *items: dict[str, Any], **fields: Any) -> Any:
    """What the provider is sent of a request with these."""
    server.upstream.push("one", Play([plain(200, json.dumps({**ANSWERED, "id": "resp_on"}).encode())], None, 200))
    told = await respond(server, input=[*items, {"role": "user", "content": "And?"}], **fields)
    assert told.status == 200, told.body
    return json.loads(server.upstream.calls[-1].body)["input"]


def bare(item: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in item.items() if field != "id"}


UNKNOWN = {
    "of no type": {"id": "msg_nobodys"},
    "of the type null": {"type": None, "id": "msg_nobodys"},
    "a message without content": {"type": "message", "id": "msg_nobodys"},
    "a picture": {"type": "image_generation_call", "id": "ig_nobodys"},
    "a picture with content": {**PICTURE, "id": "ig_nobodys"},
    "a thought": {**THOUGHT, "id": "rs_nobodys"},
    "a search": {"type": "file_search_call", "id": "fs_nobodys", "queries": []},
    "an approval": {"type": "mcp_approval_response", "approval_request_id": "mcpr_nobodys", "approve": True},
}


@pytest.mark.parametrize("kind", UNKNOWN)
async def test_a_provider_looks_up_what_another_tenant_was_given(tmp_path: Path, kind: str) -> None:  # FAULTS 51
    asked = {"role": "user", "content": "x"}
    async with serving(tmp_path / "s", provider=NATIVE) as server:
        spelt = json.dumps({"model": "m-one", "input": [UNKNOWN[kind], asked]}).encode()
        for raw in (spelt, spelt.replace(b'"id"', b'"\\u0069d"')):
            told = await ask(server.port, "POST", "/v1/responses", raw, key="fl_other")
            assert (told.status, json.loads(told.body)["error"]["code"]) == (404, "not_yours")
        assert server.upstream.calls == []


async def test_what_a_client_sends_back_whole_is_looked_up_or_refused(tmp_path: Path) -> None:  # FAULTS 51
    """As those do that keep nothing at the provider: all that was said is in the items."""
    echoed = [SEALED, CALLED, RESULT, MADE]
    async with serving(tmp_path / "s", provider=NATIVE) as server:
        for key in ("fl_test", "fl_other"):
            sent_on = await passed(server, *echoed, key=key, store=False)
            assert sent_on[:4] == [bare(item) for item in echoed]
    async with serving(tmp_path / "alone", provider=NATIVE, more=ALONE) as server:
        assert (await passed(server, *echoed, store=False))[:4] == echoed


async def test_a_tenants_own_thoughts_and_pictures_cannot_be_gone_on_with(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=NATIVE) as server:
        await answered(server, THOUGHT, CALLED)
        # A thought and what followed it stay together, under the names their maker knows them by.
        assert (await passed(server, THOUGHT, CALLED, RESULT, {**MADE, "id": "msg_x"}))[:4] == [
            THOUGHT,
            CALLED,
            RESULT,
            bare(MADE),
        ]
        # What it went on with is known with the response that went on.
        assert (await passed(server, {"id": "fc_up"}, RESULT, THOUGHT))[0] == CALLED
        assert (await passed(server, RESULT, previous_response_id="resp_up"))[1:4] == [THOUGHT, CALLED, RESULT]
        await answered(server, PICTURE, store=False)
        assert (await passed(server, PICTURE, store=False))[0] == PICTURE
        for item in (THOUGHT, CALLED, PICTURE):
            told = await respond(server, "fl_other", input=named(item))
            assert (told.status, json.loads(told.body)["error"]["code"]) == (404, "not_yours")


async def test_a_thought_that_was_told_here_is_taken_for_a_providers(tmp_path: Path) -> None:
    thought = {**THOUGHT, "id": "rs_abc_0", "summary": [{"type": "summary_text", "text": "Hm."}]}
    async with serving(tmp_path / "s") as server:
        told = await respond(server, input=[thought, MADE, {"role": "user", "content": "And?"}], store=False)
        assert told.status == 200
