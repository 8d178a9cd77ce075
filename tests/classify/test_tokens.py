"""The estimate stays within bounds of what vocabularies make of a text, in any script."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead import classify
from fairlead.classify import tokens
from fairlead.core.call import Shape
from fairlead.dialects.openai_chat.native import read_request


def shape_of(*texts: str, **more: object) -> Shape:
    body = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]} | more
    return read_request(json.dumps(body, ensure_ascii=False).encode()).shape()


# What current vocabularies of the large providers take for these, from the thriftiest to the most wasteful.
SAMPLES = [
    ("The quick brown fox jumps over the lazy dog while the farmer counts his sheep in the evening. " * 20, 400, 480),
    ("def total(lines):\n    return sum(line.amount for line in lines if line.kind != 'request')\n" * 20, 380, 620),
    ("今天天气很好，我们一起去公园散步，然后在湖边吃午饭。" * 20, 300, 600),
    ("今日はとても天気が良いので、公園へ散歩に行きましょう。" * 20, 300, 620),
    ("Сегодня хорошая погода, и мы пойдём гулять в парк, а потом пообедаем у озера. " * 20, 340, 800),
    ("الطقس جميل اليوم وسنذهب إلى الحديقة ثم نتناول الغداء عند البحيرة. " * 20, 300, 900),
    ("อากาศวันนี้ดีมาก เราจะไปเดินเล่นที่สวนสาธารณะ " * 20, 320, 1100),
    ("😀🎉🚀" * 50, 150, 500),
]


@pytest.mark.parametrize(("text", "least", "most"), SAMPLES, ids=range(len(SAMPLES)))
def test_the_estimate_is_of_the_right_size_in_every_script(text: str, least: int, most: int) -> None:
    assert 0.7 * least <= tokens.input_tokens(shape_of(text)) <= 1.3 * most


def test_tool_declarations_are_input_too() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "d" * 300, "parameters": {"type": "object"}}}
    without, beside = tokens.input_tokens(shape_of("hi")), tokens.input_tokens(shape_of("hi", tools=[tool] * 20))
    assert 20 * 80 <= beside - without <= 20 * 140


def test_pictures_count_by_the_piece_and_not_by_their_bytes() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}]
    body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    assert tokens.input_tokens(read_request(json.dumps(body).encode()).shape()) < 2000


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=4))
def test_the_estimate_is_positive_and_grows_with_the_text(texts: list[str]) -> None:
    here, more = tokens.input_tokens(shape_of(*texts)), tokens.input_tokens(shape_of(*texts, "and more words"))
    assert 0 < here < more
    assert here <= sum(len(text.encode()) for text in texts) + 5 * len(texts) + 1


@pytest.mark.parametrize(
    ("asked", "output", "room"),
    [
        ({}, 400, 0),
        ({"max_tokens": 50}, 50, 50),
        ({"max_tokens": 9000}, 400, 9000),
        ({"n": 3}, 1200, 0),
        ({"n": 2, "max_tokens": 10}, 20, 10),
    ],
)
def test_the_answer_expected_is_the_usual_one_within_the_room_asked_for(
    asked: dict[str, int], output: int, room: int
) -> None:
    found = {signal.name: signal.value for signal in tokens.find(shape_of("hi", **asked))}
    assert (found["output"], found["output_room"]) == (output, room)


def test_a_body_nobody_looked_into_is_estimated_by_its_size() -> None:
    assert tokens.from_size(0) == 1
    assert tokens.from_size(3500) == 1001


def test_signals_of_all_finders_are_put_together() -> None:
    kinds = {(signal.kind, signal.name) for signal in classify.signals(shape_of("hi", tools=[{}]))}
    assert kinds == {
        ("structure", "turns"),
        ("structure", "chars"),
        ("structure", "tools"),
        ("needs", "tools"),
        ("tokens", "input"),
        ("tokens", "output"),
        ("tokens", "output_room"),
    }
