"""What each API's clients find at its paths, besides the answers themselves."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest

from tests.server.serving import serving
from tests.server.wire import ask
from tests.upstream import Play, plain

HI = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


async def test_some_clients_only_ask_whether_anybody_is_there(tmp_path: Path) -> None:  # TRAPS 36
    async with serving(tmp_path / "s") as server:
        for method, path in (("HEAD", "/"), ("GET", "/"), ("GET", "/api/hello")):
            assert (await ask(server.port, method, path, key="")).status == 200
        socket = await ask(
            server.port, "GET", "/v1/responses", headers={"Upgrade": "websocket", "Connection": "Upgrade"}
        )
        assert (socket.status, socket.headers["upgrade"], socket.headers["connection"]) == (426, "HTTP/1.1", "close")


async def test_the_same_path_lists_models_in_the_shape_the_version_header_asks_for(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        openai = json.loads((await ask(server.port, "GET", "/v1/models")).body)
        anthropic = json.loads(
            (await ask(server.port, "GET", "/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"})).body
        )
        google = json.loads((await ask(server.port, "GET", "/v1beta/models")).body)
        assert openai["object"] == "list"
        assert {"m-one", "auto"} <= {one["id"] for one in anthropic["data"]}
        assert "models/m-one" in {one["name"] for one in google["models"]}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1beta/models", {"x-goog-api-key": "fl_test"}, 200),
        ("/v1beta/models?key=fl_test", {}, 200),
        ("/v1beta/models?key=fl_wrong", {}, 401),
        ("/v1/models?key=fl_test", {}, 401),
        ("/v1/models", {"x-api-key": "fl_test"}, 200),
        ("/v1/models", {"x-api-key": "fl_wrong", "authorization": "Bearer fl_test"}, 401),
    ],
)
async def test_each_clients_way_of_showing_its_key(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:  # TRAPS 35
    async with serving(tmp_path / "s") as server:
        assert (await ask(server.port, "GET", path, headers=headers, key="")).status == status


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (CHAT, lambda told: told["error"]["message"]),
        ("/v1/responses", lambda told: told["error"]["message"]),
        ("/v1/messages", lambda told: (told["type"] == "error") and told["error"]["message"]),
        ("/v1beta/models/auto:generateContent", lambda told: told["error"]["status"] and told["error"]["message"]),
    ],
)
async def test_errors_have_the_shape_of_the_api_that_was_called(tmp_path: Path, path: str, shape: object) -> None:
    assert callable(shape)
    async with serving(tmp_path / "s") as server:
        for raw, key in ((b"{", "fl_test"), (b"{}", "fl_wrong"), (b"\x00", "fl_test")):
            response = await ask(server.port, "POST", path, raw, key=key)
            assert response.status in (400, 401)
            assert shape(json.loads(response.body))


async def test_what_is_lost_is_named_and_with_strict_refused(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        asked = body(model="m-one", max_tokens=50, top_k=5, messages=HI)
        told = await ask(server.port, "POST", "/v1/messages", asked)
        assert (told.status, told.headers["x-fairlead-lossy"]) == (200, "dropped:top_k")
        strict = await ask(server.port, "POST", "/v1/messages", asked, headers={"x-fairlead-strict": "true"})
        assert strict.status == 400
        assert "top_k" in strict.body.decode()
        same = await ask(server.port, "POST", CHAT, body(model="m-one", top_k=5, messages=HI))
        assert "x-fairlead-lossy" not in same.headers


async def test_what_cannot_be_translated_for_one_provider_is_no_fault_of_the_other(tmp_path: Path) -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    other = '  claude: {kind: anthropic, base_url: "http://127.0.0.1:9", api_key: key-claude}\n'
    model = (
        "  m-claude: {channels: [{provider: claude, model: c}], price: {input: 1, output: 2}, capabilities: [audio]}\n"
    )
    async with serving(tmp_path / "s", extra_provider=other, extra_model=model) as server:
        asked = body(model="m-claude", messages=[{"role": "user", "content": [audio]}])
        told = await ask(server.port, "POST", CHAT, asked)
        assert (told.status, told.error["code"]) == (400, "not_translatable")
        assert (await server.record(told)).attempts == ()


async def test_embeddings_come_as_asked_whatever_the_provider_sends(tmp_path: Path) -> None:  # TRAPS 37
    vector = [0.5, -1.0]
    answer = {
        "object": "list", "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3},
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
    }  # fmt: skip
    async with serving(tmp_path / "s") as server:
        for coding in ("float", "base64"):
            server.upstream.push("one", Play([plain(200, body(**answer))], None, 200))
            told = await ask(
                server.port, "POST", "/v1/embeddings", body(model="m-one", input="x", encoding_format=coding)
            )
            assert told.status == 200
            found = json.loads(told.body)["data"][0]["embedding"]
            assert (found if coding == "float" else list(struct.unpack("<2f", base64.b64decode(found)))) == vector


async def test_each_input_of_many_has_the_whole_context_to_itself(tmp_path: Path) -> None:  # M1.2
    small = "  tiny: {channels: [{provider: one}], price: {input: 1, output: 0}, capabilities: [embeddings], context: 1000}\n"
    answer = {"object": "list", "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}, "data": [
        {"object": "embedding", "index": 0, "embedding": [0.5]},
    ]}  # fmt: skip
    async with serving(tmp_path / "s", extra_model=small) as server:
        server.upstream.push("one", Play([plain(200, body(**answer))], None, 200))
        many = await ask(server.port, "POST", "/v1/embeddings", body(model="tiny", input=["word " * 500] * 30))
        assert many.status == 200, many.body
        long = await ask(server.port, "POST", "/v1/embeddings", body(model="tiny", input=["a", "word " * 1000]))
        error = json.loads(long.body)["error"]
        assert (long.status, error["param"], error["code"]) == (400, "input", "context_length_exceeded")
        assert "tokens of one input" in error["message"]
        assert len(server.upstream.calls) == 1


async def test_old_completions_are_asked_as_a_chat_where_the_provider_takes_none(tmp_path: Path) -> None:
    back = ", dialects: [openai_chat]"
    async with serving(tmp_path / "s", provider=back) as server:
        told = await ask(server.port, "POST", "/v1/completions", body(model="m-one", prompt="Say it"))
        assert json.loads(told.body)["choices"][0]["text"] == "Bonjour."
        streamed = await ask(server.port, "POST", "/v1/completions", body(model="m-one", prompt="x", stream=True))
        assert streamed.body.endswith(b"data: [DONE]\n\n")


CODING = """
keys: [{name: test, key: fl_test}]
coding: {default: m-one, background: m-two}
"""


async def test_a_coding_agents_turns_go_to_their_own_models(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=CODING) as server:
        for asked, answers in (("claude-sonnet-4-6", "m-one"), ("claude-haiku-4-5", "m-two"), ("m-two", "m-two")):
            told = await ask(server.port, "POST", "/v1/messages", body(model=asked, max_tokens=50, messages=HI))
            assert (told.status, told.headers["x-fairlead-model"]) == (200, answers)


async def test_a_conversation_goes_on_for_its_own_tenant_only(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        first = json.loads((await ask(server.port, "POST", "/v1/responses", body(model="m-one", input="Hello"))).body)
        on = body(model="m-one", input="And?", previous_response_id=first["id"])
        assert (await ask(server.port, "POST", "/v1/responses", on, key="fl_other")).status == 404
        assert (await ask(server.port, "POST", "/v1/responses", on)).status == 200
        sent = json.loads(server.upstream.calls[-1].body)["messages"]
        assert [message["role"] for message in sent] == ["user", "assistant", "user"]
        place = f"/v1/responses/{first['id']}"
        assert json.loads((await ask(server.port, "GET", place)).body)["id"] == first["id"]
        assert (await ask(server.port, "GET", place, key="fl_other")).status == 404
        assert (await ask(server.port, "DELETE", place)).status == 200
        assert (await ask(server.port, "GET", place)).status == 404
        unkept = json.loads(
            (await ask(server.port, "POST", "/v1/responses", body(model="m-one", input="x", store=False))).body
        )
        assert (await ask(server.port, "GET", f"/v1/responses/{unkept['id']}")).status == 404


async def test_images_and_audio_pass_unread_to_the_named_model(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, b'{"data":[{"b64_json":"AA=="}]}')], None, 200))
        told = await ask(server.port, "POST", "/v1/images/generations", body(model="m-one", prompt="A boat"))
        assert (told.status, told.body) == (200, b'{"data":[{"b64_json":"AA=="}]}')
        assert json.loads(server.upstream.calls[-1].body) == {"model": "up-one", "prompt": "A boat"}
        assert server.upstream.calls[-1].path.endswith("/images/generations")
