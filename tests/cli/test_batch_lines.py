"""What the lines of a batch's file ask."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fairlead.cli.batch import CHEAPEST
from fairlead.cli.batch_lines import LONGEST, Ask, Terms, Wrong, asked, asks, count, opened
from fairlead.errors import FairleadError

TERMS = Terms(wishes=CHEAPEST)


def ask(line: object, terms: Terms = TERMS) -> Ask:
    found = asked(7, line if isinstance(line, bytes) else json.dumps(line).encode(), terms)
    assert isinstance(found, Ask), found
    return found


def wrong(line: object) -> str:
    found = asked(7, line if isinstance(line, bytes) else json.dumps(line).encode(), TERMS)
    assert isinstance(found, Wrong), found
    return found.why


SAID = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("line", "path", "body"),
    [
        ({"prompt": "Hello"}, "/v1/chat/completions", {"model": "auto", "messages": SAID}),
        (
            {"id": 1, "messages": SAID, "seed": 4},
            "/v1/chat/completions",
            {"model": "auto", "messages": SAID, "seed": 4},
        ),
        ({"prompt": "Hello", "model": "m"}, "/v1/chat/completions", {"model": "m", "messages": SAID}),
        ({"params": {"model": "m", "messages": SAID}}, "/v1/messages", {"model": "m", "messages": SAID}),
        ({"body": {"messages": SAID}}, "/v1/chat/completions", {"model": "auto", "messages": SAID}),
        (
            {"url": "/v1/embeddings", "body": {"model": "m", "input": "x"}},
            "/v1/embeddings",
            {"model": "m", "input": "x"},
        ),
        ({"url": "/v1/responses", "body": {"input": "x"}}, "/v1/responses", {"model": "auto", "input": "x"}),
        ({"url": "/v1/responses", "body": {}}, "/v1/responses", {"model": "auto"}),
        (
            {"url": "/v1beta/models/m:generateContent", "body": {"contents": []}},
            "/v1beta/models/m:generateContent",
            {"contents": []},
        ),
    ],
)
def test_a_form_is_read_as_another(line: object, path: str, body: object) -> None:  # M4.8
    found = ask(line)
    assert (found.path, json.loads(found.body)) == (path, body)


def test_what_is_no_ascii_ends_a_run() -> None:  # M4.8
    found = ask({"url": "/v1beta/models/模型%20a/b:generateContent", "body": {}})
    assert found.path == "/v1beta/models/%E6%A8%A1%E5%9E%8B%20a/b:generateContent"


def test_a_body_is_longer_than_the_gateway_takes() -> None:  # M4.8
    assert "longer than 32 MB" in wrong(b'{"prompt":"' + b"a" * (LONGEST - 20) + b'"}')


def test_what_can_be_read_once_is_not_asked(tmp_path: Path) -> None:  # M4.8
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        threads.submit(pipe.write_bytes, b'{"prompt": "a"}\n')
        with opened(pipe) as given:
            assert count(given) == (1, 1)
            assert [one.line for one in asks(given, TERMS, 1)] == [1]


def test_a_file_of_other_characters_is_taken_for_wrong_lines(tmp_path: Path) -> None:  # M4.8
    (file := tmp_path / "in").write_text('{"prompt": "a"}', encoding="utf-16")
    with pytest.raises(FairleadError, match="not UTF-8 text"), opened(file):
        pass


def test_a_body_is_sent_otherwise_than_it_was_given() -> None:  # M4.8
    body = b'{"model" : "m", "seed": 12345678901234567890123, "x": 1.10,  "messages": []}'
    assert ask(b'{"custom_id": "a", "body": ' + body + b"}").body == body
    without = body.replace(b'"model" : "m", ', b"")
    assert ask(b'{"custom_id": "a", "body": ' + without + b"}").body == b'{"model":"auto",' + without[1:]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nonsense", "JSON is malformed"),
        (b'{"prompt": "a"', "Input data was truncated"),
        (b"[1]", "Expected `object`"),
        ({"prompt": 3}, "Expected `str"),
        ({}, "expected {"),
        ({"custom_id": "a"}, "expected {"),
        ({"body": [1]}, "Expected `object`"),
        ({"body": {"messages": SAID, "stream": True}}, "leave `stream` out"),
        ({"url": "/v1/audio/speech", "body": {"input": "x"}}, "url is '/v1/audio/speech'"),
        ({"url": "http://elsewhere/v1/chat/completions", "body": {"input": "x"}}, "url is"),
        ({"url": "/v1beta/models/m:streamGenerateContent", "body": {}}, "url is"),
        ({"method": "DELETE", "body": {}}, "method is 'DELETE'"),
        ({"url": "/v1/embeddings", "prompt": "x"}, "has to stand under `body`"),
        *(
            ({"url": url, "body": {}}, "url is")
            for url in (
                "/v1/chat/completions?x",
                "/admin/v1/keys",
                "/v1/../admin/v1/keys",
                "/v1beta/models/m:streamGenerateContent?x=:generateContent",
                "/v1beta/models/m#:generateContent",
                "/v1beta/models/m HTTP/1.1:generateContent",
                "/v1beta/models/m\r\nx-fairlead-as: other\r\n:generateContent",
                "/v1beta/models/m\u3000:generateContent",
                "/v1beta/models/:generateContent",
            )
        ),
    ],
)
def test_a_line_that_asks_nothing_is_sent(line: object, words: str) -> None:  # M4.8
    assert words in wrong(line)


def test_a_line_is_called_otherwise_than_it_says() -> None:  # M4.8
    assert ask({"custom_id": "a", "id": "b", "prompt": "x"}).name == "a"
    assert ask({"id": 12, "prompt": "x"}).name == "12"
    assert ask({"prompt": "x"}).name == "line-7"


CLASS = {"x-fairlead-latency-class": "batch"}


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ({"prompt": "x"}, {**CLASS, **dict(CHEAPEST)}),
        ({"prompt": "x", "model": "m"}, CLASS),
        ({"prompt": "x", "model": "auto:best"}, CLASS),
        ({"prompt": "x", "fairlead": {"quality_floor": 0.9}}, CLASS),
        ({"prompt": "x", "fairlead": {"latency_class": "normal"}}, {}),
        ({"url": "/v1/embeddings", "body": {"input": "x"}}, CLASS),
        ({"url": "/v1beta/models/m:generateContent", "body": {}}, CLASS),
        ({"url": "/v1beta/models/auto:generateContent", "body": {}}, {**CLASS, **dict(CHEAPEST)}),
        ({"url": "/v1beta/models/%61uto:generateContent", "body": {}}, {**CLASS, **dict(CHEAPEST)}),
        ({"url": "/v1beta/models/auto:embedContent", "body": {}}, CLASS),
    ],
)
def test_a_line_that_has_wishes_of_its_own_is_given_others(line: object, headers: dict[str, str]) -> None:  # M4.8
    found = ask(line)
    assert found.headers == headers
    assert found.added == ("x-fairlead-budget" in headers)


def test_the_policy_that_was_named_goes_beside_one_that_a_line_names() -> None:  # M4.8
    terms = Terms(policy="careful")
    assert ask({"prompt": "x"}, terms).headers == {**CLASS, "x-fairlead-policy": "careful"}
    assert ask({"prompt": "x", "fairlead": {"policy": "own"}}, terms).headers == CLASS
    assert ask({"prompt": "x", "model": "m"}, terms).headers == CLASS


def test_two_lines_that_ask_different_things_have_one_mark() -> None:  # M4.8
    lines: list[tuple[object, Terms]] = [
        ({"prompt": "x"}, TERMS),
        ({"prompt": "y"}, TERMS),
        ({"prompt": "x"}, Terms(model="m")),
        ({"prompt": "x"}, Terms(policy="p")),
        ({"url": "/v1/responses", "body": {"input": "x"}}, TERMS),
        ({"url": "/v1/moderations", "body": {"input": "x"}}, TERMS),
    ]
    assert len({ask(line, terms).mark for line, terms in lines}) == len(lines)
    assert ask({"id": 1, "prompt": "x"}).mark == ask({"prompt": "x", "id": 2}).mark


def test_a_files_lines_are_miscounted(tmp_path: Path) -> None:  # M4.8
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"prompt": "a"}\r\n\n  \n{"prompt": "b"}')
    with opened(file) as given:
        assert count(given) == (4, 2)
        assert [one.line for one in asks(given, TERMS, 4)] == [1, 4]
        assert all(isinstance(one, Ask) for one in asks(given, TERMS, 4))
        assert [one.line for one in asks(given, TERMS, 3)] == [1], "what is written behind them meanwhile"
    file.write_bytes(b'{"prompt": "' + b"a" * LONGEST + b'"}\n{"prompt": "b"}\n')
    with opened(file) as given:
        assert count(given) == (2, 2)
        first, second = asks(given, TERMS, 2)
    assert isinstance(first, Wrong)
    assert first.name == "line-1"
    assert "longer than 32 MB" in first.why
    assert isinstance(second, Ask)
    assert second.line == 2
