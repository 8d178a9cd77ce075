"""The core stays pure: it sees no network, file, database, clock or global randomness, so decisions can be replayed."""

from __future__ import annotations

import ast

import pytest

from tests.shape.tree import PACKAGE, imports, package_of, sources

ALLOWED = {
    "__future__",
    "abc",
    "ast",  # parses Python, runs none
    "bisect",
    "collections",
    "contextvars",  # what a parser logs while it reads is of no interest
    "dataclasses",
    "decimal",  # with explicit contexts: arithmetic on money
    "difflib",  # the nearest spelling of a model's name
    "enum",
    "fairlead.core",
    "fairlead.errors",
    "fractions",
    "functools",
    "hashlib",  # hashes of policies and seeds
    "heapq",
    "itertools",
    "jsonschema_rs",  # JSON schemas and patterns, offline
    "math",
    "msgspec",
    "operator",
    "random.Random",  # a seeded generator of one's own; the module's global one is state that nobody passed in
    "re",
    "sqlglot",  # parses SQL
    "string",
    "textwrap",
    "tree_sitter",  # parses JavaScript
    "tree_sitter_javascript",
    "typing",
    "types",
    "warnings",  # those of a parser are of no interest
}
"""An allow-list: what is not known to be pure stays out until somebody has looked at it."""

BUILTINS = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint", "globals", "hash"}
"""`hash` is here because it differs from process to process."""

PURE = [*sorted((PACKAGE / "core").rglob("*.py")), PACKAGE / "errors.py"]


def impurities(source: str, package: str = "fairlead.core") -> list[str]:
    found = [
        f"line {line}: imports {name}"
        for line, name in imports(source, package)
        if not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED)
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            found.append(f"line {node.lineno}: calls {node.func.id}()")
        elif isinstance(node, ast.Global):
            found.append(f"line {node.lineno}: writes to a global")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"line {node.lineno}: is asynchronous")
    return found


def test_nothing_in_the_core_can_reach_the_outside_world() -> None:
    assert len(PURE) > 5
    assert {str(file): bad for file in PURE if (bad := impurities(file.read_text(), package_of(file)))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import socket",
        "def f():\n    from os import environ",
        "import random",
        "from random import choice",
        "from datetime import datetime",
        "import time as t",
        "from pathlib import Path",
        "from fairlead.store import ledger",
        "from ..gateway import pipeline",
        "import fairlead",
        "open('x')",
        "seed = hash('x')",
        "async def f(): pass",
        "def f():\n    global x",
    ],
)
def test_an_impure_core_module_is_noticed(source: str) -> None:
    assert impurities(source)


def test_a_pure_module_is_let_through() -> None:
    source = "import math\nfrom random import Random\nfrom fairlead.core.plan import Plan\nfrom . import plan\n"
    assert impurities(source) == []


def test_the_list_of_sources_covers_the_whole_package() -> None:
    assert set(PURE) < set(sources("src"))
