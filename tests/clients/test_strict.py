"""The official SDKs' own tests, which check every field of an answer against its type, run against fairlead. # M1.5

They stand in the SDKs' source archives; `make test` fetches them. Written for a mock that says yes to everything, some
ask for what nobody can answer truthfully: each of those is named in REFUSED with the reason. What they would have shown
of answers is shown at the end of this file, with the same SDKs' strict clients.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import openai
import pytest

from fairlead.config.load import loads
from fairlead.server.serve import Running, start
from tests.clients.chain import KEY, VIAS, chained
from tests.upstream import Play, plain, scripted

SDKS = Path(sys.prefix) / "sdks"
BESIDE = Path(sys.prefix) / "strict"
NAMES = "gpt-6-astra, model_id"
"""Models that the tests ask about by name."""
CONFIG = """
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}", retries: 0, max_lag: 60}}
providers:
  back: {{kind: simulated}}
  lists: {{kind: openai, base_url: "http://127.0.0.1:{port}/lists/v1"}}
models:
  sim: {{channels: [{{provider: back, model: sim-medium}}], price: {{input: 1, output: 2}}, aliases: [{names}],
        capabilities: [tools, json_schema, vision, documents, audio, thinking, logprobs], max_output: 64000}}
  text-embedding-3-small: {{channels: [{{provider: lists}}], price: {{input: 1, output: 0}}, capabilities: [embeddings]}}
  omni-moderation-latest: {{channels: [{{provider: lists}}], price: {{input: 1, output: 0}}}}
keys: [{{name: openai, key: "My API Key"}}, {{name: anthropic, key: my-anthropic-api-key}}]
coding: {{default: sim, models: [claude-*, gpt-*, model, string]}}
"""
EMBEDDINGS = {
    "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 9, "total_tokens": 9},
}  # fmt: skip

PATHS = {"openai": "/v1", "anthropic": ""}
FILES = {
    "openai": (
        "chat/test_completions.py", "test_responses.py", "responses/test_input_tokens.py", "test_completions.py",
        "test_embeddings.py", "test_models.py",
    ),
    "anthropic": ("test_messages.py", "test_models.py", "beta/test_messages.py", "beta/test_models.py"),
}  # fmt: skip
LEAST = {"openai": 150, "anthropic": 150}
"""Tests that pass, at least: a run that found none would prove nothing."""
STORED = "resp_677efb5139a88190b512bc3fef8e535d"
"""The response that the tests retrieve: it is put there first."""
REFUSED: dict[str, dict[str, str]] = {
    "openai": {
        r"chat/.*_create_with_all_params": "max_completion_tokens 0 asks for no answer: the provider's own word",
        r"chat/.*_(retrieve|update)\b": "chats are not kept here",
        r"test_responses.*_create_overload": "it names neither a model nor an input",
        r"test_responses.*_create_with_all_params": "it goes on with a response that there is not",
        r"test_responses.*_retrieve(_with_all_params)?_overload_2": "a response that is whole is not streamed again",
        r"test_responses.*_cancel\b": "responses are never run in the background",
        r"test_responses.*_compact": "responses are not compacted",
        r"input_tokens.*_count_with_all_params": "a conversation that only its provider knows cannot be counted",
        r"test_embeddings.*_create\b": "the SDK asks for base64 and its types know numbers only: it gets what it asked for",
    },
    "anthropic": {},
}
"""By a pattern for their names. Deletions are left out: they would take away what other tests ask for."""


class Ran:
    """What one run of an SDK's tests came to."""

    def __init__(self, told: str) -> None:
        self.told = told
        self.passed = int(found[1]) if (found := re.search(r"(\d+) passed", told)) else 0
        self.failed = set(re.findall(r"^FAILED tests/api_resources/(\S+)", told, re.MULTILINE))


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Running]:
    async with scripted() as upstream:
        upstream.next_play = lambda seat, body: Play([plain(200, json.dumps(EMBEDDINGS).encode())])  # type: ignore[method-assign]
        running = await start(loads(CONFIG.format(state=folder, port=upstream.port, names=NAMES)), speed=float("inf"))
        try:
            yield running
        finally:
            await running.stop()


async def run(sdk: str, port: int) -> Ran:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-rf", "-o", "addopts=", "-p", "no:cacheprovider", "--tb=line",
        "-k", "not _delete",
        *(f"tests/api_resources/{file}" for file in FILES[sdk]),
        *(("-p", "tests._alias_httpx") if sdk == "anthropic" else ()),
        cwd=SDKS / sdk, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(BESIDE), "TEST_API_BASE_URL": f"http://127.0.0.1:{port}{PATHS[sdk]}"},
    )  # fmt: skip
    out, _ = await asyncio.wait_for(child.communicate(), 100)
    return Ran(out.decode())


async def store(running: Running, folder: Path) -> None:
    """A response under the name that the tests ask for."""
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key="My API Key") as client:
        made = await client.responses.create(model="sim", input="Hello")
        await client.responses.retrieve(made.id)
    with closing(sqlite3.connect(folder / "conversations.db")) as database, database:
        for _ in range(100):
            if database.execute("UPDATE responses SET id = ? WHERE id = ?", (STORED, made.id)).rowcount:
                return
            await asyncio.sleep(0.02)
    raise AssertionError("the response was not kept")


@pytest.mark.skipif(not SDKS.is_dir(), reason="the SDKs' own tests are not here: `make test` fetches them")
@pytest.mark.parametrize("sdk", FILES)
async def test_the_sdks_own_tests(tmp_path: Path, sdk: str) -> None:
    async with serving(tmp_path / "s") as running:
        await store(running, tmp_path / "s")
        ran = await run(sdk, running.port)
    refused = {test for test in ran.failed if any(re.search(known, test) for known in REFUSED[sdk])}
    assert ran.failed - refused == set(), ran.told
    assert ran.passed >= LEAST[sdk]
    for known in REFUSED[sdk]:
        assert any(re.search(known, test) for test in refused), f"{known} is refused no longer"


# ---- the same answers, asked for as they can be answered


FUNCTION = {"name": "name", "parameters": {"type": "object", "properties": {}}, "strict": False, "description": "d"}
ALL_CHAT = {
    "messages": [{"role": "developer", "content": "string", "name": "name"}, {"role": "user", "content": "Hello"}],
    "max_completion_tokens": 5000, "metadata": {"foo": "string"}, "n": 1, "parallel_tool_calls": True,
    "prompt_cache_key": "key", "reasoning_effort": "low", "response_format": {"type": "text"}, "safety_identifier": "s",
    "service_tier": "auto", "stop": "\n\n", "store": True, "temperature": 1, "tool_choice": "auto",
    "tools": [{"type": "function", "function": FUNCTION}], "top_p": 1, "user": "u", "verbosity": "low",
}  # fmt: skip
ALL_RESPONSES = {
    "background": False, "include": ["reasoning.encrypted_content"], "input": "string", "instructions": "instructions",
    "max_output_tokens": 5000, "metadata": {"foo": "string"}, "parallel_tool_calls": True, "prompt_cache_key": "key",
    "reasoning": {"effort": "low", "summary": "auto"}, "safety_identifier": "s", "service_tier": "auto", "store": True,
    "temperature": 1, "text": {"format": {"type": "text"}, "verbosity": "low"}, "tool_choice": "auto",
    "tools": [{"type": "function", **FUNCTION}], "top_logprobs": 0, "top_p": 1, "truncation": "disabled", "user": "u",
}  # fmt: skip
BARE_RESPONSES = {"input": "string"}
BARE_CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("via", VIAS)
async def test_every_answer_of_the_openai_apis_is_what_its_types_say(tmp_path: Path, via: str) -> None:
    async with (
        chained(tmp_path) as chain,
        openai.AsyncOpenAI(
            base_url=f"{chain.url}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True
        ) as client,
    ):
        for asked in (BARE_CHAT, ALL_CHAT):
            assert (await client.chat.completions.create(model=via, **asked)).choices
            chunks = [one async for one in await client.chat.completions.create(model=via, stream=True, **asked)]
            assert chunks[-1].object == "chat.completion.chunk"
        for asked in (BARE_RESPONSES, ALL_RESPONSES):
            told = await client.responses.create(model=via, **asked)
            assert (await client.responses.retrieve(told.id)).output == told.output
            again = await client.responses.create(model=via, input="And?", previous_response_id=told.id)
            assert again.previous_response_id == told.id
            events = [one async for one in await client.responses.create(model=via, stream=True, **asked)]
            assert events[-1].type == "response.completed"
            assert events[-1].response.output
        counted = await client.responses.input_tokens.count(model=via, input="Hello", previous_response_id=told.id)
        alone = await client.responses.input_tokens.count(model=via, input="Hello")
        assert counted.input_tokens > alone.input_tokens > 0
