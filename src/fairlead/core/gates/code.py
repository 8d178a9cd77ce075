"""Blocks of code that cannot be parsed: Python, JSON, and where a parser is installed SQL and JavaScript.

Nothing is ever run. What is meant to be incomplete is none of it: sessions with their prompts, commands of notebooks,
places left out with dots, templates.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from textwrap import dedent
from typing import Any, Final

from fairlead.core.gates.schemas import read
from fairlead.core.gates.verdict import Asked, Given, Verdict

MOST_BLOCKS: Final = 20
LARGEST: Final = 40_000
"""Characters of a block that is still parsed."""
_FENCE: Final = re.compile(r"[ \t]*(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*)")
_NOT_ALL: Final = re.compile(
    r"^[ \t]*+(?:\.\.\.|…|#\s*\.\.\.|//\s*\.\.\.|--\s*\.\.\.|/\*\s*\.\.\.)|\.\.\.\s*$|<[a-z][\w -]*>|\{\{|\{%|\[your|your_",
    re.MULTILINE | re.IGNORECASE,
)
_SESSION: Final = re.compile(r"^[ \t]*+(?:>>>|\$ |In \[\d|Traceback |PS [A-Z]:|[%!]\w)", re.MULTILINE)
_PYTHON_2: Final = re.compile(
    r"^[ \t]*+print[ \t]++[^\s(=]|^[ \t]*+except[ \t]++\w+,\s*\w+\s*:|\bxrange\(|\braw_input\(", re.MULTILINE
)


def code(asked: Asked, given: Given) -> Verdict | None:
    blocks = _blocks(given.text) if "```" in given.text or "~~~" in given.text else []
    checked, broken = 0, []
    for language, text in blocks:
        parse = PARSERS.get(language.lower())
        if parse is None or not text.strip() or len(text) > LARGEST:
            continue
        complaint = parse(text)
        if complaint is None:
            continue
        checked += 1
        if complaint and not _NOT_ALL.search(text):
            broken.append(f"{language}: {complaint}")
    if not broken:
        return None
    writing = asked.task in ("code_generation", "code_debug")
    most = len(broken) * 2 > checked
    confidence = (0.15 if writing else 0.3) if most else 0.5
    return Verdict("code", confidence, f"{len(broken)} of {checked} blocks cannot be parsed; {broken[0][:160]}")


def _blocks(text: str) -> list[tuple[str, str]]:
    """(language, text) of the first blocks that are closed, each line looked at once."""
    found: list[tuple[str, str]] = []
    fence = language = ""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if not fence:
            if mark is not None:
                fence, language, lines = mark[1], mark[2], []
        elif mark is not None and mark[1] == fence and not line[mark.end(1) :].strip():
            found.append((language, "".join(f"{one}\n" for one in lines)))
            fence = ""
            if len(found) == MOST_BLOCKS:
                break
        else:
            lines.append(line)
    return found


def _python(text: str) -> str | None:
    if _SESSION.search(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(dedent(text))
    except SyntaxError as problem:
        if _PYTHON_2.search(text):
            return None
        return f"{problem.msg} (line {problem.lineno})"
    except (ValueError, RecursionError, MemoryError):
        return "it cannot be read"
    return ""


def _json(text: str) -> str | None:
    try:
        read(text)
    except ValueError as problem:
        fragment = not text.lstrip().startswith(("{", "[")) or "//" in text or "/*" in text or "..." in text
        if fragment or _lines_of_json(text):
            return None
        return str(problem)[:120]
    return ""


def _lines_of_json(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()][:200]
    try:
        for line in lines:
            read(line)
    except ValueError:
        return False
    return len(lines) > 1


_PLACE: Final = re.compile(r"Line \d+")
_READING: Final = ContextVar("reading", default=False)
DIALECTS: Final = (None, "postgres", "mysql", "tsql", "bigquery", "oracle", "sqlite", "snowflake")


def _sql(text: str) -> str | None:
    try:
        import sqlglot
        from sqlglot.errors import SqlglotError
        from sqlglot.parser import logger
    except ImportError:
        return None
    logger.addFilter(_may_be_logged)
    reading = _READING.set(True)
    try:
        return _parsed(text, sqlglot.parse, SqlglotError)
    finally:
        _READING.reset(reading)


def _may_be_logged(record: object) -> bool:
    """The parser logs what it does not know: an answer's own words."""
    return not _READING.get()


def _parsed(text: str, parse: Callable[..., object], wrong: type[Exception]) -> str | None:
    first = ""
    for dialect in DIALECTS if len(text) < LARGEST // 8 else DIALECTS[:2]:
        try:
            parse(text, read=dialect)
        except wrong as problem:
            place = _PLACE.search(str(problem))
            first = first or f"it has a mistake{'' if place is None else f' near {place[0].lower()}'}"
        except (RecursionError, ValueError):
            return None
        else:
            return ""
    return first


def _javascript(text: str) -> str | None:
    try:
        parser = _javascript_parser()
    except ImportError:
        return None
    root = parser.parse(text.encode("utf-8", "replace")).root_node
    if not root.has_error:
        return ""
    return f"it has a mistake near line {_first_error(root)}"


def _javascript_parser() -> Any:
    import tree_sitter
    import tree_sitter_javascript

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))


def _first_error(node: Any) -> int:
    """The line, counted from one, of the first place that could not be read."""
    while True:
        inner = next((child for child in node.children if child.has_error or child.is_error or child.is_missing), None)
        if inner is None:
            return int(node.start_point[0]) + 1
        node = inner


PARSERS: Final[dict[str, Callable[[str], str | None]]] = {
    "python": _python,
    "py": _python,
    "python3": _python,
    "json": _json,
    "sql": _sql,
    "postgresql": _sql,
    "mysql": _sql,
    "javascript": _javascript,
    "js": _javascript,
    "jsx": _javascript,
}
"""By the word behind the marks of a block. What each gives back: a complaint, nothing where it can be parsed, None where
that cannot be told."""
