"""The SDKs' majors before: who has not upgraded notices nothing either. `make test` installs them beside. # M1.5"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.clients.chain import KEY, VIAS, chained

OLDER = Path(sys.prefix) / "older"
SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import anthropic, openai
from google import genai
url, key, *vias = sys.argv[1:]
place = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
asked = [{"role": "user", "content": "Hello"}]

def tried(via):
    told = {}
    client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    told["openai"] = openai.__version__.split(".")[0]
    whole = client.chat.completions.create(model=via, messages=asked)
    parts = client.chat.completions.create(model=via, messages=asked, stream=True)
    told["chat"] = bool(whole.choices[0].message.content) and bool("".join(p.choices[0].delta.content or "" for p in parts))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": place}}]
    called = client.chat.completions.create(model=via, messages=asked, tools=tools, tool_choice="required")
    told["chat tools"] = called.choices[0].message.tool_calls[0].function.name
    told["responses"] = bool(client.responses.create(model=via, input="Hello").output_text)
    with client.responses.stream(model=via, input="Hello") as stream:
        told["responses stream"] = bool(stream.get_final_response().output_text)

    client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    told["anthropic"] = anthropic.__version__.split(".")[0]
    told["messages"] = bool(client.messages.create(model=via, max_tokens=200, messages=asked).content[0].text)
    with client.messages.stream(model=via, max_tokens=200, messages=asked) as stream:
        told["messages stream"] = bool("".join(stream.text_stream))
    tools = [{"name": "weather", "input_schema": place}]
    called = client.messages.create(model=via, max_tokens=200, messages=asked, tools=tools, tool_choice={"type": "any"})
    told["messages tools"] = next(block.name for block in called.content if block.type == "tool_use")

    client = genai.Client(api_key=key, http_options={"base_url": url})
    told["genai"] = genai.__version__.split(".")[0]
    told["generate"] = bool(client.models.generate_content(model=via, contents="Hello").text)
    told["generate stream"] = bool("".join(p.text or "" for p in client.models.generate_content_stream(model=via, contents="Hello")))
    return told

print(json.dumps({via: tried(via) for via in vias}))
"""
WORKS = {
    "openai": "2", "chat": True, "chat tools": "weather", "responses": True, "responses stream": True,
    "anthropic": "1", "messages": True, "messages stream": True, "messages tools": "weather",
    "genai": "2", "generate": True, "generate stream": True,
}  # fmt: skip


@pytest.mark.skipif(not OLDER.is_dir(), reason="the older SDKs are not installed here: `make test` does that")
async def test_the_major_before(tmp_path: Path) -> None:
    """Over every wire in one process: to import three SDKs takes longer than all that they ask."""
    async with chained(tmp_path) as chain:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, chain.url, KEY, *VIAS,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(OLDER)},
        )  # fmt: skip
        out, err = await asyncio.wait_for(child.communicate(), 100)
        assert child.returncode == 0, err.decode()[-3000:]
        assert json.loads(out) == dict.fromkeys(VIAS, WORKS)
