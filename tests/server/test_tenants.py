"""Two tenants, every route, every id there is: what belongs to one is as good as absent for the other. # FAULTS 51"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, plain

NAME = "(id)"
UPLOAD = {"type": "container_upload", "file_id": NAME}
CODE = {"type": "code_interpreter", "container": NAME}
FILE = {"type": "input_file", "file_id": NAME}
HELLO = [{"role": "user", "content": "Hello"}]
GEMINI = "/v1beta/models/m-one:"
CACHED = {"contents": [{"role": "user", "parts": [{"text": "x"}]}], "cachedContent": NAME}


def items(*more: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m-one", "input": [{"role": "user", "content": "And?"}, *more]}


def messages(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": list(content) or "x"}], **more}


MORE = f"{KEYS}memory: {{enabled: true}}\n"
Asked = tuple[str, str, dict[str, Any] | None]
OURS: dict[str, Asked] = {
    "a decision": ("GET", f"/v1/decisions/{NAME}", None),
    "a word on an answer": ("POST", "/v1/feedback", {"request_id": NAME, "good": True}),
    "going on from its result": ("POST", "/v1/chat/completions", messages(fairlead={"prior_result": NAME})),
}
"""By a request's id."""
RESPONSES: dict[str, Asked] = {
    "a response": ("GET", f"/v1/responses/{NAME}", None),
    "its input": ("GET", f"/v1/responses/{NAME}/input_items", None),
    "its end": ("DELETE", f"/v1/responses/{NAME}", None),
    "its cancellation": ("POST", f"/v1/responses/{NAME}/cancel", {}),
    "going on": ("POST", "/v1/responses", {**items(), "previous_response_id": NAME}),
    "counting it": ("POST", "/v1/responses/input_tokens", {**items(), "previous_response_id": NAME}),
}
"""By a response's."""
MEMORIES: dict[str, Asked] = {
    "a memory": ("GET", f"/v1/memory/{NAME}", None),
    "its end": ("DELETE", f"/v1/memory/{NAME}", None),
}
"""By a memory's."""
PROVIDERS: dict[str, Asked] = {
    "its item": ("POST", "/v1/responses", items({"type": "item_reference", "id": NAME})),
    "counting its item": ("POST", "/v1/responses/input_tokens", items({"type": "item_reference", "id": NAME})),
    "a container": ("POST", "/v1/responses", {**items(), "tools": [CODE]}),
    "counting a container": ("POST", "/v1/responses/input_tokens", {**items(), "tools": [CODE]}),
    "a file": ("POST", "/v1/responses", items({"role": "user", "content": [FILE]})),
    "a conversation": ("POST", "/v1/responses", {**items(), "conversation": NAME}),
    "a file in chat": ("POST", "/v1/chat/completions", messages({"type": "file", "file": {"file_id": NAME}})),
    "what it said": ("POST", "/v1/chat/completions", {
        "model": "m-one", "messages": [{"role": "assistant", "audio": {"id": NAME}}, *HELLO]}),
    "an upload": ("POST", "/v1/messages", messages(UPLOAD)),
    "counting an upload": ("POST", "/v1/messages/count_tokens", messages(UPLOAD)),
    "Anthropic's container": ("POST", "/v1/messages", messages(container=NAME)),
    "a cache": ("POST", f"{GEMINI}generateContent", CACHED),
    "a streamed cache": ("POST", f"{GEMINI}streamGenerateContent", CACHED),
    "counting a cache": ("POST", f"{GEMINI}countTokens", CACHED),
    "a cache, asked for under OpenAI's path": ("POST", "/v1/models/m-one:generateContent", CACHED),
    "a choice": ("POST", "/v1/route", messages({"type": "file", "file": {"file_id": NAME}})),
}  # fmt: skip
"""By one that the provider gave."""
NONE = {
    "/v1/completions", "/v1/embeddings", "/v1/moderations", "/v1/images/generations", "/v1/images/edits", "/v1/images/variations",
    "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/models", "/v1beta/models",
    "/v1/memory", "/v1/memory/search", "/metrics",
}  # fmt: skip
"""Where no ids are taken: whatever is sent is the content itself, and what is found is the tenant's own."""


async def asking(server: Served, asked: Asked, name: str, key: str) -> Response:
    method, path, body = asked
    raw = b"" if body is None else json.dumps(body).replace(NAME, name).encode()
    return await ask(server.port, method, path.replace(NAME, name), raw, key=key)


def words(response: Response, name: str) -> str:
    """What is told, the request's own id apart."""
    told = json.loads(response.body)["error"]
    return str(told["message"]).replace(name, NAME)


def answered(asked: str) -> Play:
    """By the provider, with an id of its own for everything."""
    item = {"id": "its_1", "type": "message", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "x", "annotations": [
            {"type": "container_file_citation", "container_id": "its_1", "file_id": "its_1"}]}]}  # fmt: skip
    body = {"id": "resp_up", "object": "response", "status": "completed", "model": asked, "output": [item]}
    return Play([plain(200, json.dumps({**body, "error": None, "conversation": {"id": "its_1"}}).encode())])


@pytest.mark.parametrize(
    "table", [OURS, RESPONSES, MEMORIES, PROVIDERS], ids=["ours", "responses", "memories", "providers"]
)
async def test_what_is_one_tenants_is_told_to_another(tmp_path: Path, table: dict[str, Asked]) -> None:
    async with serving(tmp_path / "s", provider=", dialects: [openai_responses]", more=MORE) as server:
        server.upstream.push("one", answered("up-one"))
        first = await asking(server, ("POST", "/v1/responses", items()), "", "fl_test")
        assert first.status == 200
        chatted = await server.chat()
        noted = await asking(server, ("POST", "/v1/memory", {"text": "The gate code is on the door."}), "", "fl_test")
        own = {
            id(OURS): chatted.headers["x-fairlead-request-id"],
            id(RESPONSES): str(json.loads(first.body)["id"]),
            id(MEMORIES): str(json.loads(noted.body)["id"]),
            id(PROVIDERS): "its_1",
        }[id(table)]
        calls = len(server.upstream.calls)
        for what, asked in table.items():
            refused = await asking(server, asked, own, "fl_other")
            unknown = await asking(server, asked, f"no{own}", "fl_other")
            assert (refused.status, unknown.status) in ((403, 403), (404, 404)), what
            assert words(refused, own) == words(unknown, f"no{own}"), what
        assert len(server.upstream.calls) == calls, "a provider was asked"
        for what, (method, path, _) in table.items():
            if method == "GET" and path.endswith(NAME):
                assert (await asking(server, (method, path, None), own, "fl_test")).status == 200, what


async def test_a_route_is_open_that_nobody_has_looked_at(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        app = server.running.app
        exact = {path for path in app.surfaces if not path.startswith("/admin/")}
        prefixes = {path for path, _ in app.prefixes if not path.startswith("/admin/")}
    paths = [asked[1] for table in (OURS, RESPONSES, MEMORIES, PROVIDERS) for asked in table.values()]
    assert exact - NONE == {path for path in paths if path in exact}
    assert not NONE - exact
    assert prefixes == {prefix for prefix in prefixes if any(path.startswith(prefix) for path in paths)}
