"""`fairlead advise`: whether routing pays for what logs hold. Reads files, sends nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.messages import told, tr
from fairlead.cli.terminal import say, visible
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.core.model import Snapshot
    from fairlead.evidence.advisor_market import Market
    from fairlead.evidence.advisor_terms import Capacity, Compliance, Wishes
    from fairlead.evidence.logs import Log
    from fairlead.evidence.logs.row import Row

TOLD = 10
"""Wrong lines of a file that are told one by one."""
STEP = 2_048
"""Rows between two movements of the progress bar."""


@click.command("advise")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOGS...")
@click.option(
    "--config",
    "-c",
    "config",
    type=click.Path(path_type=Path),
    help="A configuration (YAML): its models are known, and only they are proposed.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    metavar="LOSS",
    help="How much quality may be lost, from 0 to 1; 0.03 is taken where nothing is said.",
)
@click.option(
    "--simple-quality",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    metavar="QUALITY",
    help="The quality that is enough for simple requests.",
)
@click.option(
    "--compliance",
    type=click.Choice(("open", "strict")),
    help="Whether any provider may be used, or only some: name these with --vendor, --region or --model.",
)
@click.option(
    "--capacity",
    type=click.Choice(("none", "some", "team")),
    help="Who can look after a router: nobody, somebody, a team.",
)
@click.option("--vendor", "vendors", multiple=True, metavar="NAME", help="Propose models of these vendors only.")
@click.option(
    "--region", "regions", multiple=True, metavar="REGION", help="Propose what is offered there only: us, eu..."
)
@click.option("--unnamed", default="", metavar="MODEL", help="The model that lines without one went to.")
@click.option("--model", "-m", "models", multiple=True, metavar="NAME", help="Propose these models only.")
@click.option(
    "--add", "fleet", type=click.IntRange(0, 20), default=3, show_default=True, help="How many new models at most."
)
@click.option(
    "--days", type=click.IntRange(1, 3660), metavar="N", help="How many days the logs cover, instead of what they say."
)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=2000,
    show_default=True,
    metavar="N",
    help="Texts of a model to read before every second one is left out; 0: read none.",
)
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def command(
    logs: tuple[Path, ...], config: Path | None, tolerance: float | None, simple_quality: float, compliance: Compliance | None,
    capacity: Capacity | None, vendors: tuple[str, ...], regions: tuple[str, ...], models: tuple[str, ...], fleet: int,
    unnamed: str, days: int | None, sample: int, as_json: bool,
) -> None:  # fmt: skip
    """Say whether routing pays for what LOGS hold, what it would save, and what is overdone today.

    LOGS are usage or cost exports of OpenAI and Anthropic (CSV, or answers of their APIs), fairlead's ledger exports,
    LiteLLM's spend logs, OpenRouter's activity, or prompts and answers as JSON lines or CSV; gzip is unpacked. What
    each one is, is found out and told. Nothing is sent anywhere.

    \b
    Examples:
      fairlead advise completions_usage.csv
      fairlead advise spend.jsonl.gz --tolerance 0.02 --capacity some
      fairlead advise attempts.jsonl --config fairlead.yaml
      fairlead advise prompts.jsonl --vendor anthropic --vendor openai --json
    """
    from fairlead.evidence import advisor, advisor_reading
    from fairlead.evidence.advisor_market import Market
    from fairlead.evidence.advisor_terms import Wishes
    from fairlead.registry.catalogue import load

    market = Market(load(), configured(config) if config else None)
    wishes = Wishes(
        tolerance, simple_quality, frozenset(vendors), frozenset(regions), named(models, market) or market.configured,
        compliance or "unknown", capacity or "unknown", days or 0, fleet, unnamed,
    )  # fmt: skip
    checked(wishes, market)
    if sample:
        advisor_reading.warm()
    read = Reading(logs)
    found = advisor.advise(read.rows(), market, wishes, advisor_reading.read if sample else None, sample)
    if not read.logs:
        sys.exit(1)
    read.summary()
    if not found.coverage.rows and not found.coverage.billed:
        raise FairleadError(tr("there is no usage in these logs"))
    from fairlead.cli import advice

    if as_json:
        advice.put(found, read.plain())
    else:
        advice.show(found)


def configured(path: Path) -> Snapshot:
    from fairlead.cli.asking import settings
    from fairlead.registry.catalogue import load
    from fairlead.registry.snapshot import build

    return build(settings(path), load())


def named(models: tuple[str, ...], market: Market) -> frozenset[str]:
    found = []
    for name in models:
        choice = market.find(name)
        if choice is None:
            raise FairleadError(f"there is no model {name}; see `fairlead models`")
        found.append(choice.name)
    return frozenset(found)


def checked(wishes: Wishes, market: Market) -> None:
    vendors = {choice.vendor for choice in market.choices.values()}
    regions = {region for choice in market.choices.values() for region in choice.regions}
    for given, known, what in ((wishes.vendors, vendors, "vendor"), (wishes.regions, regions, "region")):
        if strange := sorted(given - known):
            raise FairleadError(f"there is no {what} {strange[0]}; there are {', '.join(sorted(filter(None, known)))}")


class Reading:
    """The files, one after the other: what each is, how far one has come, and what could not be read."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self.logs: list[Log] = []
        self.unread: list[str] = []
        self._told: dict[str, int] = {}
        self._bar: click._termui_impl.ProgressBar[int] | None = None

    def _open(self, path: Path) -> Log | None:
        """Only when its turn comes: there may be more files than can be open at once."""
        from fairlead.evidence.logs import Log, Unreadable
        from fairlead.evidence.logs.source import BROKEN

        try:
            log = Log(path, self.wrong)
        except (Unreadable, *BROKEN) as problem:
            reason = (problem.strerror if isinstance(problem, OSError) else "") or str(problem)
            self.unread.append(str(path))
            self._say(f"{visible(str(path))}: {visible(told(tr(reason)))}")
            return None
        self.logs.append(log)
        self._say(f"{visible(str(path))}: {log.format.name}")
        return log

    def wrong(self, name: str, line: int, reason: str) -> None:
        seen = self._told[name] = self._told.get(name, 0) + 1
        if seen <= TOLD:
            place = f"{name}:{line}" if line else name
            self._say(f"{visible(place)}: {visible(told(tr(reason)))[:300]}")

    def rows(self) -> Iterator[Row]:
        with ExitStack() as stack:
            if sys.stderr.isatty():
                self._bar = stack.enter_context(bar(sum(map(size, self._paths))))
            for path in self._paths:
                if (log := self._open(path)) is not None:
                    yield from self._of(log)

    def _of(self, log: Log) -> Iterator[Row]:
        if self._bar is None:
            yield from log.rows()
            return
        seen = 0
        for number, row in enumerate(log.rows()):
            if number % STEP == 0:
                seen, before = log.source.position(), seen
                self._bar.update(seen - before)
            yield row
        self._bar.update(log.source.size - seen)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            click.echo("\r\x1b[K", nl=False, err=True)
        say(text)

    def summary(self) -> None:
        """What was left out, in a line for each file that has something left out."""
        for log in self.logs:
            if log.wrong > TOLD:
                words = tr("{file}: {count} lines could not be read, of which {told} are told above")
                say(words.format(file=visible(log.source.name), count=f"{log.wrong:,}", told=TOLD))
            elif not log.read:
                say(tr("{file}: no usage in it").format(file=visible(log.source.name)))

    def plain(self) -> list[dict[str, object]]:
        read: list[dict[str, object]] = [
            {"file": log.source.name, "format": log.format.name, "rows": log.read, "wrong_lines": log.wrong}
            for log in self.logs
        ]
        read += [{"file": name, "format": None, "rows": 0, "wrong_lines": 0} for name in self.unread]
        return read


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def bar(length: int) -> click._termui_impl.ProgressBar[int]:
    return click.progressbar(length=max(length, 1), label=tr("reading"), file=sys.stderr, show_eta=True)
