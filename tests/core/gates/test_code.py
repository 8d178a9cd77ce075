"""What parsers say of code, and to whom."""

from __future__ import annotations

import logging
import warnings

import pytest

from fairlead.core.gates.code import code
from fairlead.core.gates.verdict import Asked, Given, Verdict


def said(language: str, text: str) -> Verdict | None:
    return code(Asked(task="code_generation"), Given(f"```{language}\n{text}\n```"))


def test_an_answers_words_stand_in_the_log(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert said("sql", "ALTER TABLE x SET SECRET_WORD ON foo;") is None
        assert said("sql", "SELECT (secret_word FROM") is not None
        assert said("python", "pattern = '\\d secret_word'") is None
        assert said("js", "let secret_word = {;") is not None
    assert "secret_word" not in caplog.text.lower()
    assert [str(one.message) for one in warned] == []
    assert capsys.readouterr() == ("", "")
    for broken in ("SELECT 'secret_word", "SELECT (secret_word FROM", "SELECT $$secret_word"):
        verdict = said("sql", broken)
        assert verdict is None or "secret" not in verdict.why
    logging.getLogger("sqlglot").warning("somebody else's words")
    assert "somebody else's words" in caplog.text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "x = 1\n%timeit x"),
        ("python", "    indented = True\n    return indented"),
        ("python", "print 'hello'"),
        ("python", "def f():\n    # ..."),
        ("py", "$ python main.py"),
        ("sql", "SELECT TOP 5 [name] FROM dbo.users"),
        ("sql", "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a RETURNING id;"),
        ("sql", "SELECT * FROM {{ table }} WHERE x = <your value>"),
        ("jsx", 'const A = () => <div className="a">{items.map(i => <b key={i}>{i}</b>)}</div>;'),
        ("js", "export default async function* g() { yield await import('x'); }"),
        ("json", '{"a": 1}\n{"a": 2}'),
        ("json", '"scripts": {"build": "tsc"}'),
        ("rust", "fn main( {"),
        ("", "def broken("),
    ],
)
def test_code_that_is_meant_so_is_called_broken(language: str, text: str) -> None:  # M4.3
    assert said(language, text) is None


def test_fences_without_end_are_looked_at_over_and_over() -> None:  # FAULTS 60
    """Each line once: else this took minutes."""
    for text in ("```a\n" * 40_000, "`" * 200_000, "```python\n" + "\n" * 39_000 + "(\n```\n"):
        code(Asked(task="code_generation"), Given(text=text))
    assert code(Asked(task="code_generation"), Given(text="Here:\n  ```python\nx = (\n  ```\nand `y`")) is not None
    assert (
        code(Asked(task="code_generation"), Given(text="~~~python\nx = 1\n```\ny = 2\n~~~\n```json\n{}\n```"))
        is not None
    )
