"""Streamed answers of Chat Completions, from neutral events; reading stands in `interpreter`."""

from __future__ import annotations

import msgspec
import orjson

from fairlead.core.record import Usage
from fairlead.dialects import citations, neutral, signatures
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_chat.answer import annotation, detail, reason_of, usage_object
from fairlead.dialects.openai_chat.interpreter import ChatInterpreter
from fairlead.dialects.openai_chat.native import ChatView

__all__ = ["ChatInterpreter", "ChatWriter"]


class ChatWriter:
    """Writes chunks: each is a front and an end made once a stream, with a literal between them."""

    untold: frozenset[str] = frozenset()
    __slots__ = (
        "_cited", "_front", "_parts", "_refused", "_spoken", "_tail", "_tells_usage", "_text_front", "_thinking",
        "_thought", "_thoughts", "_tools", "_usage", "_words",
    )  # fmt: skip

    def __init__(self, asked: Asked) -> None:
        head = orjson.dumps(
            {
                "id": f"chatcmpl-{asked.request_id}",
                "object": "chat.completion.chunk",
                "created": asked.created,
                "model": asked.model,
            }
        )[:-1]
        view = asked.view
        options = view.request.stream_options if isinstance(view, ChatView) else None
        self._tells_usage = options is not None and bool(options.include_usage)
        self._front = b"data: " + head + b',"choices":[{"index":0,"delta":{'
        closing = b'],"usage":null}\n\n' if self._tells_usage else b"]}\n\n"
        self._tail = b'},"logprobs":null,"finish_reason":null}' + closing
        self._text_front = self._front + b'"content":'
        self._thought = self._front + b'"reasoning_content":'
        self._tools: dict[int, int] = {}
        """Index of the block -> index of the call."""
        self._parts = head, closing
        self._thinking: list[bytes] = []
        """The thought that is being told: its signature is told together with all of it."""
        self._thoughts = 0
        self._refused = False
        self._spoken = citations.Spoken()
        self._words: list[bytes] = []
        """Of the text that is open."""
        self._cited = 0
        self._usage: Usage | None = None

    def write(self, event: neutral.Event) -> bytes:
        if type(event) is neutral.Delta:
            return self._delta(event)
        if type(event) is neutral.Run:
            return self._run(event)
        if isinstance(event, neutral.Open):
            return self._open(event)
        if isinstance(event, neutral.Begin):
            return self._front + b'"role":"assistant","content":"","refusal":null' + self._tail
        if isinstance(event, neutral.Sign):
            return self._sign(event)
        if isinstance(event, neutral.Cite):
            return self._cite(event)
        if isinstance(event, neutral.Used):
            self._usage = event.usage
        elif isinstance(event, neutral.Finish):
            reason = reason_of(event.stop, self._refused).encode()
            return self._front + b'},"logprobs":null,"finish_reason":"' + reason + b'"}' + self._parts[1]
        elif isinstance(event, neutral.Broken):
            error = {"message": event.message, "type": "api_error", "param": None, "code": event.code or None}
            return b"data: " + orjson.dumps({"error": error}) + b"\n\n"
        elif isinstance(event, neutral.End):
            return self._told() + b"data: [DONE]\n\n"
        return b""

    def _delta(self, event: neutral.Delta) -> bytes:
        if event.kind == "text":
            self._words.append(event.data)
            if event.logprobs:
                told = b'},"logprobs":{"content":' + event.logprobs + b',"refusal":null},"finish_reason":null}'
                return self._text_front + event.data + told + self._parts[1]
            return self._text_front + event.data + self._tail
        if event.kind == "tool":
            return b'%b"tool_calls":[{"index":%d,"function":{"arguments":%b}}]%b' % (
                self._front, self._tools.get(event.index, 0), event.data, self._tail,
            )  # fmt: skip
        if event.kind == "thinking":
            self._thinking.append(event.data[1:-1])
            return self._thought + event.data + self._tail
        self._refused = True
        return self._front + b'"refusal":' + event.data + self._tail

    def _run(self, event: neutral.Run) -> bytes:
        if event.kind != "text":
            return b"".join([self._delta(one) for one in event.deltas()])
        self._words += event.data
        return self._text_front + (self._tail + self._text_front).join(event.data) + self._tail

    def _open(self, event: neutral.Open) -> bytes:
        if event.kind == "thinking":
            self._thinking.clear()
        elif event.kind == "text":
            self._words = self._spoken.begin(event.index)
        if event.kind != "tool":
            return b""
        number = self._tools[event.index] = len(self._tools)
        call = {
            "index": number,
            "id": event.id,
            "type": "function",
            "function": {"name": event.name, "arguments": ""},
        }
        return self._front + b'"tool_calls":[' + orjson.dumps(call) + b"]" + self._tail

    def _cite(self, event: neutral.Cite) -> bytes:
        # OpenAI's SDK puts the entries of a list together by their indexes.
        told = {"index": self._cited, **annotation(event.citation, *self._spoken.place(event))}
        self._cited += 1
        return self._front + b'"annotations":[' + orjson.dumps(told) + b"]" + self._tail

    def _sign(self, event: neutral.Sign) -> bytes:
        number = self._tools.get(event.index)
        if number is not None:
            told_of = {"google": {"thought_signature": event.signature}}
            # OpenAI's SDK takes no piece of a call without its function.
            call = {"index": number, "function": {}, "extra_content": told_of}
            return self._front + b'"tool_calls":[' + orjson.dumps(call) + b"]" + self._tail
        if not signatures.unpack(event.signature)[1]:
            return b""
        text = b'"' + b"".join(self._thinking) + b'"'
        told = detail("", event.signature, event.redacted, self._thoughts)
        self._thoughts += 1
        self._thinking.clear()
        if not event.redacted:
            told["text"] = msgspec.Raw(text)
        return self._front + b'"reasoning_details":[' + msgspec.json.encode(told) + b"]" + self._tail

    def _told(self) -> bytes:
        """The last chunk but the end mark, which only those get who asked for it."""
        if not self._tells_usage or self._usage is None:
            return b""
        usage = orjson.dumps(usage_object(self._usage))
        return b"data: " + self._parts[0] + b',"choices":[],"usage":' + usage + b"}\n\n"
