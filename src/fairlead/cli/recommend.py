"""`fairlead recommend`: what would save money, and the change of the configuration that does it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import put_json, when_asked
from fairlead.cli.messages import tr
from fairlead.cli.report import Since

if TYPE_CHECKING:
    from fairlead.evidence.advice import Advice, Advised, Change, Said


@click.command("recommend")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option(
    "--since", type=Since(), default=0, metavar="TIME", help="Only from then on: 90m, 24h, 7d, 4w, 2026-11-01."
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--apply", "wanted", metavar="N", help="Write the change of this one (its number or name) into the file.")
@click.option("--yes", is_flag=True, help="With --apply: do not ask.")
def command(
    path: Path | None, state_dir: Path | None, since: int, as_json: bool, wanted: str | None, yes: bool
) -> None:
    """What would save money: each with its saving a month, the figures behind it, and the change that does it.

    --apply shows the change to the file of --config, asks, and writes it; comments and layout stay. The file is only
    replaced by one that `fairlead config check` accepts. A running server takes it up by itself.

    \b
    Examples:
      fairlead recommend --config fairlead.yaml --since 30d
      fairlead recommend --config fairlead.yaml --apply 1
      fairlead recommend --config fairlead.yaml --apply task:classification --yes
    """
    from fairlead.cli import books
    from fairlead.store.window import Window

    if wanted is not None and path is None:
        raise click.UsageError(tr("--apply needs --config: the file to write to"))
    configured = when_asked(path)
    where = state_dir or Path(configured().server.state_dir)
    found = books.recommendations(where, configured, Window(since_ms=since))
    if wanted is not None and path is not None:
        apply(path, picked(found, wanted), yes)
    elif as_json:
        from fairlead.server.plainly import plain_advised

        put_json(plain_advised(found))
    else:
        show(found, where, path)


def picked(found: Advised, wanted: str) -> Advice:
    """By number, as listed, or by name."""
    from fairlead.errors import FairleadError

    for number, advice in enumerate(found.advice, 1):
        if wanted in (str(number), advice.id):
            return advice
    names = ", ".join(advice.id for advice in found.advice) or tr("none")
    raise FairleadError(tr("there is no recommendation {name}; there are: {names}").format(name=wanted, names=names))


def apply(path: Path, advice: Advice, yes: bool) -> None:
    from difflib import unified_diff

    from fairlead.cli.terminal import put, say
    from fairlead.config.load import read
    from fairlead.config.patch import patched
    from fairlead.errors import FairleadError
    from fairlead.server import building

    if not advice.changes:
        why = said(advice.way) if advice.way is not None else ""
        raise FairleadError(tr("no change of the file does this: {why}").format(why=why))
    read(path)
    before = path.read_bytes().decode("utf-8")
    after = before
    for change in advice.changes:
        after = patched(after, change.path, change.value)
    if after == before:
        say(tr("{file} says so already; nothing to change").format(file=path))
        return
    name = os.fspath(path)
    building.read(after, name)
    put("\n".join(unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="")))
    if not yes and not click.confirm(tr("Write this to {file}?").format(file=name), err=True):
        raise click.Abort
    replace(path, after)
    say(tr("{file} is written; a running server takes it up within a second").format(file=name))


def replace(path: Path, text: str) -> None:
    """Whole or not at all, with the mode it had; of a link, what it leads to."""
    from fairlead.errors import FairleadError

    target = path.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        mode = target.stat().st_mode & 0o777
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, mode)
        os.replace(part, target)
    except OSError as problem:
        raise FairleadError(f"cannot write {path}: {problem.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def said(words: Said) -> str:
    return tr(words.text).format(**words.values)


def show(found: Advised, where: Path, path: Path | None) -> None:
    from fairlead.cli.tables import line, money
    from fairlead.cli.terminal import say
    from fairlead.evidence.advice import percent

    if not found.spent:
        say(
            tr("Nothing was spent according to the ledger in {state}: there is nothing to recommend.").format(
                state=where
            )
        )
        return
    if not found.advice:
        say(tr("Nothing to recommend: {spent} a month, well spent.").format(spent=money(found.spent)))
        return
    for number, advice in enumerate(found.advice, 1):
        saving = tr("saves {saving} a month").format(saving=money(advice.saving)) if advice.saving else ""
        line(f"{number}. {said(advice.title)}{': ' if saving else ''}{saving}", "bold")
        for words in advice.evidence:
            line(f"   {said(words)}")
        if advice.way is not None:
            line(f"   {said(advice.way)}")
        for change in advice.changes:
            line(f"   {spelled(change)}", "dim", whole=True)
        if advice.changes:
            line(f"   fairlead recommend --config {path or 'FILE'} --apply {number}", "dim", whole=True)
        line()
    share = percent(found.together / found.spent)
    line(
        tr("Together they save {saving} of {spent} a month ({share}); each request is counted once.").format(
            saving=money(found.together), spent=money(found.spent), share=share
        )
    )


def spelled(change: Change) -> str:
    from fairlead.config.patch import rendered

    return f"{'.'.join(change.path)}: {rendered(change.value)}"
