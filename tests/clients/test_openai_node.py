"""OpenAI's Node SDK, where Node and the package are there."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.server.serving import serving

SCRIPT = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "fl_test" });
const messages = [{ role: "user", content: "Hello" }];
const told = await client.chat.completions.create({ model: "auto", messages });
let text = "";
for await (const part of await client.chat.completions.create({ model: "auto", messages, stream: true }))
  text += part.choices[0]?.delta?.content ?? "";
let code = "";
try { await client.chat.completions.create({ model: "nothing", messages }); }
catch (error) { code = error.code; }
console.log(JSON.stringify([told.choices[0].message.content, text, code]));
"""


HERE = Path(__file__).parent
"""`.ci/run` installs the package beside this file; a user's own, further up, is found too."""


async def node(*arguments: str) -> tuple[int, bytes]:
    program = shutil.which("node")
    assert program is not None
    child = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=HERE
    )
    told, _ = await child.communicate()
    return child.returncode or 0, told


@pytest.mark.node
async def test_the_node_sdk(tmp_path: Path) -> None:
    script = HERE / f"{tmp_path.name}.mjs"
    if (await node("--input-type=commonjs", "-e", 'require("openai")'))[0] != 0:
        pytest.skip("the npm package openai is not installed here")
    script.write_text(SCRIPT)
    try:
        async with serving(tmp_path / "s") as server:
            status, told = await node(str(script), f"http://127.0.0.1:{server.port}/v1")
    finally:
        script.unlink()
    assert (status, json.loads(told)) == (0, ["Bonjour.", "Bonjour.", "model_not_found"])
