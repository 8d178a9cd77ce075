"""OpenAI Responses."""

from __future__ import annotations

from typing import cast

from fairlead.dialects.dialect import Dialect, Reader, View
from fairlead.dialects.openai_responses import answer, native, request, stream
from fairlead.dialects.openai_responses.passing import StreamReader


def _passing(view: View, strip: bool) -> Reader:
    return cast(Reader, StreamReader())


DIALECT = Dialect(
    native.NAME,
    native.read_request,
    request.write_request,
    answer.read_answer,
    answer.write_answer,
    stream.Interpreter,
    stream.Writer,
    _passing,
    native.account,
    native.error_body,
    native.error_event,
    read_count=native.read_count,
    write_count=native.write_count,
)
