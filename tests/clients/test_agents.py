"""Coding agents run without a screen through fairlead, with a tool call, over each wire. # M1.5

They are asked where they are installed: `.ci/run` tries to, beside this file.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from tests.clients.chain import KEY, VIAS, Chain, chained
from tests.clients.shell import listening

HERE = Path(__file__).parent
PATIENCE = 90
TASK = "Run echo in the shell."


def program(name: str) -> str:
    found = HERE / "node_modules" / ".bin" / name
    where = str(found) if found.exists() else shutil.which(name)
    if where is None:
        pytest.skip(f"{name} is not installed here")
    return where


@asynccontextmanager
async def chain_to_shell(folder: Path) -> AsyncIterator[Chain]:
    listener, port = await listening()
    try:
        async with chained(folder, upstream=port) as chain:
            yield chain
    finally:
        await listener.close(0)


async def run(folder: Path, command: list[str], **more: str) -> str:
    home = folder / "home"
    work = folder / "work"
    for made in (home, work):
        made.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **more}
    child = await asyncio.create_subprocess_exec(
        *command, cwd=work, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(child.communicate(), PATIENCE)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise
    return out.decode(errors="replace")


@pytest.mark.parametrize("via", VIAS)
async def test_claude_code(tmp_path: Path, via: str) -> None:
    claude = program("claude")
    async with chain_to_shell(tmp_path) as chain:
        told = await run(
            tmp_path, [claude, "-p", TASK, "--allowedTools", "Bash", "--output-format", "json", "--max-turns", "4"],
            ANTHROPIC_BASE_URL=chain.url, ANTHROPIC_AUTH_TOKEN=KEY, ANTHROPIC_MODEL=via, ANTHROPIC_SMALL_FAST_MODEL=via,
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        )  # fmt: skip
    result = orjson.loads(told.splitlines()[-1])
    assert not result["is_error"], told
    assert result["result"].startswith("DONE: tool-ran"), told


@pytest.mark.parametrize("via", VIAS)
async def test_codex(tmp_path: Path, via: str) -> None:
    codex = program("codex")
    async with chain_to_shell(tmp_path) as chain:
        provider = f'{{name="fairlead",base_url="{chain.url}/v1",env_key="FAIRLEAD_KEY",wire_api="responses"}}'
        told = await run(
            tmp_path, [codex, "exec", "--skip-git-repo-check", "-s", "danger-full-access", "-m", via,
            "-c", "model_provider=fairlead", "-c", f"model_providers.fairlead={provider}", TASK], FAIRLEAD_KEY=KEY,
        )  # fmt: skip
    assert "DONE: " in told, told
    assert "tool-ran" in told, told


@pytest.mark.parametrize("via", VIAS)
async def test_opencode(tmp_path: Path, via: str) -> None:
    opencode = program("opencode")
    async with chain_to_shell(tmp_path) as chain:
        options = {"baseURL": f"{chain.url}/v1", "apiKey": "{env:FAIRLEAD_KEY}"}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "fairlead",
            "options": options,
            "models": {via: {"name": via}},
        }
        config = tmp_path / "opencode.json"
        config.write_bytes(orjson.dumps({"provider": {"fairlead": provider}}))
        told = await run(
            tmp_path, [opencode, "run", "--model", f"fairlead/{via}", TASK], OPENCODE_CONFIG=str(config),
            OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1", FAIRLEAD_KEY=KEY,
        )  # fmt: skip
    assert "DONE: tool-ran" in told, told
