"""Backlog: what happened while the spool could not be written, until it can be again.

It stays small however long that takes. A record is kept if an attempt was made for it: no new attempt is, so there are
no more of them than there were requests under way. Refused requests without any attempt, and audits beyond KEPT, are
counted; one audit tells of them. The log has one line when it begins and one when it is over.
"""

from __future__ import annotations

import logging
from collections import deque

from fairlead.core.record import Audit, Priced, Record

KEPT = 1_000
"""Entries beyond which audits are only counted."""

log = logging.getLogger("fairlead.ledger")


class Backlog:
    def __init__(self) -> None:
        self.entries: deque[Record | Audit | Priced] = deque()
        self.failing = False
        """Whether the spool could not be written when that was last tried."""
        self._requests = 0
        self._audits = 0

    def fail(self, why: Exception) -> None:
        if not self.failing:
            self.failing = True
            log.error("the ledger refuses new attempts: %s", why)

    def keep(self, entry: Record | Priced) -> None:
        self.entries.append(entry)

    def keep_audit(self, audit: Audit) -> None:
        if len(self.entries) < KEPT:
            self.entries.append(audit)
        else:
            self._audits += 1

    def count(self) -> None:
        """A request was refused before any attempt, and leaves no record."""
        self._requests += 1

    def find(self, request: str) -> Record | None:
        for entry in self.entries:
            if isinstance(entry, Record) and entry.request == request:
                return entry
        return None

    def summary(self, at_ms: int) -> Audit:
        """What is written last, when everything kept has been."""
        return Audit(at_ms, "unwritable", "", "", "", self._told())

    def end(self) -> None:
        log.warning("the ledger takes new attempts again; %s", self._told())
        self.failing = False
        self._requests = self._audits = 0

    def _told(self) -> str:
        told = f"{self._requests} requests were refused without a record of each"
        return f"{told}, {self._audits} audits were left out" if self._audits else told
