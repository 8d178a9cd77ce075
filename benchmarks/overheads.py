"""What does it cost to have something on while nothing happens? (Throughput with it over that without.)

    python benchmarks/overheads.py [faults] [money] [--rounds 15] [--seconds 1.5]

Servers that answer the same requests take turns, so that what else the machine does meets them alike; the figures are
medians of the rounds. A round in which something failed, or a ledger did not catch up, counts for none of them.

faults  `off`, with all switched off that can be (one channel, no limit, no probe, no further try, circuits that never
        open); `usual`, as the other benchmarks run it; and `all`, where three channels with two keys each share the work by
        response time, with fallbacks, hedging, limits of key and model, a budget and probes
money   `off`, without limits or budgets; `limits`, with those of the key, as the other benchmarks run it; `usual`, with
        limits of the team too and hard budgets of the gateway, the tenant and the key; the ledger keeps books in all
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
PLAIN = f"""server: {{host: 127.0.0.1, port: PORT, state_dir: ./state}}
providers: {{up: {{kind: openai, base_url: "http://127.0.0.1:UPSTREAM/v1", api_key: x, max_connections: 4096}}}}
models: {{bench-fast: {{channels: [{{provider: up, model: bench-fast}}], price: {{input: 1, output: 2}}}}}}
keys: [{{name: bench, key: {KEY}, tenant: acme, team: web}}]
"""
LIMITED = PLAIN.replace("team: web}", "team: web, limits: {rpm: 100000000, tpm: 100000000000, concurrency: 100000}}")
BUDGETED = LIMITED + (
    """tenants: {acme: {teams: {web: {limits: {rpm: 100000000, tpm: 100000000000}}}}}
budgets:
  - {scope: gateway, amount: 1000000, per: month}
  - {scope: tenant, who: acme, amount: 1000000, per: day}
  - {scope: key, who: bench, amount: 1000000, per: total}
"""
)
Texts = Mapping[str, str]
GROUPS: Mapping[str, Texts] = {
    "faults": {"off": OFF, "usual": "", "all": ALL},
    "money": {"off": PLAIN, "limits": LIMITED, "usual": BUDGETED},
}
AGAINST = {"faults": "off", "money": "limits"}
"""What the usual one is held against."""


def measured(server: Server, name: str, seconds: float) -> tuple[float, float] | None:
    """(requests a second, microseconds of processor for each); None where it does not count."""
    seen = measure.phase(
        server, server.routes["pinned"], "bench-fast", "-c", CONNECTIONS, "-d", str(seconds), "-w", "0.2"
    )
    if seen["void"]:
        print(f"{name}: void: {'; '.join(seen['void'])}", file=sys.stderr)
        return None
    return seen["requests_per_second"], seen["cpu_us_per_request"]


def compared(setting: Setting, group: str, rounds: int, seconds: float) -> bool:
    """Prints a line for each server; whether the usual one loses no more than it may. All of them are up, and take turns: what
    counts is the median of what one does over another in the same round."""
    texts, against = GROUPS[group], AGAINST[group]
    seen: list[dict[str, tuple[float, float]]] = []
    servers: dict[str, Server] = {}
    try:
        for name, text in texts.items():
            servers[name] = start_fairlead(setting, text=text)
            measure.warm_up(servers[name], servers[name].routes["pinned"], streams=False)
        for number in range(rounds):
            turns = {
                name: measured(servers[name], name, seconds)
                for name in (list(texts) if number % 2 else reversed(texts))
            }
            counted = {name: turn for name, turn in turns.items() if turn is not None}
            if len(counted) == len(texts):
                seen.append(counted)
    finally:
        for server in servers.values():
            server.stop()
    if 2 * len(seen) < rounds:
        print(f"{group}: {len(seen)} of {rounds} rounds count: too few to say anything")
        return False
    good = True
    for name in texts:
        rate, cost = (statistics.median(column) for column in zip(*(turn[name] for turn in seen), strict=True))
        pairs = [(turn[name], turn[against]) for turn in seen]
        share = statistics.median(own[0] / other[0] for own, other in pairs)
        dearer = statistics.median(own[1] / other[1] for own, other in pairs)
        required = name == "usual"
        passed = share >= REQUIRED
        good = good and (passed or not required)
        verdict = ("pass" if passed else "MISS") if required else ""
        print(
            f"{group}, {name:<6} {rate:>8,.0f}/s  {share:>5.0%} of {against}  {cost:>6.0f} us of processor per answer, "
            f"{dearer:.2f} times  {verdict}"
        )
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("group", nargs="*", help=" or ".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=15, help="how often each takes its turn (15)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of each turn (1.5)")
    options = parser.parse_args()
    unknown = set(options.group) - set(GROUPS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: there are {' and '.join(GROUPS)}")
    machine.require_linux()
    with running_upstream() as setting:
        groups = options.group or list(GROUPS)
        good = [compared(setting, group, options.rounds, options.seconds) for group in groups]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
