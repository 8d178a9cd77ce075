"""Hostile and clumsy clients against a whole server: what they cost is theirs, and the others are answered."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path

import pytest

from fairlead.dialects.passing import Passing
from fairlead.gateway.attempt import Try
from fairlead.gateway.connections import READ, HttpReply
from fairlead.server.bounds import Bounds
from tests.server.conftest import Run
from tests.server.listening import listening
from tests.server.serving import question, serving, soon
from tests.server.wire import ask
from tests.upstream import event, events, stream

MOST_BUFFERED = 256 * 1024


@pytest.mark.parametrize("size", [200, 20_000])
async def test_a_slow_reader_has_more_than_its_share_buffered(tmp_path: Path, size: int) -> None:  # FAULTS 20
    async with serving(tmp_path / "s") as served, served.client() as client:
        piece = event({"content": "x" * size})
        served.upstream.push("one", stream([events()[0], *[piece] * (20_000_000 // size), *events()[2:]]))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        await soon(lambda: any(one.choked for one in served.running.listener.connections))
        sent = -1
        while sent != served.upstream.calls[0].sent:
            sent = served.upstream.calls[0].sent
            await asyncio.sleep(0.2)
        (connection,) = served.running.listener.connections
        assert connection.transport is not None
        towards_client = connection.transport.get_write_buffer_size()
        from_provider = sum(one._size for one in gc.get_objects() if type(one) is HttpReply)
        kept = sum(one._tail_size for one in gc.get_objects() if isinstance(one, Passing))
        begun = sum(len(one.body) for one in gc.get_objects() if type(one) is Try)
        assert 0 < towards_client + from_provider + kept + begun <= MOST_BUFFERED
        assert from_provider <= READ, "more than one read waits"


async def test_many_open_streams_are_more_than_it_bears(tmp_path: Path) -> None:  # FAULTS 27
    many = 300
    async with serving(tmp_path / "s") as served:
        told = events()
        served.upstream.push("one", *[stream([*told[:2], 1.0, *told[2:]])] * many)
        asking = asyncio.gather(*(served.chat(stream=True) for _ in range(many)))
        most = 0
        while not asking.done():
            most = max(most, served.running.app.shedding.in_flight)
            await asyncio.sleep(0.02)
        found = await asking
        assert {(one.status, one.whole, one.body) for one in found} == {(200, True, found[0].body)}
        assert most > many // 2
        assert served.running.app.shedding.in_flight == 0


LYING: dict[str, tuple[int, int]] = {"too long": (400, 1), "too short": (400, -10), "by far too long": (413, 2**31)}


@pytest.mark.parametrize("name", LYING)
async def test_a_length_that_lies_is_believed(tmp_path: Path, name: str) -> None:  # FAULTS 21
    status, more = LYING[name]
    async with serving(tmp_path / "s") as served, served.client() as client:
        body = question()
        client.ask("POST", "/v1/chat/completions", body, {"Content-Length": str(len(body) + more)})
        if name == "too long":  # the byte that is missing is the first of the next request
            client.ask("GET", "/healthz")
        response = await client.response()
        assert response.status == status
        if name != "by far too long":
            assert (await client.response()).status == 400
        assert await client.rest() == b""
        assert served.upstream.calls == []


async def test_a_body_in_chunks_of_a_byte_holds_the_others_up(tmp_path: Path) -> None:  # FAULTS 21
    async with serving(tmp_path / "s") as served, served.client() as slow, served.client() as other:
        body = question(messages=[{"role": "user", "content": "x" * 400_000}])
        slow.ask("POST", "/v1/chat/completions", headers={
            "Transfer-Encoding": "chunked", "Content-Type": "application/json"
        })  # fmt: skip
        slow.send(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        answered = 0
        reading = asyncio.ensure_future(slow.response())
        while not reading.done():
            other.ask("GET", "/healthz")
            assert (await other.response()).status == 200
            answered += 1
        assert (await reading).status == 200
        assert answered >= 4
        assert len(json.loads(served.upstream.calls[0].body)["messages"][0]["content"]) == 400_000


MESSAGES = b'"messages":[{"role":"user","content":"a"}]'
HOSTILE = {
    "a million lists": b'{"model":"m-one","messages":' + b"[" * 10**6 + b"]" * 10**6 + b"}",
    "a million objects": b'{"model":"m-one",%b,"x":' % MESSAGES + b'{"a":' * 10**6 + b"1" + b"}" * (10**6 + 1),
    "an integer of 5,000 digits": b'{"model":"m-one","max_tokens":%b,%b}' % (b"9" * 5000, MESSAGES),
    "one nobody reads": b'{"model":"m-one","seed":%b,%b}' % (b"9" * 5000, MESSAGES),
    "NaN": b'{"model":"m-one","temperature":NaN,%b}' % MESSAGES,
    "Infinity": b'{"model":"m-one","temperature":-Infinity,%b}' % MESSAGES,
    "more than a double holds": b'{"model":"m-one","temperature":1e999,%b}' % MESSAGES,
    "more than one holds where nobody reads it": b'{"model":"m-one","x":{"seed":[1e400]},%b}' % MESSAGES,
    "half a surrogate pair": b'{"model":"m-one","messages":[{"role":"user","content":"\\ud800"}]}',
    "half of one in the model": b'{"model":"\\udc00",%b}' % MESSAGES,
    "a key twice": b'{"model":"m-one","model":"m-one",%b}' % MESSAGES,
    "a key twice, once escaped": b'{"model":"m-one","mod\\u0065l":"m-two",%b}' % MESSAGES,
    "a wish twice": b'{"model":"m-one",%b,"fairlead":{"task":"chat","task":"code"}}' % MESSAGES,
    "NUL": b'{"model":"m-one","messages":[{"role":"user","content":"a\x00"}]}',
    "a byte order mark": b'\xef\xbb\xbf{"model":"m-one",%b}' % MESSAGES,
    "something behind the end": b'{"model":"m-one",%b}x' % MESSAGES,
    "invalid UTF-8": b'{"model":"m-one","messages":[{"role":"user","content":"\xc3\x28"}]}',
    "an overlong encoding": b'{"model":"m-one","messages":[{"role":"user","content":"\xc0\xaf"}]}',
    "a surrogate in UTF-8": b'{"model":"m-one","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
}
SURFACES = ("/v1/chat/completions", "/v1/messages", "/v1/responses")


@pytest.mark.parametrize("path", SURFACES)
async def test_hostile_json_is_a_defect_of_ours_or_reaches_a_provider(
    tmp_path: Path, path: str
) -> None:  # FAULTS 22, 23
    async with serving(tmp_path / "s") as served, served.client() as client:
        for name, body in HOSTILE.items():
            if path == "/v1/messages" and b"max_tokens" not in body:
                body = body.replace(b'"model"', b'"max_tokens":5,"model"', 1)
            elif path == "/v1/responses":
                body = body.replace(b'"messages"', b'"input"', 1)
            client.ask("POST", path, body)
            response = await client.response()
            assert response.status == 400, (name, response.body)
            assert response.error["message"]
        assert served.upstream.calls == []
        assert (await served.chat()).status == 200


FORGED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-User": "other",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-HTTP-Method-Override": "DELETE",
    "X-Fairlead-Admin": "true",
    "X-Fairlead-Role": "admin",
    "X-Fairlead-Key": "other",
    "X-Fairlead-Tenant": "others",
    "X-Fairlead-Purpose": "classify",
    "X-Fairlead-Request-Id": "req_forged",
    "X-Fairlead-Replayed": "true",
}


async def test_a_forged_header_makes_somebody_of_a_caller(tmp_path: Path) -> None:  # FAULTS 29
    async with serving(tmp_path / "s") as served:
        plain, forged = await served.chat(), await served.chat(FORGED)
        assert (plain.status, forged.status) == (200, 200)
        assert forged.headers.keys() == plain.headers.keys()
        assert forged.headers["x-fairlead-request-id"] != "req_forged"
        one, two = await served.records()
        assert (one.key, one.tenant, one.purpose) == (two.key, two.tenant, two.purpose) == ("test", "default", "answer")
        others = await served.chat(key="fl_other")
        path = f"/v1/decisions/{others.headers['x-fairlead-request-id']}"
        assert (await ask(served.port, "GET", path, headers=FORGED)).status == 404
        assert (await ask(served.port, "GET", path, headers=FORGED, key="")).status == 401
        head = served.upstream.calls[1].head.lower()
        assert not [name for name in FORGED if name.lower().encode() in head]


async def test_a_forged_host_makes_a_stranger_a_program_of_this_machine(tmp_path: Path) -> None:  # FAULTS 29
    async with serving(tmp_path / "s", more="") as served:
        headers = {**FORGED, "Host": "gateway.example"}
        response = await ask(served.port, "GET", "/v1/models", headers=headers, key="")
        assert (response.status, response.error["code"]) == (403, "loopback_only")


def test_slow_clients_keep_the_others_from_being_answered(run: Run) -> None:  # FAULTS 26
    async def work() -> None:
        async with listening(Bounds(head_seconds=0.5, receive_seconds=0.5)) as server:
            slow = [await server.client().__aenter__() for _ in range(200)]
            for number, client in enumerate(slow):
                client.send(b"POST /x HTTP/1.1\r\nHost: h\r\n" + (b"Content-Length: 9\r\n\r\na" if number % 2 else b""))
            async with server.client() as good:
                for _ in range(100):
                    good.ask("GET", "/good")
                    assert (await good.response()).status == 200
                await soon(lambda: len(server.listener.connections) == 1)
            for client in slow:
                client.close()
            assert set(server.paths.served) == {"GET /good"}

    run(work())


BUDGET = (
    "keys: [{name: test, key: fl_test, budget: {amount: 5, per: total}}, {name: other, key: fl_other, tenant: b}]\n"
)
ODD = {
    "/v1/chat/completions": b'{"model":"m-one","seed":1e400,"messages":[{"role":"user","content":"a"}]}',
    "/v1/completions": b'{"model":"m-one","prompt":"a","x":1e400}',
    "/v1/responses": b'{"model":"m-one","input":"a","x":-1e400}',
    "/v1/embeddings": b'{"model":"m-one","input":"a","x":1e400}',
    "/v1beta/models/m-one:generateContent": b'{"contents":{"parts":{"text":"a"}},"x":1e400}',
    "/v1beta/models/m-one:batchEmbedContents": b'{"requests":[{"content":"a","outputDimensionality":1%b}]}'
    % (b"0" * 30),
}


async def test_a_body_that_nobody_can_read_is_a_defect_of_ours(tmp_path: Path) -> None:  # FAULTS 22
    async with serving(tmp_path / "s", more=BUDGET) as served:
        for path, body in ODD.items():
            response = await ask(served.port, "POST", path, body)
            assert response.status == 400, (path, response.body)
        assert served.upstream.calls == []
        nameless = b'{"model":"m-one","input":[{"type":"reasoning","id":[]},{"role":"user","content":"a"}]}'
        assert (await ask(served.port, "POST", "/v1/responses", nameless)).status < 500
