"""What is said of answers decides who answers next; it is the tenant's own word, and outlives the process."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from fairlead.config.load import load
from fairlead.errors import StateError
from fairlead.gateway.contents import keys
from fairlead.gateway.replay import replay
from fairlead.server.serve import start
from tests.server.serving import KEYS, Served, config, question, rows, serving, soon
from tests.server.test_crash import NAME, process
from tests.server.wire import Client, Response, ask
from tests.upstream import CUT, events, scripted, status, stream

POLICY = "  trying: {strategy: learned, models: [m-one, m-two], weights: {quality: 1}}\n"
CHOSEN = {"model": "auto", "fairlead": {"policy": "trying", "task": "math"}}
VIEWER = KEYS + "  - {name: seeing, key: fl_seeing, tenant: others, role: viewer}\n"


async def say(port: int, key: str = "fl_test", raw: bytes = b"", **fields: object) -> Response:
    return await ask(port, "POST", "/v1/feedback", raw or json.dumps(fields).encode(), key=key)


async def judged(server: Served, model: str, score: float, count: int) -> None:
    """As many answers of a model to the task, and a word on each."""
    for _ in range(count):
        answer = await server.chat(model=model, fairlead={"task": "math"})
        told = (await say(server.port, request_id=answer.headers[NAME], score=score)).json
        assert (told["model"], told["task"], told["replaced"]) == (model, "math", False)


def evidence(server: Served) -> dict[str, tuple[float, float]]:
    return server.running.runtime.snapshot().conditions.evidence


async def chosen(server: Served, count: int) -> list[str]:
    return [(await server.chat(**CHOSEN)).headers["x-fairlead-model"] for _ in range(count)]


async def test_what_is_said_of_answers_changes_nothing_about_who_answers(tmp_path: Path) -> None:  # M3.1 M7.3
    async with serving(tmp_path / "s", extra_policy=POLICY) as server:
        await judged(server, "m-one", 0.0, 60)
        await judged(server, "m-two", 1.0, 60)
        await soon(lambda: evidence(server) == {"m-one|math": (0.0, 60.0), "m-two|math": (60.0, 60.0)})
        assert await chosen(server, 20) == ["m-two"] * 20
        answer = await server.chat(**CHOSEN)
        found = await server.record(answer)
        contents = await server.running.runtime.ledger.contents(keys(found))
        again = replay(found, contents)
        assert again.same
        assert again.plan.steps[0].targets[0].expected.quality == pytest.approx((0.6 * 20 + 60) / 80)
        shown = (await server.get(f"/v1/decisions/{answer.headers[NAME]}")).json
        assert "drawn at random" in " ".join(map(str, shown["explanation"]))  # type: ignore[call-overload]
        other = await server.chat(model="auto", fairlead={"policy": "quality_first", "task": "chat"})
        assert other.headers["x-fairlead-model"] == "m-one"


async def test_the_same_word_counts_twice_or_a_later_one_not_at_all(tmp_path: Path) -> None:  # M7.3
    async with serving(tmp_path / "s") as server:
        answer = await server.chat(fairlead={"task": "math"})
        for score, replaced in ((0.25, False), (0.25, True), (1, True)):
            told = (await say(server.port, request_id=answer.headers[NAME], score=score)).json
            assert (told["score"], told["replaced"]) == (score, replaced)
        await soon(lambda: evidence(server) == {"m-one|math": (1.0, 1.0)})
        ledger = server.running.runtime.ledger
        first = await ledger.feedback(answer.headers[NAME])
        assert (await say(server.port, request_id=answer.headers[NAME], good=True)).status == 200
        assert await ledger.feedback(answer.headers[NAME]) == first
        many = await asyncio.gather(
            *(say(server.port, request_id=answer.headers[NAME], score=n / 10) for n in range(11))
        )
        assert {one.status for one in many} == {200}
        last = await ledger.feedback(answer.headers[NAME])
        assert last is not None
        await soon(lambda: evidence(server)["m-one|math"] == (round(last.score, 1), 1.0))
        await ledger.flush()
        assert await asyncio.to_thread(rows, server.state_dir, "SELECT score FROM feedback") == [(last.score,)]


async def test_another_tenants_request_is_judged_or_told_from_none(tmp_path: Path) -> None:  # M7.3
    async with serving(tmp_path / "s", more=VIEWER) as server:
        answer = await server.chat()
        told = []
        for key, name in (
            ("fl_other", answer.headers[NAME]),
            ("fl_seeing", answer.headers[NAME]),
            ("fl_test", "req_x"),
        ):
            refused = await say(server.port, key, request_id=name, good=False)
            assert (refused.status, refused.error["code"], refused.error["param"]) == (404, "not_found", "request_id")
            told.append(str(refused.error["message"]).replace(name, "ID"))
        assert len(set(told)) == 1
        assert await server.running.runtime.ledger.feedback(answer.headers[NAME]) is None
        assert (await say(server.port, "nobody", request_id=answer.headers[NAME], good=False)).status == 401


async def test_what_got_no_whole_answer_is_judged(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for seat in ("one", "two"):
            server.upstream.push(seat, status(500))
        failed = await server.chat(model="same")
        server.upstream.push("one", stream([*events()[:2], CUT], end=False))
        broken = await server.chat(model="same", stream=True)
        for answer in (failed, broken):
            refused = await say(server.port, request_id=answer.headers[NAME], good=True)
            assert (refused.status, refused.error["code"]) == (400, "not_answered")


WRONG: dict[str, tuple[dict[str, Any] | bytes, str | None, str]] = {
    "comment": ({"request_id": "r", "good": True, "comment": "nice"}, "comment", "unknown_field"),
    "neither": ({"request_id": "r"}, "score", "invalid_request"),
    "both": ({"request_id": "r", "good": True, "score": 1}, "score", "invalid_request"),
    "too much": ({"request_id": "r", "score": 1.01}, "score", "out_of_range"),
    "too little": ({"request_id": "r", "score": -0.01}, "score", "out_of_range"),
    "no number": ({"request_id": "r", "score": "1"}, "score", "wrong_type"),
    "no yes or no": ({"request_id": "r", "good": 1}, "good", "wrong_type"),
    "no id": ({"good": True}, "request_id", "missing_field"),
    "empty id": ({"request_id": "", "good": True}, "request_id", "out_of_range"),
    "id of another kind": ({"request_id": 7, "good": True}, "request_id", "wrong_type"),
    "long id": ({"request_id": "r" * 201, "good": True}, "request_id", "out_of_range"),
    "twice": (b'{"request_id": "r", "good": true, "good": false}', None, "duplicate_field"),
    "other letters": ({"Request_id": "r", "good": True}, None, "unknown_field"),
    "a list": (b"[]", None, "wrong_type"),
    "nan": (b'{"request_id": "r", "score": NaN}', None, "invalid_json"),
    "nothing": (b" ", None, "invalid_json"),
}


async def test_a_word_that_says_something_else_is_taken(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for name, (body, param, code) in WRONG.items():
            refused = await say(server.port, raw=body if isinstance(body, bytes) else json.dumps(body).encode())
            assert (refused.status, refused.error["code"], name) == (400, code, name), refused.error
            if param is not None:
                assert refused.error["param"] == param, name
        page = await ask(server.port, "POST", "/v1/feedback", b"{}", {"Content-Type": "text/plain"})
        assert page.status == 415
        assert (await server.get("/v1/feedback")).status == 405


async def test_a_word_that_cannot_be_written_down_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path / "s") as server:
        answer = await server.chat()

        def full(ledger: object, feedback: object) -> None:
            raise StateError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(type(server.running.runtime.ledger), "judge", full)
            refused = await say(server.port, request_id=answer.headers[NAME], good=True)
        assert (refused.status, refused.error["code"]) == (503, "ledger_unwritable")
        assert evidence(server) == {}


async def test_what_was_said_is_gone_after_a_restart_or_a_kill(tmp_path: Path) -> None:  # FAULTS 31
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        file.write_text(config(upstream.port, state_dir, extra_policy=POLICY))
        ends = (signal.SIGKILL, signal.SIGTERM)
        for number, end in enumerate(ends, 1):
            async with process(file) as (child, port), Client(port) as client:
                for model, score in (("m-one", 0), ("m-two", 1)):
                    for _ in range(15):
                        client.ask("POST", "/v1/chat/completions", question(model=model, fairlead={"task": "math"}))
                        name = (await client.response()).headers[NAME]
                        assert (await say(port, request_id=name, score=score)).status == 200
                child.send_signal(end)  # the last word was told to be kept a moment ago
                await child.wait()
            running = await start(load(file))
            kept = {"m-one|math": (0.0, 15.0 * number), "m-two|math": (15.0 * number, 15.0 * number)}
            assert running.runtime.snapshot().conditions.evidence == kept
            await running.stop()
        assert rows(state_dir, "SELECT count(*), sum(score) FROM feedback") == [(60, 30.0)]
