"""A whole message told as a stream, and a stream gathered into the message it told: for answers that are told again."""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.dialects.replaying import Json, events, named

ENDS = frozenset(("end_turn", "stop_sequence", "tool_use"))
"""What a proper answer ends with."""
GROWING = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Kind of a delta -> the field of its block that its pieces make."""
AT_END = ("stop_reason", "stop_sequence", "stop_details", "container", "context_management")
"""Fields of a message that its last events tell."""


def proper(answer: Json) -> bool:
    if answer.get("type") != "message" or answer.get("stop_reason") not in ENDS:
        return False
    blocks = answer.get("content") or ()
    return any(block.get("type") not in ("text", "thinking") or (block.get("text") or "").strip() for block in blocks)


def streamed(answer: Json, options: object) -> bytes | None:
    if not proper(answer):
        return None
    usage = answer.get("usage") or {}
    begun = {**answer, "content": [], "usage": usage, **{name: None for name in AT_END if name in answer}}
    said = [named("message_start", {"type": "message_start", "message": begun})]
    for index, block in enumerate(answer["content"]):
        empty, deltas = _taken_apart(block)
        start = {"type": "content_block_start", "index": index, "content_block": empty}
        said.append(named("content_block_start", start))
        said += [
            named("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})
            for delta in deltas
        ]
        said.append(named("content_block_stop", {"type": "content_block_stop", "index": index}))
    ended = {name: answer[name] for name in AT_END if name in answer}
    said.append(named("message_delta", {"type": "message_delta", "delta": ended, "usage": usage}))
    said.append(named("message_stop", {"type": "message_stop"}))
    return b"".join(said)


def _taken_apart(block: Json) -> tuple[Json, list[Json]]:
    """(the block as it begins, what is told of it afterwards). A block of another kind is told at once."""
    kind = block.get("type")
    if kind == "text":
        cited = block.get("citations") or ()
        deltas: list[Json] = [{"type": "text_delta", "text": block["text"]}] if block.get("text") else []
        deltas += [{"type": "citations_delta", "citation": citation} for citation in cited]
        return {**block, "text": "", **({"citations": []} if cited else {})}, deltas
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": block.get("thinking", "")}]
        if block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        given = orjson.dumps(block.get("input") or {}).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": given}]
    return block, []


def gathered(stream: bytes) -> tuple[Json, bool] | None:
    answer: Json = {}
    given: dict[int, str] = {}
    exact = True
    for data in events(stream):
        event = orjson.loads(data)
        kind = event.get("type")
        if kind == "message_start":
            answer = event["message"]
            answer["content"] = []
        elif kind == "content_block_start":
            answer["content"].append(event["content_block"])
            exact = exact and event.get("index") == len(answer["content"]) - 1
        elif kind == "content_block_delta":
            exact = _grow(answer["content"], event, given) and exact
        elif kind == "message_delta":
            answer.update(event.get("delta") or {})
            answer["usage"] = {**(answer.get("usage") or {}), **_said(event.get("usage") or {})}
            exact = exact and event.keys() <= {"type", "delta", "usage"}
        elif kind == "message_stop":
            for index, text in given.items():
                answer["content"][index]["input"] = orjson.loads(text or "{}")
            return answer, exact
        elif kind == "error":
            return None
        elif kind not in ("ping", "content_block_stop"):
            exact = False
    return None


def _said(usage: Json) -> Json:
    return {name: value for name, value in usage.items() if value is not None}


def _grow(blocks: list[Json], event: Json, given: dict[int, str]) -> bool:
    index, delta = event["index"], event["delta"]
    block: Any = blocks[index]
    kind = delta.get("type")
    field = GROWING.get(kind)
    if field is not None:
        block[field] = (block.get(field) or "") + delta[field]
    elif kind == "input_json_delta":
        given[index] = given.get(index, "") + delta["partial_json"]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    else:
        return False
    return True
