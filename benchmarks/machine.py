"""What the benchmarks need from the operating system: cores, processes, processor time, memory, ports.

Everything is read from /proc of a whole process tree, so that a target with workers pays for all of them.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Cores:
    """Where things run: the target on one core, upstream, load and this program on another."""

    load: int
    target: int

    @property
    def apart(self) -> bool:
        return self.load != self.target


def require_linux() -> None:
    if not sys.platform.startswith("linux"):
        sys.exit("The benchmarks need Linux (epoll and /proc). In a Linux container on this machine they work as well.")


def choose_cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1] if len(usable) < 3 else usable[1])


def allow_many_sockets() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def _on_core(core: int) -> Iterator[None]:
    """What is started in here inherits the core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Process:
    """A started program and all that it starts."""

    popen: subprocess.Popen[str]

    @classmethod
    def start(
        cls,
        command: list[str],
        core: int,
        *,
        log: Path,
        env: Mapping[str, str] = MappingProxyType({}),
        piped: bool = False,
    ) -> Process:
        """Starts `command` in the log's folder; what it says goes to the log, its output to `popen.stdout` if piped."""
        with log.open("a") as said, _on_core(core):
            return cls(
                subprocess.Popen(
                    command,
                    env={**os.environ, **env},
                    cwd=log.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if piped else said,
                    stderr=said,
                    text=True,
                    start_new_session=True,
                )
            )

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def pids(self) -> list[int]:
        return _tree(self.popen.pid)

    def cpu_seconds(self) -> float:
        """User and system time of the tree, its ended and awaited children included."""
        ticks = 0
        for pid in self.pids():
            fields = _stat(pid)
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS

    def memory_mb(self, field: str = "Pss") -> float:
        """Proportional set size (or `Rss`) of the tree."""
        kilobytes = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                    if line.startswith(field + ":"):
                        kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def settle(self, seconds: float = 5.0) -> None:
        """Waits until the tree has nothing to do any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.running:
            before = self.cpu_seconds()
            time.sleep(0.2)
            if self.cpu_seconds() - before <= 1 / TICKS:
                return

    def stop(self) -> None:
        pids = self.pids()
        with contextlib.suppress(OSError):
            self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(6)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for pid in pids[1:]:
            with contextlib.suppress(OSError):
                if os.getsid(pid) == self.popen.pid:  # still ours, and no other process with its number
                    os.kill(pid, signal.SIGKILL)
        if self.popen.stdout:
            self.popen.stdout.close()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, or none when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def describe() -> dict[str, object]:
    """The machine, without its name."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }
