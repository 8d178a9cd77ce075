"""Schemas in the form Anthropic takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.dialects.anthropic_messages import schemas
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest


def enforced(schema: dict[str, Any]) -> tuple[Any, list[str]]:
    losses = Losses("anthropic_messages")
    return json.loads(bytes(schemas.enforced(json.dumps(schema).encode(), losses))), list(losses.found)


def test_a_schema_that_is_right_stays_byte_for_byte() -> None:
    losses = Losses("x")
    tool = b'{ "type":"object","properties":{"a":{"minLength":2}} }'
    assert bytes(schemas.of_tool(tool, losses)) == tool
    form = b'{ "type":"object","properties":{},"additionalProperties":false }'
    assert bytes(schemas.enforced(form, losses)) == form
    assert losses.found == {}


@pytest.mark.parametrize("parameters", [b"", b"null", b"{}", b'{"properties":{}}'])
def test_a_tool_always_takes_an_object(parameters: bytes) -> None:
    assert json.loads(bytes(schemas.of_tool(parameters, Losses("x"))))["type"] == "object"


def test_a_tool_takes_no_choice_on_top() -> None:
    losses = Losses("x")
    schema = b'{"anyOf":[{"type":"object"}],"properties":{"a":{"anyOf":[]}}}'
    found = json.loads(bytes(schemas.of_tool(schema, losses)))
    assert found == {"type": "object", "properties": {"a": {"anyOf": []}}}
    assert list(losses.found) == ["schema_keywords.anyOf"]


def test_keywords_are_told_from_properties_of_the_same_name() -> None:
    properties = {"minimum": {"type": "integer", "minimum": 1}, "format": {"type": "string", "format": "date"}}
    found, lost = enforced({"type": "object", "properties": properties, "additionalProperties": False})
    assert found["properties"] == {"minimum": {"type": "integer"}, "format": {"type": "string", "format": "date"}}
    assert lost == ["schema_keywords.minimum"]


def test_what_stands_deep_inside_is_narrowed_too() -> None:
    found, lost = enforced(
        {
            "$defs": {"p": {"type": "object", "properties": {"x": {"type": "number", "multipleOf": 2}}}},
            "type": "array",
            "minItems": 3,
            "items": {"oneOf": [{"$ref": "#/$defs/p"}, {"type": "string", "format": "colour", "enum": ["minimum"]}]},
        }
    )
    assert found == {
        "$defs": {"p": {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": False}},
        "type": "array",
        "items": {"anyOf": [{"$ref": "#/$defs/p"}, {"type": "string", "enum": ["minimum"]}]},
    }
    assert lost == ["schema_keywords.multipleOf", "schema_keywords.minItems", "schema_keywords.format"]


@pytest.mark.parametrize("schema", [b"[]", b"{", b'"x"'])
def test_what_is_no_schema_is_refused(schema: bytes) -> None:
    with pytest.raises(BadRequest, match="JSON schema"):
        schemas.of_tool(schema, Losses("x"))
