"""What a hard budget bears beside the tokens that are held for: terms that cost otherwise, and tools that the provider runs
itself.

The fees of these are held with the rest, for as often as the request lets them run; where it leaves that open, a limit is
written into it. What has no known price is not borne.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fairlead.core.budgets import Hold
from fairlead.gateway.balances import Refusal, refusal
from fairlead.providers.terms import asked, unusual
from fairlead.providers.toolsets import Use, bounded, fees, uses
from fairlead.providers.wire import Outbound

if TYPE_CHECKING:
    from fairlead.gateway.attempt import Try


def bear(trying: Try, hold: Hold, sent: Outbound, dialect: str) -> Outbound | Refusal:
    """What is sent as it may leave, if it asks for anything beside tokens; `hold` is what is held for these."""
    found = asked(sent.body)
    if found is None:
        return sent
    price = trying.price
    words = unusual(found, trying.endpoint.kind)
    if words:
        return Refusal(words, "budget")
    wanted = uses(found, dialect)
    if wanted is None:
        return Refusal("tools cannot be read here, so what they cost is not known", "budget")
    if not wanted or price is None:
        return sent
    amount = fees(wanted, price)
    if isinstance(amount, Use):
        tool, model = amount.tool, trying.candidate.channel.model
        return Refusal(f"what {tool} costs is not known (declare models.{model}.price.tools.{tool})", "budget")
    run = trying.run
    short = run.runtime.budgets.books.grow(hold, amount) if amount else None
    if short is not None:
        return refusal(short, run.call.caller, time.time())
    return bounded(sent, dialect, wanted) if amount else sent
