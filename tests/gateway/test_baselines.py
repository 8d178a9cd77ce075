"""Whom savings are measured against: like is compared with like. # M6.4"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load
from tests.server.serving import serving
from tests.server.wire import ask
from tests.upstream import Play, plain

CONFIG = """
providers:
  up: {{kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: x}}
models:
  writer: {{channels: [{{provider: up}}], price: {{input: 5, output: 25}}, quality: 0.9}}
  small: {{channels: [{{provider: up}}], price: {{input: 1, output: 2}}, quality: 0.5}}
{vectors}{report}
keys: [{{name: a, key: fl_a}}]
"""
ONE = "  {name}: {{channels: [{{provider: up}}], price: {{input: {price}, output: 0}}, capabilities: [embeddings]{more}}}\n"
SMALL, LARGE, GOOD = (
    ONE.format(name="v-small", price=0.02, more=""),
    ONE.format(name="v-large", price=0.13, more=""),
    ONE.format(name="v-good", price=0.2, more=", quality: 0.6"),
)


@pytest.mark.parametrize(
    ("vectors", "declared", "text", "embedding"),
    [
        ("", "", "writer", ""),
        (SMALL, "", "writer", "v-small"),
        (SMALL + LARGE, "", "writer", ""),
        (SMALL + LARGE + GOOD, "", "writer", "v-good"),
        (SMALL + LARGE, "v-small", "writer", "v-small"),
        (SMALL, "small", "small", "v-small"),
    ],
)
def test_an_embedding_is_measured_against_a_model_that_makes_none(
    vectors: str, declared: str, text: str, embedding: str
) -> None:  # M6.4
    report = f"report: {{baseline: {declared}}}" if declared else ""
    world = build(loads(CONFIG.format(vectors=vectors, report=report)), load(), b"")
    assert (world.baseline_of("generate"), world.baseline_of("embed")) == (text, embedding)
    assert world.baseline_of("opaque") == ""


EMBEDS = "  m-vector: {channels: [{provider: one, model: m-vector}], price: {input: 0.02, output: 0}, capabilities: [embeddings]}\n"


async def test_an_embedding_is_said_to_have_saved_something(tmp_path: Path) -> None:  # M6.4
    async with serving(tmp_path / "s", extra_model=EMBEDS) as served:
        vectors = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "up"}
        told = json.dumps({**vectors, "usage": {"prompt_tokens": 2000, "total_tokens": 2000}}).encode()
        served.upstream.push("one", Play([plain(200, told)]))
        body = json.dumps({"model": "m-vector", "input": "Hello"}).encode()
        response = await ask(served.port, "POST", "/v1/embeddings", body)
        assert response.status == 200, response.body
        assert response.headers["x-fairlead-cost"] == response.headers["x-fairlead-baseline-cost"] == "0.00004"
        record = await served.record(response)
        assert (record.cost, record.baseline_cost, record.baseline) == (40_000, 40_000, "m-vector")
