"""YAML text to a tree of nodes that remember their lines.

Rules, all of them stricter than YAML's own:
- YAML 1.2 scalars: only `true` and `false` are switches, only `null`, `~` and nothing are nothing; decimals stay exact.
- No tags, no merge keys, one document, text keys only; a key given twice is an error, not the last one's victory.
- Aliases are followed, but the expanded tree, the nesting and the file are capped, so none of them is a bomb.
- `${NAME}` and `${NAME:-default}` are filled in inside values, after parsing: what a variable holds is never YAML.
  `$${` stands for `${`.

It reads the parser's events instead of PyYAML's own trees, so a hostile file is refused while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from fairlead.config.masking import masked
from fairlead.config.values import Substituted, parse_number

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_CHARS = 4_000_000
MAX_NODES = 200_000
MAX_DEPTH = 32
VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]{0,4096}))?\}|\$\{")
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
SWITCHES = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

SECRETS = frozenset({"api_key", "api_keys", "key", "pepper", "headers", "secret"})
"""Settings whose texts are secrets."""
SECRET_PARTS = {"webhook": ("url",)}
"""The same of settings whose names others have too, by what they are part of."""

PathPart = str | int
NodePath = tuple[PathPart, ...]


class Problem(msgspec.Struct, frozen=True):
    line: int
    path: str
    message: str

    def render(self, file: str, secrets: Iterable[str] = ()) -> str:
        told = masked(f"{self.path}: {self.message}" if self.path else self.message, secrets)
        return f"{file}:{self.line}: {told}"


class Node(msgspec.Struct):
    """A scalar has `value`; a mapping `entries`; a list `items`. `size` counts it with all below, aliases expanded."""

    line: int
    value: str | int | bool | Any | None = None
    entries: dict[str, Entry] | None = None
    items: list[Node] | None = None
    size: int = 1
    position: int = 0
    """Where it stands in its list, in the file."""

    def data(self) -> Any:
        if self.entries is not None:
            return {key: entry.node.data() for key, entry in self.entries.items()}
        if self.items is not None:
            return [item.data() for item in self.items]
        return self.value

    def substituted(self) -> Iterator[str]:
        """Every text that holds a variable's content."""
        if isinstance(self.value, Substituted):
            yield str(self.value)
        for node in (*(entry.node for entry in (self.entries or {}).values()), *(self.items or ())):
            yield from node.substituted()

    def secrets(self) -> Iterator[str]:
        """Every text where a secret belongs, at whatever depth."""
        for name, entry in (self.entries or {}).items():
            if name in SECRETS:
                yield from entry.node.texts()
            parts = entry.node.entries or {}
            for part in SECRET_PARTS.get(name, ()):
                if part in parts:
                    yield from parts[part].node.texts()
            yield from entry.node.secrets()
        for item in self.items or ():
            yield from item.secrets()

    def texts(self) -> Iterator[str]:
        if isinstance(self.value, str):
            yield self.value
        for node in (*(entry.node for entry in (self.entries or {}).values()), *(self.items or ())):
            yield from node.texts()

    def line_of(self, path: NodePath) -> int:
        """The line of the deepest part of `path` that exists."""
        node, line = self, self.line
        for part in path:
            if node.entries is not None and part in node.entries:
                entry = node.entries[str(part)]
                node, line = entry.node, entry.line
            elif node.items is not None and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
                line = node.line
            else:
                break
        return line

    def spell(self, path: NodePath) -> str:
        """A path as it is in the file, also where entries of lists were taken out."""
        node: Node | None = self
        parts: list[PathPart] = []
        for part in path:
            if node is not None and isinstance(part, int) and node.items is not None and part < len(node.items):
                node = node.items[part]
                parts.append(node.position)
            elif node is None or not node.is_single or not isinstance(part, int):
                entry = node.entries.get(str(part)) if node is not None and node.entries is not None else None
                node = entry.node if entry is not None else None
                parts.append(part)
        return spell(tuple(parts))

    def put(self, path: NodePath, value: str | int) -> bool:
        """Set a scalar in the mapping above the end of `path`; false when there is no such mapping."""
        node: Node = self
        for part in path[:-1]:
            if node.entries is not None and part in node.entries:
                node = node.entries[str(part)].node
            elif node.items is not None and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return False
        if node.entries is None:
            return False
        node.entries[str(path[-1])] = Entry(node.line, Node(node.line, value))
        return True

    def remove(self, path: NodePath) -> bool:
        """Take out what stands at `path`; false when nothing does."""
        node: Node = self
        for part in path[:-1]:
            if node.entries is not None and part in node.entries:
                node = node.entries[str(part)].node
            elif node.items is not None and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return False
        last = path[-1]
        if node.entries is not None:
            return node.entries.pop(str(last), None) is not None
        if node.items is not None and isinstance(last, int) and last < len(node.items):
            del node.items[last]
            return True
        if node.is_single and isinstance(last, int):
            return self.remove(path[:-1])
        return False

    @property
    def is_single(self) -> bool:
        """Whether it is a plain value, which counts as a list of one where a list may stand."""
        return self.entries is None and self.items is None


class Entry(msgspec.Struct):
    line: int
    """Where the key stands."""
    node: Node


class Unreadable(Exception):
    """Nothing further can be made of the text."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, "", message)


def spell(path: NodePath) -> str:
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{masked(part)}" if out else masked(part)
    return out


def compose(text: str, env: Mapping[str, str], needs: str = "`providers` and `models`") -> tuple[Node, list[Problem]]:
    """The tree of a text, and what is wrong with it. Raises Unreadable when there is no tree."""
    if len(text) > MAX_CHARS:
        raise Unreadable(1, f"the file is too large: {len(text):,} characters, at most {MAX_CHARS:,} are read")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    _check_characters(text)
    composer = _Composer(env)
    try:
        node = composer.document(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        raise _unreadable(text, error) from None
    except yaml.YAMLError as error:
        raise Unreadable(1, f"not readable as YAML: {str(error).splitlines()[0]}") from None
    if node is None or (node.value is None and node.entries is None and node.items is None):
        raise Unreadable(1, f"the file is empty: it needs at least {needs}")
    return node, composer.problems


def _check_characters(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if control := FORBIDDEN.search(line):
            if control[0] == "\r":
                raise Unreadable(number, "the lines end with a lone CR; save the file with LF or CRLF line ends")
            raise Unreadable(number, f"the character U+{ord(control[0]):04X} may not stand in a configuration file")


def _unreadable(text: str, error: yaml.MarkedYAMLError) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    line = min(mark.line, text.count("\n")) + 1 if mark else 1
    words = text.split("\n")[line - 1]
    if "\t" in words[: len(words) - len(words.lstrip())]:
        return Unreadable(line, "the line is indented with a tab: YAML wants spaces")
    message = ", ".join(part for part in (error.context, error.problem) if part)
    hint = "; inside { } and [ ] a ${VARIABLE} needs quotes" if "${" in words else ""
    return Unreadable(line, f"not readable as YAML: {message}{hint}")


class _Composer:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node | None] = {}
        """None while the anchored node is still being read."""

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise Unreadable(_line(event), "a second document begins here; a configuration is one document")
                root = self.node(next(events), events, ())
        return root

    def complain(self, line: int, path: NodePath, message: str) -> None:
        self.problems.append(Problem(line, spell(path), message))

    def node(self, event: yaml.Event, events: Iterator[yaml.Event], path: NodePath) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            raise Unreadable(_line(event), "not readable as YAML: a value is missing")
        if len(path) > MAX_DEPTH:
            raise Unreadable(_line(event), f"nested deeper than {MAX_DEPTH} levels")
        if event.tag is not None:
            self.complain(_line(event), path, "YAML tags are not accepted; remove the tag")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(_line(event), self.scalar(event, path))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, events, path)
        else:
            node = self.mapping(event, events, path)
        if node.size > MAX_NODES:
            raise Unreadable(node.line, f"more than {MAX_NODES:,} values, aliases expanded")
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: yaml.AliasEvent, path: NodePath) -> Node:
        if event.anchor not in self.anchors:
            raise Unreadable(_line(event), "an alias names an anchor that does not stand before it")
        node = self.anchors[event.anchor]
        if node is None:
            raise Unreadable(_line(event), "an alias stands inside what it names")
        return node

    def sequence(self, event: yaml.Event, events: Iterator[yaml.Event], path: NodePath) -> Node:
        items: list[Node] = []
        size = 1
        for inner in events:
            if isinstance(inner, yaml.SequenceEndEvent):
                break
            item = self.node(inner, events, (*path, len(items)))
            items.append(msgspec.structs.replace(item, position=len(items)))
            size = self.grown(size, item)
        return Node(_line(event), items=items, size=size)

    def mapping(self, event: yaml.Event, events: Iterator[yaml.Event], path: NodePath) -> Node:
        entries: dict[str, Entry] = {}
        size = 1
        for key in events:
            if isinstance(key, yaml.MappingEndEvent):
                break
            name = self.key(key, events, path)
            inner = (*path, name or "?")
            node = self.node(next(events), events, inner)
            size = self.grown(size, node)
            if name is None:
                continue
            if name in entries:
                self.complain(_line(key), inner, f"given twice; the first is on line {entries[name].line}")
                continue
            entries[name] = Entry(_line(key), node)
        return Node(_line(event), entries=entries, size=size)

    def grown(self, size: int, node: Node) -> int:
        size += node.size
        if size > MAX_NODES:
            raise Unreadable(node.line, f"more than {MAX_NODES:,} values, aliases expanded")
        return size

    def key(self, event: yaml.Event, events: Iterator[yaml.Event], path: NodePath) -> str | None:
        """The text of a key as written; None, and a problem, where it is not one."""
        if not isinstance(event, yaml.ScalarEvent):
            self.node(event, events, (*path, "?"))
            self.complain(_line(event), path, "a key must be a text, not a list, a mapping or an alias")
            return None
        name: str = event.value
        if event.tag is not None:
            self.complain(_line(event), path, "YAML tags are not accepted; remove the tag")
        if event.anchor is not None:
            self.complain(_line(event), path, "an anchor belongs to a value, not to a key")
            self.anchors[event.anchor] = Node(_line(event), name)
        if name == "<<" and event.implicit[0]:
            self.complain(_line(event), path, "merge keys (<<) are not accepted; write the settings out")
            return None
        if not name:
            self.complain(_line(event), path, "a key is empty")
            return None
        if "${" in name:
            self.complain(_line(event), path, "variables are filled in inside values, not in keys")
            return None
        return name

    def scalar(self, event: yaml.ScalarEvent, path: NodePath) -> Any:
        text: str = event.value
        if "${" in text:
            return self.substitute(text, _line(event), path)
        if not event.implicit[0]:
            return text
        if text in NOTHING:
            return None
        if text in SWITCHES:
            return SWITCHES[text]
        number = parse_number(text)
        return text if number is None else number

    def substitute(self, text: str, line: int, path: NodePath) -> str:
        filled = False

        def fill(match: re.Match[str]) -> str:
            nonlocal filled
            if match[0] == "$${":
                return "${"
            name, default = match[1], match[2]
            if name is None:
                self.complain(line, path, "a variable is written ${NAME} or ${NAME:-default}; $${ stands for ${")
                return ""
            filled = True
            value = self.env.get(name)
            if default is not None and not value:
                return default
            if value is None:
                self.complain(line, path, f"the variable {name} is not set; set it or write ${{{name}:-default}}")
                return ""
            return value

        result = VARIABLE.sub(fill, text)
        return Substituted(result) if filled else result


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
