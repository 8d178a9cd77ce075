"""The wires: how a request in a dialect a provider speaks becomes bytes for it. One row a dialect.

A request passes through byte for byte unless something has to change: the model's upstream name, our own `fairlead`
object, which no provider may see, and what a wire's own function says. A request in a dialect the provider does not
speak is written anew by that dialect (`dialects/`), in the first one that it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec
import orjson

from fairlead.core.call import Call
from fairlead.core.model import Channel, Model
from fairlead.dialects import json, opaque
from fairlead.dialects.anthropic_messages import native as anthropic
from fairlead.dialects.dialect import Target, View
from fairlead.dialects.embeddings import EmbeddingsView
from fairlead.dialects.openai_responses import native as responses
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.providers import hints, openai_compatible, thinking
from fairlead.providers.quirks import flags_of
from fairlead.providers.wire import Endpoint, Outbound, head

MODEL = b'"model"'
ESCAPED = b"\\u00"
"""How letters of a field's name may be written so that it does not show."""
MODEL_VALUE = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*(%b)" % json.STRING)


class Wire(msgspec.Struct, frozen=True):
    dialect: str
    path: str = ""
    """Behind the endpoint's prefix."""
    path_of: Callable[[str, bool], str] | None = None
    """The same where it says which upstream model is asked, and whether for a stream."""
    count_path: Callable[[str], str] | None = None
    """Where tokens are counted without an answer."""
    changes: Callable[[Call, Endpoint], Mapping[str, bytes | None]] | None = None
    """Fields to set in a body that passes, or (None) to take out, beside the model's name."""
    prepared: Callable[[bytes], bytes] | None = None
    """What a body that passes needs before anything else, whatever model it is for."""
    version: bytes = b""
    """The header line that says which version of the API is spoken, where the caller does not."""


def _gemini_path(model: str, stream: bool) -> str:
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/models/{quote(model, safe='')}:{action}"


def _gemini_embeddings_path(model: str, stream: bool) -> str:
    return f"/models/{quote(model, safe='')}:batchEmbedContents"


def _foreground(call: Call, endpoint: Endpoint) -> dict[str, bytes | None]:
    """A response asked for in the background is answered at once: its id is kept here, not at the provider."""
    view = call.view
    return {"background": None} if isinstance(view, responses.ResponsesView) and view.request.background else {}


WIRES: dict[str, Wire] = {
    wire.dialect: wire
    for wire in (
        Wire("openai_chat", "/chat/completions", changes=openai_compatible.changes),
        Wire(
            "openai_responses",
            "/responses",
            count_path=lambda model: "/responses/input_tokens",
            changes=_foreground,
            prepared=responses.own,
        ),
        Wire(
            "anthropic_messages",
            "/messages",
            count_path=lambda model: "/messages/count_tokens",
            prepared=anthropic.own,
            version=b"anthropic-version: 2023-06-01\r\n",
        ),
        Wire(
            "gemini",
            path_of=_gemini_path,
            count_path=lambda model: f"/models/{quote(model, safe='')}:countTokens",
        ),
        Wire("embeddings", "/embeddings"),
        Wire("gemini_embeddings", path_of=_gemini_embeddings_path),
        Wire("completions", "/completions"),
        Wire("opaque"),
    )
}


EMBEDDINGS = ("embeddings", "gemini_embeddings")


def wire_for(call: Call, endpoint: Endpoint) -> Wire | None:
    """The caller's own dialect where the provider speaks it, else the provider's main one; None where neither will do."""
    dialect = call.dialect
    if dialect == endpoint.dialect or dialect in endpoint.dialects:
        return WIRES[dialect]
    return _other_wire(call, endpoint)


def _other_wire(call: Call, endpoint: Endpoint) -> Wire | None:
    if call.operation == "embed":
        spoken = next((dialect for dialect in EMBEDDINGS if endpoint.speaks(dialect)), None)
        return None if spoken is None else WIRES[spoken]
    return WIRES[endpoint.dialect] if call.operation == "generate" else None


def outbound(
    call: Call,
    model: Model,
    channel: Channel,
    endpoint: Endpoint,
    wire: Wire,
    losses: Losses | None,
    effort: str = "",
) -> Outbound:
    """`losses` is given where the request has to be translated; `effort` where the policy wants it thought over.
    Raises BadRequest for what cannot be."""
    view: View = call.view  # type: ignore[assignment]  # of a call that goes out, with all that a dialect reads of it
    operation = call.operation
    begin = endpoint.heads.get(wire.dialect)
    if begin is None or call.path or operation == "count" or (call.forward and losses is None):
        begin = _head(call, view, channel, endpoint, wire, losses)
    if effort and (operation != "generate" or not thinking.wanted(model, view, effort)):
        effort = ""
    if losses is None:
        body = passed(call, view, channel, endpoint, wire)
        if effort:
            body = thinking.put_in(body, wire.dialect, view, _target(model, channel, endpoint), effort)
    else:
        request = view.neutral()
        if effort:
            request = thinking.asking(request, effort)
        body = DIALECTS[wire.dialect].write_request(request, _target(model, channel, endpoint), losses)
    if endpoint.cache_hints and operation == "generate":
        body = hints.put_in(body, wire.dialect, call, channel)
    return Outbound(begin, body, call.stream)


def headed(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the heads of most of its requests."""
    heads = {
        wire.dialect: head("POST", endpoint.prefix + wire.path, endpoint.headers + wire.version)
        for dialect in (endpoint.dialect, *endpoint.dialects)
        if (wire := WIRES[dialect]).path
    }
    return msgspec.structs.replace(endpoint, heads=heads)


def _head(call: Call, view: View, channel: Channel, endpoint: Endpoint, wire: Wire, losses: Losses | None) -> bytes:
    """For a request that is not as most are."""
    headers, forward = endpoint.headers, call.forward if losses is None else b""
    if forward:
        if b"content-type:" in forward:
            headers = headers.replace(b"Content-Type: application/json\r\n", b"", 1)
        headers += forward
    if b"anthropic-version:" not in forward:
        headers += wire.version
    return head("POST", endpoint.prefix + _path(call, view, channel, wire, losses), headers)


def _path(call: Call, view: View, channel: Channel, wire: Wire, losses: Losses | None) -> str:
    """Where it hangs on what is asked for."""
    if call.operation == "count" and wire.count_path is not None:
        return wire.count_path(channel.upstream)
    if wire.path_of is None:
        return call.path or wire.path
    path = wire.path_of(channel.upstream, call.stream)
    if losses is None and isinstance(view, EmbeddingsView) and not view.batch:
        path = path.replace(":batchEmbedContents", ":embedContent")
    return path


def _target(model: Model, channel: Channel, endpoint: Endpoint) -> Target:
    flags = flags_of(endpoint.kind, channel.upstream)
    return Target(channel.upstream, endpoint.kind, model.max_output, flags, endpoint.max_tokens_field)


def passed(call: Call, view: View, channel: Channel, endpoint: Endpoint, wire: Wire) -> bytes:
    """The caller's own bytes, changed no more than has to be."""
    body, upstream = call.body, channel.upstream
    if call.path and isinstance(view, opaque.OpaqueView) and view.form:
        return opaque.renamed(body, upstream)
    if wire.prepared is not None:
        body = wire.prepared(body)
    if view.options is not None:
        body = json.without(body, "fairlead")
    changing = wire.changes
    changes = None if changing is None else changing(call, endpoint)
    if wire.path_of is None:
        if view.model != upstream:
            name = orjson.dumps(upstream)
            return _changed(body, {**changes, "model": name}) if changes else _renamed(body, name)
    elif isinstance(view, EmbeddingsView):
        return body.replace(b'"models/%b"' % view.model.encode(), b'"models/%b"' % upstream.encode())
    return _changed(body, changes) if changes else body


def _changed(body: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    fields = {}
    for field, value in changes.items():
        if value is None:
            body = json.without(body, field)
        else:
            fields[field] = value
    return json.splice(body, fields) if fields else body


def _renamed(body: bytes, name: bytes) -> bytes:
    """For another model."""
    named = body.find(MODEL)
    # At the very beginning it is the field on top, and no other is: each stands there once. `in` drops an exception first.
    if named == 1 or (named > 1 and body.find(MODEL, named + 1) < 0 and body.find(ESCAPED) < 0):
        at = MODEL_VALUE.match(body, named + len(MODEL))
        if at is not None:
            return body[: at.start(1)] + name + body[at.end(1) :]
    return json.splice(body, {"model": name})
