"""Nothing in the tree belongs to one machine or to one person: no paths of a workplace, no keys."""

from __future__ import annotations

import re

import pytest

from tests.shape.tree import files

LARGEST = 2_000_000

FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w./-])/(?:root|home/\w+|Users/\w+|work|tmp)/[\w.-]+"),
    "a provider's key": re.compile(
        r"\b(?:sk-(?:ant-|or-|proj-)?[A-Za-z0-9_-]{32,}|AIza[\w-]{35}|gsk_\w{40,}|xai-\w{40,})"
    ),
    "a key of the gateway": re.compile(r"\bfl_[A-Za-z0-9]{24,}\b"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a token of a code host": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{22,}"),
    "a package registry": re.compile(r"\b(?:pypi|pythonhosted|npmjs|registry\.yarnpkg)\.(?:org|com)\b"),
}


def foreign(text: str) -> list[str]:
    return [f"{what}: {found[0][:12]}..." for what, pattern in FOREIGN.items() if (found := pattern.search(text))]


def test_no_file_holds_what_belongs_to_one_machine_or_person() -> None:
    found = {}
    for file in files():
        text = file.read_bytes().decode("utf-8", errors="replace")
        if problems := foreign(text):
            found[str(file)] = problems
    assert found == {}


def test_no_file_is_too_large_to_review() -> None:
    assert [str(file) for file in files() if file.stat().st_size > LARGEST] == []


@pytest.mark.parametrize(
    "parts",
    [
        ("see /ro", "ot/thing"),
        ("open('/ho", "me/ann/x')"),
        ("/Us", "ers/ann/x"),
        ("/t", "mp/socket"),
        ("key = sk-", "ant-" + "a1" * 20),
        ("AKI", "A" + "B" * 16),
        ("-----BEGIN ", "PRIVATE KEY-----"),
        ("gh", "p_" + "a" * 36),
        ("fl", "_" + "a1" * 16),
        ("https://py", "pi.org/simple"),
    ],
)
def test_foreign_matter_is_noticed(parts: tuple[str, str]) -> None:
    assert foreign("".join(parts))


@pytest.mark.parametrize(
    "text", ["/v1/models", "https://host.test/home/ann", "fl_test", "sk-short", "./state", "a/tmp/x"]
)
def test_ordinary_text_is_let_through(text: str) -> None:
    assert foreign(text) == []
