"""A streamed text that broke off is gone on with by the next in line, where that was asked for: end to end, in every
dialect. The upstream's own log is the oracle: who was asked, what they were asked, what they said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fairlead.core.record import Record
from fairlead.dialects.continuing import INSTRUCTION
from tests.server.serving import Served, serving
from tests.server.wire import Response, ask
from tests.upstream import CUT, HANG, RST, Play, Step, event, events, scripted, status, stream

CALLERS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
KINDS = {
    "openai_chat": "kind: openai, base_url: 'http://127.0.0.1:{port}/{seat}/v1'",
    "openai_responses": "kind: openai_responses, base_url: 'http://127.0.0.1:{port}/{seat}/v1'",
    "anthropic_messages": "kind: anthropic, base_url: 'http://127.0.0.1:{port}/{seat}'",
    "gemini": "kind: gemini, base_url: 'http://127.0.0.1:{port}/{seat}'",
}


def sse(*told: dict[str, Any], named: bool = False) -> list[bytes]:
    return [
        (f"event: {one['type']}\n" if named else "").encode() + b"data: " + json.dumps(one).encode() + b"\n\n"
        for one in told
    ]


def anthropic(texts: Sequence[str], whole: bool) -> list[bytes]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": []}
    begun = {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": message | begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in texts),
    ]
    ended: list[dict[str, Any]] = [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    return sse(*told, *(ended if whole else ()), named=True)


def responses(texts: Sequence[str], whole: bool) -> list[bytes]:
    answer: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 1, "model": "up", "output": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "".join(texts), "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": answer | {"status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}},
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": one, "logprobs": []} for one in texts),
    ]
    usage = {
        "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18,
    }  # fmt: skip
    ended: list[dict[str, Any]] = [
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": answer | {"status": "completed", "output": [item], "usage": usage}},
    ]
    numbered = [one | {"sequence_number": at} for at, one in enumerate((*told, *(ended if whole else ())))]
    return sse(*numbered, named=True)


def gemini(texts: Sequence[str], whole: bool) -> list[bytes]:
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    told: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": one}], "role": "model"}, "index": 0}], "responseId": "r"}
        for one in texts
    ]
    ended = {"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": usage, "responseId": "r"}
    return sse(*told, *((ended,) if whole else ()))


def chat(texts: Sequence[str], whole: bool) -> list[bytes]:
    return events(texts) if whole else events(texts, None, False)[:-1]


SAYING = {"openai_chat": chat, "openai_responses": responses, "anthropic_messages": anthropic, "gemini": gemini}


def broken(dialect: str, *texts: str, end: Step = CUT) -> Play:
    return stream([*SAYING[dialect](texts, False), end], end=False)


def whole(dialect: str, *texts: str) -> Play:
    return stream(SAYING[dialect](texts, True))


@asynccontextmanager
async def three(
    state: Path, first: str = "openai_chat", second: str = "openai_chat", policy: str = ", continue_streams: true"
) -> AsyncIterator[Served]:
    """Three seats, each a provider of its own dialect: `a`, then `b`, then `c`."""

    async with scripted() as upstream:
        kinds = {"a": first, "b": second, "c": second}
        providers = "".join(
            f"  p{seat}: {{{KINDS[kind].format(port=upstream.port, seat=seat)}, api_key: key-{seat}, idle_timeout: 1}}\n"
            for seat, kind in kinds.items()
        )
        models = "".join(
            f"  n{seat}: {{channels: [{{provider: p{seat}, model: up-{seat}}}], price: {{input: 1, output: 2}},"
            " context: 128000, quality: 0.5}\n"
            for seat in kinds
        )
        chosen = f"  trio: {{strategy: pinned, model: na, fallbacks: [nb, nc]{policy}}}\n"
        async with serving(state, extra_provider=providers, extra_model=models, extra_policy=chosen) as server:
            server.upstream = upstream
            yield server


PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/auto:streamGenerateContent?alt=sse",
}


async def asking(
    server: Served, caller: str = "openai_chat", headers: dict[str, str] | None = None, **more: object
) -> Response:
    bodies: dict[str, dict[str, Any]] = {
        "openai_chat": {"messages": [{"role": "user", "content": "Count."}], "stream_options": {"include_usage": True}},
        "openai_responses": {"input": "Count."},
        "anthropic_messages": {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 500},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": "Count."}]}]},
    }
    body = bodies[caller] | ({} if caller == "gemini" else {"model": "auto", "stream": True}) | more
    headers = {"x-fairlead-policy": "trio"} | (headers or {})
    return await ask(server.port, "POST", PATHS[caller], json.dumps(body).encode(), headers)


def data(body: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in body.replace(b"\r\n", b"\n").split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def text_of(caller: str, body: bytes) -> str:
    """What a client of this dialect puts together, and whether the stream's events belong together."""
    told = data(body)
    if caller == "openai_chat":
        assert len({one["id"] for one in told}) == 1
        return "".join(one["choices"][0]["delta"].get("content") or "" for one in told if one["choices"])
    if caller == "gemini":
        assert len({one["responseId"] for one in told}) == 1
        return "".join(
            part["text"] for one in told for part in one["candidates"][0].get("content", {}).get("parts", ())
        )
    if caller == "anthropic_messages":
        deltas = [one for one in told if one["type"] == "content_block_delta"]
        assert {one["index"] for one in deltas} == {0}
        assert [one["type"] for one in told].count("content_block_start") == 1
        assert [one["type"] for one in told].count("message_start") == 1
        return "".join(one["delta"]["text"] for one in deltas)
    assert [one["sequence_number"] for one in told] == list(range(len(told)))
    deltas = [one for one in told if one["type"] == "response.output_text.delta"]
    text = "".join(one["delta"] for one in deltas)
    if told[-1]["type"] == "response.completed":
        assert told[-1]["response"]["output"][0]["content"][0]["text"] == text, "its end tells another text"
    return text


ENDS = {
    "openai_chat": b"data: [DONE]",
    "openai_responses": b'"type":"response.completed"',
    "anthropic_messages": b'"type":"message_stop"',
    "gemini": b'"finishReason":"STOP"',
}


def labelled(caller: str, body: bytes, channel: str) -> bool:
    if caller == "gemini":
        last = data(body)[-1]["candidates"][0]
        return b"\n:" not in body and last["finishMessage"].startswith(f"x-fairlead-continued: {channel}")
    return f"\n: x-fairlead-continued: {channel}\n".encode() in body


def gone_on(record: Record) -> list[tuple[str, str, str, str]]:
    return [(one.channel, one.outcome, one.move, one.why) for one in record.attempts]


# ---- it goes on


@pytest.mark.parametrize("second", CALLERS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_text_that_broke_off_is_told_in_two_answers(tmp_path: Path, caller: str, second: str) -> None:  # M4.1
    """Whoever breaks off in the caller's dialect, and whoever goes on in any: one answer, whole, each word once."""
    async with three(tmp_path / "s", caller, second) as server:
        server.upstream.push("a", broken(caller, "one two", " thr"))
        server.upstream.push("b", whole(second, "ee", " four"))
        response = await asking(server, caller)
        assert (response.status, server.upstream.seats) == (200, ["a", "b"])
        assert text_of(caller, response.body) == "one two three four"
        assert response.body.count(ENDS[caller]) == 1
        assert b"stream_broken" not in response.body
        assert labelled(caller, response.body, "nb@pb")
        record = await server.record(response)
        assert record.outcome == "ok"
        assert gone_on(record) == [("na@pa", "failed", "first", ""), ("nb@pb", "ok", "failover", "continued")]
        first, then = record.attempts
        assert (then.usage.input, then.usage.output, then.usage.estimated) == (11, 7, False)
        assert first.usage.output > 0
        assert record.cost == first.cost + then.cost
        asked = json.dumps(json.loads(server.upstream.calls[1].body))
        assert asked.index("Count.") < asked.index("one two thr") < asked.index(INSTRUCTION[:40])
        assert "up-b" in asked + server.upstream.calls[1].path


@pytest.mark.parametrize("caller", CALLERS)
async def test_nobody_can_go_on_and_the_client_is_left_without_a_word(tmp_path: Path, caller: str) -> None:  # FAULTS 5
    async with three(tmp_path / "s", caller) as server:
        server.upstream.push("a", broken(caller, "one two"))
        server.upstream.push("b", status(500))
        server.upstream.push("c", broken("openai_chat", " three", end=RST))
        response = await asking(server, caller)
        assert server.upstream.seats == ["a", "b", "c"]
        assert b"stream_broken" in response.body or b"broke off" in response.body
        assert ENDS[caller] not in response.body
        assert b"one two" in response.body
        assert b" three" in response.body
        record = await server.record(response)
        assert (record.outcome, record.error) == ("failed", "stream_broken")
        assert [one[2:] for one in gone_on(record)] == [
            ("first", ""),
            ("failover", "continued"),
            ("failover", "continued"),
        ]


BREAKS: dict[str, Step] = {
    "closed": CUT,
    "reset": RST,
    "stalled": HANG,
    "an error event": b'data: {"error": {"message": "overloaded", "code": "x"}}\n\n',
    "no event at all": b"data: {half\n\n",
}


@pytest.mark.parametrize("name", BREAKS)
async def test_a_way_to_break_off_that_is_no_way_to_go_on(tmp_path: Path, name: str) -> None:  # FAULTS 4
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", stream([*chat(["one two"], False), 0.1, BREAKS[name], CUT], end=False))
        server.upstream.push("b", whole("openai_chat", " three"))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "one two three"
        assert response.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("told", "more", "in_all"),
    [
        ("The quick brown fox", ["quick brown", " fox jumps"], "The quick brown fox jumps"),
        ("The quick brown fox", ["The quick ", "brown fox jumps"], "The quick brown fox jumps"),
        ("Hel", ["Hello"], "Hello"),
        ("hel", ["lo"], "hello"),
        ("the end is near", ["near the end", " is near"], "the end is nearnear the end is near"),
        ("one two three", [" four"], "one two three four"),
        ("one two three", ["one two three"], "one two three"),
        ("né à l'été, ", ["à l'été, puis"], "né à l'été, puis"),
    ],
)
async def test_what_is_said_again_is_told_twice(tmp_path: Path, told: str, more: list[str], in_all: str) -> None:
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", told))
        server.upstream.push("b", whole("openai_chat", *more))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == in_all
        assert response.body.endswith(b"data: [DONE]\n\n")


async def test_it_is_gone_on_with_once_only(tmp_path: Path) -> None:
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", "one"))
        server.upstream.push("b", broken("openai_chat", " two"))
        server.upstream.push("c", whole("openai_chat", " three"))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "one two three"
        assert b"one two" in server.upstream.calls[2].body
        record = await server.record(response)
        assert [one[0] for one in gone_on(record)] == ["na@pa", "nb@pb", "nc@pc"]
        told = data(response.body)[-1]["usage"]
        used = [one.usage for one in record.attempts]
        assert told["completion_tokens"] == sum(one.output for one in used), "usage is not that of the whole answer"


async def test_an_answer_that_was_whole_but_for_its_mark_is_gone_on_with(tmp_path: Path) -> None:
    async with three(tmp_path / "s") as server:
        told = [*events(["one"], done=False)]
        server.upstream.push("a", stream(told))
        response = await asking(server)
        assert (text_of("openai_chat", response.body), server.upstream.seats) == ("one", ["a"])


async def test_the_room_for_the_answer_is_given_twice(tmp_path: Path) -> None:
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", "x" * 400))
        server.upstream.push("b", whole("openai_chat", "y"))
        await asking(server, max_tokens=300)
        asked = json.loads(server.upstream.calls[1].body)
        assert (asked.get("max_tokens") or asked.get("max_completion_tokens")) == 200


async def test_thoughts_of_the_second_are_told_amid_the_text(tmp_path: Path) -> None:
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", "one"))
        thought = event({"role": "assistant", "reasoning_content": "Where was I?"})
        server.upstream.push("b", stream([thought, *chat([" two"], True)]))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "one two"
        assert b"Where was I" not in response.body


async def test_who_refuses_to_go_on_is_taken_for_the_rest_of_the_answer(tmp_path: Path) -> None:
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", "one"))
        server.upstream.push("b", stream([event({"refusal": "No."}), event({}, "stop"), b"data: [DONE]\n\n"]))
        server.upstream.push("c", whole("openai_chat", " two"))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "one two"
        assert server.upstream.seats == ["a", "b", "c"]


# ---- it does not


CALL = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
UNFIT: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "a call": ([{"content": "one"}, CALL], {"tools": [TOOL]}),
    "a thought": ([{"content": "one"}, {"reasoning_content": "hm"}], {}),
    "a refusal": ([{"content": "one"}, {"refusal": "No"}], {}),
    "only thoughts": ([{"reasoning_content": "hm"}], {}),
    "two answers": ([{"content": "one"}], {"n": 2}),
    "probabilities": ([{"content": "one"}], {"logprobs": True}),
    "JSON": ([{"content": '{"one'}], {"response_format": {"type": "json_object"}}),
    "sound": ([{"content": "one"}], {"modalities": ["text", "audio"], "audio": {"voice": "a", "format": "wav"}}),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_what_nobody_else_could_go_on_with_is_gone_on_with(tmp_path: Path, name: str) -> None:
    deltas, fields = UNFIT[name]
    async with three(tmp_path / "s") as server:
        server.upstream.push("a", stream([*(event(delta) for delta in deltas), CUT], end=False))
        response = await asking(server, **fields)
        assert (response.status, server.upstream.seats) == (200, ["a"])
        assert b"stream_broken" in response.body


@pytest.mark.parametrize(
    ("policy", "headers", "seats"),
    [
        ("", {}, ["a"]),
        ("", {"x-fairlead-continue": "true"}, ["a", "b"]),
        (", continue_streams: true", {"x-fairlead-continue": "false"}, ["a"]),
    ],
)
async def test_a_text_is_gone_on_with_unasked(
    tmp_path: Path, policy: str, headers: dict[str, str], seats: list[str]
) -> None:
    async with three(tmp_path / "s", policy=policy) as server:
        server.upstream.push("a", broken("openai_chat", "one"))
        response = await asking(server, headers=headers)
        assert server.upstream.seats == seats
        assert (b"stream_broken" in response.body) == (seats == ["a"])


async def test_the_wish_in_the_body_is_sent_to_the_provider(tmp_path: Path) -> None:
    async with three(tmp_path / "s", policy="") as server:
        server.upstream.push("a", broken("openai_chat", "one"))
        await asking(server, fairlead={"continue": True})
        assert server.upstream.seats == ["a", "b"]
        assert all(b"fairlead" not in seen.body for seen in server.upstream.calls)


async def test_going_on_outlasts_the_deadline(tmp_path: Path) -> None:  # M4.7
    async with serving(tmp_path / "s", server=", request_timeout: 1", extra_policy=TIMED) as server:
        server.upstream.push("one", broken("openai_chat", "one"))
        server.upstream.push("two", Play([HANG]))
        response = await asking(server, headers={"x-fairlead-policy": "timed"})
        assert b"deadline_exceeded" in response.body
        assert server.upstream.seats == ["one", "two"]
        record = await server.record(response)
        assert [one.outcome for one in record.attempts] == ["failed", "failed"]


TIMED = "  timed: {strategy: pinned, model: m-one, fallbacks: [m-two], continue_streams: true}\n"


async def test_the_client_leaves_and_somebody_goes_on(tmp_path: Path) -> None:  # FAULTS 19
    async with serving(tmp_path / "s", extra_policy=TIMED) as server:
        server.upstream.push("one", broken("openai_chat", "one"))
        server.upstream.push("two", Play([HANG]))
        async with server.client() as client:
            body = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
            client.ask("POST", "/v1/chat/completions", body.encode(), {"x-fairlead-policy": "timed"})
            await client.head()
            while len(server.upstream.calls) < 2:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            await server.upstream.calls[1].left.wait()
        (record,) = await server.records()
        assert [one.outcome for one in record.attempts] == ["failed", "cancelled"]


async def test_two_at_the_beginning_get_mixed_up(tmp_path: Path) -> None:
    """Hedged, the first to say something is told, and it is that one's text which is gone on with."""
    async with three(tmp_path / "s", policy=", continue_streams: true, hedge_ms: 100") as server:
        server.upstream.push("a", Play([0.4, *broken("openai_chat", "late").steps]))
        server.upstream.push("b", broken("openai_chat", "one"))
        server.upstream.push("c", whole("openai_chat", " two"))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "one two"
