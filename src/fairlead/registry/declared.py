"""What reports and recommendations need to know of the configuration beyond what it comes to: where a setting stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from fairlead.config.secret import Secret

if TYPE_CHECKING:
    from fairlead.config.guards import Guards
    from fairlead.config.schema import Config


class Watch(msgspec.Struct, frozen=True):
    """When guards raise an alarm; None is never."""

    every: float = 300.0
    window: float = 86_400.0
    """Seconds."""
    least: int = 100
    """Requests that a window needs."""
    quality_floor: float | None = None
    overhead: float | None = 1.0
    cache_share: float | None = None
    drift: float | None = 0.25


class Receiver(msgspec.Struct, frozen=True):
    """Whom alarms are posted to."""

    url: Secret
    """Many a receiver knows those who may post by the path alone."""
    secret: Secret
    timeout: float = 10.0


class Declared(msgspec.Struct, frozen=True):
    tables: Mapping[str, frozenset[str]] = {}
    """The policies that stand there, each with the tasks of its own table."""
    common: frozenset[str] = frozenset()
    """The tasks of `policy.tasks`."""
    premium: frozenset[str] = frozenset()
    """Models that are declared to be that, whatever they cost."""
    cheap: frozenset[str] = frozenset()
    watch: Watch = Watch()
    receiver: Receiver | None = None


def declared(config: Config) -> Declared:
    hook = config.guards.webhook
    return Declared(
        tables={name: frozenset(policy.tasks) for name, policy in config.policies.items()},
        common=frozenset(config.policy.tasks),
        premium=frozenset(config.report.premium),
        cheap=frozenset(config.report.cheap),
        watch=_watch(config.guards),
        receiver=None if hook is None else Receiver(hook.url, hook.secret, hook.timeout),
    )


def _watch(given: Guards) -> Watch:
    return Watch(
        every=given.every,
        window=given.window,
        least=given.least,
        quality_floor=given.quality_floor,
        overhead=given.overhead or None,
        cache_share=given.cache_share,
        drift=given.drift or None,
    )
