"""Whom a batch asks, and when it is the one itself."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from fairlead.cli.batch_gateway import Gateway, Told
from fairlead.cli.books import is_served
from fairlead.cli.desk import Desk
from fairlead.errors import StateError
from fairlead.store.owner import Owner
from tests.server.serving import serving

CONFIG = """
server: {state_dir: "%s"}
providers: {sim: {kind: simulated, models: {m: {reply: "42"}}}}
models: {m: {channels: [{provider: sim}], price: {input: 1, output: 2}, quality: 0.7}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "f.yaml").write_text(CONFIG % (tmp_path / "st"))
    return Desk(tmp_path / "f.yaml", None)


async def test_a_command_takes_the_place_of_a_server_that_starts_anew(desk: Desk) -> None:  # M4.8
    gateway = Gateway(desk, lambda: None)
    await gateway.stand_in()
    assert not desk.folder.exists()
    gateway.passing = True
    await gateway.stand_in()
    assert await asyncio.to_thread(is_served, desk.folder)
    await gateway.stand_in()
    await gateway.__aexit__(None, None, None)
    assert not await asyncio.to_thread(is_served, desk.folder)


async def test_who_stands_in_takes_the_place_of_another(desk: Desk) -> None:  # M4.8
    gateway = Gateway(desk, lambda: None)
    gateway.passing = True
    with Owner.acquire(desk.folder):
        await gateway.stand_in()
        assert gateway.passing, "it may have to later"


async def test_a_gateway_begins_beside_a_server(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        async with Gateway(Desk(None, server.state_dir), lambda: None):
            pass
        assert await asyncio.to_thread(is_served, server.state_dir), "it is left as it was"


async def test_an_owner_that_never_answers_is_waited_for_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.cli.batch_gateway.STARTING", 0.3)
    with Owner.acquire(desk.folder), pytest.raises(StateError, match="is in use by process"):
        await Gateway(desk, lambda: None).__aenter__()


def test_a_terminal_obeys_what_a_provider_said(capsys: pytest.CaptureFixture[str]) -> None:
    cleared: list[bool] = []
    told = Told(lambda: cleared.append(True))
    told.handle(logging.LogRecord("fairlead", logging.WARNING, "", 0, "%s failed: \x1b[31mno", ("m",), None))
    assert capsys.readouterr().err == "m failed: \\x1b[31mno\n"
    assert cleared == [True]
