"""Settings put into a configuration's text, so that everything else in it stays as it is: comments, order, layout.

Rules:
- A value that is there is replaced where it stands. What is missing is added behind the last setting of its section, in
  that section's style.
- A list or mapping is written on one line. One that stood on several loses the comments inside it, nothing else does.
- What an alias stands for is not changed: it belongs to another place as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from fairlead.errors import ConfigError

Value = str | bool | float | tuple[str, ...] | dict[str, str | tuple[str, ...]]
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/@+-]*")
SPOKEN_FOR = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
STEP = "  "


def patched(text: str, path: Sequence[str], value: Value) -> str:
    """The text with one setting set. Raises ConfigError where its form does not let that be done."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError([f"not readable as YAML: {str(error).splitlines()[0]}"]) from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(["the configuration is not a mapping"])
    node, begins = root, 0
    for depth, part in enumerate(path):
        found = _entry(node, part)
        rest = path[depth + 1 :]
        if found is None:
            return _added(text, node, part, rest, value)
        key, inner = found
        if inner.start_mark.index < key.start_mark.index:
            raise ConfigError([f"{'.'.join(path[: depth + 1])} is an alias (`*name`): change it where it is declared"])
        begins = key.end_mark.index
        if not rest or not isinstance(inner, yaml.MappingNode):
            if rest and not _is_nothing(inner):
                raise ConfigError([f"{'.'.join(path[: depth + 1])} is no mapping"])
            return _replaced(text, begins, inner, _nested(rest, value))
        node = inner
    raise ConfigError(["nothing to set"])


def _entry(node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null") and node.style is None


def _replaced(text: str, key_ends: int, node: yaml.Node, value: str) -> str:
    """A block, and nothing at all, begins anew behind the colon; what stands in the line stays there."""
    start, end = node.start_mark.index, _end(text, node)
    block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    if block or start >= end:
        start = text.index(":", key_ends) + 1
        return f"{text[:start]} {value}{text[max(start, end) :]}"
    return text[:start] + value + text[end:]


def _added(text: str, node: yaml.MappingNode, name: str, rest: Sequence[str], value: Value) -> str:
    if node.flow_style:
        shown = f"{scalar(name)}: {_nested(rest, value)}"
        if not node.value:
            return f"{text[: node.start_mark.index]}{{{shown}}}{text[node.end_mark.index :]}"
        end = _end(text, node.value[-1][1]) or node.value[-1][0].end_mark.index
        return f"{text[:end]}, {shown}{text[end:]}"
    column = node.value[0][0].start_mark.column
    key, last = node.value[-1]
    end = max(_end(text, last), text.index(":", key.end_mark.index) + 1)
    at = text.find("\n", end)
    line_end = "\r\n" if "\r\n" in text else "\n"
    before, after = (text + line_end, "") if at < 0 else (text[: at + 1], text[at + 1 :])
    lines, indent = [], " " * column
    for part in (name, *rest)[:-1]:
        lines.append(f"{indent}{scalar(part)}:")
        indent += STEP
    lines.append(f"{indent}{scalar((name, *rest)[-1])}: {rendered(value)}")
    return before + "".join(line + line_end for line in lines) + after


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's own characters end: a block's mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        if isinstance(last, tuple):
            return max(_end(text, last[1]), text.index(":", last[0].end_mark.index) + 1)
        return _end(text, last)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[:end].rstrip())
    return end


def _nested(rest: Sequence[str], value: Value) -> str:
    shown = rendered(value)
    for part in reversed(rest):
        shown = f"{{{scalar(part)}: {shown}}}"
    return shown


def rendered(value: Value) -> str:
    """In YAML's flow style, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{scalar(key)}: {rendered(part)}' for key, part in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(scalar, value))}]"
    return scalar(value) if isinstance(value, str) else f"{value:g}"


def scalar(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in SPOKEN_FOR:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
