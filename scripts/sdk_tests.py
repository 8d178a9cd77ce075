"""Fetch the official SDKs' own tests into `.venv/sdks`: `python scripts/sdk_tests.py`.

They stand in the source archives that `requirements/strict.txt` pins, and are checked against its hashes. Where no
package index answers, nothing is fetched and what needs them is skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "strict.txt"
BESIDE = ROOT / ".venv" / "strict"
"""Where the lock is installed: pip asks the archives for their metadata, and that needs their build requirements."""
TARGET = ROOT / ".venv" / "sdks"
SDKS = ("anthropic", "openai")
KEPT = ("tests", "pyproject.toml")
OPTIONS = ["--quiet", "--no-deps", "--no-build-isolation", "--no-binary=:all:", "--require-hashes"]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(pinned(LOCK.read_text(), SDKS))
        command = [sys.executable, "-m", "pip", "download", *OPTIONS, "--requirement", str(wanted), "--dest", folder]
        environment = {**os.environ, "PYTHONPATH": str(BESIDE), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if subprocess.run(command, env=environment, check=False).returncode:
            print("the SDKs' own tests could not be fetched: they will be skipped")
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        for archive in Path(folder).glob("*.tar.gz"):
            unpack(archive, TARGET / archive.name.partition("-")[0])
    return 0


def pinned(lock: str, names: tuple[str, ...]) -> str:
    """The named requirements of a lock, with their hashes."""
    entries = re.findall(r"^[a-z0-9-]+==.*(?:\n    --hash=.*)+$", lock, re.MULTILINE)
    found = [entry for entry in entries if entry.partition("==")[0] in names]
    if len(found) != len(names):
        raise ValueError(f"the lock does not pin each of {', '.join(names)}")
    return "\n".join(found) + "\n"


def unpack(archive: Path, target: Path) -> None:
    """What is kept of an archive, without the folder that all of it stands in."""
    with tarfile.open(archive) as members:
        for member in members:
            path = PurePosixPath(member.name)
            content = members.extractfile(member) if member.isfile() else None
            if content is not None and len(path.parts) > 1 and path.parts[1] in KEPT and ".." not in path.parts:
                place = target.joinpath(*path.parts[1:])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.read())


if __name__ == "__main__":
    sys.exit(main())
