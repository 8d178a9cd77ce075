"""What is too large for the spool, without all that can grow without bound: identities and figures stay."""

from __future__ import annotations

import msgspec

from fairlead.core.record import Audit, Record

TEXT = 500
"""Characters kept of a text."""


def slim(record: Record) -> Record:
    attempts = tuple(msgspec.structs.replace(attempt, error=attempt.error[:TEXT]) for attempt in record.attempts)
    return msgspec.structs.replace(
        record,
        asked=record.asked[:TEXT],
        error=record.error[:TEXT],
        task=record.task[:TEXT],
        session=record.session[:TEXT],
        attempts=attempts,
        tags=(),
        signals=(),
        decision=None,
    )


def slim_audit(audit: Audit) -> Audit:
    return msgspec.structs.replace(audit, detail=audit.detail[:TEXT], request=audit.request[:TEXT])
