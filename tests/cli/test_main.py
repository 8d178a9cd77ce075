"""The group: help comes at once and in two languages, mistakes are pointed at, exit codes mean something."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fairlead.cli.main import COMMANDS
from tests.cli.command import environment, run

HEAVY = {"pydantic", "asyncio", "uvloop", "httptools", "yaml", "orjson", "sqlite3", "ssl"}


def test_help_imports_what_only_a_command_needs() -> None:
    script = (
        "import sys\nfrom fairlead.cli.main import cli\n"
        "try:\n    cli(['--help'], prog_name='fairlead')\nexcept SystemExit:\n    pass\n"
        "print(','.join(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True, timeout=30
    )
    assert not HEAVY & set(done.stderr.strip().split(","))
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_table_is_missing_or_shows_no_example(name: str) -> None:
    command = importlib.import_module(f"fairlead.cli.{name}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help
    assert name == "version" or "Example" in command.help
    shown = command.get_help(click.Context(command, info_name=f"fairlead {name}"))
    assert "\b" not in shown


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    done = run("modles")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Did you mean 'models'?" in done.stderr


def test_an_error_ends_in_a_traceback_or_on_stdout() -> None:
    done = run("models", "--config", "nowhere.yaml")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "fairlead: nowhere.yaml: there is no such file\n"


@pytest.mark.parametrize("arguments", [("models", "--catalogue"), ("--help",), ("config", "example")], ids=" ".join)
def test_a_reader_who_has_seen_enough_is_told_of_a_broken_pipe(arguments: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "fairlead", *arguments],
            env=environment(),
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    "arguments", [("models", "--catalogue"), ("--help",), ("version",), ("calc", "--json")], ids=" ".join
)
def test_a_full_disk_ends_in_a_traceback_or_as_if_all_were_written(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fairlead", *arguments],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    words = b"fairlead: the output could not be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, words)


def test_who_closed_the_output_is_told_of_it_in_a_traceback() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m fairlead models --catalogue >&-"],
        env=environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_chinese_help_is_for_chinese_environments_only() -> None:
    assert "启动网关" in run("--help", LC_ALL="zh_CN.UTF-8").stdout
    assert "启动网关" in run("--help", LANG="zh_TW.UTF-8").stdout
    assert "启动网关" not in run("--help", LC_ALL="C.UTF-8", LANG="zh_CN.UTF-8").stdout
    assert "Run the gateway." in run("--help").stdout
