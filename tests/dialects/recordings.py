"""Recorded answers of real providers, where they lie beside the checkout; tests that want them skip where not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).resolve().parents[3] / "shared"
PROVIDERS = (
    "openai-chat",
    "azure-openai",
    "cerebras",
    "deepseek",
    "groq",
    "huggingface",
    "mistral",
    "ollama",
    "openrouter",
    "other-openai-compat",
    "together",
    "zai",
)


def _read(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for provider in PROVIDERS:
        for file in sorted((BESIDE / "fixtures" / provider).glob("*.json")):
            recorded = json.loads(file.read_text())
            if recorded["request"]["url"].split("?")[0].endswith("/chat/completions") and kind in recorded["response"]:
                yield f"{provider}/{file.stem}", recorded


STREAMS = {
    name: recorded["response"]["sse"].encode()
    for name, recorded in _read("sse")
    if recorded["response"]["status"] == 200
}
ANSWERS = {
    name: recorded["response"]["json"] for name, recorded in _read("json") if recorded["response"]["status"] == 200
}


def captured_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """The bodies that real clients sent to Chat Completions."""
    for file in sorted((BESIDE / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if isinstance(captured, dict) and str(captured.get("path", "")).split("?")[0].endswith("/chat/completions"):
            if isinstance(captured.get("body"), dict) and captured["body"].get("messages"):
                yield f"{file.parent.name}/{file.stem}", captured["body"]
