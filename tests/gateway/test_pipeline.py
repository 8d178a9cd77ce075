"""What goes in comes out: bytes, headers, books."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.server.serving import question, serving
from tests.upstream import USAGE, Play, answer, completion, events, plain, status, stream

PASSED = {
    "tools": {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "x": 1e300}}}]},
    "schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "several": {"n": 2, "stop": ["a", "b"], "seed": 7, "temperature": 0.30000000000000004},
    "unknown": {"frobnicate": {"a": [1, {"b": None}]}, "x_é": "ü\u2028"},
    "limits": {"max_completion_tokens": 5},
}


@pytest.mark.parametrize("name", PASSED)
async def test_a_request_reaches_the_provider_byte_for_byte(tmp_path: Path, name: str) -> None:  # M1.5
    async with serving(tmp_path / "s") as server:
        body = b" " + json.dumps(PASSED[name])[1:-1].encode()
        raw = b'{ "model" :"same",\n' + body + b', "messages":[{"role":"user","content":"h\\u00e9 \\/ "}] }\n'
        response = await server.chat(raw=raw)
        assert response.status == 200
        (seen,) = server.upstream.calls
        assert seen.body == raw
        assert seen.path == "/one/v1/chat/completions"
        assert seen.headers["authorization"] == "Bearer key-one"


async def test_images_pass_byte_for_byte(tmp_path: Path) -> None:  # M1.5
    async with serving(tmp_path / "s", more="") as server:
        part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3000, "detail": "low"}}
        raw = question(model="same@one", messages=[{"role": "user", "content": [{"type": "text", "text": "?"}, part]}])
        response = await server.chat(raw=raw.replace(b"same@one", b"same"))
        if response.status == 200:
            assert server.upstream.calls[0].body == raw.replace(b"same@one", b"same")
        else:
            assert (response.status, server.upstream.calls) == (422, [])


async def test_only_the_models_name_changes_where_the_provider_has_another(tmp_path: Path) -> None:  # M1.1
    async with serving(tmp_path / "s") as server:
        raw = b'{"seed" : 1, "model": "m-one" ,"messages":[{"role":"user","content":"\\"model\\": \\"m-one\\""}]}'
        assert (await server.chat(raw=raw)).status == 200
        assert server.upstream.calls[0].body == raw.replace(b'"model": "m-one" ', b'"model": "up-one" ')


async def test_our_own_object_reaches_no_provider(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        response = await server.chat(model="same", fairlead={"task": "chat"}, seed=1)
        assert response.status == 200
        assert response.headers["x-fairlead-task"] == "chat"
        assert server.upstream.calls[0].body == question(model="same", seed=1)


async def test_the_clients_headers_reach_no_provider(tmp_path: Path) -> None:  # F29
    async with serving(tmp_path / "s") as server:
        await server.chat(
            {"X-Forwarded-For": "10.0.0.1", "Cookie": "a=b", "X-Fairlead-Session": "s", "X-Api-Key": "fl_test"}
        )
        told = server.upstream.calls[0].head.lower()
        for word in (b"x-forwarded-for", b"cookie", b"x-fairlead", b"fl_test"):
            assert word not in told


async def test_an_answer_reaches_the_client_byte_for_byte(tmp_path: Path) -> None:  # M1.5
    async with serving(tmp_path / "s") as server:
        body = b'\n{"choices":[{"message":{"content":"\xc3\xa9\\u00e9"}}],  "usage":{"prompt_tokens":3,"completion_tokens":4},"z":1e5}\n'
        server.upstream.push(
            "one", Play([plain(200, body, "Set-Cookie: a=b\r\nX-Internal: 1\r\nConnection: keep-alive\r\n")])
        )
        response = await server.chat()
        assert response.body == body
        for name in ("set-cookie", "x-internal"):  # F18
            assert name not in response.headers


async def test_a_stream_with_usage_reaches_the_client_byte_for_byte(tmp_path: Path) -> None:  # M1.5
    async with serving(tmp_path / "s") as server:
        sent = [b": a comment\r\n\r\n", *events(("Bon", "jour \u2028 é"))]
        server.upstream.push("one", stream(sent))
        response = await server.chat(model="same", stream=True, stream_options={"include_usage": True})
        assert response.whole
        assert response.body == b"".join(sent)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert server.upstream.calls[0].body == question(
            model="same", stream=True, stream_options={"include_usage": True}
        )


async def test_usage_nobody_asked_for_is_asked_of_the_provider_and_taken_out_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        with_nulls = [piece.replace(b"}]}", b'}], "usage": null}') for piece in events(("Bon", "jour"))]
        server.upstream.push("one", stream(with_nulls))
        response = await server.chat(model="same", stream=True)
        assert response.body == b"".join(events(("Bon", "jour"), usage=None))
        assert json.loads(server.upstream.calls[0].body)["stream_options"] == {"include_usage": True}
        record = await server.record(response)
        assert (record.attempts[0].usage.input, record.attempts[0].usage.output) == USAGE
        assert not record.attempts[0].usage.estimated


@pytest.mark.parametrize("asked", [True, False])
async def test_a_stream_torn_at_every_byte_comes_out_the_same(tmp_path: Path, asked: bool) -> None:  # F8
    async with serving(tmp_path / "s") as server:
        whole = b"".join(events(("é", "𝄞")))
        server.upstream.push("one", stream([whole[at : at + 1] for at in range(len(whole))]))
        response = await server.chat(model="same", stream=True, stream_options={"include_usage": asked})
        assert response.body == (whole if asked else b"".join(events(("é", "𝄞"), usage=None)))
        record = await server.record(response)
        assert (record.attempts[0].usage.input, record.attempts[0].usage.output) == USAGE


async def test_a_streams_first_content_does_not_wait_for_the_rest(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server, server.client() as client:
        told = events(("Bon", "jour"))
        server.upstream.push("one", stream([told[0] + told[1], 30.0]))
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        assert (await client.head())[0] == 200
        assert b"Bon" in await client.piece()


async def test_the_answers_headers_tell_what_was_done(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        response = await server.chat()
        record = await server.record(response)
        headers = response.headers
        assert headers["x-fairlead-model"] == record.model == "m-one"
        assert headers["x-fairlead-channel"] == "one"
        assert headers["x-fairlead-policy"] == "ordered"
        assert headers["x-fairlead-attempts"] == "1"
        assert headers["x-fairlead-downgraded"] == headers["x-fairlead-escalated"] == "false"
        assert headers["x-fairlead-cache"] == "bypass"
        assert float(headers["x-fairlead-overhead-ms"]) > 0
        cost = Decimal(USAGE[0] * 1 + USAGE[1] * 2) / 1_000_000
        assert Decimal(headers["x-fairlead-cost"]) == cost == Decimal(record.cost).scaleb(-9)
        assert record.baseline_cost is not None
        assert Decimal(headers["x-fairlead-baseline-cost"]) == Decimal(record.baseline_cost).scaleb(-9)


async def test_a_finished_request_can_be_looked_up_by_its_own_tenant_only(tmp_path: Path) -> None:  # F51
    async with serving(tmp_path / "s") as server:
        response = await server.chat(stream=True)
        path = f"/v1/decisions/{response.headers['x-fairlead-request-id']}"
        told = (await server.get(path)).json
        assert (told["model"], told["status"], told["outcome"]) == ("m-one", 200, "ok")
        assert Decimal(str(told["cost_usd"])) == Decimal(USAGE[0] * 1 + USAGE[1] * 2) / 1_000_000
        assert (await server.get(path, key="fl_other")).status == 404
        assert (await server.get("/v1/decisions/req_unknown")).status == 404


async def test_the_models_are_listed_virtual_ones_too(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        data = (await server.get("/v1/models")).json["data"]
        assert isinstance(data, list)
        assert {"auto", "auto:cheap", "auto:best", "m-one", "m-two", "same"} <= {row["id"] for row in data}
        assert all(row["object"] == "model" for row in data)
        for name in ("m-one", "auto"):
            assert (await server.get(f"/v1/models/{name}")).json["id"] == name
        assert (await server.get("/v1/models/nothing")).status == 404


@pytest.mark.parametrize("path", ["org/model-1:free", "org%2Fmodel-1%3Afree"])
async def test_a_model_is_found_whatever_characters_its_name_holds(tmp_path: Path, path: str) -> None:
    more = 'keys: [{name: test, key: fl_test, models: ["org/model-1:free"]}]'
    async with serving(
        tmp_path / "s", more=more, extra_model='  "org/model-1:free": {channels: [{provider: one}]}\n'
    ) as server:
        response = await server.get(f"/v1/models/{path}")
        assert (response.status, response.json.get("id")) == (200, "org/model-1:free")
        assert (await server.get("/v1/models/m-one")).status == 404  # not this key's


async def test_route_explains_and_calls_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server, server.client() as client:
        client.ask("POST", "/v1/route", question(model="auto"))
        told = (await client.response()).json
        steps = told["steps"]
        assert isinstance(steps, list)
        assert [step["model"] for step in steps] == ["m-one", "m-two"]
        assert told["explanation"]
        assert server.upstream.accepted == 0
        assert await server.records() == []


async def test_health_and_readiness_need_no_key(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for path, ready, expected in (
            ("/healthz", True, 200),
            ("/readyz", True, 200),
            ("/readyz", False, 503),
            ("/healthz", False, 200),
        ):
            server.running.app.ready = ready
            assert (await server.get(path, key="")).status == expected


async def test_the_measured_latency_of_a_channel_is_taken_down(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", answer(wait=0.05))
        response = await server.chat()
        attempt = (await server.record(response)).attempts[0]
        assert attempt.total_ms >= 50
        assert attempt.first_ms >= 50


async def test_an_answer_of_several_megabytes_passes_and_the_connection_stays_good(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for _ in range(3):
            body = completion("x" * 3_000_000)
            server.upstream.push("one", Play([plain(200, body)]), answer())
            assert (await server.chat()).body == body
            assert (await server.chat()).status == 200
        assert server.upstream.accepted == 1


async def test_connections_are_kept_and_none_is_used_twice_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        import asyncio

        for _ in range(5):
            server.upstream.push("one", *(answer(f"answer {number}", wait=0.01) for number in range(20)))
            told = await asyncio.gather(*(server.chat() for _ in range(20)))
            assert sorted(response.body for response in told) == sorted(
                completion(f"answer {number}") for number in range(20)
            )
        assert server.upstream.accepted <= 20


async def test_a_second_answer_to_one_request_is_given_to_nobody(tmp_path: Path) -> None:  # F24
    async with serving(tmp_path / "s") as server:
        first, second = plain(200, completion("mine")), plain(200, completion("smuggled"))
        server.upstream.push("one", Play([first + second]))
        assert (await server.chat()).body == completion("mine")
        import asyncio

        told = await asyncio.gather(*(server.chat() for _ in range(4)))
        assert [response.body for response in told] == [completion()] * 4


async def test_a_provider_that_says_it_closes_is_not_written_to_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", *(Play([plain(200, completion(), "Connection: close\r\n")]) for _ in range(3)))
        for _ in range(3):
            assert (await server.chat()).status == 200
        assert server.upstream.accepted == 3


async def test_an_answer_without_a_length_ends_with_its_connection(tmp_path: Path) -> None:
    from tests.upstream import CUT, RST

    async with serving(tmp_path / "s") as server:
        bare = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        server.upstream.push("one", Play([bare, completion(), 0.02, CUT]), Play([bare, completion(), 0.02, RST]))
        assert (await server.chat()).headers["x-fairlead-model"] == "m-one"
        assert (await server.chat()).headers["x-fairlead-model"] == "m-two"


async def test_a_100_continue_from_the_provider_is_skipped(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", 0.01, plain(200, completion())]))
        assert (await server.chat()).body == completion()


async def test_a_kept_connection_that_was_closed_while_idle_fails_no_request(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        assert (await server.chat()).status == 200
        for connection in list(server.upstream.connections):
            assert connection.transport is not None
            connection.transport.close()
        import asyncio

        await asyncio.sleep(0.02)
        response = await server.chat()
        assert response.headers["x-fairlead-model"] == "m-one"
        assert (await server.record(response)).attempts[0].outcome == "ok"


async def test_a_refusal_of_the_request_itself_comes_back_with_the_providers_own_words(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", status(400, "temperature is too high"))
        response = await server.chat(model="auto")
        assert response.status == 400
        assert response.error["message"] == "temperature is too high"
        assert response.headers["x-should-retry"] == "false"
        assert server.upstream.seats == ["one"]
        record = await server.record(response)
        assert (record.outcome, record.status, record.cost) == ("failed", 400, 0)
