"""`fairlead classify`: one line out for each line in, and nothing else on standard output."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import run

FIELDS = {"task", "complexity", "domain", "language", "latency_class", "sensitive", "confidence", "ms"}
LINES = (
    {"text": "Translate into German: the meeting is on Monday."},
    {"messages": [{"role": "user", "content": "把下面这句话翻译成英文：会议改到周三下午三点。"}]},
    {"text": "Write to jane.doe@example.com about card 4111 1111 1111 1111"},
)


def test_each_line_has_its_answer_and_a_broken_one_says_so(tmp_path: Path) -> None:
    given = "\n".join([*map(json.dumps, LINES), "{broken", '{"prompt": "x"}']) + "\n"
    done = run("classify", cwd=tmp_path, stdin=given)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 5
    assert all(one.keys() == FIELDS for one in told[:3])
    assert [one["task"] for one in told[:2]] == ["translation", "translation"]
    assert [one["language"] for one in told[:2]] == ["en", "zh"]
    assert [one["sensitive"] for one in told[:3]] == [False, False, True]
    assert all("error" in one for one in told[3:])
    assert done.returncode == 1


def test_a_text_may_stand_on_the_command_line(tmp_path: Path) -> None:
    done = run("classify", "Why do tides come twice a day?", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout).keys()) == (0, FIELDS)


def test_the_intents_are_listed(tmp_path: Path) -> None:  # M2.5
    done = run("config", "intents", cwd=tmp_path)
    assert "refactor_this_function" in done.stdout
