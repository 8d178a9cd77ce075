"""What happens when an answer does not come, comes late, or is not what it should be: the moves of a run, end to end.

The upstream's own log is the oracle: who was asked how often, and who saw the connection closed.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from time import monotonic

import pytest

from tests.server.serving import Served, serving, within_a_second
from tests.upstream import (
    CUT,
    HANG,
    STREAM_HEAD,
    Play,
    Step,
    answer,
    chunk,
    completion,
    event,
    events,
    plain,
    status,
    stream,
)

ROLE = events()[0]
POLICIES = """  once: {{strategy: pinned, model: m-one, fallbacks: [m-two], retries: 1{more}}}
"""


def policies(more: str = "") -> str:
    return POLICIES.format(more=more)


def asking(server: Served, model: str = "auto", **fields: object):  # type: ignore[no-untyped-def]
    return server.chat({"x-fairlead-policy": "once"}, model=model, **fields)


def told(text: str | None, finish: str = "stop", **message: object) -> bytes:
    body = json.loads(completion("x"))
    body["choices"] = [
        {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    ]
    return json.dumps(body).encode()


# ---- once more, after a pause


async def test_a_passing_failure_everywhere_is_tried_once_more(tmp_path: Path) -> None:  # M4.7
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        for seat in ("one", "two"):
            server.upstream.push(seat, status(503))
        response = await asking(server)
        assert response.status == 200
        assert len(server.upstream.seats) == 3
        record = await server.record(response)
        assert [(one.move, one.why) for one in record.attempts] == [
            ("first", ""),
            ("failover", "outage"),
            ("failover", "retry"),
        ]


async def test_a_failure_that_stays_is_tried_again(tmp_path: Path) -> None:  # M4.7
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        server.upstream.push("one", status(401))
        server.upstream.push("two", status(404))
        response = await asking(server)
        assert (response.status, server.upstream.seats) == (502, ["one", "two"])


async def test_the_wait_that_a_provider_asks_for_is_cut_short(tmp_path: Path) -> None:  # M4.5 FAULTS 9
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        for seat in ("one", "two"):
            server.upstream.push(seat, status(429, headers="Retry-After: 1\r\n"))
        began = monotonic()
        response = await asking(server)
        assert monotonic() - began >= 1
        attempts = (await server.record(response)).attempts
        assert (response.status, len(attempts)) == (200, 3), "who was left alone may be probed besides"


async def test_a_wait_beyond_the_deadline_is_waited_for(tmp_path: Path) -> None:  # M4.7 FAULTS 9
    async with serving(tmp_path / "s", server=", request_timeout: 25", extra_policy=policies()) as server:
        for seat in ("one", "two"):
            server.upstream.push(seat, status(429, headers="Retry-After: 30\r\n"))
        began = monotonic()
        response = await asking(server)
        assert (response.status, response.headers["retry-after"], len(server.upstream.seats)) == (429, "30", 2)
        assert monotonic() - began < 20
        again = await asking(server)
        assert (again.status, len(server.upstream.seats)) == (503, 2), "nobody is asked before that time"
        assert 25 <= int(again.headers["retry-after"]) <= 31
        assert again.error["code"] == "all_ejected"


# ---- an answer that is none


NO_ANSWERS = {
    "blocked": told("", "content_filter"),
    "empty": told(""),
    "nothing at all": told(None),
    "truncated": told(
        None, "length", tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "b'}}]
    ),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_an_answer_that_is_none_is_given_to_the_caller(tmp_path: Path, name: str) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        server.upstream.push("one", Play([plain(200, NO_ANSWERS[name])], (11, 7)))
        response = await asking(server)
        assert (response.status, server.upstream.seats) == (200, ["one", "two"])
        assert response.json["choices"][0]["message"]["content"] == "Bonjour."
        record = await server.record(response)
        assert [one.outcome for one in record.attempts] == ["failed", "ok"]
        assert all(one.cost > 0 for one in record.attempts), "both were billed"
        assert record.attempts[1].why in ("blocked", "empty")


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_where_nobody_has_a_better_one_the_caller_gets_an_error_instead(
    tmp_path: Path, name: str
) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        server.upstream.push("one", Play([plain(200, NO_ANSWERS[name])], (11, 7)))
        server.upstream.push("two", status(500), status(500))
        response = await asking(server)
        assert (response.status, response.body) == (200, NO_ANSWERS[name])
        assert response.headers["x-fairlead-model"] == "m-one"
        record = await server.record(response)
        assert (record.outcome, record.model) == ("ok", "m-one")


@pytest.mark.parametrize(
    ("more", "body", "seats"),
    [
        ("", told("No.", "stop", refusal="I will not."), ["one"]),
        (", failover_on: [refused]", told("No.", "stop", refusal="I will not."), ["one", "two"]),
        (", failover_on: []", NO_ANSWERS["empty"], ["one"]),
        ("", told("", "length"), ["one"]),
        (
            "",
            told(
                None,
                "tool_calls",
                tool_calls=[{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            ),
            ["one"],
        ),
    ],
)
async def test_what_counts_as_none_is_the_policys_to_say(
    tmp_path: Path, more: str, body: bytes, seats: list[str]
) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=policies(more)) as server:
        server.upstream.push("one", Play([plain(200, body)], (11, 7)))
        await asking(server)
        assert server.upstream.seats == seats


# ---- side by side


HEDGED = policies(", hedge_ms: 100")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_slow_beginning_keeps_everybody_waiting(tmp_path: Path, streamed: bool) -> None:
    async with serving(tmp_path / "s", extra_policy=HEDGED) as server:
        server.upstream.push("one", Play([HANG]))
        response = await asking(server, stream=streamed)
        assert (response.status, server.upstream.seats) == (200, ["one", "two"])
        assert response.headers["x-fairlead-model"] == "m-two"
        loser = server.upstream.calls[0]
        await asyncio.wait_for(loser.left.wait(), 2)
        record = await server.record(response)
        assert [(one.model, one.outcome, one.why) for one in record.attempts] == [
            ("m-one", "cancelled", ""),
            ("m-two", "ok", "hedge"),
        ]
        assert record.attempts[0].usage.estimated, "it may have been at work, and be billed"


async def test_who_was_asked_first_may_still_win(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", extra_policy=HEDGED) as server:
        server.upstream.push("one", answer("first", wait=0.4))
        server.upstream.push("two", Play([HANG]))
        response = await asking(server)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-one")
        await asyncio.wait_for(server.upstream.calls[1].left.wait(), 2)
        assert len((await server.record(response)).attempts) == 2


async def test_a_quick_answer_is_hedged(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", extra_policy=HEDGED) as server:
        assert (await asking(server)).status == 200
        await asyncio.sleep(0.2)
        assert server.upstream.seats == ["one"]


async def test_a_client_that_leaves_a_hedged_request_leaves_both_running(tmp_path: Path) -> None:  # FAULTS 19
    async with serving(tmp_path / "s", extra_policy=HEDGED) as server:
        server.upstream.push("one", Play([HANG]))
        server.upstream.push("two", Play([HANG]))
        asked = asyncio.create_task(asking(server))
        while len(server.upstream.calls) < 2:
            await asyncio.sleep(0.02)
        asked.cancel()
        for seen in server.upstream.calls:
            await within_a_second(seen.left.wait())
        await asyncio.sleep(0.1)
        (record,) = await server.records()
        assert (record.outcome, [one.outcome for one in record.attempts]) == ("cancelled", ["cancelled", "cancelled"])
        assert all(
            load.in_flight == 0 for load in map(server.running.runtime.health.loads.of, ("m-one@one", "m-two@two"))
        )


# ---- the task's own limit


LIMITED = """  limited: {strategy: balanced, tasks: {chat: {model: m-one%s, max_latency: 0.4}}}
"""


async def test_a_task_that_takes_too_long_goes_to_its_fallback(tmp_path: Path) -> None:  # M3.3
    async with serving(tmp_path / "s", extra_policy=LIMITED % ", fallbacks: [m-two]") as server:
        server.upstream.push("one", Play([HANG]))
        named = {"x-fairlead-policy": "limited", "x-fairlead-task": "chat"}
        response = await server.chat(named, model="auto")
        assert (response.status, server.upstream.seats) == (200, ["one", "two"])
        record = await server.record(response)
        assert [(one.outcome, one.why) for one in record.attempts] == [("failed", ""), ("ok", "slow")]
        await within_a_second(server.upstream.calls[0].left.wait())


async def test_without_a_fallback_it_is_a_typed_timeout_at_that_moment(tmp_path: Path) -> None:  # M3.3
    async with serving(tmp_path / "s", extra_policy=LIMITED % "") as server:
        server.upstream.push("one", Play([HANG]))
        began = monotonic()
        response = await server.chat({"x-fairlead-policy": "limited", "x-fairlead-task": "chat"}, model="auto")
        assert 0.39 <= monotonic() - began < 20
        assert (response.status, response.error["code"]) == (504, "deadline_exceeded")
        assert "0.4 s" in response.error["message"]


@pytest.mark.parametrize(("fallbacks", "asked"), [("", ["both"]), (", fallbacks: [m-two]", ["both", "m-two"])])
async def test_another_channel_of_the_slow_model_is_taken_for_its_fallback(
    tmp_path: Path, fallbacks: str, asked: list[str]
) -> None:  # M3.3
    policy = (LIMITED % fallbacks).replace("m-one", "both")
    async with serving(tmp_path / "s", server=", request_timeout: 25", extra_policy=policy) as server:
        server.upstream.push("one", Play([HANG]))
        server.upstream.push("two", answer())
        response = await server.chat({"x-fairlead-policy": "limited", "x-fairlead-task": "chat"}, model="auto")
        assert response.status == (200 if fallbacks else 504)
        (record,) = await server.records()
        assert [one.model for one in record.attempts] == asked


# ---- health


async def test_three_faults_in_a_row_and_a_channel_is_asked_no_more(tmp_path: Path) -> None:  # M4.5
    async with serving(tmp_path / "s", extra_policy=policies(", retries: 0").replace("retries: 1, ", "")) as server:
        server.upstream.push("one", *[status(500)] * 3)
        for _ in range(3):
            assert (await asking(server)).status == 200
        before = len(server.upstream.seats)
        response = await asking(server)
        assert (response.status, server.upstream.seats[before:]) == (200, ["two"])
        named = await server.chat(None, model="m-one")
        assert named.headers["x-fairlead-model"] == "m-two" or named.status == 200


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_the_callers_own_faults_are_held_against_a_provider(tmp_path: Path, code: int) -> None:  # M4.5
    async with serving(tmp_path / "s", extra_policy=policies()) as server:
        server.upstream.push("one", *[status(code)] * 6)
        for _ in range(6):
            assert (await asking(server)).status == code
        assert (await asking(server)).headers["x-fairlead-model"] == "m-one"


async def test_when_all_have_failed_nobody_is_asked(tmp_path: Path) -> None:  # M4.5 FAULTS 12
    async with serving(
        tmp_path / "s",
        more="health: {failures: 1}\nkeys:\n  - {name: test, key: fl_test}\n",
        extra_policy=policies().replace("retries: 1", "retries: 0"),
    ) as server:
        for seat in ("one", "two"):
            server.upstream.push(seat, status(500))
        assert (await asking(server)).status == 502
        assert len(server.running.runtime.health.ejected()[0]) >= 2
        assert (await asking(server)).status == 200, "the last resort is asked all the same"


async def test_one_that_is_well_again_is_not_found_behind_one_that_is_not(tmp_path: Path) -> None:  # FAULTS 12
    async with serving(
        tmp_path / "s",
        more="health: {failures: 1000}\nkeys:\n  - {name: test, key: fl_test}\n",
        extra_policy=policies().replace("retries: 1", "retries: 0"),
    ) as server:
        well = {"two": False}
        server.upstream.next_play = (  # type: ignore[method-assign]
            lambda seat, body: answer() if well.get(seat) else status(500)
        )
        for _ in range(20):
            assert (await asking(server)).status == 502
        well["two"] = True
        async with asyncio.timeout(5):
            while (await asking(server)).status != 200:
                await asyncio.sleep(0.05)


async def test_a_channel_that_recovers_is_asked_again(tmp_path: Path) -> None:  # M4.5
    quick = "health: {failures: 1, successes: 1, ejection: 0.2}\nkeys:\n  - {name: test, key: fl_test}\n"
    async with serving(tmp_path / "s", more=quick, extra_policy=policies()) as server:
        server.upstream.push("one", Play([CUT]))
        assert (await asking(server)).headers["x-fairlead-model"] == "m-two"
        assert (await asking(server)).headers["x-fairlead-model"] == "m-two"
        await asyncio.sleep(0.3)
        assert (await asking(server)).headers["x-fairlead-model"] == "m-one"
        await server.running.runtime.ledger.flush()
        kinds = await server.running.runtime.ledger.ask(
            lambda ledger: [
                kind for (kind,) in ledger.execute("SELECT kind FROM audit WHERE kind LIKE 'channel%' ORDER BY seq")
            ]
        )
        assert kinds == ["channel_ejected", "channel_back"]


async def test_when_everything_fails_retries_stop(tmp_path: Path) -> None:  # FAULTS 10
    async with serving(
        tmp_path / "s",
        extra_policy=policies(),
        more="health: {failures: 1000}\nkeys:\n  - {name: test, key: fl_test}\n",
    ) as server:
        server.upstream.next_play = lambda seat, body: status(500)  # type: ignore[method-assign]
        began = asyncio.get_running_loop().time()
        for _ in range(60):
            assert (await asking(server)).status == 502
        seconds = asyncio.get_running_loop().time() - began
        assert len(server.upstream.calls) <= 1.2 * 60 + 10 * max(1.0, seconds)


# ---- balance


@pytest.mark.parametrize(
    ("way", "least"),
    # Alone, one after the other, requests go to whoever was quickest, unless the way is to take turns.
    [("round_robin", 30), ("weighted", 1), ("least_connections", 10), ("peak_ewma", 1)],
)
async def test_channels_share_the_work(tmp_path: Path, way: str, least: int) -> None:  # M4.6
    shared = f"  shared: {{strategy: pinned, model: both, balance: {way}}}\n"
    async with serving(tmp_path / "s", extra_policy=shared) as server:
        for _ in range(60):
            response = await server.chat({"x-fairlead-policy": "shared"}, model="auto")
            assert response.status == 200
        seats = server.upstream.seats
        assert min(seats.count("one"), seats.count("two")) >= least
        assert (await server.record(response)).balanced
        assert all(server.running.runtime.health.loads.of(one).in_flight == 0 for one in ("both@one", "both@two"))


async def test_the_best_models_share_the_work(tmp_path: Path) -> None:  # M4.6
    shared = "  shared: {strategy: quality_first, models: [m-one, m-two], balance: round_robin, spread: 2}\n"
    async with serving(tmp_path / "s", extra_policy=shared) as server:
        for _ in range(20):
            assert (await server.chat({"x-fairlead-policy": "shared"}, model="auto")).status == 200
        assert server.upstream.seats.count("one") == 10
        streamed = await server.chat({"x-fairlead-policy": "shared"}, model="auto", stream=True)
        assert streamed.status == 200


async def test_a_stream_that_is_cut_holds_its_place(tmp_path: Path) -> None:  # M4.6
    shared = "  shared: {strategy: pinned, model: both, balance: least_connections}\n"
    async with serving(tmp_path / "s", extra_policy=shared) as server:
        server.upstream.push("one", stream([event({"content": "B"}), CUT], end=False))
        server.upstream.push("two", stream(events()))
        for _ in range(4):
            await server.chat({"x-fairlead-policy": "shared"}, model="auto", stream=True)
        assert all(server.running.runtime.health.loads.of(one).in_flight == 0 for one in ("both@one", "both@two"))


@pytest.mark.parametrize(
    "before", [[STREAM_HEAD], [STREAM_HEAD, *[chunk(b": ping\n\n"), 0.1] * 300], [STREAM_HEAD, chunk(ROLE)]]
)
async def test_pings_count_as_an_answer(tmp_path: Path, before: list[Step]) -> None:  # FAULTS 3
    quick = ", first_byte_timeout: 0.4, idle_timeout: 60"
    async with serving(tmp_path / "s", provider=quick, extra_policy=policies()) as server:
        server.upstream.push("one", Play([*before, HANG]))
        began = monotonic()
        response = await asking(server, stream=True)
        assert (response.status, server.upstream.seats) == (200, ["one", "two"])
        assert monotonic() - began < 20
        record = await server.record(response)
        assert "no content came for 0.4 s" in record.attempts[0].error


async def test_content_that_has_begun_is_hurried(tmp_path: Path) -> None:  # FAULTS 4
    quick = ", first_byte_timeout: 0.3, idle_timeout: 60"
    async with serving(tmp_path / "s", provider=quick, extra_policy=policies()) as server:
        first, *rest = events(("a", "b"))
        server.upstream.push(
            "one", Play([STREAM_HEAD, *map(chunk, (first, rest[0])), 0.8, *map(chunk, rest[1:]), chunk(b"")])
        )
        response = await asking(server, stream=True)
        assert (response.status, server.upstream.seats) == (200, ["one"])
        assert response.body.rstrip().endswith(b"[DONE]")
