"""Requests' bodies decoded and checked, the same way for every dialect: each complaint names the field and what it
should be."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from fairlead.dialects import json, wishes
from fairlead.errors import BadRequest

T = TypeVar("T")


def decode(body: bytes, decoder: msgspec.json.Decoder[T], fields: frozenset[str]) -> T:
    """The body as the decoder's type. `fields` are the top-level names the dialect knows."""
    return decode_familiar(body, decoder, fields)[0]


def decode_familiar(body: bytes, decoder: msgspec.json.Decoder[T], fields: frozenset[str]) -> tuple[T, bool]:
    """The same, and whether the dialect knows all that stands on top."""
    if not body:
        raise BadRequest("The body is empty; send a JSON object.", code="empty_body")
    try:
        request = decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise _complaint(problem) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise _unreadable(body, problem) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from None
    try:
        said, familiar = json.check(body, fields)
    except ValueError as problem:
        raise _unreadable(body, problem) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from None
    own = said.get("fairlead")
    if own:
        json.check_names(own, wishes.FIELDS)
    return request, familiar


def _unreadable(body: bytes, problem: Exception) -> BadRequest:
    """What is wrong and where, in the words of the one of two decoders that knows more. What the typed one skips it does not
    look at, such as numbers that no receiver can hold; half of a pair of escapes it takes for the end of the body."""
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        return BadRequest(f"The body is not valid UTF-8 at byte {broken.start}.", code="invalid_utf8")
    try:
        json.loads(body)
    except ValueError as found:
        problem = found
    return BadRequest(f"The body is not valid JSON: {problem}.", code="invalid_json")


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
