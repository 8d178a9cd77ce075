"""Items that a request of Responses names by a provider's ids, where several tenants are one to that provider.

- An item that only its provider can tell the rest of (a reference, a picture, a thought without its content) has to be
  the tenant's own: it came in a response that is kept for it here, or in an answer that bound its id. Else 404.
- Every other item holds all there is to it. Its id is left out, so that there is nothing to be looked up by; it stays
  where it is known beside one that has to be, because a provider asks for a thought and what followed it together.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fairlead.dialects import json
from fairlead.dialects.openai_responses import native
from fairlead.gateway.belongings import APPROVED, ESCAPED, ITEM, Named, not_yours
from fairlead.gateway.request import Incoming
from fairlead.gateway.runtime import Runtime
from fairlead.store.conversations import Kept, history

MOST_LOOKED_UP = 256
"""Ids that one request may have looked up among what is kept."""
MARK = b'"id"'
APPROVAL = b'"approval_request_id"'


async def settled(runtime: Runtime, incoming: Incoming, earlier: Kept | None) -> Incoming:
    """The request as it may go on. `earlier`: the response that it goes on with."""
    found = {} if earlier is None else native.by_name(history(earlier))
    body = incoming.body
    sources: list[Kept] = []
    if MARK in body or APPROVAL in body or ESCAPED in body:
        items = native.input_items(body)
        heads = [native.item_head(item) for item in items]
        if any(head.needed for head in heads):
            named = [name for head in heads for name in (head.name, head.approved) if name]
            sources = await _look_up(runtime, incoming.caller.tenant, named, found)
        known = [_item(item, head, found) for item, head in zip(items, heads, strict=True)]
        if known != items:
            body = native.with_input(body, known)
    if not found and body is incoming.body:
        return incoming
    sensitive = incoming.sensitive or any(kept.sensitive for kept in sources)
    return msgspec.structs.replace(incoming, body=body, sensitive=sensitive, known=frozenset(found))


async def _look_up(runtime: Runtime, tenant: str, named: Sequence[str], found: dict[str, bytes]) -> list[Kept]:
    """Adds to the found ones. The last comes first: what is kept with it mostly holds all those before."""
    sources: list[Kept] = []
    asked = 0
    for name in reversed(named):
        if name in found or asked >= MOST_LOOKED_UP:
            continue
        bound = runtime.belongings.find(name)
        if bound is not None and bound.tenant == tenant:
            found[name] = b""
            continue
        asked += 1
        response = native.response_of(name) or await runtime.conversations.with_item(tenant, name)
        kept = await runtime.conversations.find(tenant, response) if response else None
        if kept is not None:
            sources.append(kept)
            found.update(native.by_name(history(kept)))
    return sources


def _item(item: bytes, head: native.ItemHead, found: dict[str, bytes]) -> bytes:
    if head.approved and head.approved not in found:
        raise not_yours(Named(APPROVED, head.approved))
    if head.name in found:
        return (found[head.name] or item) if head.refers else item
    if head.needed and head.name:
        raise not_yours(Named(ITEM, head.name))
    return json.without(item, "id") if head.has_id else item
