"""The semantic cache of a running gateway: where its vectors come from, and which requests it passes by.

by default       none: texts are found by their words
embedding.path   a model that runs here, in a thread
embedding.model  a model at a provider's endpoint: a side call, with permit, budget and a line in the books
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairlead.cache.answers import Semantic
from fairlead.cache.entries import Entries
from fairlead.cache.entries_in_memory import EntriesInMemory
from fairlead.cache.entries_in_redis import EntriesInRedis
from fairlead.cache.local_model import LocalModel
from fairlead.cache.nearest import Vector
from fairlead.cache.redis_link import Link
from fairlead.cache.semantic import SemanticCache
from fairlead.cache.settings import SemanticSettings
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.dialects.asked_again import temperature, traits
from fairlead.gateway.embedding import Embedder

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime


class ByLocalModel:
    def __init__(self, folder: str) -> None:
        self._model = LocalModel(folder)
        self.space = self._model.digest

    async def __call__(self, call: Call, choice: Choice, text: str) -> Vector | None:
        return await asyncio.to_thread(self._model.vector, text)


class ByProvider:
    def __init__(self, runtime: Runtime, settings: SemanticSettings) -> None:
        self._runtime = runtime
        self._embedder = Embedder(settings.model, settings.timeout, settings.budget)
        self.space = settings.upstream

    async def __call__(self, call: Call, choice: Choice, text: str) -> Vector | None:
        (found,) = await self._embedder.vectors(self._runtime.present, call, choice.policy, [text])
        return found


def passes(call: Call, said: Mapping[str, Any], settings: SemanticSettings) -> bool:
    """Whether nothing but a wish would have it answered from here."""
    if not settings.tools and "acting" in traits(call.dialect, said):
        return True
    return temperature(call.dialect, said) > settings.hottest


def turned_semantic(before: Semantic | None, settings: SemanticSettings, runtime: Runtime) -> SemanticCache:
    """The semantic cache under other settings. What is kept stays, unless its vectors are made otherwise now."""
    made, place = settings.maker, settings.redis
    if isinstance(before, SemanticCache) and (before.settings.maker, before.settings.redis) == (made, place):
        before.bound(settings)
        return before
    embed = _embed(settings, runtime)
    entries: Entries
    if settings.redis:
        entries = EntriesInRedis(Link(settings.redis), settings, "" if embed is None else embed.space)
    else:
        entries = EntriesInMemory(settings)
    return SemanticCache(settings, entries, passes, embed)


def _embed(settings: SemanticSettings, runtime: Runtime) -> ByLocalModel | ByProvider | None:
    if settings.path:
        return ByLocalModel(settings.path)
    return ByProvider(runtime, settings) if settings.model else None
