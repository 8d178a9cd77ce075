"""Embeddings by the official SDKs: through two gateways in a row over both wires, and on what a first run has. # M1.5"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from google.genai import types

from fairlead.config.environment import from_environment
from fairlead.server.serve import start
from tests.clients.chain import KEY, chained
from tests.clients.sdks import google

# The SDK makes one text of several for a model whose name says gemini.
each_wire = pytest.mark.parametrize("model", ["vectors-openai", "vectors-google"])


@each_wire
async def test_openai_gets_the_same_vectors_in_both_encodings(tmp_path: Path, model: str) -> None:  # TRAPS 37
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        # Without a word about it the SDK asks for base64.
        told = await client.embeddings.create(model=model, input=["a red ship", "a ship"])
        plain = await client.embeddings.create(model=model, input=["a red ship", "a ship"], encoding_format="float")
        assert [len(one.embedding) for one in told.data] == [1536, 1536]
        for one, other in zip(told.data, plain.data, strict=True):
            assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert (told.usage.prompt_tokens, told.usage.total_tokens) == (5, 5)
        short = await client.embeddings.create(model=model, input="a red ship", dimensions=64)
        assert len(short.data[0].embedding) == 64
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model=model, input="")
        for running in (chain.front, chain.back):
            totals = await running.runtime.ledger.totals()
            assert totals.requests >= 3
            assert totals.input_tokens == sum(entry.prompt_tokens for entry in chain.simulated.log.entries)


@each_wire
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of its HTTP client
async def test_google_genai_embeds_one_and_several(tmp_path: Path, model: str) -> None:
    async with google(tmp_path) as (_, client):
        embed: Any = client.aio.models.embed_content
        told = await embed(model=model, contents=["a red ship", "a ship"])
        one, other = [found.values for found in told.embeddings]
        assert len(one) == len(other) == 1536
        assert sum(a * b for a, b in zip(one, other, strict=True)) > 0.5
        short = await embed(
            model=model, contents="a red ship", config=types.EmbedContentConfig(output_dimensionality=32)
        )
        assert [len(found.values) for found in short.embeddings] == [32]


async def test_a_first_run_makes_embeddings_and_answers_with_others(tmp_path: Path) -> None:
    found = from_environment({})
    server = found.server.model_copy(update={"port": 0, "state_dir": str(tmp_path)})
    running = await start(found.model_copy(update={"server": server}), speed=float("inf"))
    try:
        async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key="any") as client:
            for name in ("sim-embedding", "text-embedding-3-small", "auto"):
                told = await client.embeddings.create(model=name, input="a red ship")
                assert told.model == "sim-embedding"
                assert len(told.data[0].embedding) == 1536
            hello: Any = [{"role": "user", "content": "Hello"}]
            answered = await client.chat.completions.create(model="auto", messages=hello)
            assert answered.model != "sim-embedding"
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(model="sim-embedding", messages=hello)
            with pytest.raises(openai.BadRequestError):
                await client.embeddings.create(model="sim-nano", input="a red ship")
    finally:
        await running.stop()
