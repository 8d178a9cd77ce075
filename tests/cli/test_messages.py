"""The table of messages: nothing in it is unused, and a translation fills in the same figures."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from string import Formatter

import pytest

from fairlead.cli import messages
from fairlead.cli.messages import CHINESE, ERRORS, told, tr
from fairlead.cli.spending import _whose
from tests.cli.command import run, running


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@functools.cache
def texts_of_the_code() -> set[str]:
    package = Path(messages.__file__).parent.parent
    files = [
        file
        for room in ("cli/*.py", "server/*.py", "gateway/*.py", "store/*.py", "evidence/**/*.py")
        for file in package.glob(room)
        if not file.name.startswith("messages")
    ]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("message", CHINESE)
def test_a_translation_lacks_a_figure_or_is_used_nowhere(message: str) -> None:
    assert placeholders(CHINESE[message]) == placeholders(message)
    assert CHINESE[message] != message
    assert message in texts_of_the_code()


def test_a_message_without_translation_gets_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert tr("Totals") == "总计"
    assert tr("nothing of the kind") == "nothing of the kind"


@functools.cache
def errors_of_the_code() -> set[str]:
    """Every text of the package that fills something in, with `{}` where it does."""
    package = Path(messages.__file__).parent.parent
    found = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                found.add("".join(map(str, parts)))
    return found


def filled(template: str, value: str) -> str:
    return "".join(text + (value if name else "") for text, name, _, _ in Formatter().parse(template))


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_translated_that_is_raised_in_other_words(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert placeholders(ERRORS[error]) == placeholders(error)
    spelled = filled(error, "{}")
    said = errors_of_the_code()
    located = {text.replace("{}:{}: ", "{}: ", 1) for text in said}
    assert spelled in said | located or f"{{}}{spelled.removeprefix('{}')}" in said
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert told(filled(error, "x:/\ny")) == filled(ERRORS[error], "x:/\ny")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert told(filled(error, "x")) == filled(error, "x")


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "hi"),
        ("explain", "hi", "-m", "sim-nano"),
        ("route", "hi"),
        ("models",),
        ("report",),
        ("demo", "--seconds", "2", "--speed", "40"),
    ],
    ids=" ".join,
)
def test_a_heading_or_a_sentence_is_english_among_chinese_ones(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path, LANG="zh_CN.UTF-8")
    sentences = [line for line in (done.stdout + done.stderr).splitlines() if line and not line[0].isspace()]
    assert sentences
    assert [
        line for line in sentences if line.isascii() and not line.startswith(("+", "|", "sim-", *"123456789"))
    ] == []


def test_a_server_speaks_two_languages_at_its_start(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello", LANG="zh_CN.UTF-8") as (_, said):
        assert [line for line in said.splitlines() if line.isascii() and not line.startswith(" ")] == []
        done = run("serve", "--port", "0", cwd=tmp_path, LANG="zh_CN.UTF-8")
        assert "正被进程" in done.stderr
        assert "账本是空的" in run("report", cwd=tmp_path, LANG="zh_CN.UTF-8").stderr


def test_a_list_of_keys_is_half_in_english(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "providers: {p: {kind: simulated, models: {m: {}}}}\nmodels: {m: {channels: [{provider: p}]}}\n"
        "tenants: {acme: {}}\nkeys: [{name: old, key: some-key-1, tenant: acme, role: admin, expires: 2020-01-01}]\n"
    )
    said = run("keys", "list", "-c", "f.yaml", cwd=tmp_path, LANG="zh_CN.UTF-8", COLUMNS="200").stdout
    assert "管理员 (租户)" in said
    assert "已过期" in said
    assert "配置文件" in said


def test_whose_a_budget_is_stays_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    whose = {
        "team 'research'": "团队 'research'",
        "the gateway": "网关",
        "tier high of policy p": "策略 p 的层级 high",
        "tier high of policy p of tenant 'acme'": "租户 'acme' 的策略 p 的层级 high",
        "tag 'night' of tenant 'acme'": "租户 'acme' 的标签 'night'",
        "key 'a' with all keys it granted": "密钥 'a' 及其签发的所有密钥",
    }
    assert {who: _whose(who) for who in whose} == whose
