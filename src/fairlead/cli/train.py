"""`fairlead train`: learn anew what ships learned."""

from __future__ import annotations

from pathlib import Path

import click

from fairlead.cli.terminal import say


@click.group("train")
def command() -> None:
    """Learn anew what ships learned.

    \b
    Example:
      fairlead train classifier --data ../shared/data/prompts
    """


@command.command("classifier")
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path("../shared/data/prompts"), show_default=True,
    help="Folder with collections of labelled prompts; those that are missing are done without.",
)  # fmt: skip
@click.option(
    "--own", type=click.Path(path_type=Path), default=Path("training"), show_default=True,
    help="Folder with one's own: examples/*.jsonl (one JSON object a line) and phrases/*.yaml (ways of asking).",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Where to write, instead of over the weights that ship.")
def classifier(data: Path, own: Path, out: Path | None) -> None:
    """Learn the weights of the classifier, and print its scores by held-out source.

    An example is a line like {"text": "...", "label": "math", "complexity": "simple", "lang": "en"}, or with
    "messages" instead of "text".
    """
    from fairlead.classify.linear import FOLDER
    from fairlead.evidence.train.classifier import train, write

    trained = train(data, own, say)
    write(trained, out or FOLDER)
    print(trained.card)
