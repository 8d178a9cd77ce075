"""Embeddings: OpenAI's requests and answers, Gemini's, and each out of the other.

Both pass untouched where client and provider speak the same; between them they go through `Wanted` and `Vectors`, which
are what the neutral request and answer are to other operations. Vectors are the same numbers in base64 (little-endian
float32) or as a list; which of the two an answer holds is up to the request, and an upstream that does otherwise is
corrected.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import json, neutral
from fairlead.dialects.body import decode
from fairlead.dialects.dialect import Asked, Dialect, Reader, Target, View
from fairlead.dialects.gemini import native as google
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.openai_chat import native as chat
from fairlead.dialects.translate import Losses
from fairlead.dialects.weighing import MOST_TOKENS, unreadable
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest

OPENAI = "embeddings"
GEMINI = "gemini_embeddings"
MOST_INPUTS = 2048
MOST_DIMENSIONS = 2**20
FLOAT, BASE64 = "float", "base64"
_INT4 = 4


class Wanted(neutral.Request, kw_only=True):
    """What is to be embedded. Token lists are in a vocabulary that only their own model knows."""

    inputs: tuple[str, ...] = ()
    tokens: bool = False
    dimensions: int | None = None
    task: str = ""
    """Gemini's task type, such as RETRIEVAL_DOCUMENT; empty for none."""
    title: str = ""


class Vectors(neutral.Answer, kw_only=True):
    vectors: tuple[tuple[float, ...], ...] = ()


# ---- OpenAI's requests


class OpenAIRequest(Struct):
    model: str
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: int | None = None
    user: str | None = None
    fairlead: Options | None = None


_REQUEST = msgspec.json.Decoder(OpenAIRequest)
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(OpenAIRequest))


class EmbeddingsView:
    """A request for embeddings of either dialect."""

    __slots__ = (
        "batch",
        "body",
        "dimensions",
        "encoding",
        "inputs",
        "model",
        "options",
        "task",
        "title",
        "tokens",
        "user",
    )
    stream = False
    answers = 1
    predicted = 0
    max_output: int | None = None

    def __init__(
        self, model: str, body: bytes, options: Options | None, inputs: list[str], tokens: list[list[int]]
    ) -> None:
        self.model = model
        self.body = body
        self.options = options
        self.inputs = inputs
        self.tokens = tokens
        """Inputs given as tokens."""
        self.dimensions: int | None = None
        self.encoding = FLOAT
        self.task = ""
        self.title = ""
        self.user = ""
        self.batch = True
        """Of Gemini: several requests in one."""

    def texts(self) -> Iterator[tuple[str, str]]:
        for text in self.inputs:
            yield "user", text

    def shape(self) -> Shape:
        # A token is about four characters.
        sizes = [(len(text), len(text) if text.isascii() else len(text.encode())) for text in self.inputs]
        sizes += [(len(one) * 4, len(one) * 4) for one in self.tokens]
        longest = Shape(*max(sizes, key=lambda size: size[1]), 1) if len(sizes) > 1 else None
        chars, utf8 = sum(one for one, _ in sizes), sum(one for _, one in sizes)
        return Shape(chars, utf8, len(sizes), max_output=0, longest=longest)

    def neutral(self) -> Wanted:
        return Wanted(
            model=self.model,
            turns=(),
            inputs=tuple(self.inputs),
            tokens=bool(self.tokens),
            dimensions=self.dimensions,
            task=self.task,
            title=self.title,
            user=self.user,
        )


def read_openai(body: bytes, model: str = "", stream: bool = False) -> EmbeddingsView:
    request = decode(body, _REQUEST, FIELDS)
    if not request.model:
        raise BadRequest("model is empty; name a model.", param="model")
    if len(request.model) > chat.NAME_LIMIT:
        raise BadRequest(f"model is longer than {chat.NAME_LIMIT} characters; no model has such a name.", param="model")
    texts, tokens = _inputs(request.input)
    if not 1 <= len(texts) + len(tokens) <= MOST_INPUTS:
        raise BadRequest(f"input has to hold from 1 to {MOST_INPUTS:,} items.", param="input")
    if request.encoding_format not in (None, FLOAT, BASE64):
        raise BadRequest("encoding_format has to be 'float' or 'base64'.", param="encoding_format")
    view = EmbeddingsView(request.model, body, request.fairlead, texts, tokens)
    view.encoding = request.encoding_format or FLOAT
    view.dimensions = request.dimensions
    _check_dimensions(view, "dimensions")
    view.user = request.user or ""
    return view


def _check_dimensions(view: EmbeddingsView, field: str) -> None:
    wanted = view.dimensions
    if wanted is not None and not 1 <= wanted <= MOST_DIMENSIONS:
        raise BadRequest(f"{field} is {str(wanted)[:20]}; it has to be from 1 to {MOST_DIMENSIONS:,}.", param=field)


def _inputs(given: str | list[str | int | list[int]]) -> tuple[list[str], list[list[int]]]:
    """(texts, token lists). A bare list of numbers is one list of tokens."""
    if isinstance(given, str):
        if not given:
            raise BadRequest("input is empty; send a text.", param="input")
        return [given], []
    texts = [one for one in given if isinstance(one, str)]
    lists = [one for one in given if isinstance(one, list)]
    numbers = [one for one in given if isinstance(one, int)]
    if bool(texts) + bool(lists) + bool(numbers) > 1:
        raise BadRequest("input mixes texts and tokens; send one kind.", param="input", code="wrong_type")
    if "" in texts or [] in lists:
        raise BadRequest("input holds an empty item.", param="input")
    return texts, [numbers] if numbers else lists


def write_openai(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    wanted = _wanted(request)
    if wanted.task:
        losses.add("field", "taskType")
    if wanted.title:
        losses.add("field", "title")
    body: dict[str, Any] = {"model": target.model, "input": list(wanted.inputs), "encoding_format": FLOAT}
    if wanted.dimensions is not None:
        body["dimensions"] = wanted.dimensions
    if wanted.user:
        body["user"] = wanted.user
    return orjson.dumps(body)


# ---- Gemini's requests


class _Part(Struct):
    text: str | None = None


class _Content(Struct):
    parts: list[_Part] | _Part | None = None


class _One(Struct):
    content: _Content | str | None = None
    model: str | None = None
    taskType: str | None = None
    task_type: str | None = None
    title: str | None = None
    outputDimensionality: int | None = None
    output_dimensionality: int | None = None


class GeminiRequest(_One):
    requests: list[_One] | None = None
    fairlead: Options | None = None


_GEMINI = msgspec.json.Decoder(GeminiRequest)
GEMINI_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(GeminiRequest))


def read_gemini(body: bytes, model: str = "", stream: bool = False) -> EmbeddingsView:
    request = decode(body, _GEMINI, GEMINI_FIELDS)
    batch = request.requests is not None
    asked: list[_One] = [request] if request.requests is None else request.requests
    where = "requests" if batch else "content"
    if not 1 <= len(asked) <= MOST_INPUTS:
        raise BadRequest(f"requests has to hold from 1 to {MOST_INPUTS:,} requests.", param="requests")
    first = asked[0]
    name = model or (request.model or first.model or "").removeprefix("models/")
    if not name or len(name) > google.NAME_LIMIT:
        raise BadRequest("There is no model in the path, or one with too long a name.", param="model")
    view = EmbeddingsView(name, body, request.fairlead, [_said(one, where) for one in asked], [])
    settings = {
        (one.taskType or one.task_type or "", one.outputDimensionality or one.output_dimensionality) for one in asked
    }
    if len(settings) > 1:
        raise BadRequest("All requests of a batch need the same taskType and outputDimensionality.", param="requests")
    view.task, view.dimensions = settings.pop()
    _check_dimensions(view, "outputDimensionality")
    view.title = first.title or ""
    view.batch = batch
    return view


def _said(one: _One, where: str) -> str:
    content = one.content
    if isinstance(content, str):
        said = content
    elif content is None or content.parts is None:
        said = ""
    else:
        parts = content.parts if isinstance(content.parts, list) else [content.parts]
        if any(part.text is None for part in parts):
            raise BadRequest("Only text can be embedded here.", param=where)
        said = "\n".join(part.text or "" for part in parts)
    if not said:
        raise BadRequest(f"{where} holds no text.", param=where)
    return said


def write_gemini(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    """A body for batchEmbedContents, which takes a single text as well."""
    wanted = _wanted(request)
    if wanted.tokens:
        raise BadRequest(
            "The model that was chosen takes texts, not tokens; send input as text.",
            param="input",
            code="not_translatable",
        )
    if wanted.user:
        losses.add("user")
    shared: dict[str, Any] = {"model": f"models/{target.model}"}
    if wanted.task:
        shared["taskType"] = wanted.task
    if wanted.title:
        shared["title"] = wanted.title
    if wanted.dimensions is not None:
        shared["outputDimensionality"] = wanted.dimensions
    return orjson.dumps({"requests": [{**shared, "content": {"parts": [{"text": one}]}} for one in wanted.inputs]})


def _wanted(request: neutral.Request) -> Wanted:
    if not isinstance(request, Wanted):
        raise BadRequest("The model that was chosen makes embeddings only.", param="model", code="not_translatable")
    return request


# ---- answers


class _OpenAIUsage(Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Item(Struct):
    embedding: list[float] | str
    index: int | None = None


class _OpenAIAnswer(Struct):
    data: list[_Item]
    model: str | None = None
    usage: _OpenAIUsage | None = None


class _Account(Struct):
    data: Raw | UnsetType = UNSET
    embedding: Raw | UnsetType = UNSET
    embeddings: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    usageMetadata: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class _Values(Struct):
    values: list[float] = []


class _GeminiAnswer(Struct):
    embedding: _Values | None = None
    embeddings: list[_Values] | None = None
    usageMetadata: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_OpenAIAnswer)
_ACCOUNT = msgspec.json.Decoder(_Account)
_USAGE = msgspec.json.Decoder(_OpenAIUsage)
_GEMINI_ANSWER = msgspec.json.Decoder(_GeminiAnswer)


def account(body: bytes) -> tuple[Usage | None, str]:
    """(usage, why it is no answer) of either dialect."""
    try:
        found = _ACCOUNT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return unreadable(body)
    if given(found.error):
        return Usage(), "the provider sent an error with status 200"
    usage = google.read_usage(found.usageMetadata)
    if found.usage is not UNSET:
        try:
            usage = _used(_USAGE.decode(found.usage))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            usage = None
    if all(raw is UNSET or bytes(raw) in EMPTY for raw in (found.data, found.embedding, found.embeddings)):
        return usage, "the provider's answer holds no embeddings"
    return usage, ""


def _used(usage: _OpenAIUsage | None) -> Usage | None:
    if usage is None:
        return None
    tokens = usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens
    return Usage(tokens) if tokens is not None and 0 < tokens < MOST_TOKENS else None


def read_openai_answer(body: bytes) -> Vectors:
    found = _ANSWER.decode(body)
    items = found.data
    if items and all(item.index is not None for item in items):
        items = sorted(items, key=lambda item: item.index or 0)
    vectors = tuple(
        tuple(item.embedding) if isinstance(item.embedding, list) else _numbers(item.embedding) for item in items
    )
    return _vectors(vectors, found.model or "", _used(found.usage))


def read_gemini_answer(body: bytes) -> Vectors:
    found = _GEMINI_ANSWER.decode(body)
    listed = found.embeddings or ([found.embedding] if found.embedding is not None else [])
    return _vectors(tuple(tuple(one.values) for one in listed), "", google.read_usage(found.usageMetadata))


def _vectors(vectors: tuple[tuple[float, ...], ...], model: str, usage: Usage | None) -> Vectors:
    if not vectors or not all(vectors):
        raise ValueError("the provider's answer holds no embeddings")
    return Vectors(id="", model=model, blocks=(), stop="end", usage=usage, vectors=vectors)


def write_openai_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    encoding = asked.view.encoding if isinstance(asked.view, EmbeddingsView) else FLOAT
    tokens = answer.usage.input if answer.usage is not None else 0
    data = [
        {"object": "embedding", "index": index, "embedding": _text(vector) if encoding == BASE64 else vector}
        for index, vector in enumerate(_of(answer))
    ]
    told = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": data, "model": asked.model, "usage": told})


def write_gemini_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    listed = [{"values": vector} for vector in _of(answer)]
    single = isinstance(asked.view, EmbeddingsView) and not asked.view.batch
    out: dict[str, Any] = {"embedding": listed[0]} if single else {"embeddings": listed}
    if answer.usage is not None:
        out["usageMetadata"] = {"promptTokenCount": answer.usage.input, "totalTokenCount": answer.usage.input}
    return orjson.dumps(out)


def _of(answer: neutral.Answer) -> tuple[tuple[float, ...], ...]:
    if not isinstance(answer, Vectors):
        raise TypeError("an answer without vectors")
    return answer.vectors


# ---- vectors


def _numbers(text: str) -> tuple[float, ...]:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the provider's embedding is not base64") from None
    if len(raw) % _INT4:
        raise ValueError("the provider's embedding is cut off")
    return struct.unpack(f"<{len(raw) // _INT4}f", raw)


def _text(vector: tuple[float, ...]) -> str:
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise ValueError("the provider's embedding holds a number that float32 cannot") from None


_RAW_ITEMS = msgspec.json.Decoder(list[dict[str, Raw]])
_RAW_ANSWER = msgspec.json.Decoder(dict[str, Raw])
_NUMBERS = msgspec.json.Decoder(list[float])


def as_asked(body: bytes, view: View) -> bytes:
    """An upstream's answer with its vectors in the encoding that was asked for; as it came where they are already."""
    if not isinstance(view, EmbeddingsView):
        return body
    wants_text = view.encoding == BASE64
    try:
        raw = _RAW_ANSWER.decode(body).get("data")
        if raw is None:
            return body
        items = _RAW_ITEMS.decode(raw)
        if all((bytes(item.get("embedding", b""))[:1] == b'"') == wants_text for item in items):
            return body
        data = b",".join(_converted(item, wants_text) for item in items)
        return json.splice(body, {"data": b"[" + data + b"]"})
    except (msgspec.DecodeError, BadRequest, ValueError, struct.error):
        return body


def _converted(item: dict[str, Raw], wants_text: bool) -> bytes:
    raw = bytes(item.get("embedding", b""))
    fields = dict(item)
    if wants_text and raw[:1] == b"[":
        fields["embedding"] = Raw(b'"' + _text(tuple(_NUMBERS.decode(raw))).encode() + b'"')
    elif not wants_text and raw[:1] == b'"':
        fields["embedding"] = Raw(orjson.dumps(_numbers(orjson.loads(raw))))
    return msgspec.json.encode(fields)


# ---- the dialects


def _no_stream(*_: object) -> NoReturn:
    raise BadRequest("Embeddings are not streamed.", param="stream")


def _passing(view: View, stripped: bool) -> Reader:
    return _no_stream()


DIALECT = Dialect(
    name=OPENAI,
    read_request=read_openai,
    write_request=write_openai,
    read_answer=read_openai_answer,
    write_answer=write_openai_answer,
    interpreter=_no_stream,
    writer=_no_stream,
    passing=_passing,
    account=account,
    error_body=chat.error_body,
    error_event=chat.error_event,
)
GEMINI_DIALECT = Dialect(
    name=GEMINI,
    read_request=read_gemini,
    write_request=write_gemini,
    read_answer=read_gemini_answer,
    write_answer=write_gemini_answer,
    interpreter=_no_stream,
    writer=_no_stream,
    passing=_passing,
    account=account,
    error_body=google.error_body,
    error_event=google.error_event,
)
