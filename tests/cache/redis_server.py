"""A Redis of one's own for tests: on a socket in a folder, nothing on disk. Skips where there is no server or no client."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER = os.environ.get("FAIRLEAD_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")


def told(path: Path, command: bytes) -> bytes:
    """The answer to it; nothing where there is none."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
            line.sendall(command + b"\r\n")
            return line.recv(64).strip()
        except OSError:
            return b""


@contextmanager
def started() -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Its socket, and its process."""
    if SERVER is None or importlib.util.find_spec("redis") is None:
        pytest.skip("there is no Redis here, or no client for it")
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket may not be long
        path = Path(folder) / "s"
        process = subprocess.Popen(
            [SERVER, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL
        )
        try:
            for _ in range(500):
                if told(path, b"PING") == b"+PONG":
                    break
                time.sleep(0.01)
            yield path, process
        finally:
            process.kill()
            process.wait()
