"""Runs `fairlead` as a person does: a process of its own, with its own environment, streams and exit code."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import fairlead

SOURCE = Path(fairlead.__file__).parent.parent
KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "COVERAGE_PROCESS_START")


def environment(**more: str) -> dict[str, str]:
    """Nothing of the outer environment that a configuration could be read from."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8", **more}


def run(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fairlead", *arguments],
        cwd=cwd,
        input=stdin,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(*arguments: str, columns: int) -> str:
    """What a window of that width shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead", *arguments],
        env=environment(COLUMNS=str(columns), TERM="dumb"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    said = b""
    with process, os.fdopen(ours, "rb", buffering=0) as window:
        while piece := _piece(window):
            said += piece
    return said.decode().replace("\r\n", "\n")


def _piece(window: FileIO) -> bytes:
    """Linux reports the other end's closing as an error."""
    try:
        return window.read(65_536) or b""
    except OSError:
        return b""


@contextmanager
def running(*arguments: str, cwd: Path, until: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, with what it said on stderr up to the line that holds `until`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fairlead", *arguments],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        given_up = time.monotonic() + 30
        while until not in said:
            line = process.stderr.readline()
            assert line, f"it ended: {said}"
            assert time.monotonic() < given_up, said
            said += line
        yield process, said
    finally:
        process.kill()
        process.communicate()


def address_in(said: str) -> str:
    start = said.index("http://")
    return said[start : said.index("/v1", start)]
