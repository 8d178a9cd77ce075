"""`fairlead batch`: a file of requests, answered in its order, and gone on with where it stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from fairlead.cli.columns import fold
from fairlead.cli.desk import CONFIG, STATE
from fairlead.cli.messages import tr
from fairlead.cli.terminal import say, visible
from fairlead.core.policies.cost_first import MIN_QUALITY
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.cli.batch_lines import Ask, Terms, Wrong
    from fairlead.cli.batch_results import Results
    from fairlead.cli.batch_work import Sums
    from fairlead.cli.desk import Desk
    from fairlead.server.batching import Terms as Told

CHEAPEST = (("x-fairlead-budget", "low"), ("x-fairlead-quality-floor", str(MIN_QUALITY)))
"""What is asked of lines that leave the choice open: as `cost_first` has it."""
EVERY, EVERY_LINE = 0.2, 10.0
"""Seconds from one word of the progress to the next, on a terminal and elsewhere."""
INTERRUPTED = 130
USUAL_WINDOW = 80


def one_line(
    context: click.Context, param: click.Parameter, given: str | tuple[str, ...] | None
) -> str | tuple[str, ...] | None:
    """What goes into a header, or names something: neither nothing, as of a variable that is not set, nor several lines."""
    for text in (given,) if isinstance(given, str) else given or ():
        if not text.strip() or visible(text) != text:
            raise click.BadParameter(tr("it has to be a line of text"))
    return given


@click.group("batch")
def command() -> None:
    """Have a file of requests answered: cheaply, in its order, and gone on with where it stopped.

    \b
    Examples:
      fairlead batch run questions.jsonl -o answers.jsonl
      fairlead batch run questions.jsonl -o answers.jsonl --config fairlead.yaml --key nightly
    """


@command.command("run")
@click.argument("given", metavar="IN", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="The file for the answers.")
@click.option(
    "--key", "-k", metavar="NAME", callback=one_line, help="The key whose limits and budgets hold, by its name."
)
@click.option(
    "--model",
    "-m",
    default="auto",
    metavar="NAME",
    callback=one_line,
    help="For lines that name none; by default auto.",
)
@click.option("--policy", "-P", metavar="NAME", callback=one_line, help="For lines that leave the choice open.")
@click.option(
    "--usual", is_flag=True, help="Choose as for any other request, not the cheapest model that is good enough."
)
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", callback=one_line, help="For the books; may be given several times."
)
@click.option(
    "--parallel", "-n", type=click.IntRange(1, 256), default=8, show_default=True, help="How many lines at a time."
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever was answered before.")
@CONFIG
@STATE
def run(
    given: Path, out: Path, key: str | None, model: str, policy: str | None, usual: bool, tags: tuple[str, ...],
    parallel: int, fresh: bool, path: Path | None, state_dir: Path | None,
) -> None:  # fmt: skip
    """Ask what stands in IN (-: standard input), a line each, and write the answers to OUT in the same order.

    A line is {"prompt": "..."}, {"messages": [...]}, or one of OpenAI's or Anthropic's batch files. Answers are as in
    OpenAI's, with model and cost under `fairlead`. Beside a running server it asks, so that all is in its books; else
    the command does, by the configuration. What names no model goes to the cheapest that is good enough, or as the
    configuration says of the latency class `batch`.

    The same command goes on where it stopped, and asks again what failed or was changed. Ctrl-C stops it in order.
    Exits with 1 where a line has no good answer.

    \b
    Examples:
      fairlead batch run questions.jsonl -o answers.jsonl
      fairlead batch run questions.jsonl -o answers.jsonl --model deepseek-v4-flash -n 32
      fairlead batch run questions.jsonl -o answers.jsonl --config fairlead.yaml --key nightly --tag report
    """
    from fairlead.cli import batch_lines
    from fairlead.cli.batch_results import Results, written
    from fairlead.cli.desk import Desk
    from fairlead.cli.serve import run_loop

    if given.exists() and any(one.exists() and one.samefile(given) for one in written(out)):
        raise click.UsageError(tr("-o names the file of the requests; the answers go to another"))
    headers = (("x-fairlead-tags", ",".join(tags)),) if tags else ()
    terms = batch_lines.Terms(model, policy or "", () if usual or policy else CHEAPEST, headers)
    with ExitStack() as held:
        try:
            file = held.enter_context(batch_lines.opened(given))
            whole, lines = batch_lines.count(file)
        except OSError as problem:
            raise FairleadError(f"cannot read {given}: {problem.strerror}") from None
        results = held.enter_context(Results(out, whole, fresh))
        asks = partial(batch_lines.asks, file, lines=whole)
        batch = Batch(Desk(path, state_dir), asks, terms, key or "", results, lines)
        run_loop(batch.run(parallel))
        sys.exit(batch.end(fresh))


class Batch:
    """A run, from who is asked to what is said at its end."""

    def __init__(
        self, desk: Desk, asks: Callable[[Terms], Iterator[Ask | Wrong]], terms: Terms, key: str, results: Results,
        lines: int,
    ) -> None:  # fmt: skip
        from fairlead.cli.batch_work import Sums

        self._desk = desk
        self._asks = asks
        self._terms = terms
        self._key = key
        self._results = results
        self._progress = Progress(lines)
        self._interrupted = False
        self.sums = Sums()
        self.stopped = ""

    async def run(self, parallel: int) -> None:
        from fairlead.cli.batch_gateway import Gateway
        from fairlead.cli.batch_work import Work
        from fairlead.server.batching import AS

        async with Gateway(self._desk, self._progress.clear) as gateway:
            told = await asyncio.to_thread(self._agreed)
            gateway.passing = told.passing
            headers = (*self._terms.headers, (AS.decode(), told.key))
            terms = self._terms._replace(headers=headers, wishes=self._terms.wishes if told.cheapest else ())
            folder = self._desk.folder
            work = Work(self._asks(terms), self._results, folder, self._progress.told, gateway.stand_in)
            self.sums = work.sums
            doing = asyncio.ensure_future(work.do(parallel))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:  # as a shell has it for what it runs in the background
                    loop.add_signal_handler(number, self._asked_to_stop, work.stop, doing.cancel)
            telling = asyncio.ensure_future(self._progress.tell(work.sums))
            try:
                await doing
            except asyncio.CancelledError:
                if not self._interrupted:
                    raise
            finally:
                telling.cancel()
            self.stopped = work.stopped

    def _asked_to_stop(self, stop: Callable[[str], None], cancel: Callable[[], object]) -> None:
        if self._interrupted:
            cancel()
            return
        self._interrupted = True
        self._progress.clear()
        say(tr("stopping; requests under way may finish"))
        stop(tr("it was interrupted"))

    def _agreed(self) -> Told:
        """What the gateway says of it."""
        import msgspec

        from fairlead.cli.books import Missing, ask_owner
        from fairlead.server.batching import PATH
        from fairlead.server.batching import Terms as Told

        try:
            query = urlencode({"key": self._key, "policy": self._terms.policy})
            found = ask_owner(self._desk.folder, f"{PATH}?{query}")
        except Missing as missing:
            raise FairleadError(str(missing)) from None
        if found is None:
            raise FairleadError(f"the server that owned {self._desk.folder} has just ended; try again")
        told = msgspec.json.decode(found, type=Told)
        self._tell(told)
        return told

    def _tell(self, told: Told) -> None:
        whose = tr("on the books of {key}").format(key=visible(told.key))
        if not self._key and len(told.keys) > 1:
            others = tr("--key NAME puts it on those of one: {keys}").format(keys=visible(", ".join(told.keys)))
            whose = f"{whose}; {others}"
        say(whose)
        if told.simulated:
            say(tr("the models are SIMULATED, nothing leaves this machine"))

    def end(self, fresh: bool = False) -> int:
        """Says how it ended, and gives the exit code."""
        self._progress.clear()
        sums, out = self.sums, self._results.named
        command = tr("the same command without --fresh") if fresh else tr("the same command")
        for problem, (line, count) in sums.problems.items():
            words = tr("line {line} and {more} others: {problem}") if count > 1 else tr("line {line}: {problem}")
            say(words.format(line=line, more=f"{count - 1:,}", problem=visible(problem)))
        if self.stopped:
            left = tr("stopped: {why}. {done} of {lines} lines are done; {command} goes on")
            why, lines = visible(self.stopped.rstrip(".")), f"{self._progress.lines:,}"
            say(left.format(why=why, done=f"{sums.done:,}", lines=lines, command=command))
            say(summary(sums))
            return INTERRUPTED if self._interrupted else 1
        self._results.finish()
        say(f"{visible(str(out))}: {summary(sums)}")
        if sums.failed or sums.wrong:
            say(tr("{command} asks again what has no good answer").format(command=command))
            return 1
        return 0


def summary(sums: Sums) -> str:
    from fairlead.cli.tables import money

    parts = [tr("{count} answered").format(count=f"{sums.good:,}")]
    for count, words in (
        (sums.kept, "{count} were answered before"),
        (sums.failed, "{count} failed"),
        (sums.wrong, "{count} are no requests"),
    ):
        if count:
            parts.append(tr(words).format(count=f"{count:,}"))
    cost = money(sums.cost)
    if sums.unpriced:
        cost = tr("{cost} and {count} of unknown price").format(cost=cost, count=f"{sums.unpriced:,}")
    return ", ".join([*parts, cost])


class Progress:
    """A line on stderr that moves, or one every few seconds where nobody looks."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self._live = sys.stderr.isatty()
        self._every = EVERY if self._live else EVERY_LINE
        self._began = monotonic()
        self._due = self._began + self._every
        self._shown = False

    def told(self, sums: Sums) -> None:
        now = monotonic()
        if now < self._due:
            return
        self._due = now + self._every
        words = self._words(sums, now)
        if self._live:
            words = next(fold(words, window() - 1))  # a second line could not be taken back
            click.echo(f"\r\x1b[K{words}", nl=False, err=True)
            self._shown = True
        else:
            say(words)

    async def tell(self, sums: Sums) -> None:
        """Also while nothing is done: where all wait, that is what there is to tell."""
        while True:
            await asyncio.sleep(self._every)
            self.told(sums)

    def _words(self, sums: Sums, now: float) -> str:
        from fairlead.cli.tables import money

        asked = sums.done - sums.kept
        left = clock((self.lines - sums.done) * (now - self._began) / asked) if asked else "?"
        words = tr("{done} of {lines} lines ({share}), {failed} failed, {cost}, about {left} left").format(
            done=f"{sums.done:,}",
            lines=f"{self.lines:,}",
            share=f"{sums.done / self.lines:.0%}" if self.lines else "",
            failed=f"{sums.failed + sums.wrong:,}",
            cost=money(sums.cost),
            left=left,
        )
        waiting = tr(", {count} wait to ask again").format(count=f"{sums.waiting:,}") if sums.waiting else ""
        return words + waiting

    def clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._shown = False


def window() -> int:
    """How wide the terminal is that shows stderr."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_WINDOW
    except OSError:
        return USUAL_WINDOW


def clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
