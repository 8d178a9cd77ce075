"""Words and phrases that rules and tasks ask for, wherever they stand in what the system and the user say.

Text beyond `MOST` characters a part, and `ALTOGETHER`, is not searched; the first part and the last ones go before the
others.
"""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.classify.phrases import Phrases
from fairlead.core.call import Signal

MOST = 65_536
ALTOGETHER = 131_072
READ = ("system", "developer", "user")
BETWEEN = "\n\0\n"
"""No phrase reaches from one part into the next."""


class Keywords(Phrases):
    """A digit beside a word is none of it: "python" is in "python3"."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words, numbered=False)


def find(keywords: Keywords, texts: Iterable[tuple[str, str]]) -> tuple[Signal, ...]:
    parts = [text[:MOST] for role, text in texts if role in READ]
    if not parts:
        return ()
    found = keywords.find(parts[0] if len(parts) == 1 else BETWEEN.join(_kept(parts)))
    return tuple(Signal("keyword", word, True) for word in sorted(found))


def _kept(parts: list[str]) -> list[str]:
    room = ALTOGETHER - len(parts[0])
    last: list[str] = []
    for part in reversed(parts[1:]):
        room -= len(part) + len(BETWEEN)
        if room < 0:
            break
        last.append(part)
    return [parts[0], *reversed(last)]
