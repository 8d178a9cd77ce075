"""The simulated models of a configuration, ready to answer inside the process."""

from __future__ import annotations

from fairlead.config.schema import Config, SimulatedModel
from fairlead.providers.simulated import DEFAULT_MODELS, Behaviour
from fairlead.providers.simulated import SimulatedModel as Model
from fairlead.providers.simulated.upstream import SimulatedUpstream


def simulated_upstream(config: Config, speed: float = 1.0) -> SimulatedUpstream | None:
    """None when no provider is simulated. The shipped models are there, and those the configuration declares."""
    providers = [provider for provider in config.providers.values() if provider.kind == "simulated"]
    if not providers:
        return None
    models = {model.name: model for model in DEFAULT_MODELS}
    for provider in providers:
        for name, declared in provider.models.items():
            models[name] = Model(name, behaviour(declared))
    return SimulatedUpstream(models.values(), speed=speed)


def behaviour(declared: SimulatedModel) -> Behaviour:
    return Behaviour(
        latency_ms=declared.latency_ms,
        tokens_per_second=declared.tokens_per_second,
        output_tokens=declared.output_tokens,
        quality=dict(declared.quality),
        error_rate=declared.error_rate,
        error_status=declared.error_status,
        stall_rate=declared.stall_rate,
        reply=declared.reply or None,
        thinks=declared.thinks,
        embeds=declared.embeds,
    )
