"""Conversations kept for callers that go on with `previous_response_id`: what was asked and answered, for a day.

Each belongs to one tenant and is as good as absent for every other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose
from fairlead.store.shelf import Shelf

LARGEST = 16 * 2**20
"""Bytes of one conversation: a longer one is not kept, and going on with it is refused."""
FILE = "conversations.db"
ITEM = "item "
"""Before the id of an item, so that none is taken for a response's."""
_encode = msgspec.msgpack.Encoder().encode


class Kept(msgspec.Struct, frozen=True):
    asked: tuple[bytes, ...]
    """All input items of the conversation so far, as JSON."""
    answered: tuple[bytes, ...]
    """The output items of this response."""
    answer: bytes
    """The response as the caller got it."""
    sensitive: bool = False
    """Whoever goes on with it is as sensitive."""


_decode = msgspec.msgpack.Decoder(Kept).decode


class Conversations:
    def __init__(self, folder: Path | None) -> None:
        self._shelf = Shelf(folder, FILE, "responses")

    async def find(self, tenant: str, response: str) -> Kept | None:
        found = None if response.startswith(ITEM) else await self._shelf.find(tenant, response)
        return None if found is None else _decode(found)

    async def keep(self, permit: SinkPermit, response: str, kept: Kept, items: Iterable[str] = ()) -> None:
        """`items`: ids by which its own are to be found."""
        content = _encode(kept)
        if len(content) <= LARGEST:
            await self._shelf.keep(permit, response, content, [ITEM + item for item in items])

    async def with_item(self, tenant: str, item: str) -> str:
        """The response that an item came with; empty where that is not known."""
        found = await self._shelf.find(tenant, ITEM + item)
        return "" if found is None else found.decode()

    async def forget(self, tenant: str, response: str) -> bool:
        return await self._shelf.forget(tenant, response)

    async def erase(self, whose: Whose) -> int:
        return await self._shelf.erase(whose)

    async def sweep(self) -> int:
        return await self._shelf.sweep()

    def close(self) -> None:
        self._shelf.close()


def history(kept: Kept) -> Sequence[bytes]:
    """What was said so far, the answer included."""
    return (*kept.asked, *kept.answered)
