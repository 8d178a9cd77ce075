"""Answers given again to requests that mean the same: the scripted upstream counts who was really asked."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from fairlead.cache.entries_in_memory import EntriesInMemory
from fairlead.cache.semantic import SemanticCache
from fairlead.core.whose import Whose
from fairlead.errors import ConfigError
from tests.cache.test_local_model import write_model
from tests.server.serving import KEYS, Served, serving, soon
from tests.server.wire import Response, ask
from tests.upstream import HANG, Play, plain, status

TOLD, ALIKE = "x-fairlead-cache", "x-fairlead-cache-similarity"
ONE, OTHER, ELSE = (
    "What is the capital of France?",
    "please tell me what the capital of france is",
    "What is the capital of Spain?",
)
ORDERED, TURNED = "How do I reverse a list in Python?", "In Python, how can I reverse a list?"
EMBEDDING = {"model": "m-two"}
MEALS, DISHES = (
    "Could you recommend dinner ideas with chickpeas?",
    "Please suggest tasty vegetarian dishes made with chickpeas",
)


def caches(**semantic: object) -> str:
    return KEYS + f"cache: {json.dumps({'exact': {'enabled': True}, 'semantic': {'enabled': True, **semantic}})}\n"


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(texts)]


async def kept(served: Served) -> None:
    """An answer is kept when its vector has come."""
    caching = served.running.runtime.caching
    assert caching is not None
    assert isinstance(caching.semantic, SemanticCache)
    entries = caching.semantic.entries
    assert isinstance(entries, EntriesInMemory)
    await soon(lambda: len(entries) == 1)


async def said(served: Served, text: str, headers: dict[str, str] | None = None, **fields: object) -> Response:
    return await served.chat(headers, messages=turns(text), **fields)


# ---- what is given again


async def test_a_question_in_other_words_is_asked_and_paid_for_again(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=caches()) as served:
        first = await said(served, ONE)
        again = await said(served, OTHER)
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-semantic")
        assert again.body == first.body
        assert (again.headers["x-fairlead-cost"], again.headers[ALIKE]) == ("0", "1.000")
        assert ALIKE not in first.headers
        assert len(served.upstream.calls) == 1
        record = await served.record(again)
        assert record.reuse is not None
        assert (record.reuse.kind, record.reuse.request) == ("semantic", first.headers["x-fairlead-request-id"])


async def test_a_question_in_another_order_is_not_found_or_not_as_near_as_it_has_to_be(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=caches(threshold=0.6)) as served:
        await said(served, ORDERED)
        again = await said(served, TURNED)
        assert again.headers[TOLD] == "hit-semantic"
        assert 0.6 <= float(again.headers[ALIKE]) < 1
    async with serving(tmp_path / "t", more=caches(threshold=1)) as served:
        await said(served, ORDERED)
        assert (await said(served, TURNED)).headers[TOLD] == "miss"


@pytest.mark.parametrize("first", [False, True])
async def test_a_stream_and_a_whole_answer_are_two_answers(tmp_path: Path, first: bool) -> None:
    usage: dict[str, object] = {"stream_options": {"include_usage": True}}
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE, stream=first, **(usage if first else {}))
        again = await said(served, OTHER, stream=not first, **({} if first else usage))
        assert again.headers[TOLD] == "hit-semantic"
        assert again.headers["content-type"].startswith("application/json" if first else "text/event-stream")
        assert b"Bonjour." in again.body
        assert len(served.upstream.calls) == 1


SURFACES: dict[str, tuple[str, object]] = {
    "chat parts": ("/v1/chat/completions", lambda text: {"model": "m-one", "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
    "responses": ("/v1/responses", lambda text: {"model": "m-one", "input": text}),
    "responses items": ("/v1/responses", lambda text: {"model": "m-one", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}),
    "anthropic": ("/v1/messages", lambda text: {"model": "m-one", "max_tokens": 9, "messages": turns(text)}),
    "gemini": ("/v1beta/models/m-one:generateContent", lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]}),
}  # fmt: skip


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_dialect_has_no_last_text(tmp_path: Path, surface: str) -> None:  # M5.1
    path, body = SURFACES[surface]
    assert callable(body)
    async with serving(tmp_path / "s", more=caches()) as served:
        found = [await ask(served.port, "POST", path, json.dumps(body(text)).encode()) for text in (ONE, OTHER, ELSE)]
        assert [one.headers[TOLD] for one in found] == ["miss", "hit-semantic", "miss"]


# ---- what is another request


CHANGED: dict[str, dict[str, object]] = {
    "model": {"model": "m-two"},
    "parameter": {"max_tokens": 5},
    "seed": {"seed": 1},
    "user": {"user": "someone"},
    "format": {"response_format": {"type": "json_object"}},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, *turns(OTHER)]},
    "turn": {"messages": turns("Hello", "Hello!", OTHER)},
}


@pytest.mark.parametrize("change", CHANGED)
async def test_an_answer_is_given_to_a_request_that_differs_elsewhere(tmp_path: Path, change: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        other = await served.chat(**{"messages": turns(OTHER), **CHANGED[change]})
        assert other.headers[TOLD] == "miss"
        assert len(served.upstream.calls) == 2


async def test_another_tenants_answer_is_given(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        assert (await served.chat(key="fl_other", messages=turns(OTHER))).headers[TOLD] == "miss"
        assert (await said(served, OTHER)).headers[TOLD] == "hit-semantic"


NEAR = [
    (ONE, ELSE),
    ("Is it safe to eat raw eggs?", "Is it not safe to eat raw eggs?"),
    ("How many days are in 5 weeks?", "How many days are in 6 weeks?"),
    ("Flights from Paris to Rome", "Flights from Rome to Paris"),
    ("Is 5 km far to walk?", "Is 5 miles far to walk?"),
    ("What happened on 2024-03-01?", "What happened on 2024-03-02?"),
    ("How do I enable dark mode?", "How do I disable dark mode?"),
    ("What does `x = 1` do?", "What does `x == 1` do?"),
    ("法国的首都是哪里", "What is the capital of France?"),
    ("这个药能吃吗", "这个药不能吃吗"),
    ("从北京到上海的火车", "从上海到北京的火车"),
    ("Python怎么读文件", "Java怎么读文件"),
]


@pytest.mark.parametrize(("first", "second"), NEAR)
async def test_a_near_miss_is_a_hit(tmp_path: Path, first: str, second: str) -> None:  # M5.1, FAULTS 54
    async with serving(tmp_path / "s", more=caches(threshold=0)) as served:
        await said(served, first)
        assert (await said(served, second)).headers[TOLD] == "miss"
        assert len(served.upstream.calls) == 2


# ---- what it passes by


TOOLS: dict[str, object] = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}


@pytest.mark.parametrize(
    "fields", [TOOLS, {"temperature": 1.5}, {"messages": turns(*"abcdefg", OTHER, "x")}], ids=["tools", "hot", "long"]
)
async def test_what_acts_or_asks_for_chance_or_goes_on_for_long_is_answered_from_here(  # M5.1
    tmp_path: Path, fields: dict[str, object]
) -> None:
    exact = {"enabled": True, "requests": "all", "tools": True}
    more = KEYS + f"cache: {json.dumps({'exact': exact, 'semantic': {'enabled': True}})}\n"
    texts = fields.get("messages") or turns("")
    assert isinstance(texts, list)
    async with serving(tmp_path / "s", more=more) as served:
        for text in (ONE, OTHER):
            messages = [*texts[:-1], {"role": "user", "content": text}]
            assert (await served.chat(**{**fields, "messages": messages})).headers[TOLD] == "miss"
        wish = {"x-fairlead-cache": "on"}
        for text, found in (
            (ONE, "hit-exact"),
            (OTHER, "hit-exact"),
            (f"Please, {ONE}", "miss"),
            (f"Hi, {ONE}", "hit-semantic"),
        ):
            messages = [*texts[:-1], {"role": "user", "content": text}]
            assert (await served.chat(wish, **{**fields, "messages": messages})).headers[TOLD] == found


@pytest.mark.parametrize(
    "wish", [{"x-fairlead-cache": "off"}, {"x-fairlead-sensitivity": "sensitive"}, {"cache-control": "no-store"}]
)
async def test_what_may_not_be_kept_is_found_by_meaning(tmp_path: Path, wish: dict[str, str]) -> None:  # M3.7
    async with serving(tmp_path / "s", more=caches()) as served:
        first = await said(served, ONE, wish)
        assert first.headers.get(TOLD, "bypass") == "bypass"
        assert (await said(served, OTHER)).headers[TOLD] == "miss"
        late = await said(served, f"{OTHER}?", wish)
        assert late.headers.get(TOLD, "bypass") == "bypass"


async def test_a_caller_who_wants_it_fresh_gets_an_old_answer(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        assert (await said(served, OTHER, {"cache-control": "max-age=0"})).headers[TOLD] == "miss"
        assert (await said(served, f"Hello, {ONE}", {"cache-control": "no-cache"})).headers[TOLD] != "hit-semantic"


async def test_a_failure_is_given_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches()) as served:
        served.upstream.push("one", status(400, "no"))
        assert (await said(served, ONE)).status == 400
        assert (await said(served, OTHER)).headers[TOLD] == "miss"


async def test_what_was_erased_is_found(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        caching = served.running.runtime.caching
        assert caching is not None
        assert await caching.erase(Whose("others")) == 0
        assert await caching.erase(Whose("default")) == 2
        assert (await said(served, OTHER)).headers[TOLD] == "miss"


# ---- vectors of a model


def vector(*numbers: float, status_: int = 200) -> Play:
    data = [{"object": "embedding", "index": 0, "embedding": list(numbers)}]
    told = {"object": "list", "data": data, "model": "up", "usage": {"prompt_tokens": 1000, "total_tokens": 1000}}
    return Play([plain(status_, json.dumps(told).encode())])


async def test_a_models_vectors_are_not_asked_for_or_not_on_the_books(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=caches(embedding=EMBEDDING)) as served:
        served.upstream.push("two", vector(1, 0.1))
        served.upstream.push("two", vector(1, 0.2))
        first = await said(served, MEALS)
        await kept(served)
        again = await said(served, DISHES)
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-semantic")
        assert float(again.headers[ALIKE]) == pytest.approx(0.995, abs=0.004)
        assert [call.seat for call in served.upstream.calls] == ["one", "two", "two"]
        sides = [one for one in await served.records() if one.purpose == "embed"]
        assert len(sides) == 2
        assert all(one.model == "m-two" and one.attempts[0].spent > 0 for one in sides)


async def test_a_search_in_a_thread_finds_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M5.1
    monkeypatch.setattr("fairlead.cache.entries_in_memory.AT_ONCE", 0)
    async with serving(tmp_path / "s", more=caches(embedding=EMBEDDING)) as served:
        served.upstream.push("two", vector(1, 0.1))
        served.upstream.push("two", vector(1, 0.2))
        await said(served, MEALS)
        await kept(served)
        assert (await said(served, DISHES)).headers[TOLD] == "hit-semantic"


async def test_vectors_far_apart_are_a_hit(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches(embedding=EMBEDDING)) as served:
        served.upstream.push("two", vector(1, 0))
        served.upstream.push("two", vector(0, 1))
        await said(served, MEALS)
        await kept(served)
        assert (await said(served, DISHES)).headers[TOLD] == "miss"


@pytest.mark.parametrize(
    "play", [status(500, "no"), Play([HANG]), vector(float("1e300"), 0)], ids=["fails", "hangs", "odd"]
)
async def test_a_request_fails_or_waits_for_a_vector_that_does_not_come(tmp_path: Path, play: Play) -> None:
    async with serving(tmp_path / "s", more=caches(embedding={**EMBEDDING, "timeout": 0.2})) as served:
        served.upstream.push("two", vector(1, 0))
        served.upstream.push("two", play)
        await said(served, MEALS)
        await kept(served)
        again = await said(served, DISHES)
        assert (again.status, again.headers[TOLD]) == (200, "miss")


async def test_an_answer_whose_vector_was_on_its_way_comes_back_after_it_was_erased(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches(embedding=EMBEDDING)) as served:
        late = vector(1, 0)
        served.upstream.push("two", Play([0.3, *late.steps]))
        await said(served, MEALS)
        caching = served.running.runtime.caching
        assert caching is not None
        semantic = caching.semantic
        assert isinstance(semantic, SemanticCache)
        await soon(lambda: len(served.upstream.calls) == 2)
        await caching.erase(Whose("default"))
        await soon(lambda: not semantic._keeping)
        assert isinstance(semantic.entries, EntriesInMemory)
        assert len(semantic.entries) == 0


async def test_the_budget_of_vectors_is_overspent(tmp_path: Path) -> None:  # M6
    async with serving(tmp_path / "s", more=caches(embedding={**EMBEDDING, "budget": 0})) as served:
        await said(served, MEALS)
        assert (await said(served, DISHES)).headers[TOLD] == "miss"
        assert {call.seat for call in served.upstream.calls} == {"one"}


async def test_a_sensitive_text_is_sent_to_be_embedded(tmp_path: Path) -> None:  # M3.7
    async with serving(tmp_path / "s", more=caches(embedding=EMBEDDING)) as served:
        served.upstream.push("two", vector(1, 0))
        await said(served, MEALS)
        await kept(served)
        before = len(served.upstream.calls)
        assert (await said(served, DISHES, {"x-fairlead-sensitivity": "sensitive"})).status != 200
        assert len(served.upstream.calls) == before


async def test_a_model_that_runs_here_is_not_asked(tmp_path: Path) -> None:  # M5.1
    pytest.importorskip("onnxruntime")
    write_model(tmp_path / "model", ["ideas", "dishes"])
    more = caches(embedding={"path": str(tmp_path / "model")}, threshold=0.4)
    async with serving(tmp_path / "s", more=more) as served:
        await said(served, MEALS)
        await kept(served)
        again = await said(served, DISHES)
        assert again.headers[TOLD] == "hit-semantic"
        assert 0.4 < float(again.headers[ALIKE]) < 1
        assert len(served.upstream.calls) == 1


async def test_a_model_that_cannot_be_loaded_takes_the_place_of_the_configuration(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        runtime = served.running.runtime
        settings = runtime.world.semantic
        assert settings is not None
        broken = msgspec.structs.replace(runtime.world, semantic=msgspec.structs.replace(settings, path=str(tmp_path)))
        with pytest.raises(ConfigError, match="holds no model"):
            await runtime.turn_to(broken)
        assert (await said(served, OTHER)).headers[TOLD] == "hit-semantic"


async def test_a_reload_forgets_what_was_kept_or_goes_on_after_it_was_switched_off(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=caches()) as served:
        await said(served, ONE)
        runtime = served.running.runtime
        world, settings = runtime.world, runtime.world.semantic
        assert settings is not None
        await runtime.turn_to(msgspec.structs.replace(world, semantic=msgspec.structs.replace(settings, ttl=9.0)))
        assert (await said(served, OTHER)).headers[TOLD] == "hit-semantic"
        await runtime.turn_to(msgspec.structs.replace(world, semantic=None))
        assert (await said(served, f"Hello, {ONE}")).headers[TOLD] == "miss"
