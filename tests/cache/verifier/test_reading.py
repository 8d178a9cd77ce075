"""What is left of a text that was read: courtesy gone, words that mean the same one word, everything else still there."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.cache.verifier.reading import read
from fairlead.cache.verifier.table import difference

SAME = [
    ("What is 10⁵?", "what is 10^5"),
    ("Is CO₂ toxic?", "Is CO2 toxic?"),
    ("月薪一万五要交多少税", "月薪15000要交多少税？"),
    ("What is the capital of France?", "whats the capital of france"),
    ("What is the capital of France?", "Please tell me what the capital of France is"),
    ("What is the capital of France?", "I'd like to know, what is the capital of France? Thanks!"),
    ("How do I reverse a list in Python?", "In Python, how can I reverse a list?"),
    ("Convert 1,000 metres to miles", "convert 1000 meters to miles"),
    ("What happens if I don't pay?", "what happens if i do not pay"),
    ("WHAT IS THE SPEED OF LIGHT", "What is the speed of light?"),
    ("Is 16 GB enough for the game?", "is 16 gb enough for the game"),
    ("List three uses for baking soda.", "please list 3 uses for baking soda"),
    ("法国的首都是哪里？", "请问法国的首都是哪里"),
    ("什么是机器学习？", "机器学习是什么"),
    ("怎么用Python读取文件？", "用python如何读取文件呢"),
    ("为什么天空是蓝色的", "天空为什么是蓝色的？"),
    ("請問怎麼學習鋼琴？", "怎么学习钢琴"),
    ("一百二十的平方根是多少", "120的平方根是多少"),
    ("你知道珠穆朗玛峰有多高吗？", "珠穆朗玛峰有多高"),
    ("Ｐｙｔｈｏｎ怎么装？", "Python怎么安装"),
]
OTHERS = [  # what the reading leaves out or puts together must not make these one
    ("What does the word please mean?", "What does the word kindly mean?"),
    ("French for please", "French for thank you"),
    ("Hello in French", "Hi in French"),
    ("What foods have vitamin a?", "What foods have vitamin?"),
    ("Is plan A better?", "Is the plan better?"),
    ("Suggest a few names", "Suggest few names"),
    ("Difference between purchase and buy", "Difference between buy and purchase and buy"),
    ("Can you swim?", "Swim"),
    ("Do you know he came?", "He came."),
    ("You know what it is?", "You know what it is."),
    ("The server is down", "The server is down?"),
    ("How do you work?", "How do I work?"),
    ("What does US mean for trade?", "What does us mean for trade?"),
    ("Is 5 MB a lot?", "Is 5 Mb a lot?"),
    ("Is five GB a lot?", "Is five Gb a lot?"),
    ("1.5 litres of water", "15 litres of water"),
    ("Is -5 an even number?", "Is 5 an even number?"),
    ("What is x²?", "What is x2?"),
    ("What is (1 + 2) * 3?", "What is 1 + 2 * 3?"),
    ("Explain C", "Explain C#"),
    ("Say: hello", "Say: hello!"),
    ("这是我的吗", "这是我吗"),
    ("你喜欢什么吗", "你喜欢什么"),
    ("你知道他来了吗", "他来了"),
    ("你能干什么", "干什么"),
    ("未来怎么样", "没来怎么样"),
    ("请假怎么办", "假怎么办"),
    ("万一下雨怎么办", "一万下雨怎么办"),
    ("¿Dónde está la playa?", "¿Dónde está el playa?"),
    ("Я иду в кино", "Я не иду в кино"),
    ("東京の天気", "京都の天気"),
    ("2000万人口的城市有哪些", "2000亿人口的城市有哪些"),
    ("$5万能买什么", "$5亿能买什么"),
    ("月薪一万五要交多少税", "月薪一万零五要交多少税"),
    ("七八十岁的人能跑步吗", "八十岁的人能跑步吗"),
    ("十三四岁能打工吗", "十四岁能打工吗"),
    ("三五天够吗", "三十五天够吗"),
    ("三五天够吗", "35天够吗"),
    ("不，可以吃吗", "不可以吃吗"),
    ("What is 10⁵?", "What is 105?"),
    ("10⁵ 是多少", "105 是多少"),
    ("Solve x⁴ = 16", "Solve x4 = 16"),
    ("What is log₂8?", "What is log28?"),
    ("How many are 5¼ and 2?", "How many are 51⁄4 and 2?"),
    ("How long is 6' in cm?", "How long is 6 in cm?"),
    ("How long is 6' in cm?", 'How long is 6" in cm?'),
    ("Is CO toxic?", "Is Co toxic?"),
    ("What does !x do in C?", "What does x do in C?"),
    ("“後”是什么意思", "“后”是什么意思"),
    ("後怎么写", "后怎么写"),
    ("Was zieht er an?", "Was zieht er?"),
    ("was hat er an", "was hat er"),
    ("no me has dicho a que hora sale el tren", "no me has dicho que hora sale el tren"),
    ("has visto a alguien", "has visto alguien"),
    ("quanto costa a me", "quanto costa me"),
    ("jak to do me a ty", "jak to do me ty"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_a_question_in_other_words_is_another_one(first: str, second: str) -> None:  # M5.1
    assert difference(read(first), read(second)) == ""


@pytest.mark.parametrize(("first", "second"), OTHERS)
def test_reading_makes_one_of_two(first: str, second: str) -> None:  # M5.1, FAULTS 54
    assert difference(read(first), read(second)) != ""
    assert difference(read(second), read(first)) != ""


FIGURES = {
    "一百二十": "120", "一百一十": "110", "一千零五十": "1050", "十": "10", "十五": "15", "一亿三千万": "130000000", "一万亿": "1000000000000",
    "五万五千三百二十一": "55321", "一万五": "15000", "二百五": "250", "三千二": "3200", "一万零五": "10005", "二〇二四": "2024", "零": "0",
}  # fmt: skip


@pytest.mark.parametrize("text", FIGURES)
def test_a_row_of_chinese_figures_is_another_number(text: str) -> None:  # M5.1
    assert read(text).marks["number"] == (FIGURES[text],)


@pytest.mark.parametrize(
    "text", ["七八十", "十三四", "三五百", "三五", "一一", "万", "亿", "百八十", "亿万", "一万五万", "十百", "一万零"]
)
def test_what_is_no_single_number_is_taken_for_one(text: str) -> None:  # M5.1, FAULTS 54
    assert not any(value.isdigit() for value in read(text).marks["number"])


MARKS: list[tuple[str, str, tuple[str, ...]]] = [
    ("How many days are in five weeks?", "number", ("5",)),
    ("二〇二四年有一百二十天吗", "number", ("2024", "120")),
    ("Is it open on Monday at 10:30?", "date", ("monday", "10:30")),
    ("Can't I leave without him?", "negation", ("not", "without")),
    ("Who is Ada Lovelace?", "name", ("ada", "lovelace")),
    ("Does GPT4 beat c++?", "name", ("gpt4", "c++")),
    ("Is 5 km more than 3 miles?", "unit", ("km", "mile")),
    ("What does `x = 1` do?", "code", ("`x = 1`",)),
    ('Who wrote "Emma"?', "quote", ('"Emma"',)),
    ("5公里和3英里", "unit", ("公里", "英里")),
]


@pytest.mark.parametrize(("text", "kind", "values"), MARKS)
def test_a_mark_is_not_seen(text: str, kind: str, values: tuple[str, ...]) -> None:
    assert read(text).marks.get(kind) == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "?",
        "\n",
        "```",
        "'",
        "“",
        "的",
        "吗？",
        "\ud800",
        "a" * 5000,
        "5" * 5000,
        "请" * 2000,
        "(" * 2000,
        "please " * 500,
        "`" * 999,
    ],
)
def test_a_text_cannot_be_read(text: str) -> None:
    reading = read(text)
    assert difference(reading, read(text)) == ""


@pytest.mark.parametrize("text", ["x_", "-", "A百", "+é。"])
async def test_a_text_is_gone_through_over_and_over(text: str) -> None:  # FAULTS 60
    """It may be read while others wait: as long as this one took minutes."""
    async with asyncio.timeout(20):
        await asyncio.to_thread(read, text * 100_000)
