"""A smaller output limit is really in what leaves, and nothing else is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.providers.capping import LEAST_THINKING, LIMITS, capped
from fairlead.providers.wire import Endpoint, Outbound, head

PLACES: dict[str, tuple[str, ...]] = {
    "openai_chat": ("max_tokens",),
    "openai_responses": ("max_output_tokens",),
    "anthropic_messages": ("max_tokens",),
    "gemini": ("generationConfig", "maxOutputTokens"),
    "completions": ("max_tokens",),
}


def asked(dialect: str, limit: int | None, **more: Any) -> bytes:
    body: dict[str, Any] = {"before": [1, {"max_tokens": 3}], **more}
    if limit is not None:
        *outer, name = PLACES[dialect]
        inner = body
        for one in outer:
            inner = inner.setdefault(one, {"temperature": 0.5})
        inner[name] = limit
    return json.dumps({**body, "after": "max_tokens"}, indent=1).encode()


def left(body: bytes, dialect: str, limit: int, field: str = "") -> dict[str, Any]:
    endpoint = Endpoint("one", "openai", dialect, max_tokens_field=field)
    sent = capped(Outbound(head("POST", "/x", b""), body), dialect, limit, endpoint)
    found: dict[str, Any] = json.loads(sent.body)
    return found


def limit_of(found: Any, dialect: str) -> int:
    for name in PLACES[dialect]:
        found = found[name]
    assert isinstance(found, int)
    return found


def test_a_dialect_that_has_a_limit_is_left_out() -> None:
    assert PLACES.keys() == LIMITS.keys()


@given(st.sampled_from(list(PLACES)), st.none() | st.integers(1, 200_000), st.integers(1, 200_000))
def test_more_is_asked_for_than_is_held_or_anything_else_is_changed(
    dialect: str, wanted: int | None, limit: int
) -> None:  # M6.3
    found = left(asked(dialect, wanted), dialect, limit)
    assert limit_of(found, dialect) == (limit if wanted is None else min(wanted, limit))
    plain = json.loads(asked(dialect, limit_of(found, dialect)))
    if wanted is None and dialect == "gemini":
        plain["generationConfig"].pop("temperature")
    assert found == plain


def test_what_the_caller_wrote_is_written_anew() -> None:
    body = b'{ "model":"m",  "max_tokens" : 9000 ,"x":1.0e5}'
    endpoint = Endpoint("one", "openai", "openai_chat")
    sent = Outbound(head("POST", "/x", b""), body)
    assert capped(sent, "openai_chat", 100, endpoint).body == b'{ "model":"m",  "max_tokens" : 100 ,"x":1.0e5}'
    assert capped(sent, "openai_chat", 9000, endpoint) is sent


@pytest.mark.parametrize("form", [b"--boundary\r\nContent-Disposition", b""])
def test_a_form_is_taken_for_json(form: bytes) -> None:
    sent = Outbound(head("POST", "/x", b""), form)
    assert capped(sent, "openai_chat", 5, Endpoint("one", "openai", "openai_chat")) is sent
    assert capped(sent, "opaque", 5, Endpoint("one", "openai", "openai_chat")) is sent


def test_the_limit_goes_by_another_name_than_the_provider_knows() -> None:
    assert left(b'{"model":"m"}', "openai_chat", 5, "max_completion_tokens") == {
        "model": "m",
        "max_completion_tokens": 5,
    }
    both = left(b'{"max_tokens":9,"max_completion_tokens":3}', "openai_chat", 5)
    assert both == {"max_tokens": 5, "max_completion_tokens": 3}
    snake = left(b'{"generation_config":{"max_output_tokens":9,"top_k":1}}', "gemini", 5)
    assert snake == {"generation_config": {"max_output_tokens": 5, "top_k": 1}}


def test_reasoning_takes_the_whole_of_a_smaller_limit() -> None:  # M6.3
    thinking = {"type": "enabled", "budget_tokens": 32_000}
    body = asked("anthropic_messages", 64_000, thinking=thinking)
    assert left(body, "anthropic_messages", 10_000)["thinking"] == {"type": "enabled", "budget_tokens": 5_000}
    assert left(body, "anthropic_messages", 1_500)["thinking"] == {"type": "enabled", "budget_tokens": LEAST_THINKING}
    assert left(body, "anthropic_messages", LEAST_THINKING)["thinking"] == {"type": "disabled"}
    assert left(body, "anthropic_messages", 64_000)["thinking"] == thinking
    adaptive = asked("anthropic_messages", 64_000, thinking={"type": "adaptive"})
    assert left(adaptive, "anthropic_messages", 2_000)["thinking"] == {"type": "adaptive"}


def test_other_providers_reasoning_takes_the_whole() -> None:
    config = {"maxOutputTokens": 8_000, "thinkingConfig": {"thinkingBudget": 4_000, "includeThoughts": True}}
    found = left(json.dumps({"generationConfig": config}).encode(), "gemini", 2_000)["generationConfig"]
    assert found == {"maxOutputTokens": 2_000, "thinkingConfig": {"thinkingBudget": 1_000, "includeThoughts": True}}
    dynamic = {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}
    assert left(json.dumps(dynamic).encode(), "gemini", 50)["generationConfig"] == {
        "maxOutputTokens": 50,
        "thinkingConfig": {"thinkingBudget": -1},
    }
    unstated = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9_000}}}
    found = left(json.dumps(unstated).encode(), "gemini", 2_000)["generationConfig"]
    assert found["thinkingConfig"] == {"thinkingBudget": 1_000}
    routed = {"max_tokens": 8_000, "reasoning": {"max_tokens": 6_000}}
    assert left(json.dumps(routed).encode(), "openai_chat", 4_000) == {
        "max_tokens": 4_000,
        "reasoning": {"max_tokens": 3_000},
    }


@pytest.mark.parametrize("big", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("name", ["maxOutputTokens", "max_output_tokens"])
def test_the_other_of_two_spellings_is_left_as_it_was(big: str, name: str) -> None:  # M6.3
    small = {"generationConfig": "generation_config", "generation_config": "generationConfig"}[big]
    body = json.dumps({small: {"maxOutputTokens": 50}, big: {"topK": 3, name: 9_000}}).encode()
    assert left(body, "gemini", 100) == {small: {"maxOutputTokens": 50}, big: {"topK": 3, name: 100}}


@pytest.mark.parametrize("second", [9_000, "9001"])
def test_one_limit_of_two_is_left_as_it_was(second: object) -> None:  # M6.3
    body = json.dumps({"generationConfig": {"max_output_tokens": 50, "maxOutputTokens": second}}).encode()
    assert left(body, "gemini", 100) == {"generationConfig": {"max_output_tokens": 50, "maxOutputTokens": 100}}


@pytest.mark.parametrize(
    ("most", "limit", "thinking"),
    [
        (3_000, 9_000, {"type": "enabled", "budget_tokens": 1_500}),
        (9_000, 3_000, {"type": "enabled", "budget_tokens": 1_500}),
        (1_000, 9_000, {"type": "disabled"}),
        (90_000, 95_000, {"type": "enabled", "budget_tokens": 80_000}),
    ],
)
def test_thoughts_are_given_more_than_the_answer(most: int, limit: int, thinking: dict[str, object]) -> None:  # M6.3
    body = {"max_tokens": most, "thinking": {"type": "enabled", "budget_tokens": 80_000}}
    found = left(json.dumps(body).encode(), "anthropic_messages", limit)
    assert found == {"max_tokens": min(most, limit), "thinking": thinking}


def test_a_limit_of_nothing_is_none_for_its_provider() -> None:  # M6.3
    assert left(b'{"max_tokens":0}', "openai_chat", 500) == {"max_tokens": 500}
    assert left(b'{"max_tokens":0,"max_completion_tokens":9}', "openai_chat", 500) == {
        "max_tokens": 500, "max_completion_tokens": 9,
    }  # fmt: skip
