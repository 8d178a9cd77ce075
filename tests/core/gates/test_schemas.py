"""Schemas that somebody else wrote."""

from __future__ import annotations

import json

import pytest

from fairlead.core.gates.format import unfit
from fairlead.core.gates.schemas import DEEPEST, Schema, Uncheckable, compiled, depth


def schema(**said: object) -> Schema:
    return Schema(json.dumps(said).encode())


def test_a_value_that_does_not_fit_passes_or_is_repeated_in_the_complaint() -> None:  # M4.3
    age = schema(type="object", properties={"age": {"type": "integer"}}, required=["age"])
    assert age.complaint({"age": 3}) == ""
    told = age.complaint({"age": "top-secret-value"})
    assert ".age" in told
    assert "top-secret-value" not in told


def test_a_schema_makes_the_gate_ask_for_another_one() -> None:
    for address in ("http://127.0.0.1:1/schema", "file:///etc/hostname"):
        assert isinstance(compiled(json.dumps({"$ref": address}).encode()), str)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"3", b'{"type": "objec"}', b'{"pattern": "(?<=a)b"}', b'{"$dynamicRef": "#a"}']
)
def test_a_schema_that_is_none_breaks_the_gate(text: bytes) -> None:
    assert isinstance(compiled(text), str)
    assert unfit(text, {"a": 1}) == ""


def test_a_pattern_takes_time_that_grows_with_the_square_of_the_text() -> None:
    assert schema(pattern="^(a+)+$").complaint("a" * 100_000 + "b") != ""


def test_alternatives_that_multiply_are_followed_to_the_end() -> None:
    levels = {f"n{at}": {"anyOf": [{"$ref": f"#/$defs/n{at + 1}"}] * 2} for at in range(60)}
    bomb = schema(**{"$ref": "#/$defs/n0", "$defs": {**levels, "n60": {"type": "string"}}})
    with pytest.raises(Uncheckable, match="multiply"):
        bomb.complaint(1)


def test_alternatives_that_multiply_with_each_level_of_the_value_are_followed_to_the_end() -> None:
    again = {"anyOf": [{"properties": {"c": {"$ref": "#"}}, "required": ["x"]}] * 2}
    value: object = 1
    for _ in range(60):
        value = {"c": value}
    with pytest.raises(Uncheckable, match="multiply"):
        schema(**again).complaint(value)


def test_a_schema_that_refers_to_itself_cannot_be_checked() -> None:
    tree = schema(type="object", properties={"left": {"$ref": "#"}, "right": {"$ref": "#"}}, additionalProperties=False)
    assert tree.complaint({"left": {"left": {}, "right": {}}, "right": {}}) == ""
    assert tree.complaint({"left": {"left": 3}}) != ""


def test_a_value_or_a_schema_without_end_of_nesting_ends_the_process() -> None:
    value: object = 1
    for _ in range(200_000):
        value = {"c": value}
    assert depth(value) > DEEPEST
    assert "deeper" in schema(properties={"c": {"$ref": "#"}}).complaint(value)
    assert isinstance(compiled(b'{"properties":{"a":' * 5_000 + b"{}" + b"}}" * 5_000), str)


def test_patterns_take_as_much_room_each_as_one_alone_may() -> None:  # M4.3
    many = {f"p{at}": {"pattern": rf"\p{{L}}{{20}}{at}"} for at in range(500)}
    assert isinstance(compiled(json.dumps({"properties": many}).encode()), str)
    usual = {f"p{at}": {"pattern": "^[a-z]{2,8}-[0-9]+$"} for at in range(20)}
    assert not Schema(json.dumps({"properties": usual}).encode()).complaint({"p3": "ab-7"})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"enum": [{"a": at} for at in range(5_000)]}}, [{"a": -at} for at in range(5_000)]),
        ({"items": {"oneOf": [{"const": {"a": at}} for at in range(5_000)]}}, [{"a": at} for at in range(5_000)]),
        ({"allOf": [{"pattern": f"^(a|b)*{at}$"} for at in range(400)]}, "ab" * 50_000),
        ({"patternProperties": {f"^(a|b)*{at}$": {} for at in range(300)}}, {f"ab{at}": 1 for at in range(30_000)}),
    ],
)
def test_a_long_schema_is_held_against_each_part_of_a_long_value(schema: object, value: object) -> None:  # M4.3
    with pytest.raises(Uncheckable, match="too large"):
        Schema(json.dumps(schema).encode()).complaint(value)
