"""Ask: what is asked of every candidate: the request's needs, the caller's wishes and the policy, added up."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fairlead.core.call import Call
from fairlead.core.model import Conditions, Model
from fairlead.core.policy import Policy
from fairlead.core.table import Rule
from fairlead.core.traits import Traits


class Ask(msgspec.Struct, frozen=True):
    call: Call
    policy: Policy
    conditions: Conditions
    traits: Traits
    rule: Rule | None
    """The one of the policy's table that holds."""
    capabilities: int
    input_tokens: int
    output_tokens: int
    """What the answer is expected to take."""
    output_room: int
    """What the answer may take at most, as far as the caller said; 0 otherwise."""
    min_quality: float
    max_cost: int | None
    max_latency_ms: int | None
    soft_floor: float | None = None
    """What `min_quality` goes back to when nobody fulfils the one that the complexity of the request asks for."""
    seed: int = 0
    """The plan's: what is drawn at random is drawn by it."""
    models: Mapping[str, Model] = {}
    """All there are: what is known of one may be known by another."""
