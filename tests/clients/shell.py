"""A model that always runs `echo tool-ran` in the shell it is offered, then says what came of it."""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.server.app import refusal
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.listener import Listener

SHELLS = ("Bash", "exec_command", "shell", "shell_command", "bash")
"""What agents call the tool."""
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
BLANKS: dict[str, object] = {"string": "x", "integer": 1, "number": 1, "boolean": False, "array": []}


async def answer(exchange: Exchange) -> None:
    """Chat Completions, as a provider gives them."""
    asked = orjson.loads(exchange.body)
    message = said(asked)
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    frame = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": finish}
        body = {**frame, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        exchange.send(200, JSON, orjson.dumps(body))
        return
    exchange.start(200, b"Content-Type: text/event-stream\r\n")
    chunk = {**frame, "object": "chat.completion.chunk"}
    for delta in deltas(message):
        await write(exchange, {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    await write(exchange, {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    await write(exchange, {**chunk, "choices": [], "usage": USAGE})
    await exchange.write(b"data: [DONE]\n\n")
    exchange.end()


async def write(exchange: Exchange, chunk: dict[str, Any]) -> None:
    await exchange.write(b"data: " + orjson.dumps(chunk) + b"\n\n")


def said(asked: dict[str, Any]) -> dict[str, Any]:
    results = [message["content"] for message in asked["messages"] if message["role"] == "tool"]
    if results:
        return {"role": "assistant", "content": f"DONE: {results[-1]}"}
    offered = {tool["function"]["name"]: tool["function"] for tool in asked.get("tools") or ()}
    name = next((name for name in SHELLS if name in offered), None)
    if name is None:
        return {"role": "assistant", "content": "There is no shell."}
    function = {"name": name, "arguments": orjson.dumps(arguments(offered[name].get("parameters", {}))).decode()}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }


def arguments(schema: dict[str, Any]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, kind in schema.get("properties", {}).items():
        if name in ("command", "cmd"):
            made[name] = ["echo", "tool-ran"] if kind.get("type") == "array" else "echo tool-ran"
        elif name in schema.get("required", ()):
            made[name] = BLANKS.get(kind.get("type"), "x")
    return made


def deltas(message: dict[str, Any]) -> list[dict[str, Any]]:
    if not message.get("tool_calls"):
        return [{"role": "assistant", "content": ""}, {"content": message["content"]}]
    call = message["tool_calls"][0]
    text = call["function"]["arguments"]
    opening = {**call, "index": 0, "function": {"name": call["function"]["name"], "arguments": ""}}
    pieces = (text[: len(text) // 2], text[len(text) // 2 :])
    return [
        {"role": "assistant", "content": ""},
        {"tool_calls": [opening]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces),
    ]


async def listening() -> tuple[Listener, int]:
    listener = Listener(answer, refusal)
    _, port = await listener.listen("127.0.0.1", 0)
    return listener, port
