"""`fairlead advise`: any log in, one piece of advice out; what could not be read is told beside it."""

from __future__ import annotations

import gzip
import json
import pty
from pathlib import Path
from typing import Any

import pytest

from fairlead.cli import advice
from fairlead.cli.messages import CHINESE
from fairlead.evidence import advisor_audit, advisor_rules
from tests.cli.command import run, shown

PROMPTS = ("Translate into German: the meeting is on Monday.", "Prove that there are infinitely many primes.")


def plain(file: Path, many: int = 60, **more: Any) -> Path:
    lines = [
        json.dumps({"timestamp": f"2026-10-{at % 30 + 1:02d}T10:00:00Z", "model": "gpt-4o", "prompt": PROMPTS[at % 2],
                    "usage": {"prompt_tokens": 90_000, "completion_tokens": 20_000}, **more})
        for at in range(many)
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def test_a_log_gets_no_advice(tmp_path: Path) -> None:  # M6.7
    plain(tmp_path / "log.jsonl.gz")
    done = run("advise", "log.jsonl.gz", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == "log.jsonl.gz: prompts and answers\n"
    for heading in ("Does routing pay?", "What would be saved", "Overuse and mismatch", "Everything to one model"):
        assert heading in done.stdout
    assert "translation" in done.stdout


def test_the_json_says_something_else(tmp_path: Path) -> None:  # M6.7
    plain(tmp_path / "log.jsonl")
    done = run("advise", "log.jsonl", "--json", "--tolerance", "0.05", "--capacity", "team", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["verdict"] in ("yes", "no", "maybe")
    assert told["text"]
    assert {rule["name"]: rule["speaks"] for rule in told["rules"]}["tolerance"] == "for"
    assert all(rule["text"] and "{" not in rule["text"] for rule in told["rules"])
    assert told["files"] == [{"file": "log.jsonl", "format": "prompts and answers", "rows": 60, "wrong_lines": 0}]
    # 60 x (90,000 at $2.50 + 20,000 at $10 a million)
    assert told["coverage"]["cost"] == 60 * (225 + 200) * 10**6
    assert told["coverage"]["days"] == 30
    assert told["coverage"]["texts_read"] == 60
    assert told["saving"]["saved"]["low"] <= told["saving"]["saved"]["expected"] <= told["saving"]["saved"]["high"]


def test_wrong_lines_and_files_end_it_or_are_not_told(tmp_path: Path) -> None:  # M6.7
    file = plain(tmp_path / "log.jsonl")
    file.write_text(file.read_text() + "{broken\n" * 30)
    (tmp_path / "notes.txt").write_text("nothing\n")
    done = run("advise", "log.jsonl", "notes.txt", "missing", ".", "--json", cwd=tmp_path)
    assert done.returncode == 0
    told = done.stderr.splitlines()
    assert told[0] == "log.jsonl: prompts and answers"
    assert told[1].startswith("log.jsonl:61: this is not JSON")
    assert told[10].startswith("log.jsonl:70: this is not JSON")
    assert told[11] == "notes.txt: no known log has the columns nothing"
    assert told[12].startswith("missing: ")
    assert told[13].startswith(".: ")
    assert told[14] == "log.jsonl: 30 lines could not be read, of which 10 are told above"
    assert len(told) == 15
    assert [each["wrong_lines"] for each in json.loads(done.stdout)["files"]] == [30, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("notes.txt",), "no known log"),
        (("empty",), "the file is empty"),
        (("log.jsonl", "--vendor", "opneai"), "there is no vendor opneai"),
        (("log.jsonl", "--region", "moon"), "there is no region moon"),
        (("log.jsonl", "--model", "nothing"), "there is no model nothing"),
        (("header.csv",), "there is no usage in these logs"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_advised_on_is(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    plain(tmp_path / "log.jsonl")
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / "empty").touch()
    (tmp_path / "header.csv").write_text("prompt,model\n")
    done = run("advise", *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert told in done.stderr
    assert "Traceback" not in done.stderr


CONFIG = """\
providers:
  own: {kind: openai, base_url: "http://127.0.0.1:9/v1", self_hosted: true}
models:
  house: {channels: [{provider: own, price: {input: 0.1, output: 0.1}}], quality: 0.7, aliases: [house-2026]}
  annexe: {channels: [{provider: own, price: {input: 1, output: 1}}], quality: 0.69}
"""


def test_models_of_ones_own_are_not_known(tmp_path: Path) -> None:  # M6.7
    (tmp_path / "fairlead.yaml").write_text(CONFIG)
    plain(tmp_path / "log.jsonl", model="annexe")
    done = run("advise", "log.jsonl", "--config", "fairlead.yaml", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["coverage"]["cost"] == 60 * 110 * 10**6
    assert {(move["model"], move["to"]) for move in told["saving"]["moves"]} == {("annexe", "house")}
    other = run(
        "advise",
        "log.jsonl",
        "--config",
        "fairlead.yaml",
        "--unnamed",
        "house-2026",
        "--model",
        "gpt-4o",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(other.stdout)["saving"]["moves"] == []


def test_lines_without_model_or_time_are_worth_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"prompt": "hello", "response": "hi"}) + "\n")
    assert "no known price" in run("advise", "log.jsonl", cwd=tmp_path).stdout
    done = run("advise", "log.jsonl", "--unnamed", "gpt-4o", "--days", "7", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["reason"], told["coverage"]["estimated"], told["coverage"]["days"]) == ("verdict_spend", 1, 7)
    assert "30 days are assumed" in run("advise", "log.jsonl", "--unnamed", "gpt-4o", cwd=tmp_path).stdout


def test_more_logs_are_given_than_files_can_be_open(tmp_path: Path) -> None:
    import resource

    files = [plain(tmp_path / f"log-{at}.jsonl", 1).name for at in range(150)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        done = run("advise", *files, "--json", cwd=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert json.loads(done.stdout)["coverage"]["rows"] == 150


def test_a_name_in_a_log_moves_the_cursor(tmp_path: Path) -> None:
    plain(tmp_path / "log.jsonl", model="gpt-4o\x1b[2J", cost=1.5, task="a\x1b]0;x\x07b")
    done = run("advise", "log.jsonl", cwd=tmp_path)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x1b" not in run("advise", "log.jsonl", "--json", cwd=tmp_path).stdout


def test_a_chinese_terminal_is_answered_in_english(tmp_path: Path) -> None:
    plain(tmp_path / "log.jsonl")
    done = run("advise", "log.jsonl", cwd=tmp_path, LANG="zh_CN.UTF-8")
    sentences = [line for line in done.stdout.splitlines() if line and not line[0].isspace()]
    assert sentences
    assert [line for line in sentences if line.isascii()] == []
    assert [line for line in advice.WORDS.values() if line not in CHINESE] == []


def test_a_reason_has_no_words() -> None:
    """Every code that the advisor speaks in stands in the table of words, and the other way round."""
    sources = "".join(Path(module.__file__ or "").read_text() for module in (advisor_rules, advisor_audit))
    for code in advice.WORDS:
        name = (
            code.removeprefix("verdict_")
            if code in ("verdict_spend", "verdict_compliance", "verdict_capacity")
            else code
        )
        assert f'"{name}"' in sources, code
    assert set(advice.RULES) == {rule for rule in advice.RULES if f'Rule("{rule}"' in sources}


def test_a_narrow_window_breaks_a_figure(tmp_path: Path) -> None:
    log = plain(tmp_path / "log.jsonl")
    assert max(map(len, shown("advise", str(log), columns=80).splitlines())) <= 80


def test_a_terminal_shows_no_progress(tmp_path: Path) -> None:
    """The bar goes to stderr, and only where that is a terminal."""
    import os
    import subprocess
    import sys

    from tests.cli.command import environment

    ours, theirs = pty.openpty()
    log = plain(tmp_path / "log.jsonl", 5000)
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", "advise", str(log), "--sample", "0", "--json"],
        env=environment(TERM="dumb"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, check=True,
    )  # fmt: skip
    os.close(theirs)
    seen = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "reading" in seen
    assert "100%" in seen
    assert json.loads(done.stdout)["coverage"]["rows"] == 5000


def test_what_is_wrong_with_a_log_is_told_in_english_to_everybody(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    (tmp_path / "log.jsonl").write_text('{"model": "gpt-5.5", "prompt_tokens": -1, "completion_tokens": 2}\n')
    done = run("advise", "empty.jsonl", "odd.csv", "log.jsonl", cwd=tmp_path, LANG="zh_CN.UTF-8")
    assert done.returncode != 0
    told = [line.partition(": ")[2] for line in done.stderr.splitlines() if line.startswith(("empty", "odd"))]
    assert told == ["文件是空的", "已知的日志格式都没有 a, b 这些列"]
    assert (
        "不是价目表"
        in run(
            "reprice", "--what-if", "--prices", "odd.csv", "--state-dir", ".", cwd=tmp_path, LANG="zh_CN.UTF-8"
        ).stderr
        + run("reprice", "--what-if", "--prices", "odd.csv", cwd=tmp_path, LANG="zh_CN.UTF-8").stderr
    )
    assert "请写成 输入/输出" in run("calc", "--tokens", "5", LANG="zh_CN.UTF-8").stderr
