"""What an answer costs that is given again: processor time of the gateway per request, everything in, from the socket to
the ledger.

    python benchmarks/cache.py [--seconds 5] [--json]

The same load is put on a gateway without a cache and on one with it. The second is asked the same thing each time, so that
all but the first are hits; `another form` is a stream told from an answer that was whole. `never asked before` is another
thing each time: what looking in vain and keeping the answer cost beside asking. Bodies have about 1 KB both ways, streams
200 events.
"""

from __future__ import annotations

import argparse
import json

import measure
from targets import Server, fairlead_config, running_upstream, start_fairlead

CACHE = "cache: {exact: {enabled: true, requests: all, max_mb: 256}}\n"
BOUND_US = 150
"""What a hit may cost."""
WAYS: dict[str, tuple[str, str, bool]] = {
    "whole": ("pinned", "bench-fast", False),
    "whole, a model chosen": ("auto", "bench-fast", False),
    "another form": ("pinned", "bench-fast", True),
    "streamed": ("pinned", "bench-burst", True),
    "never asked before": ("afresh", "bench-fast", False),
}
"""What is asked: route, mode of the upstream, whether as a stream."""


def cost(server: Server, way: str, seconds: float) -> measure.Result:
    route, mode, streamed = WAYS[way]
    options = ("-c", "32", "-d", str(seconds), "-w", "0.2")
    return measure.phase(server, server.routes[route], mode, *options, streamed=streamed)


def measured(seconds: float) -> dict[str, dict[str, measure.Result]]:
    found: dict[str, dict[str, measure.Result]] = {way: {} for way in WAYS}
    with running_upstream() as setting:
        for name, more in (("without", ""), ("with", CACHE)):
            server = start_fairlead(setting, text=fairlead_config("PORT", "UPSTREAM") + more)
            try:
                measure.warm_up(server, server.routes["pinned"], streams=True)
                for way in WAYS:
                    found[way][name] = cost(server, way, seconds)
            finally:
                server.stop()
    return found


def told(one: measure.Result) -> str:
    return "void" if one["void"] else f"{one['cpu_us_per_request']:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each is measured")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    found = measured(given.seconds)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print("| us of processor time a request | without a cache | with one |\n|---|---:|---:|")
    for way, both in found.items():
        print(f"| {way} | {told(both['without'])} | {told(both['with'])} |")
    hits = {way: both["with"] for way, both in found.items() if way != "never asked before"}
    over = [way for way, one in hits.items() if not one["void"] and one["cpu_us_per_request"] > BOUND_US]
    print(f"\na hit may cost {BOUND_US} us: " + (f"missed by {', '.join(over)}" if over else "met"))


if __name__ == "__main__":
    main()
