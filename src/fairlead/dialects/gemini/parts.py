"""Pieces of contents, written the same way in requests and in answers, and what marks them.

A thought's signature is base64 to Google, and its SDKs decode it and encode it anew, in another alphabet even. One that
another maker made is therefore shown packed and in base64; Google's own is shown as it came.
"""

from __future__ import annotations

import base64
import binascii

import orjson

from fairlead.dialects import json, signatures
from fairlead.dialects.neutral import Audio, Document, Image

DIALECT = "gemini"
UNVALIDATED = "skip_thought_signature_validator"
"""What Google takes in place of a signature where a call was not made by its model."""
_DUMMIES = (UNVALIDATED, "context_engineering_is_the_way_to_go")
_PACKED = "ZmwxL"
"""How base64 of a packed signature begins."""
RAW = b'{"_raw":%b}'
"""The arguments of a call that are no JSON object."""
AUDIO = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-flac": "flac"}


def own_signature(text: str) -> tuple[str, str]:
    """(origin, signature) of a `thoughtSignature`."""
    if not text or text in _DUMMIES:
        return "", ""
    if text.startswith(_PACKED):
        try:
            packed = base64.urlsafe_b64decode(
                text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)
            ).decode()
        except (binascii.Error, ValueError):
            return DIALECT, text
        return signatures.unpack(packed)
    return (DIALECT, text) if not text.startswith("fl1.") else signatures.unpack(text)


def answered_signature(text: str) -> tuple[str, str]:
    """The same of an answer, where every signature is the provider's own."""
    return ("", "") if not text or text in _DUMMIES else (DIALECT, text)


def shown_signature(origin: str, signature: str) -> str:
    """The `thoughtSignature` that a Gemini client is to keep."""
    if not signature or origin == DIALECT:
        return signature
    return base64.b64encode(signatures.pack(origin, signature).encode()).decode()


def arguments(text: str) -> bytes:
    """The arguments of a call as a JSON object, whatever a model wrote."""
    raw = text.strip().encode()
    if not raw:
        return b"{}"
    return raw if json.is_object(raw) else RAW % orjson.dumps(text)


def call(call_id: str, name: str, args: bytes, signature: str = "") -> bytes:
    called = b'{"id":%b,"name":%b,"args":%b}' % (orjson.dumps(call_id), orjson.dumps(name), args)
    if signature:
        return b'{"functionCall":%b,"thoughtSignature":%b}' % (called, orjson.dumps(signature))
    return b'{"functionCall":%b}' % called


def text(said: str, thought: bool = False, signature: str = "") -> bytes:
    part = b'{"text":%b' % orjson.dumps(said)
    if thought:
        part += b',"thought":true'
    if signature:
        part += b',"thoughtSignature":' + orjson.dumps(signature)
    return part + b"}"


def inline(media_type: str, data: str) -> bytes:
    return b'{"inlineData":{"mimeType":%b,"data":%b}}' % (orjson.dumps(media_type), orjson.dumps(data))


def file(media_type: str, uri: str) -> bytes:
    if not media_type:
        return b'{"fileData":{"fileUri":%b}}' % orjson.dumps(uri)
    return b'{"fileData":{"fileUri":%b,"mimeType":%b}}' % (orjson.dumps(uri), orjson.dumps(media_type))


def media(media_type: str, data: str, name: str = "") -> Image | Audio | Document:
    """Bytes of whatever kind, read. Google takes both alphabets of base64, and its SDKs write the one that is not
    known elsewhere."""
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    kind, _, form = media_type.partition("/")
    if kind == "image":
        return Image(media_type, data)
    if kind == "audio":
        form = form.partition(";")[0]
        return Audio(AUDIO.get(form, form), data)
    if kind == "text":
        try:
            return Document(media_type, text=base64.b64decode(data, validate=True).decode(), name=name)
        except (binascii.Error, ValueError):
            return Document(media_type, data, name=name)
    return Document(media_type, data, name=name)


def linked(media_type: str, uri: str, name: str = "") -> Image | Document:
    if media_type.startswith("image/"):
        return Image(media_type, url=uri)
    return Document(media_type, url=uri, name=name)


def audio(block: Audio) -> bytes:
    return inline(f"audio/{block.format}", block.data)
