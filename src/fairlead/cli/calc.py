"""`fairlead calc`: what strategies would cost, at what quality, and whether published figures add up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from fairlead.cli.messages import told, tr

if TYPE_CHECKING:
    from fairlead.evidence.calculator import Answer
    from fairlead.registry.catalogue import Catalogue

Given = dict[tuple[str | int, ...], object]
"""What options say, each by its place in a scenario's file."""
SHARES = ("mix", "cascade")


@click.command("calc")
@click.argument("scenario", metavar="[SCENARIO|FILE.yaml]", required=False)
@click.option("--list", "listed", is_flag=True, help="The scenarios that ship, and whether their figures add up.")
@click.option("--all", "every", is_flag=True, help="Every scenario that ships: published figures beside computed ones.")
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON, ready to be plotted.")
@click.option("--requests", type=int, metavar="N", help="Requests a period.")
@click.option("--tokens", metavar="IN/OUT", help="Tokens of a request.")
@click.option("--cached", metavar="SHARE", help="Share of the input that the prompt cache holds: 0.65 or 65%.")
@click.option("--model", "models", multiple=True, metavar="NAME[=IN/OUT[/CACHED]]", help="A model, with prices per million tokens; without, the catalogue's.")  # fmt: skip
@click.option("--quality", "qualities", multiple=True, metavar="NAME=SHARE", help="A model's quality, from 0 to 1.")
@click.option("--tasks", metavar="NAME=SHARE,...", help="The mix of work; the shares add up to 1.")
@click.option("--tiered", multiple=True, metavar="TASK=MODEL,...", help="A strategy: a model for each task.")
@click.option("--mix", multiple=True, metavar="MODEL=SHARE,...", help="A strategy: shares by model.")
@click.option("--cascade", multiple=True, metavar="MODEL=SHARE,...", help="A strategy: models in the order they are tried, and the share that ends at each.")  # fmt: skip
def command(
    scenario: str | None,
    listed: bool,
    every: bool,
    as_json: bool,
    requests: int | None,
    tokens: str | None,
    cached: str | None,
    models: tuple[str, ...],
    qualities: tuple[str, ...],
    tasks: str | None,
    tiered: tuple[str, ...],
    mix: tuple[str, ...],
    cascade: tuple[str, ...],
) -> None:
    """What would a strategy cost, at what average quality, on what mix of work?

    SCENARIO is one that ships, FILE.yaml one of your own; options change it. Without either, options alone describe the
    work and the models. Beside the strategies stand three baselines: a model by chance (random), everything to the
    dearest (all-frontier), everything to the cheapest (all-cheap).

    \b
    Examples:
      fairlead calc --list
      fairlead calc d5_flash_opus
      fairlead calc d5_flash_opus --requests 50000
      fairlead calc a8_cache_65 --cached 90%
      fairlead calc --model gpt-5.5 --model deepseek-v4-flash --mix deepseek-v4-flash=80%,gpt-5.5=20%
      fairlead calc --all --json
    """
    from fairlead.cli.outcomes import put_all, put_list, put_one
    from fairlead.registry.catalogue import load as load_catalogue

    kinds = {"tiered": tiered, "mix": mix, "cascade": cascade}
    given = {**work(requests, tokens, cached, tasks), **priced(models, qualities), **strategies(kinds)}
    whole = every or listed
    if whole and (scenario is not None or given or (every and listed)):
        raise click.UsageError(tr("--list and --all stand alone: without a scenario, other options or one another."))
    catalogue = load_catalogue()
    if every:
        put_all(answers(catalogue), as_json)
    elif listed or (scenario is None and not given):
        put_list(answers(catalogue), as_json)
    else:
        put_one(answer_of(scenario, given, catalogue), as_json)


def answers(catalogue: Catalogue) -> list[Answer]:
    from fairlead.evidence import scenarios
    from fairlead.evidence.calculator import calculate

    at = int(time.time())
    return [calculate(scenarios.load(name, catalogue, at)) for name in scenarios.names()]


def answer_of(scenario: str | None, given: Given, catalogue: Catalogue) -> Answer:
    """What options change is no longer what was published."""
    from fairlead.evidence import scenarios
    from fairlead.evidence.calculator import calculate

    at = int(time.time())
    if scenario is None:
        return calculate(scenarios.from_options(given, catalogue, at))
    if given:
        given = {**given, ("published",): [], ("note",): "", ("note_zh",): ""}
    return calculate(scenarios.load(scenario, catalogue, at, given))


def work(requests: int | None, tokens: str | None, cached: str | None, tasks: str | None) -> Given:
    """What the options say of the work, by its place in a scenario's file."""
    given: Given = {}
    if requests is not None:
        given[("requests",)] = requests
    if tokens is not None:
        of_input, slash, of_output = tokens.partition("/")
        if not slash:
            raise click.BadParameter(told(f"{tokens!r}: write it IN/OUT, such as 1000/400"), param_hint="--tokens")
        given |= {("tokens", "input"): scalar(of_input), ("tokens", "output"): scalar(of_output)}
    if cached is not None:
        given[("tokens", "cached")] = scalar(cached)
    if tasks is not None:
        given[("tasks",)] = {task: {"share": scalar(share)} for task, share in pairs(tasks, "--tasks")}
    return given


def priced(models: tuple[str, ...], qualities: tuple[str, ...]) -> Given:
    """The same of the models."""
    given: Given = {}
    for model in models:
        name, equals, prices = model.partition("=")
        given[("models", name)] = {}
        figures = prices.split("/")
        if equals and len(figures) not in (2, 3):
            problem = told(f"{model!r}: write it NAME=IN/OUT or NAME=IN/OUT/CACHED")
            raise click.BadParameter(problem, param_hint="--model")
        for field, figure in zip(("input", "output", "cached"), figures if equals else (), strict=False):
            given[("models", name, field)] = scalar(figure)
    for quality in qualities:
        given |= {("models", name, "quality"): scalar(share) for name, share in pairs(quality, "--quality")}
    return given


def strategies(kinds: Mapping[str, tuple[str, ...]]) -> Given:
    """Each called by its kind, from the second on with a number; a model it names and nobody prices is the catalogue's."""
    given: Given = {}
    for kind, texts in kinds.items():
        for number, text in enumerate(texts, 1):
            found = dict(pairs(text, f"--{kind}"))
            models = found if kind in SHARES else found.values()
            given |= {("models", model): {} for model in models}
            values = {name: scalar(value) if kind in SHARES else value for name, value in found.items()}
            given[("strategies", kind if number == 1 else f"{kind}-{number}")] = {kind: values}
    return given


def pairs(text: str, option: str) -> list[tuple[str, str]]:
    found = []
    for piece in text.split(","):
        name, equals, value = piece.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise click.BadParameter(told(f"{piece!r}: write it NAME=VALUE,NAME=VALUE"), param_hint=option)
        found.append((name.strip(), value.strip()))
    return found


def scalar(text: str) -> object:
    from fairlead.config.values import parse_number

    number = parse_number(text.strip())
    return text.strip() if number is None else number
