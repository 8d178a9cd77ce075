"""The official SDKs against every wire there is: what they create, stream, call and see is the same. # M1.5 M1.7"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import anthropic
import openai
import pydantic
import pytest
from google.genai import errors as google_errors
from google.genai import types

from tests.clients.chain import KEY, VIAS, Chain, chained
from tests.clients.sdks import google

each_via = pytest.mark.parametrize("via", VIAS)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


async def settled(chain: Chain, count: int) -> None:
    """Every request of this test is on the books of both gateways, and nothing is left open."""
    for running in (chain.front, chain.back):
        totals = await running.runtime.ledger.totals()
        assert totals.requests >= count
        assert not running.runtime.deadlines


# ---- OpenAI: chat


@each_via
async def test_openai_chat(tmp_path: Path, via: str) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        told = await client.chat.completions.create(model=via, messages=asked)
        assert told.choices[0].message.content
        assert told.choices[0].finish_reason == "stop"
        assert told.usage is not None
        assert told.usage.prompt_tokens > 0
        assert told.usage.completion_tokens > 0

        text, usage = "", None
        async for part in await client.chat.completions.create(
            model=via, messages=asked, stream=True, stream_options={"include_usage": True}
        ):
            text += part.choices[0].delta.content or "" if part.choices else ""
            usage = part.usage or usage
        assert text.startswith("This is a simulated answer")
        assert usage is not None
        assert usage.completion_tokens > 0

        seen = [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        ]
        assert (await client.chat.completions.create(model=via, messages=[{"role": "user", "content": seen}])).choices

        form = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA, "strict": True}}
        shaped = await client.chat.completions.create(model=via, messages=asked, response_format=form)
        assert set(json.loads(shaped.choices[0].message.content or "")) == {"city", "days"}
        await settled(chain, 4)


@each_via
@pytest.mark.parametrize("streamed", [False, True])
async def test_openai_chat_calls_tools(tmp_path: Path, via: str, streamed: bool) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        tools = [
            {"type": "function", "function": {"name": name, "description": name, "parameters": PLACE}}
            for name in ("weather", "population")
        ]
        asked: list[object] = [{"role": "user", "content": "Weather in Paris?"}]
        call: dict[str, object]
        if streamed:
            name = ident = arguments = ""
            async for part in await client.chat.completions.create(
                model=via, messages=asked, tools=tools, tool_choice="required", stream=True
            ):
                for one in part.choices[0].delta.tool_calls or [] if part.choices else []:
                    assert one.function is not None
                    ident, name = ident or one.id or "", name or one.function.name or ""
                    arguments += one.function.arguments or ""
        else:
            told = await client.chat.completions.create(model=via, messages=asked, tools=tools, tool_choice="required")
            assert told.choices[0].finish_reason == "tool_calls"
            made = (told.choices[0].message.tool_calls or [])[0]
            ident, name, arguments = made.id, made.function.name, made.function.arguments
        assert ident
        assert name in ("weather", "population")
        assert "city" in json.loads(arguments)
        call = {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}
        asked += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": ident, "content": "Sunny"},
        ]
        after = await client.chat.completions.create(model=via, messages=asked, tools=tools)
        assert after.choices[0].message.content


@each_via
async def test_errors_come_in_openais_shape(tmp_path: Path, via: str) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="nothing", messages=[{"role": "user", "content": "x"}])
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.chat.completions.create(model=via, messages=[])
        assert wrong.value.param == "messages"
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="fl_wrong").responses.create(model=via, input="x")


@each_via
async def test_a_client_that_leaves_a_stream_ends_it_at_both_gateways(tmp_path: Path, via: str) -> None:
    async with (
        chained(tmp_path, speed=1) as chain,
        openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client,
    ):
        stream = await client.chat.completions.create(
            model=via, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        async for _ in stream:
            break
        await stream.close()
        async with asyncio.timeout(2):
            while chain.front.runtime.deadlines or chain.back.runtime.deadlines:
                await asyncio.sleep(0.01)


# ---- OpenAI: responses


@each_via
async def test_openai_responses(tmp_path: Path, via: str) -> None:
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        told = await client.responses.create(model=via, instructions="Be brief.", input="Hello")
        assert told.status == "completed"
        assert told.output_text.startswith("This is a simulated answer")
        assert told.usage is not None
        assert told.usage.output_tokens > 0

        text, last, numbers = "", None, []
        async for event in await client.responses.create(model=via, input="Hello", stream=True):
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type == "response.completed":
                last = event.response
        assert last is not None
        assert last.output_text == text
        assert numbers == list(range(len(numbers)))

        tool = {"type": "function", "name": "weather", "description": "x", "parameters": PLACE, "strict": False}
        called = await client.responses.create(model=via, input="Weather?", tools=[tool], tool_choice="required")
        call = next(item for item in called.output if item.type == "function_call")
        assert "city" in json.loads(call.arguments)
        after = await client.responses.create(
            model=via,
            previous_response_id=called.id,
            tools=[tool],
            input=[{"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"}],
        )
        assert after.output_text

        class Trip(pydantic.BaseModel):
            city: str
            days: int

        shaped = await client.responses.parse(model=via, input="A trip", text_format=Trip)
        assert shaped.output_parsed is not None
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model=via, input="x", previous_response_id="resp_nothing")
        await settled(chain, 5)


# ---- Anthropic


@each_via
async def test_anthropic_messages(tmp_path: Path, via: str) -> None:
    async with chained(tmp_path) as chain, anthropic.AsyncAnthropic(base_url=chain.url, api_key=KEY) as client:
        asked = [{"role": "user", "content": "Hello"}]
        told = await client.messages.create(model=via, max_tokens=500, system="Be brief.", messages=asked)
        assert told.content[0].type == "text"
        assert told.stop_reason == "end_turn"
        assert told.usage.input_tokens > 0
        assert told.usage.output_tokens > 0

        async with client.messages.stream(model=via, max_tokens=500, messages=asked) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            whole = await stream.get_final_message()
        assert text.startswith("This is a simulated answer")
        assert whole.usage.output_tokens > 0

        seen = [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            {"type": "text", "text": "What is it?"},
        ]
        assert (
            await client.messages.create(model=via, max_tokens=50, messages=[{"role": "user", "content": seen}])
        ).content
        counted = await client.messages.count_tokens(model=via, messages=asked)
        assert counted.input_tokens > 0
        listed = [one.id async for one in client.models.list(limit=1000)]
        assert via in listed

        tools = [{"name": "weather", "description": "x", "input_schema": PLACE}]
        called = await client.messages.create(
            model=via, max_tokens=500, messages=asked, tools=tools, tool_choice={"type": "any"}
        )
        assert called.stop_reason == "tool_use"
        use = next(block for block in called.content if block.type == "tool_use")
        async with client.messages.stream(
            model=via, max_tokens=500, messages=asked, tools=tools, tool_choice={"type": "any"}
        ) as stream:
            streamed = await stream.get_final_message()
        assert [block.name for block in streamed.content if block.type == "tool_use"] == ["weather"]
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "Sunny"}
        after = await client.messages.create(
            model=via,
            max_tokens=500,
            tools=tools,
            messages=[*asked, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}],
        )
        assert after.content
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.create(model="nothing", max_tokens=5, messages=asked)
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.create(model=via, max_tokens=5, messages=[])


# ---- Google


@each_via
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own, of its HTTP client
async def test_google_genai(tmp_path: Path, via: str) -> None:
    async with google(tmp_path) as (_, client):
        models = client.aio.models
        told = await models.generate_content(
            model=via, contents="Hello", config=types.GenerateContentConfig(system_instruction="Be brief.")
        )
        assert told.text
        assert told.usage_metadata is not None
        assert told.usage_metadata.candidates_token_count

        text = ""
        async for part in await models.generate_content_stream(model=via, contents="Hello"):
            text += part.text or ""
        assert text.startswith("This is a simulated answer")

        seen = [types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png"), "What is it?"]
        assert (await models.generate_content(model=via, contents=seen)).text

        declared = types.FunctionDeclaration(name="weather", description="x", parameters_json_schema=PLACE)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[declared])],
            tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        called = await models.generate_content(model=via, contents="Weather?", config=config)
        assert called.function_calls is not None
        assert "city" in (called.function_calls[0].args or {})
        assert called.candidates is not None
        assert called.candidates[0].content is not None
        answered = types.Part.from_function_response(name="weather", response={"result": "Sunny"})
        after = await models.generate_content(
            model=via,
            contents=[
                types.Content(role="user", parts=[types.Part(text="Weather?")]),
                called.candidates[0].content,
                types.Content(role="user", parts=[answered]),
            ],
        )
        assert after.text

        shaped = await models.generate_content(
            model=via,
            contents="A trip",
            config=types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA),
        )
        assert set(json.loads(shaped.text or "")) == {"city", "days"}
        assert ((await models.count_tokens(model=via, contents="Hello")).total_tokens or 0) > 0
        with pytest.raises(google_errors.ClientError) as missing:
            await models.generate_content(model="nothing", contents="x")
        assert missing.value.code == 404


@each_via
async def test_a_tool_keeps_its_name_whatever_the_providers_alphabet(tmp_path: Path, via: str) -> None:
    name = "2nd.weather"
    tool = {"type": "function", "function": {"name": name, "parameters": PLACE}}
    async with chained(tmp_path) as chain, openai.AsyncOpenAI(base_url=f"{chain.url}/v1", api_key=KEY) as client:
        asked = {
            "model": via,
            "messages": [{"role": "user", "content": "Weather?"}],
            "tools": [tool],
            "tool_choice": "required",
        }
        told = await client.chat.completions.create(**asked)
        assert told.choices[0].message.tool_calls[0].function.name == name
        names = [
            call.function.name
            async for chunk in await client.chat.completions.create(stream=True, **asked)
            for choice in chunk.choices
            for call in choice.delta.tool_calls or ()
            if call.function.name
        ]
        assert names == [name]
