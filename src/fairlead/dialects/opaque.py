"""Requests that pass through unread but for their model's name: moderations, images, audio. JSON or a form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec
from msgspec import Struct

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects import forms, neutral
from fairlead.dialects.body import decode
from fairlead.dialects.dialect import Asked, Dialect, Interpreter, Reader, Target, View, Writer
from fairlead.dialects.openai_chat import native as chat
from fairlead.dialects.translate import Losses
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest

NAME = "opaque"
LONGEST_MODEL = 256


class Request(Struct):
    model: str
    n: object = None
    fairlead: Options | None = None


class _Details(Struct):
    image_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(Struct):
    usage: _Usage | None = None


_REQUEST = msgspec.json.Decoder(Request)
_ANSWER = msgspec.json.Decoder(_Answer)
FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Request))


class OpaqueView:
    __slots__ = ("form", "model", "options", "several")
    stream = False
    answers = 1
    predicted = 0
    user = ""

    def __init__(self, model: str, options: Options | None, form: bool, several: bool) -> None:
        self.model = model
        self.options = options
        self.form = form
        self.several = several
        """Whether more than one of what is made is asked for."""

    def shape(self) -> Shape:
        return Shape(0, 0, 1)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())

    @property
    def max_output(self) -> int | None:
        return None

    def neutral(self) -> neutral.Request:
        untranslatable()


def read_request(body: bytes, model: str, stream: bool) -> OpaqueView:
    if body.startswith(b"--"):
        fields = forms.read(body).fields
        start, end = fields.get(b"model", (0, 0))
        if not 0 < end - start <= LONGEST_MODEL:
            raise BadRequest("model is missing from the form.", param="model", code="missing_field")
        count = fields.get(b"n")
        several = count is not None and body[slice(*count)].strip() != b"1"
        return OpaqueView(body[start:end].decode("utf-8", "replace"), None, True, several)
    request = decode(body, _REQUEST, FIELDS)
    return OpaqueView(request.model, request.fairlead, False, request.n not in (None, 1))


def renamed(body: bytes, model: str) -> bytes:
    """A form with another model's name."""
    start, end = forms.read(body).fields[b"model"]
    return body[:start] + model.encode() + body[end:]


def account(body: bytes) -> tuple[Usage | None, str]:
    """Tokens where they are told; nothing else can be known of such an answer."""
    try:
        usage = _ANSWER.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Usage(), ""
    if usage is None:
        return Usage(), ""
    told, made = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    read, written = usage.input_tokens_details or _Details(), usage.output_tokens_details or _Details()
    return Usage(
        told,
        made,
        image_input=min(max(read.image_tokens or 0, 0), told),
        audio_input=min(max(read.audio_tokens or 0, 0), told),
        image_output=min(max(written.image_tokens or 0, 0), made),
        audio_output=min(max(written.audio_tokens or 0, 0), made),
    ), ""


def untranslatable(*given: object) -> NoReturn:
    raise BadRequest("This kind of request is only passed on, to a provider that takes it.", code="not_translatable")


def write_request(request: neutral.Request, target: Target, losses: Losses) -> bytes:
    untranslatable()


def read_answer(body: bytes) -> neutral.Answer:
    untranslatable()


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    untranslatable()


def interpreter() -> Interpreter:
    untranslatable()


def writer(asked: Asked) -> Writer:
    untranslatable()


def passing(view: View, strip: bool) -> Reader:
    untranslatable()


DIALECT = Dialect(
    NAME,
    read_request,
    write_request,
    read_answer,
    write_answer,
    interpreter,
    writer,
    passing,
    account,
    chat.error_body,
    chat.error_event,
)
