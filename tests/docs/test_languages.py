"""Translations that fall behind."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT, blocks, headings

PAIRS = (("README.md", "README.zh.md"), ("docs/quickstart.md", "docs/quickstart.zh.md"))


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_a_translation_lacks_a_part_or_shows_other_code(english: str, chinese: str) -> None:
    ours, theirs = ROOT / english, ROOT / chinese
    assert [level for level, _ in headings(ours)] == [level for level, _ in headings(theirs)]
    assert len(headings(ours)) > 4
    assert code(english) == code(chinese)


def code(page: str) -> list[tuple[str, str]]:
    """Its blocks, comments aside: those are translated."""
    found = []
    for block in blocks(pages=[ROOT / page]):
        lines = (line.partition("  #")[0].rstrip() for line in block.text.splitlines())
        found.append((block.language, "\n".join(lines)))
    return found
