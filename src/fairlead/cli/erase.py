"""`fairlead erase`: what somebody said is erased wherever it stays behind, with a server or without."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fairlead.cli.asking import put_json
from fairlead.cli.desk import CONFIG, STATE, Desk
from fairlead.cli.messages import tr
from fairlead.core.whose import Whose

if TYPE_CHECKING:
    from fairlead.server.erasing import Erased

PATIENCE = 300.0
PLACES = {
    "responses": "stored responses",
    "idempotency": "answers under an Idempotency-Key",
    "results": "results to go on from",
    "memories": "memories",
    "cache": "cached answers",
}


@click.command("erase")
@click.option("--user", default="", metavar="NAME", help="What was said for this user.")
@click.option("--session", default="", metavar="NAME", help="What was said in this session.")
@click.option("--tenant", default="", metavar="NAME", help="Only of this tenant; alone: everything of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@CONFIG
@STATE
def command(
    user: str, session: str, tenant: str, yes: bool, as_json: bool, path: Path | None, state_dir: Path | None
) -> None:
    """Erase what a user, a session or a tenant said, wherever it is kept.

    Stored responses, answers under an Idempotency-Key, results, memories and cached answers are erased; the ledger stays,
    for it holds no words. A user without --tenant is erased in every tenant.

    \b
    Examples:
      fairlead erase --user ada
      fairlead erase --tenant acme --session s-17 --yes
      fairlead erase --tenant acme
    """
    whose = Whose(tenant, user, session)
    if whose.anybody:
        raise click.UsageError(tr("say whose it is: --user, --session or --tenant"))
    desk = Desk(path, state_dir)
    if not yes:
        click.confirm(tr("Erase it in {folder}?").format(folder=desk.folder), abort=True)
    gone = _erased(desk, whose)
    if as_json:
        put_json(msgspec.to_builtins(gone))
        return
    from fairlead.cli.tables import table

    rows = [(tr(PLACES.get(place, place)), f"{count:,}") for place, count in gone.erased.items()]
    table((tr("place"), f">{tr('erased')}"), rows)


def _erased(desk: Desk, whose: Whose) -> Erased:
    from fairlead.cli.books import ask_owner
    from fairlead.server.erasing import PATH, Erased, Wanted

    said = msgspec.json.encode(Wanted(whose.tenant, whose.user, whose.session))
    found = ask_owner(desk.folder, PATH, PATIENCE, "POST", said)
    if found is not None:
        return msgspec.json.decode(found, type=Erased)
    return asyncio.run(_alone(desk, whose))


async def _alone(desk: Desk, whose: Whose) -> Erased:
    """No server runs: the command takes the directory's lock, and notes what it did as a server would."""
    from fairlead.gateway.administration import Administration
    from fairlead.gateway.erasing import erase_files
    from fairlead.gateway.granting import OWNER
    from fairlead.server.building import build
    from fairlead.server.erasing import KIND, Erased, by_place, of_whom
    from fairlead.server.serve import pepper_of
    from fairlead.store.audit_chain import Act
    from fairlead.store.owner import Owner

    with Owner.acquire(desk.folder):
        gone = await erase_files(desk.folder, whose)
        world = build(desk.config, pepper_of(desk.config.server, desk.folder), "")
        administration = Administration(desk.folder, lambda act, head: None)
        try:
            administration.note(Act(KIND, OWNER.caller.name, "", of_whom(world, whose), by_place(gone)))
        finally:
            await administration.close()
    return Erased(gone, sum(gone.values()))
