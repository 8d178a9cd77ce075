"""The configuration in force, over HTTP: which it is, which there were, the file's taken up, an earlier one put back.

For keys of the role admin whose scope is the gateway, as a version may let anybody in; looking takes a viewer.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from fairlead.errors import BadRequest
from fairlead.server.admin import Asking, Route
from fairlead.server.reload import Outcome, Reload, State
from fairlead.store.configurations import Version


class Taken(msgspec.Struct, frozen=True):
    version: str
    warnings: tuple[str, ...]


class Versions(msgspec.Struct, frozen=True):
    versions: list[Version]
    """The latest first."""


class Back(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


def routes(reload: Reload | None) -> tuple[Route, ...]:
    def following() -> Reload:
        if reload is None:
            raise BadRequest("This server was started without a file: there is nothing to reload.", code="no_file")
        return reload

    async def state(asking: Asking) -> State:
        return following().state

    async def versions(asking: Asking) -> Versions:
        return Versions(await following().versions())

    async def again(asking: Asking) -> Taken:
        caller = asking.own.caller
        return _taken(await following().reload(f"asked for by key {caller.name}", caller))

    async def back(asking: Asking) -> Taken:
        caller = asking.own.caller
        return _taken(await following().rollback(asking.said.version, f"asked for by key {caller.name}", caller))

    root, renewed = "/admin/v1/config", "Take up what the configuration's file says now."
    return (
        Route("POST", "/admin/v1/reload", again, "admin", renewed, Taken, wide=True),
        Route("GET", root, state, "viewer", "Which version is in force, and why a newer is not.", State, wide=True),
        Route("GET", f"{root}/versions", versions, "viewer", "All versions that were in force.", Versions, wide=True),
        Route("POST", f"{root}/rollback", back, "admin", "Put an earlier version in force.", Taken, Back, wide=True),
    )


def _taken(outcome: Outcome) -> Taken:
    if not outcome.taken:
        told = "; ".join(outcome.problems)
        raise BadRequest(
            f"The configuration is rejected; {outcome.version} stays in force: {told}", code="config_rejected"
        )
    return Taken(outcome.version, outcome.warnings)
