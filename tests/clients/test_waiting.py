"""The official SDKs on a stream that is held back: pings mean nothing to them, and the answer is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.gateway.test_continuing import whole
from tests.gateway.test_held_streams import GOOD, LOOP, climbing
from tests.server.serving import Served
from tests.upstream import Play

TEXT = "".join(GOOD)
POLICY = {"x-fairlead-policy": "trio"}


@asynccontextmanager
async def waiting(tmp_path: Path, caller: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr("fairlead.gateway.checking.PING_SECONDS", 0.05)
    async with climbing(tmp_path / "s", caller, "openai_chat", ", hold_seconds: 0.1") as server:
        slow = whole("openai_chat", *GOOD)
        server.upstream.push("a", whole(caller, *LOOP))
        server.upstream.push("b", Play([0.5, *slow.steps], slow.usage))
        yield server


async def test_openais_sdk_takes_a_ping_for_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M4.4
    async with waiting(tmp_path, "openai_chat", monkeypatch) as server:
        base = f"http://127.0.0.1:{server.port}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="fl_test", default_headers=POLICY) as client:
            chunks = await client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "Count."}], stream=True
            )
            told = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
            assert "".join(told) == TEXT


async def test_openais_sdk_takes_a_ping_for_an_event_of_a_response(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.4
    async with waiting(tmp_path, "openai_responses", monkeypatch) as server:
        base = f"http://127.0.0.1:{server.port}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="fl_test", default_headers=POLICY) as client:
            async with client.responses.stream(model="auto", input="Count.") as stream:
                async for _ in stream:
                    pass
                assert (await stream.get_final_response()).output_text == TEXT


async def test_anthropics_sdk_takes_a_ping_for_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M4.4
    async with waiting(tmp_path, "anthropic_messages", monkeypatch) as server:
        base = f"http://127.0.0.1:{server.port}"
        async with anthropic.AsyncAnthropic(base_url=base, api_key="fl_test", default_headers=POLICY) as client:
            async with client.messages.stream(
                model="auto", max_tokens=200, messages=[{"role": "user", "content": "Count."}]
            ) as stream:
                assert "".join([text async for text in stream.text_stream]) == TEXT


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of its HTTP client
async def test_googles_sdk_takes_a_ping_for_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M4.4
    async with waiting(tmp_path, "gemini", monkeypatch) as server:
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{server.port}", headers=POLICY)
        client = genai.Client(api_key="fl_test", http_options=options)
        try:
            told = [
                chunk.text or ""
                async for chunk in await client.aio.models.generate_content_stream(model="auto", contents="Count.")
            ]
            assert "".join(told) == TEXT
        finally:
            await client.aio.aclose()
            client.close()
