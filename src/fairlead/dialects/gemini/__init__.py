"""Google's Gemini API: generateContent, streamGenerateContent and countTokens."""

from __future__ import annotations

from typing import cast

from fairlead.dialects.dialect import Dialect, Reader, View
from fairlead.dialects.gemini import native
from fairlead.dialects.gemini.answer import read_answer, write_answer
from fairlead.dialects.gemini.passing import StreamReader
from fairlead.dialects.gemini.request import write_request
from fairlead.dialects.gemini.stream import Interpreter, Writer


def _passing(view: View, stripped: bool) -> Reader:
    return cast(Reader, StreamReader(view.answers))


DIALECT = Dialect(
    name="gemini",
    read_request=native.read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    interpreter=Interpreter,
    writer=Writer,
    passing=_passing,
    account=native.account,
    error_body=native.error_body,
    error_event=native.error_event,
    read_count=native.read_count,
    write_count=native.write_count,
    ping=b"\r\n\r\n",  # Google's clients take a comment for an error, and leave out blank lines
)
