"""English: courtesy and articles are left out, phrases are looked up, names are what is written large."""

from __future__ import annotations

from fairlead.cache.verifier import english, names, numbers
from fairlead.cache.verifier.lexicon import (
    CLOSINGS,
    ENGLISH,
    GREETINGS,
    OPEN_WHAT,
    OPENINGS,
    REQUESTS,
    WONDERS,
    lines,
    longest,
)
from fairlead.cache.verifier.spoken import Spoken
from fairlead.cache.verifier.tokens import Token

NEGATED = {
    "can't": "can", "cannot": "can", "won't": "will", "shan't": "shall", "ain't": "is", "cant": "can", "wont": "will",
    "dont": "do", "doesnt": "does", "isnt": "is", "didnt": "did", "arent": "are", "wasnt": "was", "shouldnt": "should",
}  # fmt: skip
LARGE_UNITS = frozenset(["GB", "MB", "KB", "TB", "KM", "KG", "CM", "AM", "PM", "ML"])
"""Mean the same as when they are written small."""
BITS = frozenset(("Kb", "Mb", "Gb", "Tb"))
FIGURES = frozenset(phrase for phrases in lines(numbers.ENGLISH) for phrase in phrases)
SHORT = 3
WORDS = frozenset(("word", "mixed", "product", "other"))
WONDERED = english.WONDER | {"the"}


class EnglishWords:
    """Tokens without the silent ones, and what their neighbours have to know of those."""

    def __init__(self, found: list[Token], freedom: int) -> None:
        self.kinds: list[str] = []
        self.raw: list[str] = []
        self.low: list[str] = []
        self.parted: list[bool] = []
        """Whether a mark stands before the token."""
        self.spoken = Spoken(freedom)
        parted = False
        for kind, token in found:
            if kind == "silent":
                parted = parted or not token.isspace()
                continue
            self._take(kind, token, parted)
            parted = False

    def _take(self, kind: str, token: str, parted: bool) -> None:
        low = token.lower()
        held = NEGATED.get(low) or (low[:-3] if low.endswith("n't") else "")
        if held:
            self.kinds.append(kind)
            self.raw.append(held)
            self.low.append(held)
            self.parted.append(parted)
            low = token = "not"
            parted = False
        self.kinds.append(kind)
        self.raw.append(token)
        self.low.append(low)
        self.parted.append(parted)

    def read(self) -> Spoken:
        at, asked = self._opening()
        end = self._closing(at)
        asks = end > at and self.low[end - 1] == "?"
        if asks:
            end -= 1
        if asked and end - at > 2 and self.low[at] in english.WONDER and self.low[end - 1] in english.BE:
            self._turn(at, end)
        skipped = longest(self.low, at, OPEN_WHAT) if end > at else 0
        if at + skipped < end:
            at += skipped
        yes_no = at < end and self.low[at] in english.ASKS_YES
        self._words(at, end)
        if at + 1 < end and self.parted[end - 1]:  # whoever is spoken to
            self.spoken.word(",")
        stated = at < end and self.low[at] in english.PRONOUNS
        if asks and not (asked or skipped or yes_no or ("question" in self.spoken.marks and not stated)):
            self.spoken.word("?")
        return self.spoken

    def _opening(self) -> tuple[int, bool]:
        """Where what is asked begins, and whether words before it asked for it."""
        at, asked, size = 0, False, len(self.low)
        while at < size:
            long = longest(self.low, at, GREETINGS)
            if long and at + long < size and self.parted[at + long]:
                at += long
                continue
            long = self._asking(at)
            if not long or at + long >= size or (self.low[at + long] in english.BOUND and not self.parted[at + long]):
                break
            asked = True
            at += long
        return at, asked

    def _asking(self, at: int) -> int:
        """Of how many words what only asks for an answer has there."""
        low = self.low
        for phrases, before in ((REQUESTS, english.REQUESTED), (WONDERS, WONDERED), (OPENINGS, None)):
            long = longest(low, at, phrases)
            if long and (before is None or (at + long < len(low) and low[at + long] in before)):
                return long
        return 0

    def _closing(self, begin: int) -> int:
        end = len(self.low)
        for at in range(max(begin + 1, end - 5), end):
            long = longest(self.low, at, CLOSINGS)
            if long and (at + long == end or (at + long == end - 1 and self.low[-1] == "?")):
                before = self.low[at - 1]
                if self.parted[at] or before == "?" or (self.low[at] in english.BARE and before not in english.BOUND):
                    return at
        return end

    def _turn(self, at: int, end: int) -> None:
        """`what the capital of France is`, as it is asked straight."""
        for row in (self.kinds, self.raw, self.low):
            row.insert(at + 1, row.pop(end - 1))

    def _words(self, at: int, end: int) -> None:
        spoken, kinds = self.spoken, self.kinds
        large = sum(raw[0].isupper() for raw in self.raw[at:end])
        titled = large * 5 >= (end - at) * 4
        begin = at
        while at < end:
            kind = kinds[at]
            if kind not in WORDS:
                if not spoken.other(kind, self.raw[at]):
                    spoken.word(self.raw[at])
                at += 1
                continue
            long = self._phrase(at, end)
            if long:
                at += long
                continue
            if not self._left_out(at, end, begin):
                self._word(at, begin, titled)
            elif self.low[at] in english.ARTICLES:
                spoken.note("article", f"{'the' if self.low[at] == 'the' else 'a'} {self.low[at + 1]}")
            at += 1

    def _phrase(self, at: int, end: int) -> int:
        """How many words the phrase has that was found there."""
        if self._cased(at):
            return 0
        low = self.low
        for phrase, meaning in ENGLISH.get(low[at], ()):
            long = len(phrase)
            if long == 1 or (at + long <= end and tuple(low[at : at + long]) == phrase):
                if phrase[-1] in ("i", "you") and at + long < end and low[at + long] in english.FEELING:
                    continue
                self.spoken.meaning(meaning, " ".join(phrase))
                return long
        return 0

    def _cased(self, at: int) -> bool:
        """Whether it is another word for how it is written: US, IT, `5 Mb`."""
        raw, low = self.raw[at], self.low[at]
        if raw == low:
            return False
        if raw in BITS:
            return True
        if at and len(raw) <= SHORT and (self.kinds[at - 1] in ("number", "sign") or self.low[at - 1] in FIGURES):
            return raw not in LARGE_UNITS
        return low.removesuffix("'s") in names.AMBIGUOUS and (at > 0 or raw.isupper())

    def _left_out(self, at: int, end: int, begin: int) -> bool:
        word = self.low[at]
        if word in english.HELPERS:
            return at > begin and self.low[at - 1] in english.WONDER
        if word not in english.ARTICLES or at + 1 >= end or self.low[at + 1] in english.BOUND:
            return False
        if self.kinds[at + 1] not in WORDS and self.kinds[at + 1] != "number":
            return False
        return at == begin or (self.raw[at] == word and self.low[at - 1] not in english.NAMED_A)

    def _word(self, at: int, begin: int, titled: bool) -> None:
        raw, word = self.raw[at], self.low[at]
        if self._cased(at):
            word = raw
        is_name = any(sign.isdigit() for sign in word) or self.kinds[at] == "product"
        if not is_name and at > begin and not titled and raw[0].isupper() and raw != "I":
            is_name = True
        self.spoken.word(word)
        if is_name:
            self.spoken.note(names.KIND, word)
