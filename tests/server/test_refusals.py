"""What is wrong with a request is said in OpenAI's shape, names the field and what to do, and reaches no provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from tests.server.serving import Served, question, serving
from tests.server.wire import Response, ask
from tests.upstream import answer


class Wrong(NamedTuple):
    status: int
    raw: bytes = b""
    param: str | None = None
    code: str | None = None
    words: tuple[str, ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    key: str = "fl_test"


def body(**fields: object) -> bytes:
    return question(**fields)


WRONG = {
    "no JSON": Wrong(400, b"hello", code="invalid_json"),
    "torn JSON": Wrong(400, b'{"model": "m-one", "messages": [', code="invalid_json"),
    "a list": Wrong(400, b"[1]", code="wrong_type", words=("object",)),
    "too deep": Wrong(400, b'{"model":"m-one","messages":[{"role":"user","content":"a"}],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "bytes of no text": Wrong(400, b'{"model":"m-one","messages":[{"role":"user","content":"\xff"}]}', code="invalid_utf8", words=("byte 55",)),
    "half a pair": Wrong(400, b'{"model":"m-one","messages":[{"role":"user","content":"\\ud800"}]}', code="invalid_json", words=("surrogate",)),
    "tool_choice a number": Wrong(400, body(tool_choice=3), "tool_choice", "wrong_type", ("a string or an object",)),
    "stop a number": Wrong(400, body(stop=3), "stop", "wrong_type", ("a string or a list",)),
    "lone surrogate in a key": Wrong(400, b'{"model":"m-one","messages":[],"\\ud800":1}'),
    "NaN": Wrong(400, b'{"model":"m-one","messages":[{"role":"user","content":"a"}],"temperature":NaN}'),
    "no model": Wrong(400, b'{"messages":[{"role":"user","content":"a"}]}', "model", "missing_field", ("model",)),
    "empty model": Wrong(400, body(model=""), "model", words=("auto",)),
    "model no text": Wrong(400, body(model=5), "model", "wrong_type", ("string",)),
    "no messages": Wrong(400, b'{"model":"m-one"}', "messages", "missing_field"),
    "empty messages": Wrong(400, body(messages=[]), "messages"),
    "messages no list": Wrong(400, body(messages="hi"), "messages", "wrong_type", ("list",)),
    "message without role": Wrong(400, body(messages=[{"content": "a"}]), "messages[0].role", "missing_field"),
    "content a number": Wrong(400, body(messages=[{"role": "user", "content": 5}]), "messages[0].content", "wrong_type"),
    "max_tokens text": Wrong(400, body(max_tokens="many"), "max_tokens", "wrong_type", ("integer", "string")),
    "max_tokens negative": Wrong(400, body(max_tokens=-1), "max_tokens", words=("from 0",)),
    "stream text": Wrong(400, body(stream="yes"), "stream", "wrong_type"),
    "model twice": Wrong(400, b'{"model":"m-one","model":"m-two","messages":[{"role":"user","content":"a"}]}', code="duplicate_field", words=("model",)),
    "unknown model": Wrong(404, body(model="m-oen"), "model", "model_not_found", ("m-one", "/v1/models")),
    "unknown channel": Wrong(404, body(model="m-one@three"), "model", "model_not_found", ("one",)),
    "unknown policy suffix": Wrong(404, body(model="auto:fast"), "model", "model_not_found"),
    "too long": Wrong(400, body(model="same", messages=[{"role": "user", "content": "word " * 5000}]), "messages", "context_length_exceeded", ("1,000",), {"x-fairlead-policy": "balanced"}),
    "unknown wish": Wrong(400, body(fairlead={"tsak": "x"}), "fairlead.tsak", "unknown_field"),
    "wish out of bounds in the body": Wrong(400, body(fairlead={"quality_floor": 2}), "fairlead.quality_floor", words=("fairlead.quality_floor is '2.0'",)),
    "sensitivity in the body": Wrong(400, body(fairlead={"sensitivity": "top"}), "fairlead.sensitivity", words=("fairlead.sensitivity is 'top'",)),
    "max cost in the body": Wrong(400, body(fairlead={"max_cost": "-1"}), "fairlead.max_cost", words=("fairlead.max_cost is '-1'",), headers={"x-fairlead-quality-floor": "0"}),
    "right in the header, wrong in the body": Wrong(400, body(fairlead={"sensitivity": "top"}), "fairlead.sensitivity", headers={"x-fairlead-sensitivity": "normal"}),
    "sorted by nothing": Wrong(400, body(provider={"sort": "colour"}), "provider.sort", words=("provider.sort is 'colour'",)),
    "wish of a wrong type": Wrong(400, body(fairlead={"quality_floor": "high"}), "fairlead.quality_floor", "wrong_type"),
    "quality floor": Wrong(400, body(), "quality-floor", words=("0 to 1",), headers={"x-fairlead-quality-floor": "2"}),
    "quality floor NaN": Wrong(400, body(), "quality-floor", headers={"x-fairlead-quality-floor": "nan"}),
    "max cost": Wrong(400, body(), "max-cost", words=("USD",), headers={"x-fairlead-max-cost": "cheap"}),
    "max cost below zero": Wrong(400, body(), "max-cost", headers={"x-fairlead-max-cost": "-1"}),
    "max cost of size": Wrong(400, body(), "max-cost", headers={"x-fairlead-max-cost": "NaN"}),
    "max latency": Wrong(400, body(), "max-latency", words=("milliseconds",), headers={"x-fairlead-max-latency": "1.5"}),
    "sensitivity": Wrong(400, body(), "sensitivity", words=("normal or sensitive",), headers={"x-fairlead-sensitivity": "top"}),
    "unknown policy": Wrong(400, body(), "fairlead.policy", words=("ordered",), headers={"x-fairlead-policy": "none"}),
    "infeasible": Wrong(422, body(model="auto:best"), words=("m-one", "m-two"), headers={"x-fairlead-quality-floor": "0.99"}),
    "sensitive": Wrong(403, body(model="m-one"), words=("self-hosted",), headers={"x-fairlead-sensitivity": "sensitive"}),
    "no key": Wrong(401, body(), code="missing_api_key", words=("Authorization: Bearer",), key=""),
    "wrong key": Wrong(401, body(), code="invalid_api_key", words=("keys",), key="fl_wrong"),
    "basic": Wrong(401, body(), code="missing_api_key", headers={"Authorization": "Basic YTpi"}),
    "form": Wrong(415, body(), words=("application/json",), headers={"Content-Type": "text/plain"}),
    "no type": Wrong(415, body(), headers={"Content-Type": ""}),
    "compressed": Wrong(415, body(), words=("Content-Encoding",), headers={"Content-Encoding": "gzip"}),
    "oversized": Wrong(413, body(x="a" * 1_100_000), words=("max_body_mb",)),
}  # fmt: skip


def check(response: Response, wrong: Wrong) -> None:
    assert response.status == wrong.status, response.body
    error = response.error
    assert {"message", "type", "param", "code"} <= error.keys()
    if wrong.param is not None:
        assert error["param"] == wrong.param
    if wrong.code is not None:
        assert error["code"] == wrong.code
    if wrong.words:
        assert any(word in str(error["message"]) for word in wrong.words), error["message"]
    if wrong.key == "fl_wrong":
        assert "fl_wrong" not in str(error)


async def nothing_was_sent(server: Served) -> None:
    assert server.upstream.accepted == 0
    assert await server.records() == []


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_request_is_refused_where_it_came_in(tmp_path: Path, name: str) -> None:  # F22 F23 F59
    wrong = WRONG[name]
    async with serving(tmp_path / "s", server=", max_body_mb: 1") as server:
        response = await server.chat(wrong.headers, key=wrong.key, raw=wrong.raw)
        check(response, wrong)
        assert response.headers["x-should-retry"] == "false"
        assert response.headers["x-fairlead-request-id"] == response.error["request_id"]
        await nothing_was_sent(server)
        audited = {401: "invalid_api_key", 403: "sensitive", 422: "infeasible"}.get(wrong.status)
        kinds = {kind for kind, _ in await server.audits()} - {"started"}
        assert bool(kinds) == (audited is not None)


async def test_all_wrong_requests_of_one_connection_leave_the_server_well(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server, server.client() as client:
        for wrong in WRONG.values():
            if wrong.status in (400, 404, 422) and wrong.raw:
                client.ask("POST", "/v1/chat/completions", wrong.raw, wrong.headers)
                check(await client.response(), wrong)
        client.ask("POST", "/v1/chat/completions", question())
        assert (await client.response()).status == 200


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/v1", 404), ("POST", "/v2/chat/completions", 404), ("POST", "/v1/chat/completions/", 404),
    ("GET", "/v1/messages", 405), ("DELETE", "/v1/models", 405), ("PUT", "/v1/models/m-one", 405), ("GET", "/v1/route", 405),
    ("GET", "/admin/v1/lock", 404), ("GET", "/v1/../healthz", 404), ("GET", "/status", 404), ("GET", "/report", 404),
])  # fmt: skip
async def test_what_is_not_there_says_what_is(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with serving(tmp_path / "s") as server:
        response = await ask(server.port, method, path)
        assert response.status == status
        assert "/v1/" in str(response.error["message"])
        await nothing_was_sent(server)


@pytest.mark.parametrize(("limit", "what"), [("rpm: 2", "requests a minute"), ("tpm: 30", "tokens a minute")])
async def test_a_rate_limit_is_429_and_says_when_to_come_back(tmp_path: Path, limit: str, what: str) -> None:  # F45
    more = f"keys: [{{name: test, key: fl_test, limits: {{{limit}}}}}, {{name: other, key: fl_other}}]"
    async with serving(tmp_path / "s", more=more) as server:
        responses = [await server.chat() for _ in range(4)]
        statuses = [response.status for response in responses]
        assert statuses[0] == 200
        assert statuses[-1] == 429
        refused = responses[-1]
        assert what in str(refused.error["message"])
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert "x-should-retry" not in refused.headers
        assert len(server.upstream.calls) == statuses.count(200)
        assert ("rate_limited", "test") in await server.audits()
        assert (await server.chat(key="fl_other")).status == 200


async def test_no_more_requests_at_once_than_the_key_may_make(tmp_path: Path) -> None:  # F48
    more = "keys: [{name: test, key: fl_test, limits: {concurrency: 3}}]"
    async with serving(tmp_path / "s", more=more) as server:
        server.upstream.push("one", *(answer(wait=0.1) for _ in range(10)))
        statuses = [response.status for response in await asyncio.gather(*(server.chat() for _ in range(10)))]
        assert sorted(statuses) == [200] * 3 + [429] * 7
        assert (await server.chat()).status == 200


async def test_a_flood_of_wrong_keys_does_not_flood_the_audit(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server, server.client(key="fl_wrong") as client:
        for _ in range(300):
            client.ask("GET", "/v1/models")
            assert (await client.response()).status == 401
        kinds = [kind for kind, _ in await server.audits()]
        assert 1 <= sum(kind == "invalid_api_key" for kind in kinds) < 300


async def test_a_key_is_taken_from_either_header(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for headers in (
            {"x-api-key": "fl_test"},
            {"Authorization": "bearer fl_test"},
            {"Authorization": "Bearer fl_wrong", "x-api-key": "fl_test"},
        ):
            assert (await ask(server.port, "GET", "/v1/models", headers=headers, key="")).status == 200


LOCAL = [
    ({}, 200), ({"Host": "localhost"}, 200), ({"Host": "LOCALHOST:4000"}, 200), ({"Host": "[::1]:80"}, 200),
    ({"Host": "evil.test"}, 403), ({"Host": "127.0.0.1.evil.test:4000"}, 403), ({"Host": "localhost.evil.test"}, 403),
    ({"Origin": "https://evil.test"}, 403), ({"Origin": "null"}, 403), ({"Origin": "http://127.0.0.1.evil.test"}, 403),
    ({"Origin": "http://localhost:3000"}, 200), ({"Origin": "http://[::1]:3000"}, 200), ({"Origin": "http://["}, 403),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "status"), LOCAL)
async def test_without_keys_web_pages_and_foreign_names_are_kept_out(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with serving(tmp_path / "s", more="") as server:
        response = await server.chat(headers, key="")
        assert response.status == status
        assert (server.upstream.accepted == 0) == (status == 403)
        if status == 403:
            assert response.error["code"] == "loopback_only"
            assert ("loopback_only", "anonymous") in await server.audits()


async def test_an_errors_message_is_json_whatever_the_client_wrote(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        response = await server.chat(model='"}\n\x00\u2028é\U0001f600' * 3)
        assert response.status == 404
        assert json.loads(response.body)["error"]["param"] == "model"
