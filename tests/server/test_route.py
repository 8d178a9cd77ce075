"""`POST /v1/route` and `GET /v1/decisions/{id}` in the client's language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import serving
from tests.server.wire import ask

BODY = json.dumps(
    {
        "model": "auto",
        "messages": [{"role": "user", "content": "Translate to French: good morning"}],
        "fairlead": {"policy": "balanced"},
    }
).encode()


@pytest.mark.parametrize(
    ("liked", "chinese"),
    [
        ("zh", True),
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("en-US,en;q=0.9,zh;q=0.8", False),
        ("fr, zh;q=0.5", True),
        ("en;q=0.1, zh-TW;q=0.7", True),
        ("de", False),
        ("zh;q=x", False),
        (";;;,,,", False),
        ("", False),
    ],
)
async def test_a_client_is_told_in_a_language_it_likes_less(tmp_path: Path, liked: str, chinese: bool) -> None:  # M3.6
    async with serving(tmp_path / "s") as server:
        told = json.loads((await ask(server.port, "POST", "/v1/route", BODY, {"Accept-Language": liked})).body)
        assert ("请求要的是" in told["explanation"][0]) == chinese
        assert ("胜出" in told["flips"][0]["words"]) == chinese
        assert told["task"] == "translation"
        assert told["spoke"]
        answer = await server.chat(**json.loads(BODY))
        path = f"/v1/decisions/{answer.headers['x-fairlead-request-id']}"
        later = json.loads((await ask(server.port, "GET", path, headers={"Accept-Language": liked})).body)
        assert ("请求要的是" in later["explanation"][0]) == chinese
