"""The loops a server may run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvloop


@pytest.fixture(autouse=True)
def _frequent_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits are kept by a sweep; a shorter one only shortens the waiting for them."""
    monkeypatch.setattr("fairlead.server.listener.SWEEP", 0.05)


Run = Callable[[Coroutine[object, object, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Run:
    """Runs a coroutine on the loop in question; a task or callback that fails unseen fails the test."""

    def runner(work: Coroutine[object, object, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        unseen: list[dict[str, object]] = []
        with asyncio.Runner(loop_factory=factory) as one:
            one.get_loop().set_exception_handler(lambda _, context: unseen.append(context))
            one.run(work)
        assert unseen == []

    return runner
