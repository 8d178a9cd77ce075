"""A user's own words: what is left of a turn without what was pasted into it, quoted in it, or put in it as code.

    blocks     code, block quotes, elements in angle brackets, long quotations: taken out with all that is in them
    passages   mails, chats, documents: from where one begins all that follows, and a letter up to where it is signed
    requests   "summarise this mail": what is to be worked on stands before it or behind it, and who wrote that is not
               known; what stands there does not count

Where own words and pasted ones cannot be told apart neither counts: a wish that is missed can be said again, one that was
planted in a mail holds for every answer from then on.
"""

from __future__ import annotations

import re
from itertools import chain

MOST_OWN = 2_000
"""Characters of a turn: longer ones are mostly pasted, and only their first and last lines are looked at."""
LONGEST = 4_000
"""Characters that are looked through at all."""
EDGE = 400
"""Characters of such a line."""

_BLOCKS = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|`[^`\n]*`"
    r"|^(?: {4}|\t|[ ]{0,3}[>＞|｜]).*$",
    re.DOTALL | re.MULTILINE,
)
QUOTED = re.compile(
    r"\"[^\"]*\"|“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|「[^「」]*」|『[^『』]*』|《[^《》]*》|‘[^‘’]*’|(?<!\w)'[^'\n]+'(?!\w)"
)
_SENTENCES = re.compile(r"[.!?;]\s|[。！？；\n]")
"""Of a quotation that says something, rather than calls something by its name."""
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^<>\n]{0,200}>")

_TASK = (
    r"(?:summari[sz]e|summary of|sum up|tl;?dr|translat\w*|proof-?read|correct|edit|rewrite|rephrase|paraphrase|reword|polish"
    r"|review|analy[sz]e|classify|extract|explain|interpret|check|improve|shorten|condense|reply to|respond to|answer to|fix"
    r"|debug|comment on|what (?:does|do|is|are)|who (?:wrote|is)|is|thoughts on|opinion (?:on|of|about)|find|turn|make|convert"
    r"|put|change|rate|grade|expand|continue|act as|pretend to be|write (?:a|an|the|my) (?:reply|response|answer))"
)
_TEXT = (
    r"(?:e-?mail|mail|letter|message|article|documents?|doc|text|passage|paragraph|transcript|conversation|chat|thread|log"
    r"|report|contract|memo|notes?|post|page|story|chapter|review|prompt|instructions?|ticket|issue|readme|file|code|script"
    r"|speech|quote|quotation|comment|following|above|below|policy|guidelines?)"
)
_TASK_ZH = r"(?:总结|概括|归纳|摘要|翻译|润色|改写|校对|修改|分析|解释|解读|回复|检查|提取|分类|点评|评价|优化|缩写|看看|扮演|假装|扩写|续写|改成|写成|翻成|译成|说的是什么|什么意思)"
_TEXT_ZH = r"(?:邮件|信件|信|文章|文档|文件|文本|文字|段落|内容|消息|聊天记录|对话|日志|报告|合同|通知|评论|帖子|代码|提示词|指令|说明|以下|下面|如下|上面|以上|上述|前面)"
_REQUEST = re.compile(
    rf"\b{_TASK}\b[^.!?\n]{{0,40}}?\b(?:this|these|that|the|my)\b[^.!?\n]{{0,24}}?\b{_TEXT}\b|\b{_TASK} (?:this|these|it)\b"
    r"|\b(?:act as|pretend to be|write (?:a|an|the|my) (?:reply|response|answer))\b|扮演|假装|写.{0,4}回[复信]|怎么回"
    rf"|{_TASK_ZH}[^。！？\n]{{0,30}}{_TEXT_ZH}|{_TEXT_ZH}[^。！？\n]{{0,30}}{_TASK_ZH}",
    re.IGNORECASE,
)
_INTRODUCED = re.compile(rf"(?:\b{_TASK}\b|{_TASK_ZH}|{_TEXT_ZH})[^.!?。！？\n:：]{{0,120}}[:：]", re.IGNORECASE)

_WISHES = r"(?:rules?|remember|note|notes? to self|fyi|p\.?s\.?|reminder|important|please|also|preferences?|from now on|always|never"
_WISHES += r"|keep in mind|for (?:your )?(?:reference|information|context)|about me|规则|要求|记住|请记住|注意|请注意|备注|另外|偏好|供参考)"
_PASSAGE = re.compile(
    r"^[ \t]*(?:[-_=*#~+]{3,}[ \t]*$"  # a line that parts
    r"|-{2,}.{0,40}(?:original|forwarded|原始邮件|转发).*$|begin forwarded message.*$|.{0,10}(?:原始邮件|转发的?邮件).{0,20}$"
    r"|(?:from|sent|to|cc|bcc|subject|date|fwd?|re|发件人|收件人|抄送|主题|发送时间|发送日期|日期|标题)[ ]?[:：].*$"
    r"|on .{5,100} wrote[:：][ \t]*$|.{0,10}于?.{4,60}写道[:：][ \t]*$"
    r"|#{1,6}[ ].*$"  # a heading
    rf"|(?!{_WISHES}[^\n]{{0,40}}[:：])[^\n]{{1,200}}[:：][ \t]*$"  # what follows is told of, and is no wish
    rf"|(?!{_WISHES}[ ]?[:：])(?:(?-i:[A-Z][\w.'-]*(?: [A-Z][\w.'-]*){{0,2}})|user|assistant|system|human|ai|[\u4e00-\u9fff]{{1,5}})[ ]?[:：][^\n]*$"
    r"|\[?\d{1,2}[:：]\d{2}(?::\d{2})?\]?[ ].*$|\[?\d{4}-\d\d-\d\d.*$)",  # a chat, a log
    re.MULTILINE | re.IGNORECASE,
)
_REFERS = re.compile(r"\b(?:it|this|these|them|above)\b|这|它|上面|以上|前面", re.IGNORECASE)
_GREETED = re.compile(
    r"^[ \t]*(?:dear [^\n]{1,60}|(?:hi|hello|hey) (?!there|claude|chatgpt|gpt|gemini|assistant|ai\b|bot)[\w .'-]{1,40}|to whom it may concern)[,:!]"
    r"|^[ \t]*(?:尊敬的|亲爱的|敬爱的|各位|致).{1,20}[,，:：！!]",
    re.MULTILINE | re.IGNORECASE,
)
_SIGNED = re.compile(
    r"^[ \t]*(?:(?:best|kind|warm|many)? ?(?:regards|wishes)|(?:yours )?(?:sincerely|faithfully|truly)|best|cheers|(?:many )?thanks"
    r"|thank you|sent from my .*|此致|敬礼|祝好|谨启|顺颂.*|敬上|谢谢)[,.!，。！]*[ \t]*(?:\n[^\n]{0,60})?$|^[ \t]*(?:--|[–—])[ ]?(?-i:[A-Z])[\w.]*(?: [\w.]+){0,2}$",
    re.MULTILINE | re.IGNORECASE,
)


def own_words(text: str) -> str:
    """In the order they were said."""
    text = text if len(text) <= LONGEST else _edges(text)
    text = _without_elements(_BLOCKS.sub("\n", text))
    text = QUOTED.sub(lambda said: "\n" if _SENTENCES.search(said[0]) else said[0], text)
    text = _without_passages(_without_letters(text))
    return _without_work(_without_referred(text if len(text) <= MOST_OWN else _edges(text)))


def _edges(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    ends = lines if len(lines) < 2 else (lines[0], lines[-1])
    return "\n".join(line if len(line) <= EDGE else f"{line[:EDGE]}\n{line[-EDGE:]}" for line in ends)


def _without_elements(text: str) -> str:
    """An element that does not end goes on to the end of the text, where it begins a line."""
    if "<" not in text:
        return text
    tags = list(_TAG.finditer(text))
    closing = {tag[2]: tag.start() for tag in tags if tag[1]}
    kept: list[str] = []
    at = 0
    for tag in tags:
        if tag.start() < at:
            continue
        kept.append(text[at : tag.start()])
        at = tag.end()
        if not tag[1] and closing.get(tag[2], -1) > tag.start():
            at = next(one.end() for one in tags if one[1] and one[2] == tag[2] and one.start() > tag.start())
        elif not tag[1] and text[: tag.start()].rpartition("\n")[2].strip() == "" and text[tag.end() :][:1] == "\n":
            at = len(text)
    return "\n".join((*kept, text[at:]))


def _without_letters(text: str) -> str:
    """From the greeting to the name below; a letter of which only one of both is there has no other end than the text's."""
    greeted, signed = _GREETED.search(text), _SIGNED.search(text)
    if greeted is None and signed is None:
        return text
    before = text[: greeted.start()] if greeted is not None else ""
    after = text[max((one.end() for one in _SIGNED.finditer(text)), default=len(text)) :]
    return f"{before}\n{after}"


def _without_passages(text: str) -> str:
    """Up to the first; its first line stays where that asks for something to be done with the rest."""
    passage = _PASSAGE.search(text)
    if passage is None:
        return text
    begins = passage[0].strip()
    return f"{text[: passage.start()]}\n{begins if _REQUEST.search(begins[:EDGE]) or _INTRODUCED.search(begins[:EDGE]) else ''}"


def _without_referred(text: str) -> str:
    """Where the last of several lines speaks of what stands above it, that line alone. It does not where another asks
    something, or where it says that something follows."""
    *before, last = [line.rstrip() for line in text.split("\n") if line.strip()] or [""]
    otherwise = last.endswith((":", "：")) or any(line.endswith(("?", "？")) for line in before)
    return last if before and not otherwise and _REFERS.search(last) else text


def _without_work(text: str) -> str:
    """Without what is to be worked on, where it is asked for."""
    introduced, asked = _INTRODUCED.search(text), _REQUEST.search(text)
    if introduced is not None and (asked is None or introduced.start() <= asked.start()):
        return text[: introduced.end()]
    if asked is None:
        return text
    begins = max(one.end() for one in chain([re.match("", text)], _SENTENCES.finditer(text, 0, asked.start())) if one)
    ending = _SENTENCES.search(text, asked.end())
    ends = len(text) if ending is None else ending.end()
    sentence, before, after = text[begins:ends], text[:begins], text[ends:]
    if re.search(r"\babove\b|上面|以上|上述|前面", sentence, re.IGNORECASE):
        return f"{sentence}{after}"
    if re.search(r"\bbelow\b|\bfollowing\b|以下|下面|如下", sentence, re.IGNORECASE):
        return f"{before}\n{sentence}"
    return sentence
