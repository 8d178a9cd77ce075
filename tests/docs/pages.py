"""The pages as the tests read them: blocks of code, headings, tables, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.shape.tree import ROOT

TRANSLATED = ".zh"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: str
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}-{self.number}"


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str, pages: list[Path] = PAGES) -> Iterator[Block]:
    """The fenced blocks, numbered within their page; of some languages, or of all."""
    for page in pages:
        for number, match in enumerate(_FENCE.finditer(page.read_text(encoding="utf-8")), 1):
            if not languages or match[1] in languages:
                yield Block(title(page), number, match[1], match[2])


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) (.+)$", prose(page), re.MULTILINE)]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without their head lines; backticks taken off."""
    text = prose(ROOT / page)
    begin = text.index(f"\n{heading}\n") + len(heading) + 1
    level = heading.index(" ")
    end = re.search(rf"^#{{1,{level}}} ", text[begin:], re.MULTILINE)
    lines = text[begin : begin + end.start() if end else None].splitlines()
    heads = {at - 1 for at, line in enumerate(lines) if line.startswith("|---")}
    cells = [line.strip("|").split("|") for at, line in enumerate(lines) if line.startswith("| ") and at not in heads]
    return [[cell.strip().replace("`", "") for cell in row] for row in cells]
