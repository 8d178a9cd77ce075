"""Recorded exchanges in Anthropic's dialect and requests of real clients, where they lie beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fairlead.dialects.anthropic_messages import DIALECT
from fairlead.dialects.dialect import Asked
from tests.dialects.recordings import BESIDE


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _exchanges() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((BESIDE / "fixtures" / "anthropic").glob("*.json")):
        yield file.stem, json.loads(file.read_text())


def _captures() -> Iterator[tuple[str, bytes]]:
    for file in sorted((BESIDE / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if isinstance(captured, dict) and "/v1/messages" in str(captured.get("path")):
            if isinstance(captured.get("body"), dict):
                yield f"{file.parent.name}/{file.stem}", compact(captured["body"])


EXCHANGES = dict(_exchanges())
STREAMS = {
    name: recorded["response"]["sse"].encode() for name, recorded in EXCHANGES.items() if "sse" in recorded["response"]
}
ANSWERS = {
    name: recorded["response"]["json"]
    for name, recorded in EXCHANGES.items()
    if recorded["response"]["status"] == 200 and "content" in recorded["response"].get("json", {})
}
REQUESTS = {name: compact(recorded["request"]["body"]) for name, recorded in EXCHANGES.items()} | dict(_captures())


def asked(model: str = "m") -> Asked:
    view = DIALECT.read_request(b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}', "", False)
    return Asked("req_1", model, view, 0)


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + compact({"type": kind, **fields}) + b"\n\n"


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events as a client reads them; each one's name has to be its type."""
    found = []
    for one in stream.decode().split("\n\n")[:-1]:
        if one.startswith(": x-fairlead-lossy: "):
            continue
        first, second = one.split("\n")
        data = json.loads(second.removeprefix("data: "))
        assert first == f"event: {data['type']}"
        found.append(data)
    return found
