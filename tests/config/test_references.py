"""Names that stand for something declared elsewhere are found wherever they are, by their type alone."""

from __future__ import annotations

from fairlead.config import references
from fairlead.config.checks import Declared
from fairlead.config.document import compose
from fairlead.config.load import loads
from tests.config.catalogue_fake import CATALOGUE

EVERYWHERE = """\
providers: {p: {}}
models:
  a: {channels: [{provider: p}], aliases: [first], price: {input: 0, output: 0}, qualities: {math: 0.5}}
  b: {channels: [{provider: p}], aliases: [second], price: {input: 0, output: 0}}
keys:
  - {name: k, key: fl_k, policy: table, models: [First], providers: [p], plan: small}
policies:
  table:
    model: First
    fallbacks: [SECOND]
    models: [First, second]
    floors: {complex: 0.5, math: 0.5}
    default_task: chat
    rules: [{name: r, model: First, fallbacks: [second], match: {task: [math, law]}, reason: r}]
    tasks: {chat: {model: First, fallbacks: [second]}}
  tiers: {strategy: tiered, tiers: [{name: one, models: [First, second], match: {task: law}}]}
  cascade: {strategy: cascade, cascade: {base: First, middle: second, premium: First}}
  hybrid: {strategy: hybrid, self_hosted: [First], commercial: [second]}
policy: {default: table, default_task: law, tasks: {math: {model: First, fallbacks: [second]}}}
routes:
  - {policy: tiers, match: {task: law}, reason: r}
  - {model: First, fallbacks: [second], reason: r}
tasks: {law: {like: reasoning}}
agents: {one: {model: First}, two: {policy: hybrid}}
groups: {crew: {agents: [one, two]}}
intents: {do: {task: law, policy: cascade}}
tenants: {t: {policy: table, models: [First], providers: [p], channels: [a@p]}}
plans: {small: {policy: table, models: [First]}}
classifier: {model: {model: First}}
report: {baseline: First}
"""
KINDS = {"model", "policy", "provider", "channel", "task", "complexity or task", "agent", "plan"}


def test_an_alias_stays_somewhere() -> None:
    config = loads(EVERYWHERE, "f.yaml", {}, CATALOGUE)
    found = [(path, name) for path, what, name in references.found(config) if what == "model"]
    assert len(found) == 25
    assert {name for _, name in found} == {"a", "b"}, found
    assert config.policies["cascade"].cascade is not None
    assert config.policies["cascade"].cascade.premium == "a"


def test_a_kind_of_reference_is_found_nowhere_or_checked_by_nobody() -> None:
    config = loads(EVERYWHERE, "f.yaml", {}, CATALOGUE)
    assert {what for _, what, _ in references.found(config)} == KINDS
    declared = Declared(compose(EVERYWHERE, {})[0])
    unchecked = {kind for kind in KINDS if declared.of(kind) is None}
    assert unchecked == {"model", "channel"}  # these two by checks of their own


def test_what_was_left_out_is_set_by_renaming() -> None:
    config = loads(EVERYWHERE, "f.yaml", {}, CATALOGUE)
    again = references.renamed(config, lambda what, name: name)
    assert again == config
    assert again.model_fields_set == config.model_fields_set
    assert "threshold" not in config.policies["table"].model_fields_set


def test_a_renamed_key_of_a_mapping_keeps_its_old_name() -> None:
    config = loads(EVERYWHERE, "f.yaml", {}, CATALOGUE)
    renamed = references.renamed(config, lambda what, name: f"x-{name}" if "task" in what else name)
    assert set(renamed.policies["table"].floors) == {"x-complex", "x-math"}  # type: ignore[attr-defined]
    assert set(renamed.policies["table"].tasks) == {"x-chat"}  # type: ignore[attr-defined]
