"""Whether the same figures stand in both: 5 and five, 1,000 and 1000, 五 and 5 are one figure; 5 and -5 are two."""

from __future__ import annotations

KIND = "number"
ENGLISH = """
0, zero
1, one
2, two
3, three
4, four
5, five
6, six
7, seven
8, eight
9, nine
10, ten
11, eleven
12, twelve, a dozen, dozen
13, thirteen
14, fourteen
15, fifteen
16, sixteen
17, seventeen
18, eighteen
19, nineteen
20, twenty
30, thirty
40, forty
50, fifty
60, sixty
70, seventy
80, eighty
90, ninety
100, hundred, a hundred, one hundred
1000, thousand, a thousand, one thousand
1000000, million, a million, one million
1000000000, billion, a billion, one billion
1/2, half
1/4, quarter
twice, two times
double
triple
first, 1st
second, 2nd
third, 3rd
fourth, 4th
fifth, 5th
sixth, 6th
seventh, 7th
eighth, 8th
ninth, 9th
tenth, 10th
last
single
both
all
every
each
some
any
many
several
few
a few
little
a little
most
least
at least
at most
more
less
only
"""
CHINESE = """
1/2, 一半
半
双
倍
所有, 全部
一些
一点
一点儿
少数
多数, 大多数
每
几
两
只
只有
仅, 仅仅
至少
最多, 至多
最少
第一
第二
第三
"""
HAN = {"零": 0, "〇": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
ZEROS = ("零", "〇")
DIGITS = tuple(sign for sign, digit in HAN.items() if digit)
LONGEST_RANGE = 3
"""Figures in a row, up to so many, may be a range or a way of speaking: 三五天, 一一. More are a year or a code."""
BEYOND = 10**18
HAN_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}


def plain(figure: str) -> str:
    """A figure as it is told apart from others: without what only parts its digits."""
    figure = figure.replace(",", "").replace("_", "")
    return figure.removeprefix("+")


def han(text: str) -> str:
    """A row of Chinese figures in digits: 一百二十 is 120, 一万五 is 15000, 二〇二四 is 2024. What is no single number, or only
    part of one, stays as it is written: 七八十, 三五, the 万 of 5万."""
    if not any(sign in HAN_POWERS for sign in text):
        return "".join(str(HAN[sign]) for sign in text) if len(text) == 1 or len(text) > LONGEST_RANGE else text
    value = _value(text)
    return text if value is None else str(value)


def _value(text: str) -> int | None:
    """None where it is not one number, written in full."""
    total = section = digit = 0
    big, power, before = BEYOND, BEYOND, ""
    for sign in text:
        here = HAN_POWERS.get(sign)
        if here is None:
            if before in DIGITS:
                return None  # two in a row: one or the other
            digit = HAN[sign]
        elif here >= 10_000:
            section += digit
            if not (total or section) or before in ZEROS or here == big:
                return None
            total = total + section * here if here < big else (total + section) * here
            section, digit, big, power = 0, 0, here, here
        else:
            if (not digit and (here > 10 or section)) or (here >= power and power < 10_000):
                return None
            section, digit, power = section + (digit or 1) * here, 0, here
        before = sign
    if before in ZEROS:
        return None
    if digit and text[-2] in HAN_POWERS and power > 10:
        digit *= power // 10  # 一万五: five of the next smaller
    return total + section + digit
