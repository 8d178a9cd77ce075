"""Write docs/configuration.md from the schema; with --check only say whether it is current (exit 1 when not)."""

from __future__ import annotations

import sys
from pathlib import Path

from fairlead.config.reference import render

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"


def main(arguments: list[str]) -> int:
    text = render()
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.name} is stale: run scripts/build_docs.py", file=sys.stderr)
        return 1
    if arguments:
        print("usage: build_docs.py [--check]", file=sys.stderr)
        return 2
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
