"""Chinese, with whatever Latin words stand in it: phrases are looked up, all other signs count one by one."""

from __future__ import annotations

from fairlead.cache.verifier import chinese, names, numbers
from fairlead.cache.verifier.lexicon import CHINESE, HAN_CLOSINGS, HAN_OPENINGS
from fairlead.cache.verifier.spoken import Spoken
from fairlead.cache.verifier.tokens import Token

FIGURES = frozenset((*numbers.HAN, *numbers.HAN_POWERS))


class HanWords:
    def __init__(self, found: list[Token], freedom: int) -> None:
        self.found = found
        self.spoken = Spoken(freedom)
        self.asked = False

    def read(self) -> Spoken:
        found = self._framed()
        spoken = self.spoken
        ends_asking, yes_no = bool(found) and found[-1] == ("sign", "?"), False
        if ends_asking:
            found.pop()
        if found and found[-1][0] == "han":
            text, yes_no = self._ended(found[-1][1])
            found[-1] = ("han", text)
            yes_no = yes_no and not self.asked
        for kind, token in found:
            if kind == "han":
                self._han(token)
            elif kind in ("word", "mixed", "product", "other"):
                self._latin(kind, token)
            elif kind != "silent" and not spoken.other(kind, token):
                spoken.word(token)
        if yes_no or (
            ends_asking and not self.asked and not any(kind == "han" and _asks(text) for kind, text in found)
        ):
            spoken.word("?")
        return spoken

    def _framed(self) -> list[Token]:
        """The tokens without greeting, opening and thanks."""
        found = [token for token in self.found if token[0] != "silent" or not token[1].isspace()]
        while found and found[0][0] == "silent":
            del found[0]
        while len(found) > 2 and found[0][1] in chinese.GREETINGS and found[1][0] == "silent":
            del found[:2]
        while len(found) > 1 and found[-1][0] == "silent":
            found.pop()
        if len(found) > 2 and found[-1][1] in HAN_CLOSINGS and (found[-2][0] == "silent" or found[-2][1] == "?"):
            del found[-1]
            while found[-1][0] == "silent":
                found.pop()
        if found and found[0][0] == "han":
            self._open(found)
        return found

    def _open(self, found: list[Token]) -> None:
        text = found[0][1]
        more = True
        while more and not text.startswith(chinese.NO_OPENING):
            more = False
            for opening in HAN_OPENINGS:
                if text.startswith(opening) and (len(text) > len(opening) or len(found) > 1):
                    text, more = text[len(opening) :], True
                    break
        last = next((token for kind, token in reversed(found) if kind == "han"), "")
        whole = "".join(token for kind, token in found if kind == "han")
        if text.startswith(chinese.KNOWING) and last.endswith(chinese.ASKS_YES) and _asks(whole):
            text = next(text[len(one) :] for one in chinese.KNOWING if text.startswith(one))
            self.asked = True
        if text.startswith(chinese.WHAT_IS) and len(found) <= 2 and len(text) > len(chinese.WHAT_IS):
            text = text[len(chinese.WHAT_IS) :] + chinese.IS_WHAT
        found[0] = ("han", text)

    def _ended(self, text: str) -> tuple[str, bool]:
        """Without the particle at its end, and whether that asked for yes or no."""
        if text.endswith(chinese.ASKS_YES):
            return text[:-1], True
        if text.endswith(chinese.PARTICLES) and _asks(text):
            return text[:-1], False
        return text, False

    def _han(self, text: str) -> None:
        spoken, at, size = self.spoken, 0, len(text)
        while at < size:
            sign = text[at]
            for phrase, meaning in CHINESE.get(sign, ()):
                if text.startswith(phrase, at):
                    spoken.meaning(meaning, phrase)
                    at += len(phrase)
                    break
            else:
                if sign in FIGURES:
                    at = self._figure(text, at)
                    continue
                spoken.words.append(sign)
                at += 1

    def _figure(self, text: str, at: int) -> int:
        end = at
        while end < len(text) and text[end] in FIGURES:
            end += 1
        self.spoken.mark(numbers.KIND, numbers.han(text[at:end]))
        return end

    def _latin(self, kind: str, token: str) -> None:
        low = token.lower()
        word = token if low in names.AMBIGUOUS and token.isupper() else low
        self.spoken.word(word)
        if kind != "word" or token[0].isupper() or low in LATIN_NAMES:
            self.spoken.note(names.KIND, word)


def _asks(text: str) -> bool:
    return any(one in text for one in ASKING)


ASKING = ("什么", "啥", "怎", "如何", "谁", "哪", "几", "多", "为何")
LATIN_NAMES = frozenset(phrase.strip() for line in names.ENGLISH.split("\n") for phrase in line.split(","))
