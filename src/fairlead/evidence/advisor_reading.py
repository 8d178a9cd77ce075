"""The built-in classifier as the advisor's reader: a prompt, or messages as JSON, to task and complexity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fairlead.classify import linear, words
from fairlead.classify.request import read as shaped
from fairlead.errors import BadRequest
from fairlead.evidence.advisor_sums import UNKNOWN, Kind

_MESSAGES = msgspec.json.Decoder(list[dict[str, Any]])
MOST = 1 << 20
"""Bytes of messages; what is larger is not read, and counts as unknown."""


def read(said: str | bytes) -> Kind:
    request: str | list[Mapping[str, Any]]
    if isinstance(said, str):
        request = said
    elif len(said) > MOST:
        return UNKNOWN
    else:
        try:
            request = [*_MESSAGES.decode(said)]
        except (msgspec.MsgspecError, RecursionError):
            return UNKNOWN
    try:
        shape, texts = shaped(request)
    except (BadRequest, TypeError):
        return UNKNOWN
    if not any(text for _, text in texts):
        return UNKNOWN
    found = words.find(shape, texts)
    return found.task, found.complexity


def warm() -> None:
    linear.load()
