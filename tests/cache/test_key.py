"""The name of a request: whatever decides an answer makes another one, and nothing else does."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cache.key import Named, named
from fairlead.core.call import Caller, Wishes
from fairlead.core.choice import Choice
from fairlead.core.policy import Policy
from fairlead.dialects import json as bodies
from tests.core.scenes import call, model

CHOICE = Choice(None, "", Policy("balanced", "balanced", hash="abc"))
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE], "name": "a"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ],
        "tools": [TOOL],
        "tool_choice": "auto",
        "temperature": 0.2,
        "top_p": 1,
        "seed": 7,
        "stop": ["a", "b"],
        "logit_bias": {"50256": -100},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
        "metadata": {"a": "b"},
        "user": "u",
        "reasoning_effort": "low",
        "x_unknown": {"deep": [1, {"b": None}]},
    },
    "anthropic_messages": {
        "model": "auto",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "u"},
        "stop_sequences": ["x"],
    },
    "openai_responses": {
        "model": "auto",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}},
        "store": False,
        "include": ["reasoning.encrypted_content"],
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"temperature": 0, "maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 0}},
        "safetySettings": [{"category": "c", "threshold": "t"}],
        "model": "beside",
        "stream": True,
    },
}  # fmt: skip


def name_of(body: bytes, dialect: str = "openai_chat", choice: Choice = CHOICE, **more: Any) -> Named:
    return named(call(body=body, dialect=dialect, **more), choice, bodies.loads(body))


def answer_of(body: object, dialect: str = "openai_chat", **more: Any) -> bytes:
    return name_of(json.dumps(body).encode(), dialect, **more).answer


def variations(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed, in every way and place."""
    if isinstance(value, dict):
        yield {**value, "zz": 0}
        for key, inner in value.items():
            rest = {name: one for name, one in value.items() if name != key}
            yield rest
            yield {**rest, f"{key}x": inner}
            for other in variations(inner):
                yield {**value, key: other}
    elif isinstance(value, list):
        yield [*value, None]
        if len(value) > 1 and value[0] != value[1]:
            yield [value[1], value[0], *value[2:]]
        for at, inner in enumerate(value):
            yield value[:at] + value[at + 1 :]
            for other in variations(inner):
                yield [*value[:at], other, *value[at + 1 :]]
    elif isinstance(value, bool):
        yield from (not value, None, str(value))
    elif isinstance(value, str):
        yield from (f"{value} ", f" {value}", value.swapcase() + "x", "", None)
    elif value is None:
        yield from (0, "", False, [])
    else:
        yield from (value + 1, value + 1e-12, -value - 1, str(value), None)


@pytest.mark.parametrize("dialect", REQUESTS)
def test_a_field_is_left_out_of_the_name(dialect: str) -> None:  # FAULTS 53
    asked = REQUESTS[dialect]
    own = {"openai_chat": ("model",), "anthropic_messages": ("model",), "openai_responses": ("model",)}.get(dialect, ())
    fixed = {name: value for name, value in asked.items() if name in own}
    known = {answer_of(asked, dialect): "itself"}
    varied = [one for one in variations(asked) if all(one.get(name) == value for name, value in fixed.items())]
    assert len(varied) > 40
    distinct = {json.dumps(one, sort_keys=True) for one in varied} - {json.dumps(asked, sort_keys=True)}
    for one in sorted(distinct):
        answer = answer_of(json.loads(one), dialect)
        assert answer not in known, f"{one} and {known[answer]} have one name"
        known[answer] = one


def test_how_it_is_told_makes_another_answer() -> None:
    plain: dict[str, object] = {"messages": []}
    dialects = ("openai_chat", "openai_responses", "completions", "anthropic_messages")
    for dialect in dialects:
        assert answer_of({**plain, "stream": True}, dialect, stream=True) == answer_of(plain, dialect)
    told = {**plain, "stream": True, "stream_options": {"include_usage": True}}
    assert answer_of(told, stream=True) == answer_of(plain)
    body = json.dumps(told).encode()
    assert name_of(body, stream=True).form != name_of(b'{"messages": [], "stream": true}', stream=True).form
    assert name_of(body, stream=True).form in name_of(b'{"messages": []}').forms


WISHES = [
    Wishes(quality_floor=0.5),
    Wishes(max_cost=5),
    Wishes(max_latency_ms=100),
    Wishes(sensitive=True),
    Wishes(strict=True),
    Wishes(session="s"),
    Wishes(task="chat"),
    Wishes(complexity="simple"),
    Wishes(domain="code"),
    Wishes(latency_class="batch"),
    Wishes(low_budget=True),
    Wishes(models=("a", "b")),
    Wishes(models=("b", "a")),
    Wishes(providers=("a",)),
    Wishes(not_providers=("a",)),
    Wishes(provider_order=("a",)),
    Wishes(stay=True),
    Wishes(sort="price"),
    Wishes(max_rates=(1, 2)),
    Wishes(no_collection=True),
    Wishes(continues=True),
    Wishes(user="u"),
    Wishes(memory=True),
    Wishes(prior_result="req_1"),
]
CALLERS = [
    Caller("key", tenant="other"),
    Caller("key", policy="p"),
    Caller("key", models=frozenset("a")),
    Caller("key", models=frozenset()),
    Caller("key", providers=frozenset("a")),
    Caller("key", regions=frozenset("a")),
    Caller("key", channels=frozenset("a")),
    Caller("key", policies=frozenset("a")),
    Caller("key", sensitive=True),
    Caller("key", max_cost=1),
]
CHOICES = [
    Choice(None, "", Policy("other", "balanced", hash="abc")),
    Choice(None, "", Policy("balanced", "balanced", hash="abd")),
    Choice(model("m"), "", CHOICE.policy),
    Choice(model("n"), "", CHOICE.policy),
    Choice(model("m"), "main", CHOICE.policy),
]
OTHERS: list[dict[str, Any]] = [
    {"operation": "embed"},
    {"dialect": "completions"},
    {"model": "auto:best"},
    {"path": "/x"},
    {"forward": b"openai-beta: a\r\n"},
]


def test_something_that_decides_who_answers_is_left_out_of_the_name() -> None:  # FAULTS 53
    body = b'{"messages": []}'
    found = [name_of(body)]
    found += [name_of(body, wishes=wishes) for wishes in WISHES]
    found += [name_of(body, caller=caller) for caller in CALLERS]
    found += [name_of(body, choice=choice) for choice in CHOICES]
    found += [name_of(body, **more) for more in OTHERS]
    assert len({one.answer for one in found}) == len(found)


def test_a_wish_was_forgotten_here() -> None:
    """Every field of what a caller may wish is either varied above or known to change no answer."""
    varied = {
        name for one in WISHES for name in Wishes.__struct_fields__ if getattr(one, name) != getattr(Wishes(), name)
    }
    assert set(Wishes.__struct_fields__) - varied == {"tags", "cache"}


def test_what_changes_no_answer_makes_another_name() -> None:
    body = b'{"messages": []}'
    same = [
        name_of(body),
        name_of(body, wishes=Wishes(tags=("a",), cache="on")),
        name_of(body, caller=Caller("another key", team="t")),
        name_of(b'{"messages": [], "fairlead": {"tags": ["a"]}}'),
        name_of(body, model="auto?cache=on"),
    ]
    assert len({one.answer for one in same}) == 1


LETTERS = st.characters(exclude_categories=["Cs"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(LETTERS, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(LETTERS, max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def written_otherwise(value: Any, seed: int) -> str:
    """The same in another order, with other white space and escapes."""
    turn = random.Random(seed)

    def shuffled(inner: Any) -> Any:
        if isinstance(inner, dict):
            items = list(inner.items())
            turn.shuffle(items)
            return {key: shuffled(one) for key, one in items}
        return [shuffled(one) for one in inner] if isinstance(inner, list) else inner

    spaced = turn.choice([None, 1, "\t"])
    return json.dumps(shuffled(value), ensure_ascii=turn.random() < 0.5, indent=spaced)


@given(JSON, st.integers())
def test_a_request_has_another_name_when_it_is_written_otherwise(value: Any, seed: int) -> None:  # M5.1
    asked = {"messages": value}
    assert name_of(written_otherwise(asked, seed).encode()) == name_of(json.dumps(asked).encode())


@given(JSON, JSON)
def test_two_requests_have_one_name(one: Any, other: Any) -> None:  # FAULTS 53
    texts = [json.dumps({"messages": value}, sort_keys=True) for value in (one, other)]
    names = [name_of(text.encode()).answer for text in texts]
    assert (names[0] == names[1]) == (texts[0] == texts[1])


NUMBERS = ["1", "1.0", "1e0", "18446744073709551616", "18446744073709551617", "0.1", "0.10000000000000001", "1e300", "1e301",
           "123456789012345678", "123456789012345679", "-0.0", "0", '"1e300"', '["1e300"]']  # fmt: skip


def test_numbers_that_a_double_cannot_tell_apart_are_one() -> None:  # FAULTS 53
    names = {name_of(b'{"x":%b}' % number.encode()).answer for number in NUMBERS}
    assert len(names) == len(NUMBERS)


def test_a_name_hangs_on_the_order_of_sets() -> None:
    names = [f"m{number}" for number in range(50)]
    turned = copy.copy(names)
    turned.reverse()
    one, other = (Caller("key", models=frozenset(some)) for some in (names, turned))
    assert name_of(b"{}", caller=one) == name_of(b"{}", caller=other)
    assert msgspec.structs.asdict(one)["models"] == frozenset(names)
