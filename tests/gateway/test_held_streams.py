"""Streams whose answers are checked: nothing reaches the client before the checks have passed, it waits in its own dialect,
and what it gets is one clean stream, whoever answered in whichever dialect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.gateway.test_continuing import CALLERS, ENDS, KINDS, PATHS, asking, broken, text_of, whole
from tests.server.serving import KEYS, Served, serving, soon
from tests.server.wire import Client, Response
from tests.upstream import HANG, Play, event, events, scripted, status, stream

GOOD = ("The committee meets on the second Tuesday", " of each month, in the room behind the library.")
LOOP = ("and then we go on ",) * 60
PINGS = {
    "openai_chat": b": ping\n\n",
    "openai_responses": b": ping\n\n",
    "anthropic_messages": b'event: ping\ndata: {"type":"ping"}\n\n',
    "gemini": b"\r\n\r\n",
}


@asynccontextmanager
async def climbing(
    state: Path, first: str = "openai_chat", second: str = "openai_chat", quality: str = "", server: str = ""
) -> AsyncIterator[Served]:
    """Two seats of rising quality, each a provider of its own dialect: `a`, then `b`."""
    async with scripted() as upstream:
        kinds = {"a": first, "b": second}
        providers = "".join(
            f"  p{seat}: {{{KINDS[kind].format(port=upstream.port, seat=seat)}, api_key: key-{seat}, idle_timeout: 3}}\n"
            for seat, kind in kinds.items()
        )
        models = "".join(
            f"  n{seat}: {{channels: [{{provider: p{seat}, model: up-{seat}}}], price: {{input: {at}, output: 2}},"
            f" context: 128000, quality: 0.{4 + at}}}\n"
            for at, seat in enumerate(kinds, 1)
        )
        chosen = f"  trio: {{strategy: cost_first, min_quality: 0, models: [na, nb], quality: {{gates: [usual]{quality}}}}}\n"
        async with serving(
            state, server=server, extra_provider=providers, extra_model=models, extra_policy=chosen
        ) as served:
            served.upstream = upstream
            yield served


def is_clean(caller: str, response: Response) -> None:
    """One stream, as a single provider would have sent it."""
    assert (response.status, response.whole) == (200, True)
    assert text_of(caller, response.body) == "".join(GOOD)
    assert response.body.replace(b'": "', b'":"').count(ENDS[caller]) == 1
    assert b"we go on" not in response.body


@pytest.mark.parametrize("second", CALLERS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_the_client_sees_something_of_an_answer_that_did_not_pass(
    tmp_path: Path, caller: str, second: str
) -> None:  # M4.4
    async with climbing(tmp_path / "s", caller, second) as server:
        server.upstream.push("a", whole(caller, *LOOP))
        server.upstream.push("b", whole(second, *GOOD))
        response = await asking(server, caller)
        assert server.upstream.seats == ["a", "b"]
        is_clean(caller, response)
        assert response.headers["x-fairlead-model"] == "nb"
        assert response.headers["x-fairlead-escalated"] == "true"
        record = await server.record(response)
        assert [(one.model, one.outcome, one.move, one.why) for one in record.attempts] == [
            ("na", "failed", "first", ""),
            ("nb", "ok", "escalate", "unfit"),
        ]
        assert [(one.usage.input, one.usage.output, one.usage.estimated) for one in record.attempts] == [
            (11, 7, False)
        ] * 2
        assert float(response.headers["x-fairlead-cost"]) == pytest.approx(record.cost / 1e9)


@pytest.mark.parametrize("caller", CALLERS)
async def test_an_answer_that_passes_comes_otherwise_than_its_provider_sent_it(tmp_path: Path, caller: str) -> None:
    async with climbing(tmp_path / "s", caller) as server:
        server.upstream.push("a", whole(caller, *GOOD))
        response = await asking(server, caller)
        is_clean(caller, response)
        assert server.upstream.seats == ["a"]
        assert float(response.headers["x-fairlead-confidence"]) > 0.9


@pytest.mark.parametrize("second", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_client_that_waits_is_not_told_so_in_its_own_dialect(
    tmp_path: Path, caller: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.4
    monkeypatch.setattr("fairlead.gateway.checking.PING_SECONDS", 0.1)
    async with climbing(tmp_path / "s", caller, second, ", hold_seconds: 0.2") as server:
        slow = whole(second, *GOOD)
        server.upstream.push("a", whole(caller, *LOOP))
        server.upstream.push("b", Play([0.7, *slow.steps], slow.usage))
        response = await asking(server, caller)
        assert response.headers["x-fairlead-model"] == "pending"
        assert response.body.startswith(PINGS[caller] * 2)
        told = response.body.lstrip() if caller == "gemini" else response.body.replace(PINGS[caller], b"")
        is_clean(caller, Response(response.status, response.headers, told, response.whole))
        if caller == "gemini":
            assert b"\n:" not in response.body
        else:
            assert b": x-fairlead-model: nb\n" in told
            assert b": x-fairlead-escalated: true\n" in told
        assert (await server.record(response)).model == "nb"


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_client_that_waited_in_vain_is_left_without_a_word(tmp_path: Path, caller: str) -> None:  # FAULTS 5
    async with climbing(tmp_path / "s", caller, quality=", hold_seconds: 0.1") as server:
        server.upstream.push("a", Play([0.4, *status(500).steps], None, 500))
        server.upstream.push("b", status(500))
        response = await asking(server, caller)
        assert (response.status, response.whole) == (200, True)
        assert response.headers["x-fairlead-model"] == "pending"
        assert b"error" in response.body
        assert ENDS[caller] not in response.body
        record = await server.record(response)
        assert (record.outcome, record.status) == ("failed", 200)


async def test_an_answer_that_breaks_off_under_checks_is_given_in_part(tmp_path: Path) -> None:  # M4.2
    async with climbing(tmp_path / "s") as server:
        server.upstream.push("a", broken("openai_chat", "one two"))
        server.upstream.push("b", whole("openai_chat", *GOOD))
        response = await asking(server)
        is_clean("openai_chat", response)
        assert response.headers["x-fairlead-escalated"] == "false"
        assert [one.move for one in (await server.record(response)).attempts] == ["first", "failover"]


@pytest.mark.parametrize("play", [status(500), status(400), stream([HANG], end=False), broken("openai_chat", "x")])
async def test_a_streamed_answer_in_hand_is_lost_with_a_stronger_one_that_fails(tmp_path: Path, play: Play) -> None:
    async with climbing(tmp_path / "s", server=", request_timeout: 2") as server:
        server.upstream.push("a", whole("openai_chat", *LOOP))
        server.upstream.push("b", play)
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "".join(LOOP)
        assert response.headers["x-fairlead-model"] == "na"
        assert response.headers["x-fairlead-downgraded"] == "true"
        assert "repetition" in response.headers["x-fairlead-warning"]
        assert (await server.record(response)).outcome == "ok"


async def test_what_is_there_is_held_back_beyond_the_cap(tmp_path: Path) -> None:  # M4.4
    async with climbing(tmp_path / "s", quality=", hold_seconds: 0.2, after_hold: commit") as server:
        told = events(GOOD)
        server.upstream.push("a", stream([*told[:2], 0.5, told[2], 30.0, *told[3:]]))
        async with Client(server.port) as client:
            body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
            client.ask("POST", PATHS["openai_chat"], json.dumps(body).encode(), {"x-fairlead-policy": "trio"})
            _, headers = await client.head()
            assert headers["x-fairlead-model"] == "na"
            seen = await client.piece()
            assert b"second Tuesday" in seen
            assert b"library" in seen + (b"" if b"library" in seen else await client.piece())


async def test_somebody_slow_keeps_the_stronger_one_waiting(tmp_path: Path) -> None:  # M4.4
    async with climbing(tmp_path / "s", quality=", hold_seconds: 0.2, after_hold: escalate") as server:
        server.upstream.push("a", stream([event({"content": "Well"}), HANG], end=False))
        server.upstream.push("b", whole("openai_chat", *GOOD))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "".join(GOOD)
        assert [(one.move, one.why) for one in (await server.record(response)).attempts] == [
            ("first", ""),
            ("escalate", "unfit"),
        ]
        await asyncio.wait_for(server.upstream.calls[0].left.wait(), 2)


async def test_nobody_is_left_behind_one_who_was_given_up_half_way(tmp_path: Path) -> None:  # M4.4
    chosen = "  trio: {strategy: pinned, model: m-two, fallbacks: [m-one, same], quality: {hold_seconds: 0.2, after_hold: escalate}}\n"
    async with serving(tmp_path / "s", extra_policy=chosen) as server:
        server.upstream.push("two", stream([event({"content": "Well"}), HANG], end=False))
        server.upstream.push("one", status(500))
        server.upstream.push("one", whole("openai_chat", *GOOD))
        response = await asking(server)
        assert text_of("openai_chat", response.body) == "".join(GOOD)
        record = await server.record(response)
        assert [(one.model, one.move, one.why) for one in record.attempts] == [
            ("m-two", "first", ""),
            ("m-one", "escalate", "unfit"),
            ("m-one", "failover", "outage"),
        ]


async def test_a_client_that_leaves_while_it_waits_leaves_the_provider_at_work(tmp_path: Path) -> None:  # FAULTS 19
    async with climbing(tmp_path / "s", quality=", hold_seconds: 0.1") as server:
        server.upstream.push("a", stream([*events(GOOD)[:2], HANG], end=False))
        async with Client(server.port) as client:
            body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
            client.ask("POST", PATHS["openai_chat"], json.dumps(body).encode(), {"x-fairlead-policy": "trio"})
            await client.head()
        await asyncio.wait_for(server.upstream.calls[0].left.wait(), 2)
        await soon(lambda: not server.running.runtime.deadlines)
        (record,) = await server.records()
        assert record.outcome == "cancelled"
        assert record.attempts[0].usage.output > 0


async def test_a_call_of_a_tool_is_not_checked_in_a_stream(tmp_path: Path) -> None:  # M4.4 M4.3
    def calling(arguments: str) -> Play:
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        return stream([event({"tool_calls": [call]}), event({}, "tool_calls"), b"data: [DONE]\n\n"])

    schema = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    async with climbing(tmp_path / "s") as server:
        server.upstream.push("a", calling('{"month": "May"}'))
        server.upstream.push("b", calling('{"day": 3}'))
        response = await asking(server, tools=tools)
        assert server.upstream.seats == ["a", "b"]
        assert b"month" not in response.body
        assert rb"{\"day\": 3}" in response.body
        assert (await server.record(response)).attempts[0].error.startswith("unfit")


async def test_an_answer_is_given_unchecked_for_want_of_time_without_a_word(tmp_path: Path) -> None:  # M4.7
    gate = f'gates: {{slow: {{kind: http, url: "http://127.0.0.1:{{port}}/slow", secret: {"s" * 32}, timeout: 20}}}}\n'
    async with scripted() as elsewhere:
        elsewhere.push("slow", stream([HANG], end=False))
        policy = "  slow: {strategy: pinned, model: m-one, quality: {gates: [slow]}}\n"
        async with serving(
            tmp_path / "s",
            server=", request_timeout: 1.5",
            extra_policy=policy,
            more=KEYS + gate.replace("{port}", str(elsewhere.port)),
        ) as server:
            response = await server.chat({"x-fairlead-policy": "slow"}, model="auto")
            assert response.status == 200
            assert response.headers["x-fairlead-downgraded"] == "true"
            assert "not checked in time" in response.headers["x-fairlead-warning"]
            record = await server.record(response)
            assert (record.outcome, [one.outcome for one in record.attempts]) == ("ok", ["ok"])
