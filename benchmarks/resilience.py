"""What does it cost to survive faults, while there are none? (Throughput with everything on over that with all of it off.)

    python benchmarks/resilience.py [--rounds 5] [--seconds 3]

Three servers that answer the same requests: `off`, with all that can be switched off switched off (one channel, no limit, no
probe, no further try, circuits that never open); `usual`, as the other benchmarks run it; and `all`, where three channels with two
keys each share the work by response time, with fallbacks, hedging, limits of key and model, a budget and probes. They take
turns, so that what else the machine does meets them alike; the figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping

import machine
import measure
from targets import KEY, Server, Setting, running_upstream, start_fairlead

REQUIRED = 0.9
CONNECTIONS = "32"
OFF = f"""server: {{host: 127.0.0.1, port: PORT, state_dir: ./state, retries: 0, max_lag: 60, max_memory: 1}}
providers: {{up: {{kind: openai, base_url: "http://127.0.0.1:UPSTREAM/v1", api_key: x, max_connections: 4096}}}}
models: {{bench-fast: {{channels: [{{provider: up, model: bench-fast}}], price: {{input: 1, output: 2}}}}}}
health: {{failures: 1000000, probe_every: 0}}
keys: [{{name: bench, key: {KEY}}}]
"""
ALL = f"""server: {{host: 127.0.0.1, port: PORT, state_dir: ./state, retries: 2}}
providers:
  one: &it {{kind: openai, base_url: "http://127.0.0.1:UPSTREAM/v1", api_keys: [x, y], max_connections: 4096}}
  two: *it
  three: *it
models:
  bench-fast:
    channels: [{{provider: one, model: bench-fast}}, {{provider: two, model: bench-fast}}, {{provider: three, model: bench-fast}}]
    price: {{input: 1, output: 2}}
    limits: {{rpm: 100000000, tpm: 100000000000, concurrency: 100000}}
  other: {{channels: [{{provider: two}}], price: {{input: 1, output: 2}}}}
health: {{probe_every: 1}}
policies: {{all: {{strategy: pinned, model: bench-fast, fallbacks: [other], balance: peak_ewma, hedge_ms: 60000}}}}
policy: {{default: all}}
budgets: [{{scope: gateway, amount: 1000000, per: month}}]
keys:
  - {{name: bench, key: {KEY}, limits: {{rpm: 100000000, tpm: 100000000000, concurrency: 100000}}}}
"""
TEXTS: Mapping[str, str] = {"off": OFF, "usual": "", "all": ALL}


def measured(setting: Setting, name: str, seconds: float) -> tuple[float, float]:
    """(requests a second, microseconds of processor for each)."""
    server: Server = start_fairlead(setting, text=TEXTS[name])
    try:
        route = server.routes["pinned"]
        measure.warm_up(server, route, streams=False)
        seen = measure.phase(server, route, "bench-fast", "-c", CONNECTIONS, "-d", str(seconds), "-w", "0.3")
        if seen["void"]:
            print(f"{name}: void: {'; '.join(seen['void'])}", file=sys.stderr)
        return seen["requests_per_second"], seen["cpu_us_per_request"]
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each takes its turn (5)")
    parser.add_argument("--seconds", type=float, default=3, help="length of each turn (3)")
    options = parser.parse_args()
    machine.require_linux()
    rates: dict[str, list[float]] = {name: [] for name in TEXTS}
    costs: dict[str, list[float]] = {name: [] for name in TEXTS}
    with running_upstream() as setting:
        for number in range(options.rounds):
            for name in list(TEXTS) if number % 2 else reversed(TEXTS):
                rate, cost = measured(setting, name, options.seconds)
                rates[name].append(rate)
                costs[name].append(cost)
    off = statistics.median(rates["off"])
    good = True
    for name in TEXTS:
        rate, cost = statistics.median(rates[name]), statistics.median(costs[name])
        required = name == "usual"
        passed = rate >= REQUIRED * off
        good = good and (passed or not required)
        verdict = ("pass" if passed else "MISS") if required else ""
        print(
            f"{name:<6} {rate:>8,.0f}/s  {rate / off:>5.0%} of off  {cost:>6.0f} us of processor per answer  {verdict}"
        )
    sys.exit(not good)


if __name__ == "__main__":
    main()
