"""Where nothing came before and nothing is counted."""

from __future__ import annotations

from fairlead.core.call import Standing
from fairlead.core.policy import Policy
from fairlead.store.belongings import Belongings


class Still:
    def __init__(self) -> None:
        self.belongings = Belongings(None)

    def standing(self, session: str) -> Standing | None:
        return None

    def left(self, tenant: str, policy: Policy) -> tuple[tuple[str, int], ...]:
        return ()

    def turn(self, group: str) -> int:
        return 0
