"""Anthropic's Messages."""

from __future__ import annotations

from fairlead.dialects.anthropic_messages import native
from fairlead.dialects.anthropic_messages.answer import read_answer, write_answer
from fairlead.dialects.anthropic_messages.interpreter import Interpreter
from fairlead.dialects.anthropic_messages.passing import StreamReader
from fairlead.dialects.anthropic_messages.request import write_request
from fairlead.dialects.anthropic_messages.stream import PING, Writer
from fairlead.dialects.dialect import Dialect, Reader, View


def _passing(view: View, strip: bool) -> Reader:
    """Usage is always told here, so that there is never any to take out."""
    return StreamReader()


DIALECT = Dialect(
    name=native.DIALECT,
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
    ping=PING,
)
