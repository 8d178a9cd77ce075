"""`fairlead calc`: data alone on stdout, every scenario at once, options over a file, mistakes pointed at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.evidence.scenarios import names
from tests.cli.command import run, shown

FIELDS = {
    "name", "title", "source", "date", "inputs", "results", "series", "published", "agrees", "note", "warnings",
}  # fmt: skip
SMALL = "models:\n  a: {input: 1, output: 2, quality: 0.8}\n  b: {input: 4, output: 8, quality: 0.9}\n"


def answered(*arguments: str, cwd: Path | None = None, **env: str) -> Any:
    done = run("calc", *arguments, "--json", cwd=cwd, **env)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_all_scenarios_are_not_one_array_on_stdout() -> None:  # M6.5
    found = answered("--all")
    assert [one["name"] for one in found] == list(names())
    for one in found:
        assert one.keys() == FIELDS
        assert isinstance(one["agrees"], bool)
        assert one["agrees"] or one["note"]
        assert one["agrees"] == all(figure["agrees"] for figure in one["published"])
        assert one["results"].keys() == one["inputs"]["strategies"].keys()
        assert {point["strategy"] for point in one["series"]} == set(one["results"])
        costs = [point["cost"] for point in one["series"]]
        assert costs == sorted(costs)
    of = {one["name"]: one["results"] for one in found}
    assert of["d5_all_frontier"]["all-gpt-5.5"]["cost"] == 18000
    assert of["a1_tiered"]["tiered"]["cost_ratio"]["all-frontier"] == 0.106533333
    assert of["e4_cascade"]["cascade"]["per_request"] == 0.0785
    assert of["e7_dashboard"]["bill"]["per_request"] == 0.002306477
    assert of["a8_cache_65"]["cached"]["per_million_tokens"] == 0.0581


def test_the_list_is_not_what_can_be_asked_for() -> None:
    found = answered("--list")
    assert [one["name"] for one in found] == list(names())
    done = run("calc")
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in names())
    assert run("calc", "--list").stdout == done.stdout


def test_a_scenario_is_shown_without_its_outcome() -> None:
    said = run("calc", "d5_flash_opus").stdout
    for words in ("$9,624.00", "$6,800.00", "80.0 %", "random", "all-frontier", "NO", "about $9,600", "Agent routing"):
        assert words in said
    every = run("calc", "--all").stdout
    assert "52 of 66 published figures add up." in every
    assert every.count("about $9,600") == 1


def test_a_window_breaks_a_figure() -> None:
    for columns in (60, 100):
        assert "$9,624.00" in shown("calc", "d5_flash_opus", columns=columns)


def test_a_file_of_ones_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"{SMALL}strategies:\n  half: {{mix: {{a: 1/2, b: 50 %}}}}\n")
    found = answered("mine.yaml", cwd=tmp_path)
    assert found["name"] == "mine"
    assert found["agrees"] is None
    half = found["results"]["half"]
    assert (half["cost"], half["quality"], half["per_1000"]) == (4.5, 0.85, 4.5)
    assert half["shares"]["b"] == {"requests": 0.5, "spend": 0.8, "cost": 3.6}
    assert half["saving"] == {"random": 0, "all-frontier": 0.375, "all-cheap": -1.5}


def test_not_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"{SMALL}strategies:\n  s: {{mix: {{a: 0.5, c: 0.4}}}}\n  t: {{sngle: a}}\n")
    done = run("calc", "mine.yaml", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "fairlead: mine.yaml:5: strategies.s.mix.c: there is no model 'c'; known: a, b",
        "mine.yaml:5: strategies.s.mix: the shares add up to 0.9, not to 1",
        "mine.yaml:6: strategies.t.sngle: unknown setting, did you mean 'single'?",
    ]


def test_options_do_not_change_what_a_scenario_says() -> None:
    found = answered("d5_flash_opus", "--requests", "1000", "--tokens", "2000/0", "--cached", "50%",
                     "--model", "gpt-5.5=1/1/0", "--mix", "gpt-5.5=100%", "--cascade", "deepseek-v4-flash=0.9,gpt-5.5=0.1")  # fmt: skip
    results = found["results"]
    assert results["mix"]["cost"] == 1
    assert results["cascade"]["calls"] == 1100
    assert results["flash-opus"]["requests"] == 1000
    assert (found["published"], found["agrees"], found["note"]) == ([], None, "")


def test_options_alone_describe_nothing() -> None:
    found = answered("--model", "a=1/2", "--model", "b=4/8", "--quality", "a=0.5,b=0.9", "--tasks", "x=0.25,y=75%",
                     "--tiered", "x=a,y=b", "--tiered", "x=b,y=a", "--tokens", "1000/0")  # fmt: skip
    costs = {name: one["cost"] for name, one in found["results"].items()}
    assert costs == {"tiered": 3.25, "tiered-2": 1.75, "random": 2.5, "all-frontier": 4, "all-cheap": 1}
    assert found["results"]["tiered"]["quality"] == 0.8
    named = answered("--mix", "claude-opus-4.7=20%,deepseek-v4-flash=80%")
    assert named["inputs"]["models"]["claude-opus-4.7"]["price_from"] == "catalogue"
    assert named["results"]["mix"]["cost"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("d5_smrt",), 1, "did you mean 'd5_smart'?"),
        (("nowhere.yaml",), 1, "nowhere.yaml: there is no such file"),
        (("--all", "--list"), 2, "stand alone"),
        (("--all", "d5_smart"), 2, "stand alone"),
        (("--list", "--requests", "5"), 2, "stand alone"),
        (("--tokens", "1000"), 2, "write it IN/OUT"),
        (("--model", "a=1"), 2, "write it NAME=IN/OUT"),
        (("--model", "a=1/2/3/4"), 2, "write it NAME=IN/OUT"),
        (("--mix", "a"), 2, "write it NAME=VALUE"),
        (("--mix", "a=,b=1"), 2, "write it NAME=VALUE"),
        (("--model", "a=one/2"), 1, "models.a.input: expected a number, found the text 'one'"),
        (("--requests", "0", "--model", "a=1/1"), 1, "requests: must be at least 1, found 0"),
        (("d5_smart", "--cached", "7"), 1, "tokens.cached: a share is from 0 to 1, found 7"),
    ],
)
def test_a_mistake_is_answered_with_figures(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run("calc", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("--list",), ("--all",), ("d5_flash_opus",)], ids=" ".join)
def test_a_chinese_reader_is_told_in_english_what_does_not_add_up(arguments: tuple[str, ...]) -> None:
    said = run("calc", *arguments, LANG="zh_CN.UTF-8").stdout
    assert "节省" in said or "吻合" in said
    assert "not $6,800" not in said
    assert "published" not in said.casefold()


def test_json_is_translated() -> None:
    assert answered("d5_flash_opus", LANG="zh_CN.UTF-8") == answered("d5_flash_opus")


def test_an_option_of_an_example_changes_nothing() -> None:
    examples = [
        line.split()[2:] for line in run("calc", "--help").stdout.splitlines() if line.startswith("    fairlead calc ")
    ]
    with_options = [(name, *options) for name, *options in examples if not name.startswith("-") and options]
    assert len(with_options) == 2
    for name, *options in with_options:
        assert answered(name, *options)["results"] != answered(name)["results"]
