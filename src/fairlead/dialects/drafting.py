"""A request with somebody's first answer to it, which was not good enough: shown to who is asked instead, as a draft."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from fairlead.core.enclosed import enclosed
from fairlead.dialects import neutral
from fairlead.dialects.continuing import MORE_THAN_TEXT
from fairlead.dialects.remade import Remade

INSTRUCTION = (
    "Somebody else has drafted the answer to the above; the draft follows. It may be wrong, or not whole. Keep what is "
    "right in it, put right what is not, and give the whole answer yourself, in the language and form that are asked for "
    "above, without a word about the draft."
)
LONGEST = 40_000
"""Characters of a draft that are shown; a longer one is not."""


def may_draft(request: neutral.Request) -> bool:
    """Whether all of it can be said anew with something put behind it."""
    return request.answers == 1 and not request.foreign_tools and MORE_THAN_TEXT.isdisjoint(request.others)


class Drafted(Remade):
    """The same request, and the draft behind its last turn."""

    def texts(self) -> Iterator[tuple[str, str]]:
        yield from self.view.texts()
        yield "user", self.text

    def neutral(self) -> neutral.Request:
        request = self.view.neutral()
        turns = request.turns
        shown = neutral.Text(f"{INSTRUCTION}\n\n{enclosed('draft', self.text)}")
        if turns and turns[-1].role == "user":
            last = structs.replace(turns[-1], blocks=(*turns[-1].blocks, shown))
            return structs.replace(request, turns=(*turns[:-1], last))
        return structs.replace(request, turns=(*turns, neutral.Turn("user", (shown,))))
