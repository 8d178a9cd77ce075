"""A second opinion: asked for where the built-in classifier is unsure, paid for, bounded, and never in the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from fairlead.classify.llm import Asked, Opinion, stability
from fairlead.classify.patience import AFTER
from fairlead.classify.tasks import TASKS
from fairlead.gateway.opinion import TELLING, Opinions
from tests.server.serving import KEYS, Served, serving
from tests.upstream import HANG, Play, completion, plain, status

JUDGE = """
classifier: {model: {model: m-two, below: 1.0, timeout: 0.5%s}}
"""
POLICY = """  table:
    strategy: balanced
    tasks: {translation: {model: m-one}, math: {model: same}}
"""
ONE = "    models: [m-one, same]\n"
ASK = {"model": "auto", "fairlead": {"policy": "table"}}


def says(task: str, **more: str) -> Play:
    said = json.dumps({"task": task, "complexity": "simple", "domain": "chat", "latency_class": "normal", **more})
    body = json.loads(completion())
    body["choices"][0]["message"]["content"] = said
    return Play([plain(200, json.dumps(body).encode())], (11, 7))


async def asked(server: Served) -> int:
    """How often the classifier was."""
    return sum(record.purpose == "classify" for record in await server.records())


async def test_where_the_built_in_one_is_unsure_a_model_is_asked_once_and_on_the_bill(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        server.upstream.push("two", says("translation"))
        first = await server.chat(**ASK)
        assert (first.headers["x-fairlead-task"], first.headers["x-fairlead-model"]) == ("translation", "m-one")
        again = await server.chat(**ASK)
        assert again.headers["x-fairlead-task"] == "translation"
        assert server.upstream.seats == ["two", "one", "one"]
        side, asked, _ = await server.records()
        assert (side.purpose, side.parent, side.model) == ("classify", asked.request, "m-two")
        assert side.cost > 0


async def test_what_the_caller_declared_is_asked_of_nobody(tmp_path: Path) -> None:  # M3.2
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        said = await server.chat(model="auto", fairlead={"policy": "table", "task": "math"})
        assert said.headers["x-fairlead-model"] == "same"
        assert await server.chat(model="m-one")
        assert server.upstream.seats == ["one", "one"]


async def test_without_an_answer_in_time_or_in_our_words_the_built_in_word_counts(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        for play in (Play([HANG]), status(500), says("knitting"), Play([plain(200, b'{"choices": []}')])):
            server.upstream.push("two", play)
            said = await server.chat(**ASK)
            assert (said.status, said.headers["x-fairlead-task"] in TASKS) == (200, True)


async def test_its_budget_is_not_overrun(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % ", budget: 0", extra_policy=POLICY) as server:
        assert (await server.chat(**ASK)).status == 200
        assert "two" not in server.upstream.seats or len(server.upstream.calls) == 1


async def test_a_sensitive_request_is_shown_to_no_outside_classifier(tmp_path: Path) -> None:  # M3.7
    own = '  own: {kind: openai, base_url: "http://127.0.0.1:1/v1", api_key: x, self_hosted: true}\n'
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY, extra_provider=own) as server:
        refused = await server.chat(model="auto", fairlead={"policy": "table", "sensitivity": "sensitive"})
        assert refused.status == 403
        assert server.upstream.calls == []


def opinions() -> Opinions:
    return Opinions(Asked("m", 0.6, 1.0, None, 2, 0.6, 0.25, TASKS))


def test_disagreement_and_drift_are_alarmed_once_a_day() -> None:  # M2.4
    one = opinions()
    one.turn_to(1)
    alarms = [one.took(Opinion("math"), "chat") for _ in range(2 * TELLING)]
    assert [kind for found in alarms for kind, _ in found] == ["classifier_disagrees"]
    one.turn_to(2)
    alarms = [one.took(Opinion("chat"), "chat") for _ in range(2 * TELLING)]
    assert [kind for found in alarms for kind, _ in found] == ["classifier_drift"]
    one.turn_to(3)
    assert [one.took(Opinion("chat"), "chat") for _ in range(2 * TELLING)] == [[]] * 2 * TELLING


def test_only_so_many_opinions_are_kept() -> None:
    one = opinions()
    for key in (b"a", b"b", b"c"):
        one.remember(key, Opinion("chat"))
    assert list(one.kept) == [b"b", b"c"]


def test_the_same_distribution_is_stable_and_another_is_not() -> None:
    assert stability({"a": 50, "b": 50}, {"a": 500, "b": 500}) == 0
    assert stability({"a": 50, "b": 50}, {"a": 52, "b": 48}) < 0.1
    assert stability({"a": 90, "b": 10}, {"a": 10, "b": 90}) > 0.25


async def test_a_dead_classifier_costs_every_request_its_time(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        server.upstream.push("two", *[status(500)] * 3 * AFTER)
        for index in range(AFTER + 3):
            said = await server.chat(**ASK, messages=[{"role": "user", "content": f"number {index}"}])
            assert said.status == 200
        assert await asked(server) == AFTER
        now = server.running.runtime.opinions
        assert now is not None
        assert now.patience.resting
        now.patience.until = 0.0
        server.upstream.script["two"].clear()
        server.upstream.push("two", says("translation"))
        again = await server.chat(**ASK)
        assert again.headers["x-fairlead-task"] == "translation"
        assert not now.patience.resting
        assert [kind for kind, _ in await server.audits() if kind.startswith("classifier")] == [
            "classifier_rests",
            "classifier_answers",
        ]


async def test_what_a_caller_did_wrong_puts_the_classifier_to_rest(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        for index in range(AFTER + 1):
            server.upstream.push("two", status(400))
            await server.chat(**ASK, messages=[{"role": "user", "content": f"number {index}"}])
        assert await asked(server) == AFTER + 1


async def test_the_same_question_at_the_same_time_is_asked_twice(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE.replace("0.5", "10") % "", extra_policy=POLICY) as server:
        server.upstream.push("two", Play([0.3, *says("translation").steps], (11, 7)))
        said = await asyncio.gather(*[server.chat(**ASK) for _ in range(4)])
        assert {one.headers["x-fairlead-task"] for one in said} == {"translation"}
        assert await asked(server) == 1


async def test_more_questions_are_under_way_than_may_be(tmp_path: Path) -> None:  # M2.4
    async with serving(tmp_path / "s", more=KEYS + JUDGE % ", at_once: 3", extra_policy=POLICY + ONE) as server:
        for _ in range(4):
            server.upstream.push("two", Play([HANG]))
        asking = [server.chat(**ASK, messages=[{"role": "user", "content": f"number {index}"}]) for index in range(4)]
        assert [one.status for one in await asyncio.gather(*asking)] == [200] * 4
        assert await asked(server) == 2  # the third is for the other tenant


async def test_a_route_and_a_group_go_by_the_built_in_word(tmp_path: Path) -> None:  # M3.11
    ways = """
agents:
  light: {model: m-one, complexity: [simple, medium]}
  heavy: {model: same, complexity: [complex]}
groups: {crew: {agents: [light, heavy], by: complexity}}
routes: [{match: {complexity: complex}, model: same, reason: hard work}, {match: {}, model: m-one, reason: all else}]
"""
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "" + ways) as server:
        for asked in ("agent:crew", "auto"):
            words = [{"role": "user", "content": f"hello {asked}"}]
            server.upstream.push("two", says("reasoning", complexity="complex"))
            assert (await server.chat(model=asked, messages=words)).headers["x-fairlead-model"] == "same", asked
            server.upstream.push("two", says("chat"))
            words = [{"role": "user", "content": f"goodbye {asked}"}]
            assert (await server.chat(model=asked, messages=words)).headers["x-fairlead-model"] == "m-one", asked
