"""Messages of Chat Completions read into neutral blocks: those of requests, and those of answers, which are the same.

Providers spell reasoning in many ways: `reasoning_content`, `reasoning`, `reasoning_details` with signatures, and
`content` as a list with thinking in it. A signature keeps the format its maker gave it: `<format>:<signature>`.
"""

from __future__ import annotations

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral, signatures

NAME = "openai_chat"
GOOGLE = "gemini"
DATA = "data:"


class Cache(Struct):
    ttl: str | None = None


class ImageUrl(Struct):
    url: str
    detail: str | None = None


class AudioData(Struct):
    data: str
    format: str | None = None


class FileData(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Struct):
    type: str | None = None
    text: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: AudioData | None = None
    file: FileData | None = None
    refusal: str | None = None
    thinking: list[Part] | str | None = None
    cache_control: Cache | None = None


class Function(Struct):
    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class Custom(Struct):
    name: str
    input: str = ""


class Google(Struct):
    thought_signature: str | None = None


class Extra(Struct):
    google: Google | None = None


class Call(Struct):
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Extra | None = None


class Detail(Struct):
    type: str | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    format: str | None = None
    id: str | None = None


class Message(Struct):
    role: str | None = "assistant"
    content: Raw | UnsetType = UNSET
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Raw | UnsetType = UNSET
    tool_call_id: str | None = None
    name: str | None = None


_PARTS = msgspec.json.Decoder(list[Part])
_RAW_PARTS = msgspec.json.Decoder(list[Raw])
_STRING = msgspec.json.Decoder(str)
_DETAILS = msgspec.json.Decoder(list[Detail] | None)


def content(message: Message) -> tuple[neutral.Block, ...]:
    """What a message's content says, whoever's it is."""
    raw = b"" if message.content is UNSET else bytes(message.content)
    if not raw or raw == b"null" or raw == b'""':
        return ()
    if raw[:1] == b'"':
        return (neutral.Text(_STRING.decode(raw)),)
    pieces = _RAW_PARTS.decode(raw)
    found: list[neutral.Block] = []
    for part, piece in zip(_PARTS.decode(raw), pieces, strict=True):
        found += _part(part, bytes(piece))
    return tuple(found)


def _part(part: Part, raw: bytes) -> tuple[neutral.Block, ...]:
    cache = "" if part.cache_control is None else part.cache_control.ttl or "5m"
    if part.type == "text" or part.type == "input_text" or part.type == "output_text":
        return (neutral.Text(part.text or "", cache),)
    if part.type == "image_url" and part.image_url is not None:
        image = ImageUrl(part.image_url) if isinstance(part.image_url, str) else part.image_url
        media_type, data = inline(image.url)
        url = "" if data else image.url
        return (neutral.Image(media_type, data, url, image.detail or "", cache),)
    if part.type == "input_audio" and part.input_audio is not None:
        return (neutral.Audio(part.input_audio.format or "wav", part.input_audio.data),)
    if part.type == "file" and part.file is not None and part.file.file_data:
        media_type, data = inline(part.file.file_data)
        name = part.file.filename or ""
        if data:
            return (neutral.Document(media_type, data, name=name, cache=cache),)
        if part.file.file_data.startswith(("http:", "https:")):
            return (neutral.Document(url=part.file.file_data, name=name, cache=cache),)
        return (neutral.Document("application/pdf", part.file.file_data, name=name, cache=cache),)
    if part.type == "refusal" and part.refusal is not None:
        return (neutral.Refusal(part.refusal),)
    if part.type == "thinking":
        said = part.thinking
        text = said if isinstance(said, str) else "".join(piece.text or "" for piece in said or ())
        return (neutral.Thinking(text, origin=NAME),) if text else ()
    return (neutral.Foreign(NAME, part.type or "", raw),)


def inline(url: str) -> tuple[str, str]:
    """(media type, base64) of a data: URL; both empty for any other."""
    if not url.startswith(DATA):
        return "", ""
    head, comma, data = url[len(DATA) :].partition(",")
    if not comma or not head.endswith(";base64"):
        return "", ""
    return head.removesuffix(";base64").split(";")[0], data


def said(message: Message, told: tuple[neutral.Block, ...], answered: bool = False) -> list[neutral.Block]:
    """What an assistant's message says: reasoning first, then its content (`told`), refusal and tool calls. In what a
    provider `answered` every signature is its own."""
    blocks: list[neutral.Block] = [*thoughts(message, answered), *told]
    if message.refusal:
        blocks.append(neutral.Refusal(message.refusal))
    blocks += [call for number, one in enumerate(message.tool_calls or (), 1) if (call := _call(one, number, answered))]
    return blocks


def thoughts(message: Message, answered: bool = False) -> list[neutral.Thinking]:
    plain = message.reasoning_content or message.reasoning or ""
    found: list[neutral.Thinking] = []
    for detail in details(message.reasoning_details):
        signature, origin = "", NAME
        mark = detail.data if detail.type == "reasoning.encrypted" else detail.signature
        if mark:
            origin, signature = ("", mark) if answered else signatures.unpack(mark)
            if not origin:
                origin, signature = NAME, f"{detail.format or ''}:{mark}"
        text = detail.text or detail.summary or ""
        if detail.type == "reasoning.encrypted":
            if signature:
                found.append(neutral.Thinking("", signature, origin, True, detail.id or ""))
        elif text or signature:
            before = found[-1] if found else None
            # A stream that was put together leaves the signature in a detail of its own.
            if not text and before is not None and not before.signature and not before.redacted:
                found[-1] = msgspec.structs.replace(before, signature=signature, origin=origin)
            else:
                found.append(neutral.Thinking(text, signature, origin, False, detail.id or ""))
    if plain and not any(thought.text for thought in found):
        if found and not found[0].redacted:
            found[0] = msgspec.structs.replace(found[0], text=plain)
        else:
            found.insert(0, neutral.Thinking(plain, origin=NAME))
    return found


def details(raw: Raw | UnsetType) -> list[Detail]:
    """Those in a form that is known; what a provider invents here never makes its answer a bad one."""
    try:
        return [] if raw is UNSET else _DETAILS.decode(raw) or []
    except msgspec.DecodeError:
        return []


def stop_word(raw: Raw | UnsetType) -> str:
    """The stop word that was met, where a provider tells it; others put a token's number there."""
    return _STRING.decode(raw) if raw is not UNSET and bytes(raw)[:1] == b'"' else ""


def heading(body: bytes) -> tuple[str, str, int]:
    """(id, model, time) of an answer or a chunk. None of them is needed."""
    found = orjson.loads(body)
    name, model, created = found.get("id"), found.get("model"), found.get("created")
    return (
        name if isinstance(name, str) else "",
        model if isinstance(model, str) else "",
        int(created) if isinstance(created, int | float) else 0,
    )


def _call(call: Call, number: int, answered: bool) -> neutral.ToolCall | None:
    signature = origin = ""
    if call.extra_content is not None and call.extra_content.google is not None:
        packed = call.extra_content.google.thought_signature or ""
        origin, signature = ("", packed) if answered else signatures.unpack(packed)
        if packed and not origin:
            origin, signature = GOOGLE, packed
    name = call.id or f"call_{number}"
    if call.custom is not None:
        return neutral.ToolCall(name, call.custom.name, call.custom.input, signature, origin)
    if call.function is None or not call.function.name:
        return None
    return neutral.ToolCall(name, call.function.name, arguments(call.function.arguments), signature, origin)


def arguments(raw: Raw | UnsetType) -> str:
    """The arguments' JSON text; some send the object itself, or nothing when there are none."""
    found = b"" if raw is UNSET else bytes(raw)
    if found[:1] == b'"':
        return _STRING.decode(found).strip() or "{}"
    return found.decode() if found[:1] == b"{" else "{}"


def legacy_call(function: Function, name: str) -> neutral.ToolCall | None:
    """The `function_call` of old, which has no id."""
    return neutral.ToolCall(name, function.name, arguments(function.arguments)) if function.name else None


def error_words(raw: bytes | Raw) -> tuple[str, str]:
    """(message, code) of a provider's error, whatever its form."""
    found = orjson.loads(bytes(raw))
    if isinstance(found, dict):
        inner = found.get("error")
        if isinstance(inner, dict):
            found = inner
        message, code = found.get("message"), found.get("code")
        return str(message or "an error without a message"), "" if code is None else str(code)
    return str(found), ""
