"""Which of a provider's keys is taken, where it has several.

A key at its limit (429) rests until the provider wants it back, or ten seconds and twice as long each further time;
one that is refused (401) is not taken again as long as the process runs and asks the same address in the same way; a 403
may be about one model, and says nothing of the key. Of those that are well the one with most left of its quota is taken.
As long as one is well, what befalls another says nothing of the channel.

Keys are told by their place and the beginning of their digest, never by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from time import monotonic

import msgspec

from fairlead.providers.limits import LONGEST_WAIT, Quota
from fairlead.providers.wire import Endpoint

FIRST_REST = 10.0
LONGEST_REST = 600.0

Asking = tuple[str, str, str, int, str, bytes]
"""A key, and what it is shown to: where one of these is another, what was said of it says nothing any more."""

log = logging.getLogger("fairlead.providers")


class Key(msgspec.Struct):
    """How one of them is."""

    rests_until: float = 0.0
    rest: float = 0.0
    """The last rest that nobody gave the length of; 0 once it answered."""
    retired: bool = False
    left: float = 1.0
    """Share of its quota, until `refilled`."""
    refilled: float = 0.0

    def left_at(self, now: float) -> float:
        return 1.0 if now >= self.refilled else self.left

    def until(self, now: float) -> float:
        """When it may be taken."""
        return float("inf") if self.retired else max(self.rests_until, now)


class Keys:
    def __init__(self, audit: Callable[[str, str], None], now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self._audit = audit
        self._keys: dict[Asking, Key] = {}
        """Those that there is something to say of."""

    def turn_to(self, endpoints: Iterable[Endpoint]) -> None:
        """These are all there are from now on; what is known of their keys stays, or a new price would have a provider
        asked before its time, and with a key that it refused."""
        kept = {_asking(one) for endpoint in endpoints for one in endpoint.keyed}
        self._keys = {asking: key for asking, key in self._keys.items() if asking in kept}

    def take(self, endpoint: Endpoint) -> Endpoint | float:
        """The provider with the key to ask it with; else the seconds until there is one. Where all are retired it is the
        first, so that the provider is found to refuse it, as it would with a single one."""
        if not endpoint.keyed:
            return endpoint
        now = self.now()
        well = [one for one in endpoint.keyed if self._of(one).until(now) <= now]
        if well:
            return max(well, key=lambda one: self._of(one).left_at(now))
        wait = self._wait(endpoint, now)
        return endpoint.keyed[0] if wait is None else wait

    def answered(self, asked: Endpoint) -> None:
        if asked.key:
            self._of(asked).rest = 0.0

    def quota(self, endpoint: Endpoint, asked: Endpoint, found: Quota) -> float:
        """What the headers of an answer told; gives the share that is left of the quotas of all its keys."""
        if not asked.key:
            return found.share
        now, told = self.now(), self._of(asked)
        told.left, told.refilled = found.share, now + found.resets
        keys = [self._of(one) for one in endpoint.keyed]
        return sum(0.0 if key.retired else key.left_at(now) for key in keys) / len(keys)

    def fell(self, endpoint: Endpoint, asked: Endpoint, status: int, retry_after: float | None) -> float | None:
        """An answer that may be the fault of the key it was asked with. Seconds until there is another, 0 for at once;
        None where no key would do better."""
        if not asked.key or status not in (401, 429):
            return None
        now, key = self.now(), self._of(asked)
        if status == 429:
            self._rest(asked, key, now, retry_after)
        elif not key.retired:
            self._retire(asked, key, status)
        return self._wait(endpoint, now)

    def _of(self, asked: Endpoint) -> Key:
        return self._keys.setdefault(_asking(asked), Key())

    def _wait(self, endpoint: Endpoint, now: float) -> float | None:
        soonest = min(self._of(one).until(now) for one in endpoint.keyed)
        return None if soonest == float("inf") else soonest - now

    def _rest(self, asked: Endpoint, key: Key, now: float, retry_after: float | None) -> None:
        seconds = retry_after
        if seconds is None:
            # Several that were under way with it count once.
            if now >= key.rests_until:
                key.rest = min(key.rest * 2 or FIRST_REST, LONGEST_REST)
            seconds = key.rest or FIRST_REST
        key.rests_until = max(key.rests_until, now + min(seconds, LONGEST_WAIT))
        log.info("%s: key %s is at its limit and rests for %.0f s", asked.name, asked.key, seconds)

    def _retire(self, asked: Endpoint, key: Key, status: int) -> None:
        key.retired = True
        words = f"{asked.name}: key {asked.key} was refused with HTTP {status} and is not used any more"
        log.error("%s", words)
        self._audit("key_retired", words)


def _asking(asked: Endpoint) -> Asking:
    digest = asked.key.rpartition(" ")[2]  # its place may be another
    return asked.name, digest, asked.host, asked.port, asked.prefix, asked.headers
