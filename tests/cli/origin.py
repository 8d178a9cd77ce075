"""A process that has imported all of `fairlead`, and for each line it reads forks one off: half a second sooner each.

A fork runs the module as `python -m fairlead` does, from its environment and arguments to its exit code, and ends as
every process does. That the commands also start from nothing is shown by those on the pages (`tests/docs`).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import sys
import time
from typing import Any

import fairlead


def forked() -> dict[str, Any] | None:
    """In each fork what is asked of it; None when nothing more is. Who asks is told the exit codes."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asked: dict[str, Any] = json.loads(line)
            return asked
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def become(asked: dict[str, Any]) -> None:
    """A process that was started in this folder, with these files as its streams."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    for number, file in enumerate(asked["streams"]):
        stream = os.open(file, os.O_RDWR)
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv[1:] = asked["arguments"]
    signal.alarm(asked["seconds"])


if __name__ == "__main__":
    for module in pkgutil.walk_packages(fairlead.__path__, "fairlead."):
        if module.name != "fairlead.__main__":
            importlib.import_module(module.name)
    gc.freeze()
    if (asked := forked()) is not None:
        become(asked)
        runpy.run_module("fairlead", run_name="__main__", alter_sys=True)
