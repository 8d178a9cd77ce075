"""How long a request is that names its model, where its size does not tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairlead.classify.tokens import PER_IMAGE
from tests.server.serving import serving
from tests.server.wire import ask

ALONE = {"x-fairlead-policy": "balanced"}
"""Nobody answers in the place of the model that is named."""
AT = "https://a.example/p.png"
CHAT = {"type": "image_url", "image_url": {"url": AT}}
ITEM = {"type": "input_image", "image_url": AT}
BLOCK = {"type": "image", "source": {"type": "url", "url": AT}}
PART = {"fileData": {"mimeType": "image/png", "fileUri": AT}}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai_chat": ("/v1/chat/completions", {"max_tokens": 9, "messages": [{"role": "user", "content": [CHAT] * 3}]}),
    "openai_responses": (
        "/v1/responses",
        {"max_output_tokens": 16, "store": False, "input": [{"role": "user", "content": [ITEM] * 3}]},
    ),
    "anthropic_messages": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": [BLOCK] * 3}]}),
    "gemini": (
        "/v1beta/models/seeing:generateContent",
        {"generationConfig": {"maxOutputTokens": 9}, "contents": [{"role": "user", "parts": [PART] * 3}]},
    ),
}
SEEING = (
    "  seeing: {channels: [{provider: one}], price: {input: 1, output: 2}, context: 128000, capabilities: [vision]}\n"
)


@pytest.mark.parametrize("dialect", PICTURES)
async def test_pictures_that_are_elsewhere_are_held_as_their_addresses(tmp_path: Path, dialect: str) -> None:  # M6.3
    path, asked = PICTURES[dialect]
    more = f"keys: [{{name: test, key: fl_test, budget: {{amount: {3 * PER_IMAGE / 1_000_000}}}}}]\n"
    async with serving(tmp_path / "s", more=more, extra_model=SEEING, provider=f", dialects: [{dialect}]") as server:
        told = await ask(server.port, "POST", path, json.dumps({"model": "seeing", **asked}).encode(), ALONE)
        assert (told.status, server.upstream.calls) == (402, []), told.body
        assert b"budget_spent" in told.body or b"does not bear this" in told.body
