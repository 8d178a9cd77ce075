"""Thoughts, refusals, cuts and calls through two gateways: what the simulated model does comes in the client's own
dialect over every wire, and what a thought was signed with comes back to the model that thought it. # M1.5"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google.genai import types

from fairlead.providers.simulated import Fault
from tests.clients.chain import KEY, VIAS, Chain, chained
from tests.clients.sdks import google, openai_and_anthropic

SIGNING = ("via-router", "via-responses", "via-anthropic", "via-gemini")
"""Plain Chat Completions takes no thoughts back; of its kind OpenRouter does."""
each_signing = pytest.mark.parametrize("via", SIGNING)
each_via = pytest.mark.parametrize("via", VIAS)
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
EMPTY: dict[str, Any] = {"type": "object", "properties": {}}
THOUGHT = "Let me think about what is asked."


def asked_of(chain: Chain) -> dict[str, Any]:
    """The last request that reached the simulated model."""
    found: dict[str, Any] = json.loads(chain.simulated.log.entries[-1].body)
    return found


def returned(chain: Chain) -> list[tuple[str, str]]:
    """(text, signature) of the thoughts that came back to the simulated model."""
    return [
        (detail.get("text", ""), detail.get("signature", ""))
        for message in asked_of(chain)["messages"]
        for detail in message.get("reasoning_details") or ()
    ]


def check_returned(chain: Chain, text: str, passed: bool) -> None:
    """`passed`: what the back gateway packed passes the front one untouched, which then takes it for its own pack of
    another maker's thought and keeps it from a provider that would refuse it."""
    if passed:
        assert returned(chain) == []
        return
    [(came, signature)] = returned(chain)
    assert came == text
    assert signature.startswith("sim+"), "the signature is not the one that the model gave"


# ---- Chat Completions


@each_signing
@each_way
async def test_openai_chat_gets_thoughts_and_gives_them_back(tmp_path: Path, via: str, streamed: bool) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        create = client.chat.completions.create
        shown = {"reasoning": {"effort": "low", "exclude": False}}
        text, thought, details = "", "", []
        if streamed:
            async for part in await create(
                model=via, messages=asked, extra_body=shown, stream=True, stream_options={"include_usage": True}
            ):
                if part.choices:
                    extra = part.choices[0].delta.model_extra or {}
                    thought += extra.get("reasoning_content") or ""
                    details += extra.get("reasoning_details") or []
                    text += part.choices[0].delta.content or ""
                usage = part.usage
        else:
            told = await create(model=via, messages=asked, extra_body=shown)
            message, usage = told.choices[0].message, told.usage
            text, thought = message.content or "", (message.model_extra or {})["reasoning_content"]
            details = (message.model_extra or {})["reasoning_details"]
        assert thought.startswith(THOUGHT)
        assert text.startswith("This is a simulated answer")
        assert usage is not None
        assert usage.completion_tokens_details is not None
        assert usage.completion_tokens_details.reasoning_tokens == 64
        asked += [
            {"role": "assistant", "content": text, "reasoning_details": details},
            {"role": "user", "content": "Go on"},
        ]
        await create(model=via, messages=asked, extra_body=shown)
        assert "".join(text for text, _ in returned(chain)) in (thought, thought * 2)
        assert returned(chain)[-1][1].startswith("sim+")


async def test_plain_chat_takes_no_thoughts_back_and_says_so(tmp_path: Path) -> None:
    async with chained(tmp_path) as chain, anthropic.AsyncAnthropic(base_url=chain.url, api_key=KEY) as client:
        thinking: Any = {"type": "enabled", "budget_tokens": 2048}
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        told = await client.messages.create(model="via-chat", max_tokens=4000, thinking=thinking, messages=asked)
        assert [block.type for block in told.content] == ["thinking", "text"]
        asked += [{"role": "assistant", "content": told.content}, {"role": "user", "content": "Go on"}]
        raw = await client.messages.with_raw_response.create(
            model="via-chat", max_tokens=4000, thinking=thinking, messages=asked
        )
        assert "dropped:thinking" in raw.headers["x-fairlead-lossy"]
        assert returned(chain) == []


# ---- Responses


@each_signing
@each_way
async def test_openai_responses_gets_thoughts_and_gives_them_back(tmp_path: Path, via: str, streamed: bool) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        wish: dict[str, Any] = {
            "model": via,
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "store": False,
        }
        if streamed:
            summary, told = "", None
            async for event in await client.responses.create(input=asked, stream=True, **wish):
                if event.type == "response.reasoning_summary_text.delta":
                    summary += event.delta
                elif event.type == "response.completed":
                    told = event.response
            assert summary.startswith(THOUGHT)
        else:
            told = await client.responses.create(input=asked, **wish)
        assert told is not None
        assert [item.type for item in told.output] == ["reasoning", "message"]
        thought = told.output[0]
        assert thought.type == "reasoning"
        assert thought.summary[0].text.startswith(THOUGHT)
        assert told.usage is not None
        assert told.usage.output_tokens_details.reasoning_tokens == 64
        asked += [item.model_dump(exclude_none=True) for item in told.output]
        await client.responses.create(input=[*asked, {"role": "user", "content": "Go on"}], **wish)
        check_returned(chain, thought.summary[0].text, via == "via-responses")


# ---- Anthropic


@each_signing
@each_way
async def test_anthropic_gets_thoughts_and_gives_them_back(tmp_path: Path, via: str, streamed: bool) -> None:
    async with chained(tmp_path) as chain, anthropic.AsyncAnthropic(base_url=chain.url, api_key=KEY) as client:
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        thinking: Any = {"type": "enabled", "budget_tokens": 4096}
        wish: dict[str, Any] = {"model": via, "max_tokens": 8000, "thinking": thinking}
        if streamed:
            async with client.messages.stream(messages=asked, **wish) as stream:
                kinds = {event.type async for event in stream}
                told = await stream.get_final_message()
            assert {"thinking", "signature"} <= kinds
        else:
            told = await client.messages.create(messages=asked, **wish)
        assert [block.type for block in told.content] == ["thinking", "text"]
        thought = told.content[0]
        assert thought.type == "thinking"
        assert thought.thinking.startswith(THOUGHT)
        assert told.usage.output_tokens > 64
        asked += [{"role": "assistant", "content": told.content}, {"role": "user", "content": "Go on"}]
        await client.messages.create(messages=asked, **wish)
        check_returned(chain, thought.thinking, via == "via-anthropic")


# ---- Google


@each_signing
@each_way
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of its HTTP client
async def test_google_genai_gets_thoughts_and_gives_them_back(tmp_path: Path, via: str, streamed: bool) -> None:
    async with google(tmp_path) as (chain, client):
        config = types.GenerateContentConfig(
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="low")
        )
        hello = types.Content(role="user", parts=[types.Part(text="Hello")])
        parts: list[types.Part] = []
        usage = None
        if streamed:
            async for chunk in await client.aio.models.generate_content_stream(
                model=via, contents=[hello], config=config
            ):
                assert chunk.candidates is not None
                parts += (chunk.candidates[0].content and chunk.candidates[0].content.parts) or []
                usage = chunk.usage_metadata or usage
        else:
            told = await client.aio.models.generate_content(model=via, contents=[hello], config=config)
            assert told.candidates is not None
            assert told.candidates[0].content is not None
            parts, usage = told.candidates[0].content.parts or [], told.usage_metadata
        thought = "".join(part.text or "" for part in parts if part.thought)
        assert thought.startswith(THOUGHT)
        assert "".join(part.text or "" for part in parts if not part.thought).startswith("This is a simulated answer")
        assert usage is not None
        assert usage.thoughts_token_count == 64
        contents = [hello, types.Content(role="model", parts=parts), types.Content(role="user", parts=hello.parts)]
        await client.aio.models.generate_content(model=via, contents=contents, config=config)
        assert "".join(text for text, _ in returned(chain)) == thought
        assert returned(chain)[-1][1].startswith("sim+")


# ---- how answers end


@each_via
async def test_a_cut_answer_says_so_in_each_dialect(tmp_path: Path, via: str) -> None:  # TRAPS 19
    async with openai_and_anthropic(tmp_path) as (_, client, claude):
        asked: list[Any] = [{"role": "user", "content": "Hello [tokens:200]"}]
        chat = await client.chat.completions.create(model=via, messages=asked, max_tokens=20)
        assert chat.choices[0].finish_reason == "length"
        assert chat.usage is not None
        assert chat.usage.completion_tokens == 20
        response = await client.responses.create(model=via, input=asked, max_output_tokens=20)
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        async with claude.messages.stream(model=via, max_tokens=20, messages=asked) as stream:
            message = await stream.get_final_message()
        assert message.stop_reason == "max_tokens"
        assert message.usage.output_tokens == 20


@each_via
async def test_a_refusal_is_one_in_each_dialect(tmp_path: Path, via: str) -> None:  # TRAPS 28
    async with openai_and_anthropic(tmp_path) as (chain, client, claude):
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        chain.simulated.script.push(Fault("refusal", text="No, not that.", times=4))
        chat = await client.chat.completions.create(model=via, messages=asked)
        said = chat.choices[0].message.refusal or chat.choices[0].message.content
        assert said == "No, not that." or chat.choices[0].finish_reason == "content_filter"
        response = await client.responses.create(model=via, input=asked)
        assert "No, not that." in response.model_dump_json() or response.status == "incomplete"
        message = await claude.messages.create(model=via, max_tokens=500, messages=asked)
        assert message.stop_reason == "refusal"
        async with claude.messages.stream(model=via, max_tokens=500, messages=asked) as stream:
            assert (await stream.get_final_message()).stop_reason == "refusal"


@each_via
@each_way
async def test_parallel_calls_without_arguments_arrive_whole(tmp_path: Path, via: str, streamed: bool) -> None:
    # TRAPS 6 7
    async with openai_and_anthropic(tmp_path) as (_, client, claude):
        names = ["clock", "calendar", "clock"]
        asked: list[Any] = [{"role": "user", "content": "Use the tools [calls:3]"}]
        tools: list[Any] = [{"type": "function", "function": {"name": name, "parameters": EMPTY}} for name in names[:2]]
        calls: dict[int, list[str]] = {}
        if streamed:
            async for part in await client.chat.completions.create(model=via, messages=asked, tools=tools, stream=True):
                for one in (part.choices[0].delta.tool_calls or []) if part.choices else []:
                    call = calls.setdefault(one.index, ["", "", ""])
                    call[0] += one.id or ""
                    if one.function is not None:
                        call[1] += one.function.name or ""
                        call[2] += one.function.arguments or ""
        else:
            told = await client.chat.completions.create(model=via, messages=asked, tools=tools)
            for number, made in enumerate(told.choices[0].message.tool_calls or []):
                assert made.type == "function"
                calls[number] = [made.id, made.function.name, made.function.arguments]
        assert [call[1:] for call in calls.values()] == [[name, "{}"] for name in names]
        assert len({call[0] for call in calls.values()}) == 3
        own: list[Any] = [{"name": name, "input_schema": EMPTY} for name in names[:2]]
        wish: dict[str, Any] = {"model": via, "max_tokens": 500, "messages": asked, "tools": own}
        if streamed:
            async with claude.messages.stream(**wish) as stream:
                message = await stream.get_final_message()
        else:
            message = await claude.messages.create(**wish)
        uses = [block for block in message.content if block.type == "tool_use"]
        assert [(block.name, block.input) for block in uses] == [(name, {}) for name in names]
        assert message.stop_reason == "tool_use"
