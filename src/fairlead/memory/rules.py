"""What a user's own words tell of them that holds beyond the request, by rules: one row a pattern, English and Chinese.

    profile      who they are, what they prefer
    constraint   how every answer has to be
    knowledge    what they want remembered, or say of what is theirs

Rules look at single statements of the user's own words (`memory.own`): not at questions, quotes, code or what was pasted, nor
at what somebody else is said to want, nor at anything with a secret in it. They would rather find too little: what they miss can be written with `POST /v1/memory`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from fairlead.memory.own import QUOTED, own_words

FoundKind = Literal["profile", "constraint", "knowledge"]
LONGEST = 240
"""Characters of a statement."""
MOST = 8
"""Statements of one turn."""
MOST_READ = 8_000
"""Characters of a turn: longer ones are mostly pasted, and only their beginning and end are looked at."""
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^(?: {4}|\t|>).*$|<[^>\n]{1,200}>", re.DOTALL | re.MULTILINE)
_ENDS = re.compile(r"(?<=[.!;])\s+|(?<=[。！；])\s*|\n+")
_ASKS = re.compile(r"[?？]\s*$|[吗呢么][。！]?\s*$", re.IGNORECASE)
_TOLD = re.compile(
    r"(?<!\bi )\b(?:says?|said|tells?|told|wrote|writes|asks|asked|wants|wanted|reads|states|stated|according to)\b"
    r"|(?<!我)(?:说过?[:：，,]|写道|告诉我|让我转告|声称|表示)|根据.{1,20}[，,]",
    re.IGNORECASE,
)
"""Somebody else says so."""
_NEUTRAL = re.compile(
    r"^[ \t]*(?:(?:hi|hello|hey|thanks|thank you|ok|okay|sure|great|good (?:morning|evening))\b.{0,20}$|你好|您好|谢谢|好的"
    r"|[-*•]|\d{1,2}[.)、]|[^:：]{1,40}[:：][ \t]*$)",
    re.IGNORECASE,
)
"""A line that asks for nothing: a greeting, one of a list, what is said to follow."""
_SECRET = re.compile(
    r"password|passwd|passphrase|secret|credential|api[ _-]?key|access[ _-]?key|token|\bpin\b|密码|口令|密钥|令牌|验证码"
    r"|[A-Za-z0-9_+/=-]{24,}|\b\d(?:[ -]?\d){11,}\b",
    re.IGNORECASE,
)
"""Also what only looks like one: long words of letters and digits, numbers of twelve digits."""


class Found(Struct, frozen=True):
    kind: FoundKind
    text: str
    slot: str = ""
    """What it tells of the user, where they have only one."""


class _Row(Struct, frozen=True):
    kind: FoundKind
    pattern: re.Pattern[str]
    slot: str = ""


def _row(kind: FoundKind, pattern: str, slot: str = "") -> _Row:
    return _Row(kind, re.compile(pattern, re.IGNORECASE), slot)


_LANGUAGE = (
    r"(?:english|chinese|mandarin|german|french|spanish|italian|portuguese|japanese|korean|russian|dutch|arabic|hindi)"
)
_LANGUAGE_ZH = r"(?:中文|英文|英语|汉语|普通话|日文|日语|韩文|韩语|法语|法文|德语|德文|西班牙语|俄语|简体|繁体)"
_FIXED = r"(?:from now on|in (?:the )?future|going forward|as a rule|in all (?:your )?(?:answers|replies|responses))"
_FIXED_ZH = r"(?:以后|今后|从现在(?:开始|起)|从今以后|一律|始终|永远|每次(?:回答|回复)?(?:都)?)"
_ROWS = (
    _row("profile", r"^(?:hi|hello|hey)?[,!. ]*my name is\b|^(?:please )?call me\b|^i(?: a|')m called\b", "name"),
    _row("profile", r"^(?:你好)?[,，!！ ]*(?:我叫|我的名字(?:是|叫)|请?叫我|我姓)", "name"),
    _row("profile", r"^i(?: work|'m working| am working) (?:as|at|for|in)\b", "work"),
    _row("profile", r"^我(?:现在)?在.{1,40}(?:工作|上班|任职)", "work"),
    _row("profile", r"^i(?: a|')m (?:an?|the) (?!bit|little|few|lot|big|huge)\w+", "role"),
    _row("profile", r"^我是(?:一|个|名|位|做|搞|.{0,12}(?:师|员|生|家|长|者|人)\b)", "role"),
    _row("profile", r"^i(?: live| am based|'m based| am located|'m located) in\b", "home"),
    _row("profile", r"^我(?:现在|目前)?(?:住在|家在|人在|居住在|来自)", "home"),
    _row("profile", r"^my (?:time ?zone|timezone) is\b|^我(?:的|在的)?时区是", "timezone"),
    _row("profile", r"^my (?:favou?rite |preferred |main |native |first )?(?:\w+ ){0,2}(?:language|job|role|team|company|employer|"
         r"birthday|age|title|profession|editor|os|operating system|stack|hobby|diet|major) (?:is|are)\b"),
    _row("profile", r"^我的(?:职业|工作|团队|公司|部门|专业|生日|年龄|母语|爱好|岗位|职位|学校|编辑器|系统)(?:是|叫|为)"),
    _row("profile", r"^i(?: usually| always| generally| really)? prefer\b|^i (?:am|'m) allergic to\b|^i(?: a|')m (?:vegan|vegetarian)\b"),
    _row("profile", r"^我(?:比较|更|一般|通常|平时)?(?:喜欢|偏好|习惯|倾向于?)|^我对.{1,20}过敏|^我吃素"),
    _row("constraint", rf"\b(?:answer|reply|respond|write|speak)\b(?: to me| me)?(?: only| always)? in {_LANGUAGE}\b"
         rf"|^(?:always |only )?(?:use|speak) {_LANGUAGE}\b", "language"),
    _row("constraint", rf"(?:请|只|都|一律|必须|以后)?(?:用|使用|以){_LANGUAGE_ZH}(?:来)?(?:回答|回复|作答|答复|交流)", "language"),
    _row("constraint", r"^(?:please )?keep (?:your |all |the )*(?:answers?|replies|responses)\b", "length"),
    _row("constraint", r"^(?:你的)?(?:所有)?(?:回答|回复|答案)(?:都|要|请|必须|应该|尽量)+.{0,6}(?:简短|简洁|简单|详细|不超过|控制在)", "length"),
    _row("constraint", rf"^{_FIXED}\b|\b{_FIXED}[.!]?$"),
    _row("constraint", rf"^(?:请)?{_FIXED_ZH}"),
    _row("constraint", r"^(?:please )?(?:always|never) \w+"),
    _row("constraint", r"^(?:请)?(?:总是|永远不要|绝对?不(?:要|能|许)|千万别|切勿|务必)"),
    _row("constraint", r"^you must (?:always|never)\b|^(?:all|every|any) (?:code|answers?|replies|examples?|amounts?|dates?|units?) (?:must|should|has to|have to)\b"),
    _row("constraint", r"^(?:所有|任何|每个)(?:的)?(?:代码|回答|回复|示例|金额|日期|单位|文件).{0,4}(?:必须|都要|要|应当?|不得|不能|不要)"),
    _row("knowledge", r"^(?:please )?(?:remember|keep in mind|note|bear in mind)(?: that|:|,)|^(?:fyi|for (?:your )?(?:reference|information|context))\b"),
    _row("knowledge", r"^(?:请)?(?:记住|记下|牢记|注意|请注意|备注|供参考)[,，:：]?"),
    _row("knowledge", r"^(?:our|my) (?:\w+[ -]){0,3}(?:project|product|service|database|db|server|cluster|code ?base|repo(?:sitory)?|api|app|website|"
         r"deadline|budget|customers?|users?|deployment|backend|frontend|pipeline|release|contract|office|policy) (?:is|are|uses?|runs?|has|have|ends?|starts?)\b"),
    _row("knowledge", r"^(?:我们|我司|我们公司|我们团队|本公司)(?:的)?.{0,16}(?:是|用的是|使用|采用|部署在|基于|运行在|截止|预算)"),
    _row("knowledge", r"^(?:we|our team|my team|our company) (?:use|uses|run|runs|deploy|deploys|rely on|are migrating|is migrating|store|stores)\b"),
)  # fmt: skip


def found(text: str) -> list[Found]:
    """What one turn of the user tells, in its order; of several that tell the same the last."""
    told: dict[tuple[str, str], Found] = {}
    for line in own_words(text).split("\n"):
        wishes = True
        for statement in _ENDS.split(line):
            one = _found(statement)
            if one is not None and len(told) < MOST:
                key = (one.kind, one.slot or one.text.lower())
                told.pop(key, None)
                told[key] = one
            wishes = wishes and (one is not None or not statement.strip())
        if not (wishes or _NEUTRAL.search(line)):
            break  # what it asks for may be of what follows
    return list(told.values())


def _found(statement: str) -> Found | None:
    """What a statement tells that holds on."""
    text = next(statements(statement), "")
    said = QUOTED.sub(" ", text)
    if not text or _TOLD.search(said):
        return None
    return next((Found(row.kind, text, row.slot) for row in _ROWS if row.pattern.search(said)), None)


def statements(text: str, questions: bool = False) -> Iterator[str]:
    """Those of a text's prose that may be kept."""
    if len(text) > MOST_READ:
        text = f"{text[: MOST_READ // 2]}\n{text[-MOST_READ // 2 :]}"
    for piece in _ENDS.split(_CODE.sub("\n", text)):
        statement = " ".join(piece.split()).strip(" -*•·")
        if not 4 <= len(statement) <= LONGEST or _SECRET.search(statement):
            continue
        if questions or not _ASKS.search(statement):
            yield statement
