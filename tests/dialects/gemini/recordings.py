"""What was recorded of Gemini, where it lies beside the checkout; tests that want it skip where not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fairlead.dialects.dialect import Asked
from fairlead.dialects.gemini import native
from tests.dialects.recordings import BESIDE

Recorded = dict[str, Any]


def _read() -> Iterator[tuple[str, Recorded]]:
    for provider in ("gemini", "vertex-gemini"):
        for file in sorted((BESIDE / "fixtures" / provider).glob("*.json")):
            yield f"{provider}/{file.stem}", json.loads(file.read_text())


def _captured() -> Iterator[tuple[str, Recorded]]:
    for file in sorted((BESIDE / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if isinstance(captured, dict) and "/models/gemini" in str(captured.get("path", "")):
            yield f"{file.parent.name}/{file.stem}", captured


def model_of(url: str) -> str:
    return url.partition("/models/")[2].partition(":")[0]


def _generates(recorded: Recorded) -> bool:
    return "enerateContent" in recorded["request"]["url"] and recorded["response"]["status"] == 200


RECORDED = dict(_read())
REQUESTS = {name: (one["request"]["url"], one["request"]["body"]) for name, one in RECORDED.items()} | {
    name: (one["path"], one["body"]) for name, one in _captured()
}
ANSWERS = {
    name: one["response"]["json"] for name, one in RECORDED.items() if _generates(one) and "json" in one["response"]
}
STREAMS = {
    name: one["response"]["sse"].encode()
    for name, one in RECORDED.items()
    if _generates(one) and "sse" in one["response"]
}


def asked(**generation: Any) -> Asked:
    body = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": generation}
    return Asked("req-1", "gemini-3.8-flash", native.read_request(json.dumps(body).encode(), "gemini-3.8-flash"), 7)
