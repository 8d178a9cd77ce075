"""The OpenAI Chat Completions wire. What differs between the providers that speak it stands in `deltas`.

A request passes through byte for byte unless something has to change: the model's upstream name, the output limit
(its value, or its field's name), usage on streams, and our own `fairlead` object, which no provider may see.
"""

from __future__ import annotations

import re

import orjson

from fairlead.core.call import Call
from fairlead.core.model import Channel
from fairlead.dialects import json
from fairlead.dialects.openai_chat import native as openai_chat
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.providers.wire import Answer, Endpoint, Outbound

MODEL_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*")')
INCLUDE_USAGE = b'{"include_usage":true}'


class OpenAICompatible:
    dialect = openai_chat.DIALECT

    def outbound(self, call: Call, channel: Channel, endpoint: Endpoint, max_output: int | None) -> Outbound:
        view = call.view
        assert isinstance(view, ChatView)
        return Outbound(
            "POST",
            f"{endpoint.prefix}/chat/completions",
            endpoint.headers,
            body_for(call.body, view, channel, endpoint, max_output),
        )

    def answer(self, body: bytes) -> Answer:
        usage, error = openai_chat.read_answer(body)
        return Answer(usage, error)


def body_for(body: bytes, view: ChatView, channel: Channel, endpoint: Endpoint, max_output: int | None) -> bytes:
    request = view.request
    changes: dict[str, bytes] = {}
    if request.model != channel.upstream:
        changes["model"] = orjson.dumps(channel.upstream)
    if wants_usage(view, endpoint):
        changes["stream_options"] = INCLUDE_USAGE if request.stream_options is None else _asking_usage(body)
    if request.fairlead is not None:
        body = json.without(body, "fairlead")
    theirs = "max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"
    limit = max_output if max_output is not None else view.max_output()
    field = endpoint.max_tokens_field or theirs
    if limit is not None and (field != theirs or limit != view.max_output()):
        changes[field] = b"%d" % limit
        for other in ("max_tokens", "max_completion_tokens"):
            if other != field and getattr(request, other) is not None:
                body = json.without(body, other)
    if not changes:
        return body
    if len(changes) == 1 and "model" in changes and body.count(b'"model"') == 1 and b"\\u00" not in body:
        at = MODEL_VALUE.match(body, body.index(b'"model"') + 7)
        if at is not None:
            return body[: at.start(1)] + changes["model"] + body[at.end(1) :]
    return json.splice(body, changes)


def _asking_usage(body: bytes) -> bytes:
    """The caller's own stream options, with usage asked for beside what else they say."""
    _, start, end = json.spans(body)["stream_options"]
    return json.splice(body[start:end], {"include_usage": b"true"})


def wants_usage(view: ChatView, endpoint: Endpoint) -> bool:
    """Whether usage has to be asked for on the caller's behalf (and then taken out of what it gets)."""
    request = view.request
    if not request.stream or not endpoint.stream_usage:
        return False
    return request.stream_options is None or not request.stream_options.include_usage
