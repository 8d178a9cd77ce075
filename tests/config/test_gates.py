"""What may be said of checks, and what is found out before the first request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.core.gates.names import SUITS_ALL
from fairlead.core.quality import Quality
from fairlead.errors import ConfigError
from fairlead.registry.gates import gates
from fairlead.registry.policies import policies

BASE = """
providers: {s: {kind: simulated}}
models:
  m: {channels: [{provider: s, model: sim-small}], price: {input: 1, output: 1}, quality: 0.5}
  n: {channels: [{provider: s, model: sim-large}], price: {input: 2, output: 2}, quality: 0.9}
"""


def complaints(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        loads(BASE + text)
    return "\n".join(error.value.problems)


def test_what_a_policy_says_of_its_checks_does_not_reach_it() -> None:  # M4.3
    config = loads(
        BASE
        + """
gates: {house: {kind: pattern, pattern: "sorry", present: false}}
policies:
  p:
    quality: {gates: [usual, grounded, house], threshold: 0.7, upgrades: 2, hold_seconds: 4, after_hold: escalate, draft: true}
    tasks: {math: {model: m, quality: {gates: [logprobs]}}}
policy: {default: p}
"""
    )
    found = policies(config)["p"]
    assert found.handling.quality == Quality((*SUITS_ALL, "grounded", "house"), 0.7, 2, 4.0, "escalate", True)
    assert found.rules[0].settings.quality == Quality(("logprobs",))
    assert gates(config)["house"].present is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policies: {p: {quality: {gates: [grounde]}}}", "unknown gate 'grounde', did you mean 'grounded'"),
        ("policies: {p: {quality: {gates: []}}}", "policies.p.quality.gates"),
        ("policies: {p: {quality: {threshold: 1.1}}}", "policies.p.quality.threshold"),
        ("policies: {p: {quality: {upgrades: 9}}}", "policies.p.quality.upgrades"),
        ("gates: {g: {kind: code}}", "gates.g.kind"),
        ("gates: {g: {kind: judge}}", "kind judge needs `model`"),
        ("gates: {g: {kind: judge, model: x}}", "unknown model 'x'"),
        ("gates: {g: {kind: pattern}}", "kind pattern needs `pattern`"),
        ('gates: {g: {kind: pattern, pattern: "(?<=a)b"}}', "the pattern cannot be used"),
        ('gates: {g: {kind: pattern, pattern: "(a+"}}', "the pattern cannot be used"),
        ("gates: {g: {kind: schema, json_schema: '{\"type\": 3}'}}", "gates.g.json_schema"),
        ("gates: {g: {kind: schema, json_schema: 'no'}}", "the schema is no JSON"),
        ("gates: {g: {kind: schema, json_schema_file: nowhere.json}}", "cannot be read"),
        ("gates: {g: {kind: schema, json_schema: '{}', json_schema_file: a.json}}", "exclude each other"),
        ("gates: {g: {kind: length, least_chars: 9, most_chars: 3}}", "is above most_chars"),
        ('gates: {g: {kind: http, url: "ftp://h/x"}}', "gates.g.url"),
        ("gates: {refusal: {kind: length, most_chars: 3}}", "there is a gate of this name already"),
        ("gates: {usual: {kind: length, most_chars: 3}}", "there is a gate of this name already"),
    ],
)
def test_a_slip_in_a_gate_is_found_with_the_first_answer(text: str, told: str) -> None:
    assert told in complaints(text)


def test_a_setting_that_a_gate_does_not_read_passes_without_a_word() -> None:
    config = loads(BASE + "gates: {g: {kind: length, most_chars: 3, rubric: polite}}")
    assert any("gates.g.rubric: kind length does not read it" in warning for warning in config.warnings)


def test_a_schema_in_a_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "shape.json").write_text('{"type": "object"}')
    config = loads(BASE + f'gates: {{g: {{kind: schema, json_schema_file: "{tmp_path}/shape.json"}}}}')
    assert gates(config)["g"].schema == b'{"type": "object"}'


def test_a_judges_alias_is_not_its_models_name() -> None:
    config = loads(
        BASE.replace("sim-large}]", "sim-large}], aliases: [teacher]") + "gates: {g: {kind: judge, model: teacher}}"
    )
    assert gates(config)["g"].model == "n"


WITHOUT = """
import sys
sys.modules["jsonschema_rs"] = None
from fairlead.config.load import loads
from fairlead.errors import ConfigError
print(*loads(sys.argv[1]).warnings, sep="\\n")
try:
    loads(sys.argv[1] + 'gates: {g: {kind: pattern, pattern: "a"}}')
except ConfigError as error:
    print(*error.problems, sep="\\n")
"""


def test_without_its_packages_less_is_checked_and_nobody_is_told() -> None:
    text = BASE + "policies: {p: {quality: {gates: [usual]}}, q: {quality: {gates: [refusal]}}}\n"
    done = subprocess.run([sys.executable, "-c", WITHOUT, text], capture_output=True, text=True, timeout=60)
    warned, refused = [line for line in done.stdout.splitlines() if "fairlead[gates]" in line]
    assert "policies.p.quality: schemas, SQL and JavaScript are not checked" in warned
    assert "gates.g.pattern" in refused


def test_what_is_lacking_is_said_for_every_policy_anew_or_not_of_a_row() -> None:
    rows = "policies: {p: {tasks: {math: {model: m, quality: {gates: [code]}}}}, q: {quality: {}}, r: {quality: {}}}\n"
    done = subprocess.run([sys.executable, "-c", WITHOUT, BASE + rows], capture_output=True, text=True, timeout=60)
    warned = [line for line in done.stdout.splitlines() if "are not checked" in line]
    assert len(warned) == 1
    assert "policies.p.tasks.math.quality" in warned[0]


def test_a_gate_that_nobody_lists_passes_without_a_word() -> None:
    gate = "gates: {g: {kind: length, most_chars: 3}}\n"
    assert any("gates.g: checks nothing" in one for one in loads(BASE + gate).warnings)
    for listed in (
        "policies: {p: {quality: {gates: [g]}}}",
        "routes: [{match: {}, model: m, reason: all, quality: {gates: [g]}}]",
        "policy: {tasks: {math: {model: m, quality: {gates: [g]}}}}",
    ):
        assert not any("checks nothing" in one for one in loads(BASE + gate + listed).warnings), listed


@pytest.mark.parametrize(
    "text",
    [
        'gates: {g: {kind: http, url: "ftp://h/x"}}',
        "policies: {p: {strategy: cascade, cascade: {base: m, premium: n}}}",
    ],
)
def test_a_setting_that_is_wrong_is_said_to_be_missing_too(text: str) -> None:
    assert "needs" not in complaints(text)
