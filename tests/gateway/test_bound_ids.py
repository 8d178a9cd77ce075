"""An id that a provider gives is its tenant's own, and leads back to the channel it came through: end to end, in every
dialect. The upstream's own log is the oracle: nobody else is asked, and nothing of it reaches another account."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead.config.load import loads
from fairlead.server.serve import start
from tests.server.serving import Served
from tests.server.wire import Response, ask
from tests.upstream import Play, Upstream, plain, scripted, status, stream

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
KINDS = {
    "openai_chat": "kind: openai, base_url: 'http://127.0.0.1:{port}/{seat}/v1'",
    "openai_responses": "kind: openai_responses, base_url: 'http://127.0.0.1:{port}/{seat}/v1'",
    "anthropic_messages": "kind: anthropic, base_url: 'http://127.0.0.1:{port}/{seat}'",
    "gemini": "kind: gemini, base_url: 'http://127.0.0.1:{port}/{seat}'",
}
TWO = "keys: [{name: a, key: fl_a, tenant: first}, {name: b, key: fl_b, tenant: second}]"
ONE = "keys: [{name: a, key: fl_a, tenant: first}]"
FILE = "https://generativelanguage.googleapis.com/v1beta/files/"


def config(port: int, state: Path, dialect: str, keys: str) -> str:
    one, two = (KINDS[dialect].format(port=port, seat=seat) for seat in ("one", "two"))
    price = "price: {input: 1, output: 2}, context: 128000, quality: 0.5"
    return f"""
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}", retries: 0, max_lag: 60}}
providers:
  one: {{{one}, api_key: key-one}}
  two: {{{two}, api_key: key-two}}
models:
  both: {{channels: [{{provider: one, model: up-one}}, {{provider: two, model: up-two}}], {price}}}
  near: {{channels: [{{provider: one, model: near}}, {{provider: two, model: near}}], {price}}}
  far: {{channels: [{{provider: one, model: far}}], {price}}}
policies:
  ordered: {{strategy: pinned, model: both, fallbacks: [far]}}
policy: {{default: ordered}}
{keys}
"""


@asynccontextmanager
async def gateway(upstream: Upstream, state: Path, dialect: str, keys: str = TWO) -> AsyncIterator[Served]:
    running = await start(loads(config(upstream.port, state, dialect, keys)))
    try:
        yield Served(running, upstream, running.port)
    finally:
        await running.stop()


@asynccontextmanager
async def serving(state: Path, dialect: str, keys: str = TWO) -> AsyncIterator[Served]:
    async with scripted() as upstream, gateway(upstream, state, dialect, keys) as server:
        yield server


def events(*told: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)


def chat(name: str) -> tuple[dict[str, Any], bytes]:
    message = {"role": "assistant", "content": None, "audio": {"id": name, "data": "aGk=", "transcript": "hi"}}
    told = {"id": "c", "object": "chat.completion", "created": 1, "model": "up"}
    usage = {"usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}
    whole = {**told, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **usage}
    delta = {"index": 0, "delta": message, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return whole, events({**told, "choices": [delta]}, {**told, "choices": [ended], **usage}) + b"data: [DONE]\n\n"


def responses(name: str) -> tuple[dict[str, Any], bytes]:
    ran = {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": name, "code": "1"}
    cited = {"type": "container_file_citation", "container_id": name, "file_id": f"{name}-file", "filename": "a.csv"}
    part = {"type": "output_text", "text": "hi", "annotations": [cited]}
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "up"}
    whole |= {"output": [ran, said], "usage": usage, "error": None}
    return whole, events(
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "hi"},
        {"type": "response.output_text.annotation.added", "item_id": "msg_1", "annotation": cited},
        {"type": "response.completed", "response": whole},
    )


def anthropic(name: str) -> tuple[dict[str, Any], bytes]:
    output = {"type": "bash_code_execution_output", "file_id": f"{name}-file"}
    result = {"type": "bash_code_execution_result", "stdout": "", "return_code": 0, "content": [output]}
    made = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": result}
    container = {"id": name, "expires_at": "2030-01-01T00:00:00Z"}
    text = {"type": "text", "text": "hi"}
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "stop_sequence": None}
    usage = {"input_tokens": 11, "output_tokens": 7}
    ended = {"stop_reason": "end_turn", "container": container}
    begun: dict[str, Any] = {**told, "content": [], "stop_reason": None, "container": None, "usage": usage}
    return {**told, "content": [made, text], **ended, "usage": usage}, events(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": made},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {**ended, "stop_sequence": None}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )


def gemini(name: str) -> tuple[dict[str, Any], bytes]:
    parts = [{"text": "hi"}, {"fileData": {"mimeType": "image/png", "fileUri": FILE + name}}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "up"}
    return whole, events(whole)


ANSWERS: dict[str, Callable[[str], tuple[dict[str, Any], bytes]]] = {
    "openai_chat": chat, "openai_responses": responses, "anthropic_messages": anthropic, "gemini": gemini,
}  # fmt: skip


def giving(dialect: str, name: str, streamed: bool, size: int = 0) -> Play:
    whole, told = ANSWERS[dialect](name)
    if not streamed:
        return Play([plain(200, json.dumps(whole).encode())])
    return stream([told[at : at + size] for at in range(0, len(told), size)] if size else [told])


PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}


async def asking(
    server: Served, dialect: str, key: str = "fl_a", model: str = "both", stream: bool = False, **more: Any
) -> Response:
    hello = [{"role": "user", "content": "Hello"}]
    bodies: dict[str, dict[str, Any]] = {
        "openai_chat": {"messages": hello},
        "openai_responses": {"input": "Hello", "store": False},
        "anthropic_messages": {"messages": hello, "max_tokens": 50},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    }
    body = bodies[dialect] | more
    if dialect == "gemini":
        path = f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    else:
        path, body = PATHS[dialect], {"model": model, "stream": stream, **body}
    return await ask(server.port, "POST", path, json.dumps(body).encode(), key=key)


def naming(dialect: str, name: str) -> dict[str, Any]:
    """The request that names an id of such an answer, as its SDKs do."""
    if dialect == "openai_chat":
        return {"messages": [{"role": "assistant", "audio": {"id": name}}, {"role": "user", "content": "And?"}]}
    if dialect == "openai_responses":
        return {"tools": [{"type": "code_interpreter", "container": name}]}
    if dialect == "anthropic_messages":
        return {"container": name}
    file = {"fileData": {"mimeType": "image/png", "fileUri": FILE + name}}
    return {"contents": [{"role": "user", "parts": [file, {"text": "And?"}]}]}


def words(response: Response) -> str:
    error = json.loads(response.body)["error"]
    return str(error["message"])


async def given(server: Served, dialect: str, name: str, seat: str, streamed: bool = False, key: str = "fl_a") -> None:
    """A tenant is given an id through a channel."""
    server.upstream.push(seat, giving(dialect, name, streamed))
    response = await asking(server, dialect, key, f"both@{seat}", streamed)
    assert response.status == 200
    assert name.encode() in response.body


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_id_is_another_tenants_too_or_leads_elsewhere(  # FAULTS 51
    tmp_path: Path, dialect: str, streamed: bool
) -> None:
    async with serving(tmp_path / "s", dialect) as server:
        await given(server, dialect, "id_1", "two", streamed)
        asked = len(server.upstream.calls)
        for model in ("both", "both@two", "auto"):
            for again in (False, True):
                server.upstream.push("two", giving(dialect, "id_1", again))
                response = await asking(server, dialect, "fl_a", model, again, **naming(dialect, "id_1"))
                assert (response.status, response.headers["x-fairlead-channel"]) == (200, "two")
        assert server.upstream.seats[asked:] == ["two"] * 6
        refused = [await asking(server, dialect, "fl_b", **naming(dialect, name)) for name in ("id_1", "id_2")]
        assert [one.status for one in refused] == [404, 404]
        assert words(refused[0]) == words(refused[1]).replace("id_2", "id_1"), "the words tell that it is somebody's"
        assert len(server.upstream.calls) == asked + 6


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_id_torn_over_pieces_is_not_seen(tmp_path: Path, dialect: str, size: int) -> None:
    async with serving(tmp_path / "s", dialect) as server:
        server.upstream.push("two", giving(dialect, "id_1", True, size))
        response = await asking(server, dialect, "fl_a", "both@two", True)
        assert b"id_1" in response.body
        server.upstream.push("two", giving(dialect, "id_1", False))
        assert (await asking(server, dialect, **naming(dialect, "id_1"))).status == 200
        assert server.upstream.seats == ["two", "two"]


async def test_files_that_an_answer_made_are_not_known_by_their_own_ids(tmp_path: Path) -> None:
    image = {"type": "image", "source": {"type": "file", "file_id": "id_1-file"}}
    async with serving(tmp_path / "a", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "two")
        named: dict[str, Any] = {"messages": [{"role": "user", "content": [image]}]}
        server.upstream.push("two", giving("anthropic_messages", "id_1", False))
        assert (await asking(server, "anthropic_messages", **named)).status == 200
        assert (await asking(server, "anthropic_messages", "fl_b", **named)).status == 404
    async with serving(tmp_path / "r", "openai_responses") as server:
        await given(server, "openai_responses", "id_1", "two", streamed=True)
        named = {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "id_1-file"}]}]}
        server.upstream.push("two", giving("openai_responses", "id_1", False))
        assert (await asking(server, "openai_responses", **named)).status == 200
        assert (await asking(server, "openai_responses", "fl_b", **named)).status == 404


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_restart_forgets_whose_an_id_is(tmp_path: Path, dialect: str) -> None:
    async with scripted() as upstream:
        async with gateway(upstream, tmp_path / "s", dialect) as server:
            await given(server, dialect, "id_1", "two")
        async with gateway(upstream, tmp_path / "s", dialect) as server:
            server.upstream.push("two", giving(dialect, "id_1", False))
            assert (await asking(server, dialect, **naming(dialect, "id_1"))).headers["x-fairlead-channel"] == "two"
            assert (await asking(server, dialect, "fl_b", **naming(dialect, "id_1"))).status == 404


async def test_a_channel_that_fails_gives_way_to_one_that_does_not_have_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "two")
        asked = len(server.upstream.calls)
        for model in ("both", "auto"):
            server.upstream.push("two", status(500))
            response = await asking(server, "anthropic_messages", model=model, container="id_1")
            assert response.status == 502
        assert server.upstream.seats[asked:] == ["two", "two"]


@pytest.mark.parametrize("dialect", ["openai_chat", "gemini"])
async def test_what_a_provider_keeps_and_may_change_is_answered_from_the_cache(  # M5.1
    tmp_path: Path, dialect: str
) -> None:
    async with serving(tmp_path / "s", dialect, f"{TWO}\ncache: {{exact: {{enabled: true}}}}") as server:
        await given(server, dialect, "id_1", "two")
        asked = len(server.upstream.calls)
        for _ in range(2):
            server.upstream.push("two", giving(dialect, "id_2", False))
            response = await asking(server, dialect, **naming(dialect, "id_1"))
            assert (response.status, response.headers["x-fairlead-cache"]) == (200, "bypass")
        assert len(server.upstream.calls) == asked + 2


@pytest.mark.parametrize("field", ["prompt", "conversation"])
async def test_what_hangs_on_a_prompt_kept_elsewhere_is_answered_from_the_cache(  # M5.1
    tmp_path: Path, field: str
) -> None:
    async with serving(tmp_path / "s", "openai_responses", f"{ONE}\ncache: {{exact: {{enabled: true}}}}") as server:
        for _ in range(2):
            server.upstream.push("one", giving("openai_responses", "id_1", False))
            response = await asking(server, "openai_responses", model="both@one", **{field: {"id": f"{field[:4]}_1"}})
            assert (response.status, response.headers["x-fairlead-cache"]) == (200, "bypass")
        assert len(server.upstream.calls) == 2


async def test_the_plan_does_not_say_why_the_others_are_out(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "two")
        server.upstream.push("two", giving("anthropic_messages", "id_1", False))
        answered = await asking(server, "anthropic_messages", model="auto", container="id_1")
        told = (await server.get(f"/v1/decisions/{answered.headers['x-fairlead-request-id']}", "fl_a")).json
        assert "kept_elsewhere" in json.dumps(told)
        response = await asking(server, "anthropic_messages", model="both@one", container="id_1")
        assert response.status == 403
        assert "kept at both@two" in words(response)


async def test_another_model_at_the_same_provider_is_out_of_reach(tmp_path: Path) -> None:
    """What a provider keeps is its account's: whichever of the models there is asked."""
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "two")
        server.upstream.push("two", giving("anthropic_messages", "id_1", False))
        response = await asking(server, "anthropic_messages", model="near", container="id_1")
        assert (response.status, response.headers["x-fairlead-channel"]) == (200, "two")
        assert (await asking(server, "anthropic_messages", model="far", container="id_1")).status == 403


async def test_what_is_kept_in_two_places_is_asked_of_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "one")
        await given(server, "anthropic_messages", "id_2", "two")
        asked = len(server.upstream.calls)
        upload = {"type": "container_upload", "file_id": "id_2-file"}
        messages = [{"role": "user", "content": [upload]}]
        response = await asking(server, "anthropic_messages", container="id_1", messages=messages)
        assert response.status == 400
        for name in ("id_1", "both@one", "id_2-file", "both@two"):
            assert name in words(response)
        assert len(server.upstream.calls) == asked


@pytest.mark.parametrize("keys", [ONE, ""])
async def test_what_was_put_there_elsewhere_is_looked_for_in_every_account(tmp_path: Path, keys: str) -> None:
    """With one tenant all is its own; asked is always the first channel, whatever becomes of it."""
    async with serving(tmp_path / "s", "anthropic_messages", keys) as server:
        server.upstream.push("one", status(500), giving("anthropic_messages", "mine", False))
        for expected in (502, 200):
            response = await asking(server, "anthropic_messages", container="mine")
            assert response.status == expected
        assert server.upstream.seats == ["one", "one"]
        server.upstream.push("two", giving("anthropic_messages", "theirs", False))
        response = await asking(server, "anthropic_messages", model="both@two", container="theirs")
        assert (response.status, server.upstream.seats[-1]) == (200, "two")


async def test_a_conversation_is_held_where_its_history_was_made(tmp_path: Path) -> None:
    """What an earlier run left in the history is the caller's, but another model does without it."""
    ran = {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": "id_1", "code": "1"}
    history: dict[str, Any] = {
        "input": [{"role": "user", "content": "Hello"}, ran, {"role": "user", "content": "And?"}]
    }
    async with serving(tmp_path / "s", "openai_responses") as server:
        await given(server, "openai_responses", "id_1", "two")
        for model, seat in (("both", "two"), ("far", "one")):
            server.upstream.push(seat, giving("openai_responses", "id_3", False))
            response = await asking(server, "openai_responses", model=model, **history)
            assert (response.status, server.upstream.seats[-1]) == (200, seat)
        assert (await asking(server, "openai_responses", "fl_b", **history)).status == 404


@pytest.mark.parametrize("other", [one for one in DIALECTS if one != "anthropic_messages"])
async def test_an_id_crosses_into_another_dialect(tmp_path: Path, other: str) -> None:
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        server.upstream.push("one", giving("anthropic_messages", "id_1", False))
        answered = await asking(server, other)
        assert (answered.status, b"id_1" in answered.body) == (200, False)
        asked = len(server.upstream.calls)
        response = await asking(server, other, **naming(other, "id_1"))
        assert (response.status, len(server.upstream.calls)) == (404, asked)


async def test_what_a_model_says_is_taken_for_an_id(tmp_path: Path) -> None:
    """Else a tenant could have its model claim another's."""
    said = '{"container": {"id": "claimed"}, "file_id": "claimed"}'
    whole, _ = anthropic("id_1")
    used = {"type": "tool_use", "id": "t", "name": "n", "input": json.loads(said)}
    whole["content"] = [used, {"type": "text", "text": said}]
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        server.upstream.push("one", Play([plain(200, json.dumps(whole).encode())]))
        assert (await asking(server, "anthropic_messages")).status == 200
        assert (await asking(server, "anthropic_messages", container="claimed")).status == 404
        server.upstream.push("one", giving("anthropic_messages", "id_1", False))
        assert (await asking(server, "anthropic_messages", container="id_1")).status == 200


async def test_an_id_changes_hands_because_another_answer_repeats_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", "anthropic_messages") as server:
        await given(server, "anthropic_messages", "id_1", "one")
        await given(server, "anthropic_messages", "id_1", "two", key="fl_b")
        assert (await asking(server, "anthropic_messages", "fl_b", container="id_1")).status == 404
        server.upstream.push("one", giving("anthropic_messages", "id_1", False))
        response = await asking(server, "anthropic_messages", container="id_1")
        assert (response.status, response.headers["x-fairlead-channel"]) == (200, "one")
