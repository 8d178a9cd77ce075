"""What a hard budget bears beside the tokens that are held for: terms that cost otherwise, and tools that the provider runs
itself.

The fees of these are held with the rest, for as often as the request lets them run; where it leaves that open, a limit is
written into it. What has no known price is not borne.
"""

from __future__ import annotations

import time

from fairlead.core.call import Caller
from fairlead.core.model import Price
from fairlead.gateway.balances import Refusal, refusal
from fairlead.gateway.budgets import Grip
from fairlead.providers.terms import asked, unusual
from fairlead.providers.toolsets import Use, bounded, fees, uses
from fairlead.providers.wire import Outbound


def bear(
    grip: Grip, caller: Caller, model: str, price: Price | None, sent: Outbound, dialect: str, kind: str
) -> Outbound | Refusal:
    """`kind` is the provider's."""
    found = asked(sent.body)
    if found is None:
        return sent
    words = unusual(found, kind)
    if words:
        return Refusal(words, "budget")
    wanted = uses(found, dialect)
    if not wanted or price is None:
        return sent
    amount = fees(wanted, price)
    if isinstance(amount, Use):
        tool = amount.tool
        return Refusal(f"what {tool} costs is not known (declare models.{model}.price.tools.{tool})", "budget")
    short = grip.books.grow(grip.hold, amount) if amount else None
    if short is not None:
        return refusal(short, caller, time.time())
    return bounded(sent, dialect, wanted) if amount else sent
