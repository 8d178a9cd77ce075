"""Where nothing came before and nothing is counted."""

from __future__ import annotations

from fairlead.core.call import Standing
from fairlead.core.policy import Policy


class Still:
    def standing(self, session: str) -> Standing | None:
        return None

    def left(self, tenant: str, policy: Policy) -> tuple[tuple[str, int], ...]:
        return ()

    def turn(self, group: str) -> int:
        return 0
