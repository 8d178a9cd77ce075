"""The simulated models that are there when no provider key is: five tiers and one for embeddings, priced like today's,
all invented.

Prices are USD per million tokens, as decimal strings like in a configuration file.
"""

from __future__ import annotations

import msgspec

from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel


class LineupModel(msgspec.Struct, frozen=True):
    name: str
    input: str
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
    aliases: tuple[str, ...]
    flags: tuple[str, ...]
    behaviour: Behaviour


_TASKS = (
    *("code_generation", "code_debug", "summarization", "long_document", "reasoning", "agentic", "desktop"),
    *("creative_writing", "data_analysis", "classification", "extraction", "translation", "simple_chat"),
    *("fast_response", "multimodal"),
)


def _qualities(default: float, *by_task: float) -> dict[str, float]:
    return {"default": default, **dict(zip(_TASKS, by_task, strict=True))}


_NANO = _qualities(0.62, 0.40, 0.34, 0.80, 0.50, 0.32, 0.35, 0.30, 0.62, 0.45, 0.91, 0.86, 0.80, 0.93, 0.94, 0.45)
_SMALL = _qualities(0.76, 0.64, 0.58, 0.89, 0.72, 0.56, 0.60, 0.52, 0.76, 0.68, 0.95, 0.93, 0.90, 0.96, 0.96, 0.70)
_MEDIUM = _qualities(0.88, 0.85, 0.82, 0.95, 0.89, 0.81, 0.84, 0.79, 0.88, 0.87, 0.97, 0.97, 0.95, 0.98, 0.97, 0.89)
_LARGE = _qualities(0.95, 0.94, 0.93, 0.97, 0.95, 0.94, 0.94, 0.91, 0.95, 0.95, 0.98, 0.98, 0.97, 0.99, 0.98, 0.95)
_CODER = _qualities(0.78, 0.92, 0.91, 0.84, 0.76, 0.78, 0.83, 0.66, 0.60, 0.84, 0.94, 0.94, 0.78, 0.92, 0.90, 0.40)

_NONE = _qualities(0.0, *[0.0] * len(_TASKS))
EMBEDDER = Behaviour(latency_ms=40, tokens_per_second=0, output_tokens=0, quality=_NONE, embeds=1536)
"""How a model that makes embeddings behaves."""

LINEUP: tuple[LineupModel, ...] = (
    LineupModel(
        name="sim-nano",
        input="0.1",
        output="0.4",
        cached_input="0.025",
        context=128_000,
        max_output=16_384,
        capabilities=("tools", "json_schema"),
        quality=0.62,
        latency_ms=600,
        aliases=("nano",),
        flags=("simulated",),
        behaviour=Behaviour(latency_ms=120, tokens_per_second=220, output_tokens=60, quality=_NANO),
    ),
    LineupModel(
        name="sim-small",
        input="0.3",
        output="1.2",
        cached_input="0.075",
        context=256_000,
        max_output=32_768,
        capabilities=("tools", "json_schema", "vision"),
        quality=0.76,
        latency_ms=900,
        aliases=("small",),
        flags=("simulated",),
        behaviour=Behaviour(latency_ms=200, tokens_per_second=160, output_tokens=80, quality=_SMALL),
    ),
    LineupModel(
        name="sim-medium",
        input="3",
        output="15",
        cached_input="0.3",
        context=400_000,
        max_output=64_000,
        capabilities=("tools", "json_schema", "vision", "documents", "thinking", "logprobs"),
        quality=0.88,
        latency_ms=1_800,
        aliases=("medium",),
        flags=("simulated",),
        behaviour=Behaviour(latency_ms=450, tokens_per_second=90, output_tokens=100, quality=_MEDIUM, thinks=True),
    ),
    LineupModel(
        name="sim-large",
        input="15",
        output="75",
        cached_input="1.5",
        context=1_000_000,
        max_output=128_000,
        capabilities=("tools", "json_schema", "vision", "audio", "documents", "thinking", "logprobs"),
        quality=0.95,
        latency_ms=3_500,
        aliases=("large",),
        flags=("simulated",),
        behaviour=Behaviour(latency_ms=900, tokens_per_second=50, output_tokens=120, quality=_LARGE, thinks=True),
    ),
    LineupModel(
        name="sim-coder",
        input="1.5",
        output="9",
        cached_input="0.15",
        context=256_000,
        max_output=64_000,
        capabilities=("tools", "json_schema", "thinking"),
        quality=0.80,
        latency_ms=1_400,
        aliases=("coder",),
        flags=("simulated", "code"),
        behaviour=Behaviour(latency_ms=350, tokens_per_second=120, output_tokens=120, quality=_CODER, thinks=True),
    ),
    LineupModel(
        name="sim-embedding",
        input="0.02",
        output="0",
        cached_input="0.02",
        context=8_191,
        max_output=1,
        capabilities=("embeddings",),
        quality=0.01,
        latency_ms=60,
        aliases=("embedding", "text-embedding-3-small"),
        flags=("simulated",),
        behaviour=EMBEDDER,
    ),
)

DEFAULT_MODELS: tuple[SimulatedModel, ...] = tuple(
    SimulatedModel(model.name, model.behaviour, seed=number, context=model.context)
    for number, model in enumerate(LINEUP, 1)
)
