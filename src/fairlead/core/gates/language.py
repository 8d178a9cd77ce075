"""An answer in another language than was asked for: named in the request, or else that of the question."""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.tongues import LATIN, language, prose
from fairlead.core.gates.verdict import Asked, Given, Verdict

_NAMES: Final = {
    "en": "english|inglés|anglais|englisch|inglês|inglese|英文|英语|英語|английском|영어",
    "zh": "chinese|mandarin|chino|chinois|chinesisch|chinês|cinese|中文|汉语|漢語|中国語|简体中文|繁體中文|китайском|중국어",
    "ja": "japanese|japonés|japonais|japanisch|japonês|giapponese|日文|日语|日語|日本語|японском|일본어",
    "ko": "korean|coreano|coréen|koreanisch|韩文|韩语|韓文|韓語|韓国語|корейском|한국어",
    "es": "spanish|español|castellano|espagnol|spanisch|espanhol|spagnolo|西班牙语|西班牙文|スペイン語|испанском|스페인어",
    "fr": "french|francés|français|französisch|francês|francese|法语|法文|フランス語|французском|프랑스어",
    "de": "german|alemán|allemand|deutsch|alemão|tedesco|德语|德文|ドイツ語|немецком|독일어",
    "pt": "portuguese|portugués|portugais|portugiesisch|português|portoghese|葡萄牙语|葡萄牙文|ポルトガル語|португальском|포르투갈어",
    "it": "italian|italiano|italien|italienisch|意大利语|意大利文|イタリア語|итальянском|이탈리아어",
    "ru": "russian|ruso|russe|russisch|russo|俄语|俄文|ロシア語|русском|러시아어",
    "ar": "arabic|árabe|arabe|arabisch|arabo|阿拉伯语|アラビア語|арабском|아랍어",
    "nl": "dutch|holandés|néerlandais|niederländisch|荷兰语",
    "pl": "polish|polaco|polonais|polnisch|波兰语",
    "tr": "turkish|turco|turc|türkisch|土耳其语",
    "vi": "vietnamese|越南语|tiếng việt",
    "th": "thai|泰语",
    "hi": "hindi|印地语",
    "el": "greek|griego|希腊语",
    "he": "hebrew|hebreo|希伯来语",
    "id": "indonesian|印尼语",
    "sv": "swedish|瑞典语",
}
_CODE_OF: Final = {word: code for code, words in _NAMES.items() for word in words.split("|")}
_ANY: Final = "|".join(sorted(map(re.escape, _CODE_OF), key=len, reverse=True))
_NAMED: Final = re.compile(rf"(?:\b|(?<=[\u3040-\u9fff]))(?:{_ANY})(?:\b|(?=[\u3040-\u9fff]))", re.IGNORECASE)
_ANSWER_IN: Final = re.compile(
    rf"(?:\b(?:answer|reply|respond|write|speak|output|explain|summari[sz]e)\b[^.!?\n]{{0,80}}?\bin|用|以|使用|请用|回答用)"
    rf"\s*(?:idiomatic |fluent |plain |simple |formal )?({_ANY})",
    re.IGNORECASE,
)
_TRANSLATE: Final = re.compile(
    rf"(?:\btranslat\w+\b[^.!?\n]{{0,80}}?\b(?:in|into|to)|翻译成|翻译为|译成|译为|翻成)\s*({_ANY})", re.IGNORECASE
)
_OF_LANGUAGES: Final = re.compile(
    r"\btranslat|\blanguages?\b|\bmultilingual|翻译|翻譯|语言|語言|外语|訳|번역", re.IGNORECASE
)
_FREE: Final = frozenset(("translation", "code_generation", "code_debug", "math", "agent", "desktop", "extraction"))
"""Tasks whose answers need not be in the language of the question."""
HEAD: Final = 400
SHORT: Final = 40
PHRASE: Final = 160
"""Characters of a request up to which a translation may be told in a sentence in the language of the question."""


def language_match(asked: Asked, given: Given) -> Verdict | None:
    if asked.form or given.calls:
        return None
    text = prose(given.text[:12_000])
    if len(text.strip()) < SHORT and not any("\u3040" <= sign <= "\uffdc" for sign in text):
        return None
    answered = language(text)
    if not answered:
        return None
    wanted = _wanted(asked.said, _ANSWER_IN) or _wanted(asked.said, _TRANSLATE) or _wanted(asked.system, _ANSWER_IN)
    if wanted:
        told = len(asked.said) <= PHRASE and answered in _spoken(asked) and bool(_TRANSLATE.search(asked.said))
        if answered in wanted or len(wanted) > 1 or told:
            return None
        return Verdict("language", 0.12, f"it is in {answered}, asked for was {next(iter(wanted))}")
    if (
        asked.task in _FREE
        or _OF_LANGUAGES.search(asked.said[:HEAD])
        or _NAMED.search(asked.said[:HEAD])
        or _NAMED.search(asked.said[-HEAD:])
    ):
        return None
    if language(prose(asked.said)) == answered:  # as nearly always
        return None
    spoken = _spoken(asked)
    if not spoken or answered in spoken:
        return None
    of_question = " or ".join(sorted(spoken))
    alike = answered in LATIN and spoken <= LATIN
    return Verdict("language", 0.4 if alike else 0.25, f"it is in {answered}, the question in {of_question}")


def _wanted(text: str, ways: re.Pattern[str]) -> frozenset[str]:
    """Languages that an answer is asked for in, by name."""
    ends = text if len(text) <= 2 * HEAD else f"{text[:HEAD]}\n{text[-HEAD:]}"
    return frozenset(_CODE_OF[match[1].lower()] for match in ways.finditer(ends))


def _spoken(asked: Asked) -> frozenset[str]:
    """The languages of the question: of its beginning, its end, and what the system says."""
    said = prose(asked.said)
    parts = (said[:HEAD], said[-HEAD:], said, asked.system[:HEAD]) if said else ()
    found = [language(part) for part in parts]
    if not any(found[:3]):
        return frozenset()
    return frozenset(one for one in found if one)
