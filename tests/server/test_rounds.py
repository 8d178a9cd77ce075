"""What is done now and then, by a running gateway."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import pytest

from fairlead.errors import FairleadError, Overloaded, StateError
from fairlead.server.rounds import Rounds


@pytest.mark.parametrize(
    "problem", [Overloaded("A run is under way."), StateError("x"), sqlite3.Error("x"), OSError("x")]
)
async def test_a_round_that_fails_is_the_last(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:  # M3.12
    again = asyncio.Event()
    gone = 0

    async def go() -> None:
        nonlocal gone
        gone += 1
        if gone == 1:
            raise problem
        again.set()

    rounds = Rounds("schedule", go, lambda: 0.01)
    rounds.begin()
    async with asyncio.timeout(5):
        await again.wait()
    await rounds.close()
    assert isinstance(problem, FairleadError | sqlite3.Error | OSError)
    (line,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert line.getMessage() == f"schedule: what is done now and then could not be done: {problem}"


@pytest.mark.parametrize(("at_once", "gone"), [(True, 1), (False, 0)])
async def test_the_first_round_waits_or_does_not(at_once: bool, gone: int) -> None:
    seen: list[None] = []

    async def go() -> None:
        seen.append(None)

    rounds = Rounds("x", go, lambda: 60.0, at_once)
    rounds.begin()
    for _ in range(3):
        await asyncio.sleep(0)
    await rounds.close()
    assert len(seen) == gone
