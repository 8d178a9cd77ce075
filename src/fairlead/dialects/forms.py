"""Forms (`multipart/form-data`): which fields there are and where, read so strictly that nobody could read them otherwise.

What is decided by a field here must be what its provider reads there. So a form is refused that two readers may understand
in two ways: text before its first part, another boundary in its header, a boundary within a part, a field that stands
twice, a name that is not quoted.
"""

from __future__ import annotations

import re

import msgspec

from fairlead.errors import BadRequest

LONGEST_BOUNDARY = 70
_DISPOSITION = re.compile(rb"\r\ncontent-disposition:[ \t]*form-data((?:;[^\r\n]*)?)(?=\r\n|\Z)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([A-Za-z*]+)=(?:"([^"\\\r\n]*)"|([^";\s]+))[ \t]*')
_BOUNDARY = re.compile(rb';[ \t]*boundary=(?:"([^"\\]+)"|([^";\s]+))[ \t]*(?:;|\Z)', re.IGNORECASE)


class Form(msgspec.Struct, frozen=True):
    boundary: bytes
    fields: dict[bytes, tuple[int, int]]
    """By name, from where to where the content stands."""


def read(body: bytes) -> Form:
    """Raises BadRequest."""
    end = body.find(b"\r\n")
    mark = body[:end]
    if not body.startswith(b"--") or not 2 < len(mark) <= LONGEST_BOUNDARY + 2 or mark != mark.strip():
        raise _wrong("it does not begin with its boundary")
    fields: dict[bytes, tuple[int, int]] = {}
    marks, at = 1, end
    while True:
        head = body.find(b"\r\n\r\n", at)
        after = body.find(b"\r\n" + mark, head + 2) if head >= 0 else -1
        if after < 0:
            raise _wrong("a part has no end")
        marks += 1
        name = _name(body[at : head + 2])
        if name in fields:
            raise BadRequest(
                f"{name.decode('utf-8', 'replace')[:60]!r} stands twice in the form.", code="duplicate_field"
            )
        fields[name] = (min(head + 4, after), after)
        at = after + 2 + len(mark)
        if body[at : at + 2] == b"--":
            break
        if body[at : at + 2] != b"\r\n":
            raise _wrong("something stands behind a boundary")
    if body.count(mark) != marks:
        raise _wrong("its boundary stands within a part")
    return Form(mark[2:], fields)


def demand_boundary(content_type: bytes, body: bytes) -> None:
    """What a form's header says of its boundary has to be so. Raises BadRequest."""
    if body[:2] != b"--":
        return
    kind = content_type.partition(b";")[0].strip().lower()
    found = _BOUNDARY.search(content_type)
    told = (found[1] or found[2]) if found is not None else b""
    if (
        kind != b"multipart/form-data"
        or body[2 : body.find(b"\r\n")] != told
        or content_type.lower().count(b"boundary") != 1
    ):
        raise _wrong("its content-type does not say its boundary")


def _name(head: bytes) -> bytes:
    found = _DISPOSITION.findall(head)
    if len(found) != 1 or head.lower().count(b"content-disposition") != 1:
        raise _wrong("a part does not say its name once")
    names, at = [], 0
    told = found[0]
    while at < len(told):
        parameter = _PARAMETER.match(told, at)
        if parameter is None:
            raise _wrong("a part's name cannot be read")
        if parameter[1].lower() in (b"name", b"name*"):
            names.append(parameter[2] if parameter[1].lower() == b"name" else None)
        at = parameter.end()
    if len(names) != 1 or not names[0]:
        raise _wrong("a part's name is missing, or is not quoted")
    return names[0]


def _wrong(why: str) -> BadRequest:
    return BadRequest(f"This form cannot be read: {why}.", code="invalid_form")
