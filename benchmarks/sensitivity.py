"""How long reading for sensitive content takes: microseconds a KB of UTF-8, by kind of text, and for hostile texts.

    taskset -c 1 .venv/bin/python benchmarks/sensitivity.py [--json]

A text is read as it comes in: as the content of a turn in a body of JSON, so that finding the strings of the body and
taking off what covers their words is in the figure. Prose and code are the project's own pages and sources. Hostile
texts are made to keep each kind busy; what counts there is that twice the text takes twice the time. Figures are CPU
time, the least of several.
"""

from __future__ import annotations

import html
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from fairlead.classify.sensitivity import Detector, pieces, strings

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
    server = "\n".join(
        f'192.168.{second}.1{day:02} - - [{day:02}/Nov/2026:08:22:{second:02} +0000] "GET /v1/items?page={day} HTTP/1.1" 200 {day * 7919 % 50_000}'
        for day in range(1, 29)
        for second in range(0, 60, 7)
    )
    paragraphs = english.split("\n\n")
    turns = [{"role": "tool", "line": line, "text": text} for line, text in enumerate(paragraphs)]
    return {
        "English prose": english,
        "Chinese prose": (ROOT / "README.zh.md").read_text(),
        "Python code": code,
        "log lines": log,
        "log lines of a server": server,
        "JSON within a text": f"It said:\n{json.dumps(turns)}\n",
        "JSON as a text": json.dumps(turns),
        "HTML with entities": "".join(f"<p>{html.escape(text)}</p>&nbsp;\n" for text in paragraphs),
        "addresses with percents": "\n".join(
            f"see https://host.test/find?q={quote(text[:60])}&x=1 {text}" for text in paragraphs
        ),
    }


def body(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False).encode()


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
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def per_kb(detector: Detector, text: str, repeats: int = REPEATS) -> float:
    sent = body(text)
    return seconds(lambda: detector.find(strings(sent)), repeats) * 1e6 / (len(text.encode()) / KB)


def hostile_per_kb(detector: Detector, text: str) -> float:
    """Not as a body: of some the strings are left out as pictures."""
    return seconds(lambda: detector.find([text]), 3) * 1e6 / (len(text.encode()) / KB)


def made_up_words(count: int) -> list[str]:
    source = random.Random(7)
    return ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(4, 10))) for _ in range(count)]


def made_up_terms(count: int) -> list[str]:
    source = random.Random(8)
    hanzi = [chr(code) for code in range(0x4E00, 0x5200)]
    words = made_up_words(count)
    return [
        *(f"{words[index]} {words[index + 1]}" if index % 3 == 0 else words[index] for index in range(count // 2)),
        *("".join(source.choices(hanzi, k=source.randint(2, 5))) for _ in range(count // 2)),
    ]


def alike(count: int) -> list[str]:
    """Terms that all begin with one word, or with two characters."""
    words = made_up_words(count)
    return [*(f"project {word}" for word in words[::2]), *(f"项目{chr(0x4E00 + at)}计划" for at in range(count // 2))]


def of_terms(size: int) -> dict[str, tuple[Detector, str]]:
    """Lists of terms with texts that hold their words."""
    first, words = Detector((), alike(5000)), made_up_words(5000)
    every = Detector((), made_up_terms(5000))
    pairs = Detector((), [f"{one} {other}" for one in words[:70] for other in words[70:140]])
    return {
        "one first word, often in the text": (first, repeated("the project plan of a project, 项目的项目计划 ", size)),
        "one first word, and all second ones": (first, repeated(f"project, {' project, '.join(words[::2])} ", size)),
        "every word of the terms": (every, repeated(" of ".join(words), size)),
        "pairs of the same words": (pairs, repeated(", ".join(words[:140]), size)),
    }


def measured() -> dict[str, dict[str, float]]:
    plain, listed, like = Detector(), Detector(terms=made_up_terms(5000)), Detector(terms=alike(5000))
    figures: dict[str, dict[str, float]] = {}
    for name, text in ordinary().items():
        for size in (1, 4, 64):
            cut = repeated(text, size * KB)
            figures.setdefault(name, {})[f"{size} KB"] = per_kb(plain, cut)
        figures[name]["64 KB, 5000 terms"] = per_kb(listed, repeated(text, 64 * KB))
        figures[name]["that begin alike"] = per_kb(like, repeated(text, 64 * KB))
    for name in of_terms(KB):
        figures[f"terms: {name}"] = {
            f"{size} KB": per_kb(*of_terms(size * KB)[name], repeats=3) for size in (16, 64, 256)
        }
    for sign in ("\\", "\\n", "&", "&amp;", "%", "%41", "%e4%bd%a0 "):
        figures[f"signs: {sign}"] = {f"{size} KB": per_kb(plain, repeated(sign, size * KB), 3) for size in (64, 256)}
    for name, text in hostile(256 * KB).items():
        longest = max(seconds(lambda piece=piece: plain.find([piece]), 1) for piece in pieces([text]))  # type: ignore[misc]
        figures[f"hostile: {name}"] = {
            "64 KB": hostile_per_kb(plain, hostile(64 * KB)[name]),
            "256 KB": hostile_per_kb(plain, text),
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
