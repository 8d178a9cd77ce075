"""A provider's key stays here, even where the provider repeats it; and what providers say is not written down."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from fairlead.gateway.failures import masked
from fairlead.providers.wire import Endpoint
from tests.server.serving import Served, serving
from tests.server.wire import Response
from tests.upstream import Play, events, plain, scripted, status, stream

API_KEY = "loud-api-key-0123456789"
EXTRA = "extra-header-9876543210"
CANARY = "chrysoprase"
LOUD = "  loud-one: {channels: [{provider: loud, model: up}], price: {input: 1, output: 2}, quality: 0.5}\n"
WORDS = f"Incorrect API key provided: {API_KEY}, {EXTRA}. {CANARY}"
LONG = "x" * 280 + f" {API_KEY} {EXTRA} " + "y" * 5000
HEADERS = f"X-Echo: {API_KEY}\r\nRetry-After: {API_KEY}\r\nWWW-Authenticate: {EXTRA}\r\n"
ERROR = json.dumps({"error": {"message": WORDS}}).encode()


@asynccontextmanager
async def serving_loud(state_dir: Path) -> AsyncIterator[Served]:
    """A server with one provider more, whose key is long enough to be one."""
    async with scripted() as upstream:
        loud = (
            f'  loud: {{kind: openai, base_url: "http://127.0.0.1:{upstream.port}/loud/v1", api_key: {API_KEY}, '
            f'headers: {{X-Organisation: "{EXTRA}"}}}}\n'
        )
        async with serving(state_dir, extra_provider=loud, extra_model=LOUD) as server:
            server.upstream = upstream
            yield server


PLAYS = {
    **{f"{code}": (status(code, WORDS, HEADERS), False) for code in (400, 401, 403, 404, 422, 429, 500, 503)},
    "400 without JSON": (Play([plain(400, WORDS.encode(), HEADERS, "text/plain")], None, 400), False),
    "500 without JSON": (Play([plain(500, WORDS.encode(), HEADERS, "text/plain")], None, 500), False),
    "400 at length": (Play([plain(400, LONG.encode())], None, 400), False),
    "500 at length": (Play([plain(500, LONG.encode())], None, 500), False),
    "an error in a 200": (Play([plain(200, ERROR, HEADERS)]), False),
    "no JSON in a 200": (Play([plain(200, WORDS.encode(), HEADERS)]), False),
    "an error event": (stream([events()[0], b"data: " + ERROR + b"\n\n"]), True),
    "a 401 to a stream": (status(401, WORDS, HEADERS), True),
    "no HTTP": (Play([f"HTTP/1.1 OK {WORDS}\r\n\r\n".encode()]), False),
    "an odd header": (Play([f"HTTP/1.1 200 OK\r\n{WORDS}\r\n\r\n".encode()]), False),
}


async def told(server: Served, play: Play, streamed: bool) -> Response:
    server.upstream.push("loud", play)
    response = await server.chat(model="loud-one@loud", stream=streamed)
    (seen,) = server.upstream.calls
    assert seen.headers["authorization"] == f"Bearer {API_KEY}"
    assert seen.headers["x-organisation"] == EXTRA
    return response


def written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.mark.parametrize("name", PLAYS)
async def test_a_key_that_the_provider_repeats_is_read_nowhere_and_its_words_are_not_written_down(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    play, streamed = PLAYS[name]
    async with serving_loud(tmp_path / "s") as server:
        response = await told(server, play, streamed)
        assert response.status >= 400
        record = await server.record(response)
        assert len(record.attempts) == 1
        assert record.attempts[0].error or response.status in (400, 422)
        await server.running.stop()
    shown = response.body.decode() + json.dumps(response.headers)
    kept = written(tmp_path / "s").decode("latin-1") + caplog.text + repr(record)
    assert len(kept) > 1000
    for secret in (API_KEY, EXTRA):
        assert secret not in shown
        assert secret not in kept
        assert secret[:-4] not in shown + kept
    assert CANARY not in kept


@pytest.mark.parametrize("code", [400, 500])
async def test_what_the_provider_says_is_told_to_the_caller_with_the_key_masked(tmp_path: Path, code: int) -> None:
    async with serving_loud(tmp_path / "s") as server:
        response = await told(server, status(code, WORDS), False)
        message = str(response.error["message"])
        assert "Incorrect API key provided: ***, ***." in message
        assert CANARY in message


async def test_the_key_is_masked_wherever_the_provider_cuts_it_in_two(tmp_path: Path) -> None:
    async with serving_loud(tmp_path / "s") as server:
        whole = plain(400, json.dumps({"error": {"message": WORDS}}).encode())
        at = whole.index(API_KEY.encode()) + 5
        server.upstream.push("loud", Play([whole[:at], 0.02, whole[at:]], None, 400))
        response = await server.chat(model="loud-one@loud")
        assert "provided: ***, ***." in str(response.error["message"])


ODD = 'sk-abc/def+gh==x"yz&'
SPELT = {
    "plainly": ODD,
    "as JSON": json.dumps(ODD)[1:-1],
    "with escaped slashes": json.dumps(ODD)[1:-1].replace("/", "\\/"),
    "with escaped signs": "".join(char if char.isalnum() else f"\\u{ord(char):04x}" for char in ODD),
    "in large letters": "".join(char if char.isalnum() else f"\\u{ord(char):04X}" for char in ODD),
    "escaped throughout": "".join(f"\\u{ord(char):04x}" for char in ODD),
    "as JSON in JSON": json.dumps("".join(char if char.isalnum() else f"\\u{ord(char):04x}" for char in ODD))[1:-1],
    "as in an address": quote(ODD, safe=""),
    "as in HTML": html.escape(ODD),
    "by numbers": "".join(f"&#{ord(char)};" for char in ODD),
    "by their hexadecimal ones": "".join(f"&#x{ord(char):X};" for char in ODD),
}


@pytest.mark.parametrize("text", SPELT.values(), ids=SPELT)
def test_a_key_is_read_in_other_letters(text: str) -> None:
    where = Endpoint("p", "openai", "openai_chat", secrets=(ODD.encode(),))
    assert masked(f'{{"a": "key {text} and"}}'.encode(), where) == b'{"a": "key *** and"}'
    assert masked(b'{"a": "50% \\u003d & \\\\ sk-abc"}', where) == b'{"a": "50% \\u003d & \\\\ sk-abc"}'
