"""Requests' bodies decoded and checked, the same way for every dialect: each complaint names the field and what it
should be."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
import orjson
from msgspec import Raw, Struct, UnsetType

from fairlead.dialects import json, wishes
from fairlead.errors import BadRequest

LONG_NUMBER = re.compile(rb"[0-9]{5}")
STRIDE = 64
T = TypeVar("T")


class _Own(Struct):
    fairlead: Raw | UnsetType = msgspec.UNSET


_OWN = msgspec.json.Decoder(_Own)


def decode(body: bytes, decoder: msgspec.json.Decoder[T], fields: frozenset[str]) -> T:
    """The body as the decoder's type. `fields` are the top-level names the dialect knows."""
    if not body:
        raise BadRequest("The body is empty; send a JSON object.", code="empty_body")
    try:
        request = decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise _complaint(problem) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"The body is not valid JSON: {problem}.", code="invalid_json") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from None
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as problem:
            raise BadRequest(f"The body is not valid UTF-8 at byte {problem.start}.", code="invalid_utf8") from None
    json.check(body, fields)
    if b'"fairlead"' in body:
        own = _OWN.decode(body).fairlead
        if isinstance(own, Raw) and bytes(own) != b"null":
            json.check(bytes(own), wishes.FIELDS)
    # A number of hundreds of digits shows in every 64th byte; the decoder does not look at numbers it skips.
    if LONG_NUMBER.search(body[::STRIDE]):
        _check_numbers(body)
    return request


def _check_numbers(body: bytes) -> None:
    """Refuse numbers that no receiver can hold, wherever they stand."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise BadRequest(f"The body is not valid JSON: {problem}.", code="invalid_json") from None


_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _complaint(problem: msgspec.ValidationError) -> BadRequest:
    """msgspec's finding, in the caller's words: `Expected `int`, got `str` - at `$.max_tokens``, or
    `Expected `float` <= 1.0 - at `$.score``."""
    text, _, path = str(problem).partition(" - at `$")
    where = path.rstrip("`").removeprefix(".")
    if text.startswith("Object missing required field"):
        missing = text.split("`")[1]
        where = f"{where}.{missing}" if where else missing
        return BadRequest(f"{where} is missing.", param=where, code="missing_field")
    if text.startswith("Object contains unknown field"):
        unknown = text.split("`")[1]
        where = f"{where}.{unknown}" if where else unknown
        return BadRequest(f"{where} is not a field fairlead knows.", param=where, code="unknown_field")
    if text.startswith("Expected"):
        words = text.split("`")
        expected = " or ".join(_NAMES.get(word.strip(), word.strip()) for word in words[1].split("|"))
        if ", got" not in text:
            return BadRequest(f"{where} has to be {expected}{words[2]}.", param=where, code="out_of_range")
        got = _NAMES.get(words[3], words[3]) if len(words) > 3 else "something else"
        if not where:
            return BadRequest(f"The body has to be {expected}, not {got}.", code="wrong_type")
        return BadRequest(f"{where} has to be {expected}, not {got}.", param=where, code="wrong_type")
    return BadRequest(f"{where or 'The body'}: {text}.", param=where or None)
