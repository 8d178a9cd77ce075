"""An answer that declines instead of answering.

One that merely speaks of refusing is none: what stands in quotes or code does not count, a letter that declines was asked
for, and who goes on and answers after a word of caution has answered.
"""

from __future__ import annotations

import re
from typing import Final

from fairlead.core.gates.verdict import Asked, Given, Verdict

HEAD: Final = 700
SHORT: Final = 700
"""Characters up to which an answer that begins by declining does nothing else."""
LONG: Final = 2_000
_DO: Final = (
    "help|assist|provid|fulfil|compl|answer|generat|creat|writ|do that|do this|support|discuss|engag|continue|share|"
    "give|offer|participat|recommend|promot|produc|make|tell|teach|explain|advise|perform|access|open|view|see|watch|"
    "browse|process|verify|predict|diagnos|translate|analyz|analys|summari|recogni|identify|facilitat|encourag|condon"
)
_ENGLISH: Final = (
    r"\bi(?:'m| am)? (?:really |truly |so |very )?(?:sorry|afraid|regret)[^.!?\n]{0,60}\b(?:can(?:no|')t|can not|won't|will not|unable|not able|not comfortable)\b",
    rf"\bi (?:simply |just |really |unfortunately )?(?:can(?:no|')t|can not|won't|will not|must not|may not)(?: \w+)? (?:{_DO})",
    rf"\bi(?:'m| am) (?:unable|not able|not allowed|not permitted|not comfortable|not programmed|not designed|not going|incapable)(?: \w+)? (?:to |of |with )?(?:{_DO})",
    r"\bi (?:must|have to|need to|will have to|am going to) (?:respectfully |politely )?(?:decline|refuse)",
    r"\bi(?:'d| would) (?:rather|prefer) not (?:to )?(?:help|assist|answer|discuss|write|provide|say)",
    r"\bi (?:respectfully |politely )?(?:decline|refuse) to\b",
    r"\b(?:it is|it's|that is|that's|this is) (?:not (?:something )?(?:i can|appropriate|ethical|possible for me)|against my)",
    r"\b(?:this|your|that) request (?:violates|goes against|is against|cannot be|can't be)",
    r"\bmy (?:guidelines|programming|policy|policies) (?:prevent|prohibit|do(?:es)?n't allow|do(?:es)? not allow)",
)
_OTHERS: Final = (
    # Chinese
    r"(?:抱歉|对不起|很遗憾|不好意思|十分抱歉|對不起|請原諒|请原谅)[^。！？\n]{0,30}(?:无法|不能|不便|没有办法|没办法|不可以|無法|沒有辦法|拒绝|拒絕)",
    r"我(?:们)?(?:暂时|现在|目前|实在|恐怕)?(?:无法|不能|不便|不可以|没办法|無法|沒辦法)(?:为您|为你|向您|向你|給您|给您|给你|直接|继续)?(?:提供|协助|帮助|帮|回答|满足|完成|生成|编写|撰写|讨论|参与|执行|访问|协助|處理|处理|回應|回应|答應|答应|支持)",
    r"我(?:必须|不得不|只能|需要)?(?:拒绝|谢绝|婉拒|拒絕)(?:回答|提供|协助|这|此|該|该|您|你)",
    r"(?:该|此|这个|您的|你的)(?:请求|问题|要求|內容|内容)[^。！？\n]{0,12}(?:违反|不符合|无法(?:回答|提供|满足)|不能(?:回答|提供|满足))",
    # Japanese, Korean
    r"(?:申し訳(?:ありません|ございません)|すみません|恐れ入りますが|残念ながら)[^。！？\n]{0,40}(?:できません|できかねます|いたしかねます|お答えでき|お手伝いでき|対応でき|ことはでき)",
    r"(?:죄송|미안|유감)[^.!?\n]{0,40}(?:수 없|도와드릴 수|어렵습니다|불가능|않습니다)",
    # Spanish, Portuguese, Italian, French
    r"\b(?:lo siento|lamento|me temo|disculpa|perdón)[^.!?\n]{0,50}\bno (?:puedo|podré|me es posible|estoy)",
    r"\bno puedo (?:ayudar|proporcionar|responder|cumplir|crear|escribir|ofrecer|generar|asistir|compartir|darte|hacer eso|realizar)",
    r"\b(?:desculpe|sinto muito|lamento|infelizmente)[^.!?\n]{0,50}\bnão (?:posso|consigo|me é possível|sou capaz)",
    r"\bnão posso (?:ajudar|fornecer|responder|atender|criar|escrever|gerar|oferecer|fazer isso|realizar)",
    r"\b(?:mi dispiace|purtroppo|spiacente|mi scuso)[^.!?\n]{0,50}\bnon (?:posso|sono in grado|mi è possibile)",
    r"\bnon posso (?:aiutart|aiutar|fornir|risponder|soddisfar|crear|scriver|generar|condivider)",
    r"\b(?:désolée?|je regrette|malheureusement|navrée?)[^.!?\n]{0,50}\bje ne (?:peux|puis|suis)",
    r"\bje ne (?:peux|puis|suis) (?:pas )?(?:vous |t')?(?:pas )?(?:aider|fournir|répondre|en mesure|créer|écrire|générer|accéder|donner suite)",
    # German, Dutch
    r"\b(?:tut mir leid|bedauere?|entschuldigung|leider)[^.!?\n]{0,50}\b(?:kann|darf|werde|möchte) ich[^.!?\n]{0,50}\b(?:nicht|kein)|\b(?:tut mir leid|es tut mir leid)[^.!?\n]{0,20}\bich (?:kann|darf)[^.!?\n]{0,60}\b(?:nicht|kein)",
    r"\bich (?:kann|darf|werde) (?:ihnen |dir |euch )?(?:dabei |damit |hierbei |bei \w+ )?(?:leider )?(?:nicht|keine?) (?:helfen|weiterhelfen|unterstützen|beantworten|bereitstellen|behilflich)",
    r"\b(?:het spijt me|sorry|helaas)[^.!?\n]{0,40}\b(?:kan|mag) ik[^.!?\n]{0,40}\b(?:niet|geen)",
    # Polish, Turkish, Russian, Arabic, Vietnamese, Hindi, Indonesian
    r"\b(?:przykro mi|przepraszam|niestety)[^.!?\n]{0,40}\bnie (?:mogę|jestem w stanie)",
    r"\b(?:üzgünüm|maalesef|özür dilerim)[^.!?\n]{0,60}(?:edemem|olamam|veremem|yapamam|yardımcı olamıyorum)",
    r"(?:извините|простите|к сожалению|сожалею|прошу прощения)[^.!?\n]{0,50}\bне (?:могу|смогу|в состоянии|имею права)",
    r"\bя не могу (?:помочь|предоставить|ответить|выполнить|создать|написать|дать)",
    r"(?:آسف|أعتذر|عذرا|عذرًا|للأسف)[^.!؟\n]{0,50}(?:لا أستطيع|لا يمكنني|لا أقدر|غير قادر)",
    r"(?:xin lỗi|rất tiếc)[^.!?\n]{0,50}\bkhông thể",
    r"(?:क्षमा करें|माफ़ करें|खेद है)[^।!?\n]{0,60}(?:नहीं कर सकता|नहीं दे सकता|असमर्थ|नहीं कर सकती)",
    r"\b(?:maaf|mohon maaf)[^.!?\n]{0,40}\btidak (?:dapat|bisa)",
)
_REFUSES: Final = re.compile("|".join((*_ENGLISH, *_OTHERS)))
_HINTS: Final = (
    "sorry", "afraid", "regret", "can't", "cannot", "can not", "won't", "will not", "not able", "unable", "incapable",
    "must not", "may not", "not allowed", "not permitted", "not comfortable", "not programmed", "not designed",
    "not going", "decline", "refuse", "rather not", "prefer not", "not appropriate", "not ethical", "not possible",
    "not something", "against my", "violates", "goes against", "is against", "prevent", "prohibit", "allow", "as an ai",
    "as a", "don't have", "do not have", "无法", "無法", "不能", "不便", "不可以", "没办法", "没有办法", "沒辦法", "沒有辦法", "拒绝",
    "拒絕", "谢绝", "婉拒", "违反", "不符合", "没有", "不具备", "でき", "かね", "수 없", "도와드릴", "어렵", "불가능", "않습니다",
    "no puedo", "no podré", "no me es", "no estoy", "não posso", "não consigo", "não me é", "não sou", "non posso",
    "non sono", "non mi è", "je ne", "nicht", "kein", "niet", "geen", "nie mogę", "nie jestem", "edemem", "olamam",
    "veremem", "yapamam", "olamıyorum", "не могу", "не смогу", "не в состоянии", "не имею", "لا أستطيع", "لا يمكنني",
    "لا أقدر", "غير قادر", "không thể", "नहीं", "असमर्थ", "tidak",
)  # fmt: skip
"""One of these is in whatever the patterns find: nearly every answer has none, and is spared them."""
_MILD: Final = re.compile(
    r"\bas an? (?:ai|artificial|language model|large language)[^.!?\n]{0,80}\b(?:don't|do not|can't|cannot|can not|unable|not able)\b"
    r"|\bi (?:don't|do not|currently don't) have (?:access|the ability|real-time|enough information|any information)"
    r"|作为(?:一个|一名|一款)?(?:ai|人工智能|语言模型|大语言模型|大型语言模型)[^。！？\n]{0,30}(?:无法|不能|没有|不具备)"
)
"""What many answers begin with that go on to answer: alone, and short, it is a refusal."""
_QUOTED: Final = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|「[^」\n]{1,400}」|『[^』\n]{1,400}』|«[^»\n]{1,400}»|^>[^\n]*$",
    re.DOTALL | re.MULTILINE,
)
_LETTER: Final = re.compile(
    r"^\W*(?:subject|dear|hi|hello|to|betreff|objet|asunto|尊敬|亲爱|主题|您好|你好)\b", re.IGNORECASE
)
_DECLINING: Final = re.compile(
    r"\bdeclin|\brefus|\breject|\bturn(?:ing)? down|\bsay(?:ing)? no\b|\bapolog|\bsorry|拒绝|婉拒|谢绝|道歉|抱歉|断り|거절|ablehn|rechaz|refuser",
    re.IGNORECASE,
)
_TURNS: Final = re.compile(
    r"\b(?:however|but here|but i can|but i'll|that said|instead, here|here are|here is|here's|nevertheless)\b|不过|但是|但我可以|然而|以下是"
)
_OF_ITSELF: Final = re.compile(
    r"\b(?:can|do|are|could|would|have|did|will) you\b|\bwhat are you\b|\byour (?:opinion|thoughts|feelings|favou?rite|own)\b"
    r"|\b(?:current|today's) (?:date|time|weather)\b|你(?:能|会|是|有|可以|觉得|喜欢|叫)|您(?:能|会|是|可以)|现在几点|今天(?:几号|天气)",
    re.IGNORECASE,
)
"""Questions of the model itself, or of what no model knows."""
_ASIDE: Final = re.compile(r"\b(?:since|because|although|while|though|if|that|when|where|as)\b[^.!?\n]{0,60}$")
"""What stands before words that are no refusal but a remark."""


_SIGNS: Final = re.compile(r"[\u3040-\u9fff\uac00-\ud7ff]")
"""A sign says as much as three letters."""


def refusal(asked: Asked, given: Given) -> Verdict | None:
    if given.end == "refused":
        return Verdict("refusal", 0.02, "the model says that it refuses")
    if given.end == "blocked":
        return Verdict("refusal", 0.02, "the provider blocked it")
    if given.calls or asked.form:
        return None
    text = _QUOTED.sub(" ", given.text[:6_000])
    head = text[:HEAD].lower().replace("’", "'")
    if not any(hint in head for hint in _HINTS):
        return None
    found = _REFUSES.search(head)
    if found is not None and _ASIDE.search(head[max(found.start() - 80, 0) : found.start()]):
        found = None
    size = len(given.text) + 2 * len(_SIGNS.findall(given.text[:LONG]))
    if found is None:
        mild = _MILD.search(head[:300])
        if (
            mild is not None
            and size < 400
            and not _OF_ITSELF.search(asked.said[:600])
            and not _TURNS.search(head[mild.end() :])
        ):
            return Verdict("refusal", 0.3, "it says little more than what it is or has not", detail=_shown(mild))
        return None
    if (
        _LETTER.search(given.text[:200])
        or _DECLINING.search(asked.said[:2_000])
        or _REFUSES.search(asked.said[:2_000].lower())
    ):
        return None
    early = found.start() < 160
    turns = _TURNS.search(text.lower(), found.end()) is not None
    if size < 250 or (size < SHORT and not turns):
        return Verdict("refusal", 0.05 if early else 0.3, "it declines", detail=_shown(found))
    if size < LONG and early:
        return Verdict("refusal", 0.55 if turns else 0.35, "it begins by declining", detail=_shown(found))
    return None


def _shown(found: re.Match[str]) -> str:
    return " ".join(found[0].split())[:80]
