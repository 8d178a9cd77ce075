"""The official SDKs, opened on the front gateway of a chain and closed at the end of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anthropic
import openai
from google import genai
from google.genai import types

from tests.clients.chain import KEY, Chain, chained


@asynccontextmanager
async def google(folder: Path) -> AsyncIterator[tuple[Chain, genai.Client]]:
    async with chained(folder) as chain, AsyncExitStack() as stack:
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=chain.url))
        stack.callback(client.close)
        stack.push_async_callback(client.aio.aclose)
        yield chain, client


@asynccontextmanager
async def openai_and_anthropic(
    folder: Path,
) -> AsyncIterator[tuple[Chain, openai.AsyncOpenAI, anthropic.AsyncAnthropic]]:
    async with (
        chained(folder) as chain,
        openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client,
        anthropic.AsyncAnthropic(base_url=chain.url, api_key=KEY) as claude,
    ):
        yield chain, client, claude
