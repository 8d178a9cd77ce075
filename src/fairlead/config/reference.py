"""The configuration reference as Markdown, read off the schema, and the schema's structure for messages."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fairlead.config.document import NodePath
from fairlead.config.schema import Config
from fairlead.config.secret import Secret
from fairlead.config.section import Section
from fairlead.config.values import Word

INTRODUCTION = """\
# Configuration reference

Generated from the schema by `scripts/build_docs.py`; edit the descriptions there, not this page.

A configuration is one YAML file. Rules:

- All problems are reported at once, each as `FILE:LINE: path: message`; `fairlead config check FILE` prints them.
  Warnings come beside them, unless what is wrong had to be left out before the rest was looked at: it may be just what they miss.
- Only `true` and `false` are switches (YAML 1.2); `yes`, `no`, `on` and `off` are text. A setting with nothing after
  the colon counts as left out.
- `${NAME}` and `${NAME:-default}` are filled in from the environment inside values; a variable that is not set and has
  no default is an error. The default also holds for an empty variable. `$${` stands for `${`. What a variable holds is
  always a single value, never YAML.
- A key given twice, YAML tags, merge keys (`<<`) and unknown settings are errors. Anchors and aliases may be used.
- Prices are USD per million tokens, exact to nine decimals. A channel's own price goes before the model's, the model's
  before the catalogue's; a discount is taken off whichever holds. A price with `since` leaves the next one in force
  before that day. A model without any price is *unpriced*: it works, is reported as such, and never counts as free.
- The catalogue's price for a provider's kind is used; where the kind has none, or an `openai` provider has its own
  address, the price of the model's vendor. For self-hosted providers only a price you write down holds.
- A region comes from the channel, else the provider, else (for a provider at its kind's own address) the catalogue.
- Where nothing is known of a model's capabilities, `tools` and `json_schema` are assumed.
"""


def unwrap(annotation: Any) -> Any:
    """The type behind Annotated and `| None`."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            annotation = next(arg for arg in typing.get_args(annotation) if arg is not type(None))
        else:
            return annotation


def section_at(path: NodePath, root: type[Section] = Config) -> type[Section] | None:
    """The section that stands at a path of the file, if one does."""
    current: Any = root
    for part in path:
        if isinstance(current, type) and issubclass(current, Section):
            field = current.model_fields.get(str(part))
            if field is None:
                return None
            current = unwrap(field.annotation)
        elif typing.get_origin(current) is dict:
            current = unwrap(typing.get_args(current)[1])
        elif typing.get_origin(current) is tuple:
            current = unwrap(typing.get_args(current)[0])
        else:
            return None
    return current if isinstance(current, type) and issubclass(current, Section) else None


def settings(section: type[Section] = Config, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as it is written in a file: `providers.<name>.kind`, `keys[].limits.rpm`."""
    for name, field in section.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        yield path, field
        kind = unwrap(field.annotation)
        if typing.get_origin(kind) is dict:
            path, kind = f"{path}.<name>", unwrap(typing.get_args(kind)[1])
        elif typing.get_origin(kind) is tuple:
            path, kind = f"{path}[]", unwrap(typing.get_args(kind)[0])
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from settings(kind, path)


def words(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """A type as a reader calls it."""
    for mark in metadata:
        if isinstance(mark, Word):
            return mark.text
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return words(arguments[0], annotation.__metadata__)
    if origin in (typing.Union, types.UnionType):
        return words(next(arg for arg in arguments if arg is not type(None)))
    if origin is dict:
        return f"{words(arguments[0])} -> {words(arguments[1])}"
    if origin is tuple:
        return f"list of {words(arguments[0])}"
    return "settings" if issubclass(annotation, Section) else annotation.__name__


def default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    value = field.default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value in ({}, ()) or isinstance(value, Section):
        return ""
    if isinstance(value, Secret) or value == "":
        return '`""`'
    return f"`{value}`"


def render() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    rows: list[str] = []
    for path, field in settings():
        if "." not in path and "[" not in path:
            if rows:
                parts.append(_table(rows))
                rows = []
            parts.append(f"## {path}\n\n{field.description} ({words(field.annotation, tuple(field.metadata))})\n")
        else:
            kind = words(field.annotation, tuple(field.metadata))
            rows.append(f"| `{path}` | {_cell(kind)} | {_cell(default(field))} | {_cell(field.description or '')} |")
    parts.append(_table(rows))
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(rows: list[str]) -> str:
    return "\n".join(("| setting | type | default | meaning |", "|---|---|---|---|", *rows, ""))
