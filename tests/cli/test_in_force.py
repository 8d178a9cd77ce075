"""What a person does about the configuration of a server that runs, and what signals and terminals do to it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import environment, run, running

FILE = """
server: {port: 0}
providers: {p: {kind: simulated}}
models:
  sim-small: {channels: [{provider: p}], price: {input: 1, output: 2}}
"""
MORE = FILE + "  sim-nano: {channels: [{provider: p}], price: {input: 1, output: 2}}\n"
WRONG = FILE + "  sim-nano: {channels: [{provider: nobody}]}\n"


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "f.yaml").write_text(FILE)
    with running("serve", "--config", "f.yaml", cwd=folder, until="Say hello") as (server, _):
        yield server


def in_force(folder: Path) -> str:
    found = json.loads(run("config", "status", "--json", cwd=folder).stdout)
    return str(found["version"])


def becomes(folder: Path, *, other_than: str) -> str:
    until = time.monotonic() + 20
    while (version := in_force(folder)) == other_than:
        assert time.monotonic() < until
    return version


def test_a_server_cannot_be_told_what_to_run(tmp_path: Path) -> None:  # M8.4
    with serving(tmp_path) as server:
        first = in_force(tmp_path)
        (tmp_path / "f.yaml").write_text(MORE)
        done = run("config", "reload", cwd=tmp_path)
        second = in_force(tmp_path)
        assert (done.returncode, done.stderr) == (0, f"configuration {second} is in force\n")
        assert second != first
        (tmp_path / "f.yaml").write_text(WRONG)
        done = run("config", "reload", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stdout.startswith("f.yaml:6: models.sim-nano.channels[0].provider: ")
        assert f"rejected; configuration {second} stays in force" in done.stderr
        assert done.stdout in run("config", "status", cwd=tmp_path).stdout
        named = run("config", "status", "--config", "f.yaml", cwd=tmp_path)
        assert (named.returncode, named.stderr) == (0, ""), "a file that is wrong still says where its server is"
        assert done.stdout in named.stdout
        assert run("config", "rollback", first, cwd=tmp_path).returncode == 0
        assert "it was rolled back to" in run("config", "status", cwd=tmp_path).stdout
        listed = json.loads(run("config", "versions", "--json", cwd=tmp_path).stdout)
        assert [(one["version"], one["in_force"]) for one in listed] == [(second, False), (first, True)]
        assert first in run("config", "versions", cwd=tmp_path).stdout
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_nobody_there_is_a_traceback(tmp_path: Path) -> None:
    for command in ("status", "reload", "versions"):
        done = run("config", command, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("fairlead: no server that this user may ask runs on ")


def test_a_hangup_ends_a_server_that_has_a_file(tmp_path: Path) -> None:  # M8.4
    with serving(tmp_path) as server:
        first = in_force(tmp_path)
        (tmp_path / "f.yaml").write_text(MORE)
        server.send_signal(signal.SIGHUP)
        becomes(tmp_path, other_than=first)
        assert server.poll() is None


def test_a_server_outlives_its_terminal(tmp_path: Path) -> None:
    """There SIGHUP says that nobody is there any more, whether there is a file or not. What it says last goes nowhere."""
    (tmp_path / "f.yaml").write_text(FILE)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execve(
            sys.executable, [sys.executable, "-m", "fairlead", "serve", "--config", "f.yaml"], environment(TERM="dumb")
        )
    said = b""
    try:
        while b"Say hello" not in said:
            said += os.read(terminal, 4096)
    finally:
        os.close(terminal)
    until = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    assert os.WIFEXITED(ended[1])
