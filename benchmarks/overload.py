"""What is answered when twice as much is asked as can be answered? (Goodput at 2 x capacity over the peak.)

    python benchmarks/overload.py [--seconds 8] [--connections N] [--rounds 3]

Twice: once the processor is what runs short, with an upstream that answers at once; once it is room, with an upstream
that takes 50 ms and `server.max_in_flight: 64`. The peak is what a closed loop gets, before and after, on the average: a
shared machine is faster at one moment than at the next, so the median of several rounds counts too. In between requests start by the clock at
twice that rate, on whichever connection is free, whether or not earlier ones were answered; a refusal has to be a 429 or
503 that says when to come back. Latency counts from when a request was planned to start.

Beside the rates stands what an answer took of the processor, refusals in between included: on a machine that does other
things too, that is the figure to trust.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, replace

import machine
import measure
from targets import Setting, running_upstream, start_fairlead

REQUIRED = 0.9
WARM_UP = 5
"""Seconds until all connections are there: to take in four thousand costs as much as ten thousand answers, and that is another
question than what is answered from then on."""


@dataclass(frozen=True)
class Shortage:
    """What runs short, and how many connections ask."""

    name: str
    mode: str
    server: str
    peak_connections: int
    connections: int


SHORTAGES = (
    Shortage("processor", "bench-fast", "", 64, 4000),
    Shortage("room", "bench-50ms", ", max_in_flight: 64", 64, 1000),
)


def judge(shortage: Shortage, setting: Setting, seconds: float) -> float:
    """Prints a line; the share of the peak that was answered, 0 where something went wrong."""
    server = start_fairlead(setting, server=shortage.server)
    try:
        route = server.routes["pinned"]
        measure.warm_up(server, route, streams=False)
        closed = ("-c", str(shortage.peak_connections), "-d", str(seconds / 2), "-w", "0.5", "-x")
        usual = measure.phase(server, route, shortage.mode, *closed)
        peak = usual["requests_per_second"]
        clock = ("-c", str(shortage.connections), "-r", str(2 * peak), "-d", str(seconds), "-w", str(WARM_UP), "-x")
        rows, cpu = server.ledger_rows(), server.process.cpu_seconds()
        asked = measure.load(route, shortage.mode, *clock)
        held = server.catch_up(rows + asked["answered"]) - rows
        cpu = (server.process.cpu_seconds() - cpu) * 1e6 / max(1, asked["answered"])
        after = measure.load(route, shortage.mode, *closed)
    finally:
        server.stop()
    share = 2 * asked["requests_per_second"] / (peak + after["requests_per_second"])
    latency = asked.get("latency_us", {})
    good = not asked["failed"] and not after["failed"] and not after["refused"] and held == asked["answered"]
    print(
        f"{shortage.name:<10} peak {peak:,.0f}/s; asked {2 * peak:,.0f}/s: answered {asked['requests_per_second']:,.0f}/s "
        f"({share:.0%}) of {asked['sent']:,} sent, refused {asked['refused']:,}, failed {asked['failed']:,}, "
        f"not sent for want of a connection {asked['late']:,}; p50 {latency.get('p50', 0) / 1000:,.0f} ms, "
        f"p99 {latency.get('p99', 0) / 1000:,.0f} ms; {usual['cpu_us_per_request']:,.0f} us of processor per answer at the "
        f"peak, {cpu:,.0f} then; {held:,} on the books; afterwards {after['requests_per_second']:,.0f}/s, "
        f"refused {after['refused']}{'' if good else '  VOID'}"
    )
    return share if good else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="length of the overload (8)")
    parser.add_argument("--connections", type=int, help="how many ask then (4,000 and 1,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often; the median counts (3)")
    options = parser.parse_args()
    machine.require_linux()
    machine.allow_many_sockets()
    good = []
    with running_upstream() as setting:
        for shortage in SHORTAGES:
            many = replace(shortage, connections=options.connections or shortage.connections)
            share = statistics.median(judge(many, setting, options.seconds) for _ in range(options.rounds))
            good.append(share >= REQUIRED)
            print(f"{many.name}: {share:.0%} of the peak, {REQUIRED:.0%} required: {'pass' if good[-1] else 'MISS'}")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
