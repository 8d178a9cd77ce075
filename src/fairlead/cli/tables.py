"""Tables and words on a terminal, and the same through a pipe: there nothing is coloured, wrapped or cut off.

rich is imported when something is printed, never for help.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fairlead.cli.messages import tr
from fairlead.cli.terminal import visible
from fairlead.core.cost import NANO

if TYPE_CHECKING:
    from rich.console import Console

PIPED = 10_000
"""Columns of a line nobody looks at through a window."""
GAP = 2
"""Columns between two cells."""
NAME = 24
"""Columns a name in front may take without being broken."""


def console(plain: bool = False) -> Console:
    from rich.console import Console

    wide = not sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=PIPED if wide else None,
        no_color=plain or None,
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


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
    from rich import box
    from rich.table import Table
    from rich.text import Text

    target = console(plain)
    cells = [[visible(cell) for cell in row] for row in rows]
    kept, dropped = list(range(len(columns))), []
    for heading in spare:
        if _needed(columns, cells, kept) > target.width:
            kept.remove(columns.index(heading))
            dropped.append(heading)
    shown = Table(box=box.ASCII if plain else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place in kept:
        figures = columns[place].startswith(">")
        longest = _longest(row[place] for row in cells)
        whole = figures or columns[place].startswith("=") or (place == 0 and longest <= NAME)
        shown.add_column(
            columns[place].lstrip(">="),
            justify="right" if figures else "left",
            overflow="fold",
            min_width=longest if whole else None,
        )
    for number, row in enumerate(cells):
        shown.add_row(*(Text(row[place]) for place in kept), style="bold" if first_bold and number == 0 else "")
    if dropped:
        wider = tr("A wider window also shows: {columns}.").format(
            columns=", ".join(name.lstrip(">=") for name in reversed(dropped))
        )
        caption = f"{caption} {wider}".lstrip()
    with target.capture() as drawn:
        if title:
            target.print(Text(visible(title), "bold"))
        target.print(shown)
        if caption:
            target.print(Text(visible(caption)))
    lines = [line.rstrip() for line in drawn.get().splitlines()]
    print("\n".join(line for line in lines if line), end="\n\n")


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table can be shown without breaking a word."""
    return _needed(columns, rows, range(len(columns))) <= console().width


def _needed(columns: Sequence[str], rows: Sequence[Sequence[str]], places: Iterable[int]) -> int:
    """The least width of some columns: figures, names and what stands in front whole, of the others each word."""
    width = 0
    for place in places:
        cells = [row[place] for row in rows]
        whole = place == 0 or columns[place].startswith((">", "="))
        words = [word for text in (columns[place].lstrip(">="), *([] if whole else cells)) for word in text.split()]
        width += max(_longest(words), _longest(cells) if whole else 0) + GAP
    return width


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def line(text: str = "", style: str = "", plain: bool = False, whole: bool = False) -> None:
    """`whole`: the window may break it, but no line ends are put in, so that it can be copied."""
    from rich.text import Text

    console(plain).print(Text(visible(text), style), soft_wrap=whole)


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
