"""A file that one can read in a sitting, a function that fits a screen."""

from __future__ import annotations

import ast

from tests.shape.tree import CODE, sources

FILE_LINES = 500
FUNCTION_LINES = 60


def too_long(name: str, source: str) -> list[str]:
    found = []
    if (lines := len(source.splitlines())) > FILE_LINES:
        found.append(f"{name} has {lines} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
    return found


def test_no_file_or_function_outgrows_its_reader() -> None:
    found = [problem for file in sources(*CODE) for problem in too_long(str(file), file.read_text())]
    assert found == []


def test_one_line_too_many_is_noticed() -> None:
    assert too_long("a", "x = 1\n" * FILE_LINES) == []
    assert too_long("a", "x = 1\n" * (FILE_LINES + 1)) == [f"a has {FILE_LINES + 1} lines"]
    function = "async def f():\n" + "    x = 1\n" * FUNCTION_LINES
    assert too_long("a", function) == [f"a:1 f has {FUNCTION_LINES + 1} lines"]
