"""Runs `fairlead` as a person does: a process of its own, with its own environment, streams and exit code."""

from __future__ import annotations

import atexit
import functools
import json
import os
import pty
import subprocess
import sys
import tempfile
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


@functools.cache
def origin() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-P", Path(__file__).parent / "origin.py"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def run(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Forked from a process that has it imported: see `origin`."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        for stream, text in zip(streams, (stdin, "", ""), strict=True):
            stream.write_text(text, encoding="utf-8")
        asked = {
            "arguments": arguments,
            "cwd": os.fspath(cwd or Path.cwd()),
            "env": environment(**env),
            "streams": [os.fspath(stream) for stream in streams],
            "seconds": 60,
        }
        process = origin()
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps(asked), file=process.stdin, flush=True)
        code = int(process.stdout.readline())
        out, err = (stream.read_text(encoding="utf-8") for stream in streams[1:])
    return subprocess.CompletedProcess(arguments, code, out, err)


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
