"""Flood: audits that repeat are counted instead of written, so that a storm of refusals cannot fill a disk."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fairlead.core.record import Audit

A_SECOND = 10
"""Audits of one kind, key and detail that are written each second; the rest of them become one row."""
DISTINCT = 256
"""Different (kind, key, detail) a second; what comes on top is told apart by kind alone."""


class Flood:
    """Time is the audits' own: nothing here reads a clock."""

    def __init__(self) -> None:
        self.second = 0
        self._seen: dict[tuple[str, str, str], int] = {}
        self._held: dict[tuple[str, str, str], Audit] = {}

    def admit(self, audit: Audit) -> Iterator[Audit]:
        """What is to be written now: counts of a second that is over, then the audit itself, or nothing."""
        second = audit.at_ms // 1000
        if second != self.second:
            yield from self.release()
            self.second = second
            self._seen.clear()
        same = (audit.kind, audit.key, audit.detail)
        if same not in self._seen and len(self._seen) >= DISTINCT:
            same = (audit.kind, "", "")
            audit = msgspec.structs.replace(audit, key="", tenant="", request="", detail="of many kinds")
        count = self._seen.get(same, 0) + 1
        self._seen[same] = count
        if count <= A_SECOND:
            yield audit
        else:
            self._held[same] = audit

    def release(self) -> Iterator[Audit]:
        """One audit for each kind that was held back since the last release."""
        held, self._held = self._held, {}
        for same, audit in held.items():
            more = self._seen[same] - A_SECOND
            self._seen[same] = A_SECOND
            yield msgspec.structs.replace(audit, request="", detail=f"{audit.detail} ({more} more like this)")
