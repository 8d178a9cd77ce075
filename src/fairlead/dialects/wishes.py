"""The body's own `fairlead` object, the same in every dialect: the caller's wishes, where a client cannot set headers."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field


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
    complexity: str | None = None
    domain: str | None = None
    latency_class: str | None = None
    budget: str | None = None
    """`low`: a rule's fallback goes first; without a rule the cheapest that will do."""
    sort: str | None = None
    continue_: bool | None = field(name="continue", default=None)
    """Another goes on with a streamed text that breaks off."""
    user: str | None = None
    """Whom the caller asks for."""
    memory: bool | None = None
    """Whether what is remembered is put in, and what is said remembered."""
    prior_result: str | None = None
    """Id of the request whose answer is gone on with."""
    cache: str | None = None
    """What the answer cache may do."""


class Preferences(Struct):
    """Which providers may serve, as OpenRouter's callers write it (`provider`)."""

    order: list[str] | None = None
    only: list[str] | None = None
    ignore: list[str] | None = None
    allow_fallbacks: bool | None = None
    sort: str | None = None
    max_price: dict[str, float] | None = None
    """USD per million tokens, `prompt` and `completion`."""
    data_collection: str | None = None


FIELDS = frozenset(one.encode_name for one in msgspec.structs.fields(Options))
