"""The body's own `fairlead` object, the same in every dialect: the caller's wishes, where a client cannot set headers."""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Options(Struct, forbid_unknown_fields=True):
    quality_floor: float | None = None
    max_cost: float | str | None = None
    max_latency: int | None = None
    sensitivity: str | None = None
    session: str | None = None
    task: str | None = None
    tags: list[str] | None = None
    policy: str | None = None
    strict: bool | None = None
    """Refuse what cannot be translated exactly, instead of dropping or approximating it."""


FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Options))
