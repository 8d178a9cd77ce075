"""Which language a text is in: by its script where that settles it, by the small words of each language among Latin ones.

Only the first few thousand characters are read. A text that is too short to tell has none.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

MOST: Final = 3_000
FEWEST: Final = 12
"""Letters (or four signs that are words) from which a language is told at all."""
_KINDS: Final = re.compile(
    r"(?P<latin>[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+)|(?P<kana>[\u3040-\u30ff\uff66-\uff9f]+)"
    r"|(?P<han>[\u3400-\u9fff\uf900-\ufaff]+)|(?P<hangul>[\uac00-\ud7ff\u1100-\u11ff]+)"
    r"|(?P<cyrillic>[\u0400-\u052f]+)|(?P<arabic>[\u0600-\u06ff\u0750-\u077f]+)|(?P<hebrew>[\u0590-\u05ff]+)"
    r"|(?P<devanagari>[\u0900-\u097f]+)|(?P<greek>[\u0370-\u03ff]+)|(?P<thai>[\u0e00-\u0e7f]+)"
    r"|(?P<bengali>[\u0980-\u09ff]+)"
)
_OF_SCRIPT: Final = {
    "han": "zh",
    "kana": "ja",
    "hangul": "ko",
    "cyrillic": "ru",
    "arabic": "ar",
    "hebrew": "he",
    "devanagari": "hi",
    "greek": "el",
    "thai": "th",
    "bengali": "bn",
}
_WEIGHT: Final = {"han": 4, "kana": 3, "hangul": 3, "thai": 1}
"""How many letters a sign stands for."""
_SMALL: Final = {
    "en": "the and of to is in that it for you with are this on be as have not or can was will if an my your what how from a i do me we they he she why who when which there about write give get make some any by at but",
    "es": "el la los las de que en un una es por con para del se al lo como más pero su sus este esta son está puede qué",
    "fr": "le la les des et en un une est que pour dans qui sur avec pas au du ce il elle vous sont cette ou par plus aux à",
    "de": "der die das und ist nicht ein eine zu den mit von für auf dem sich im des als auch wie es an oder werden sie ich wird",
    "pt": "os as de que em um uma é para com não do da no na por mais dos das se como ao você são pode está também",
    "it": "il la gli le di che in un una è per con non del della sono da come più si al nel anche questo o alla dei",
    "nl": "de het een en van is dat in op te voor met niet zijn aan er ook als bij om maar door deze worden kan je",
    "pl": "na do że się nie jest to jak dla po od są przez lub może oraz ale tym być które który",
    "tr": "ve bir bu için ile da de çok daha olarak gibi olan en ne kadar veya değil mi ben sen var her sonra",
    "vi": "và của là có không trong cho được một các với này để những người khi từ đã như về ra bạn nó",
    "id": "dan yang di untuk dengan dari ini itu tidak adalah pada dalam ke akan atau juga bisa anda oleh sebagai saya",
    "sv": "och att det som en på är av för med till den har inte ett om men kan de eller från jag du vi",
    "ro": "și de la în cu este un pe că nu din pentru care mai sunt se sau ca prin cum",
    "cs": "je na se že to do pro jako jsou by není nebo který která tak ale když jeho byl také při",
}
_BY_WORD: Final[dict[str, tuple[str, ...]]] = {}
for _language, _words in _SMALL.items():
    for _word in _words.split():
        _BY_WORD[_word] = (*_BY_WORD.get(_word, ()), _language)
LATIN: Final = frozenset(_SMALL)
_LEAD: Final = 1.4
_LEAST: Final = 3
_SHARE: Final = 0.12
"""Of all words that the small ones of a language make up at least, where it is that language."""
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)


def prose(text: str) -> str:
    """Without code and addresses."""
    return _CODE.sub(" ", text)


def language(text: str) -> str:
    """A code of two letters; empty where it cannot be told."""
    found: Counter[str] = Counter()
    words: Counter[str] = Counter()
    written = 0
    for match in _KINDS.finditer(text[:MOST]):
        kind = match.lastgroup or ""
        found[kind] += len(match[0]) * _WEIGHT.get(kind, 1)
        if kind == "latin":
            written += 1
            for one in _BY_WORD.get(match[0].lower(), ()):
                words[one] += 1
    total = found.total()
    if total < FEWEST:
        return ""
    kind, most = found.most_common(1)[0]
    if found["kana"] and found["kana"] * 6 >= found["han"] and found["kana"] + found["han"] >= found["latin"]:
        return "ja"
    if kind == "latin":
        return _among_latin(words, written)
    if kind == "han" and found["latin"] > found["han"]:
        return ""
    return _OF_SCRIPT[kind] if most * 2 > total else ""


def _among_latin(words: Counter[str], written: int) -> str:
    ranked = words.most_common(2)
    if not ranked or ranked[0][1] < max(_LEAST, written * _SHARE):
        return ""
    second = ranked[1][1] if len(ranked) > 1 else 0
    return ranked[0][0] if ranked[0][1] >= second * _LEAD else ""
