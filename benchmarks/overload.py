"""What is answered when twice as much is asked as can be answered? (Goodput at 2 x capacity over the peak.)

    python benchmarks/overload.py [--seconds 2] [--connections N] [--rounds 9]

Three times: once the processor is what runs short, with an upstream that answers at once; once the same, with clients that are
not to wait long (`server.max_lag: 0.2`), so that half of them have to be turned away; once it is room, with an upstream
that takes 50 ms and `server.max_in_flight: 64`.

The peak is what a closed loop gets. Under overload requests start by the clock at twice that rate, on whichever connection is free,
whether or not earlier ones were answered; where all of them wait for an answer it is not sent, which is told. A refusal has to be
a 429 or 503 that says when to come back. Latency counts from when a request was planned to start.

Peak and overload take turns, in short phases on one server and the same connections, and each overload counts against the peaks
right before and behind it: a shared machine is faster at one moment than at the next. The median of them all counts. Beside
it stands what an answer took of the processor, refusals included, likewise over what it took at the peak.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from statistics import mean, median

import machine
import measure
from measure import Result, StandingLoad
from targets import Setting, running_upstream, start_fairlead

REQUIRED = 0.9
OF_THE_PEAK = 64
"""Connections that ask at the peak."""


@dataclass(frozen=True)
class Shortage:
    """What runs short, and how many connections ask."""

    name: str
    mode: str
    server: str
    connections: int


SHORTAGES = (
    Shortage("processor", "bench-fast", "", 4000),
    Shortage("patience", "bench-fast", ", max_lag: 0.2", 6000),
    Shortage("room", "bench-50ms", ", max_in_flight: 64", 1000),
)


@dataclass(frozen=True)
class Round:
    """An overload between two peaks."""

    before: Result
    over: Result
    after: Result

    @property
    def peaks(self) -> tuple[Result, Result]:
        return self.before, self.after

    def over_peak(self, figure: str) -> float:
        peak: float = mean(one[figure] for one in self.peaks)
        return self.over[figure] / peak if peak else 0.0

    @property
    def void(self) -> bool:
        """A failure, a request that is not on the books, or a refusal at the peak."""
        all_three = (*self.peaks, self.over)
        return any(one["failed"] or one["ledger_rows"] != one["answered"] for one in all_three) or any(
            one["refused"] for one in self.peaks
        )


def measured(shortage: Shortage, setting: Setting, rounds: int, seconds: float) -> list[Round]:
    server = start_fairlead(setting, server=shortage.server)
    found: list[Round] = []
    try:
        route = server.routes["pinned"]
        measure.warm_up(server, route, streams=False)
        load = StandingLoad(server, route, shortage.mode, shortage.connections)
        try:
            load.phase(
                shortage.connections, 0, seconds
            )  # takes the connections in: another question than what is answered then
            before = load.phase(OF_THE_PEAK, 0, seconds)
            for _ in range(rounds):
                over = load.phase(shortage.connections, 2 * before["requests_per_second"], seconds)
                after = load.phase(OF_THE_PEAK, 0, seconds)
                found.append(Round(before, over, after))
                before = after
        finally:
            load.stop()
    finally:
        server.stop()
    return found


def told(found: list[Round]) -> str:
    over = [one.over for one in found]
    shares = sorted(one.over_peak("requests_per_second") for one in found)
    asked = sum(one["sent"] + one["late"] for one in over)
    latency = {share: median(one["latency_us"].get(share, 0) for one in over) / 1000 for share in ("p50", "p99")}
    void = sum(one.void for one in found)
    return (
        f"peak {median(one.before['requests_per_second'] for one in found):,.0f}/s, then "
        f"{median(one['requests_per_second'] for one in over):,.0f}/s: {median(shares):.0%} ({shares[0]:.0%} to {shares[-1]:.0%}); of "
        f"{asked:,} planned {sum(one['late'] for one in over):,} found no connection free, refused "
        f"{sum(one['refused'] for one in over):,}, failed {sum(one['failed'] for one in over):,}; p50 {latency['p50']:,.0f} ms, "
        f"p99 {latency['p99']:,.0f} ms; processor per answer "
        f"{median(one.before['cpu_us_per_request'] for one in found):,.0f} us at the peak, "
        f"{median(one.over_peak('cpu_us_per_request') for one in found):.2f} times that under overload"
        f"{f'; {void} rounds VOID' if void else ''}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2, help="length of a phase (2)")
    parser.add_argument("--connections", type=int, help="how many ask under overload (4,000, 6,000 and 1,000)")
    parser.add_argument("--rounds", type=int, default=9, help="how often; the median counts (9)")
    parser.add_argument("--only", choices=[one.name for one in SHORTAGES], help="one of the shortages")
    options = parser.parse_args()
    machine.require_linux()
    machine.allow_many_sockets()
    good = []
    with running_upstream() as setting:
        for shortage in SHORTAGES:
            if options.only in (None, shortage.name):
                many = replace(shortage, connections=options.connections or shortage.connections)
                found = measured(many, setting, options.rounds, options.seconds)
                share = median(one.over_peak("requests_per_second") for one in found)
                good.append(share >= REQUIRED and not any(one.void for one in found))
                print(
                    f"{many.name}: {told(found)}; {REQUIRED:.0%} required: {'pass' if good[-1] else 'MISS'}", flush=True
                )
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
