"""Recorded exchanges of Responses and requests of real clients, where they lie beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fairlead.dialects import sse
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_responses import DIALECT
from fairlead.dialects.openai_responses.native import ResponsesView, read_request
from tests.dialects.recordings import BESIDE


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _exchanges() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((BESIDE / "fixtures" / "openai-responses").glob("*.json")):
        yield file.stem, json.loads(file.read_text())


def _captures() -> Iterator[tuple[str, bytes]]:
    for file in sorted((BESIDE / "captures").glob("*/*.json")):
        captured = json.loads(file.read_text())
        if isinstance(captured, dict) and str(captured.get("path", "")).split("?")[0].endswith("/responses"):
            if isinstance(captured.get("body"), dict):
                yield f"{file.parent.name}/{file.stem}", compact(captured["body"])


EXCHANGES = dict(_exchanges())
STREAMS = {
    name: recorded["response"]["sse"].encode() for name, recorded in EXCHANGES.items() if "sse" in recorded["response"]
}
ANSWERS = {
    name: recorded["response"]["json"]
    for name, recorded in EXCHANGES.items()
    if recorded["response"].get("json", {}).get("output")
}
CAPTURES = dict(_captures())
REQUESTS = CAPTURES | {
    name: compact(recorded["request"]["body"])
    for name, recorded in EXCHANGES.items()
    if isinstance(recorded["request"]["body"], dict) and recorded["request"]["body"].get("model")
}
HI = b'{"model":"m","input":"hi"}'


def view(**fields: Any) -> ResponsesView:
    return read_request(compact({"model": "m", "input": "hi"} | fields))


def asked(given: ResponsesView | None = None) -> Asked:
    return Asked("r1", "m", given or DIALECT.read_request(HI, "", False), 7)


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + compact({"type": kind, **fields}) + b"\n\n"


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events as a client reads them: each one's name has to be its type, and their numbers have to rise by one."""
    found: list[dict[str, Any]] = []
    for one in sse.split(stream):
        if one.startswith(b": x-fairlead-lossy: "):
            continue
        data = json.loads(sse.data(one) or b"")
        assert sse.name(one).decode() == data["type"]
        assert data["sequence_number"] == len(found)
        found.append(data)
    return found


def said(output: list[dict[str, Any]]) -> tuple[str, list[tuple[str, str, str]]]:
    """(the text, the calls) of a response's output."""
    text = "".join(part.get("text", "") for item in output if item["type"] == "message" for part in item["content"])
    calls = [(item["call_id"], item["name"], item["arguments"]) for item in output if item["type"] == "function_call"]
    return text, calls
