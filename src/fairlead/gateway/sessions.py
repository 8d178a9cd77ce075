"""Conversations, as far as the choice must know them: who answered last, and what that one holds in its prompt cache.

A client may name its session; else a conversation that has already been answered once is known by its beginning. Kept
in memory, the latest few thousand: whoever is forgotten is chosen for anew.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from time import monotonic

from fairlead.core.call import Caller, Standing
from fairlead.dialects.dialect import View
from fairlead.gateway.request import words_of

HEADERS = (b"x-claude-code-session-id", b"session_id", b"session-id", b"x-session-id")
CACHE_KEY = re.compile(rb'"prompt_cache_key"\s*:\s*"([^"\\]{1,200})"')
CACHED_BY = b"prompt_cache_key"
"""Without its quotes it is found several times as fast: few words end like it. And `in` drops an exception first."""
KEPT = 10_000
CACHE_SECONDS = 300.0
"""How long a provider keeps a prompt that is not asked for again."""
READ = 2_048
BEGUN = "~"
"""What the name of such a conversation begins with."""
ANSWERED = 2
"""Turns from which on a conversation has been answered before."""


def of(body: bytes, view: View) -> str:
    """The session of a request whose head names none; empty for one that begins a conversation nobody named."""
    found = cache_key(body)
    if found:
        return found
    if view.shape().turns <= ANSWERED:
        return ""
    if not any(role in ("assistant", "model") for role, _ in islice(view.texts(), 12)):
        return ""
    return beginning(view)


def beginning(view: View) -> str:
    """What a conversation that nobody named is known by, from its first turn on."""
    begins = [(role, text[:READ]) for role, text in islice(view.texts(), 3)]
    first = next((text for role, text in begins if role == "user"), "")
    system = next((text for role, text in begins if role in ("system", "developer")), "")
    digest = hashlib.blake2b(f"{system}\0{first}".encode("utf-8", "surrogatepass"), digest_size=12)
    return f"{BEGUN}{digest.hexdigest()}"


def named(headers: Mapping[bytes, bytes]) -> str:
    """By a header; empty for none."""
    for header in HEADERS:
        value = headers.get(header)
        if value:
            return words_of(value)[:200]
    return ""


def cache_key(body: bytes) -> str:
    """What the body says that a prompt cache is to be looked up by; empty for nothing."""
    key = CACHE_KEY.search(body) if body.find(CACHED_BY) >= 0 else None
    return "" if key is None else key.group(1).decode("utf-8", "replace")


def scoped(caller: Caller, session: str) -> str:
    return f"{caller.tenant}\0{session}"


class Sessions:
    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Standing, float]] = OrderedDict()

    def standing(self, session: str) -> Standing | None:
        found = self._kept.get(session)
        if found is None:
            return None
        standing, until = found
        if standing.cached and until < monotonic():
            return Standing(standing.model, standing.channel)
        return standing

    def answered(self, session: str, model: str, channel: str, cached: int) -> None:
        self._kept[session] = (Standing(model, channel, cached), monotonic() + CACHE_SECONDS)
        self._kept.move_to_end(session)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
