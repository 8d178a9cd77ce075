"""Tables as a person sees them: in a window of some width, with and without colours, and through a pipe."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable

import pytest

from fairlead.cli.columns import width
from fairlead.cli.tables import fits, line, table

COLUMNS = ("=model", ">cost", "why")
ROWS = (
    ("通义千问-max", "$1.20", "the cheapest of all models that are good enough for it"),
    ("b", "$10.00", "中文中文中文中文中文中文中文中文中文中文"),
)


def seen(monkeypatch: pytest.MonkeyPatch, columns: int, shows: Callable[[], None], **environment: str) -> list[str]:
    """The lines on a terminal of that width."""
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with open(theirs, "w", encoding="utf-8") as terminal:
            monkeypatch.setattr(sys, "stdout", terminal)
            monkeypatch.setattr(sys, "__stdout__", terminal)
            shows()
            terminal.write("END\n")
            terminal.flush()
            text = b""
            while not text.endswith(b"END\r\n"):
                text += os.read(ours, 65536)
            monkeypatch.undo()
    finally:
        os.close(ours)
    return text.decode().replace("\r\n", "\n").removesuffix("END\n").splitlines()


def shown(**knobs: bool | str) -> None:
    table(COLUMNS, ROWS, **knobs)  # type: ignore[arg-type]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("columns", [30, 40, 60, 100])
def test_a_table_is_wider_than_its_window(monkeypatch: pytest.MonkeyPatch, columns: int, plain: bool) -> None:
    lines = seen(monkeypatch, columns, lambda: shown(plain=plain), NO_COLOR="1")
    assert all(width(text) <= columns for text in lines)
    assert any("通义千问-max" in text and "$1.20" in text for text in lines)
    words = "".join("".join(lines).split())
    assert [words.count(piece) for piece in ("$1.20", "$10.00")] == [1, 1]
    assert sum(text.count("中") for text in lines) == 10


def test_columns_stand_askew(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = seen(monkeypatch, 100, shown, NO_COLOR="1")
    assert lines == [
        " model           cost  why",
        " ────────────────────────────────────────────────────────────────────────────",
        " 通义千问-max   $1.20  the cheapest of all models that are good enough for it",
        " b             $10.00  中文中文中文中文中文中文中文中文中文中文",
        "",
    ]


def test_an_ascii_table_has_other_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = seen(monkeypatch, 100, lambda: table(("a", ">b"), [("x", "1"), ("y", "22")], plain=True))
    assert lines == ["+-----+", "|a | b|", "|--+--|", "|x | 1|", "|y |22|", "+-----+", ""]


@pytest.mark.parametrize(
    ("environment", "plain", "coloured"),
    [({}, False, True), ({"NO_COLOR": "1"}, False, False), ({"TERM": "dumb"}, False, False), ({}, True, False)],
)
def test_colours_come_unasked(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], plain: bool, coloured: bool
) -> None:
    lines = seen(monkeypatch, 80, lambda: shown(title="Models", first_bold=True, plain=plain), **environment)
    styled = [text for text in lines if "\x1b[1m" in text and text.endswith("\x1b[0m")]
    assert len(styled) == (3 if coloured else 0)
    assert coloured or "\x1b" not in "".join(lines)


def test_a_pipe_gets_colours_or_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setenv("COLUMNS", "30")
    shown(title="Models", first_bold=True)
    line("word " * 30, "bold")
    text = pipe.getvalue()
    assert "\x1b" not in text
    assert ROWS[0][2] in text
    assert text.splitlines()[-1] == ("word " * 30).rstrip()
    assert fits(COLUMNS, ROWS)


def test_a_spare_column_is_left_out_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, rows = ("a", "=extra", ">b"), [("x", "a-name-of-thirty-columns-or-more", "1")]
    lines = seen(monkeypatch, 20, lambda: table(columns, rows, spare=["=extra"], caption="Note."), NO_COLOR="1")
    assert "a-name" not in "".join(lines)
    assert " ".join(lines[3:]).split() == ["Note.", "A", "wider", "window", "also", "shows:", "extra."]
    assert "a-name" in "".join(seen(monkeypatch, 80, lambda: table(columns, rows, spare=["=extra"])))


def test_a_name_moves_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    def shows() -> None:
        table(("a",), [("\x1b[2J\u202e",)], title="\x07", caption="\r")
        line("\x9b1m", whole=True)

    text = "\n".join(seen(monkeypatch, 80, shows, NO_COLOR="1"))
    assert not set(text) & {"\x1b", "\u202e", "\x07", "\r", "\x9b"}
    for spelled in (r"\x1b[2J\u202e", r"\x07", r"\r", r"\x9b1m"):
        assert spelled in text


def test_a_line_to_be_copied_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "word " * 12 + "end"
    assert seen(monkeypatch, 20, lambda: line(words, whole=True)) == [words]
    assert seen(monkeypatch, 20, lambda: line(words, "dim"), NO_COLOR="1")[:2] == ["word word word word"] * 2


def test_a_sentence_among_figures_squeezes_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("requests", "3"), ("against the recorded baseline", "$1.25 spent, $3.75 on the baseline (66.7 % saved)")]
    lines = seen(monkeypatch, 60, lambda: table(("", ">"), rows), NO_COLOR="1")
    assert lines[0].strip(" ─") == ""
    assert lines[0].strip()
    assert lines[1].split() == ["requests", "3"]
    assert any(text.startswith(" against the recorded ") for text in lines)
    assert all(width(text) <= 60 for text in lines)
