"""How long reading for sensitive content takes: microseconds a KB of UTF-8, by kind of text, and for hostile texts.

    .venv/bin/python benchmarks/sensitivity.py [--json]

Prose and code are the project's own pages and sources. Hostile texts are made to keep each kind busy; what counts
there is that twice the text takes twice the time.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fairlead.classify.sensitivity import Detector, pieces

ROOT = Path(__file__).resolve().parents[1]
KB = 1024
REPEATS = 30


def repeated(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def ordinary() -> dict[str, str]:
    english = "\n".join((ROOT / "docs" / name).read_text() for name in ("concepts.md", "operations.md"))
    code = "\n".join(file.read_text() for file in sorted((ROOT / "src" / "fairlead" / "core").glob("*.py")))
    log = "\n".join(
        f"2026-11-{day:02} 08:22:{second:02}.{day * 7919 % 1000:03} INFO worker-{second} took {second * 13} ms, 10.0.{day}.{second}"
        for day in range(1, 29)
        for second in range(0, 60, 7)
    )
    return {
        "English prose": english,
        "Chinese prose": (ROOT / "README.zh.md").read_text(),
        "Python code": code,
        "log lines": log,
    }


def hostile(size: int) -> dict[str, str]:
    return {
        "digits": repeated("1234567890", size),
        "single digits": repeated("1 ", size),
        "card groups": repeated("4111 1111 1111 1112 ", size),
        "phone-like": repeated("(123) 123-123 ", size),
        "at signs": repeated("a@", size),
        "dotted mail": repeated("a.b@c.", size),
        "account heads": repeated("DE89 3704 ", size),
        "spaces after a digit": "1" + " " * (size - 1),
        "told passwords": repeated("password=aaaaaa ", size),
        "key prefixes": repeated("sk-aaaaaaaaaaaaaaaaaa ", size),
        "one long word": "a" * size,
        "token heads": repeated("eyJ", size),
        "full width": repeated("１２３ａ", size),
        "logins": repeated("://a:b", size),
    }


def seconds(run: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def per_kb(detector: Detector, text: str, repeats: int = REPEATS) -> float:
    return seconds(lambda: detector.find([text]), repeats) * 1e6 / (len(text.encode()) / KB)


def made_up_terms(count: int) -> list[str]:
    source = random.Random(7)
    letters, hanzi = "abcdefghijklmnopqrstuvwxyz", [chr(code) for code in range(0x4E00, 0x5200)]
    words = ["".join(source.choices(letters, k=source.randint(4, 10))) for _ in range(count)]
    return [
        *(f"{words[index]} {words[index + 1]}" if index % 3 == 0 else words[index] for index in range(count // 2)),
        *("".join(source.choices(hanzi, k=source.randint(2, 5))) for _ in range(count // 2)),
    ]


def measured() -> dict[str, dict[str, float]]:
    plain, listed = Detector(), Detector(terms=made_up_terms(5000))
    figures: dict[str, dict[str, float]] = {}
    for name, text in ordinary().items():
        for size in (1, 4, 64):
            cut = repeated(text, size * KB)
            figures.setdefault(name, {})[f"{size} KB"] = per_kb(plain, cut)
        figures[name]["64 KB, 5000 terms"] = per_kb(listed, repeated(text, 64 * KB))
    for name, text in hostile(256 * KB).items():
        longest = max(seconds(lambda piece=piece: plain.find([piece]), 1) for piece in pieces([text]))  # type: ignore[misc]
        figures[f"hostile: {name}"] = {
            "64 KB": per_kb(plain, hostile(64 * KB)[name], 3),
            "256 KB": per_kb(plain, text, 3),
            "longest piece, ms": longest * 1000,
        }
    return figures


def main(arguments: list[str]) -> int:
    figures = measured()
    if arguments == ["--json"]:
        print(json.dumps(figures, indent=1))
        return 0
    for name, row in figures.items():
        print(f"{name:28}", "  ".join(f"{column}: {value:7.2f}" for column, value in row.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
