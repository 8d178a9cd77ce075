"""What the OpenAI Chat Completions wire changes in a request that passes. What differs between the providers that
speak it stands in `deltas`: the output limit's name, and usage on streams."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.core.call import Call
from fairlead.dialects import json
from fairlead.dialects.openai_chat.native import ChatView
from fairlead.providers.wire import Endpoint

INCLUDE_USAGE = b'{"include_usage":true}'
NONE: Mapping[str, bytes | None] = {}


def changes(call: Call, endpoint: Endpoint) -> Mapping[str, bytes | None]:
    view = call.view
    assert isinstance(view, ChatView)
    request = view.request
    if not request.stream and not endpoint.max_tokens_field and not view.prefers:
        return NONE
    found: dict[str, bytes | None] = {}
    if wants_usage(view, endpoint):
        found["stream_options"] = INCLUDE_USAGE if request.stream_options is None else _asking_usage(call.body)
    theirs, limit = "max_completion_tokens", request.max_completion_tokens
    if limit is None:
        theirs, limit = "max_tokens", request.max_tokens
    field = endpoint.max_tokens_field or theirs
    if limit is not None and field != theirs:
        found[field] = b"%d" % limit
        for other in ("max_tokens", "max_completion_tokens"):
            if other != field and getattr(request, other) is not None:
                found[other] = None
    if view.prefers:  # the caller's word to a router: this one has acted on it
        if view.fallbacks() is not None:
            found["models"] = None  # else another router chose a model that this caller may not use, or cannot pay
        if view.preferences() is not None and endpoint.kind != "openrouter":
            found["provider"] = None
    return found


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
