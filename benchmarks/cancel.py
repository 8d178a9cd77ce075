"""Does the gateway close its upstream request when the client leaves? The upstream itself counts.

    python benchmarks/cancel.py [--peers]

Ten clients ask and leave: once while the upstream is silent (not streamed), once in the middle of a stream. A request
that goes on without anybody to read it is paid for; every one of the ten must be closed within a second.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time

import machine
import peers
from targets import NotStarted, Route, Setting, Target, own_targets, running_upstream, upstream_stats

CLIENTS = 10
PATIENCE_SECONDS = 3.0
REQUIRED_SECONDS = 1.0


def ask(route: Route, mode: str, *, streamed: bool) -> socket.socket:
    body = route.body(mode, streamed=streamed).read_bytes()
    head = [f"POST {route.path} HTTP/1.1", f"Host: 127.0.0.1:{route.port}", "Content-Type: application/json"]
    head += [*route.headers, f"Content-Length: {len(body)}", "", ""]
    client = socket.create_connection(("127.0.0.1", route.port), timeout=10)
    client.sendall("\r\n".join(head).encode() + body)
    return client


def leave(route: Route, upstream: int, *, streamed: bool) -> tuple[int, float]:
    """How many of the requests the upstream saw closed, and how long the last of them took."""
    before = upstream_stats(upstream)
    clients = [ask(route, "bench-slow" if streamed else "bench-hang", streamed=streamed) for _ in range(CLIENTS)]
    end = time.monotonic() + PATIENCE_SECONDS
    while upstream_stats(upstream)["requests"] < before["requests"] + CLIENTS and time.monotonic() < end:
        time.sleep(0.01)
    if streamed:
        for client in clients:
            while b"data:" not in client.recv(65536):
                pass
    left = time.monotonic()
    for client in clients:
        client.close()
    closed, took = 0, 0.0
    while closed < CLIENTS and time.monotonic() - left < PATIENCE_SECONDS:
        now_closed = upstream_stats(upstream)["aborted"] - before["aborted"]
        if now_closed > closed:
            closed, took = now_closed, time.monotonic() - left
        time.sleep(0.005)
    return closed, took


def judge(target: Target, setting: Setting) -> bool:
    """Prints a line for each way to leave; whether all were closed in time."""
    server = target.start(setting)
    good = True
    try:
        route = next(iter(server.routes.values()))
        for streamed, when in ((False, "while waiting"), (True, "mid-stream")):
            closed, took = leave(route, setting.upstream, streamed=streamed)
            fine = closed == CLIENTS and took <= REQUIRED_SECONDS
            good &= fine
            after = f"the last after {1000 * took:.0f} ms" if closed else f"in {PATIENCE_SECONDS:.0f} s"
            print(
                f"{target.name:<11} {when:<14} {closed:>2} of {CLIENTS} closed upstream, {after}  {'pass' if fine else 'MISS'}"
            )
    finally:
        server.stop()
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="look at other gateways too; installs them if need be")
    machine.require_linux()
    targets, good = own_targets(), {}
    if parser.parse_args().peers:
        others, missing = peers.targets(install=True)
        targets += others
        print("\n".join(missing), file=sys.stderr)
    with running_upstream() as setting:
        for target in targets:
            try:
                good[target.name] = judge(target, setting)
            except (NotStarted, OSError) as error:
                print(f"{target.name:<11} not measured: {error}")
    sys.exit(not good.get("fairlead", False))


if __name__ == "__main__":
    main()
