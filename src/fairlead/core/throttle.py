"""How often to try again, and after how long: retries must not be what keeps a struggling provider down.

A provider's budget is tokens: a failure takes one, an answer gives a tenth back, and as long as half of them are there
a further try at that provider is allowed. So retries stop after five failures beyond what answers paid for, and come
back as answers do; first tries are never held up. Pure: time is not needed, a seed comes in.
"""

from __future__ import annotations

from random import Random

import msgspec

BASE = 0.1
CAP = 2.0
_DOUBLINGS = 30


class ThrottleSettings(msgspec.Struct, frozen=True):
    tokens: float = 10.0
    ratio: float = 0.1
    """What an answer gives back."""


USUAL = ThrottleSettings()
IN_VAIN = ThrottleSettings(ratio=1.0)
"""Of further tries that failed, over all providers: see `gateway.further`."""


class Throttle:
    """The retry budget of one provider."""

    __slots__ = ("settings", "tokens")

    def __init__(self, settings: ThrottleSettings = USUAL) -> None:
        self.settings = settings
        self.tokens = settings.tokens

    def failed(self) -> None:
        """To be told before asking whether to try again: of the failure that raises the question."""
        self.tokens = max(0.0, self.tokens - 1)

    def answered(self) -> None:
        self.tokens = min(self.settings.tokens, self.tokens + self.settings.ratio)

    def found_well(self) -> None:
        """A try beyond the budget was answered: another is allowed, and more as long as none of them fails."""
        self.tokens = max(self.tokens, self.settings.tokens / 2 + 1)

    @property
    def full(self) -> bool:
        return self.tokens >= self.settings.tokens

    def allows(self) -> bool:
        """Whether this provider may be asked what was asked before, of it or of another."""
        return self.tokens > self.settings.tokens / 2


def backoff(attempt: int, seed: int, retry_after: float = 0.0) -> float:
    """Seconds to wait before a further try, `attempt` counting from 1: anything up to a bound that doubles, so that
    those who failed together do not return together. On top of what the provider asked for, never within it."""
    bound = min(CAP, BASE * 2.0 ** min(max(attempt, 1) - 1, _DOUBLINGS))
    return retry_after + bound * Random(f"{seed}/{attempt}").random()
