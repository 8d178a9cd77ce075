"""A run in words: tables for the terminal and for README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import figures
from figures import Figure, Run, median

MEASURED = (
    ("requests/s, 1", ("closed_1", "requests_per_second"), ",.0f"),
    ("requests/s, 32", ("closed_32", "requests_per_second"), ",.0f"),
    ("requests/s, 256", ("closed_256", "requests_per_second"), ",.0f"),
    ("CPU us, 1", ("closed_1", "cpu_us_per_request"), ",.0f"),
    ("CPU us, 32", ("closed_32", "cpu_us_per_request"), ",.0f"),
    ("CPU us, 256", ("closed_256", "cpu_us_per_request"), ",.0f"),
    ("p50 ms, 32", ("closed_32", "latency_us", "p50"), "ms"),
    ("p99 ms, 32", ("closed_32", "latency_us", "p99"), "ms"),
)
STREAMED = (
    ("events/s, 16 at once", ("burst_16", "events_per_second"), ",.0f"),
    ("events/s, 4 paced", ("paced_4", "events_per_second"), ",.0f"),
    ("events/s, 64 paced", ("paced_64", "events_per_second"), ",.0f"),
    ("first token p50 ms, 16 at once", ("burst_16", "first_token_us", "p50"), "ms"),
    ("p99 ms", ("burst_16", "first_token_us", "p99"), "ms"),
    ("p50 ms, 4 paced, closed loop", ("paced_4", "first_token_us", "p50"), "ms"),
    ("p99 ms", ("paced_4", "first_token_us", "p99"), "ms"),
    ("p50 ms, 64 paced, closed loop", ("paced_64", "first_token_us", "p50"), "ms"),
    ("p99 ms", ("paced_64", "first_token_us", "p99"), "ms"),
    ("idle MB", ("idle_mb",), ".1f"),
    ("start s", ("start_seconds",), ".2f"),
)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.2f}" if form == "ms" else format(value, form)


def _grid(rows: list[list[str]]) -> list[str]:
    """Rows as a markdown table that is aligned for reading as it is; the first row is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _measured(run: Run, columns: tuple[tuple[str, tuple[str, ...], str], ...]) -> list[str]:
    rows = [["target", *(title for title, _, _ in columns)]]
    for target in run["targets"]:
        cells = [_number(median(run, target, path[0], *path[1:]), form) for _, path, form in columns]
        if any(cell != "-" for cell in cells):
            rows.append([target, *cells])
    return _grid(rows)


def _latency(run: Run) -> list[str]:
    rows = [["target", "p50 us", "p99 us", "added p50 us", "added p99 us"]]
    for target, seen in run["latency"].items():
        extra = [_number(figures.added(run, target, share), ",.0f") for share in ("p50", "p99")]
        rows.append([target, *(_number(seen.get(share), ",.0f") for share in ("p50", "p99")), *extra])
    return _grid(rows)


def _required(found: list[Figure]) -> list[str]:
    rows = [["figure", "measured", "required", "", "detail"]]
    for figure in found:
        value = (
            "-" if figure.value is None else f"{figure.value:,.2f}" if figure.value < 100 else f"{figure.value:,.0f}"
        )
        rows.append([figure.name, value, figure.required, figure.verdict, figure.detail])
    return _grid(rows)


def _made_on(run: Run) -> str:
    machine: dict[str, Any] = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    placing = (
        "target on a core of its own" if run["cores_apart"] else "everything on ONE core: only processor time counts"
    )
    return (
        f"{run['date']}: {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}; "
        f"{versions}; {len(run['rounds'])} rounds of {run['seconds']:g} s, {placing}; load average before: {machine['load_average_at_start']}."
    )


def text(run: Run) -> str:
    lines = [_made_on(run), "", *_measured(run, MEASURED), "", *_measured(run, STREAMED), ""]
    if run["latency"]:
        lines += ["One connection, targets in turn:", "", *_latency(run), ""]
    for title, found in figures.figures(run):
        lines += [f"{title}:", "", *_required(found), ""]
    lines += [f"- not counted: {reason}" for reason in figures.voids(run)]
    lines += [f"- {note}" for note in run["notes"]]
    return "\n".join(lines).rstrip() + "\n"


def fill(readme: Path, what: str, content: str) -> None:
    """Puts `content` between the two markers of `what`."""
    begin, end = f"<!-- {what} -->", f"<!-- end of {what} -->"
    before, begins, rest = readme.read_text().partition(begin)
    _, ends, after = rest.partition(end)
    if not (begins and ends):
        raise SystemExit(f"{readme.name} has no place for it: {begin} ... {end}")
    readme.write_text(f"{before}{begin}\n\n{content.strip()}\n\n{end}{after}")
