"""Streams that outgrow what was held for them: seen whatever they say, ended at the bound, and charged by what was told."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead.core.budgets import Books, Budget, Hold, bound_of
from fairlead.gateway.budgets import CHUNK, SLACK, outran
from fairlead.gateway.periods import calendar
from tests.gateway.test_budgets import books, keys
from tests.server.serving import Served, question, serving, soon
from tests.server.wire import ask
from tests.upstream import HANG, Play, answer, event, events, stream

WORDS = "word " * 200
CLAUDE = """
  claude: {channels: [{provider: three, model: up-three}], price: {input: 1, output: 2}, context: 128000, quality: 0.9}
"""
KINDS: dict[str, Callable[[str], dict[str, object]]] = {
    "content": lambda text: {"content": text},
    "reasoning": lambda text: {"reasoning": text},
    "tool_calls": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
    "function_call": lambda text: {"function_call": {"arguments": text}},
    "refusal": lambda text: {"refusal": text},
}


def grown(kind: str, times: int) -> list[bytes]:
    """An answer that begins with next to nothing."""
    told = [event({"role": "assistant", "content": ""}), event(KINDS[kind]("W"))]
    return [*told, *[event(KINDS[kind](WORDS))] * times]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_outgrows_a_hard_budget_unseen_behind_a_small_beginning(tmp_path: Path, kind: str) -> None:
    cap = 4_000_000
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.004, per: total}")) as server:
        server.upstream.push("one", stream([*grown(kind, 400), HANG], end=False))
        response = await server.chat(stream=True, max_tokens=500)
        assert b"budget_spent" in response.body[-600:]
        record = await server.record(response)
        assert books(server) == (record.cost, 0)
        assert record.cost <= cap
        told = response.body.count(WORDS.encode()) * len(WORDS) / 4
        assert told * 0.9 <= record.attempts[0].usage.output <= told * 1.3 + CHUNK


async def test_a_client_that_leaves_pays_for_the_first_words_only(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5, per: total}")) as server:
        server.upstream.push("one", stream([*grown("tool_calls", 100), HANG], end=False))
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(stream=True, max_tokens=50_000))
            await soon(lambda: bool(server.upstream.calls and server.upstream.calls[0].sent > 100 * len(WORDS)))
            await asyncio.sleep(0.1)
        await soon(lambda: not server.running.listener.connections)
        (record,) = await server.records()
        assert record.outcome == "cancelled"
        assert 20_000 <= record.attempts[0].usage.output <= 30_000


def held(left: int, limit: int) -> tuple[Books, Hold]:
    """A hold for `limit` tokens at a nano-dollar each, where `left` more are left."""
    made = Books()
    account = made.account("key", ("t", "k"), "total", calendar("total", datetime.UTC))
    bound = bound_of(account, [Budget("key", ("k",), limit + left, "total")])
    hold = Hold(limit, 0, limit, limit, 1)
    assert made.take(made.due((bound,)), hold, 0.0, 1e12) is None
    return made, hold


@pytest.mark.parametrize("left", [0, CHUNK // 2, 10 * CHUNK + 50])
def test_a_stream_is_let_run_a_quarter_beyond_what_is_left(left: int) -> None:
    made, hold = held(left, 100_000)
    last = next(tokens for tokens in range(100_000, 200_000) if outran(made, hold, tokens))
    assert last <= 100_000 + left + SLACK + 1
    assert last > 100_000 + left - CHUNK


def messages(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def told_by_claude(times: int) -> list[bytes]:
    usage = {"input_tokens": 7, "output_tokens": 1}
    said = messages("content_block_delta", index=0, delta={"type": "text_delta", "text": WORDS})
    return [
        messages(
            "message_start", message={"id": "m", "type": "message", "role": "assistant", "model": "c", "usage": usage}
        ),
        messages("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[said] * times,
    ]


async def asked(server: Served, path: str, continued: str) -> Any:
    body = json.dumps(
        {"model": "claude", "max_tokens": 500, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    )
    return await ask(server.port, "POST", path, body.encode(), {"x-fairlead-continue": continued}, "fl_test")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("continued", ["false", "true"])
@pytest.mark.parametrize("ending", ["error", "budget"])
async def test_a_translated_stream_that_breaks_is_nearly_free(
    tmp_path: Path, path: str, continued: str, ending: str
) -> None:
    three = '  three: {kind: anthropic, base_url: "http://127.0.0.1:PORT/three", api_key: key-three}\n'
    times = 40 if ending == "error" else 400
    last = messages("error", error={"type": "overloaded_error", "message": "no"})
    async with serving(tmp_path / "first") as other:
        port = other.upstream.port
        more = keys("budget: {amount: %s, per: total}" % ("5" if ending == "error" else "0.004"))
        async with serving(
            tmp_path / "s", more=more, extra_model=CLAUDE, extra_provider=three.replace("PORT", str(port))
        ) as server:
            steps = [*told_by_claude(times), last] if ending == "error" else [*told_by_claude(times), HANG]
            other.upstream.push("three", stream(steps, end=ending == "error"))
            response = await asked(server, path, continued)
            assert response.status == 200
            record = (await server.records())[-1]
            attempt = record.attempts[0]
            told = response.body.count(WORDS.encode()) * len(WORDS) // 4
            assert told > 1_000
            assert attempt.usage.estimated
            assert told <= attempt.usage.output <= told * 1.3 + CHUNK
            assert books(server) == (record.cost, 0)


async def test_a_whole_answer_without_usage_costs_what_was_expected_of_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5, per: total}")) as server:
        server.upstream.push("one", answer(WORDS * 40, None))
        usage = (await server.record(await server.chat())).attempts[0].usage
        assert (usage.output, usage.estimated) == (40 * len(WORDS) // 4, True)
        server.upstream.push("one", answer("Yes.", None))
        assert (await server.record(await server.chat())).attempts[0].usage.output > 0


async def test_a_stream_that_has_ended_is_ended_for_its_budget(tmp_path: Path) -> None:
    """All of it came at once: there is nothing to save any more, and its usage is known."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.0011, per: total}")) as server:
        server.upstream.push("one", stream([b"".join(events(["word " * 600], usage=(6, 500)))]))
        response = await server.chat(stream=True, max_tokens=500)
        assert (response.status, response.whole) == (200, True)
        assert b"[DONE]" in response.body
        assert books(server) == (6_000 + 1_000_000, 0)


SHORT = "word " * 20


@pytest.mark.parametrize("first", [True, False])
async def test_one_read_brings_more_than_the_budget_bears(tmp_path: Path, first: bool) -> None:
    """It is looked at before it goes on: what the budget does not bear is neither shown nor charged."""
    cap = 4_000_000
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.004, per: total}")) as server:
        flood = b"".join([event({"content": SHORT})] * 400)
        opening = event({"role": "assistant", "content": "" if first else "W"})
        steps = [opening + flood, HANG] if first else [opening, flood, HANG]
        server.upstream.push("one", stream(steps, end=False))
        response = await server.chat(stream=True, max_tokens=500)
        assert b"budget_spent" in response.body[-600:]
        record = await server.record(response)
        assert 3_000_000 < record.cost <= cap
        assert books(server) == (record.cost, 0)
        told = response.body.count(SHORT.encode()) * len(SHORT) / 4
        assert told - 64 <= record.attempts[0].usage.output <= told * 1.05 + SLACK


async def test_an_answer_that_ends_within_one_read_is_cut_where_its_tokens_are_told(tmp_path: Path) -> None:
    """And one that ends without telling them is not let beyond the bound."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 0.004, per: total}")) as server:
        server.upstream.push("one", stream([b"".join(events(["word " * 2000], usage=(6, 1_900)))]))
        response = await server.chat(stream=True, max_tokens=500)
        assert b"[DONE]" in response.body
        assert books(server) == (6_000 + 3_800_000, 0)
    async with serving(tmp_path / "t", more=keys("budget: {amount: 0.004, per: total}")) as server:
        untold = [
            event({"role": "assistant", "content": ""}),
            *[event({"content": SHORT})] * 400,
            event({}, "stop"),
            b"data: [DONE]\n\n",
        ]
        server.upstream.push("one", stream([b"".join(untold)]))
        response = await server.chat(stream=True, max_tokens=500)
        assert b"budget_spent" in response.body[-600:]
        assert 3_000_000 < books(server)[0] <= 4_000_000


async def test_what_was_told_is_asked_along_for_nothing(tmp_path: Path) -> None:
    """Who goes on with a stream is sent all that was told of it: that is held too."""
    told = [event({"role": "assistant", "content": ""}), *[event({"content": WORDS})] * 40]
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5, per: total}")) as server:
        server.upstream.push("one", stream(told))
        server.upstream.push("two", Play([0.3, *stream(events()).steps]))
        asking = asyncio.create_task(
            server.chat({"x-fairlead-continue": "true"}, model="auto", stream=True, max_tokens=100)
        )
        await soon(lambda: len(server.upstream.calls) == 2)
        assert b"word word" in server.upstream.calls[1].body
        held = books(server)[1]
        assert (await asking).status == 200
        tokens = 40 * len(WORDS) // 4
        assert held >= tokens * 5 // 4 * 100
        assert books(server)[1] == 0
