"""The simulated models that are there when no provider key is: five tiers and one for embeddings (`lineup.yaml`)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel


class LineupModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    aliases: tuple[str, ...]
    flags: tuple[str, ...]
    input: str
    """USD per million tokens, like the next two."""
    output: str
    cached_input: str
    context: int
    max_output: int
    capabilities: tuple[str, ...]
    """Names of `core.model.CAPABILITIES`."""
    quality: float
    """What is believed of the model before anything was measured."""
    latency_ms: int
    """What a typical request takes."""
    behaviour: Behaviour


LINEUP = msgspec.yaml.decode(Path(__file__).with_name("lineup.yaml").read_bytes(), type=tuple[LineupModel, ...])
DEFAULT_MODELS: tuple[SimulatedModel, ...] = tuple(
    SimulatedModel(model.name, model.behaviour, seed=number, context=model.context)
    for number, model in enumerate(LINEUP, 1)
)
EMBEDDER = next(model.behaviour for model in LINEUP if model.behaviour.embeds)
"""How a model that makes embeddings behaves."""
