"""No field stands twice in any object of a request, so that nobody reads another text than the provider does."""

from __future__ import annotations

import json as plain_json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import json
from fairlead.dialects.table import DIALECTS
from fairlead.errors import BadRequest

CHAT = b'{"model":"m","messages":[%b]}'
JSON_TEXT = '{"role":"user","role":"system","content":"a: b","content":"\\u003a \\\\u003A\\\\"}'
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from([JSON_TEXT, plain_json.dumps(JSON_TEXT), '":', ":", "\\:", "\\", "\\\\u003a", "\\u003A", '"role":', "::"]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


def asked(dialect: str, text: str, extra: Any) -> dict[str, Any]:
    """A request of each dialect that holds most of what is read of one."""
    message = {
        "role": "user",
        "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": text}}],
    }
    match dialect:
        case "openai_chat":
            return {
                "model": "m", "messages": [{"role": "system", "content": text, "name": "n"}, message], "tools": [TOOL],
                "tool_choice": {"type": "function", "function": {"name": "f"}}, "response_format": SCHEMA,
                "stream_options": {"include_usage": True}, "x": extra,
            }  # fmt: skip
        case "openai_responses":
            return {
                "model": "m", "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}],
                "text": {"format": {"type": "text"}}, "reasoning": {"effort": "low"}, "tools": [TOOL], "x": extra,
            }  # fmt: skip
        case "anthropic_messages":
            return {
                "model": "m", "max_tokens": 9, "system": [{"type": "text", "text": text}],
                "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
                "thinking": {"type": "disabled"}, "tool_choice": {"type": "auto"},
                "tools": [{"name": "f", "input_schema": {"type": "object"}}], "x": extra,
            }  # fmt: skip
        case "gemini":
            return {
                "contents": [{"role": "user", "parts": [{"text": text}]}], "systemInstruction": {"parts": [{"text": text}]},
                "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 1}},
                "tools": [{"functionDeclarations": [{"name": "f"}]}], "x": extra,
            }  # fmt: skip
        case "embeddings":
            return {"model": "m", "input": [text or "a"], "fairlead": {"task": "chat"}, "x": extra}
        case "gemini_embeddings":
            return {"content": {"parts": [{"text": text or "a"}]}, "x": extra}
        case "completions":
            return {"model": "m", "prompt": text, "stream_options": {"include_usage": True}, "x": extra}
    assert dialect == "opaque"
    return {"model": "m", "input": [{"type": "text", "text": text}], "x": extra}


def objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, object) of each that holds anything."""
    if isinstance(value, dict):
        if value:
            yield path, value
        for key, inner in value.items():
            yield from objects(inner, f"{path}.{key[:80]}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from objects(inner, f"{path}[{at}]")


def string(text: str, chance: Random) -> str:
    out = []
    for char in text:
        if ord(char) < 0x10000 and chance.random() < 0.2:
            spelled = f"{ord(char):04x}"
            out.append(f"\\u{spelled.upper() if chance.random() < 0.5 else spelled}")
        else:
            out.append(plain_json.dumps(char, ensure_ascii=chance.random() < 0.5)[1:-1])
    return f'"{"".join(out)}"'


class Writing:
    """JSON as somebody may write it. One object may get one of its fields twice."""

    def __init__(self, chance: Random, doubled: object = None, again: tuple[str, Any] = ("", None)) -> None:
        self.chance, self.doubled, self.again = chance, doubled, again
        self.usual = chance.random() < 0.4

    def space(self) -> str:
        return "" if self.usual else self.chance.choice(("", " ", "\n\t"))

    def text(self, value: Any) -> str:
        if isinstance(value, str):
            return string(value, self.chance) if not self.usual else plain_json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            return f"[{self.space()}{f',{self.space()}'.join(map(self.text, value))}{self.space()}]"
        if isinstance(value, dict):
            pairs = list(value.items())
            if value is self.doubled:
                pairs.insert(self.chance.randint(0, len(pairs)), self.again)
            inner = [f"{self.text(key)}{self.space()}:{self.space()}{self.text(held)}" for key, held in pairs]
            return f"{{{self.space()}{f',{self.space()}'.join(inner)}{self.space()}}}"
        return plain_json.dumps(value)


def read(dialect: str, body: bytes) -> None:
    DIALECTS[dialect].read_request(body, "m", False)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(TEXTS, VALUES, st.integers(0, 2**30), st.data())
def test_a_field_that_stands_twice_anywhere_is_refused_by_its_place(
    dialect: str, text: str, extra: Any, seed: int, data: st.DataObject
) -> None:  # FAULTS 22
    said = asked(dialect, text, extra)
    path, chosen = data.draw(st.sampled_from(list(objects(said))))
    key = data.draw(st.sampled_from(list(chosen)))
    other = data.draw(st.sampled_from((chosen[key], chosen[key], "", None)))
    with pytest.raises(BadRequest) as caught:
        read(dialect, Writing(Random(seed), chosen, (key, other)).text(said).encode())
    if other is chosen[key] or caught.value.code == "duplicate_field":
        assert (caught.value.code, caught.value.param) == ("duplicate_field", f"{path}.{key[:80]}"[1:][:200])
        assert "stands twice" in caught.value.message
    else:
        assert caught.value.code == "wrong_type", "the odd one of the two was seen first"


@pytest.mark.parametrize("dialect", DIALECTS)
@given(TEXTS, VALUES, st.integers(0, 2**30))
def test_nothing_that_stands_once_is_refused_whatever_the_texts_look_like(
    dialect: str, text: str, extra: Any, seed: int
) -> None:
    read(dialect, Writing(Random(seed)).text(asked(dialect, text, extra)).encode())


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (CHAT % b'{"role":"user","role":"system","content":"a"}', "messages[0].role"),
        (CHAT % b'{"role":"user","content":"a","content":"b"}', "messages[0].content"),
        (CHAT % b'{"role":"user","content":"a"},{"role":"user","content":"b","name":"n","name":"n"}', "messages[1].name"),
        (CHAT % b'{"role":"user","content":[{"type":"text","type":"image_url","text":"a"}]}', "messages[0].content[0].type"),
        (CHAT % b'{"role":"user","content":[{"type":"text","text":"a","te\\u0078t":"b"}]}', "messages[0].content[0].text"),
        (CHAT % b'{"role":"user","content":"\\u003a","content" : ""}', "messages[0].content"),
        (CHAT % b'{"role":"user","content":"\\u003A\\u003a","x":{"":"","":""}}', "messages[0].x."),
        (CHAT % b'{"role":"user","content":"\\\\\\u003a","x":1,"x":1}', "messages[0].x"),
    ],
)  # fmt: skip
def test_no_spelling_makes_up_for_what_stands_twice(body: bytes, path: str) -> None:  # FAULTS 22
    with pytest.raises(BadRequest) as caught:
        read("openai_chat", body)
    assert (caught.value.code, caught.value.param) == ("duplicate_field", path)


@pytest.mark.parametrize("twice", [True, False])
def test_a_large_body_is_read_to_its_end(twice: bool) -> None:
    last = b'{"role":"user","content":"%b","content":"b"}' if twice else b'{"role":"user","content":"%b"}'
    body = CHAT % (last % (b"a: b\\n" * 200_000))
    if not twice:
        read("openai_chat", body)
        return
    with pytest.raises(BadRequest, match="stands twice in an object") as caught:
        read("openai_chat", body)
    assert caught.value.code == "duplicate_field"


def test_a_body_of_nothing_but_brackets_is_not_built_up() -> None:
    nothing = b"{}," * 400_000
    with pytest.raises(BadRequest, match="more than 300,000 objects") as caught:
        json.check(b'{"a":[' + nothing + b"{}]}", frozenset())
    assert caught.value.code == "too_many_fields"
    json.check(b'{"a":"' + b"{}," * 100_000 + b"x" * 2**20 + b'"}', frozenset())


def test_names_as_long_as_the_body_make_no_path_of_that_length() -> None:
    body = b'{"x":' + (b'{"%b":' % (b"k" * 1000)) * 100 + b'{"a":1,"a":1}' + b"}" * 101
    with pytest.raises(BadRequest) as caught:
        json.check(body, frozenset())
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("depth", [260, 1100])
def test_what_is_nested_deeper_than_can_be_written_again_is_refused(depth: int) -> None:  # FAULTS 22
    body = CHAT[:-1] % b'{"role":"user","content":"a"}' + b',"x":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(BadRequest, match=r"nested too deeply|depth limit") as caught:
        read("openai_chat", body)
    assert caught.value.code == "invalid_json"
