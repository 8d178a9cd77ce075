"""What models make: where a setting needs vectors a model that answers is wrong, and where it needs an answer one that makes
vectors and nothing else.

Known of a model is what the file or the catalogue says of it, or of what a channel asks for; of whom nothing is known,
nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fairlead.config.document import NodePath
from fairlead.config.environment import SHIPPED
from fairlead.config.finding import Finding
from fairlead.config.schema import Channel, Config
from fairlead.config.spelling import nearest
from fairlead.core.model import CAPABILITIES, EMBEDDINGS

if TYPE_CHECKING:
    from fairlead.config.offers import Catalogue


def findings(config: Config, known: Mapping[str, str], catalogue: Catalogue) -> Iterator[Finding]:
    """`known`: lower-case name or alias -> model."""
    for path, name in _embedders(config):
        found = _made_by(known.get(name.lower(), name), config, catalogue)
        if found is not None and not found & EMBEDDINGS:
            yield Finding(path, f"{name!r} makes no embeddings{_instead(name, config, catalogue)}")
    for path, name in _answerers(config):
        if _made_by(known.get(name.lower(), name), config, catalogue) == EMBEDDINGS:
            yield Finding(path, f"{name!r} makes embeddings, and no text; name a model that answers")


def _embedders(config: Config) -> Iterator[tuple[NodePath, str]]:
    semantic, memory = config.cache.semantic.embedding, config.memory.embedding
    if semantic is not None and semantic.model is not None:
        yield ("cache", "semantic", "embedding", "model"), semantic.model
    if memory is not None:
        yield ("memory", "embedding", "model"), memory.model


def _answerers(config: Config) -> Iterator[tuple[NodePath, str]]:
    """Who is asked something beside a request."""
    if config.memory.extractor is not None:
        yield ("memory", "extractor", "model"), config.memory.extractor.model
    if config.classifier.model is not None:
        yield ("classifier", "model", "model"), config.classifier.model.model
    for name, gate in config.gates.items():
        if gate.model is not None:
            yield ("gates", name, "model"), gate.model


def _made_by(name: str, config: Config, catalogue: Catalogue) -> int | None:
    """Its capabilities; None where nothing is known of it."""
    model = config.models.get(name)
    if model is None:
        return None
    if model.capabilities is not None:
        return sum(CAPABILITIES[one] for one in set(model.capabilities))
    told = [_behind(channel, name, config, catalogue) for channel in model.channels]
    if any(told):
        return next(one for one in told if one)
    entry = catalogue.find(name)
    return None if entry is None else entry.capabilities


def _behind(channel: Channel, name: str, config: Config, catalogue: Catalogue) -> int | None:
    """The same of what one channel asks for."""
    upstream = channel.model or name
    provider = config.providers.get(channel.provider)
    if provider is not None and provider.kind == "simulated":
        simulated = provider.models.get(upstream)
        if simulated is not None:
            return EMBEDDINGS if simulated.embeds else ~EMBEDDINGS
        return ~EMBEDDINGS if not provider.models and upstream in SHIPPED else None
    entry = catalogue.find(upstream) if channel.model else None
    return None if entry is None else entry.capabilities


def _instead(name: str, config: Config, catalogue: Catalogue) -> str:
    """The nearest of those that do, else what the catalogue has to declare."""
    declared = [one for one in config.models if (_made_by(one, config, catalogue) or 0) & EMBEDDINGS]
    if declared:
        return nearest(name, declared, offer=True)
    shipped = [entry.name for entry in catalogue.entries.values() if entry.capabilities & EMBEDDINGS]
    hint = nearest(name, shipped, offer=True)
    return f"; declare one that does under models{hint}" if hint else "; declare one that does under models"
