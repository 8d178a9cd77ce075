"""`fairlead route`: one line, the model a request would go to."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fairlead.cli.asking import body_of, deciding, planned, put_json, shared_options
from fairlead.cli.messages import language, tr


@click.command("route")
@click.argument("given", metavar="TEXT|-|FILE.json")
@shared_options
def command(
    given: str, path: Path | None, preset: str | None, model: str | None, policy: str | None, as_json: bool
) -> None:
    """Say which model a request would go to, without sending it.

    Prints one line: the model, its channel and the expected cost. FILE.json holds a Chat Completions request; with -
    text or a request comes from standard input. Latencies a running gateway has measured are not known here.

    \b
    Examples:
      fairlead route "Translate this to French: good morning"
      fairlead route request.json --config fairlead.yaml --policy cost_first
      fairlead route "Prove that 7 is prime" --preset three_tier
      echo "Prove that 7 is prime" | fairlead route - --model auto:best --json
    """
    from fairlead.cli.tables import money
    from fairlead.cli.terminal import put, say, visible
    from fairlead.gateway import pipeline
    from fairlead.gateway.explanation import described

    found = planned(deciding(path, preset), body_of(given, model, policy))
    plan = found.plan
    if as_json:
        put_json(described(found, language()))
    elif plan.steps:
        target = plan.steps[0].targets[0]
        cost = target.expected.cost
        told = tr("at an unknown price") if cost is None else tr("about {cost}").format(cost=money(cost))
        put(
            tr("{model}  via {channel}  {price}").format(
                model=target.model.name, channel=target.channels[0].name, price=told
            )
        )
    if not plan.steps:
        say(f"fairlead: {tr('no model may answer this request:')}")
        for rejection in plan.rejected:
            say(f"  {visible(pipeline.words(rejection))} [{rejection.reason}]")
        sys.exit(1)
