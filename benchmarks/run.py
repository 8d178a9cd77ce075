"""Measures fairlead beside a bare reverse proxy, other gateways and the upstream itself, in one run.

    make bench                            everything, other gateways too where they are installed already
    python benchmarks/run.py --peers      installs them first (in environments of their own)
    python benchmarks/run.py --quick      a look: one short round
    python benchmarks/run.py --latest     keeps the result as results/latest.json
    python benchmarks/run.py --write-readme   puts results/latest.json into README.md, measures nothing

How and what it means: README.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build
import figures
import machine
import measure
import peers
import report
from targets import NotStarted, Route, Server, Setting, Target, own_targets, start_upstream

RESULTS = build.HERE / "results"
LATEST = RESULTS / "latest.json"
README = build.HERE / "README.md"
ROUTES = ("direct", "bare", "pinned", "rewritten", "auto", "afresh", "crossed", "tensorzero", "litellm")
Measured = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Options:
    rounds: int
    seconds: float
    quick: bool
    only: frozenset[str]

    def wants(self, route: str) -> bool:
        return not self.only or route in self.only


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start(target: Target, setting: Setting, notes: list[str]) -> Server | None:
    try:
        return target.start(setting)
    except NotStarted as error:
        note = f"{target.name} did not start"
        say(f"{note}:\n{error}")
        if note not in notes:
            notes.append(note)
        return None


def measure_server(server: Server, options: Options) -> Measured:
    """Every route of a server, each with the phases that say something about it."""
    measured: Measured = {}
    idle = None
    for name, route in server.routes.items():
        if not options.wants(name):
            continue
        if idle is None:
            idle = server.process.memory_mb()
        streams = name not in ("rewritten", "afresh")
        measure.warm_up(server, route, streams=streams)
        if name in ("rewritten", "afresh"):
            load = ("-c", "32", "-d", str(options.seconds), "-w", "0.2")
            phases = {"closed_32": measure.phase(server, route, "bench-fast", *load)}
        else:
            phases = measure.throughput(server, route, options.seconds)
            paced = name in ("bare", "pinned", "crossed", "tensorzero")
            phases |= measure.streaming(server, route, options.seconds, paced=paced)
        measured[name] = {"start_seconds": server.start_seconds, "idle_mb": idle, **phases}
    return measured


def measure_direct(setting: Setting, options: Options) -> Measured:
    route = Route("direct", setting.upstream)
    return {
        "direct": measure.throughput(None, route, options.seconds) | measure.streaming(None, route, options.seconds)
    }


def measure_rounds(targets: list[Target], setting: Setting, options: Options, notes: list[str]) -> list[Measured]:
    rounds: list[Measured] = []
    for number in range(1, options.rounds + 1):
        say(f"round {number} of {options.rounds}: direct")
        measured = measure_direct(setting, options)
        for target in targets if number % 2 else targets[::-1]:
            say(f"round {number} of {options.rounds}: {target.name}")
            if server := start(target, setting, notes):
                try:
                    server.process.settle()
                    measured |= measure_server(server, options)
                finally:
                    server.stop()
        rounds.append(measured)
    figures.void_above_ceiling(rounds)
    return rounds


def measure_side_by_side(
    targets: list[Target], setting: Setting, options: Options, notes: list[str]
) -> dict[str, dict[str, Any]]:
    """Latency and first tokens in turn with all servers up; then a thousand streams through each."""
    say("latency at one connection and first tokens, in turn; then 1,000 open streams")
    servers = [server for target in targets if (server := start(target, setting, notes))]
    try:
        routes = {"direct": Route("direct", setting.upstream)}
        for server in servers:
            routes |= {name: route for name, route in server.routes.items() if options.wants(name)}
        for server in servers:
            measure.warm_up(server, next(iter(server.routes.values())), streams=False)
        latency = measure.latency(routes, slices=3 if options.quick else 12)
        paced = {name: routes[name] for name in ("bare", "pinned") if name in routes}
        for server in servers:
            measure.warm_up(server, next(iter(server.routes.values())), streams=True)
        first_tokens = measure.first_tokens(paced, slices=3 if options.quick else 15)
        streams = {}
        for server in servers:
            name, route = next(iter(server.routes.items()))
            if options.wants(name):
                streams[name] = measure.many_streams(server, route)
    finally:
        for server in servers:
            server.stop()
    return {"latency": latency, "first_tokens": first_tokens, "streams": streams}


def versions(targets: list[Target]) -> dict[str, str]:
    found = {"fairlead": build.version_in(sys.executable, "fairlead")}
    for target in targets:
        found |= target.versions
    return found


def run(options: Options, wanted_peers: bool | None) -> dict[str, Any]:
    """The whole run; everything it starts is ended again, however it ends."""
    notes: list[str] = []
    own = [target for target in own_targets() if any(options.wants(name) for name in _routes_of(target.name))]
    others: list[Target] = []
    if wanted_peers is not False:
        others, missing = peers.targets(install=bool(wanted_peers))
        others = [target for target in others if options.wants(target.name)]
        notes += missing
    description, cores = machine.describe(), machine.choose_cores()
    if not cores.apart:
        notes.append("one core only: target, upstream and load share it, so rates and latencies are no measure here")
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, {cores.load})
        upstream, port = start_upstream(cores, Path(folder))
        try:
            setting = Setting(cores, Path(folder), port)
            rounds = measure_rounds([*own, *others], setting, options, notes)
            side_by_side = measure_side_by_side(own, setting, options, notes)
        finally:
            upstream.stop()
    say("size on disk and fairlead --help")
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": description,
        "cores_apart": cores.apart,
        "versions": versions([*own, *others]),
        "seconds": options.seconds,
        "targets": [name for name in ROUTES if any(name in measured for measured in rounds)],
        "rounds": rounds,
        **side_by_side,
        "installed_mb": None if options.quick else measure.installed_mb(),
        "help_seconds": measure.help_seconds(),
        "notes": notes,
    }


def _routes_of(target: str) -> tuple[str, ...]:
    return ("pinned", "rewritten", "auto", "afresh", "crossed") if target == "fairlead" else (target,)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-r", "--rounds", type=int, help="alternating rounds; medians are taken over them (3)")
    parser.add_argument("--seconds", type=float, help="length of a load (2.5)")
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--only", nargs="+", choices=ROUTES, default=[], help="leave out all but these (and direct)")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, help="install and measure other gateways")
    parser.add_argument("--latest", action="store_true", help="keep the result as results/latest.json")
    parser.add_argument("--write-readme", action="store_true", help="put results/latest.json into README.md and stop")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    if arguments.write_readme:
        return report.fill(README, "results", report.text(json.loads(LATEST.read_text())))
    machine.require_linux()
    machine.allow_many_sockets()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    quick = arguments.quick
    options = Options(
        arguments.rounds or (1 if quick else 3),
        arguments.seconds or (1.0 if quick else 2.5),
        quick,
        frozenset(arguments.only),
    )
    try:
        for name in ("upstream", "load"):
            build.program(name)
    except build.CannotBuild as error:
        sys.exit(str(error))
    result = run(options, arguments.peers)
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    file = LATEST if arguments.latest else RESULTS / f"{stamp}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(report.text(result))
    say(f"all of it: {file.relative_to(build.HERE.parent)}")


if __name__ == "__main__":
    main()
