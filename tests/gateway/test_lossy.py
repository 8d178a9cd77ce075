"""What an answer lost on its way is named, all through the gateway. # M1.5"""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.serving import serving
from tests.server.wire import ask
from tests.upstream import Play, plain, stream

MESSAGE = {"role": "assistant", "content": "x", "audio": {"id": "a"}, "annotations": [{"type": "file"}]}
SURE = {"content": [{"token": "x", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
ASKED = {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "top_k": 3}


async def test_a_whole_answer_comes_without_the_names_of_what_it_lost(tmp_path: Path) -> None:
    """Of its request and of itself, through the whole gateway; the same answer passes untouched to its own dialect."""
    choice = {"index": 0, "message": MESSAGE, "logprobs": SURE, "finish_reason": "stop"}
    answer = json.dumps({"id": "a", "model": "up", "choices": [choice]}).encode()
    async with serving(tmp_path / "s") as server:
        for _ in range(2):
            server.upstream.push("one", Play([plain(200, answer)], None, 200))
        told = await ask(server.port, "POST", "/v1/messages", json.dumps(ASKED).encode())
        assert [block["text"] for block in json.loads(told.body)["content"]] == ["x"]
        assert told.headers["x-fairlead-lossy"] == (
            "dropped:top_k, dropped:citations.file, dropped:answer_media.audio, dropped:answer_logprobs"
        )
        same = await server.chat()
        assert (same.body, same.headers.get("x-fairlead-lossy")) == (answer, None)


async def test_a_strict_caller_is_refused_what_it_has_paid_for(tmp_path: Path) -> None:
    choice = {"index": 0, "message": MESSAGE, "finish_reason": "stop"}
    answer = json.dumps({"id": "a", "model": "up", "choices": [choice]}).encode()
    asked = {name: value for name, value in ASKED.items() if name != "top_k"} | {"fairlead": {"strict": True}}
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, answer)], None, 200))
        told = await ask(server.port, "POST", "/v1/messages", json.dumps(asked).encode())
        lost = "dropped:citations.file, dropped:answer_media.audio"
        assert (told.status, told.headers["x-fairlead-lossy"]) == (200, lost)


async def test_a_stream_ends_without_the_names_of_what_it_lost(tmp_path: Path) -> None:
    deltas = ({"content": "x"}, {"annotations": [{"type": "file"}]})
    chunks = [{"id": "a", "choices": [{"index": 0, "delta": delta, "logprobs": SURE}]} for delta in deltas]
    ended = {"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    pieces = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in (*chunks, ended)]
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream([*pieces, b"data: [DONE]\n\n"]))
        told = await ask(server.port, "POST", "/v1/messages", json.dumps(ASKED | {"stream": True}).encode())
        assert told.headers["x-fairlead-lossy"] == "dropped:top_k"
        assert b": x-fairlead-lossy: dropped:answer_logprobs, dropped:citations.file\n\n" in told.body
        assert told.body.rstrip().endswith(b'data: {"type":"message_stop"}')
