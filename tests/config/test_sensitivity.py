"""What is looked for in requests: by default little where something is self-hosted, and never silently nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairlead.classify.sensitivity import Detector
from fairlead.cli.serve import watch
from fairlead.config.load import loads
from fairlead.config.schema import Config
from fairlead.config.sensitivity import in_force
from fairlead.core.sensitivity import KINDS, USUAL
from fairlead.errors import ConfigError
from tests.config.catalogue_fake import CATALOGUE

FAKE: Any = CATALOGUE
OWN = """
providers: {own: {kind: openai, base_url: "http://127.0.0.1:9102/v1", self_hosted: true}}
models: {weak: {channels: [{provider: own}], price: {input: 0, output: 0}}}
"""
OUT = OWN.replace("true", "false")


def loaded(settings: str = "", base: str = OWN) -> Config:
    return loads(base + (f"sensitivity: {settings}\n" if settings else ""), "f.yaml", {}, FAKE)


def problems(settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(settings)
    return "\n".join(caught.value.problems)


def test_nothing_is_looked_for_although_something_is_self_hosted() -> None:  # M3.7
    now = in_force(loaded())
    assert (now.kinds, now.terms, now.action, now.on) == (USUAL, (), "self_hosted", True)
    assert not in_force(loaded(base=OUT)).on
    spare = OUT.replace("providers: {", 'providers: {spare: {kind: ollama, base_url: "http://127.0.0.1:1/v1"}, ')
    assert not in_force(loaded(base=spare)).on


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ("{detect: all}", KINDS),
        ("{detect: off}", ()),
        ("{detect: []}", ()),
        ("{detect: [email, card, email]}", ("email", "card")),
        ("{action: mark}", USUAL),
        ("{terms: [phoenix]}", USUAL),
    ],
)
def test_another_choice_of_kinds_holds(settings: str, kinds: tuple[str, ...]) -> None:
    assert in_force(loaded(settings)).kinds == kinds


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{detect: [card, e-mail]}", "f.yaml:4: sensitivity.detect[1]: unknown: 'e-mail', did you mean 'email'?"),
        ("{detect: everything}", "expected all, off or a list of email, phone"),
        ("{detect: true}", "expected all, off or a list of email, phone"),
        ("{action: block}", "sensitivity.action: unknown: 'block'; known: self_hosted, refuse, mark"),
        ("{terms: ['']}", "sensitivity.terms[0]: a term has 1 to 200 characters"),
        ("{terms: [x, ' ']}", "sensitivity.terms[1]: a term has 1 to 200 characters"),
        ("{terms_file: absent.txt}", "sensitivity.terms_file: absent.txt cannot be read: No such file"),
        ("{term: [x]}", "unknown setting, did you mean 'terms'?"),
    ],
)
def test_a_wrong_setting_is_taken(settings: str, message: str) -> None:
    assert message in problems(settings)


def test_terms_come_from_both_places(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("# names\nProject Phoenix\n\n  凤凰计划 \nC# team\nProject Phoenix\n", encoding="utf-8")
    now = in_force(loaded(f'{{detect: off, terms: [C++], terms_file: "{file}"}}'))
    assert now.terms == ("C++", "Project Phoenix", "凤凰计划", "C# team")
    detector = Detector(now.kinds, now.terms, now.action)
    assert [signal.name for signal in detector.find(["about the c# team"])] == ["term:C# team"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"ok\n" + b"x" * 201, ":2: a term has at most 200"), (b"\xff\xfe\x00", "it is not UTF-8 text")],
)
def test_a_file_of_terms_that_cannot_be_used_is_taken(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "terms.txt"
    file.write_bytes(content)
    assert message in problems(f'{{terms_file: "{file}"}}')


def test_nobody_is_told_that_all_such_requests_will_be_refused() -> None:  # M3.7
    warnings = loaded("{detect: [card]}", OUT).warnings
    assert ["no model has a self-hosted channel" in warning for warning in warnings] == [True]
    for settings in ("{detect: [card], action: refuse}", "{detect: [card], action: mark}", "{detect: off}", ""):
        assert loaded(settings, OUT).warnings == ()
    assert loaded("{detect: [card]}").warnings == ()


def test_start_up_does_not_say_what_is_looked_for() -> None:  # M3.7
    assert watch(loaded(base=OUT)).startswith("sensitive content is not looked for")
    assert watch(loaded()) == f"a request that holds {', '.join(USUAL)} stays on self-hosted models"
    assert (
        watch(loaded("{detect: [card], terms: [a, b], action: refuse}"))
        == "a request that holds card, 2 terms is refused"
    )
    assert "it is noted" in watch(loaded("{detect: all, action: mark}"))
