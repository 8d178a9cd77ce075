"""The way to a Redis: what is asked there waits for it, but never for long. Where it does not answer in time it is left alone
for a moment, and whoever asks goes on without."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from fairlead.errors import ConfigError

PATIENCE = 0.25
"""Seconds that one question may take while a request waits for it."""
PATIENCE_OF_OWNERS = 10.0
"""Seconds that one command may take, of those who have something erased or counted."""
REST = 5.0
"""Seconds for which it is left alone once it has failed."""
SETTING = "cache.exact.redis"

log = logging.getLogger("fairlead.cache")


class Link:
    def __init__(self, url: str) -> None:
        """Raises ConfigError where there is no client, or the address is none."""
        try:
            client, exceptions = import_module("redis.asyncio"), import_module("redis.exceptions")
        except ImportError:
            raise ConfigError([f"{SETTING}: needs a client: pip install 'fairlead[redis]'"]) from None
        self.failures: tuple[type[Exception], ...] = (exceptions.RedisError, OSError)
        self.changed: type[Exception] = exceptions.WatchError
        """Raised where what was watched has changed."""
        try:
            self.redis: Any = client.from_url(
                url, socket_timeout=PATIENCE_OF_OWNERS, socket_connect_timeout=PATIENCE_OF_OWNERS
            )
        except ValueError as problem:
            raise ConfigError([f"{SETTING}: {problem}"]) from None
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether it is left alone."""
        return time.monotonic() < self._rests_until

    async def asked(self, question: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> Any:
        """None where there is no answer."""
        if self.rests:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await question(*arguments, **more)
        except self.failures as problem:
            self._rests_until = time.monotonic() + REST
            why = str(problem) or "no answer in time"
            log.warning("the cache in Redis does not answer and is left alone for %.0f s: %s", REST, why)
            return None

    async def close(self) -> None:
        await self.redis.aclose()
