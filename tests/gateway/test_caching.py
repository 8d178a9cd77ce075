"""Answers that are given again: the scripted upstream counts who was really asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.gateway.test_continuing import ENDS, text_of
from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response, ask
from tests.upstream import CUT, Play, answer, completion, events, plain, status, stream

CACHE = "cache: {exact: {enabled: true}}\n"
TOLD = "x-fairlead-cache"
USAGE = {"stream_options": {"include_usage": True}}
SURFACES: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", {"model": "m-one", "messages": [{"role": "user", "content": "Hello"}]}),
    "responses": ("/v1/responses", {"model": "m-one", "input": "Hello"}),
    "anthropic": (
        "/v1/messages",
        {"model": "m-one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
    ),
    "gemini": ("/v1beta/models/m-one:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
}
DIALECTS = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "anthropic": "anthropic_messages",
    "gemini": "gemini",
}
STREAMED: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/v1/chat/completions", {"stream": True, **USAGE}),
    "responses": ("/v1/responses", {"stream": True}),
    "anthropic": ("/v1/messages", {"stream": True}),
    "gemini": ("/v1beta/models/m-one:streamGenerateContent?alt=sse", {}),
}


def cached(**exact: object) -> str:
    return KEYS + f"cache: {json.dumps({'exact': {'enabled': True, **exact}})}\n"


async def asked(
    served: Served, surface: str, streamed: bool, headers: Mapping[str, str] | None = None, **fields: object
) -> Response:
    path, body = SURFACES[surface]
    if streamed:
        path, more = STREAMED[surface]
        body = {**body, **more}
    return await ask(served.port, "POST", path, json.dumps({**body, **fields}).encode(), headers)


# ---- what is given again


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("surface", SURFACES)
async def test_the_same_request_is_asked_and_paid_for_again(  # M5.1
    tmp_path: Path, surface: str, streamed: bool
) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        first = await asked(served, surface, streamed)
        again = await asked(served, surface, streamed)
        assert (first.status, again.status) == (200, 200)
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-exact")
        assert again.body == first.body
        assert again.headers["content-type"] == first.headers["content-type"]
        assert (again.headers["x-fairlead-cost"], again.headers["x-fairlead-attempts"]) == ("0", "0")
        for name in ("x-fairlead-model", "x-fairlead-channel", "x-fairlead-policy"):
            assert again.headers[name] == first.headers[name]
        assert 0 <= int(again.headers["age"]) < 60
        assert again.headers["x-fairlead-request-id"] != first.headers["x-fairlead-request-id"]
        assert len(served.upstream.calls) == 1


@pytest.mark.parametrize("surface", SURFACES)
async def test_an_answer_that_was_whole_is_asked_for_again_as_a_stream(tmp_path: Path, surface: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        whole = await asked(served, surface, False)
        streamed = await asked(served, surface, True)
        assert streamed.headers[TOLD] == "hit-exact"
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert streamed.whole
        assert text_of(DIALECTS[surface], streamed.body) == "Bonjour."
        assert streamed.body.replace(b'": "', b'":"').count(ENDS[DIALECTS[surface]]) == 1
        assert len(served.upstream.calls) == 1
        assert whole.status == 200


@pytest.mark.parametrize("surface", SURFACES)
async def test_an_answer_that_was_streamed_is_asked_for_again_as_a_whole(tmp_path: Path, surface: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        await asked(served, surface, True)
        whole = await asked(served, surface, False)
        assert whole.headers[TOLD] == "hit-exact"
        assert whole.headers["content-type"] == "application/json"
        assert "Bonjour." in json.dumps(whole.json)
        assert len(served.upstream.calls) == 1


async def test_a_stream_told_as_a_list_is_empty_the_second_time(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        path = "/v1beta/models/m-one:streamGenerateContent"
        body = json.dumps(SURFACES["gemini"][1]).encode()
        first, again = [await ask(served.port, "POST", path, body) for _ in range(2)]
        assert again.headers[TOLD] == "hit-exact"
        assert json.loads(again.body) == json.loads(first.body) != []


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_cannot_go_on_from_an_answer_given_again(tmp_path: Path, streamed: bool) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await asked(served, "responses", streamed)
        again = await asked(served, "responses", streamed)
        assert again.headers[TOLD] == "hit-exact"
        response = json.loads(again.body.split(b"data: ")[-1])["response"] if streamed else json.loads(again.body)
        await served.running.runtime.conversations.forget("default", response["id"])
        assert (await asked(served, "responses", streamed)).headers[TOLD] == "hit-exact"
        goes_on = await asked(served, "responses", False, previous_response_id=response["id"], input="And?")
        assert (goes_on.status, goes_on.headers[TOLD]) == (200, "miss")
        assert goes_on.json["previous_response_id"] == response["id"]


async def test_a_stream_without_its_usage_is_taken_for_a_whole_answer(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat(stream=True)
        whole = await served.chat()
        assert whole.headers[TOLD] == "miss"
        assert whole.json["usage"]
        assert len(served.upstream.calls) == 2


async def test_how_a_body_is_written_makes_another_request_of_it(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat(raw='{"model":"m-one","seed":1,"messages":[{"role":"user","content":"é"}]}'.encode())
        other = b'{ "messages": [ {"content": "\\u00e9", "role": "user"} ], "seed": 1,\n "model": "m-one" }'
        assert (await served.chat(raw=other)).headers[TOLD] == "hit-exact"


async def test_embeddings_are_computed_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        body = json.dumps({"model": "m-one", "input": "Hello"}).encode()
        vectors = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "up"}
        told = json.dumps({**vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
        served.upstream.push("one", Play([plain(200, told)]))
        found = [await ask(served.port, "POST", "/v1/embeddings", body) for _ in range(2)]
        assert [one.status for one in found] == [200, 200]
        assert (found[1].headers[TOLD], found[1].body) == ("hit-exact", found[0].body)
        assert len(served.upstream.calls) == 1


# ---- what is another request


FIELDS: dict[str, object] = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "model": "m-two",
    "max_tokens": 5,
    "top_p": 0.5,
    "seed": 1,
    "stop": ["a"],
    "user": "someone",
    "metadata": {"a": "b"},
    "frobnicate": None,
    "logprobs": True,
    "response_format": {"type": "json_object"},
    "fairlead": {"task": "chat"},
}


@pytest.mark.parametrize("field", FIELDS)
async def test_a_request_that_differs_in_one_field_is_given_anothers_answer(  # FAULTS 53
    tmp_path: Path, field: str
) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        assert (await served.chat(**{field: FIELDS[field]})).headers[TOLD] == "miss"
        assert len(served.upstream.calls) == 2


HEADERS = {
    "x-fairlead-quality-floor": "0.1",
    "x-fairlead-max-cost": "0.5",
    "x-fairlead-policy": "cost_first",
    "x-fairlead-session": "another",
    "x-fairlead-user": "another",
    "x-fairlead-strict": "true",
    "openai-beta": "something=v2",
}


@pytest.mark.parametrize("name", HEADERS)
async def test_what_a_header_says_makes_no_difference(tmp_path: Path, name: str) -> None:  # FAULTS 53
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        assert (await served.chat({name: HEADERS[name]})).headers[TOLD] == "miss"


async def test_another_tenant_is_given_the_answer(tmp_path: Path) -> None:  # FAULTS 53
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        assert (await served.chat(key="fl_other")).headers[TOLD] == "miss"
        assert (await served.chat(key="fl_other")).headers[TOLD] == "hit-exact"
        assert len(served.upstream.calls) == 2


async def test_a_key_is_given_what_it_may_not_ask_for(tmp_path: Path) -> None:  # FAULTS 53
    keys = (
        "keys: [{name: test, key: fl_test}, {name: narrow, key: fl_narrow, models: [m-two]},"
        " {name: abroad, key: fl_abroad, providers: [two]}, {name: alike, key: fl_alike}]\n"
    )
    async with serving(tmp_path / "s", more=keys + CACHE) as served:
        named = {"model": "m-one@one"}
        await served.chat(**named)
        for key in ("fl_narrow", "fl_abroad"):
            assert (await served.chat(key=key, **named)).status == 403
        assert (await served.chat(key="fl_alike", **named)).headers[TOLD] == "hit-exact"
        assert len(served.upstream.calls) == 1


async def test_a_tag_makes_another_request(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat({"x-fairlead-tags": "one"})
        again = await served.chat({"x-fairlead-tags": "two"})
        assert again.headers[TOLD] == "hit-exact"
        assert (await served.record(again)).tags == ("two",)


async def test_a_model_that_was_switched_off_goes_on_answering(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat(model="auto")
        assert (await served.chat(model="auto")).headers[TOLD] == "hit-exact"
        served.running.runtime.switches.disable("m-one", None)
        other = await served.chat(model="auto")
        assert (other.headers[TOLD], other.headers["x-fairlead-model"]) == ("miss", "m-two")


# ---- what is never given again


NOT_PROPER: dict[str, Play] = {
    "an error": status(500),
    "a refused request": status(400),
    "cut short": Play([plain(200, completion().replace(b'"stop"', b'"length"'))]),
    "filtered": Play([plain(200, completion().replace(b'"stop"', b'"content_filter"'))]),
    "empty": Play([plain(200, completion("  "))]),
    "refused": Play([plain(200, completion().replace(b'"role"', b'"refusal": "No.", "role"'))]),
}


@pytest.mark.parametrize("name", NOT_PROPER)
async def test_an_answer_that_is_none_is_given_again(tmp_path: Path, name: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("one", NOT_PROPER[name])
        served.upstream.push("two", status(500))
        await served.chat(model="m-one@one")
        again = await served.chat(model="m-one@one")
        assert again.headers[TOLD] == "miss"
        assert (again.status, again.json["choices"][0]["message"]["content"]) == (200, "Bonjour.")


@pytest.mark.parametrize("ending", ["cut", "length"])
async def test_a_stream_that_broke_off_is_given_again(tmp_path: Path, ending: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        told = events()
        steps = [*told[:3], CUT] if ending == "cut" else [one.replace(b'"stop"', b'"length"') for one in told]
        served.upstream.push("one", stream(steps, end=ending != "cut"))
        await served.chat(stream=True)
        again = await served.chat(stream=True)
        assert again.headers[TOLD] == "miss"
        assert again.whole


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_larger_than_allowed_is_kept(tmp_path: Path, streamed: bool) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached(max_answer_kb=4)) as served:
        for text, told in (("x" * 5_000, "miss"), ("x" * 500, "hit-exact")):
            for _ in range(2):
                served.upstream.push("one", stream(events((text,))) if streamed else answer(text))
            said = {"messages": [{"role": "user", "content": f"{len(text)} of them"}], "stream": streamed}
            assert (await served.chat(**said)).headers[TOLD] == "miss"
            again = await served.chat(**said)
            assert (again.headers[TOLD], text.encode() in again.body) == (told, True)


async def test_a_stand_ins_answer_is_taken_for_that_of_the_model_that_was_named(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        served.upstream.push("one", status(500))
        first = await served.chat(model="m-one")
        again = await served.chat(model="m-one")
        assert (first.status, first.headers["x-fairlead-model"]) == (200, "m-two")
        assert (again.headers[TOLD], again.headers["x-fairlead-model"]) == ("miss", "m-one")


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_best_of_bad_answers_is_given_again(tmp_path: Path, streamed: bool) -> None:
    policy = "  checked: {strategy: cost_first, min_quality: 0, models: [m-two, m-one], quality: {gates: [usual]}}\n"
    loop, good = "and then we go on " * 60, "The committee meets on the second Tuesday of each month."
    async with serving(tmp_path / "s", more=cached(), extra_policy=policy) as served:
        for seat in ("one", "two"):
            served.upstream.push(seat, stream(events((loop,))) if streamed else answer(loop))
        said = {"x-fairlead-policy": "checked"}
        bad = await served.chat(said, model="auto", stream=streamed)
        assert (bad.status, len(served.upstream.calls)) == (200, 2)
        served.upstream.push("two", stream(events((good,))) if streamed else answer(good))
        better = await served.chat(said, model="auto", stream=streamed)
        assert better.headers[TOLD] == "miss"
        assert good.encode() in better.body
        assert (await served.chat(said, model="auto", stream=streamed)).headers[TOLD] == "hit-exact"


async def test_an_answer_of_one_who_is_not_known_to_be_as_good_is_given_again(tmp_path: Path) -> None:
    policy = "  checked: {strategy: cost_first, min_quality: 0, models: [m-two, dark], fallbacks: [dark], quality: {gates: [usual]}}\n"
    dark = "  dark: {channels: [{provider: one, model: dark}], price: {input: 1, output: 2}}\n"
    async with serving(tmp_path / "s", more=cached(), extra_policy=policy, extra_model=dark) as served:
        for _ in range(2):
            served.upstream.push("two", answer("and then we go on " * 60))
            served.upstream.push("one", answer("The committee meets on the second Tuesday of each month."))
            response = await served.chat({"x-fairlead-policy": "checked"}, model="auto")
            told = [response.headers[name] for name in ("x-fairlead-model", "x-fairlead-downgraded", TOLD)]
            assert told == ["dark", "true", "miss"]


async def test_a_stream_is_given_again_with_the_pings_of_the_first_time(tmp_path: Path) -> None:
    policy = "  checked: {strategy: pinned, model: m-one, quality: {gates: [usual], hold_seconds: 0.1}}\n"
    async with serving(tmp_path / "s", more=cached(), extra_policy=policy) as served:
        slow = stream(events())
        served.upstream.push("one", Play([0.4, *slow.steps], slow.usage))
        said = {"x-fairlead-policy": "checked"}
        first = await served.chat(said, model="auto", stream=True)
        assert (first.headers["x-fairlead-model"], b": ping" in first.body) == ("pending", True)
        again = await served.chat(said, model="auto", stream=True)
        assert (again.headers[TOLD], b": ping" in again.body) == ("miss", False)
        assert (await served.chat(said, model="auto", stream=True)).headers[TOLD] == "hit-exact"


async def test_a_sensitive_request_is_remembered(tmp_path: Path) -> None:  # M3.7
    async with serving(tmp_path / "s", more=cached(), provider=", self_hosted: true") as served:
        said = {"x-fairlead-sensitivity": "sensitive", "x-fairlead-cache": "on"}
        found = [await served.chat(said) for _ in range(2)]
        assert [(one.status, one.headers[TOLD]) for one in found] == [(200, "bypass")] * 2
        assert (await served.chat()).headers[TOLD] == "miss"


TOOLS: dict[str, object] = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}
PASSED_BY: dict[str, dict[str, object]] = {
    "temperature": {"temperature": 0.7},
    "several": {"n": 2},
    "tools": TOOLS,
    "search": {"web_search_options": {"search_context_size": "low"}},
    "search_as_usual": {"web_search_options": {}},
}


@pytest.mark.parametrize("name", PASSED_BY)
async def test_a_request_that_may_be_answered_otherwise_is_given_the_same(tmp_path: Path, name: str) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        found = [await served.chat(**PASSED_BY[name]) for _ in range(2)]
        assert [one.headers[TOLD] for one in found] == ["bypass"] * 2
        assert len(served.upstream.calls) == 2


@pytest.mark.parametrize("by", ["header", "body", "settings"])
@pytest.mark.parametrize("name", ["temperature", "tools"])
async def test_who_asks_for_the_cache_is_passed_by(tmp_path: Path, name: str, by: str) -> None:  # M5.1
    settings = cached(requests="all", tools=True) if by == "settings" else cached()
    async with serving(tmp_path / "s", more=settings) as served:
        headers = {"x-fairlead-cache": "on"} if by == "header" else {}
        fields = {**PASSED_BY[name], **({"fairlead": {"cache": "on"}} if by == "body" else {})}
        found = [await served.chat(headers, **fields) for _ in range(2)]
        assert [one.headers[TOLD] for one in found] == ["miss", "hit-exact"]


async def test_settled_requests_only_means_others_too(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached(requests="settled")) as served:
        assert [(await served.chat()).headers[TOLD] for _ in range(2)] == ["bypass", "bypass"]
        found = [await served.chat(temperature=0) for _ in range(2)]
        assert [one.headers[TOLD] for one in found] == ["miss", "hit-exact"]


async def test_without_the_setting_answers_are_given_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as served:
        assert [(await served.chat({"x-fairlead-cache": "on"})).headers[TOLD] for _ in range(2)] == ["bypass"] * 2
        assert len(served.upstream.calls) == 2


# ---- what the caller says


async def test_who_wants_a_new_answer_is_given_the_old_one(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        for new in ({"Cache-Control": "no-cache"}, {"x-fairlead-cache": "refresh"}):
            served.upstream.push("one", answer(f"Salut {len(served.upstream.calls)}."))
            found = await served.chat(new)
            assert found.headers[TOLD] == "bypass"
            assert (await served.chat()).body == found.body  # and the new one is kept
        assert len(served.upstream.calls) == 3


@pytest.mark.parametrize("said", [{"Cache-Control": "no-store"}, {"x-fairlead-cache": "off"}])
async def test_who_wants_nothing_kept_is_remembered(tmp_path: Path, said: dict[str, str]) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        assert (await served.chat(said)).headers[TOLD] == "bypass"
        assert (await served.chat()).headers[TOLD] == "miss"
        assert (await served.chat(said)).headers[TOLD] == "bypass"


async def test_an_answer_older_than_the_caller_allows_is_given(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        assert (await served.chat({"Cache-Control": "max-age=60"})).headers[TOLD] == "hit-exact"
        assert (await served.chat({"Cache-Control": "max-age=0"})).headers[TOLD] == "miss"


async def test_an_answer_outlives_its_time(tmp_path: Path) -> None:  # M5.1
    async with serving(tmp_path / "s", more=cached(ttl=0.05)) as served:
        await served.chat()
        await asyncio.sleep(0.1)
        assert (await served.chat()).headers[TOLD] == "miss"


async def test_a_knob_that_means_nothing_is_passed_over_in_silence(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        refused = await served.chat({"x-fairlead-cache": "maybe"})
        assert (refused.status, refused.error["param"]) == (400, "cache")


# ---- the books


async def test_a_hit_is_not_on_the_books(tmp_path: Path) -> None:  # M6.3
    async with serving(tmp_path / "s", more=cached()) as served:
        first = await served.record(await served.chat())
        hit = await served.record(await served.chat())
        assert hit.reuse is not None
        assert (hit.reuse.kind, hit.reuse.request, hit.reuse.saved) == ("exact", first.request, first.cost)
        assert first.cost > 0
        assert (hit.cost, hit.attempts, hit.outcome, hit.status) == (0, (), "ok", 200)
        assert (hit.model, hit.channel, hit.baseline_cost) == (first.model, first.channel, first.baseline_cost)


async def test_hits_pass_by_the_limits_of_their_key(tmp_path: Path) -> None:
    keys = "keys: [{name: test, key: fl_test, limits: {rpm: 2}}]\n"
    async with serving(tmp_path / "s", more=keys + CACHE) as served:
        found = [await served.chat() for _ in range(3)]
        assert [one.status for one in found] == [200, 200, 429]
        assert found[1].headers[TOLD] == "hit-exact"
        assert found[1].headers["x-ratelimit-remaining-requests"] == "0"


async def test_a_hit_is_refused_for_a_budget_that_it_does_not_touch(tmp_path: Path) -> None:
    budget = "budgets: [{scope: key, who: test, amount: 0.00003, per: total, mode: hard}]\n"
    async with serving(tmp_path / "s", more=cached() + budget) as served:
        assert (await served.chat(max_tokens=7, model="m-one@one")).status == 200
        assert (await served.chat(max_tokens=7, model="m-one@one")).headers[TOLD] == "hit-exact"
        assert (await served.chat(max_tokens=8, model="m-one@one")).status == 402


async def test_an_answer_is_forgotten_with_its_process(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached(keep="disk")) as served:
        first = await served.chat()
    async with serving(tmp_path / "s", more=cached(keep="disk")) as served:
        again = await served.chat()
        assert (again.headers[TOLD], again.body) == ("hit-exact", first.body)
        assert served.upstream.calls == []


async def test_an_answer_given_again_cannot_be_judged(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=cached()) as served:
        await served.chat()
        again = await served.chat()
        said = json.dumps({"request_id": again.headers["x-fairlead-request-id"], "good": True}).encode()
        told = await ask(served.port, "POST", "/v1/feedback", said)
        assert (told.status, told.json["model"]) == (200, "m-one")
