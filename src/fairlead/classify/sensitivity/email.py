"""Mail addresses: something local, an @, a domain that ends in a name a domain can end in."""

from __future__ import annotations

import re

from fairlead.classify.sensitivity.page import Page

LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-"
LONGEST_LOCAL = 64
LONGEST_DOMAIN = 255
_WELL_KNOWN = """
com org net edu gov mil int info biz name pro app dev cloud online site xyz shop store tech club live email mail mobi
asia jobs travel museum aero coop cat tel post health care bank finance law legal agency group company systems
solutions services software digital media news blog art design studio work world wiki
test example invalid localhost local internal corp lan home
"""
_COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca cc cd cf
cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg
gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp
kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne
nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl
sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu
wf ws ye yt za zm zw
"""
ENDINGS = frozenset(f"{_WELL_KNOWN} {_COUNTRIES}".split())
NATIVE = frozenset(("中国", "公司", "网络", "香港", "台湾", "рф", "сайт", "онлайн", "한국", "भारत"))
NOBODYS = frozenset(("git", "noreply", "no-reply", "npm"))
_DOMAIN = re.compile(r"[\w-]{1,63}(?:[.。][\w-]{1,63}){1,8}")
_RUNS_ON = frozenset("0123456789_-")
_ENDING = re.compile(r"[A-Za-z]{2,24}")


def find(page: Page) -> float:
    text = page.text
    at = text.find("@")
    best = 0.0
    while at >= 0 and best < 0.95:
        domain = _DOMAIN.match(text, at + 1, at + 1 + LONGEST_DOMAIN)
        if domain is not None and _local(text, at):
            best = max(best, _ends(text, domain))
        at = text.find("@", at + 1)
    return best


def _local(text: str, at: int) -> bool:
    before = text[max(at - LONGEST_LOCAL, 0) : at]
    rest = before.rstrip(LOCAL)
    local = before[len(rest) :].strip(".").rpartition("/")[2]
    if local:
        return local not in NOBODYS
    return rest[-1:].isalpha()


def _ends(text: str, domain: re.Match[str]) -> float:
    """The domain may run on into words that follow without a space, so each of its parts may be the last."""
    labels = domain[0].replace("。", ".").split(".")
    for last in range(len(labels) - 1, 0, -1):
        label = labels[last]
        if label in NATIVE:
            return 0.9
        ending = _ENDING.match(label)
        if ending is None or label[ending.end() : ending.end() + 1] in _RUNS_ON:
            continue
        if ending[0].lower() in ENDINGS:
            # `a@b.to(x)` is a product of matrices.
            called = last == len(labels) - 1 and text[domain.end() : domain.end() + 1] in ("(", "[")
            return 0.0 if called else 0.95
    return 0.0
