"""JSON objects of Gemini in whatever spelling they come: their fields by camelCase names, their values undecoded.

Only names that Google gave are put in camelCase; what users named (arguments, properties of schemas) stays as it is,
since an object is opened here one level at a time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Raw

from fairlead.errors import BadRequest

T = TypeVar("T")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)
_WORDS = {"str": "a string", "int": "an integer", "float": "a number", "bool": "true or false"}


@lru_cache(1024)
def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else name


def fields(raw: bytes | Raw, where: str) -> dict[str, Raw]:
    """The fields that say something: null is as good as absent."""
    try:
        found = _OBJECT.decode(raw)
    except msgspec.DecodeError:
        raise wrong(where, "an object") from None
    return {camel(name) if "_" in name else name: value for name, value in found.items() if bytes(value) != b"null"}


def items(raw: bytes | Raw, where: str) -> list[Raw]:
    """The items of a list; one that stands alone counts as a list of one."""
    if bytes(raw)[:1] == b"{":
        return [raw] if isinstance(raw, Raw) else [Raw(raw)]
    try:
        return _LIST.decode(raw)
    except msgspec.DecodeError:
        raise wrong(where, "a list") from None


def text(found: dict[str, Raw], name: str, where: str) -> str:
    """A string; empty where the field is absent."""
    raw = found.get(name)
    if raw is None:
        return ""
    try:
        return _TEXT.decode(raw)
    except msgspec.DecodeError:
        raise wrong(f"{where}.{name}", "a string") from None


def value(found: dict[str, Raw], name: str, decoder: msgspec.json.Decoder[T], where: str) -> T | None:
    raw = found.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as problem:
        expected = str(problem).partition("`")[2].partition("`")[0]
        raise wrong(f"{where}.{name}", _WORDS.get(expected, "something else")) from None


def wrong(where: str, expected: str) -> BadRequest:
    return BadRequest(f"{where} has to be {expected}.", param=where, code="wrong_type")
