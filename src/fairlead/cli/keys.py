"""`fairlead keys`: issue keys, change what they may and their secrets, take them back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fairlead.cli.asking import put_json
from fairlead.cli.desk import CONFIG, KEYS, STATE, Desk
from fairlead.cli.messages import told, tr
from fairlead.cli.switching import Duration
from fairlead.cli.terminal import say, visible
from fairlead.core.budgets import PERIODS
from fairlead.core.grants import ROLES, SCOPES

if TYPE_CHECKING:
    from fairlead.server.keys import KeyTold

JSON = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
AMOUNT = re.compile(r"\d{1,7}(?:\.\d{1,9})?")
BUDGET = "What it may spend a month, or a /day, /week, in /total; may be given several times."
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LIMITS = ("rpm", "tpm", "concurrency")
LISTS = {
    "model": "models",
    "provider": "providers",
    "region": "regions",
    "only-policy": "policies",
    "strategy": "strategies",
    "budget": "budgets",
}
"""Options that may be given several times, and what the API calls them."""
BOUNDS = ("team", "plan", "policy", *LISTS, *LIMITS, "expires")
"""What a key can be without."""


class Expiry(click.ParamType[datetime]):
    """A time from now, a day (its end, UTC), or a time with its zone."""

    name = "expiry"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        text = str(value)
        try:
            if DAY.fullmatch(text):
                return datetime.fromisoformat(f"{text}T23:59:59.999999+00:00")
            if text[:4].isdigit() and text[4:5] == "-":
                found = datetime.fromisoformat(text)
                return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        except ValueError:
            self.fail(
                tr("{value} is no day nor time; write 90d, 2026-12-31 or 2026-12-31T18:00:00Z").format(value=value)
            )
        return datetime.now(UTC) + timedelta(seconds=Duration().convert(value, param, ctx))


class Allotment(click.ParamType[dict[str, str]]):
    """An amount, and a day, week, month or total that it is for."""

    name = "budget"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        amount, _, per = str(value).partition("/")
        if not AMOUNT.fullmatch(amount) or (per or "month") not in PERIODS:
            self.fail(tr("{value} is no budget; write it like 5 or 0.50/day").format(value=repr(value)), param, ctx)
        return {"amount": amount, "per": per or "month"}


@click.group("keys")
def command() -> None:
    """Issue API keys, rotate them, and take them back.

    \b
    Examples:
      fairlead keys create ci --plan small --expires 90d --budget 5/day
      fairlead keys list
      fairlead keys change ci --rpm 60 --lift expires
      fairlead keys rotate ci --overlap 2h
      fairlead keys delete ci
    """


@command.command("list")
@click.option("--tenant", metavar="NAME", help="Only keys of this tenant.")
@click.option("--team", metavar="NAME", help="Only keys of this team.")
@click.option("--search", metavar="TEXT", help="Only keys whose name holds this.")
@JSON
@CONFIG
@STATE
def listing(
    tenant: str | None, team: str | None, search: str | None, as_json: bool, path: Path | None, state_dir: Path | None
) -> None:
    """List the keys, those of the configuration too."""
    from fairlead.cli.tables import table

    found = _all(Desk(path, state_dir), {"tenant": tenant, "team": team, "search": search})
    if as_json:
        put_json([msgspec.to_builtins(one) for one in found])
        return
    rows = [
        (
            one.called,
            one.tenant,
            one.team or "-",
            tr(one.role) if one.scope == "gateway" else f"{tr(one.role)} ({tr(one.scope)})",
            f"{one.prefix}..." if one.prefix else tr(one.source),
            one.expires or "-",
            visible(told(tr(one.state))),
        )
        for one in found
    ]
    table([tr(word) for word in ("key", "tenant", "team", "role", "begins with", "expires", "state")], rows)


def _all(desk: Desk, filters: dict[str, str | None]) -> list[KeyTold]:
    from fairlead.server.keys import KeyPage

    query = {name: text for name, text in filters.items() if text is not None}
    found: list[KeyTold] = []
    while True:
        page = msgspec.json.decode(desk.ask("GET", KEYS, query), type=KeyPage)
        found += page.keys
        if page.next is None:
            return found
        query["after"] = page.next


def _several(name: str, what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(name, metavar="NAME", multiple=True, help=f"{what}; may be given several times.")


GRANT = (
    click.option("--team", metavar="NAME", help="The tenant's team."),
    click.option("--role", type=click.Choice(ROLES), help="What it may do beyond asking models."),
    click.option("--scope", type=click.Choice(SCOPES), help="How far its role reaches."),
    click.option("--plan", metavar="NAME", help="A name under `plans`."),
    click.option("--policy", metavar="NAME", help="Policy for its requests."),
    _several("--model", "Only this model"),
    _several("--provider", "Only this provider"),
    _several("--region", "Only this region"),
    _several("--only-policy", "Only this policy may choose"),
    _several("--strategy", "Only policies of this strategy may choose"),
    click.option("--rpm", type=click.IntRange(1), help="Requests a minute."),
    click.option("--tpm", type=click.IntRange(1), help="Tokens a minute."),
    click.option("--concurrency", type=click.IntRange(1), help="Requests at once."),
    click.option("--budget", metavar="USD[/PER]", type=Allotment(), multiple=True, help=BUDGET),
    click.option("--expires", type=Expiry(), metavar="WHEN", help="90d, 2026-12-31 or 2026-12-31T18:00:00Z."),
)
SENSITIVE = "Everything it sends stays on self-hosted providers."


def _grant(command: Callable[..., None]) -> Callable[..., None]:
    """With the options that say what a key may."""
    for option in reversed(GRANT):
        command = option(command)
    return command


def _wanted(options: dict[str, Any], lift: tuple[str, ...] = ()) -> dict[str, object]:
    """What of them was said, as the API has it."""
    said = {name.replace("_", "-"): value for name, value in options.items() if value not in (None, ())}
    for name in lift:
        if name in said:
            raise click.UsageError(tr("--{name} is both given and lifted").format(name=name))
    said |= {name: "" if name == "team" else None for name in lift}
    wanted = {LISTS.get(name, name): value for name, value in said.items() if name not in LIMITS}
    limits = {name: said[name] for name in LIMITS if name in said}
    return {**wanted, "limits": limits} if limits else wanted


@command.command("create")
@click.argument("name")
@click.option("--tenant", metavar="NAME", help="Whose requests these are.")
@_grant
@click.option("--sensitive", is_flag=True, default=None, help=SENSITIVE)
@JSON
@CONFIG
@STATE
def create(name: str, as_json: bool, path: Path | None, state_dir: Path | None, **options: Any) -> None:
    """Issue a key, and print its secret: once, it is kept nowhere.

    \b
    Examples:
      fairlead keys create ci --plan small --expires 90d
      fairlead keys create acme-head --tenant acme --role admin --scope tenant
    """
    _put_secret(Desk(path, state_dir).ask("POST", KEYS, said={"name": name, **_wanted(options)}), as_json)


@command.command("change")
@click.argument("key")
@_grant
@click.option("--sensitive/--not-sensitive", default=None, help=SENSITIVE)
@click.option("--lift", type=click.Choice(BOUNDS), multiple=True, help="Be without this; may be given several times.")
@JSON
@CONFIG
@STATE
def change(
    key: str, lift: tuple[str, ...], as_json: bool, path: Path | None, state_dir: Path | None, **options: Any
) -> None:
    """Change what a key (its name or id) may; its secret stays, and what is not said stays as it is.

    What may be given several times takes the place of all that was given before.

    \b
    Examples:
      fairlead keys change ci --rpm 120 --budget 10/day --budget 100
      fairlead keys change ci --model gpt-5.4-mini --plan small
      fairlead keys change ci --expires 2027-06-30 --lift rpm --lift model
    """
    wanted = _wanted(options, lift)
    if not wanted:
        raise click.UsageError(tr("say what to change, as in --rpm 60 or --lift expires"))
    _put_changed(Desk(path, state_dir).change(key, "PATCH", said=wanted), as_json)


@command.command("rotate")
@click.argument("key")
@click.option(
    "--overlap", type=Duration(), default="24h", show_default=True, help="How long the secret before works on."
)
@click.option("--now", "at_once", is_flag=True, help="The secret before ends at once.")
@JSON
@CONFIG
@STATE
def rotate(key: str, overlap: float, at_once: bool, as_json: bool, path: Path | None, state_dir: Path | None) -> None:
    """Give a key (its name or id) a new secret, and print that."""
    said = {"overlap_seconds": 0.0 if at_once else overlap}
    _put_secret(Desk(path, state_dir).change(key, "POST", "/rotate", said), as_json)


@command.command("show")
@click.argument("key")
@CONFIG
@STATE
def show(key: str, path: Path | None, state_dir: Path | None) -> None:
    """All there is to know of a key, as JSON; its secret is not."""
    put_json(msgspec.to_builtins(Desk(path, state_dir).key(key)))


@command.command("disable")
@click.argument("key")
@CONFIG
@STATE
def disable(key: str, path: Path | None, state_dir: Path | None) -> None:
    """Refuse a key from now on, until it is enabled."""
    _done(Desk(path, state_dir).change(key, "POST", "/disable"), tr("{key} is disabled"))


@command.command("enable")
@click.argument("key")
@CONFIG
@STATE
def enable(key: str, path: Path | None, state_dir: Path | None) -> None:
    """Take a disabled key again."""
    _done(Desk(path, state_dir).change(key, "POST", "/enable"), tr("{key} is enabled"))


@command.command("delete")
@click.argument("key")
@CONFIG
@STATE
def delete(key: str, path: Path | None, state_dir: Path | None) -> None:
    """Take a key back for good."""
    from fairlead.server.keys import Deleted

    told = Desk(path, state_dir).change(key, "DELETE")
    click.echo(tr("{key} is deleted").format(key=visible(key)))
    if msgspec.json.decode(told, type=Deleted).shut:
        say(tr("it was the last key; requests without one stay refused until `fairlead keys unlock`"))


@command.command("unlock")
@CONFIG
@STATE
def unlock(path: Path | None, state_dir: Path | None) -> None:
    """Once all keys are deleted, answer programs on this machine without one again."""
    from fairlead.server.keys import DOOR

    Desk(path, state_dir).ask("POST", DOOR)
    click.echo(tr("requests need no key any more, until one is issued"))


def _done(told: bytes, words: str) -> None:
    from fairlead.server.keys import KeyTold

    click.echo(words.format(key=visible(msgspec.json.decode(told, type=KeyTold).called)))


def _put_changed(answer: bytes, as_json: bool) -> None:
    from fairlead.server.keys import IN_FORCE, KeyTold

    found = msgspec.json.decode(answer, type=KeyTold)
    if as_json:
        put_json(msgspec.to_builtins(found))
        return
    click.echo(tr("{key} is changed").format(key=visible(found.called)))
    for note in found.notes:
        say(f"{tr('warning')}: {visible(note)}")
    if found.state != IN_FORCE:
        say(tr("it is refused all the same: {why}").format(why=visible(told(tr(found.state)))))


def _put_secret(told: bytes, as_json: bool) -> None:
    from fairlead.server.keys import KeyMade

    made = msgspec.json.decode(told, type=KeyMade)
    if as_json:
        put_json(msgspec.to_builtins(made))
        return
    click.echo(made.key)
    say(
        tr("this is the secret of {key}; it is kept nowhere and cannot be shown again").format(
            key=visible(made.about.called)
        )
    )
    for note in made.notes:
        say(f"{tr('warning')}: {visible(note)}")
    for one in made.about.former:
        say(tr("{prefix}... works on until {until}").format(prefix=one.prefix, until=one.until))
