"""`fairlead experiments`: how the declared experiments stand, in words and figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import put_json, when_asked
from fairlead.cli.messages import tr

if TYPE_CHECKING:
    from fairlead.core.experiments import Difference, Found
    from fairlead.evidence.experiments import Standing

PHASES = {"waiting": "not begun", "running": "running", "over": "over"}
MEASURES = {"feedback": "what is said of them", "checks": "whether they pass their checks"}


@click.command("experiments")
@click.argument("name", required=False)
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(name: str | None, path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """How experiments stand: what the answers of each arm were worth, what they cost, and what is certain.

    Beside a running server it answers, by its own configuration. Intervals hold however often they are looked at.

    \b
    Examples:
      fairlead experiments
      fairlead experiments glm-for-code --config fairlead.yaml --json
    """
    import msgspec

    from fairlead.cli import books
    from fairlead.errors import NotFound

    configured = when_asked(path)
    found = books.experiments(state_dir or Path(configured().server.state_dir), configured)
    if name is not None:
        names = ", ".join(one.experiment.name for one in found) or tr("none")
        found = tuple(one for one in found if one.experiment.name == name)
        if not found:
            raise NotFound(tr("there is no experiment {name}; there are: {names}").format(name=name, names=names))
    if as_json:
        put_json([msgspec.to_builtins(one) for one in found])
        return
    if not found:
        print(tr("No experiment is declared."))
    for one in found:
        _show(one)


def _show(one: Standing) -> None:
    from fairlead.cli.tables import line, table

    experiment = one.experiment
    line(f"{experiment.name}: {tr(PHASES[one.phase])}")
    line(
        tr("Answers are compared by {measure}; each {unit} stays in its arm.").format(
            measure=tr(MEASURES[experiment.measure]), unit=tr(experiment.by)
        )
    )
    heads = (
        tr("arm"), tr("model or policy"), f">{tr('requests')}", f">{tr('known of')}", f">{tr('quality')}",
        f">{tr('better by')}", f">{tr('$ per 1,000')}", f">{tr('ms')}",
    )  # fmt: skip
    rows = [
        (
            arm.name,
            one.who(arm),
            f"{arm.requests:,}",
            f"{arm.outcomes.answers:,}",
            "-" if arm.quality is None else f"{arm.quality:.3f}",
            _interval(arm.against, 1, ".3f"),
            f"{arm.cost / 1e6:.4f} {_interval(arm.cost_against, 1e6, '.4f')}".removesuffix(" -"),
            f"{arm.latency_ms:,.0f} {_interval(arm.latency_against, 1, ',.0f')}".removesuffix(" -"),
        )
        for arm in one.arms
    ]
    table(heads, rows)
    for arm in one.arms[1:]:
        line(_verdict(one, arm))
    line()


def _interval(found: Difference | None, unit: float, form: str) -> str:
    if found is None:
        return "-"
    return f"{found.value / unit:+{form}} ({found.low / unit:+{form}} .. {found.high / unit:+{form}})"


def _verdict(one: Standing, arm: Found) -> str:
    names = {"arm": arm.name, "first": one.first.name}
    if arm.against is None:
        answers, units = (max(pair) for pair in zip(one.short(arm), one.short(one.first), strict=True))
        return tr("Of {arm} or {first} too little is known: {answers} answers and {units} units are still wanted.").format(
            answers=answers, units=units, **names
        )  # fmt: skip
    if not arm.against.tells:
        return tr("{arm} and {first} cannot be told apart yet.").format(**names)
    if arm.against.value > 0:
        words = tr("{arm} is better than {first}, with 95 % confidence.")
    else:
        words = tr("{arm} is worse than {first}, with 95 % confidence.")
    counts = next(branch.model for branch in one.experiment.arms if branch.name == arm.name)
    told = words.format(**names)
    return f"{told} {tr('It counts where models are chosen.')}" if counts else told
