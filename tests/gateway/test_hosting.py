"""Tools that providers run themselves, on real requests: what they cost is on the books, in the budget and in the reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fairlead.cli.main import cli
from tests.gateway.test_budgets import books, keys
from tests.server.serving import Served, config, serving
from tests.server.wire import Response, ask
from tests.upstream import CUT, Play, plain, stream

CENT = 10_000_000
TOOLS = """
  searching: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 2, tools: {web_search: 0.01}}, quality: 0.9}
"""
RESPONSES = ", dialects: [openai_responses]"
SEARCH = {"type": "web_search"}
SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
SAID = {
    "type": "message",
    "role": "assistant",
    "id": "msg_1",
    "content": [{"type": "output_text", "text": "Yes.", "annotations": []}],
}
USAGE = {"input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100}
TOKENS = 1_000 * 1_000 + 100 * 2_000


def response(*items: dict[str, Any], **more: object) -> bytes:
    told = {"id": "resp_1", "object": "response", "status": "completed", "model": "up", "usage": USAGE}
    return json.dumps({**told, "output": [*items, SAID], **more}).encode()


def answer(*items: dict[str, Any], **more: object) -> Play:
    return Play([plain(200, response(*items, **more))], None, 200)


async def respond(server: Served, model: str = "searching", **fields: object) -> Response:
    asked = {"model": model, "input": "Who won?", **fields}
    return await ask(server.port, "POST", "/v1/responses", json.dumps(asked).encode())


def sent(server: Served) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.upstream.calls[-1].body)
    return found


def run(*args: str) -> Any:
    done = CliRunner().invoke(cli, args)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


async def test_what_a_search_costs_is_on_no_book_and_no_budget(tmp_path: Path) -> None:  # M6.1 FAULTS 47
    more = keys("budget: {amount: 5, per: total}")
    async with serving(tmp_path / "s", more=more, extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", answer(SEARCHED, SEARCHED))
        told = await respond(server, tools=[SEARCH])
        assert told.status == 200
        assert told.headers["x-fairlead-cost"] == "0.0212"
        assert books(server) == (TOKENS + 2 * CENT, 0)
        record = await server.record(told)
        (attempt,) = record.attempts
        assert (record.cost, attempt.priced) == (TOKENS + 2 * CENT, True)
        assert [(line.kind, line.quantity, line.unit, line.amount) for line in attempt.lines] == [
            ("input", 1_000, "token", 1_000_000),
            ("output", 100, "token", 200_000),
            ("web_search", 2, "call", 2 * CENT),
        ]


async def test_a_used_tool_without_a_fee_counts_as_priced(tmp_path: Path) -> None:  # M6.2
    async with serving(tmp_path / "s", extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", answer(SEARCHED))
        told = await respond(server, model="m-one", tools=[SEARCH])
        assert told.headers["x-fairlead-cost"] == "unknown"
        (attempt,) = (await server.record(told)).attempts
        assert (attempt.priced, attempt.cost) == (False, TOKENS)
        assert (attempt.lines[-1].kind, attempt.lines[-1].price_row) == ("web_search", "")


async def test_a_hard_budget_bears_a_tool_that_nobody_knows_the_fee_of(tmp_path: Path) -> None:  # M6.3
    more = keys("budget: {amount: 5, per: total}")
    async with serving(tmp_path / "s", more=more, extra_model=TOOLS, provider=RESPONSES) as server:
        for tools in ([SEARCH], [{"type": "image_generation"}], [{"type": "new_tool_20270101"}]):
            model = "m-one" if tools == [SEARCH] else "searching"
            refused = await respond(server, model=model, tools=tools)
            assert (refused.status, refused.error["code"]) == (402, "budget_spent")
            assert f"models.{model}.price.tools." in str(refused.error["message"])
        assert (server.upstream.calls, books(server)) == ([], (0, 0))
        server.upstream.push("one", answer())
        own = {"type": "function", "name": "web_search", "parameters": {"max_uses": 1}}
        assert (await respond(server, model="m-one", tools=[own])).status == 200


async def test_a_hard_budget_is_overrun_by_searches(tmp_path: Path) -> None:  # M6.3 FAULTS 42
    """They are held for as often as they may run, and may run no oftener than they are held for."""
    more = keys("budget: {amount: 0.2, per: total}")
    async with serving(tmp_path / "s", more=more, extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", answer(*[SEARCHED] * 10))
        assert (await respond(server, tools=[SEARCH], max_output_tokens=500)).status == 200
        assert sent(server)["max_tool_calls"] == 10
        assert books(server) == (TOKENS + 10 * CENT, 0)
        refused = await respond(server, tools=[SEARCH], max_output_tokens=500)
        assert refused.status == 402
        assert (len(server.upstream.calls), books(server)[1]) == (1, 0)
        server.upstream.push("one", answer(SEARCHED))
        assert (await respond(server, tools=[SEARCH], max_output_tokens=500, max_tool_calls=3)).status == 200
        assert sent(server)["max_tool_calls"] == 3


async def test_searches_are_capped_where_no_budget_asks_for_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", answer())
        assert (await respond(server, tools=[SEARCH])).status == 200
        assert "max_tool_calls" not in sent(server)


async def test_claudes_searches_are_not_bounded(tmp_path: Path) -> None:  # M6.3
    asked = {"type": "web_search_20250305", "name": "web_search"}
    own = {"name": "web_search", "input_schema": {"type": "object"}}
    told = {
        "type": "message", "role": "assistant", "id": "msg_1", "model": "up", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Yes."}],
        "usage": {"input_tokens": 1_000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 2}},
    }  # fmt: skip
    more = keys("budget: {amount: 0.15, per: total}")
    dialects = ", dialects: [anthropic_messages]"
    async with serving(tmp_path / "s", more=more, extra_model=TOOLS, provider=dialects) as server:
        for tools, limit, spent in (([own, asked], 10, 1), ([own, {**asked, "max_uses": 2}], 2, 2)):
            server.upstream.push("one", Play([plain(200, json.dumps(told).encode())], None, 200))
            body = {
                "model": "searching",
                "max_tokens": 500,
                "tools": tools,
                "messages": [{"role": "user", "content": "?"}],
            }
            done = await ask(server.port, "POST", "/v1/messages", json.dumps(body).encode())
            assert done.status == 200
            assert [tool.get("max_uses") for tool in sent(server)["tools"]] == [None, limit]
            assert books(server) == (spent * (TOKENS + 2 * CENT), 0)


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


BEGUN = [
    event("response.created", response={"id": "resp_1", "status": "in_progress"}),
    event("response.output_item.done", output_index=0, item=SEARCHED),
    event("response.output_text.delta", output_index=1, content_index=0, item_id="msg_1", delta="Yes, " * 40),
]


@pytest.mark.parametrize("whole", [True, False])
async def test_searches_of_a_stream_are_free_where_it_breaks_off(tmp_path: Path, whole: bool) -> None:  # M6.1 M6.3
    last = event("response.completed", response=json.loads(response(SEARCHED)))
    async with serving(tmp_path / "s", extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", stream([*BEGUN, last]) if whole else stream([*BEGUN, CUT], end=False))
        told = await respond(server, stream=True, tools=[SEARCH])
        (attempt,) = (await server.record(told)).attempts
        assert attempt.usage.calls == (("web_search", 1),)
        assert attempt.usage.estimated is not whole
        assert attempt.cost >= CENT


async def test_the_books_do_not_add_up_where_tools_were_used(tmp_path: Path) -> None:  # M6.1 FAULTS 47
    """Verify, report, export, and what other fees would have come to."""
    state = tmp_path / "s"
    async with serving(state, extra_model=TOOLS, provider=RESPONSES) as server:
        server.upstream.push("one", answer(SEARCHED, SEARCHED), answer(SEARCHED, SEARCHED, SEARCHED), answer())
        await respond(server, tools=[SEARCH])
        await respond(server, model="m-one", tools=[SEARCH])
        await respond(server)
        text = config(server.upstream.port, state, extra_model=TOOLS.replace("0.01", "0.05"), provider=RESPONSES)
        await server.running.runtime.ledger.flush()
    file = tmp_path / "c.yaml"
    file.write_text(text)
    found = run("ledger", "verify", "--config", str(file), "--json")
    assert (found["differences"], found["worked_out"], found["unpriced_tools"]) == (0, 3, 1)
    tools = run("report", "--config", str(file), "--json")["tools"]
    assert [(one["tool"], one["model"], one["times"], one["usd"], one["unpriced"]) for one in tools] == [
        ("web_search", "searching", 2, "0.02", 0),
        ("web_search", "m-one", 3, "0", 3),
    ]
    priced = run("reprice", "--what-if", "--config", str(file), "--json")
    by_model = {one["model"]: one for one in priced["models"]}
    assert (by_model["searching"]["was_usd"], by_model["searching"]["would_usd"]) == ("0.0224", "0.1024")
    assert by_model["m-one"]["difference_usd"] == "0"
    done = CliRunner().invoke(cli, ["ledger", "export", "--config", str(file)])
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [(one["tools"], one["tools_unpriced"]) for one in lines] == [
        (["web_search=2"], False),
        (["web_search=3"], True),
        ([], False),
    ]


async def test_a_hard_budget_bears_tools_that_nobody_can_read(tmp_path: Path) -> None:  # M6.3
    more = keys("budget: {amount: 5, per: total}")
    async with serving(tmp_path / "s", more=more, extra_model=TOOLS, provider=RESPONSES) as server:
        refused = await respond(server, tools=["web_search"])
        assert (refused.status, refused.error["code"]) == (402, "budget_spent")
        assert (server.upstream.calls, books(server)) == ([], (0, 0))
