"""Ten thousand streams open at once: does any fail, what does each take, and how long does a new one wait meanwhile?

    python benchmarks/streams.py [--streams 10000] [--rate 400] [--inside]

The streams have an event each 3 s and are opened by the clock, so that all are open for a while; each is read to its end
and has to be whole. Before and meanwhile a client asks for short streams, one after another, and notes the time to the
first token. Memory is the resident size of fairlead's process tree: the highest with the streams open, less what it was
before, over their number.

A stream takes a file of the load, two of fairlead and one of the upstream: `ulimit -Hn` has to be a little above twice
their number. Where it is lower, as many streams are opened as it allows, and the output says so.

With `--inside` a simulated model within the process answers, an event each 3 s as well: a stream then takes one file of fairlead, and all
10,000 clients that it takes at once have one. There is no place left for who would wait meanwhile.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import threading
import time
from collections.abc import Iterable

import machine
import measure
from targets import KEY, Setting, running_upstream, start_fairlead, upstream_stats

FILES_BESIDE = 200
"""What fairlead needs beside the streams."""
PROBE = ("-c", "1", "-d", "3", "-w", "0.2")
INSIDE = f"""server: {{host: 127.0.0.1, port: PORT, state_dir: ./state}}
providers: {{sim: {{kind: simulated, models: {{bench-fast: {{latency_ms: 0}}, bench-long: {{latency_ms: 3000, tokens_per_second: 0.33, output_tokens: 14}}}}}}}}
models:
  bench-fast: {{channels: [{{provider: sim}}], price: {{input: 1, output: 2}}}}
  bench-long: {{channels: [{{provider: sim}}], price: {{input: 1, output: 2}}}}
keys: [{{name: bench, key: {KEY}}}]
"""
MOST_KB = 50.0
MOST_WAIT = 2.0


def open_streams(setting: Setting, count: int, rate: float) -> bool:
    """Prints what was seen; whether all of it is as it has to be."""
    # Most clients that fairlead takes are what the connections to the upstream leave of its files.
    server = start_fairlead(setting, connections=count + FILES_BESIDE // 4)
    try:
        route = server.routes["pinned"]
        measure.warm_up(server, route, streams=True)
        idle = measure.load(route, "bench-burst", *PROBE, streamed=True)["first_token_us"]
        before = server.process.memory_mb("Rss")
        held: measure.Result = {}
        options = ("-c", str(count), "-r", str(rate), "-n", str(count), "-d", str(count / rate + 70))
        holding = threading.Thread(
            target=lambda: held.update(measure.load(route, "bench-long", *options, streamed=True)), daemon=True
        )
        holding.start()
        until = time.monotonic() + count / rate + 30
        most = 0
        while most < count and time.monotonic() < until and holding.is_alive():
            most = max(most, upstream_stats(setting.upstream)["open"])
            time.sleep(0.2)
        meanwhile = measure.load(route, "bench-burst", *PROBE, streamed=True)["first_token_us"]
        peak = server.process.memory_mb("Rss")
        still = upstream_stats(setting.upstream)["open"]
        holding.join()
        rows = server.catch_up(held["answered"])
    finally:
        server.stop()
    each = (peak - before) * 1024 / max(1, most)
    wait = meanwhile["p99"] / idle["p99"]
    good = held["answered"] == count and not held["failed"] and each <= MOST_KB and wait <= MOST_WAIT
    print(
        f"{most:,} streams open at once, {still:,} of them behind the probes; {held['answered']:,} whole, "
        f"{held['failed']:,} failed {held.get('errors', '')}, {rows:,} requests on the books\n"
        f"memory {before:.0f} MB before, {peak:.0f} MB with them: {each:.1f} KB each\n"
        f"first token p50 {idle['p50'] / 1000:.1f} ms, p99 {idle['p99'] / 1000:.1f} ms idle; "
        f"p50 {meanwhile['p50'] / 1000:.1f} ms, p99 {meanwhile['p99'] / 1000:.1f} ms meanwhile ({wait:.1f} x)\n"
        f"{'pass' if good else 'MISS'}"
    )
    return good


def open_inside(setting: Setting, count: int, rate: float) -> bool:
    """The same without an upstream."""
    server = start_fairlead(setting, text=INSIDE)
    try:
        server.settle()
        before, files = server.process.memory_mb("Rss"), open_files(server.process.pids())
        held: measure.Result = {}
        options = ("-c", str(count), "-r", str(rate), "-n", str(count), "-d", str(count / rate + 110))
        holding = threading.Thread(
            target=lambda: held.update(measure.load(server.routes["pinned"], "bench-long", *options, streamed=True)),
            daemon=True,
        )
        holding.start()
        most, peak = 0, before
        while holding.is_alive():
            most = max(most, open_files(server.process.pids()) - files)
            peak = max(peak, server.process.memory_mb("Rss"))
            time.sleep(0.5)
        rows = server.catch_up(held["answered"])
    finally:
        server.stop()
    each = (peak - before) * 1024 / max(1, most)
    good = held["answered"] == count and not held["failed"] and each <= MOST_KB
    print(
        f"inside: {most:,} streams open at once; {held['answered']:,} whole, {held['failed']:,} failed {held.get('errors', '')}, "
        f"{rows:,} requests on the books\nmemory {before:.0f} MB before, {peak:.0f} MB with them: {each:.1f} KB each\n"
        f"{'pass' if good else 'MISS'}"
    )
    return good


def open_files(pids: Iterable[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=10_000, help="how many (10,000)")
    parser.add_argument("--rate", type=float, default=400, help="how many are opened a second (400)")
    parser.add_argument("--inside", action="store_true", help="a simulated model within the process answers")
    options = parser.parse_args()
    machine.require_linux()
    machine.allow_many_sockets()
    if options.inside:
        with running_upstream() as setting:
            sys.exit(not open_inside(setting, options.streams, options.rate))
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(options.streams, files // 2 - FILES_BESIDE)
    if count < options.streams:
        print(f"{files:,} files may be open (ulimit -Hn): {count:,} streams instead of {options.streams:,}")
    with running_upstream() as setting:
        good = open_streams(setting, count, options.rate)
    sys.exit(not good)


if __name__ == "__main__":
    main()
