"""OpenAI's own Python SDK with nothing changed but the base URL. # M1.1 M1.5"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.server.serving import Served, serving
from tests.upstream import CUT, Play, completion, event, events, plain, status, stream

ASKED = [{"role": "user", "content": "Hello"}]


@asynccontextmanager
async def sdk(
    state_dir: Path, key: str = "fl_test", retries: int = 2, **more: str
) -> AsyncIterator[tuple[Served, AsyncOpenAI]]:
    async with serving(state_dir, **more) as server:
        async with AsyncOpenAI(
            base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key, max_retries=retries
        ) as client:
            yield server, client


async def test_an_answer_and_its_headers(tmp_path: Path) -> None:
    async with sdk(tmp_path / "s") as (_, client):
        raw = await client.chat.completions.with_raw_response.create(model="auto", messages=ASKED)
        assert raw.headers["x-fairlead-model"] == "m-one"
        told = raw.parse()
        assert told.choices[0].message.content == "Bonjour."
        assert told.usage is not None
        assert told.usage.total_tokens == 18


async def test_the_synchronous_client(tmp_path: Path) -> None:
    import asyncio

    async with serving(tmp_path / "s") as server:

        def work() -> tuple[str | None, str]:
            with OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="fl_test") as client:
                told = client.chat.completions.create(model="m-two", messages=ASKED)
                parts = client.chat.completions.create(model="m-two", messages=ASKED, stream=True)
                return told.choices[0].message.content, "".join(part.choices[0].delta.content or "" for part in parts)

        assert await asyncio.to_thread(work) == ("Bonjour.", "Bonjour.")


@pytest.mark.parametrize("usage", [True, False])
async def test_a_stream(tmp_path: Path, usage: bool) -> None:
    async with sdk(tmp_path / "s") as (_, client):
        text, totals = "", []
        async for part in await client.chat.completions.create(
            model="auto", messages=ASKED, stream=True, stream_options={"include_usage": usage}
        ):
            totals += [part.usage.total_tokens] if part.usage else []
            text += "".join(choice.delta.content or "" for choice in part.choices)
        assert text == "Bonjour."
        assert totals == ([18] if usage else [])


async def test_the_streaming_helper_with_tools(tmp_path: Path) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"city": "Lyon"}'}}
    told = [
        event({"role": "assistant", "content": None, "tool_calls": [call]}),
        event({"tool_calls": [more]}),
        event({}, "tool_calls"),
    ]
    async with sdk(tmp_path / "s") as (server, client):
        server.upstream.push("one", stream([*told, *events(usage=None)[-1:]]))
        tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
        async with client.chat.completions.stream(model="auto", messages=ASKED, tools=[tool]) as parts:
            final = await parts.get_final_completion()
        calls = final.choices[0].message.tool_calls
        assert calls is not None
        assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("weather", {"city": "Lyon"})
        assert json.loads(server.upstream.calls[0].body)["tools"] == [tool]


class City(pydantic.BaseModel):
    name: str


async def test_structured_output(tmp_path: Path) -> None:
    async with sdk(tmp_path / "s") as (server, client):
        server.upstream.push("one", Play([plain(200, completion('{"name": "Lyon"}'))]))
        told = await client.chat.completions.parse(model="auto", messages=ASKED, response_format=City)
        assert told.choices[0].message.parsed == City(name="Lyon")
        assert json.loads(server.upstream.calls[0].body)["response_format"]["type"] == "json_schema"


async def test_the_models(tmp_path: Path) -> None:
    extra = '  "org/model-1": {channels: [{provider: one}]}\n'
    async with sdk(tmp_path / "s", extra_model=extra) as (_, client):
        names = [model.id async for model in client.models.list()]
        assert {"auto", "m-one", "org/model-1"} <= set(names)
        assert (await client.models.retrieve("org/model-1")).id == "org/model-1"


ERRORS = {
    "wrong key": (openai.AuthenticationError, "fl_wrong", {}, None),
    "unknown model": (openai.NotFoundError, "fl_test", {"model": "nothing"}, None),
    "bad field": (openai.BadRequestError, "fl_test", {"max_tokens": -1}, None),
    "not allowed": (
        openai.PermissionDeniedError,
        "fl_test",
        {"extra_headers": {"x-fairlead-sensitivity": "sensitive"}},
        None,
    ),
    "infeasible": (
        openai.UnprocessableEntityError,
        "fl_test",
        {"model": "auto:best", "extra_headers": {"x-fairlead-quality-floor": "1"}},
        None,
    ),
    "provider's 400": (openai.BadRequestError, "fl_test", {}, status(400)),
    "provider's 409": (openai.ConflictError, "fl_test", {}, status(409)),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_a_final_error_has_its_class_and_is_not_tried_again(tmp_path: Path, name: str) -> None:
    kind, key, fields, play = ERRORS[name]
    async with sdk(tmp_path / "s", key=key) as (server, client):
        if play is not None:
            server.upstream.push("one", play)
        with pytest.raises(kind) as caught:
            await client.chat.completions.create(**{"model": "auto", "messages": ASKED, **fields})
        assert isinstance(caught.value, openai.APIStatusError)
        assert caught.value.message
        assert caught.value.body is not None
        assert len(server.upstream.calls) == (play is not None)
        assert len(await server.records()) == (play is not None)


async def test_a_rate_limit_has_its_class(tmp_path: Path) -> None:
    more = "keys: [{name: test, key: fl_test, limits: {rpm: 1}}]"
    async with sdk(tmp_path / "s", retries=0, more=more) as (_, client):
        await client.chat.completions.create(model="auto", messages=ASKED)
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="auto", messages=ASKED)
        assert int(caught.value.response.headers["retry-after"]) >= 1


async def test_a_passing_failure_is_tried_again_by_the_client(tmp_path: Path) -> None:
    async with sdk(tmp_path / "s", retries=1) as (server, client):
        server.upstream.push("one", status(500))
        server.upstream.push("two", status(500))
        told = await client.chat.completions.create(model="auto", messages=ASKED)
        assert told.choices[0].message.content == "Bonjour."
        assert server.upstream.seats == ["one", "two", "one"]


@pytest.mark.parametrize("usage", [True, False])
async def test_a_stream_that_breaks_raises(tmp_path: Path, usage: bool) -> None:
    async with sdk(tmp_path / "s") as (server, client):
        server.upstream.push("one", stream([event({"content": "Bon"}), 0.02, CUT], end=False))
        parts = await client.chat.completions.create(
            model="auto", messages=ASKED, stream=True, stream_options={"include_usage": usage}
        )
        texts: list[str | None] = []

        async def read() -> None:
            async for part in parts:
                texts.append(part.choices[0].delta.content)

        with pytest.raises(openai.APIError, match="broke off"):
            await read()
        assert texts == ["Bon"]
