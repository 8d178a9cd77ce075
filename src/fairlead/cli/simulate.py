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
    import signal

    from fairlead.cli.messages import tr
    from fairlead.cli.serve import curl, say
    from fairlead.errors import StateError
    from fairlead.server.simulate import start

    try:
        listener, simulation, (host, port) = await start(host, port, speed=speed, any_model=any_model)
    except OSError as problem:
        raise StateError(
            f"cannot listen on {host}:{port}: {problem.strerror or problem}; choose another with --port"
        ) from None
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    names = ", ".join(simulation.models) + (", and any other name" if any_model else "")
    say(f"SIMULATED models answer at {address}/v1: {names}")
    say(tr("try:"))
    say(curl(address, next(iter(simulation.models))))
    await asked.wait()
    await listener.close(0.5)
