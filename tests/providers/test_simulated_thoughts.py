"""Simulated models think aloud, refuse, call several tools and make embeddings, as real ones do."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from fairlead.providers.simulated import Fault, Simulation, prose
from tests.providers.simulations import PATH, ask, chunks, play, post, simulation


def thoughts(found: list[Any]) -> tuple[str, list[str]]:
    """(what was thought aloud, the signatures) of a stream's chunks."""
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    signed = [one["signature"] for delta in deltas for one in delta.get("reasoning_details", ()) if "signature" in one]
    return "".join(delta.get("reasoning_content", "") for delta in deltas), signed


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"reasoning_effort": "low"}, 64),
        ({"reasoning": {"effort": "high"}}, 512),
        ({"reasoning": {"enabled": True}}, 192),
        ({"reasoning": {"max_tokens": 2048}}, 32),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 16),
        ({"reasoning_effort": "low", "max_tokens": 10}, 10),
    ],
)
def test_thoughts_are_not_those_that_are_counted(fields: dict[str, Any], tokens: int) -> None:  # M1.5
    _, answer = post(simulation(thinks=True), ask(**fields))
    message = answer["choices"][0]["message"]
    assert prose.count(message["reasoning_content"]) == tokens
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == tokens
    [detail] = message["reasoning_details"]
    assert detail["text"] == message["reasoning_content"]
    assert thoughts(chunks(simulation(thinks=True), ask(stream=True, **fields))) == (
        message["reasoning_content"],
        [detail["signature"]],
    )


@pytest.mark.parametrize(
    "fields", [{}, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}]
)
def test_a_model_thinks_unasked(fields: dict[str, Any]) -> None:
    _, answer = post(simulation(thinks=True), ask(**fields))
    assert "reasoning_content" not in answer["choices"][0]["message"]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_hidden_thoughts_are_shown_or_free() -> None:
    for sim, fields in ((simulation(), {}), (simulation(thinks=True), {"exclude": True})):
        _, answer = post(sim, ask(reasoning={"effort": "low", **fields}))
        assert "reasoning_content" not in answer["choices"][0]["message"]
        assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 64


def test_a_scripted_refusal_is_an_answer() -> None:
    sim = simulation()
    sim.script.push(Fault("refusal", text="I will not.", times=2))
    choice = post(sim, ask())[1]["choices"][0]
    assert (choice["message"]["refusal"], choice["message"]["content"], choice["finish_reason"]) == (
        "I will not.",
        None,
        "stop",
    )
    found = chunks(sim, ask(stream=True))
    deltas = [one["delta"] for chunk in found for one in chunk["choices"]]
    assert "".join(delta.get("refusal") or "" for delta in deltas) == "I will not."
    assert not any(delta.get("content") for delta in deltas)
    assert sim.log.entries[-1].correct is False


def test_several_calls_are_one_or_have_no_ids_of_their_own() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("clock", "calendar")]
    body = ask("Use the tools [calls:3]", tools=tools)
    calls = post(simulation(), body)[1]["choices"][0]["message"]["tool_calls"]
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        ("clock", "{}"),
        ("calendar", "{}"),
        ("clock", "{}"),
    ]
    assert len({call["id"] for call in calls}) == 3
    alone = post(simulation(), ask("Use the tools [calls:3]", tools=tools, parallel_tool_calls=False))
    assert len(alone[1]["choices"][0]["message"]["tool_calls"]) == 1
    whole = simulation()
    usage = post(whole, body)[1]["usage"]["completion_tokens"]
    streamed = simulation()
    chunks(streamed, ask("Use the tools [calls:3]", tools=tools, stream=True))
    assert whole.log.entries[-1].tokens == streamed.log.entries[-1].tokens == usage


@pytest.mark.parametrize("limit", range(1, 14))
def test_calls_are_longer_than_the_limit(limit: int) -> None:
    tools = [{"type": "function", "function": {"name": "population_of_places"}}]
    for stream in (False, True):
        sim = simulation()
        play(sim.turn("POST", PATH, {}, ask("tool [calls:2]", tools=tools, max_tokens=limit, stream=stream)))
        entry = sim.log.entries[-1]
        assert entry.tokens == entry.planned_tokens <= limit


# ---- embeddings


def embed(sim: Simulation, given: Any, /, **fields: Any) -> tuple[int, Any]:
    body = json.dumps({"model": "e", "input": given, **fields}).encode()
    turn = sim.turn("POST", "/v1/embeddings", {}, body)
    return turn.performance.status, json.loads(play(turn))


def vectors(answer: Any) -> list[list[float]]:
    return [one["embedding"] for one in answer["data"]]


def near(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_texts_that_share_words_are_no_closer() -> None:
    sim = simulation("e", embeds=256)
    status, answer = embed(sim, ["a red ship at sea", "the red ship", "tax law in Norway"])
    assert status == 200
    ship, red, tax = vectors(answer)
    assert near(ship, red) > 0.3 > near(ship, tax)
    assert all(near(one, one) == pytest.approx(1) for one in (ship, red, tax))
    assert [one["index"] for one in answer["data"]] == [0, 1, 2]
    assert answer["usage"] == {"prompt_tokens": 12, "total_tokens": 12}
    assert vectors(embed(sim, "the red ship")[1]) == [red]


def test_encodings_or_dimensions_say_something_else() -> None:  # TRAPS 37
    sim = simulation("e", embeds=256)
    [whole] = vectors(embed(sim, "a red ship")[1])
    [text] = vectors(embed(sim, "a red ship", encoding_format="base64")[1])
    raw = base64.b64decode(text)  # type: ignore[arg-type]
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(whole)
    [short] = vectors(embed(sim, "a red ship", dimensions=64)[1])
    length = near(whole[:64], whole[:64]) ** 0.5
    assert short == pytest.approx([number / length for number in whole[:64]] if length else [1.0, *[0.0] * 63])
    assert len(vectors(embed(sim, [[1, 2], [3]])[1])) == 2
    assert len(vectors(embed(sim, [1, 2, 3])[1])) == 1


@pytest.mark.parametrize(
    "fields",
    [{"input": ""}, {"input": []}, {"input": ["a", ""]}, {"input": [["a"]]}, {"input": 5}, {"dimensions": 257},
     {"dimensions": 0}, {"encoding_format": "hex"}],
)  # fmt: skip
def test_a_wrong_request_for_embeddings_is_answered(fields: dict[str, Any]) -> None:
    status, answer = embed(simulation("e", embeds=256), fields.pop("input", "x"), **fields)
    assert status == 400
    assert answer["error"]["message"]


def test_models_do_each_other_s_work() -> None:
    sim = simulation("e", embeds=8)
    assert post(sim, ask().replace(b'"m"', b'"e"'))[0] == 400
    assert embed(simulation("e"), "x")[0] == 400
    sim.script.push(Fault("status", status=503))
    assert [embed(sim, "x")[0], embed(sim, "x")[0]] == [503, 200]
