"""What of a provider's header lines reaches the client: nothing but what is named here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import Served, serving
from tests.server.wire import Response, ask
from tests.upstream import STREAM_HEAD, Play, chunk, completion, events, plain

FOREIGN = (
    "Set-Cookie: session=1\r\nSet-Cookie: other=2\r\nServer: theirs\r\nVia: 1.1 theirs\r\nX-Powered-By: theirs\r\n"
    "Access-Control-Allow-Origin: *\r\nLocation: http://elsewhere.test/\r\nLink: <x>\r\nAlt-Svc: h3\r\n"
    "Strict-Transport-Security: max-age=1\r\nWWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\n"
    "Keep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: X-Late\r\nOpenai-Organization: theirs\r\n"
    "X-Request-Id: theirs\r\nX-Fairlead-Cost: 0\r\nX-Fairlead-Model: theirs\r\nX-RateLimit-Remaining-Requests: 7\r\n"
)
OURS = {"content-type", "content-length", "transfer-encoding", "date", "connection", "cache-control", "retry-after"}
STREAMED = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\n" + FOREIGN.encode() + b"\r\n")
FAILED = json.dumps({"error": {"message": "no", "type": "t", "param": None, "code": "c"}}).encode()

PLAYS = {
    "whole": (Play([plain(200, completion(), FOREIGN)]), False, 200),
    "streamed": (Play([STREAMED, *(chunk(one) for one in events()), b"0\r\nSet-Cookie: late=1\r\n\r\n"]), True, 200),
    "refused": (Play([plain(400, FAILED, FOREIGN)]), False, 400),
    "failed": (Play([plain(500, FAILED, FOREIGN)]), False, 502),
    "busy": (Play([plain(429, FAILED, FOREIGN + "Retry-After: 3\r\n")]), False, 429),
}


def strange(response: Response) -> set[str]:
    return {name for name in response.headers if name not in OURS and not name.startswith("x-fairlead-")}


async def _asked(server: Served, name: str) -> Response:
    play, streamed, _ = PLAYS[name]
    for seat in ("one", "two"):
        server.upstream.push(seat, *[play] * 10)
    return await server.chat(stream=streamed)


@pytest.mark.parametrize("name", PLAYS)
async def test_a_providers_header_lines_stay_behind(tmp_path: Path, name: str) -> None:  # FAULTS 18
    async with serving(tmp_path / "s") as server:
        response = await _asked(server, name)
        assert response.status == PLAYS[name][2]
        assert strange(response) <= {"x-should-retry"}
        told = str(response.headers).lower()
        assert "theirs" not in told
        assert "cookie" not in told
        assert "elsewhere" not in told


KINDS = ["audio/mpeg", "text/plain; charset=utf-8", "application/json"]


@pytest.mark.parametrize("kind", KINDS)
async def test_of_an_answer_that_is_passed_as_it_stands_its_type_is_told_and_no_more(
    tmp_path: Path, kind: str
) -> None:  # FAULTS 18
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, b"sound", FOREIGN, kind)]))
        asked = json.dumps({"model": "m-one", "input": "a", "voice": "b"}).encode()
        response = await ask(server.port, "POST", "/v1/audio/speech", asked, {}, "fl_test")
        assert (response.status, response.body, response.headers["content-type"]) == (200, b"sound", kind)
        assert strange(response) == set()


@pytest.mark.parametrize("line", ["X: a\r\n b\r\n", "Content-Type: a\rSet-Cookie: b\r\n", "X: a\nSet-Cookie: b\r\n"])
async def test_a_line_that_would_become_two_never_leaves(tmp_path: Path, line: str) -> None:  # FAULTS 18
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, completion(), line)]))
        response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        assert strange(response) == set()
