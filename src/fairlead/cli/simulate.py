"""`fairlead simulate`: simulated models as a provider of their own, for trying clients and gateways against."""

from __future__ import annotations

import click


@click.command("simulate")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", "-p", type=click.IntRange(0, 65535), default=9101, show_default=True, help="Port; 0: a free one."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times faster.",
)
@click.option(
    "--any-model/--known-only",
    default=True,
    show_default=True,
    help="Whether unknown names are answered too, or with 404.",
)
def command(host: str, port: int, speed: float, any_model: bool) -> None:
    """Run simulated models as an HTTP server that speaks OpenAI's Chat Completions.

    Nothing it says is real and nothing leaves this machine. Its faults are ordered with POST /sim/script, what really
    happened stands in GET /sim/log; both answer programs on this machine only.

    Faults: ok, status, refuse, hang, slow, stall, cut, reset, truncate, garbage, error_event, bad_event, empty, refusal,
    usage, split, flood. What each does, and what it takes, stands in docs/providers.md.

    \b
    Examples:
      fairlead simulate
      fairlead simulate --port 9200 --speed 10 --known-only
      curl http://127.0.0.1:9101/sim/script -d '{"kind": "status", "status": 503, "times": 3}'
    """
    from fairlead.cli.serve import run_loop

    run_loop(simulate(host, port, speed, any_model))


async def simulate(host: str, port: int, speed: float, any_model: bool) -> None:
    import asyncio

    from fairlead.cli.messages import tr
    from fairlead.cli.serve import REACHED, curl, url
    from fairlead.cli.terminal import say
    from fairlead.errors import StateError
    from fairlead.server.serve import raise_file_limit, stop_asked
    from fairlead.server.simulate import start

    raise_file_limit()
    try:
        listener, simulation, (host, port) = await start(host, port, speed=speed, any_model=any_model)
    except OSError as problem:
        raise StateError(
            f"cannot listen on {host}:{port}: {problem.strerror or problem}; choose another with --port"
        ) from None
    address = url(host, port)
    names = ", ".join(simulation.models)
    ready = "SIMULATED models answer at {address}/v1: {names}"
    if any_model:
        ready = "SIMULATED models answer at {address}/v1: {names}, and any other name"

    def announce() -> None:
        say(tr(ready).format(address=address, names=names))
        say(tr("try:"))
        say(curl(url(REACHED.get(host, host), port), next(iter(simulation.models))))

    # Said once the signal handlers stand: who reads the address may send a signal at once.
    asyncio.get_running_loop().call_soon(announce)
    await stop_asked()
    await listener.close(0.5)
