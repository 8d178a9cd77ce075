"""A key in the wrong place is not repeated, and a name is not taken for a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.config.masking import masked
from fairlead.errors import ConfigError
from fairlead.registry.catalogue import load as load_catalogue
from tests.cli.command import run
from tests.config.test_load import problems, read

RANDOM = "x7Kq2mZ9" * 4
KEYS = [
    "sk-abc123",
    "sk-proj-" + "aB3-_x" * 4,
    "fl_test1",
    "fl_" + "aB3-_x" * 6,
    "gsk_" + RANDOM,
    "hf_" + RANDOM,
    "xai-" + RANDOM,
    "AIza" + RANDOM,
    "AKIA" + "A1B2" * 4,
    "eyJhbGciOiJI" + "UzI1NiJ9.eyJzdWIi.sig",
    "0a1b2c3d" * 4,
    RANDOM,
    "12345678-90ab-cdef-1234-567890abcdef",
]
PLACES = [
    "providers: {{'{key}': {{}}}}",
    "providers: {{'{key}': {{kind: opnai}}}}",
    "providers: {{'{key}': 5}}",
    "providers: {{p: {{kind: '{key}'}}}}",
    "providers: {{p: {{api_key: x, '{key}': y}}}}",
    "providers: {{p: {{region: {{'{key}': 1}}}}}}",
    "providers: {{p: {{headers: {{'{key} x': y}}}}}}",
    "providers: {{p: {{base_url: '{key}'}}}}",
    "keys: {{'{key}': {{name: a}}}}",
    "keys: ['{key}']",
    "keys: [{{name: '{key}', key: '{key}'}}, {{name: '{key}', key: '{key}'}}]",
    "keys: [{{name: a, key: b, policy: '{key}'}}]",
    "keys: [{{name: a, key: b, role: '{key}'}}]",
    "keys: [{{name: a, key: b, models: ['{key}']}}]",
    "models: {{'{key}': {{channels: [{{provider: no}}]}}}}",
    "models: {{m: {{channels: [{{provider: '{key}'}}], quality: '{key}'}}}}",
    "server: {{port: '{key}', host: '{key}', max_body_mb: '{key}'}}",
    "server: '{key}'",
    "policy: {{default: '{key}'}}",
    "'{key}'",
    "'{key}': 1",
    "'{key}': 1\n'{key}': 2",
    "providers: {{p: !{key} 1}}",
    "providers: *{key}",
    "api_key:{key}",
    "providers:\n  p: x\n {key}: }}",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_problem_repeats_a_key_that_stands_in_the_wrong_place(key: str) -> None:
    for place in PLACES:
        text = place.format(key=key)
        try:
            told = "\n".join(read(text).warnings)
        except ConfigError as error:
            told = str(error)
        assert told
        assert key not in told, text


def test_a_secret_of_the_file_is_repeated_where_it_stands_a_second_time() -> None:
    text = "providers: {p: {api_key: hush-hush-hush}}\nmodels: {m: {channels: [{provider: hush-hush-hush}]}}\n"
    assert problems(text) == ["f.yaml:2: models.m.channels[0].provider: unknown provider '***'; known: p"]


def test_a_name_that_is_a_key_is_not_warned_of() -> None:
    text = "providers: {fl_abcdef: {}}\nkeys: [{name: sk-abc123, key: sk-abc123}]\n"
    warnings = [warning for warning in read(text).warnings if "key" in warning and "looks like" in warning]
    assert [warning.split(": ")[:2] for warning in warnings] == [
        ["f.yaml:1", "providers.***"],
        ["f.yaml:2", "keys[0].name"],
    ]


def test_a_model_of_the_catalogue_is_taken_for_a_key() -> None:
    catalogue = load_catalogue()
    names = [name for entry in catalogue.entries.values() for name in (entry.name, *entry.aliases)]
    names += [offer.upstream for entry in catalogue.entries.values() for offer in entry.offers.values()]
    assert [name for name in names if masked(name) != name] == []


@pytest.mark.parametrize(
    "text",
    [
        "claude-3-5-sonnet-20241022",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "Qwen2.5-Coder-32B-Instruct",
        "http://127.0.0.1:8000/v1",
        "did you mean 'max_connections'?",
        "risk-1234, ask-me, flagship, task_1, xai-eu, hf-mirror",
    ],
)
def test_a_word_is_taken_for_a_key(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("command", [("models", "-c"), ("config", "check"), ("serve", "-c")], ids=" ".join)
def test_what_only_shows_when_all_is_built_repeats_a_key(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "providers:\n  sk-abc123: {ca_file: none.pem, base_url: 'https://a.test/v1'}\n"
        "models: {m: {channels: [{provider: sk-abc123}], price: {input: 0, output: 0}}}\nserver: {port: 0, state_dir: st}\n"
    )
    done = run(*command, "f.yaml", cwd=tmp_path)
    assert done.returncode == (0 if command[0] == "models" else 1)
    assert "sk-abc123" not in done.stderr
    assert "***" in done.stdout + done.stderr
    assert "sk-abc123" not in done.stdout or command[0] == "models"
