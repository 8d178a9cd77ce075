"""`models`: what is listed is what would be used, and each field of one model says where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

from fairlead.registry.catalogue import load
from tests.cli.command import run, shown

CONFIG = """\
providers:
  up: {kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
  far: {kind: openai, base_url: "http://127.0.0.1:8/v1", api_key: x, region: eu}
models:
  claude-opus-4.7:
    context: 64000
    channels: [{provider: up}, {provider: far, price: {input: 1, output: 2.5}}]
  own: {channels: [{provider: up}], price: {input: 0, output: 0}}
"""


def configured(tmp_path: Path) -> str:
    (tmp_path / "f.yaml").write_text(CONFIG)
    return str(tmp_path / "f.yaml")


def test_a_configured_models_own_figures_are_not_the_ones_listed(tmp_path: Path) -> None:
    path = configured(tmp_path)
    lines = run("models", "-c", path).stdout.splitlines()
    row = next(line for line in lines if "claude-opus-4.7" in line)
    assert "64k" in row
    assert "up, far [eu] (1 / 2.5)" in row
    assert "own" in lines[-3]
    assert "0 / 0" in lines[-3]
    told = {model["name"]: model for model in json.loads(run("models", "-c", path, "--json").stdout)}
    assert told["claude-opus-4.7"]["context"] == 64_000
    assert told["claude-opus-4.7"]["channels"][1]["price"]["output"] == "2.5"
    assert "tools" in told["claude-opus-4.7"]["capabilities"]


def test_a_field_has_no_source_or_the_wrong_one(tmp_path: Path) -> None:
    told = json.loads(run("models", "opus-4.7", "-c", configured(tmp_path), "--json").stdout)
    assert told["model"] == "claude-opus-4.7"
    facts = {fact["field"]: fact for fact in told["fields"]}
    source, date = load().entries["claude-opus-4.7"].sources["quality"]
    assert (facts["quality"]["source"], facts["quality"]["date"]) == (source, date)
    assert facts["context"]["source"] == "configuration"
    assert facts["channel far: price"] == {
        "field": "channel far: price",
        "value": "input $1, output $2.5",
        "source": "configuration",
        "date": "",
    }
    assert date in run("models", "opus-4.7", "-c", configured(tmp_path)).stdout


def test_the_catalogue_is_cut_short() -> None:
    catalogue = load()
    told = run("models", "--catalogue").stdout
    assert all(f" {name} " in told for name in catalogue.entries)
    assert f"{len(catalogue.entries)} models" in told
    assert len(json.loads(run("models", "--catalogue", "--json").stdout)) == len(catalogue.entries)


def test_a_narrow_window_breaks_a_name_or_an_address() -> None:
    catalogue = load()
    told = shown("models", "--catalogue", columns=80)
    names = {word for line in told.splitlines() for word in line.split()}
    assert catalogue.entries.keys() <= names
    assert max(map(len, told.splitlines()[:-2])) <= 80
    assert "A wider window also shows: offered by." in " ".join(told.split())
    assert "offered by" not in told.splitlines()[0]
    told = shown("models", "gpt-5.4", "--catalogue", columns=80)
    sources = " ".join(source for source, _ in catalogue.entries["gpt-5.4"].sources.values())
    addresses = {word for word in sources.split() if "://" in word}
    assert addresses
    assert addresses <= set(told.split())


def test_an_unknown_name_is_left_without_a_hint() -> None:
    done = run("models", "claude-opus-4.77")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean 'claude-opus-4.7'?" in done.stderr
