"""`fairlead bench`: models are asked questions with known answers, and what they made of them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import put_json
from fairlead.cli.desk import CONFIG, STATE
from fairlead.cli.messages import tr

if TYPE_CHECKING:
    from fairlead.cli.desk import Desk
    from fairlead.core.bench import Scored
    from fairlead.server.scheduling import Wanted

PATIENCE = 3_600.0
JSON = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group("bench")
def command() -> None:
    """Ask models questions with known answers, within a budget, and show what they made of them.

    What a model answers counts as evidence where models are chosen; its calls are on the books as any other.

    \b
    Examples:
      fairlead bench run --budget 0.50
      fairlead bench show --json
    """


@command.command("run")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only this model; may be given several times.")
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only questions of this task; likewise.")
@click.option("--budget", type=Decimal, metavar="USD", help="What the run may cost; by default `bench.budget`, else 1.")
@JSON
@CONFIG
@STATE
def run(
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    budget: Decimal | None,
    as_json: bool,
    path: Path | None,
    state_dir: Path | None,
) -> None:
    """Ask now. Beside a running server it asks; else the command does, by the configuration.

    \b
    Examples:
      fairlead bench run
      fairlead bench run --task math --model sim-small --config fairlead.yaml
    """
    from fairlead.cli.desk import Desk
    from fairlead.core.cost import nano
    from fairlead.server.scheduling import Wanted

    if budget is not None and (not budget.is_finite() or not 0 <= budget <= 1_000_000):
        raise click.UsageError(tr("--budget is an amount in USD"))
    try:
        most = None if budget is None else nano(budget)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _told(_run(Desk(path, state_dir), Wanted(tasks, models, most)), as_json)


@command.command("show")
@JSON
@CONFIG
@STATE
def show(as_json: bool, path: Path | None, state_dir: Path | None) -> None:
    """Show the latest run.

    \b
    Examples:
      fairlead bench show
      fairlead bench show --state-dir state --json
    """
    from fairlead.cli.asking import folder
    from fairlead.errors import NotFound
    from fairlead.evidence.bench import runs

    every = runs(state_dir or folder(path))
    if not every:
        raise NotFound(tr("The bench has not run yet: fairlead bench run"))
    _told(every[-1], as_json)


def _run(desk: Desk, wanted: Wanted) -> Scored:
    import msgspec

    from fairlead.cli.books import ask_owner
    from fairlead.core.bench import Scored
    from fairlead.server.scheduling import PATH

    found = ask_owner(desk.folder, PATH, PATIENCE, "POST", msgspec.json.encode(wanted))
    if found is not None:
        return msgspec.json.decode(found, type=Scored)
    return asyncio.run(_alone(desk, wanted))


async def _alone(desk: Desk, wanted: Wanted) -> Scored:
    """No server runs: the command is one for as long as it takes, without listening."""
    from fairlead.gateway.granting import OWNER
    from fairlead.server.scheduling import benched, part
    from fairlead.server.serve import opened
    from fairlead.store.owner import Owner

    config = desk.config.model_copy(
        update={"server": desk.config.server.model_copy(update={"state_dir": str(desk.folder)})}
    )
    with Owner.acquire(desk.folder) as owner:
        runtime, _ = await opened(config, owner, (), 1.0, None)
        try:
            return await benched(runtime, desk.folder, part(runtime.world, wanted), OWNER.caller)
        finally:
            await runtime.close()


def _told(run: Scored, as_json: bool) -> None:
    import msgspec

    from fairlead.cli.tables import line, money, table

    if as_json:
        put_json(msgspec.to_builtins(run))
        return
    rows = [
        (
            one.task,
            one.model,
            f"{one.quality:.0%}" if one.cases else "-",
            f"{one.low:.0%} .. {one.high:.0%}" if one.cases else "-",
            str(one.cases),
            str(one.missed),
            money(one.cost),
            f"{one.ms:,.0f}",
        )
        for one in sorted(run.scores, key=lambda score: (score.task, -score.quality, score.cost, score.model))
    ]
    heads = (
        tr("task"), tr("model"), f">{tr('right')}", f">{tr('95 % between')}", f">{tr('questions')}", f">{tr('no answer')}",
        f">{tr('cost')}", f">{tr('ms')}",
    )  # fmt: skip
    table(heads, rows)
    line(tr("{asked} questions were asked for {cost}.").format(asked=f"{run.asked:,}", cost=money(run.cost)))
    if run.left_out:
        line(tr("The budget did not bear {count} more.").format(count=f"{run.left_out:,}"))
    for problem in run.problems:
        line(tr("no answer: {problem}").format(problem=problem))
