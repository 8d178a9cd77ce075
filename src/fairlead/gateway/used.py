"""What an attempt used, where its answer has not simply said so: as far as a stream was read, within what a budget bore of it,
and estimated where nothing was told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fairlead.core.record import Intent, Outcome, Usage
from fairlead.dialects.passing import Passing
from fairlead.dialects.weighing import tokens_of
from fairlead.gateway.belongings import take_down

if TYPE_CHECKING:
    from fairlead.gateway.attempt import Try


def read(trying: Try, intent: Intent, outcome: Outcome) -> Usage:
    """Of a stream, or of what never told it."""
    usage, reader = trying.usage, trying.reader
    if reader is not None:
        if usage is None:
            reader.end()
            usage = reader.usage
        if trying.losses is None and isinstance(reader, Passing) and reader.issued:
            take_down(trying.run.runtime.belongings, trying.run.call, intent.channel, reader.issued)
    return _estimated(trying, intent, outcome) if usage is None else usage


def _estimated(trying: Try, intent: Intent, outcome: Outcome) -> Usage:
    """No usage came. A refusal costs nothing; what was delivered, or left running at the provider, is estimated."""
    reader = trying.reader
    if reader is not None and (reader.committed or trying.generating):
        return Usage(intent.input_tokens, reader.estimate, estimated=True, calls=reader.calls)
    if outcome == "ok" or trying.generating:
        told = tokens_of(trying.body) if trying.body and trying.run.call.operation == "generate" else 0
        return Usage(intent.input_tokens, max(intent.output_tokens, told), estimated=True)
    return Usage()


def borne(trying: Try, usage: Usage) -> Usage:
    """Of one that a budget holds for: what came after the cut is not charged. An answer that reached the limit it was sent
    with would have been longer."""
    if trying.cut is not None and usage.estimated and usage.output > trying.cut:
        usage = msgspec.structs.replace(usage, output=trying.cut)
    if trying.limit and trying.limit <= usage.output:
        run = trying.run
        run.runtime.vitals.cut(trying.candidate.channel.model, run.plan.task, trying.limit)
    return usage
