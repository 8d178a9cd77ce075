"""An upgrade that would be none is refused before it is made."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError

MODELS = """
providers: {own: {kind: openai, base_url: "http://127.0.0.1:1/v1", self_hosted: true}}
models:
  small: {channels: [{provider: own}], price: {input: 0, output: 0}, quality: 0.5}
  fair: {channels: [{provider: own}], price: {input: 0, output: 0}, quality: 0.7}
  good: {channels: [{provider: own}], price: {input: 0, output: 0}, quality: 0.9}
  dark: {channels: [{provider: own}], price: {input: 0, output: 0}}
policies:
"""


def policy(line: str) -> str:
    return f"{MODELS}  p: {{{line}}}\n"


def cascade(*names: str, more: str = "") -> str:
    base, middle, premium = names
    return policy(f"strategy: cascade, cascade: {{base: {base}, middle: {middle}, premium: {premium}{more}}}")


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("fair", "small", "good"), "middle"),
        (("small", "good", "fair"), "premium"),
        (("good", "dark", "fair"), "premium"),
    ],
)
def test_a_weaker_upgrade_of_a_cascade_is_taken(names: tuple[str, str, str], field: str) -> None:  # M4.2
    with pytest.raises(ConfigError, match=rf"cascade\.{field}: is no upgrade"):
        loads(cascade(*names))
    warnings = loads(cascade(*names, more=", form: screen")).warnings
    assert any(f"cascade.{field}: is no upgrade" in one for one in warnings), "as published, it is only odd"


@pytest.mark.parametrize("names", [("small", "fair", "good"), ("small", "dark", "good"), ("dark", "dark", "small")])
def test_an_upgrade_of_which_nothing_is_held_against_is_refused(names: tuple[str, str, str]) -> None:
    assert not any("no upgrade" in one for one in loads(cascade(*names)).warnings)


def test_a_fallback_that_is_weaker_is_taken_for_an_upgrade() -> None:  # M4.2
    with pytest.raises(ConfigError, match="no fallback is stronger than fair"):
        loads(policy("strategy: pinned, model: fair, fallbacks: [small], quality: {}"))
    loads(policy("strategy: pinned, model: fair, fallbacks: [small], quality: {upgrades: 0}"))
    loads(policy("strategy: pinned, model: fair, fallbacks: [small, good], quality: {}"))
    loads(policy("strategy: pinned, model: fair, fallbacks: [dark], quality: {}"))


def test_a_cascade_that_asks_its_base_again_passes_without_a_word() -> None:  # M4.2
    assert any("nobody is asked twice" in one for one in loads(cascade("fair", "fair", "good")).warnings)
    assert not any("asked twice" in one for one in loads(cascade("fair", "good", "good")).warnings), "a cascade of two"
