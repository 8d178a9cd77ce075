"""Models that cannot do what a setting wants of them: refused where they are named."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError

BASE = """
providers:
  one: {kind: openai, api_key: k}
  own: {kind: simulated, models: {words: {}, numbers: {embeds: 8}}}
models:
  gpt-5-mini: {channels: [{provider: one}]}
  embedder: {channels: [{provider: one, model: text-embedding-3-small}], price: {input: 1, output: 0}}
  words: {channels: [{provider: own}], price: {input: 1, output: 1}, aliases: [talker]}
  numbers: {channels: [{provider: own}], price: {input: 1, output: 0}}
  told: {channels: [{provider: one, model: x}], capabilities: [embeddings], price: {input: 1, output: 0}}
  unknown: {channels: [{provider: one, model: y}], price: {input: 1, output: 1}}
keys: [{name: a, key: fl_a}]
"""
WRONG = {
    "memory: {enabled: true, embedding: {model: gpt-5-mini}}": (
        r"memory\.embedding\.model: 'gpt-5-mini' makes no embeddings; known: embedder, numbers, told"
    ),
    "memory: {enabled: true, embedding: {model: words}}": r"memory\.embedding\.model: 'words' makes no embeddings",
    "memory: {enabled: true, embedding: {model: talker}}": r"memory\.embedding\.model: 'talker' makes no embeddings",
    "cache: {exact: {enabled: true}, semantic: {enabled: true, embedding: {model: words}}}": (
        r"cache\.semantic\.embedding\.model: 'words' makes no embeddings"
    ),
    "memory: {enabled: true, extractor: {model: embedder}}": (
        r"memory\.extractor\.model: 'embedder' makes embeddings, and no text"
    ),
    "gates: {g: {kind: judge, model: numbers}}": r"gates\.g\.model: 'numbers' makes embeddings, and no text",
    "gates: {g: {kind: consistency, model: told}}": r"gates\.g\.model: 'told' makes embeddings, and no text",
    "classifier: {model: {model: embedder}}": r"classifier\.model\.model: 'embedder' makes embeddings, and no text",
}


@pytest.mark.parametrize("section", WRONG)
def test_a_model_is_asked_for_what_it_does_not_make(section: str) -> None:  # M5.1 M5.2 M4.3
    with pytest.raises(ConfigError, match=WRONG[section]) as raised:
        loads(f"{BASE}{section}\n")
    assert raised.value.problems[0].startswith(f"<config>:{len(BASE.splitlines()) + 1}:")


def test_the_nearest_embedding_model_is_not_named() -> None:  # M5.2
    with pytest.raises(ConfigError, match=r"'gpt-5-mini' makes no embeddings, did you mean 'gpt-5-minis'\?"):
        loads(BASE.replace("  told:", "  gpt-5-minis:") + "memory: {enabled: true, embedding: {model: gpt-5-mini}}\n")


def test_where_none_is_declared_none_of_the_catalogue_is_offered() -> None:  # M5.2
    lines = [line for line in BASE.splitlines() if not line.startswith(("  embedder", "  numbers", "  told"))]
    with pytest.raises(ConfigError, match=r"declare one that does under models; known: .*text-embedding-3-small"):
        loads("\n".join([*lines, "memory: {enabled: true, embedding: {model: gpt-5-mini}}\n"]))


@pytest.mark.parametrize("name", ["embedder", "numbers", "told", "unknown"])
def test_a_model_that_makes_embeddings_or_may_is_refused(name: str) -> None:  # M5.2
    assert loads(f"{BASE}memory: {{enabled: true, embedding: {{model: {name}}}}}\n").memory.embedding is not None
