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
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers["x-fairlead-request-id"]), json.loads(answer.read())
