"""The measurements themselves: each returns plain data and says for itself why it may not count (`void`).

Processor time is that of the target's whole process tree, from the start of the load until the target has nothing left
to do and, where it keeps a ledger, until the ledger holds every request. Work put off is work paid for.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import build
from machine import Process
from targets import CATCH_UP_SECONDS, ROOT, NotStarted, Route, Server, fairlead_environment

Result = dict[str, Any]
LOAD_PATIENCE = 45.0
STREAMS_AT_ONCE = 1000


def load_command(route: Route, mode: str, *options: str, streamed: bool = False) -> list[str]:
    headers = [part for line in route.headers for part in ("-H", line)]
    return [
        *(str(build.program("load")), "-p", str(route.port), "-P", route.path, *headers),
        *("-b", str(route.body(mode, streamed=streamed)), "-e", route.ending if streamed else '"usage"'),
        *(["-s"] if streamed else []),
        *(["-v"] if route.varied else []),
        *options,
    ]


def load(route: Route, mode: str, *options: str, streamed: bool = False) -> Result:
    """Runs the load generator; its report, or a failure that says why there is none."""
    command = load_command(route, mode, *options, streamed=streamed)
    seconds = float(options[options.index("-d") + 1]) if "-d" in options else 5
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + LOAD_PATIENCE, check=True)
    except subprocess.SubprocessError as error:
        return {"sent": 0, "answered": 0, "failed": 0, "void": [f"no load: {error.__class__.__name__}"]}
    result: Result = json.loads(done.stdout)
    if result["failed"]:
        print(f"{route.name} {mode}: {result['errors']}, {result.pop('bad_body', '')}", file=sys.stderr)
    result.pop("bad_body", None)
    return result


def phase(server: Server | None, route: Route, mode: str, *options: str, streamed: bool = False) -> Result:
    """One load with its processor time per request; without a server it is the upstream itself that is asked."""
    if server is None:
        return {"void": [], **load(route, mode, *options, streamed=streamed)}
    rows, cpu = server.ledger_rows(), server.process.cpu_seconds()
    result = load(route, mode, *options, streamed=streamed)
    held = server.catch_up(rows + result["sent"]) - rows
    void = list(result.get("void", ()))
    if server.ledger is not None:
        result["ledger_rows"] = held
        if held != result["sent"] or rows < 0:
            void.append(f"the ledger holds {held} of {result['sent']} requests after {CATCH_UP_SECONDS:.0f} s")
    if result["failed"] > result["sent"] // 1000:
        void.append(f"{result['failed']} of {result['sent']} requests failed")
    result["cpu_us_per_request"] = (server.process.cpu_seconds() - cpu) * 1e6 / max(1, result["answered"])
    return result | {"void": void}


class StandingLoad:
    """A load generator that keeps its connections from one phase to the next."""

    def __init__(self, server: Server, route: Route, mode: str, connections: int) -> None:
        command = load_command(route, mode, "-c", str(connections), "-x", "-i")
        self.server, self.connections = server, connections
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def phase(self, connections: int, rate: float, seconds: float) -> Result:
        """Ends when all that was asked is answered, and the books are complete."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        rows, cpu = self.server.ledger_rows(), self.server.process.cpu_seconds()
        self.process.stdin.write(f"{connections} {rate} {seconds / 5} {seconds}\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        if not told:
            raise NotStarted("The load generator has ended.")
        result: Result = json.loads(told)
        result["ledger_rows"] = self.server.catch_up(rows + result["answered"]) - rows
        cpu = self.server.process.cpu_seconds() - cpu
        return result | {"cpu_us_per_request": cpu * 1e6 / max(1, result["answered"])}

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def warm_up(server: Server, route: Route, *, streams: bool) -> None:
    load(route, "bench-fast", "-c", "8", "-d", "0.7")
    if streams:
        load(route, "bench-burst", "-c", "4", "-d", "0.3", streamed=True)
    server.settle()


def throughput(server: Server | None, route: Route, seconds: float) -> dict[str, Result]:
    """Closed loop at 1, 32 and 256 connections."""
    return {
        f"closed_{connections}": phase(
            server, route, "bench-fast", "-c", str(connections), "-d", str(duration), "-w", "0.2"
        )
        for connections, duration in ((1, seconds / 2), (32, seconds), (256, seconds))
    }


def streaming(server: Server | None, route: Route, seconds: float, *, paced: bool = True) -> dict[str, Result]:
    """Streams in one piece at 16 connections; paced ones, 200 events in a second, at 4 and at 64."""
    results = {
        "burst_16": phase(server, route, "bench-burst", "-c", "16", "-d", str(seconds / 2), "-w", "0.2", streamed=True)
    }
    if paced:
        for streams in (4, 64):
            options = ("-c", str(streams), "-d", str(max(2.0, seconds)))
            results[f"paced_{streams}"] = phase(server, route, "bench-paced", *options, streamed=True)
    return results


def latency(routes: dict[str, Route], slices: int, seconds: float = 0.3) -> dict[str, Result]:
    """One connection, the routes in turn in short slices, so that what disturbs the machine disturbs all alike."""
    seen: dict[str, dict[str, list[float]]] = {name: {"p50": [], "p99": []} for name in routes}
    for _ in range(slices):
        for name, route in routes.items():
            result = load(route, "bench-fast", "-c", "1", "-d", str(seconds), "-w", "0.05")
            for share, values in seen[name].items():
                if share in result.get("latency_us", {}):
                    values.append(result["latency_us"][share])
            time.sleep(0.15)
    return {
        name: {share: statistics.median(values) for share, values in shares.items() if values}
        for name, shares in seen.items()
    }


BEGINNINGS = {
    "at_once_4": ("-c", "4", "-n", "4", "-d", "2"),
    "at_once_64": ("-c", "64", "-n", "64", "-d", "2"),
    "by_clock_64": ("-c", "256", "-r", "64", "-w", "1.2", "-d", "2.5"),
}
"""How paced streams begin. In a closed loop a second wave would begin as far apart as the first one's ends, so that whoever was
slow at first would be quick then."""


def first_tokens(routes: dict[str, Route], slices: int) -> dict[str, dict[str, list[Result | None]]]:
    """The routes in turn, as above; what one slice saw of each stands at one place of the lists. None: it may not count."""
    seen: dict[str, dict[str, list[Result | None]]] = {name: {way: [] for way in BEGINNINGS} for name in routes}
    for number in range(slices):
        for way, options in BEGINNINGS.items():
            for name in list(routes)[:: 1 if number % 2 else -1]:
                result = load(routes[name], "bench-paced", *options, streamed=True)
                whole = result["answered"] and not result["failed"] and not result["late"]
                seen[name][way].append(result["first_token_us"] if whole else None)
                time.sleep(0.15)
    return seen


class _PeakMemory(threading.Thread):
    """Samples the resident memory of a process tree until it is told to stop."""

    def __init__(self, process: Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.stopped = process, 0.0, threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.25):
            self.peak = max(self.peak, self.process.memory_mb("Rss"))


def many_streams(server: Server, route: Route) -> Result:
    """A thousand open streams at once, three waves of them: the first warms up, the next two must not differ."""
    waves = []
    before = server.process.memory_mb("Rss")
    for _ in range(3):
        sampler = _PeakMemory(server.process)
        sampler.start()
        count = str(STREAMS_AT_ONCE)
        result = load(route, "bench-slow", "-c", count, "-n", count, "-d", "15", streamed=True)
        sampler.stopped.set()
        sampler.join()
        server.process.settle(3)
        first = result.get("first_token_us", {})
        waves.append(
            {
                "answered": result["answered"],
                "failed": result["failed"],
                "peak_mb": sampler.peak,
                "after_mb": server.process.memory_mb("Rss"),
                "first_token_p99_us": first.get("p99"),
            }
        )
    void = [
        f"{wave['answered']} of {STREAMS_AT_ONCE} streams were complete"
        for wave in waves
        if wave["answered"] < STREAMS_AT_ONCE
    ]
    return {"before_mb": before, "waves": waves, "growth_mb": waves[2]["peak_mb"] - waves[1]["peak_mb"], "void": void}


def help_seconds(tries: int = 5) -> float | None:
    """The wall time of `fairlead --help`, the best of some tries."""
    script = Path(sys.executable).parent / "fairlead"
    command = [str(script)] if script.exists() else [sys.executable, "-m", "fairlead.cli.main"]
    best: float | None = None
    for _ in range(tries):
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--help"], capture_output=True, env={**os.environ, **fairlead_environment()}, check=False
        )
        if done.returncode:
            return None
        took = time.perf_counter() - began
        best = took if best is None else min(best, took)
    return best


def _size_mb(folder: Path) -> float:
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 2**20


def installed_mb() -> float | None:
    """What the locked core dependencies and the package take on disk, byte code included; None when pip cannot fetch them."""
    lock = ROOT / "requirements" / "core.txt"
    if not lock.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(site)]
        try:
            subprocess.run([*command, "-r", str(lock)], check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError):
            return None
        shutil.copytree(ROOT / "src" / "fairlead", site / "fairlead")
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(site / "fairlead")], check=False)
        return _size_mb(site)
