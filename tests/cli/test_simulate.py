"""`simulate` as a process: it says where it is, answers, and goes quietly."""

from __future__ import annotations

import signal
import urllib.error
from pathlib import Path

import pytest

from tests.cli.asking import ask
from tests.cli.command import address_in, running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_simulate_does_not_end_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ("simulate", "--port", "0", "--speed", "1000", "--known-only")
    with running(*arguments, cwd=tmp_path, until="Say hello") as (server, said):
        assert "SIMULATED" in said
        address = address_in(said)
        assert ask(address, "sim-nano")[1]["model"] == "sim-nano"
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(address, "gpt-5.4")
        assert refused.value.code == 404
        refused.value.close()
        server.send_signal(number)
        assert server.wait(20) == 0
        assert server.stdout is not None
        assert server.stdout.read() == ""


def test_any_name_is_refused_unless_told_to(tmp_path: Path) -> None:
    with running("simulate", "--port", "0", "--speed", "1000", cwd=tmp_path, until="Say hello") as (_, said):
        assert ask(address_in(said), "gpt-5.4")[1]["model"] == "gpt-5.4"
