"""`fairlead ledger` beside a running server and after it, on what that server really wrote."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
from contextlib import closing
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fairlead.cli.writing import writer
from tests.cli.asking import ask
from tests.cli.command import address_in, run, running

CONFIG = """\
server: {port: 0, state_dir: ./st}
providers:
  sim: {kind: simulated, models: {sim-nano: {latency_ms: 0, tokens_per_second: 100000}, sim-large: {latency_ms: 0, tokens_per_second: 100000}}}
models:
  sim-nano: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4, per_request: 0.001}, quality: 0.62}
  sim-large: {channels: [{provider: sim, discount: 0.25}], price: {input: 15, output: 75}, quality: 0.95, aliases: [the-large]}
  flat: {channels: [{provider: sim, model: sim-nano}], price: {input: 0, output: 0, flat: {amount: 1000000, per: day}}, quality: 0.1}
"""


class Kept:
    def __init__(self, cwd: Path, ids: list[str], live: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        self.cwd, self.ids, self.live, self.rows = cwd, ids, live, rows


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    cwd = tmp_path_factory.mktemp("ledger")
    (cwd / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=cwd, until="Say hello") as (server, said):
        address = address_in(said)
        ids = [ask(address, model, task="chat")[0] for model in ("sim-nano", "sim-large")]
        live = run("ledger", "verify", "--config", "f.yaml", "--json", cwd=cwd)
        assert live.returncode == 0, live.stdout + live.stderr
        rows = run("ledger", "export", "--config", "f.yaml", cwd=cwd)
        assert rows.returncode == 0, rows.stderr
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    return Kept(cwd, ids, json.loads(live.stdout), [json.loads(line) for line in rows.stdout.splitlines()])


def test_what_was_answered_a_moment_ago_is_not_verified(kept: Kept) -> None:  # M6.1
    assert (kept.live["requests"], kept.live["worked_out"], kept.live["differences"]) == (2, 2, 0)


def test_an_attempt_has_no_row_of_its_own(kept: Kept) -> None:  # M6.1
    assert [row["request"] for row in kept.rows] == kept.ids
    for row, rates in zip(kept.rows, ((100, 400, 10**6), (11_250, 56_250, 0)), strict=True):
        nano = row["input"] * rates[0] + row["output"] * rates[1] + rates[2]
        assert Decimal(row["cost"]) * 10**9 == nano
        assert (row["cost_usd"], row["currency"], row["estimated"]) == (row["cost"], "USD", False)
        assert row["price_row"].startswith("config/")
        assert row["task"] == "chat"
        assert row["purpose"] == "answer"
        assert row["baseline"] == "sim-large"
        assert Decimal(row["baseline_usd"]) > 0


def test_the_formats_do_not_say_the_same(kept: Kept) -> None:
    after = run("ledger", "export", "--state-dir", "st", cwd=kept.cwd)
    assert [json.loads(line) for line in after.stdout.splitlines()] == kept.rows
    made = run("ledger", "export", "--state-dir", "st", "--format", "csv", "-o", "rows.csv", cwd=kept.cwd)
    assert (made.returncode, made.stdout) == (0, "")
    table = list(csv.DictReader(io.StringIO((kept.cwd / "rows.csv").read_text())))
    assert [row["cost"] for row in table] == [row["cost"] for row in kept.rows]
    assert list(table[0]) == list(kept.rows[0])
    assert run("ledger", "export", "--state-dir", "st", "--since", "2099-01-01", cwd=kept.cwd).stdout == ""


class Gone(io.BytesIO):
    def write(self, piece: object) -> int:
        raise BrokenPipeError


def test_a_reader_who_has_seen_enough_of_a_table_finds_his_file_closed() -> None:
    """What is closed in between cannot be flushed at the end: that would be a traceback."""
    file = Gone()
    with pytest.raises(BrokenPipeError):
        writer("csv")(iter(()), file)
    assert not file.closed


def test_parquet_is_not_what_the_rows_say(kept: Kept) -> None:
    made = run("ledger", "export", "--state-dir", "st", "--format", "parquet", "-o", "rows.parquet", cwd=kept.cwd)
    if find_spec("pyarrow") is None:
        assert made.returncode == 1
        assert "pip install 'fairlead[parquet]'" in made.stderr
        assert not (kept.cwd / "rows.parquet").exists()
        return
    from pyarrow import parquet

    rows = parquet.read_table(kept.cwd / "rows.parquet").to_pylist()
    assert [(row["request"], row["input"]) for row in rows] == [(row["request"], row["input"]) for row in kept.rows]
    assert [row["cost"] for row in rows] == [Decimal(row["cost"]) for row in kept.rows]


def test_a_subscription_is_nowhere_in_the_report(kept: Kept) -> None:  # M6.2
    """A million a day is more than eleven dollars a second, and a server takes part of one to start."""
    found = json.loads(run("report", "--config", "f.yaml", "--json", cwd=kept.cwd).stdout)
    (paid,) = found["subscriptions"]
    assert (paid["channel"], paid["currency"], paid["per"]) == ("flat@sim", "USD", "day")
    assert Decimal(paid["cost_usd"]) > 1
    assert "Subscriptions" in run("report", "--config", "f.yaml", cwd=kept.cwd).stdout


def test_what_other_prices_would_come_to_is_charged_or_wrong(kept: Kept) -> None:  # M6.2
    (kept.cwd / "offer.json").write_text('{"models": {"sim-large": {"input": 1, "output": 1}}}')
    assert run("reprice", "--config", "f.yaml", cwd=kept.cwd).returncode == 2
    told = run("reprice", "--what-if", "--config", "f.yaml", "--prices", "offer.json", "--json", cwd=kept.cwd)
    found = {one["model"]: one for one in json.loads(told.stdout)["models"]}
    small, large = kept.rows
    assert found["sim-nano"]["was_usd"] == found["sim-nano"]["would_usd"] == small["cost"]
    assert found["sim-large"]["was_usd"] == large["cost"]
    assert Decimal(found["sim-large"]["would_usd"]) * 10**6 == large["input"] + large["output"]
    assert told.stderr == ""
    assert "together" in run("reprice", "--what-if", "--config", "f.yaml", cwd=kept.cwd).stdout
    (kept.cwd / "other.json").write_text(
        '{"models": {"The-Large": {"input": 1, "output": 1}, "sim-lrge": {"input": 1, "output": 1}}}'
    )
    named = run("reprice", "--what-if", "--config", "f.yaml", "--prices", "other.json", "--json", cwd=kept.cwd)
    assert named.stdout == told.stdout, "by another of its names"
    assert "nothing was asked of sim-lrge" in named.stderr
    assert run("ledger", "verify", "--state-dir", "st", cwd=kept.cwd).returncode == 0


def test_sums_that_are_wrong_cannot_be_made_anew(kept: Kept) -> None:
    assert run("ledger", "rebuild", "--state-dir", "st", cwd=kept.cwd).returncode == 0
    with closing(sqlite3.connect(kept.cwd / "st" / "ledger.db")) as connection, connection:
        connection.execute("UPDATE rollups SET usd = usd + 1")
        connection.execute("UPDATE spent SET cost = 0")
    found = run("ledger", "verify", "--state-dir", "st", cwd=kept.cwd)
    assert found.returncode == 1
    assert "rollups" in found.stdout
    assert "spent" in found.stdout
    assert run("ledger", "rebuild", "--state-dir", "st", cwd=kept.cwd).returncode == 0
    assert run("ledger", "verify", "--state-dir", "st", cwd=kept.cwd).returncode == 0


def test_a_changed_ledger_passes_for_right(kept: Kept) -> None:  # M6.1
    with closing(sqlite3.connect(kept.cwd / "st" / "ledger.db")) as connection, connection:
        connection.execute("UPDATE attempts SET output = output + 1 WHERE model = 'sim-nano'")
    found = run("ledger", "verify", "--state-dir", "st", cwd=kept.cwd)
    assert found.returncode == 1
    assert f"{kept.ids[0]}.1: by config/sim-nano/" in found.stdout
    assert "no difference" not in found.stdout
