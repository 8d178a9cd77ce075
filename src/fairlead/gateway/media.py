"""Images and sound pass through unread, so nobody knows beforehand what they will cost.

A key that may spend only so much gets them where a request has a price of its own (`price.per_request`) with every
provider that may serve it.
"""

from __future__ import annotations

import time

from fairlead.core.choice import Choice
from fairlead.core.cost import plain
from fairlead.errors import BadRequest, PaymentRequired
from fairlead.gateway.request import Incoming

FREE = ("/moderations",)


def check(incoming: Incoming, choice: Choice, most: int | None) -> None:
    """`most`: what the request may cost; None for as much as it does."""
    model = choice.model
    if model is None:
        if choice.policy.strategy == "pinned":
            return
        raise BadRequest(
            f"{incoming.path} passes through unread, so no model can be chosen for it; name one.", param="model"
        )
    if most is None or incoming.path in FREE:
        return
    now = int(time.time())
    prices = [channel.price_at(now) for channel in model.channels]
    if not all(price is not None and price.per_request for price in prices):
        raise PaymentRequired(
            f"What {incoming.path} costs with {model.name} is not known beforehand, and at most ${plain(most)} is allowed "
            f"(declare models.{model.name}.price.per_request).",
            param="model",
            code="unpriced",
        )
