"""JSON schemas as Anthropic takes them: tools' always describe an object, and a form that is enforced knows fewer
keywords than JSON Schema does."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest

UNKNOWN = frozenset(
    (
        "contains", "exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minLength", "minProperties", "minimum", "multipleOf", "patternProperties", "propertyNames", "uniqueItems",
    )
)  # fmt: skip
"""Keywords refused in a schema that is enforced."""
FORMATS = frozenset(("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"))
NAMED = ("$defs", "definitions", "properties")
"""Keywords that hold schemas by name."""
NESTED = ("additionalProperties", "allOf", "anyOf", "items", "not", "oneOf", "prefixItems")
TOP = ("allOf", "anyOf", "oneOf")
_ANY = msgspec.json.Decoder(dict[str, object])


def _decoded(schema: bytes) -> dict[str, object]:
    try:
        return _ANY.decode(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("A JSON schema has to be an object.", code="wrong_type") from None


def of_tool(parameters: bytes, losses: Losses) -> Raw:
    """The schema of a tool's arguments. As it came, where it is what it has to be."""
    if not parameters or parameters == b"null":
        return Raw(b'{"type":"object","properties":{}}')
    schema = _decoded(parameters)
    if schema.get("type") == "object" and not any(keyword in schema for keyword in TOP):
        return Raw(parameters)
    for keyword in TOP:
        if keyword in schema:
            losses.add("schema_keywords", keyword)
            del schema[keyword]
    return Raw(msgspec.json.encode({**schema, "type": "object"}))


def enforced(schema: bytes, losses: Losses) -> Raw:
    """A schema that answers or arguments are held to."""
    if not schema:
        return Raw(b'{"type":"object","properties":{},"additionalProperties":false}')
    decoded = _decoded(schema)
    narrowed = _narrowed(decoded, losses)
    return Raw(schema) if narrowed == decoded else Raw(msgspec.json.encode(narrowed))


def _narrowed(schema: object, losses: Losses) -> object:
    if isinstance(schema, list):
        return [_narrowed(one, losses) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, object] = {}
    for keyword, value in schema.items():
        few = keyword != "minItems" or value in (0, 1)
        if keyword in UNKNOWN or not few or (keyword == "format" and value not in FORMATS):
            losses.add("schema_keywords", keyword)
        elif keyword in NAMED and isinstance(value, dict):
            kept[keyword] = {name: _narrowed(one, losses) for name, one in value.items()}
        elif keyword in NESTED:
            kept["anyOf" if keyword == "oneOf" else keyword] = _narrowed(value, losses)
        else:
            kept[keyword] = value
    kind = schema.get("type")
    if (kind == "object" or "properties" in schema) and kept.get("additionalProperties") is not False:
        if "additionalProperties" in schema:
            losses.add("schema_keywords", "additionalProperties")
        kept["additionalProperties"] = False
    return kept
