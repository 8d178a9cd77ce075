"""What a user's words tell of them: found in both languages, and nothing that is only of the request."""

from __future__ import annotations

import pytest

from fairlead.memory.rules import MOST, Found, found, statements


def told(text: str) -> list[tuple[str, str]]:
    return [(one.kind, one.slot) for one in found(text)]


@pytest.mark.parametrize(
    ("text", "kind", "slot"),
    [
        ("My name is Ada.", "profile", "name"),
        ("I work at Initech as an engineer.", "profile", "work"),
        ("I'm a data engineer.", "profile", "role"),
        ("I live in Lyon.", "profile", "home"),
        ("I prefer short answers.", "profile", ""),
        ("我叫李雷。", "profile", "name"),
        ("我在腾讯工作。", "profile", "work"),
        ("我是一名医生。", "profile", "role"),
        ("我住在上海。", "profile", "home"),
        ("我对花生过敏。", "profile", ""),
        ("Please answer in German.", "constraint", "language"),
        ("From now on, cite your sources.", "constraint", ""),
        ("Never use tabs in Python code.", "constraint", ""),
        ("Keep your answers under 100 words.", "constraint", "length"),
        ("以后请用英文回答。", "constraint", "language"),
        ("回答要简短，不超过100字。", "constraint", "length"),
        ("永远不要使用全局变量。", "constraint", ""),
        ("Remember that our cluster has 12 nodes.", "knowledge", ""),
        ("Our database is Postgres 15.", "knowledge", ""),
        ("We use trunk-based development.", "knowledge", ""),
        ("请记住，发布日期是 11 月 30 日。", "knowledge", ""),
        ("我们的数据库是 Postgres 15。", "knowledge", ""),
    ],
)
def test_a_statement_that_holds_on_is_not_seen(text: str, kind: str, slot: str) -> None:  # M5.2
    assert told(text) == [(kind, slot)]


@pytest.mark.parametrize(
    "text",
    [
        "What is my name?",
        "Is our database Postgres 15?",
        "你知道我在哪里工作吗？",
        "I'm a bit tired today.",
        "Write a poem in French about the sea.",
        "用中文写一首诗。",
        "Translate: 'My name is Ada.'",
        "> My name is Ada.",
        "```\nAlways use tabs.\n```",
        "    Always use tabs.",
        "Ok.",
        "",
    ],
)
def test_what_is_only_of_this_request_is_remembered(text: str) -> None:  # M5.2
    assert told(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Remember that my password is hunter2.",
        "Note that the API key is abc.",
        "记住，我的密码是 1234。",
        "Remember that my card is 4111 1111 1111 1111.",
        "Remember that it is sk-proj-AbCdEfGhIjKlMnOpQrStUv.",
    ],
)
def test_a_secret_is_remembered(text: str) -> None:  # M5.2
    assert told(text) == []


def test_of_two_names_the_first_is_kept() -> None:  # M5.2
    assert found("My name is Ada. No matter. Call me Countess.") == [Found("profile", "Call me Countess.", "name")]


def test_a_turn_fills_the_memory() -> None:  # M5.2
    assert len(found(" ".join(f"Remember that ship {number} sails." for number in range(50)))) == MOST
    assert found("Remember that " + "x y " * 100) == []
    pasted = "Our deadline is Friday.\n" + "lorem ipsum dolor. " * 50_000
    assert told(pasted) == [("knowledge", "")]


def test_a_line_for_the_history_is_a_secret_or_code() -> None:  # M5.2
    text = "```\ncode()\n```\nMy password is x. Can you fix this function?"
    assert next(statements(text, questions=True)) == "Can you fix this function?"
