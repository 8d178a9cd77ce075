"""`config check | effective | example`: every problem with its line, every value with its origin, no secret shown."""

from __future__ import annotations

import json
from pathlib import Path

from fairlead.config.load import load
from tests.cli.command import run

WRONG = """\
server: {port: 99999}
providers:
  up: {kind: opnai, api_key: "sk-very-secret"}
models:
  a: {chanels: [{provider: up}]}
policy: {default: balanced}
"""
GOLDEN = """\
f.yaml:1: server.port: must be at most 65535, found 99999
f.yaml:3: providers.up.kind: unknown: 'opnai', did you mean 'openai'?
f.yaml:5: models.a.channels: is missing: ways to reach it
f.yaml:5: models.a.chanels: unknown setting, did you mean 'channels'?
"""
GOOD = """\
server: {port: 4001}
providers:
  up: {kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: "${UP_KEY}", headers: {x-team: "hush-hush"}}
models:
  gpt-5.4: {channels: [{provider: up}], quality: 0.8}
  own-8b: {channels: [{provider: up}], price: {input: 0.1, output: 0.4}}
keys:
  - {name: test, key: fl_test_secret}
"""


def test_check_leaves_out_a_problem_or_its_line(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(WRONG)
    done = run("config", "check", "f.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == GOLDEN


def test_check_keeps_its_warnings_until_nothing_is_wrong(tmp_path: Path) -> None:
    more = "tenants: {acme: {}}\nbudgets: [{scope: tenant, who: acmme, amount: 1}]\npolicy: {default: balancd}\n"
    (tmp_path / "f.yaml").write_text(GOOD + more)
    done = run("config", "check", "f.yaml", cwd=tmp_path, UP_KEY="x")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert "no key is of it, did you mean 'acme'?" in done.stderr


def test_check_puts_anything_but_problems_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(GOOD)
    done = run("config", "check", "f.yaml", cwd=tmp_path, UP_KEY="sk-secret")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "f.yaml: ok (2 models, 1 provider, 1 key)\n"


def test_check_overlooks_what_only_the_start_would_find(tmp_path: Path) -> None:
    """An open door and a file that is not there are found when all is built; they get their lines too."""
    (tmp_path / "f.yaml").write_text(
        'providers:\n  up: {base_url: "https://a.example/v1", ca_file: none.pem}\n'
        "models:\n  a: {channels: [{provider: up}], price: {input: 0, output: 0}}\nserver: {host: 0.0.0.0}\n"
    )
    done = run("config", "check", "f.yaml", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split(" ")[0:2] for line in lines] == [
        ["f.yaml:2:", "providers.up.ca_file:"],
        ["f.yaml:5:", "server.host"],
    ]


def test_effective_shows_a_secret_or_a_wrong_origin(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(GOOD)
    done = run("config", "effective", "f.yaml", "--json", cwd=tmp_path, UP_KEY="sk-secret")
    assert done.returncode == 0
    assert not any(secret in done.stdout for secret in ("sk-secret", "hush-hush", "fl_test_secret"))
    rows = {row["path"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}
    assert rows["server.port"] == (4001, "file")
    assert rows["server.host"] == ("127.0.0.1", "default")
    assert rows["providers.up.api_key"] == ("***", "file")
    assert rows["keys[0].key"] == ("***", "file")
    assert rows["policy.default"] == ("balanced", "default")
    assert rows["report.baseline"] == (None, "default")
    assert rows["models.gpt-5.4.quality"] == (0.8, "file")
    assert rows["models.gpt-5.4.context"][1] == "catalogue"
    assert rows["models.gpt-5.4.channels[0].price"][1].startswith("catalogue (")
    assert rows["models.own-8b.capabilities"] == (["tools", "json_schema"], "default")
    assert rows["models.own-8b.channels[0].price"] == ("0.1 in, 0.4 out, USD per million", "file")
    shown = run("config", "effective", "f.yaml", cwd=tmp_path, UP_KEY="sk-secret").stdout
    assert "sk-secret" not in shown
    assert "server.port" in shown


def test_the_example_is_itself_wrong(tmp_path: Path) -> None:
    done = run("config", "example")
    assert done.stderr == ""
    (tmp_path / "f.yaml").write_text(done.stdout)
    config = load(tmp_path / "f.yaml", env={})
    assert config.warnings == ()
    assert run("config", "check", "f.yaml", cwd=tmp_path).returncode == 0
    opened = done.stdout.replace("# keys:", "keys:").replace("#   - {", "  - {").replace("# report:", "report:")
    (tmp_path / "g.yaml").write_text(opened)
    full = load(tmp_path / "g.yaml", env={"FAIRLEAD_APP_KEY": "fl_a", "FAIRLEAD_RESEARCH_KEY": "fl_b"})
    assert [key.name for key in full.keys] == ["app", "research"]
    assert full.report.baseline == "gpt-5.4"
