"""An answer that is not good enough: who is asked instead, what the client sees of it, and what is on the books."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import Served, question, serving
from tests.server.wire import Response, ask
from tests.upstream import HANG, Play, answer, plain, status

GOOD = "The committee meets on the second Tuesday of each month, in the room behind the library."
LOOP = "and then we go on " * 60
CODE = "Here it is:\n\n```python\ndef broken(:\n    return\n```\n"
CHECKED = """  checked: {{strategy: cost_first, min_quality: 0, models: [m-two, m-one], quality: {{gates: [usual]{more}}}}}
"""


def checked(more: str = "") -> str:
    return CHECKED.format(more=more)


async def asking(server: Served, **fields: object) -> Response:
    return await ask(
        server.port, "POST", "/v1/chat/completions", question(model="auto", **fields), {"x-fairlead-policy": "checked"}
    )


def text_of(body: bytes) -> str:
    return str(json.loads(body)["choices"][0]["message"]["content"])


async def test_an_answer_that_goes_round_in_a_loop_is_given(tmp_path: Path) -> None:  # M4.2 M4.3
    async with serving(tmp_path / "s", extra_policy=checked()) as server:
        server.upstream.push("two", answer(LOOP))
        server.upstream.push("one", answer(GOOD))
        response = await asking(server)
        assert (response.status, text_of(response.body)) == (200, GOOD)
        assert response.headers["x-fairlead-model"] == "m-one"
        assert response.headers["x-fairlead-escalated"] == "true"
        assert response.headers["x-fairlead-downgraded"] == "false"
        assert response.headers["x-fairlead-attempts"] == "2"
        record = await server.record(response)
        first, second = record.attempts
        assert (first.model, first.outcome, first.move) == ("m-two", "failed", "first")
        assert "repetition" in first.error
        assert (second.model, second.outcome, second.move, second.why) == ("m-one", "ok", "escalate", "unfit")
        assert first.cost > 0
        assert record.cost == first.cost + second.cost
        assert float(response.headers["x-fairlead-cost"]) == pytest.approx(record.cost / 1e9)


async def test_an_answer_that_is_good_enough_is_asked_for_twice(tmp_path: Path) -> None:  # M4.3
    async with serving(tmp_path / "s", extra_policy=checked()) as server:
        server.upstream.push("two", answer(GOOD))
        response = await asking(server)
        assert text_of(response.body) == GOOD
        assert server.upstream.seats == ["two"]
        assert response.headers["x-fairlead-escalated"] == "false"
        assert float(response.headers["x-fairlead-confidence"]) > 0.9


async def test_the_best_of_bad_answers_is_lost(tmp_path: Path) -> None:  # M4.2 M3.3
    async with serving(tmp_path / "s", extra_policy=checked()) as server:
        server.upstream.push("two", answer(CODE))
        server.upstream.push("one", answer(LOOP))
        response = await asking(server)
        assert response.status == 200
        record = await server.record(response)
        assert len(record.attempts) == 2
        assert record.attempts[-1].model == response.headers["x-fairlead-model"]
        assert [one.outcome for one in record.attempts] == ["failed", "ok"]
        assert response.headers["x-fairlead-downgraded"] == "true"
        assert "confidence" in response.headers["x-fairlead-warning"]
        assert record.status == 200


@pytest.mark.parametrize("play", [status(500), status(400), Play([plain(200, b"{}")]), Play([HANG])])
async def test_an_answer_in_hand_is_lost_with_a_stronger_one_that_fails(tmp_path: Path, play: Play) -> None:  # M4.2
    async with serving(tmp_path / "s", provider=", first_byte_timeout: 0.3", extra_policy=checked()) as server:
        server.upstream.push("two", answer(CODE))
        server.upstream.push("one", play)
        response = await asking(server)
        assert (response.status, text_of(response.body)) == (200, CODE)
        assert response.headers["x-fairlead-model"] == "m-two"
        assert response.headers["x-fairlead-escalated"] == "false"
        assert response.headers["x-fairlead-downgraded"] == "true"
        assert (await server.record(response)).model == "m-two"


async def test_an_answer_in_hand_is_lost_at_the_deadline(tmp_path: Path) -> None:  # M4.7
    async with serving(tmp_path / "s", server=", request_timeout: 1", extra_policy=checked()) as server:
        server.upstream.push("two", answer(CODE))
        server.upstream.push("one", Play([HANG]))
        response = await asking(server)
        assert (response.status, text_of(response.body)) == (200, CODE)


async def test_nobody_stronger_is_asked_more_often_than_allowed(tmp_path: Path) -> None:  # M4.2
    for upgrades, seats in ((0, ["two"]), (1, ["two", "one"])):
        async with serving(tmp_path / str(upgrades), extra_policy=checked(f", upgrades: {upgrades}")) as server:
            server.upstream.push("two", answer(LOOP))
            server.upstream.push("one", answer(LOOP))
            assert (await asking(server)).status == 200
            assert server.upstream.seats == seats


async def test_a_policy_without_checks_looks_at_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", answer(LOOP))
        response = await server.chat(model="auto")
        assert text_of(response.body) == LOOP
        assert "x-fairlead-confidence" not in response.headers


async def test_who_is_asked_instead_does_not_see_the_draft(tmp_path: Path) -> None:  # M4.4
    for draft in (True, False):
        async with serving(tmp_path / str(draft), extra_policy=checked(", draft: true" if draft else "")) as server:
            server.upstream.push("two", answer(CODE))
            server.upstream.push("one", answer(GOOD))
            response = await asking(server, tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
            assert text_of(response.body) == GOOD
            asked = json.loads(server.upstream.calls[-1].body)
            assert ("def broken(:" in json.dumps(asked["messages"])) == draft
            assert [tool["function"]["name"] for tool in asked["tools"]] == ["f"]
            assert asked["model"] == "up-one"


async def test_the_better_of_two_bad_answers_is_lost_behind_the_first(tmp_path: Path) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=checked()) as server:
        server.upstream.push("two", answer(LOOP))
        server.upstream.push("one", answer(CODE))
        response = await asking(server)
        assert (text_of(response.body), response.headers["x-fairlead-model"]) == (CODE, "m-one")
        assert response.headers["x-fairlead-downgraded"] == "true"


async def test_what_nobody_supplied_is_asked_for_at_the_same_provider(tmp_path: Path) -> None:  # M4.3
    """A stronger model stands there too, and is asked where something else is wrong."""
    near = "  near: {channels: [{provider: two, model: up-near}], price: {input: 0.5, output: 1}, quality: 0.8}\n"
    policy = checked(", upgrades: 2").replace("m-two, m-one", "m-two, near, m-one").replace("usual", "usual, grounded")
    text = "The library of Harrow opened in 1911 and lends 4,000 books a month to readers of the town. " * 8
    for first, second in (("It opened in 1873 and lends 9,250 books to 77 readers.", "m-one"), (LOOP, "near")):
        async with serving(tmp_path / second, extra_policy=policy, extra_model=near) as server:
            fine = answer("The library of Harrow has been open since 1911 and lends 4,000 books a month.")
            server.upstream.push("two", answer(first), fine)
            server.upstream.push("one", fine)
            said = [{"role": "user", "content": f"Summarise the following text.\n\n{text}"}]
            response = await asking(server, messages=said)
            assert [one.model for one in (await server.record(response)).attempts] == ["m-two", second]


async def test_a_draft_leaves_no_room_for_the_answer(tmp_path: Path) -> None:  # M4.4
    tight = "  tight: {channels: [{provider: one, model: up-one}], price: {input: 1, output: 2}, context: 2000, quality: 0.95}\n"
    policy = checked(", draft: true").replace("m-one", "tight")
    for rounds, shown in ((60, True), (600, False)):
        async with serving(tmp_path / str(rounds), extra_policy=policy, extra_model=tight) as server:
            server.upstream.push("two", answer("and then we go on " * rounds))
            server.upstream.push("one", answer(GOOD))
            assert text_of((await asking(server)).body) == GOOD
            asked = json.loads(server.upstream.calls[-1].body)
            assert ("and then we go on" in json.dumps(asked["messages"])) is shown


async def test_quality_boost_only_thinks(tmp_path: Path) -> None:  # M3.3
    boosted = (
        "  boosted: {strategy: balanced, tasks: {chat: {model: m-two, fallbacks: [m-one], quality_boost: true}}}\n"
    )
    async with serving(tmp_path / "s", extra_policy=boosted) as server:
        server.upstream.push("two", answer(LOOP))
        server.upstream.push("one", answer(GOOD))
        response = await server.chat({"x-fairlead-policy": "boosted", "x-fairlead-task": "chat"}, model="auto")
        assert (text_of(response.body), response.headers["x-fairlead-escalated"]) == (GOOD, "true")
        assert server.upstream.seats == ["two", "one"]


async def test_an_unknown_task_has_no_upgrade(tmp_path: Path) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=checked()) as server:
        server.upstream.push("two", answer(LOOP))
        server.upstream.push("one", answer(GOOD))
        response = await server.chat({"x-fairlead-policy": "checked", "x-fairlead-task": "astrology"}, model="auto")
        assert text_of(response.body) == GOOD


async def test_a_budget_is_overdrawn_by_an_upgrade(tmp_path: Path) -> None:  # M4.2 M6.1
    budget = "budgets: [{scope: model, who: m-one, amount: 0.000001, per: day}]\nkeys: [{name: test, key: fl_test}]\n"
    async with serving(tmp_path / "s", more=budget, extra_policy=checked()) as server:
        server.upstream.push("two", answer(CODE, usage=(11, 7)))
        response = await asking(server, max_tokens=50)
        assert (response.status, text_of(response.body)) == (200, CODE)
        assert server.upstream.seats == ["two"]


HEDGED = "  hedged: {strategy: pinned, model: m-one, fallbacks: [m-two], hedge_ms: 100, quality: {gates: [usual], upgrades: 0}}\n"


async def test_an_answer_beside_a_bad_one_is_not_waited_for(tmp_path: Path) -> None:  # M4.2
    async with serving(tmp_path / "s", extra_policy=HEDGED) as server:
        server.upstream.push("one", answer(GOOD, wait=0.5))
        server.upstream.push("two", answer(LOOP))
        response = await server.chat({"x-fairlead-policy": "hedged"}, model="auto")
        assert (text_of(response.body), server.upstream.seats) == (GOOD, ["one", "two"])
        assert response.headers["x-fairlead-downgraded"] == "false"
        record = await server.record(response)
        assert sorted((one.model, one.outcome) for one in record.attempts) == [("m-one", "ok"), ("m-two", "failed")]
        assert record.attempts[-1].model == "m-one"
