"""The content of messages, both ways: what stands in a request's turns, in tools' results and in answers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import citations, neutral, signatures
from fairlead.dialects.anthropic_messages.native import DIALECT, UNSPOKEN
from fairlead.dialects.json import EMPTY
from fairlead.dialects.translate import Losses

Json = dict[str, object]
MOST_MARKS = 4
"""Cache marks that one request may hold."""
_NARROW = re.compile(r"[^a-zA-Z0-9_-]")


class Cache(Struct):
    type: str = ""
    ttl: str | None = None


class _Source(Struct):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: Raw | UnsetType = UNSET


class _Block(Struct):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw | UnsetType = UNSET
    tool_use_id: str | None = None
    content: Raw | UnsetType = UNSET
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    source: _Source | None = None
    title: str | None = None
    context: str | None = None
    cache_control: Cache | None = None
    citations: Raw | UnsetType = UNSET


class _Cited(Struct):
    type: str = ""
    url: str | None = None
    source: str | None = None
    title: str | None = None
    cited_text: str | None = None


class _Head(Struct):
    type: str = ""


_BLOCK = msgspec.json.Decoder(_Block)
_HEAD = msgspec.json.Decoder(_Head)
_CITED = msgspec.json.Decoder(list[_Cited] | None)
_RAWS = msgspec.json.Decoder(str | list[Raw] | None)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


# ---- reading


Unread = dict[str, None]
"""What of an answer has no place elsewhere: rules of `translate`, each with what it met."""


def read_content(raw: Raw | bytes, unread: Unread | None = None) -> tuple[neutral.Block, ...]:
    """A message's content: a string, or a list of blocks. Raises msgspec.DecodeError for what is neither. `unread` is
    given for what a provider answered: every signature in it is its own."""
    content = _RAWS.decode(raw)
    if content is None:
        return ()
    if isinstance(content, str):
        return (neutral.Text(content),)
    blocks: list[neutral.Block] = []
    for one in content:
        _read_block(one, blocks, unread)
    return tuple(blocks)


def cache_of(mark: Cache | None) -> str:
    return "" if mark is None or not mark.type else mark.ttl or "5m"


def _read_block(raw: Raw, blocks: list[neutral.Block], unread: Unread | None) -> None:
    try:
        block = _BLOCK.decode(raw)
    except msgspec.ValidationError:
        blocks.append(neutral.Foreign(DIALECT, _HEAD.decode(raw).type, bytes(raw)))
        return
    kind = block.type
    answered = unread is not None
    cache = cache_of(block.cache_control)
    if kind == "text":
        blocks.append(neutral.Text(block.text or "", cache, () if unread is None else cited(block.citations, unread)))
    elif kind == "thinking":
        origin, signature = ("", block.signature or "") if answered else signatures.unpack(block.signature or "")
        blocks.append(neutral.Thinking(block.thinking or "", signature, origin or DIALECT))
    elif kind == "redacted_thinking" and answered:
        blocks.append(neutral.Thinking("", block.data or "", DIALECT, redacted=True))
    elif kind == "redacted_thinking":
        _read_redacted(block.data or "", blocks)
    elif kind == "tool_use":
        arguments = b"{}" if block.input is UNSET or bytes(block.input) == b"null" else bytes(block.input)
        blocks.append(neutral.ToolCall(block.id or "", block.name or "", arguments.decode(), cache=cache))
    elif kind == "tool_result":
        result = neutral.ToolResult(block.tool_use_id or "", _result(block.content), "", bool(block.is_error), cache)
        blocks.append(result)
    elif kind in ("image", "document") and (media := _media(block, cache)) is not None:
        if block.context:
            blocks.append(neutral.Text(block.context))
        blocks.append(media)
    else:
        kept = block.source is not None and block.source.type == "file"
        blocks.append(neutral.Foreign(DIALECT, "source.file" if kept else kind, bytes(raw)))


def cited(raw: Raw | bytes | UnsetType, unread: Unread) -> tuple[neutral.Citation, ...]:
    """The pages among a text's sources; documents of the request have no address."""
    try:
        found = [] if raw is UNSET else _CITED.decode(raw) or []
    except msgspec.DecodeError:
        unread["citations"] = None
        return ()
    pages: list[neutral.Citation] = []
    for one in found:
        address = one.url or one.source or ""
        if citations.is_address(address):
            pages.append(neutral.Citation(address, one.title or "", one.cited_text or ""))
        else:
            unread[f"citations.{one.type or 'other'}"] = None
    return tuple(pages)


def _read_redacted(data: str, blocks: list[neutral.Block]) -> None:
    origin, signature = signatures.unpack(data)
    if origin.endswith(signatures.CALL):
        # Such a block was put behind the call it belongs to; without it, it says nothing.
        if blocks and isinstance(call := blocks[-1], neutral.ToolCall):
            origin = origin.removesuffix(signatures.CALL)
            blocks[-1] = msgspec.structs.replace(call, signature=signature, origin=origin)
        return
    blocks.append(neutral.Thinking("", signature, origin or DIALECT, redacted=True))


def _media(block: _Block, cache: str) -> neutral.Image | neutral.Document | None:
    """None for what only Anthropic can look up or understand."""
    source = block.source
    if source is None:
        return None
    media, data, url = source.media_type or "", source.data or "", source.url or ""
    if block.type == "image":
        if source.type == "base64":
            return neutral.Image(media, data, cache=cache)
        return neutral.Image(url=url, cache=cache) if source.type == "url" else None
    name = block.title or ""
    if source.type == "base64":
        return neutral.Document(media, data, name=name, cache=cache)
    if source.type == "url":
        return neutral.Document(media or "application/pdf", url=url, name=name, cache=cache)
    if source.type == "text":
        return neutral.Document("text/plain", text=data, name=name, cache=cache)
    if source.type == "content" and isinstance(source.content, Raw):
        inner = read_content(source.content)
        if inner and all(isinstance(part, neutral.Text) for part in inner):
            text = "\n\n".join(part.text for part in inner if isinstance(part, neutral.Text))
            return neutral.Document("text/plain", text=text, name=name, cache=cache)
    return None


def _result(raw: Raw | UnsetType) -> tuple[neutral.Text | neutral.Image | neutral.Document, ...]:
    """A tool's result. What others cannot know (a search result, a reference) is shown to them as its JSON."""
    if raw is UNSET or bytes(raw) in EMPTY:
        return ()
    try:
        content = read_content(raw)
    except msgspec.DecodeError:
        return (neutral.Text(bytes(raw).decode()),)
    kept: list[neutral.Text | neutral.Image | neutral.Document] = []
    for block in content:
        if isinstance(block, (neutral.Text, neutral.Image, neutral.Document)):
            kept.append(block)
        elif isinstance(block, neutral.Foreign):
            kept.append(neutral.Text(block.raw.decode()))
    return tuple(kept)


# ---- writing


class Marks:
    """Cache marks given out: those beyond what a request may hold are left out."""

    __slots__ = ("_left", "_losses")

    def __init__(self, losses: Losses) -> None:
        self._left = MOST_MARKS
        self._losses = losses

    def put(self, block: Json, cache: str) -> Json:
        if cache and self._left:
            self._left -= 1
            block["cache_control"] = {"type": "ephemeral", "ttl": "1h"} if cache == "1h" else {"type": "ephemeral"}
        elif cache:
            self._losses.add("cache_marks")
        return block


def safe_id(name: str) -> str:
    """The id of a tool's call in the letters Anthropic takes: always the same for the same id, so that a call and its
    result stay together."""
    if name and _NARROW.search(name) is None:
        return name
    return f"{_NARROW.sub('_', name)}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def arguments_of(call: neutral.ToolCall, losses: Losses | None = None) -> Raw:
    """A call's arguments as the object they have to be."""
    text = call.arguments.strip()
    if not text:
        return Raw(b"{}")
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        if losses is not None:
            losses.add("tool_arguments", call.name)
        return Raw(msgspec.json.encode({"arguments": call.arguments}))
    return Raw(text.encode())


def write_turn(turn: neutral.Turn, losses: Losses, marks: Marks) -> list[Json]:
    """The blocks of a user's or an assistant's turn; results of tools stand in front."""
    results: list[Json] = []
    others: list[Json] = []
    for block in turn.blocks:
        if isinstance(block, neutral.ToolResult):
            results.append(_write_result(block, losses, marks))
            continue
        written = _write_said(block, losses, marks)
        if written is None:
            written = _write_shown(block, turn.role, losses, marks)
        if written:
            others.append(written)
    return results + others


def _write_said(block: neutral.Block, losses: Losses, marks: Marks) -> Json | None:
    """None for a block of another kind; an empty object where nothing is to be written."""
    if isinstance(block, neutral.Text):
        return marks.put({"type": "text", "text": block.text}, block.cache) if block.text.strip() else {}
    if isinstance(block, neutral.Refusal):
        losses.add("refusal_turn")
        return {"type": "text", "text": block.text} if block.text.strip() else {}
    if isinstance(block, neutral.Thinking):
        if block.origin != DIALECT or not block.signature:
            losses.add("thinking")
            return {}
        if block.redacted:
            return {"type": "redacted_thinking", "data": block.signature}
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}
    if isinstance(block, neutral.ToolCall):
        call: Json = {
            "type": "tool_use",
            "id": safe_id(block.id),
            "name": block.name,
            "input": arguments_of(block, losses),
        }
        return marks.put(call, block.cache)
    return None


def _write_shown(block: neutral.Block, role: str, losses: Losses, marks: Marks) -> Json:
    if isinstance(block, neutral.Foreign):
        if block.dialect != DIALECT:
            losses.add("foreign_content", block.kind)
            return {}
        return dict(_OBJECT.decode(block.raw).items())
    if role == "assistant":
        losses.add("foreign_content", type(block).__name__.lower())
        return {}
    if isinstance(block, (neutral.Image, neutral.Document)):
        return write_media(block, losses, marks)
    losses.add("audio")
    return {}


def write_media(block: neutral.Image | neutral.Document, losses: Losses, marks: Marks) -> Json:
    written: Json
    if isinstance(block, neutral.Image):
        if block.detail not in ("", "auto"):
            losses.add("image_detail")
        written = {"type": "image", "source": _image_source(block, losses)}
    else:
        written = {"type": "document", "source": _document_source(block, losses)}
        if block.name:
            written["title"] = block.name
    return marks.put(written, block.cache)


def _image_source(image: neutral.Image, losses: Losses) -> Json:
    media, data = image.media_type, image.data
    if not data and image.url.startswith("data:"):
        head, _, data = image.url[5:].partition(",")
        media = head.partition(";")[0]
    if data:
        return {"type": "base64", "media_type": media or "image/png", "data": data}
    if not image.url.startswith(("https://", "http://")):
        losses.add("image_url")
    return {"type": "url", "url": image.url}


def _document_source(document: neutral.Document, losses: Losses) -> Json:
    media = document.media_type
    if document.text:
        return {"type": "text", "media_type": "text/plain", "data": document.text}
    if document.data and media.startswith("text/"):
        try:
            text = base64.b64decode(document.data, validate=True).decode()
        except ValueError:
            losses.add("document", media)
            text = ""
        return {"type": "text", "media_type": "text/plain", "data": text}
    if document.data and media in ("application/pdf", ""):
        return {"type": "base64", "media_type": "application/pdf", "data": document.data}
    if document.url.startswith(("https://", "http://")) and media in ("application/pdf", ""):
        return {"type": "url", "url": document.url}
    losses.add("document", media)
    return {}


def _write_result(result: neutral.ToolResult, losses: Losses, marks: Marks) -> Json:
    written: Json = {"type": "tool_result", "tool_use_id": safe_id(result.id)}
    content = [part for part in result.content if not isinstance(part, neutral.Text) or part.text.strip()]
    if len(content) == 1 and isinstance(only := content[0], neutral.Text) and not only.cache:
        written["content"] = only.text
    elif content:
        written["content"] = [
            marks.put({"type": "text", "text": part.text}, part.cache)
            if isinstance(part, neutral.Text)
            else write_media(part, losses, marks)
            for part in content
        ]
    if result.error:
        written["is_error"] = True
    return marks.put(written, result.cache)


def write_texts(blocks: Iterable[neutral.Block], losses: Losses, marks: Marks) -> list[Json]:
    """Instructions: text and nothing else."""
    written: list[Json] = []
    for block in blocks:
        if isinstance(block, neutral.Text):
            if block.text.strip():
                written.append(marks.put({"type": "text", "text": block.text}, block.cache))
        else:
            losses.add("foreign_content", type(block).__name__.lower())
    return written


def spoken(blocks: Sequence[neutral.Block]) -> tuple[neutral.Block, ...]:
    """Instructions without what a client puts there for its own maker only."""
    return tuple(
        block for block in blocks if not isinstance(block, neutral.Text) or not block.text.startswith(UNSPOKEN)
    )
