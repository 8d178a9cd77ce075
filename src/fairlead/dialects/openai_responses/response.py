"""The response object and its items as they are written: the same bytes in whole answers and in streams.

Texts come in as JSON string literals, so that what streamed is put together without being decoded.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import orjson

from fairlead.core.record import Usage
from fairlead.dialects import citations, neutral
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_responses.native import ResponsesView
from fairlead.dialects.openai_responses.tools import Named

INCOMPLETE: dict[neutral.Stop, str] = {
    "length": "max_output_tokens",
    "context": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Why an answer is not whole; every other end is one."""
ECHOED: dict[str, object] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""What a response repeats of its request, with what stands there where the request says nothing."""
Json = dict[str, object]


class Frame:
    """A response object as far as it is known before the answer."""

    __slots__ = ("_echo", "_head", "created")

    def __init__(self, asked: Asked) -> None:
        self.created = asked.created
        head: Json = {
            "id": f"resp_{asked.request_id}",
            "object": "response",
            "created_at": asked.created,
            "background": False,
            "model": asked.model,
        }
        self._head = orjson.dumps(head)[:-1]
        self._echo = orjson.dumps(_echo(asked.view))[1:]

    def write(
        self, status: str, items: Sequence[bytes] = (), usage: bytes = b"null", told: Json | None = None
    ) -> bytes:
        """`told`: what else is known by then."""
        state: Json = {"status": status, "completed_at": None, "error": None, "incomplete_details": None}
        rest = orjson.dumps(state | (told or {}))[1:-1]
        return b'%b,%b,"output":[%b],"usage":%b,%b' % (self._head, rest, b",".join(items), usage, self._echo)

    def finished(self, stop: neutral.Stop, items: Sequence[bytes], usage: Usage | None) -> tuple[str, bytes]:
        """(its status, the response)."""
        told = b"null" if usage is None else usage_object(usage)
        reason = INCOMPLETE.get(stop)
        if reason is not None:
            return "incomplete", self.write("incomplete", items, told, {"incomplete_details": {"reason": reason}})
        return "completed", self.write("completed", items, told, {"completed_at": self.created})

    def failed(self, items: Sequence[bytes], code: str, message: str) -> bytes:
        return self.write("failed", items, told={"error": {"code": code or "server_error", "message": message}})


def _echo(view: object) -> Json:
    echo = dict(ECHOED)
    if not isinstance(view, ResponsesView):
        return echo
    given = orjson.loads(view.body)
    for field in ECHOED:
        value = given.get(field)
        if value is not None:
            echo[field] = value
    tools, text, reasoning = given.get("tools"), given.get("text"), given.get("reasoning")
    echo["tools"] = [_tool(tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    echo["text"] = _text(text if isinstance(text, dict) else {})
    echo["reasoning"] = {"effort": None, "summary": None} | (reasoning if isinstance(reasoning, dict) else {})
    if echo["service_tier"] == "auto":
        echo["service_tier"] = "default"
    return echo


def _tool(tool: Json) -> Json:
    """Of a function everything is said, whether the request did or not."""
    return {"description": None, "parameters": None, "strict": True} | tool if tool.get("type") == "function" else tool


def _text(text: Json) -> Json:
    form = text.get("format") or {"type": "text"}
    if isinstance(form, dict) and form.get("type") == "json_schema":
        form = {"description": None, "strict": False} | form
    return {"verbosity": text.get("verbosity") or "medium"} | text | {"format": form}


def usage_object(usage: Usage) -> bytes:
    return (
        b'{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},"output_tokens":%d,'
        b'"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}'
    ) % (
        usage.input, usage.cached_input, usage.cache_write + usage.cache_write_1h, usage.output, usage.reasoning,
        usage.input + usage.output,
    )  # fmt: skip


# ---- items


def literal(text: str) -> bytes:
    return msgspec.json.encode(text)


def text_part(text: bytes, sources: bytes = b"[]", logprobs: bytes = b"[]") -> bytes:
    return b'{"type":"output_text","annotations":%b,"logprobs":%b,"text":%b}' % (sources, logprobs, text)


def annotated(block: neutral.Text) -> bytes:
    """The pages that a text rests on."""
    return orjson.dumps(
        [
            {"type": "url_citation", **citations.annotation(one, *citations.span(one, block.text))}
            for one in block.citations
        ]
    )


def refusal_part(text: bytes) -> bytes:
    return b'{"type":"refusal","refusal":%b}' % text


def message(name: bytes, parts: Sequence[bytes], status: bytes) -> bytes:
    return b'{"id":"%b","type":"message","status":"%b","role":"assistant","content":[%b]}' % (
        name, status, b",".join(parts),
    )  # fmt: skip


def summary_part(text: bytes) -> bytes:
    return b'{"type":"summary_text","text":%b}' % text


def reasoning(name: bytes, text: bytes, encrypted: str) -> bytes:
    """Without a text there is no summary, without a signature nothing encrypted."""
    summary = summary_part(text) if len(text) > 2 else b""
    signed = b',"encrypted_content":' + literal(encrypted) if encrypted else b""
    return b'{"id":"%b","type":"reasoning","summary":[%b]%b}' % (name, summary, signed)


def call(name: bytes, call_id: str, tool: Named, given: bytes, status: bytes) -> bytes:
    """`given`: the arguments, or the text of a tool that takes text."""
    kind, field = (b"custom_tool_call", b"input") if tool.custom else (b"function_call", b"arguments")
    space = b',"namespace":' + literal(tool.namespace) if tool.namespace else b""
    return b'{"id":"%b","type":"%b","status":"%b","call_id":%b,"name":%b%b,"%b":%b}' % (
        name, kind, status, literal(call_id), literal(tool.name), space, field, given,
    )  # fmt: skip
