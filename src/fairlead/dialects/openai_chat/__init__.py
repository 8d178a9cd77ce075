"""OpenAI Chat Completions."""

from __future__ import annotations

from typing import cast

from fairlead.dialects.dialect import Dialect, Reader, View
from fairlead.dialects.openai_chat import answer, native, request, stream
from fairlead.dialects.openai_chat.passing import StreamReader


def _passing(view: View, strip: bool) -> Reader:
    return cast(Reader, StreamReader(strip, view.answers))


DIALECT = Dialect(
    native.DIALECT,
    native.read_request,
    request.write_request,
    answer.read_answer,
    answer.write_answer,
    stream.ChatInterpreter,
    stream.ChatWriter,
    _passing,
    native.account,
    native.error_body,
    native.error_event,
    usual=native.usual,
)
