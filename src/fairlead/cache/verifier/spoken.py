"""What a text says, as it is put together."""

from __future__ import annotations

from fairlead.cache.verifier import numbers, units
from fairlead.cache.verifier.lexicon import Meaning

LITERAL, PLAIN, FREE = range(3)
SPACE = " "


class Spoken:
    __slots__ = ("freedom", "marks", "meant", "twofold", "words")

    def __init__(self, freedom: int) -> None:
        self.freedom = freedom
        self.words: list[str] = []
        self.marks: dict[str, list[str]] = {}
        self.meant: dict[Meaning, str] = {}
        self.twofold = False
        """Two words that would be taken for one are both there: the text may be about what parts them."""

    def word(self, value: str) -> None:
        self.words.append(value)

    def mark(self, kind: str, value: str) -> None:
        self.words.append(value)
        self.note(kind, value)

    def note(self, kind: str, value: str) -> None:
        held = self.marks.get(kind)
        if held is None:
            self.marks[kind] = [value]
        else:
            held.append(value)

    def thing(self, kind: str, text: str) -> None:
        """Something whose every sign counts."""
        if kind == "payload":
            text = text.lstrip(":").strip()
        self.mark("code" if kind == "code" else "quote", text)

    def meaning(self, meaning: Meaning, phrase: str) -> None:
        """A phrase of the lexicon."""
        kind, value = meaning
        if self.freedom != FREE:
            value = phrase
        elif self.meant.setdefault(meaning, phrase) != phrase:
            self.twofold = True
        self.words.append(value)
        if kind:
            self.note(kind, value)

    def other(self, kind: str, token: str) -> bool:
        """Whatever is no word, the same in every language. Whether it was that."""
        if kind == "number":
            self.mark(numbers.KIND, numbers.plain(token.lower()))
        elif kind == "date":
            self.mark("date", token)
        elif kind == "ordinal":
            self.mark(numbers.KIND, token.lower())
        elif kind in ("quote", "payload", "address", "code"):
            self.thing(kind, token)
        elif kind == "sign":
            unit = units.SIGNS.get(token)
            if unit is None:
                self.word(token)
            else:
                self.mark(units.KIND, unit)
        else:
            return False
        return True
