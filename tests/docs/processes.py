"""Servers of the documentation's tests, each a process of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def address_of(server: subprocess.Popen[str]) -> str:
    """What the server says it listens on."""
    assert server.stderr is not None
    said = ""
    for line in server.stderr:
        if found := ADDRESS.search(line):
            return found[0]
        said += line
    raise AssertionError(f"the server did not start: {said}")


@contextmanager
def ended(server: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stderr is not None:
            server.stderr.close()
