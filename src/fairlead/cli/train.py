"""`fairlead train`: learn anew what ships learned."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from fairlead.cli.terminal import say


@click.group("train")
def command() -> None:
    """Learn anew what ships learned.

    \b
    Example:
      fairlead train classifier --data ../shared/data/prompts
      fairlead train cache
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


@command.command("cache")
@click.option(
    "--pairs", type=click.Path(path_type=Path), default=Path("training/cache"), show_default=True,
    help="Folder with pairs of texts (*.jsonl) and, if you like, templates.yaml for near-misses by the thousand.",
)  # fmt: skip
@click.option(
    "--embedding", type=click.Path(path_type=Path),
    help="Folder of a sentence-embedding model (`cache.semantic.embedding.path`), instead of vectors by words.",
)  # fmt: skip
@click.option(
    "--verify", type=click.Choice(["strict", "loose"]), default="strict", show_default=True,
    help="What texts have to stand up to (`cache.semantic.verify`).",
)  # fmt: skip
def cache(pairs: Path, embedding: Path | None, verify: Literal["strict", "loose"]) -> None:
    """Find the threshold of the semantic cache, and print how often it would be wrong and how much it would find.

    A pair is a line like {"kind": "negation", "first": "...", "second": "...", "same": false}: whether the answer to one
    text answers the other.
    """
    from fairlead.evidence.train.cache import calibrate

    if embedding is None:
        print(calibrate(pairs, None, verify).card)
        return
    from fairlead.cache.local_model import LocalModel

    model = LocalModel(str(embedding))
    print(calibrate(pairs, lambda text, reading: model.vector(text), verify).card)
