"""The table of messages: nothing in it is unused, and a translation fills in the same figures."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from string import Formatter

import pytest

from fairlead.cli import messages
from fairlead.cli.messages import CHINESE, tr


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@functools.cache
def texts_of_the_code() -> set[str]:
    package = Path(messages.__file__).parent.parent
    files = [file for file in (*package.glob("cli/*.py"), *package.glob("server/*.py")) if file.name != "messages.py"]
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
