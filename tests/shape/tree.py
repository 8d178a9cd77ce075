"""The project's files as the shape tests see them: the sources, and what each imports."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "fairlead"
CODE = ("src", "tests", "scripts", "benchmarks")
SKIPPED = {"__pycache__", "build", "dist", "node_modules", "state"}


def files(*roots: str) -> Iterator[Path]:
    """Every file of the project below these folders (all of it without arguments); hidden and built ones left out."""
    for root in roots or (".",):
        for folder, folders, names in os.walk(ROOT / root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED and (not f.startswith(".") or f == ".ci"))
            yield from (Path(folder) / name for name in sorted(names))


def sources(*roots: str) -> list[Path]:
    found = [file for file in files(*roots) if file.suffix == ".py"]
    assert found, f"no Python files under {roots}"
    return found


def imports(source: str, package: str = "") -> Iterator[tuple[int, str]]:
    """Each import of a module's text, as (line, dotted name of what is imported), lazy and typing-only ones included.

    `from a import b` gives `a.b`: whether b is a module or a name in one does not matter to the rules. `package` is
    where relative imports start.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def package_of(file: Path) -> str:
    """The dotted package a source file is in, as its relative imports see it."""
    return ".".join(file.relative_to(PACKAGE.parent).parent.parts)
