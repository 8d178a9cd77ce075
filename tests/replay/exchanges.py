"""Recorded exchanges with real providers, told apart by what was asked of which API; they lie beside the checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.dialects.recordings import BESIDE

FOLDER = BESIDE / "fixtures"
PATHS: tuple[tuple[str, str, str], ...] = (
    (r"/chat/completions$", "openai_chat", "generate"),
    (r"/completions$", "completions", "generate"),
    (r"/responses(/resp_\w+)?$", "openai_responses", "generate"),
    (r"/responses/input_tokens$", "openai_responses", "count"),
    (r"/messages$", "anthropic_messages", "generate"),
    (r"/messages/count_tokens$", "anthropic_messages", "count"),
    (r":(stream)?[gG]enerateContent$", "gemini", "generate"),
    (r":countTokens$", "gemini", "count"),
    (r"/embeddings$", "embeddings", "embed"),
)
UNSPOKEN = {
    r"^bedrock/": "Bedrock's own API",
    r"^cohere/": "Cohere's own API",
    r"^ollama/.*/api/chat$": "Ollama's own API; its OpenAI-compatible one is asked instead",
    r"^cerebras/.*/models$": "a list of models, which is never asked of a provider",
}
"""Exchanges that no wire has, and why."""
KINDS = {"openai_responses": "openai_responses", "anthropic_messages": "anthropic", "gemini": "gemini"}
OWN_KINDS = frozenset({"cerebras", "deepseek", "groq", "mistral", "ollama", "openrouter", "together"})
"""Providers with a row of their own."""


@dataclass(frozen=True)
class Recorded:
    name: str
    dialect: str
    operation: str
    kind: str
    """The provider's kind in a configuration."""
    status: int
    headers: dict[str, str]
    json: Any
    sse: bytes
    request: Any

    @property
    def streams(self) -> bool:
        return bool(self.sse)

    @property
    def body(self) -> bytes:
        return self.sse or json.dumps(self.json, ensure_ascii=False).encode()


def _kind(provider: str, dialect: str) -> str:
    if dialect in KINDS:
        return KINDS[dialect]
    return provider if provider in OWN_KINDS else "openai"


def _read() -> Iterator[Recorded]:
    for file in sorted(FOLDER.glob("*/*.json")):
        found = json.loads(file.read_text())
        if not isinstance(found, dict):
            continue
        name = f"{file.parent.name}/{file.stem}"
        url = found["request"]["url"].split("?")[0].split("#")[0]
        if any(re.search(pattern, f"{name}{url}") for pattern in UNSPOKEN):
            continue
        dialect, operation = next((d, o) for pattern, d, o in PATHS if re.search(pattern, url))
        answer = found["response"]
        yield Recorded(
            name,
            dialect,
            operation,
            _kind(file.parent.name, dialect),
            answer["status"],
            {key.lower(): str(value) for key, value in answer["headers"].items()},
            answer.get("json"),
            answer.get("sse", "").encode(),
            found["request"].get("body"),
        )


def _quoted() -> Iterator[Recorded]:
    """Errors that were quoted elsewhere, with the status they came with."""
    file = FOLDER / "errors" / "quoted.json"
    for number, found in enumerate(json.loads(file.read_text()) if file.exists() else ()):
        # What came with status 200 is in a recording of its own, and Bedrock's API is not spoken.
        if found["status"] == 200 or "body" not in found or found["provider"].startswith("bedrock"):
            continue
        provider = re.split(r"\W", found["provider"])[0]
        dialect = {"anthropic": "anthropic_messages", "gemini": "gemini"}.get(provider, "openai_chat")
        yield Recorded(
            f"errors/{number}-{provider}", dialect, "generate", _kind(provider, dialect), found["status"],
            {}, found["body"], b"", None,
        )  # fmt: skip


RECORDED = {one.name: one for one in (*_read(), *_quoted())}


def _captured() -> Iterator[tuple[str, bytes]]:
    for file in sorted((BESIDE / "captures").glob("*/*.json")):
        found = json.loads(file.read_text())
        if isinstance(found, dict) and isinstance(found.get("body"), dict):
            path = str(found.get("path")).split("?")[0]
            dialect = next((d for pattern, d, o in PATHS if o == "generate" and re.search(pattern, path)), "")
            if dialect:
                yield dialect, json.dumps(found["body"]).encode()


CAPTURED = list(_captured())
"""(dialect, body) of what real clients asked."""
