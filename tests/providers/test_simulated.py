"""What a simulated model answers: OpenAI's shapes, limits, usage that agrees with the text, and repeatable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from fairlead.providers.simulated import (
    DEFAULT_MODELS,
    LINEUP,
    Behaviour,
    Fault,
    SimulatedModel,
    Simulation,
    prose,
    schema,
)
from tests.providers.simulations import PATH, ask, chunks, play, post, simulation, streamed_text


def test_an_answer_lacks_a_field_that_clients_require() -> None:
    status, answer = post(simulation(), ask())
    assert status == 200
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "m"
    assert answer["created"] == 1_700_000_000
    choice = answer["choices"][0]
    assert choice["logprobs"] is None
    assert choice["message"]["refusal"] is None
    assert choice["finish_reason"] == "stop"
    assert "simulated" in choice["message"]["content"]
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert answer["system_fingerprint"].startswith("fp_sim")


@pytest.mark.parametrize("fields", [{}, {"n": 3}, {"max_tokens": 5}, {"reasoning_effort": "low"}, {"stop": "the"}])
def test_usage_disagrees_with_the_text_sent(fields: dict[str, Any]) -> None:
    body = ask("A longer question, 这里也有中文, with 12345678 digits.", **fields)
    _, answer = post(simulation(), body)
    usage = answer["usage"]
    visible = sum(prose.count(choice["message"]["content"]) for choice in answer["choices"])
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert usage["completion_tokens"] == visible + reasoning
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    found = chunks(
        simulation(),
        ask(
            "A longer question, 这里也有中文, with 12345678 digits.",
            stream=True,
            stream_options={"include_usage": True},
            **fields,
        ),
    )
    assert found[-1]["usage"] == usage
    assert [streamed_text(found, c["index"]) for c in answer["choices"]] == [
        c["message"]["content"] for c in answer["choices"]
    ]


def test_the_same_request_is_answered_differently() -> None:
    first, second = simulation(quality={"default": 0.5}), simulation(quality={"default": 0.5})
    one, two = post(first, ask())[1], post(second, ask())[1]
    assert one == two
    again = post(first, ask())[1]
    assert again.pop("id") != one.pop("id")
    assert again == one
    assert post(first, ask("Tell me about ships."))[1]["choices"] != one["choices"]
    assert post(first, ask(seed=2))[1]["choices"] != post(first, ask(seed=3))[1]["choices"]


def test_include_usage_is_not_followed_to_the_letter() -> None:
    asked = chunks(simulation(), ask(stream=True, stream_options={"include_usage": True}))
    assert all("usage" in chunk and chunk["usage"] is None for chunk in asked[:-1])
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"]["completion_tokens"] > 0
    for fields in ({}, {"stream_options": {"include_usage": False}}):
        assert not any("usage" in chunk for chunk in chunks(simulation(), ask(stream=True, **fields)))


def test_a_stream_has_no_role_finish_or_verdict() -> None:
    found = chunks(simulation(), ask(stream=True, n=2))
    assert [chunk["choices"][0]["delta"].get("role") for chunk in found[:2]] == ["assistant", "assistant"]
    ends = [choice for chunk in found for choice in chunk["choices"] if choice["finish_reason"]]
    assert [(end["index"], end["finish_reason"], end["delta"]) for end in ends] == [(0, "stop", {}), (1, "stop", {})]
    assert [chunk["simulated"]["task"] for chunk in found if "simulated" in chunk] == ["default"]


def test_limits_are_not_kept() -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        _, answer = post(simulation(), ask(**{field: 7}))
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 7
    _, thought = post(simulation(), ask(max_completion_tokens=20, reasoning_effort="high"))
    assert thought["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20
    assert thought["choices"][0]["message"]["content"] == ""
    assert thought["choices"][0]["finish_reason"] == "length"


def test_a_stop_sequence_stays_in_the_text() -> None:
    full = post(simulation(), ask())[1]["choices"][0]["message"]["content"]
    _, answer = post(simulation(reply=full), ask(stop=["zzz", "answer"]))
    assert answer["choices"][0]["message"]["content"] == full[: full.index("answer")]
    assert answer["choices"][0]["finish_reason"] == "stop"


TOOL = {
    "type": "function",
    "function": {
        "name": "find_ship",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "year": {"type": "integer", "minimum": 1900}},
            "required": ["name", "year"],
        },
    },
}


def test_a_tool_is_called_at_the_wrong_time_or_with_wrong_arguments() -> None:
    def finish(body: bytes, **behaviour: Any) -> str:
        return str(post(simulation(**behaviour), body)[1]["choices"][0]["finish_reason"])

    assert finish(ask(tools=[TOOL])) == "stop"
    assert finish(ask("Please use find_ship.", tools=[TOOL])) == "tool_calls"
    assert finish(ask("Please use find_ship.", tools=[TOOL], tool_choice="none")) == "stop"
    assert finish(ask("Please use find_ship.", tools=[TOOL]), tool_call="never") == "stop"
    assert finish(ask(tools=[TOOL]), tool_call="always") == "tool_calls"
    named = {"type": "function", "function": {"name": "find_ship"}}
    _, answer = post(simulation(), ask(tools=[TOOL], tool_choice=named))
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    call = message["tool_calls"][0]["function"]
    arguments = json.loads(call["arguments"])
    assert set(arguments) == {"name", "year"}
    assert arguments["year"] >= 1900
    assert answer["usage"]["completion_tokens"] == prose.count(call["name"]) + prose.count(call["arguments"])
    found = chunks(simulation(), ask(tools=[TOOL], tool_choice=named, stream=True))
    deltas = [t for chunk in found for c in chunk["choices"] for t in c["delta"].get("tool_calls", [])]
    assert deltas[0]["function"]["name"] == "find_ship"
    assert deltas[0]["id"] == message["tool_calls"][0]["id"]
    assert "".join(delta["function"]["arguments"] for delta in deltas) == call["arguments"]
    assert len(deltas) > 3


def test_a_tool_result_leads_to_another_call() -> None:
    body = {
        "model": "m",
        "tools": [TOOL],
        "messages": [
            {"role": "user", "content": "Use the tool."},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find_ship", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "none"},
        ],
    }
    _, answer = post(simulation(), json.dumps(body).encode())
    assert answer["choices"][0]["finish_reason"] == "stop"


class Harbour(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=12, max_length=14)
    depth: float = Field(gt=2, lt=3)
    berths: int = Field(ge=10, multiple_of=7)
    code: str = Field(pattern=r"^[A-Z]{3}$")
    next: Harbour | None
    tides: list[int] = Field(min_length=2)
    kind: str | None


def test_a_json_answer_does_not_fit_its_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "harbour", "schema": Harbour.model_json_schema()}}
    _, answer = post(simulation(), ask(response_format=wanted))
    Harbour.model_validate_json(answer["choices"][0]["message"]["content"])
    _, loose = post(simulation(), ask(response_format={"type": "json_object"}))
    assert json.loads(loose["choices"][0]["message"]["content"])["simulated"] is True


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "nonsense"},
        {"type": "string", "pattern": "^q{40}$"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"$ref": "#/$defs/gone"},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}},
        },
        {"enum": [], "type": "array", "items": False, "minItems": 1},
    ],
)
def test_an_impossible_schema_crashes_or_is_answered(wanted: dict[str, Any]) -> None:
    with pytest.raises(schema.Unsatisfiable):
        schema.instance(wanted)
    status, answer = post(
        simulation(), ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": wanted}})
    )
    assert status == 400
    assert answer["error"]["param"] == "response_format.json_schema.schema"


def test_logprobs_are_missing_or_out_of_step() -> None:
    _, answer = post(simulation(), ask(logprobs=True, top_logprobs=2))
    content = answer["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == answer["choices"][0]["message"]["content"]
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in content)
    found = chunks(simulation(), ask(logprobs=True, top_logprobs=2, stream=True))
    sent = [e for chunk in found for c in chunk["choices"] if c["logprobs"] for e in c["logprobs"]["content"]]
    assert sent == content


def test_the_language_of_the_prompt_is_ignored() -> None:
    english = post(simulation(), ask("How are tides made?"))[1]["choices"][0]["message"]["content"]
    chinese = post(simulation(), ask("潮汐是怎么形成的?"))[1]["choices"][0]["message"]["content"]
    assert prose.language(english) == "en"
    assert prose.language(chinese) == "zh"
    assert "模拟" in chinese


def test_quality_by_task_is_not_what_answers_show() -> None:
    sim = simulation(quality={"easy": 0.9, "hard": 0.2, "default": 1.0})

    def share(task: str) -> float:
        verdicts = [post(sim, ask(f"[task:{task}] question {number}"))[1]["simulated"] for number in range(400)]
        assert {verdict["task"] for verdict in verdicts} == {task}
        return [verdict["correct"] for verdict in verdicts].count(True) / 400

    assert 0.84 < share("easy") < 0.96
    assert 0.12 < share("hard") < 0.28
    header = post(sim, ask("[task:hard]"), {b"x-sim-task": b"other"})[1]["simulated"]
    assert header == {"task": "other", "correct": True}


def test_images_cost_nothing_or_unknown_fields_are_refused() -> None:
    picture = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    _, plain = post(simulation(), ask("What is it?"))
    status, seen = post(
        simulation(),
        json.dumps({"model": "m", "messages": [{"role": "user", "content": picture}], "x_new": {"a": 1}}).encode(),
    )
    assert status == 200
    assert seen["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"] + 100


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"\xff", 400, None),
        (b'{"model":"\\ud800"}', 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"model":"m"}', 400, "messages"),
        (b'{"model":"m","messages":[]}', 400, "messages"),
        (b'{"model":"m","messages":[{"content":"x"}]}', 400, "messages[0].role"),
        (ask(n="2"), 400, "n"),
        (ask(stream=1), 400, "stream"),
        (ask(stream_options={"include_usage": True}), 400, "stream_options"),
        (ask(max_tokens=0), 400, "max_tokens"),
        (ask(temperature=3), 400, "temperature"),
        (ask(tool_choice="auto"), 400, "tool_choice"),
        (ask(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "no"}}), 400, "tool_choice"),
        (ask(top_logprobs=2), 400, "top_logprobs"),
        (ask(reasoning_effort="hard"), 400, "reasoning_effort"),
        (ask(model="gone"), 404, "model"),
    ],
)
def test_a_bad_request_is_not_refused_in_openai_shape(body: bytes, status: int, param: str | None) -> None:
    sim = simulation()
    got, answer = post(sim, body)
    assert (got, answer["error"]["param"]) == (status, param)
    assert answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"
    assert sim.log.entries[-1].ending == "error"
    assert sim.log.entries[-1].status == status


def test_models_or_unknown_paths_are_answered_wrongly() -> None:
    sim = simulation()
    listed = json.loads(play(sim.turn("GET", "/v1/models", {}, b"")))
    assert [row["id"] for row in listed["data"]] == ["m"]
    assert json.loads(play(sim.turn("GET", "/v1/models/m", {}, b"")))["id"] == "m"
    for method, path, status in (("GET", "/v1/models/x", 404), ("GET", "/v1/nope", 404), ("GET", PATH, 405)):
        assert sim.turn(method, path, {}, b"").performance.status == status


def test_other_names_are_refused_although_any_model_is_welcome() -> None:
    sim = Simulation([], any_model=Behaviour())
    assert post(sim, ask(model="whatever"))[1]["model"] == "whatever"


def test_too_long_a_prompt_is_accepted() -> None:
    sim = Simulation([SimulatedModel("m", context=50)])
    status, answer = post(sim, ask("word " * 60))
    assert status == 400
    assert answer["error"]["code"] == "context_length_exceeded"


def test_chance_errors_never_come_or_never_pass() -> None:
    sim = simulation(error_rate=0.5, error_status=529, retry_after="3")
    turns = [sim.turn("POST", PATH, {}, ask()) for _ in range(60)]
    failed = [turn for turn in turns if turn.performance.status == 529]
    assert 15 < len(failed) < 45
    assert (b"retry-after", b"3") in failed[0].headers
    sim.reset()
    again = [sim.turn("POST", PATH, {}, ask()).performance.status for _ in range(60)]
    assert again == [turn.performance.status for turn in turns]


def test_a_request_takes_the_wrong_fault_from_the_script() -> None:
    sim = Simulation([SimulatedModel("m"), SimulatedModel("k")])
    sim.script.push(Fault("empty"))
    sim.script.push(Fault("status", status=500, times=2), Fault("ok"), model="m")
    kinds = []
    for model in ("m", "k", "m", "m", "m"):
        post(sim, ask(model=model))
        kinds.append((model, sim.log.entries[-1].fault))
    assert kinds == [("m", "status"), ("k", "empty"), ("m", "status"), ("m", "ok"), ("m", "ok")]
    sim.script.push(Fault("status", status=500, times=0))
    assert [post(sim, ask())[0] for _ in range(5)] == [500] * 5
    sim.script.clear()
    assert post(sim, ask())[0] == 200


@pytest.mark.parametrize("mode", ["absent", "zero", "wrong", "twice", "inline"])
def test_a_usage_fault_is_not_played(mode: str) -> None:
    sim = simulation()
    sim.script.push(Fault("usage", usage=mode))  # type: ignore[arg-type]
    found = chunks(sim, ask(stream=True, stream_options={"include_usage": True}))
    reports = [chunk for chunk in found if chunk.get("usage")]
    assert len(reports) == {"absent": 0, "twice": 2}.get(mode, 1)
    assert sim.log.entries[-1].usage_reported is (mode != "absent")
    if mode == "zero":
        assert reports[0]["usage"]["total_tokens"] == 0
    if mode == "wrong":
        assert reports[0]["usage"]["total_tokens"] != sim.log.entries[-1].prompt_tokens + sim.log.entries[-1].tokens
    if mode == "inline":
        assert reports[0]["choices"]


def test_the_log_keeps_a_credential_or_an_unwanted_prompt() -> None:
    sim = Simulation([SimulatedModel("m")])
    play(sim.turn("POST", PATH, {b"authorization": b"Bearer canary", b"x-request-id": b"r1"}, ask("canary prompt")))
    entry = sim.log.entries[-1]
    assert "canary" not in repr(entry)
    assert entry.request_id == "r1"


def test_tokens_lose_a_character() -> None:
    for text in ("", "  two  spaces ", "naïve café_ok — 漢字かな한글 12345678901\n\n🙂!", "\t"):
        assert "".join(prose.tokens(text)) == text


def test_the_lineup_and_its_models_disagree() -> None:
    assert [model.name for model in DEFAULT_MODELS] == [model.name for model in LINEUP]
    cost = [float(model.output) for model in LINEUP]
    assert len(set(cost)) == len(cost)
    answering = [model.behaviour for model in LINEUP if not model.behaviour.embeds]
    assert all(set(behaviour.quality) == set(LINEUP[0].behaviour.quality) for behaviour in answering)


# ---- thinking, refusals, several calls


@pytest.mark.parametrize(
    "pattern",
    [
        "(.|.|.|.)*!", "((a|b)+)+$", "(.|.)" * 36 + "!", ".*" * 12 + "!", "(x?){60}", "a?" * 40 + "a" * 40, "(a{1,9}){9}",
        "x" * 5000, "(" * 3000, "[" * 500, "\\", "(?:.{0,99}){9}|(.|.)(.|.)(.|.)(.|.)(.|.)!",
    ],
)  # fmt: skip
def test_a_pattern_of_whoever_asks_is_searched_for_years(pattern: str) -> None:  # FAULTS 60
    with pytest.raises(schema.Unsatisfiable):
        schema.instance({"type": "string", "pattern": pattern})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[A-Z]{3}$", "ABC"), (r"^\d{4}-\d{2}-\d{2}$", "2026-01-15"), (r"^[^@\s]+@[^@\s]+\.[a-z]+$", "someone@example.com"),
        (r"^(en|de)(-[A-Z]{2})?$", "en"), ("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "00000000-0000-4000-8000-000000000000"), (r"[*+?|()]{0}^a$", "a"),
    ],
)  # fmt: skip
def test_a_usual_pattern_is_beyond_what_is_simulated(pattern: str, text: str) -> None:
    assert schema.instance({"type": "string", "pattern": pattern}) == text
