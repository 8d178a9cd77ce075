"""Write the locks in `requirements/`: every requirement pinned, with the hashes of its files and without any address.

The locks are universal (markers instead of one file a platform) and agree with each other, because each one is
solved with the pins before it as constraints. Pins that still fit stay; `make lock ARGS=--upgrade` takes the newest.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "core": ["pyproject.toml"],
    "setup": ["--group", "setup"],
    "dev": ["pyproject.toml", "--extra", "dev"],
    "catalogue": ["pyproject.toml", "--extra", "catalogue"],
    "bench": ["pyproject.toml", "--extra", "bench"],
    "parquet": ["pyproject.toml", "--extra", "parquet"],
    "gates": ["pyproject.toml", "--extra", "gates"],
    "embeddings": ["pyproject.toml", "--extra", "embeddings"],
    "redis": ["pyproject.toml", "--extra", "redis"],
    "lock": ["--group", "lock"],
    "strict": ["pyproject.toml", "--extra", "strict"],
    "older": ["pyproject.toml", "--extra", "older"],
}
APART = frozenset({"older"})
"""Not installed together with the others, so not solved with them."""
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--custom-compile-command=make lock",
    "--quiet",
]


def main(extra: list[str]) -> None:
    constraints: list[str] = []
    for name, sources in LOCKS.items():
        target = f"requirements/{name}.txt"
        beside = [] if name in APART else constraints
        command = [sys.executable, "-m", "uv", "pip", "compile", *sources, *beside, *OPTIONS, *extra]
        subprocess.run([*command, "--output-file", target], cwd=ROOT, check=True)
        constraints += ["--constraint", target]
        print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
