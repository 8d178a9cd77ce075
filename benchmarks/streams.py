"""Ten thousand streams open at once: does any fail, what does each take, and how long does a new one wait meanwhile?

    python benchmarks/streams.py [--streams 10000] [--rate 400]

The streams have an event each 3 s and are opened by the clock, so that all are open for a while; each is read to its end
and has to be whole. Before and meanwhile a client asks for short streams, one after another, and notes the time to the
first token. Memory is the resident size of fairlead's process tree: the highest with the streams open, less what it was
before, over their number.

A stream takes a file of the load, two of fairlead and one of the upstream: `ulimit -Hn` has to be a little above twice
their number. Where it is lower, as many streams are opened as it allows, and the output says so.
"""

from __future__ import annotations

import argparse
import resource
import sys
import threading
import time

import machine
import measure
from targets import Setting, running_upstream, start_fairlead, upstream_stats

FILES_BESIDE = 200
"""What fairlead needs beside the streams."""
PROBE = ("-c", "1", "-d", "3", "-w", "0.2")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=10_000, help="how many (10,000)")
    parser.add_argument("--rate", type=float, default=400, help="how many are opened a second (400)")
    options = parser.parse_args()
    machine.require_linux()
    machine.allow_many_sockets()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(options.streams, files // 2 - FILES_BESIDE)
    if count < options.streams:
        print(f"{files:,} files may be open (ulimit -Hn): {count:,} streams instead of {options.streams:,}")
    with running_upstream() as setting:
        good = open_streams(setting, count, options.rate)
    sys.exit(not good)


if __name__ == "__main__":
    main()
