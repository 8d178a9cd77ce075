"""Tables and words on a terminal, and the same through a pipe: there nothing is coloured, wrapped or cut off.

Colours are for a terminal that has them and a person who has not set NO_COLOR. What a window is too narrow for goes on
in the next line of its cell; figures are never broken, and a line that is still too long is left to the terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import zip_longest
from typing import NamedTuple

import click

from fairlead.cli.columns import LEAST, fill, longest, longest_word, share, wrap
from fairlead.cli.messages import tr
from fairlead.cli.terminal import visible
from fairlead.core.model import NANO

PIPED = 10_000
"""Columns of a line nobody looks at through a window."""
NAME = 24
"""Columns that a name in front, or a figure, may take without being broken."""
STYLES = {
    "bold": partial(click.style, bold=True),
    "dim": partial(click.style, dim=True),
    "yellow": partial(click.style, fg="yellow"),
}


class Rules(NamedTuple):
    """The characters between and around cells: of a row, of the rule under the headings, of the table's ends."""

    left: str
    between: str
    right: str
    dash: str
    rule: tuple[str, str, str]
    ends: tuple[str, str, str] | None

    @property
    def gap(self) -> int:
        return len(self.between)

    def around(self, columns: int) -> int:
        """What a line holds beside its cells."""
        return len(self.left + self.right) + self.gap * (columns - 1)


LIGHT = Rules(" ", "  ", "", "\u2500", (" ", "\u2500\u2500", ""), None)
ASCII = Rules("|", " |", "|", "-", ("|", "-+", "|"), ("+", "--", "+"))


class Column(NamedTuple):
    """What a heading says of its column: see `table`."""

    heading: str
    figures: bool
    whole: bool

    @classmethod
    def of(cls, text: str) -> Column:
        return cls(text.lstrip(">="), text.startswith(">"), text.startswith((">", "=")))


def window() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED


def coloured(plain: bool) -> bool:
    if plain or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def styled(text: str, style: str, plain: bool) -> str:
    return STYLES[style](text) if style and text and coloured(plain) else text


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "",
    caption: str = "",
    plain: bool = False,
    first_bold: bool = False,
    spare: Sequence[str] = (),
) -> None:
    """A heading that starts with ">" is of a column of figures: to the right, never broken over lines. With "=" it is
    one of names: never broken either. The `spare` columns are left out, the first one first, where a window is too
    narrow for the words of all."""
    cells = [[visible(cell) for cell in row] for row in rows]
    room = window()
    kept, dropped = list(range(len(columns))), []
    for heading in spare:
        if _needed(columns, cells, kept) > room:
            kept.remove(columns.index(heading))
            dropped.append(Column.of(heading).heading)
    if dropped:
        wider = tr("A wider window also shows: {columns}.").format(columns=", ".join(reversed(dropped)))
        caption = f"{caption} {wider}".lstrip()
    if title:
        line(title, "bold", plain)
    shown = [Column.of(columns[place]) for place in kept]
    for text, style in _drawn(shown, [[row[place] for place in kept] for row in cells], room, plain, first_bold):
        if text.strip():
            click.echo(styled(text.rstrip(), style, plain))
    if caption:
        line(caption, plain=plain)
    click.echo()


def _drawn(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int, plain: bool, first_bold: bool
) -> Iterable[tuple[str, str]]:
    """The lines of a table, each with its style."""
    rules = ASCII if plain else LIGHT
    widths = _widths(columns, rows, room - rules.around(len(columns)))

    def across(ends: tuple[str, str, str]) -> str:
        left, between, right = ends
        return left + between.join(rules.dash * wide for wide in widths) + right

    def row(texts: Sequence[str]) -> Iterable[str]:
        broken = [wrap(text, wide) for text, wide in zip(texts, widths, strict=True)]
        for pieces in zip_longest(*broken, fillvalue=""):
            filled = [
                fill(piece, wide, column.figures) for piece, wide, column in zip(pieces, widths, columns, strict=True)
            ]
            yield rules.left + rules.between.join(filled) + rules.right

    if rules.ends:
        yield across(rules.ends), ""
    yield from ((text, "bold") for text in row([column.heading for column in columns]))
    yield across(rules.rule), ""
    for number, texts in enumerate(rows):
        yield from ((text, "bold" if first_bold and number == 0 else "") for text in row(texts))
    if rules.ends:
        yield across(rules.ends), ""


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """As wide as the longest cell, if there is room. Else words go to the next line, and at last long words are broken:
    of texts first, then of names, never of figures; what is longer than `NAME` there is a sentence."""
    inside = [[row[place] for row in rows] for place in range(len(columns))]
    full = [longest((column.heading, *cells)) for column, cells in zip(columns, inside, strict=True)]
    names, words, least = [], [], []
    for place, (column, cells) in enumerate(zip(columns, inside, strict=True)):
        held, always = longest(cells), min(full[place], LEAST)
        figures = (held if held <= NAME else longest_word(cells)) if column.figures else 0
        name = held if not column.figures and (column.whole or (place == 0 and held <= NAME)) else 0
        names.append(max(always, figures, name))
        words.append(max(names[-1], longest_word((column.heading, *cells))))
        least.append(max(always, figures))
    widths = full
    for floor in (words, names, least):
        widths = share(widths, [min(one, wide) for one, wide in zip(floor, widths, strict=True)], room)
    return widths


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table can be shown without breaking a word."""
    return _needed(columns, rows, range(len(columns))) <= window()


def _needed(columns: Sequence[str], rows: Sequence[Sequence[str]], places: Iterable[int]) -> int:
    """The least width of some columns: figures, names and what stands in front whole, of the others each word."""
    needed = 0
    for place in places:
        column, cells = Column.of(columns[place]), [row[place] for row in rows]
        whole = place == 0 or column.whole
        words = longest_word((column.heading, *([] if whole else cells)))
        needed += max(words, longest(cells) if whole else 0) + LIGHT.gap
    return needed


def line(text: str = "", style: str = "", plain: bool = False, whole: bool = False) -> None:
    """`whole`: the window may break it, but no line ends are put in, so that it can be copied."""
    shown = visible(text)
    for piece in [shown] if whole else wrap(shown, window()):
        click.echo(styled(piece.rstrip(), style, plain))


def money(nano: int | None, places: int = 0) -> str:
    """USD with as many decimals as say something, or `places` of them."""
    if nano is None:
        return tr("unknown")
    if nano == 0:
        return "$0"
    amount = abs(nano) / NANO
    digits = places or (2 if amount >= 100 else 4 if amount >= 0.1 else 6 if amount >= 0.00001 else 9)
    sign = "-" if nano < 0 else ""
    return f"{sign}${amount:,.{digits}f}"


def rate(nano: int | None) -> str:
    """A price per million tokens: no decimals that say nothing."""
    if nano is None:
        return "-"
    text = f"{nano / NANO:,.9f}".rstrip("0").rstrip(".")
    return f"${text}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def saved(spent: int, instead: int, saving: float | None) -> str:
    """The share saved against what it would have cost instead; where more was spent, how many times as much."""
    if saving is None or saving >= 0:
        return percent(saving)
    times = spent / instead
    return tr("routing cost {times} x as much").format(times=f"{times:.2f}" if times < 2 else f"{times:.1f}")


def count(value: int | None) -> str:
    return "-" if not value else f"{value:,}"


def size(tokens: int) -> str:
    """Tokens of a context as people say them: 128k, 1M."""
    if tokens <= 0:
        return "-"
    if tokens >= 1_000_000:
        return f"{tokens / 1_000_000:.3g}M"
    return f"{tokens / 1000:.4g}k"


def figure(value: float | int | None) -> str:
    return "-" if value is None else f"{value:g}"
