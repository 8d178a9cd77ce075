"""`fairlead`: the table of commands. A command's module is imported only when it runs, so help comes at once."""

from __future__ import annotations

import importlib
import os
import sys

import click

from fairlead.cli.messages import told, tr
from fairlead.cli.terminal import say, visible, watched
from fairlead.errors import ConfigError, FairleadError
from fairlead.version import __version__

COMMANDS = {
    "serve": "Run the gateway.",
    "demo": "One minute of mixed work through simulated models, and what routing saved.",
    "route": "Say which model a request would go to, without sending it.",
    "explain": "Say in words why a request would go, or went, where it goes.",
    "replay": "Make decisions again from what is stored of them.",
    "models": "List the models, their prices and what they can do.",
    "report": "What was asked, what it cost, what it would have cost elsewhere.",
    "recommend": "What would save money, and the change of the configuration that does it.",
    "guards": "Whether routing itself goes wrong somewhere: quality, overhead, caches, drift.",
    "experiments": "How experiments stand: what each arm's answers were worth and cost, and what is certain.",
    "batch": "Have a file of requests answered, in its order; goes on where it stopped.",
    "bench": "Ask models questions with known answers, and show what they made of them.",
    "review": "Who cost how much, what was better or cheaper, and what was changed.",
    "reprice": "What was asked, at the prices of today or of a file.",
    "ledger": "Work out every cost again, or write the ledger out as rows.",
    "calc": "What strategies would cost on a mix of work, and whether published figures add up.",
    "advise": "Say from logs whether routing pays, and what it would save.",
    "budgets": "What may be spent, by whom, and what is.",
    "cache": "What the caches hold and have answered, and how to have it erased.",
    "erase": "Erase what a user, a session or a tenant said, wherever it is kept.",
    "keys": "Issue API keys, rotate them, and take them back.",
    "audit": "Show what was done by those who administer, or verify the log of it.",
    "config": "Check a configuration file, or show what it comes to.",
    "simulate": "Run simulated models as an HTTP server.",
    "classify": "Say what kind of request each of many is, as JSON lines.",
    "train": "Learn anew what ships learned.",
    "version": "Print the version.",
}


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"fairlead.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(tr("Commands")):
            formatter.write_dl([(name, tr(words)) for name, words in COMMANDS.items()])

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(tr(PURPOSE))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = " " + tr("Did you mean {name}?").format(name=repr(near[0])) if near else ""
            missing = tr("there is no command {name}.").format(name=repr(args[0]))
            raise click.UsageError(f"{missing}{hint}", ctx) from None


PURPOSE = (
    "A router and gateway for language models: of those that can do what a request needs and are as good as you ask, "
    "each request to the one your policy prefers."
)
SECTIONS = ("server.", "providers.", "models.", "keys.", "policies.", "policy.", "report.")
EPILOG = """\b
Examples:
  fairlead serve                         simulated models, or those whose keys are in the environment
  fairlead serve --config fairlead.yaml  what the file says
  fairlead demo                          a minute of simulated work, and what routing saved
  fairlead route "Translate this to French: good morning"
  fairlead report
"""


@click.command(
    cls=Lazy,
    epilog=EPILOG,
    help=PURPOSE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="fairlead %(version)s")
def cli() -> None:
    pass


def complain(error: FairleadError) -> None:
    """On stderr, without what a terminal would obey or what looks like a key in a configuration."""
    problems = error.problems if isinstance(error, ConfigError) else (str(error),)
    say("fairlead: " + "\n".join(visible(told(settled(problem))) for problem in problems))


def settled(problem: str) -> str:
    """A problem that names a setting and no file is found when all is built, after the file's own were masked."""
    if not problem.startswith(SECTIONS):
        return problem
    from fairlead.config.masking import masked

    return masked(problem)


def main() -> None:
    sys.stdout, output = watched(sys.stdout)
    try:
        _run()
    except OSError as error:
        if output.problem is None:
            raise
        if not isinstance(error, BrokenPipeError):  # who closed a pipe has seen enough
            say(f"fairlead: {tr('the output could not be written')}: {visible(output.problem.strerror or str(error))}")
        # What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> None:
    try:
        cli(prog_name="fairlead")
    except FairleadError as error:
        complain(error)
        sys.exit(1)
    finally:
        print(end="", flush=True)


if __name__ == "__main__":
    main()
