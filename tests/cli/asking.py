"""Asks a server that the command line started, as a client without an SDK."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def ask(address: str, model: str, text: str = "hello", **knobs: Any) -> tuple[str, dict[str, Any]]:
    """The id of the request and the answer; a refusal raises."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    if knobs:
        body["fairlead"] = knobs
    with _posted(f"{address}/v1/chat/completions", body) as answer:
        return str(answer.headers["x-fairlead-request-id"]), json.loads(answer.read())


def judge(address: str, request_id: str, score: float) -> None:
    """Says how good an answer was; a refusal raises."""
    with _posted(f"{address}/v1/feedback", {"request_id": request_id, "score": score}):
        return


def _posted(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=20)
