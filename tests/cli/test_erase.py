"""`fairlead erase`: with a server and without, asked for and noted."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.asking import ask
from tests.cli.command import address_in, run, running
from tests.gateway.test_erasing import found_on_disk

CONFIG = """\
server: {port: 0, state_dir: ./st}
providers:
  sim: {kind: simulated, models: {sim-nano: {latency_ms: 0, tokens_per_second: 100000, reply: Aye.}}}
models:
  sim-nano: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4}, quality: 0.62, context: 128000}
memory: {enabled: true}
"""


def erase(cwd: Path, *more: str) -> dict[str, int]:
    said = run("erase", "--config", "f.yaml", "--yes", "--json", *more, cwd=cwd)
    assert said.returncode == 0, said.stderr
    found: dict[str, int] = json.loads(said.stdout)["erased"]
    return found


def speak(address: str) -> None:
    for user in ("ada", "bob"):
        words = f"Remember that the boat of {user} is blue."
        ask(address, "sim-nano", words, user=user, memory=True)


def test_something_of_it_is_left_with_a_server_or_without(tmp_path: Path) -> None:  # M5.3
    (tmp_path / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (_, said):
        speak(address_in(said))
        gone = erase(tmp_path, "--user", "ada")
        assert gone["results"] == 1
        assert gone["memories"] >= 1
        assert found_on_disk(tmp_path / "st", "boat of ada") == []
    assert found_on_disk(tmp_path / "st", "boat of bob")
    assert sum(erase(tmp_path, "--user", "ada").values()) == 0
    assert erase(tmp_path, "--user", "bob", "--tenant", "default")["memories"] >= 1
    assert found_on_disk(tmp_path / "st", "boat of bob") == []
    noted = json.loads(run("audit", "--config", "f.yaml", "--json", "--kind", "erased", cwd=tmp_path).stdout)
    assert len(noted) == 3
    assert "bob" not in json.dumps(noted)


def test_everybodys_is_erased_where_nobody_is_named(tmp_path: Path) -> None:  # M5.3
    (tmp_path / "f.yaml").write_text(CONFIG)
    said = run("erase", "--config", "f.yaml", "--yes", cwd=tmp_path)
    assert said.returncode == 2
    assert "--user" in said.stderr


def test_it_is_erased_without_being_asked_for(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(CONFIG)
    said = run("erase", "--config", "f.yaml", "--tenant", "default", cwd=tmp_path)
    assert said.returncode != 0
    assert not (tmp_path / "st").exists()
