"""Where the microseconds go: a table by room and module, each with its own time per request.

    python benchmarks/profile.py [--route pinned|rewritten|auto] [--streamed] [--seconds 5] [--functions 25] [--write-readme]

The gateway runs under the usual load (32 connections; with --streamed 16 streams of 200 events in one piece). A sampling profiler (py-spy, installed into `.build` once) looks
from outside which function is at work; the shares are laid on the processor time per request that was measured
without it. What a function has done in C (parsing, sending, SQLite) counts as its own. Where py-spy cannot be had or
may not look, cProfile is used from inside: it makes small functions look dearer than they are, and the table says so.
"""

from __future__ import annotations

import argparse
import collections
import os
import pstats
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import build
import machine
import measure
import report
from targets import ROOT, Server, Setting, running_upstream, start_fairlead

Place = tuple[str, str, str]  # room, module, function
Shares = dict[Place, float]
Key = TypeVar("Key")
Weights = collections.defaultdict[Key, float]
FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")
PACKAGE = str(ROOT / "src" / "fairlead") + os.sep
EVENT_LOOPS = ("uvloop", "asyncio", "selectors")
WAITS = {
    ("thread.py", "_worker"),
    ("threading.py", "wait"),
    ("queue.py", "get"),
}  # idle threads, seen as busy by some kernels


def place_of(file: str, function: str) -> Place:
    if file.startswith(PACKAGE):
        module = file.removeprefix(PACKAGE)
        room = module.split(os.sep)[0] if os.sep in module else "(package)"
        return room, module, function
    parts = Path(file).parts
    if "site-packages" in parts:
        library = parts[parts.index("site-packages") + 1]
    else:
        library = parts[-2] if len(parts) > 1 and parts[-2] in EVENT_LOOPS else parts[-1] if parts else "?"
    if library in EVENT_LOOPS or file in ("~", ""):
        return "event loop", "event loop and kernel", function
    return "libraries", library, function


def shares_of_samples(folded: str) -> Shares:
    """Shares from py-spy's folded stacks: the innermost frame is the one at work."""
    counts: Weights[Place] = collections.defaultdict(float)
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frame = FRAME.match(stack.rpartition(";")[2])
        if frame and (Path(frame["file"]).name, frame["function"].rpartition(".")[2]) not in WAITS:
            counts[place_of(frame["file"], frame["function"])] += int(count)
    return _normalised(counts)


def shares_of_cprofile(file: Path) -> Shares:
    """Shares from cProfile's own times, the wait for events left out."""
    times: Weights[Place] = collections.defaultdict(float)
    for (source, _, function), (_, _, own, *_) in pstats.Stats(str(file)).stats.items():  # type: ignore[attr-defined]
        if "select" not in function and "poll" not in function and "run_until_complete" not in function:
            times[place_of(source, function)] += own
    return _normalised(times)


def _dearest(weights: Mapping[Key, float]) -> list[tuple[Key, float]]:
    return sorted(weights.items(), key=lambda item: -item[1])


def _normalised(weights: Mapping[Place, float]) -> Shares:
    total = sum(weights.values()) or 1
    return {place: weight / total for place, weight in weights.items()}


@dataclass(frozen=True)
class Load:
    route: str
    streamed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{self.route}, {'16 streams of 200 events' if self.streamed else '32 connections'}"

    def run(self, server: Server) -> measure.Result:
        mode, connections = ("bench-burst", "16") if self.streamed else ("bench-fast", "32")
        options = ("-c", connections, "-d", str(self.seconds))
        return measure.phase(server, server.routes[self.route], mode, *options, streamed=self.streamed)


def sample(setting: Setting, load: Load) -> tuple[Shares, float]:
    """Processor time per request first, then the same load again with py-spy looking on."""
    profiler = build.environment("py-spy", "py-spy").parent / "py-spy"
    server = start_fairlead(setting)
    try:
        measure.warm_up(server, server.routes[load.route], streams=load.streamed)
        cost = load.run(server)
        folded = setting.scratch / "folded"
        command = [
            str(profiler),
            "record",
            "--pid",
            str(server.process.popen.pid),
            "--duration",
            str(int(load.seconds)),
        ]
        command += ["--rate", "400", "--format", "raw", "--function", "--full-filenames", "--output", str(folded)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as looking:
            load.run(server)
            _, said = looking.communicate(timeout=load.seconds + 30)
        if looking.returncode:
            raise build.CannotBuild(f"py-spy: {said.strip().splitlines()[-1] if said.strip() else 'failed'}")
    finally:
        server.stop()
    return shares_of_samples(folded.read_text()), cost["cpu_us_per_request"]


def instrument(setting: Setting, load: Load) -> tuple[Shares, float]:
    """The same with cProfile, in two runs of the gateway."""
    plain = start_fairlead(setting)
    try:
        measure.warm_up(plain, plain.routes[load.route], streams=load.streamed)
        cost = load.run(plain)
    finally:
        plain.stop()
    file = setting.scratch / "cprofile"
    profiled = start_fairlead(setting, ("-m", "cProfile", "-o", str(file)))
    try:
        load.run(profiled)
    finally:
        profiled.stop()
    return shares_of_cprofile(file), cost["cpu_us_per_request"]


def table(shares: Shares, cost: float, functions: int) -> str:
    rooms: Weights[str] = collections.defaultdict(float)
    modules: Weights[tuple[str, str]] = collections.defaultdict(float)
    for (room, module, _), share in shares.items():
        rooms[room] += share
        modules[room, module] += share
    lines = [
        f"{cost:.0f} us of processor time per request, of which:",
        "",
        "| room | module | us | share |",
        "|---|---|---:|---:|",
    ]
    for room, share in _dearest(rooms):
        lines.append(f"| **{room}** | | **{share * cost:.1f}** | **{share:.1%}** |")
        lines += [
            f"| | {module} | {part * cost:.1f} | {part:.1%} |"
            for (owner, module), part in _dearest(modules)
            if owner == room and part >= 0.005
        ]
    lines += ["", "| function | module | us |", "|---|---|---:|"]
    dearest = _dearest(shares)[:functions]
    lines += [f"| {function} | {module} | {share * cost:.1f} |" for (_, module, function), share in dearest]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--route", choices=("pinned", "rewritten", "auto"), default="pinned")
    parser.add_argument("--streamed", action="store_true", help="streams instead of single answers")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--write-readme", action="store_true", help="put the tables into README.md")
    parser.add_argument("--functions", type=int, default=25, help="how many of the dearest functions to list")
    options = parser.parse_args()
    machine.require_linux()
    machine.allow_many_sockets()
    with running_upstream() as setting:
        load = Load(options.route, options.streamed, options.seconds)
        try:
            shares, cost = sample(setting, load)
            how = "sampled with py-spy"
        except build.CannotBuild as error:
            print(error, file=sys.stderr)
            shares, cost = instrument(setting, load)
            how = "with cProfile, which makes small functions look dearer than they are"
    content = f"{load}, {how}: {table(shares, cost, options.functions)}"
    print(content)
    if options.write_readme:
        report.fill(build.HERE / "README.md", "profile", content)


if __name__ == "__main__":
    main()
