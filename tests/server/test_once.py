"""A request that comes more than once is carried out once; the scripted upstream counts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fairlead.gateway import idempotency, recording
from fairlead.gateway.idempotency import FILE
from fairlead.server.once import parts
from fairlead.store import shelf
from tests.server.serving import Served, config, question, serving, soon, within_a_second
from tests.server.test_crash import process
from tests.server.test_keys import KEYS, PATH, api, issue
from tests.server.wire import Client, Response, ask
from tests.upstream import CUT, HANG, Play, answer, event, events, scripted, status, stream

SAME = {"Idempotency-Key": "order-1"}
REPLAYED = "x-fairlead-replayed"


def without_replay(response: Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in (REPLAYED, "date", "connection")}


@pytest.mark.parametrize("streamed", [False, True])
async def test_fifty_of_the_same_at_once_are_more_than_one_call(tmp_path: Path, streamed: bool) -> None:  # FAULTS 30
    async with serving(tmp_path / "s") as served:
        told = events(("Bon", "jour."))
        served.upstream.push("one", stream([*told[:2], 0.2, *told[2:]]) if streamed else answer(wait=0.2))
        found = await asyncio.gather(*(served.chat(SAME, stream=streamed) for _ in range(50)))
        assert {response.status for response in found} == {200}
        assert len({response.body for response in found}) == 1
        assert len({response.headers["x-fairlead-request-id"] for response in found}) == 1
        assert sum(REPLAYED in response.headers for response in found) == 49
        assert all(response.whole for response in found)
        assert len(served.upstream.calls) == 1
        assert len(await served.records()) == 1
        await soon(lambda: not served.running.runtime.once._under_way)


OTHERS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "another body": ({}, {"temperature": 0.5}),
    "another wish": ({"x-fairlead-quality-floor": "0.1"}, {}),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("meanwhile", [True, False])
async def test_a_key_answers_another_request(tmp_path: Path, name: str, meanwhile: bool) -> None:  # FAULTS 30
    headers, fields = OTHERS[name]
    async with serving(tmp_path / "s") as served:
        served.upstream.push("one", answer(wait=0.3))
        first = asyncio.ensure_future(served.chat(SAME))
        await soon(lambda: len(served.upstream.calls) == 1)
        if not meanwhile:
            await first
        response = await served.chat(SAME | headers, **fields)
        assert (response.status, response.error["code"]) == (422, "idempotency_key_reused")
        assert response.error["param"] == "Idempotency-Key"
        assert response.headers["x-should-retry"] == "false"
        assert (await first).status == 200
        assert len(served.upstream.calls) == 1


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_an_answer_is_asked_for_again(tmp_path: Path, streamed: bool, restarted: bool) -> None:  # FAULTS 30
    async with serving(tmp_path / "s") as served:
        first = await served.chat(SAME, stream=streamed)
        if not restarted:
            again = await served.chat(SAME, stream=streamed)
            assert len(served.upstream.calls) == 1
    if restarted:
        async with serving(tmp_path / "s") as served:
            again = await served.chat(SAME, stream=streamed)
            assert served.upstream.calls == []
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert (again.status, again.body) == (200, first.body)
    assert without_replay(again) == without_replay(first)


SURFACES = {
    "/v1/chat/completions": {"model": "m-one", "messages": [{"role": "user", "content": "Hello"}]},
    "/v1/responses": {"model": "m-one", "input": "Hello"},
    "/v1/messages": {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
    "/v1beta/models/m-one:generateContent": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "/v1beta/models/m-one:streamGenerateContent": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
}


@pytest.mark.parametrize("path", SURFACES)
async def test_a_surface_does_not_know_of_keys(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path / "s") as served:
        body = json.dumps(SURFACES[path]).encode()
        first, again = [await ask(served.port, "POST", path, body, SAME) for _ in range(2)]
        assert (first.status, again.status, again.body) == (200, 200, first.body)
        assert again.headers[REPLAYED] == "true"
        assert len(served.upstream.calls) == 1


async def test_keys_of_other_tenants_or_routes_are_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as served:
        await served.chat(SAME)
        assert REPLAYED not in (await served.chat(SAME, key="fl_other")).headers
        body = json.dumps(SURFACES["/v1/messages"]).encode()
        assert REPLAYED not in (await ask(served.port, "POST", "/v1/messages", body, SAME)).headers
        assert len(served.upstream.calls) == 3


async def test_a_key_is_given_what_it_may_not_ask_for(tmp_path: Path) -> None:  # FAULTS 51
    """Another key of its tenant may: neither a recorded answer nor one under way is its own."""
    keys = "keys: [{name: test, key: fl_test}, {name: narrow, key: fl_narrow, models: [m-two]}]\n"
    async with serving(tmp_path / "s", more=keys) as served:
        served.upstream.push("one", answer(wait=0.3))
        asked = {"model": "m-one@one"}
        first = asyncio.ensure_future(served.chat(SAME, **asked))
        await soon(lambda: len(served.upstream.calls) == 1)
        assert (await served.chat(SAME, key="fl_narrow", **asked)).status == 403
        assert (await first).status == 200
        assert (await served.chat(SAME, key="fl_narrow", **asked)).status == 403
        assert (await served.chat(SAME, **asked)).headers[REPLAYED] == "true"
        assert len(served.upstream.calls) == 1


async def test_a_follower_that_leaves_takes_the_answer_with_it(tmp_path: Path) -> None:  # FAULTS 30
    async with serving(tmp_path / "s") as served:
        served.upstream.push("one", answer(wait=0.3))
        first = asyncio.ensure_future(served.chat(SAME))
        await soon(lambda: len(served.upstream.calls) == 1)
        async with served.client() as follower:
            follower.ask("POST", "/v1/chat/completions", question(), SAME)
            await asyncio.sleep(0.05)
        assert (await first).status == 200
        assert served.upstream.calls[0].whole


async def test_the_first_one_to_ask_takes_the_answer_with_it(tmp_path: Path) -> None:  # FAULTS 30
    async with serving(tmp_path / "s") as served:
        told = events()
        served.upstream.push("one", stream([*told[:2], 0.3, *told[2:]]))
        async with served.client() as first:
            first.ask("POST", "/v1/chat/completions", question(stream=True), SAME)
            await first.head()
            follower = asyncio.ensure_future(served.chat(SAME, stream=True))
            await soon(lambda: len(reading(served)) == 2)
        response = await follower
        assert response.whole
        assert b"[DONE]" in response.body
        assert b"Bon" in response.body
        assert len(served.upstream.calls) == 1


def reading(served: Served) -> set[recording.Reader]:
    (under_way,) = served.running.runtime.once._under_way.values()
    return under_way.recording.readers


async def test_when_all_have_left_the_provider_goes_on_and_the_key_is_lost(tmp_path: Path) -> None:  # FAULTS 19
    async with serving(tmp_path / "s") as served:
        served.upstream.push("one", Play([HANG]))
        async with served.client() as first, served.client() as second:
            for client in (first, second):
                client.ask("POST", "/v1/chat/completions", question(), SAME)
            await soon(lambda: bool(served.upstream.calls) and len(reading(served)) == 2)
        await within_a_second(served.upstream.calls[0].left.wait())
        again = await served.chat(SAME)
        assert again.status == 200
        assert REPLAYED not in again.headers
        assert [record.outcome for record in await served.records()] == ["cancelled", "ok"]


FORGOTTEN = {
    "a failure": status(500),
    "a limit": status(429),
    "a stream cut in the middle": stream([*events(usage=None)[:2], CUT], end=False),
}


@pytest.mark.parametrize("name", FORGOTTEN)
async def test_what_failed_is_told_again_instead_of_tried_again(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path / "s") as served:
        streamed = "stream" in name
        for seat in ("one", "two"):
            served.upstream.push(seat, *[FORGOTTEN[name]] * 4)
        first = await served.chat(SAME, stream=streamed)
        assert first.status != 200 or b"stream_broken" in first.body
        served.upstream.script.clear()
        again = await served.chat(SAME, stream=streamed)
        assert again.status == 200
        assert REPLAYED not in again.headers
        assert b"stream_broken" not in again.body


async def test_a_final_refusal_by_the_provider_is_asked_for_twice(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as served:
        served.upstream.push("one", status(400, "wrong"))
        first, again = [await served.chat(SAME) for _ in range(2)]
        assert (first.status, again.status, again.body) == (400, 400, first.body)
        assert again.headers[REPLAYED] == "true"
        assert len(served.upstream.calls) == 1


@pytest.mark.parametrize("key", ["k" * 256, "schlüssel"])
async def test_a_key_that_is_none_is_taken(tmp_path: Path, key: str) -> None:
    async with serving(tmp_path / "s") as served:
        response = await served.chat({"Idempotency-Key": key})
        assert (response.status, response.error["param"]) == (400, "Idempotency-Key")
        assert served.upstream.calls == []


async def test_a_long_answer_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "LARGEST", 50)
    async with serving(tmp_path / "s") as served:
        for _ in range(2):
            assert REPLAYED not in (await served.chat(SAME)).headers
        assert len(served.upstream.calls) == 2
    assert kept(tmp_path / "s") == []


async def test_a_long_stream_stalls_or_is_joined_where_its_beginning_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "KEPT", 1000)
    async with serving(tmp_path / "s") as served:
        told = [event({"content": "x" * 400})] * 20
        served.upstream.push("one", stream([*events()[:2], *told, 0.3, *events()[3:]]))
        async with served.client() as first:
            first.ask("POST", "/v1/chat/completions", question(stream=True), SAME)
            await first.head()
            await soon(lambda: reading(served) and not under_way(served).recording.joinable)
            late = await served.chat(SAME, stream=True)
            assert (late.status, late.error["code"]) == (409, "idempotency_in_use")
            body = b""
            while piece := await first.piece():
                body += piece
            assert body.count(b"x" * 400) == 20
            assert b"[DONE]" in body
        await soon(lambda: not served.running.runtime.once._under_way)
        assert kept(tmp_path / "s") == []


def under_way(served: Served) -> idempotency.UnderWay:
    (found,) = served.running.runtime.once._under_way.values()
    return found


def kept(state_dir: Path) -> list[bytes]:
    with closing(sqlite3.connect(state_dir / FILE)) as database:
        return [row[0] for row in database.execute("SELECT kept FROM answers")]


async def test_an_answer_outlives_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path / "s") as served:
        await served.chat(SAME)
        await soon(lambda: not served.running.runtime.once._under_way)
        now = shelf.time.time()
        monkeypatch.setattr(shelf.time, "time", lambda: now + shelf.KEPT_SECONDS + 1)
        assert REPLAYED not in (await served.chat(SAME)).headers


SENSITIVE = {**SAME, "x-fairlead-sensitivity": "sensitive"}


async def test_a_sensitive_answer_is_on_disk(tmp_path: Path) -> None:  # M3.7
    async with serving(tmp_path / "s", provider=", self_hosted: true") as served:
        first, again = [await served.chat(SENSITIVE) for _ in range(2)]
        assert (first.status, again.body, again.headers[REPLAYED]) == (200, first.body, "true")
        (mark,) = kept(tmp_path / "s")
        assert len(mark) == shelf.MARK
    async with serving(tmp_path / "s", provider=", self_hosted: true") as served:
        response = await served.chat(SENSITIVE)
        assert (response.status, response.error["code"]) == (409, "idempotency_unknown")
        assert served.upstream.calls == []


async def test_the_keys_or_what_was_said_can_be_read_beside_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as served:
        await served.chat({"Idempotency-Key": "canary-key"}, messages=[{"role": "user", "content": "canary-words"}])
    for file in (tmp_path / "s").glob(FILE + "*"):
        assert file.stat().st_mode & 0o077 == 0
        assert b"canary" not in file.read_bytes()


async def test_what_is_kept_in_memory_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_IN_MEMORY", 5000)
    async with serving(tmp_path / "s", provider=", self_hosted: true") as served:
        for number in range(12):
            await served.chat(SENSITIVE | {"Idempotency-Key": str(number)})
        once = served.running.runtime.once
        assert 1 <= len(once._memory) < 12
        assert once._memory_size == sum(len(held[1]) for held in once._memory.values()) <= 5000


async def test_after_a_crash_a_request_is_made_a_second_time(tmp_path: Path) -> None:  # FAULTS 30, 31
    file = tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        upstream.push("one", Play([HANG]))
        file.write_text(config(upstream.port, tmp_path / "s"))
        async with process(file) as (child, port), Client(port) as client:
            client.ask("POST", "/v1/chat/completions", question(), SAME)
            await soon(lambda: bool(upstream.calls))
            child.kill()
        async with process(file) as (child, port):
            response = await ask(port, "POST", "/v1/chat/completions", question(), SAME)
            assert (response.status, response.error["code"]) == (409, "idempotency_unknown")
            assert response.headers["x-should-retry"] == "false"
            assert (await ask(port, "POST", "/v1/chat/completions", question(), {"Idempotency-Key": "2"})).status == 200
            child.send_signal(signal.SIGTERM)
            assert await child.wait() == 0
        assert len(upstream.calls) == 2


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs a disk that is full")
async def test_a_key_that_cannot_be_noted_lets_the_request_through(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    (tmp_path / "s" / FILE).mkdir()
    async with serving(tmp_path / "s") as served:
        response = await served.chat(SAME)
        assert (response.status, response.error["code"]) == (503, "ledger_unwritable")
        assert served.upstream.calls == []
        assert (await served.chat()).status == 200


async def test_a_request_without_a_key_makes_the_file(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as served:
        await served.chat()
        assert not (tmp_path / "s" / FILE).exists()


class Sent:
    def __init__(self, query: str, headers: dict[bytes, bytes], body: bytes) -> None:
        self.query, self.headers, self.body = query, headers, body


def told(query: str = "", body: bytes = b"", **headers: str) -> tuple[bytes, ...]:
    lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return tuple(parts(Sent(query, lines, body)))  # type: ignore[arg-type]


def test_what_differs_is_told_as_the_same_or_the_other_way_round() -> None:
    form = "multipart/form-data; boundary={}"
    assert told("alt=sse&key=a") == told("key=b&alt=sse") != told("")
    assert told(x_stainless_retry_count="1") == told()
    assert told(x_fairlead_policy="a") != told(x_fairlead_policy="b")
    assert told(anthropic_beta="a") != told()
    assert told(body=b"--aa\r\nx\r\n--aa--", content_type=form.format("aa")) == told(
        body=b"--bb\r\nx\r\n--bb--", content_type=form.format('"bb"')
    )
    assert told(body=b"--aa\r\nx\r\n--aa--") != told(body=b"--bb\r\nx\r\n--bb--")
    for kind in ("application/json; boundary=e", form.format("e")):
        assert told(body=b'{"a":"pay 100"}', content_type=kind) != told(body=b'{"a":"pay 1e00"}', content_type=kind)


async def test_who_is_given_a_name_again_is_told_what_the_former_was(tmp_path: Path) -> None:  # FAULTS 51
    async with serving(tmp_path / "s", more=KEYS) as served:
        key_id, secret = await issue(served)
        first = await served.chat(SAME, key=secret)
        rotated = (await api(served, "POST", f"{PATH}/{key_id}/rotate", {})).json["key"]
        again = await served.chat(SAME, key=rotated)
        assert (again.body, REPLAYED in again.headers) == (first.body, True)
        assert (await api(served, "DELETE", f"{PATH}/{key_id}")).status == 200
        _, others = await issue(served)
        assert REPLAYED not in (await served.chat(SAME, key=others)).headers
        assert len(served.upstream.calls) == 2
