"""Price lists and rate tables are asked for while the server runs, where the configuration names any: off otherwise.

What they say goes through `registry.market`, is kept in the state directory, and is put in force as a changed
configuration is: whole, for requests that begin then. Whatever is taken or not believed stands in the audit log.
Nothing of a request goes there: they are plain GETs.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.config.schema import Config
from fairlead.registry import catalogue, market
from fairlead.registry.market import News
from fairlead.server.reload import NOBODY, Reload

log = logging.getLogger("fairlead.prices")

MOST_BYTES = 16 << 20
PATIENCE = 30.0
MOST_WORDS = 300
UNREADABLE = (OSError, ValueError, ArithmeticError, RecursionError, http.client.HTTPException)
"""Whatever a server may answer in the place of a list."""
TOLD = 20
"""Changes that are told one by one."""
Take = Callable[[bytes, str], News]


class Prices:
    def __init__(self, config: Config, reload: Reload) -> None:
        self._reload = reload
        self._state_dir = Path(config.server.state_dir)
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: tuple[object, ...] = ()
        self._refused: dict[str, tuple[str, ...]] = {}
        """By source, what was not believed the last time: it is told once."""
        self.begin(config)
        reload.took.append(self.begin)

    def begin(self, config: Config) -> None:
        """Asks who the configuration names; whom it names no more is asked no more."""
        asked = (config.exchange.url, config.exchange.every, config.prices)
        if asked == self._asked:
            return
        self._asked = asked
        self._end()
        known = catalogue.load()

        def rates(raw: bytes, source: str) -> News:
            return market.with_rates(market.read(self._state_dir), market.rates_of(raw, source), known.exchange)

        def prices(provider: str) -> Take:
            return lambda raw, source: market.with_prices(
                market.read(self._state_dir), market.prices_of(raw), provider, source, int(time.time()), known
            )

        found: list[tuple[str, int, Take]] = [
            (source.url, source.every, prices(source.provider or "")) for source in config.prices.sources
        ]
        if config.exchange.url is not None:
            found.append((config.exchange.url, config.exchange.every, rates))
        self._tasks = [asyncio.create_task(self._poll(*one), name="fairlead-prices") for one in found]

    async def close(self) -> None:
        tasks = self._tasks
        self._end()
        if tasks:
            await asyncio.wait(tasks)

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _poll(self, url: str, every: int, take: Take) -> None:
        source = urlsplit(url).netloc
        complained = ""
        while True:
            try:
                raw = await asyncio.to_thread(_get, url)
                await self._take(take, raw, source)
                complained = ""
            except UNREADABLE as problem:
                words = _text(f"{source}: {str(problem)[:MOST_WORDS] or type(problem).__name__}")
                if words != complained:
                    log.warning("prices are not renewed: %s", words)
                    self._tell("prices_unread", words)
                complained = words
            await asyncio.sleep(every)

    async def _take(self, take: Take, raw: bytes, source: str) -> None:
        async with self._turn:
            news = take(raw, source)
            if news.taken:
                await asyncio.to_thread(market.write, self._state_dir, news.market)
        if news.refused != self._refused.get(source, ()):
            for words in map(_text, news.refused[:TOLD]):
                log.error("not taken, for it looks wrong: %s", words)
                self._tell("price_refused", words)
        self._refused[source] = news.refused
        if not news.taken:
            return
        for words in map(_text, news.taken[:TOLD]):
            self._tell("price_changed", words)
        log.info("%d new prices or rates from %s", len(news.taken), source)
        await self._reload.renew(f"prices of {source} have changed")

    def _tell(self, kind: str, words: str) -> None:
        self._reload.runtime.audit(kind, NOBODY, "", words)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        raw: bytes = answer.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    return raw


def _text(words: str) -> str:
    """The words as every log can write them: halves of surrogate pairs, which JSON may name, spelled out."""
    return words.encode("utf-8", "backslashreplace").decode()
