"""`replay` and `explain ID` beside a running server and after it, in two languages."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError

import msgspec
import pytest

from fairlead.core.record import Record
from tests.cli.asking import ask
from tests.cli.command import address_in, run, running

CONFIG = """\
server: {port: 0, state_dir: ./st}
providers:
  sim: {kind: simulated, models: {small: {latency_ms: 0, tokens_per_second: 100000}, large: {latency_ms: 0, tokens_per_second: 100000}}}
models:
  small: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4}, quality: 0.62, context: 128000}
  large: {channels: [{provider: sim}], price: {input: 15, output: 75}, quality: 0.95, context: 1000000}
policies:
  weighed: {strategy: balanced}
policy: {default: weighed}
"""


def asked(address: str, model: str) -> str:
    return ask(address, model, "Translate to French: good morning")[0]


class Kept:
    def __init__(self, cwd: Path, chosen: str, named: str, live: str, refused: str) -> None:
        self.cwd, self.chosen, self.named, self.live, self.refused = cwd, chosen, named, live, refused


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    cwd = tmp_path_factory.mktemp("replay")
    (cwd / "f.yaml").write_text(CONFIG)
    (cwd / "changed.yaml").write_text(CONFIG.replace("balanced", "quality_first"))
    with running("serve", "--config", "f.yaml", cwd=cwd, until="Say hello") as (server, said):
        address = address_in(said)
        chosen, named = asked(address, "auto"), asked(address, "large")
        with pytest.raises(HTTPError) as infeasible:
            ask(address, "auto", max_cost=0.000000001)
        with infeasible.value as error:
            refused = error.headers["x-fairlead-request-id"]
        live = run("replay", chosen, "--state-dir", "st", cwd=cwd)
        assert live.returncode == 0, live.stderr
        many = run("replay", "--last", "10", "--state-dir", "st", "--json", cwd=cwd)
        assert many.returncode == 0, many.stderr
        assert json.loads(many.stdout)["same"] == 1
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    return Kept(cwd, chosen, named, live.stdout, refused)


def test_a_decision_made_again_is_told_to_differ(kept: Kept) -> None:  # M3.6
    assert "the same plan again, to the last figure: small, 2 ready, 0 left out" in kept.live
    done = run("replay", kept.chosen, "--state-dir", "st", cwd=kept.cwd)
    assert (done.returncode, done.stdout) == (0, kept.live), done.stderr


def test_what_another_configuration_would_change_is_not_told(kept: Kept) -> None:  # M3.6
    same = run("replay", kept.chosen, "-c", "f.yaml", cwd=kept.cwd).stdout
    assert "Under f.yaml: the same first choice, small" in same
    other = run("replay", kept.chosen, "-c", "changed.yaml", cwd=kept.cwd).stdout
    assert "Under changed.yaml: large instead of small, for about $" in other
    many = run("replay", "--last", "1000", "-c", "changed.yaml", cwd=kept.cwd)
    assert "1 decisions made again: 1 the same, 0 different, 0 not kept; 1 named their model." in many.stdout
    assert "Under changed.yaml 1 of 1 would go elsewhere" in many.stdout
    told = json.loads(run("replay", kept.chosen, "-c", "changed.yaml", "--json", cwd=kept.cwd).stdout)
    assert (told["same"], told["model"], told["under_config"]["model"]) == (True, "small", "large")


def test_a_named_model_is_said_to_have_been_chosen(kept: Kept) -> None:
    done = run("replay", kept.named, "--state-dir", "st", cwd=kept.cwd)
    assert done.returncode == 1
    assert "the caller named the model" in done.stderr
    assert run("replay", cwd=kept.cwd).returncode == 2
    assert run("replay", "req_1", "--last", "3", cwd=kept.cwd).returncode == 2


def test_a_decision_that_was_tampered_with_is_the_same(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "st").mkdir()
    with (
        closing(sqlite3.connect(kept.cwd / "st" / "ledger.db")) as source,
        closing(sqlite3.connect(tmp_path / "st" / "ledger.db")) as target,
    ):
        source.backup(target)
        (blob,) = target.execute("SELECT record FROM requests WHERE id = ?", (kept.chosen,)).fetchone()
        record = msgspec.msgpack.decode(blob, type=Record)
        assert record.decision is not None
        made = msgspec.structs.replace(record.decision, plan="0" * 16)
        other = msgspec.structs.replace(record, decision=made, version="0.0.1")
        target.execute("UPDATE requests SET record = ? WHERE id = ?", (msgspec.msgpack.encode(other), kept.chosen))
        target.commit()
    done = run("replay", kept.chosen, "--state-dir", "st", cwd=tmp_path)
    assert done.returncode == 1
    assert "NOT the same plan, though small is first both times" in done.stdout
    assert "It was decided by fairlead 0.0.1" in done.stdout
    many = run("replay", "--last", "5", "--state-dir", "st", cwd=tmp_path)
    assert many.returncode == 1
    assert kept.chosen in many.stdout
    assert "1 different" in many.stdout


def test_a_finished_request_is_explained_without_what_would_flip_it(kept: Kept) -> None:  # M3.6
    told = run("explain", kept.chosen, "--state-dir", "st", cwd=kept.cwd).stdout
    assert "Why it went there" in told
    assert "large wins if" in told
    assert "made of" in told
    data = json.loads(run("explain", kept.chosen, "--state-dir", "st", "--json", cwd=kept.cwd).stdout)
    assert data["flips"][0]["model"] == "large"
    assert data["explanation"]
    chinese = run("explain", kept.chosen, "--state-dir", "st", cwd=kept.cwd, LANG="zh_CN.UTF-8").stdout
    assert "怎样会改变选择" in chinese
    assert "则 large 胜出" in chinese


def test_a_request_that_was_turned_down_is_unknown_to_who_asks_why(kept: Kept) -> None:  # M3.6
    done = run("explain", kept.refused, "--state-dir", "st", cwd=kept.cwd)
    assert done.returncode == 0, done.stderr
    assert "It was turned down before any provider was asked (infeasible)" in done.stdout
    told = json.loads(run("explain", kept.refused, "--state-dir", "st", "--json", cwd=kept.cwd).stdout)
    assert (told["request"], told["kind"], told["key"]) == (kept.refused, "infeasible", "anonymous")
    assert run("explain", "req_0", "--state-dir", "st", cwd=kept.cwd).returncode == 1


def test_explaining_a_text_leaves_out_the_words_that_spoke(tmp_path: Path) -> None:  # M2.2 M3.6
    (tmp_path / "f.yaml").write_text(CONFIG)
    text = "Translate to French: good morning"
    told = run("explain", text, "-c", "f.yaml", cwd=tmp_path).stdout
    assert "It is taken for: task translation" in told
    assert "translate" in told.split("For this task spoke:")[1].splitlines()[0].lower()
    assert "What would flip it" in told
    chinese = run("explain", text, "-c", "f.yaml", cwd=tmp_path, LANG="zh_CN.UTF-8").stdout
    assert "判断为：任务 translation" in chinese
    data = json.loads(run("explain", text, "-c", "f.yaml", "--json", cwd=tmp_path, LANG="zh_CN.UTF-8").stdout)
    assert "胜出" in data["flips"][0]["words"]


def test_what_nobody_knows_is_said_to_have_named_its_model(kept: Kept, tmp_path: Path) -> None:  # M3.6
    """Requests lost in a crash, and such whose decision is gone."""
    (tmp_path / "st").mkdir()
    with (
        closing(sqlite3.connect(kept.cwd / "st" / "ledger.db")) as source,
        closing(sqlite3.connect(tmp_path / "st" / "ledger.db")) as target,
    ):
        source.backup(target)
        for request, change in ((kept.named, {"outcome": "lost", "asked": ""}), (kept.chosen, {"decision": None})):
            (blob,) = target.execute("SELECT record FROM requests WHERE id = ?", (request,)).fetchone()
            record = msgspec.structs.replace(msgspec.msgpack.decode(blob, type=Record), **change)
            target.execute("UPDATE requests SET record = ? WHERE id = ?", (msgspec.msgpack.encode(record), request))
        target.commit()
    words = run("explain", kept.named, "--state-dir", "st", cwd=tmp_path).stdout
    assert "whether it was answered is not known" in words
    assert "It asked for" not in words
    assert " ms in all" not in words
    told = json.loads(run("replay", "--last", "5", "--state-dir", "st", "--json", cwd=tmp_path).stdout)
    assert {name: told[name] for name in ("decisions", "not_kept", "named", "lost", "given_again")} == {
        "decisions": 0, "not_kept": 1, "named": 0, "lost": 1, "given_again": 0,
    }  # fmt: skip
    assert (
        "1 were under way when the gateway ended"
        in run("replay", "--last", "5", "--state-dir", "st", cwd=tmp_path).stdout
    )
    one = run("replay", kept.named, "--state-dir", "st", cwd=tmp_path)
    assert (one.returncode, "named the model" in one.stderr, "under way" in one.stderr) == (1, False, True)
