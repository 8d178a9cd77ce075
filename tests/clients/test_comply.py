"""The conformance checker `llm-comply` on each of the four APIs, whichever dialect the model's provider speaks. # M1.5

One finding is left standing: its Anthropic schema wants `citations: null` on texts, which the real API leaves out and the
Vercel AI SDK cannot read.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.clients.chain import KEY, VIAS, chained

pytest.importorskip("llm_comply")

APIS = {"open-responses": "/v1", "openai-chat": "/v1", "anthropic": "/v1", "google-genai": ""}
CHECKS = {"open-responses": 12, "openai-chat": 8, "anthropic": 8, "google-genai": 9}
"""How many of its checks say something here; the others need a model that thinks aloud."""


def is_standing(api: str, error: str) -> bool:
    """Whether the error is that a text block lacks citations."""
    return (
        api == "anthropic"
        and error.startswith("content.")
        and "{'type': 'text', 'text': " in error
        and "citations" not in error
    )


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("via", VIAS)
async def test_the_checker_finds_nothing(tmp_path: Path, via: str, api: str) -> None:
    async with chained(tmp_path) as chain:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "llm_comply.cli", "run", "--base-url", chain.url + APIS[api], "--api-key", KEY, "--model", via,
            "--format", api, "--json", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(child.communicate(), 50)
        told = json.loads(out)
        assert told["results"], err.decode()
        found = {
            result["name"]: errors
            for result in told["results"]
            if result["status"] != "skipped"
            and (errors := [error for error in result.get("errors") or () if not is_standing(api, error)])
        }
        assert found == {}
        assert sum(result["status"] != "skipped" for result in told["results"]) >= CHECKS[api]
