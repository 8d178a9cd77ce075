"""A provider whose filter answers with an error: another is asked, and the channel is none the worse for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import Served, serving
from tests.server.wire import ask
from tests.upstream import Play, events, plain, status, stream


def error(**fields: object) -> dict[str, object]:
    return {"error": {"message": "no", "type": "invalid_request_error", "param": None, **fields}}


FILTERED: dict[str, tuple[int, dict[str, object]]] = {
    "azure": (400, error(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"})),
    "azure, the inner code alone": (400, error(code=None, innererror={"code": "ResponsibleAIPolicyViolation"})),
    "openai": (400, error(code="content_policy_violation")),
    "openai, in words": (
        400,
        error(code="invalid_prompt", message="Your prompt was flagged as potentially violating ..."),
    ),
    "anthropic": (400, {"type": "error", **error(message="Output blocked by content filtering policy")}),
    "dashscope": (400, error(code="data_inspection_failed")),
    "dashscope's own": (400, {"code": "DataInspectionFailed", "message": "Input or output data may contain ..."}),
    "deepseek": (400, error(message="Content Exists Risk")),
    "deepseek, once": (400, {"detail": "Content Exists Risk"}),
    "moonshot": (400, error(type="content_filter", message="The request was rejected")),
    "volcengine": (400, error(code="InputTextSensitiveContentDetected.PrivacyInformation", type="BadRequest")),
    "volcengine, risk": (400, error(code="OutputTextRiskDetection", type="BadRequest")),
    "zhipu": (400, {"contentFilter": [{"level": 1, "role": "user"}], "error": {"code": "1301", "message": "..."}}),
    "xai": (403, {"code": "...", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}),
    "openrouter": (403, error(code=403, message='It requires moderation. Your input was flagged for "violence".')),
}


def held_back(name: str) -> Play:
    number, body = FILTERED[name]
    return Play([plain(number, json.dumps(body).encode())], None, number)


def faults(server: Served) -> list[int]:
    return [one.failures for one in server.running.runtime.health.states()]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", FILTERED)
async def test_what_one_filter_holds_back_is_asked_of_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, streamed: bool
) -> None:  # M3.6 M4.2
    async with serving(tmp_path / "s") as server:
        for _ in range(4):
            server.upstream.push("one", held_back(name))
            response = await server.chat(model="auto", stream=streamed)
            assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two")
        assert server.upstream.seats == ["one", "two"] * 4, "the channel is left alone for what its filter did"
        assert set(faults(server)) == {0}
        record = await server.record(response)
        assert [(one.outcome, one.why) for one in record.attempts] == [("failed", ""), ("ok", "blocked")]
        assert record.attempts[0].error == f"held back: HTTP {FILTERED[name][0]}"
        assert server.running.runtime.vitals.ailing == {}, "the channel is ranked lower for what its filter did"
    assert "api_key" not in caplog.text, "its key is blamed"


async def test_where_nobody_else_answers_the_filters_own_word_is_lost(tmp_path: Path) -> None:  # M4.2
    async with serving(tmp_path / "s") as server:
        for name, others in (("azure", status(500)), ("xai", held_back("zhipu"))):
            number, body = FILTERED[name]
            server.upstream.push("one", held_back(name))
            server.upstream.push("two", others)
            response = await server.chat(model="auto")
            assert (response.status, response.json) == (number, body)
            assert (response.headers["x-should-retry"], response.headers["x-fairlead-model"]) == ("false", "m-one")
            assert (await server.record(response)).error == "rejected_by_provider"
        server.upstream.push("one", held_back("azure"))
        assert (await server.chat(model="m-one@one")).status == 400
        body = b'{"model": "m-one@one", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]}'
        server.upstream.push("one", held_back("azure"))
        told = await ask(server.port, "POST", "/v1/messages", body)
        assert (told.status, told.json["type"], told.json["error"]["message"]) == (400, "error", "no")


async def test_a_policy_that_wants_no_other_to_be_asked_is_not_heeded(tmp_path: Path) -> None:  # M4.2
    strict = "  strict: {strategy: pinned, model: m-one, fallbacks: [m-two], failover_on: [empty]}\n"
    async with serving(tmp_path / "s", extra_policy=strict) as server:
        for name in ("azure", "xai"):
            server.upstream.push("one", held_back(name))
            response = await server.chat({"x-fairlead-policy": "strict"}, model="auto")
            assert response.status == FILTERED[name][0]
        assert server.upstream.seats == ["one", "one"]
        assert set(faults(server)) == {0}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_filter_that_speaks_with_status_200_is_held_against_its_channel(
    tmp_path: Path, streamed: bool
) -> None:  # M4.2 M4.5
    said = json.dumps(FILTERED["azure"][1]).encode()
    async with serving(tmp_path / "s") as server:
        for _ in range(4):
            play = stream([events()[0], b"data: %b\n\n" % said]) if streamed else Play([plain(200, said)])
            server.upstream.push("one", play)
            assert (await server.chat(model="auto", stream=streamed)).status == 200
        assert server.upstream.seats == ["one", "two"] * 4
        assert set(faults(server)) == {0}
        assert server.running.runtime.vitals.ailing == {}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_filter_that_breaks_a_stream_off_has_its_channel_left_alone(tmp_path: Path, path: str) -> None:  # M4.5
    said = json.dumps(FILTERED["azure"][1]).encode()
    asked = b'{"model": "auto", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}'
    async with serving(tmp_path / "s") as server:
        for _ in range(4):
            server.upstream.push("one", stream([*events()[:2], 0.05, b"data: %b\n\n" % said]))
            response = await ask(server.port, "POST", path, asked)
            assert response.status == 200
            assert b"is not whole" in response.body
        assert server.upstream.seats == ["one"] * 4
        assert set(faults(server)) == {0}
        assert server.running.runtime.vitals.ailing == {}


ORDINARY: dict[str, dict[str, object]] = {
    "an echo": error(message="messages.0: Input should be an object", input="content_filter: Content Exists Risk"),
    "another code": error(code="context_length_exceeded"),
    "a number like it": error(code="13010"),
    "no object": {"error": [1301]},
}


@pytest.mark.parametrize("name", ORDINARY)
async def test_a_fault_of_the_caller_is_taken_for_a_filters(tmp_path: Path, name: str) -> None:  # M4.2
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(400, json.dumps(ORDINARY[name]).encode())], None, 400))
        assert (await server.chat(model="auto")).status == 400
        assert server.upstream.seats == ["one"]
