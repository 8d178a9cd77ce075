"""A configuration file to a `Config`, or to the list of everything that is wrong with it.

1. `document`: YAML to a tree with lines; variables are filled in.
2. `schema`: types, ranges, unknown settings. What is wrong is noted and taken out, so that the rest can be
3. `checks`: compared with itself and with the catalogue: names that lead nowhere, names given twice.
Problems come back together, in the order of their lines. No message repeats a secret or a variable's content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fairlead.config import checks, spelling
from fairlead.config.document import Node, NodePath, Problem, Unreadable, compose
from fairlead.config.masking import masked
from fairlead.config.offers import Catalogue
from fairlead.config.reference import section_at
from fairlead.config.schema import Config
from fairlead.config.section import Section
from fairlead.config.values import Substituted, found
from fairlead.errors import ConfigError

MAX_BYTES = 16_000_000
S = TypeVar("S", bound=Section)
ROUNDS = 20
"""How often what is wrong is taken out before the rest is compared; what hides deeper shows on the next run."""


STAND_INS: dict[str, str | int] = {
    "name": "missing:",
    "key": "missing:",
    "provider": "",
    "input": 0,
    "output": 0,
    "above": 1,
    "amount": 0,
    "times": 1,
    "reason": "missing:",
    "prompt": "missing:",
}
"""What takes the place of a required value that is missing or wrong, so that its neighbours are still compared. Where a value
decides what its neighbours mean (`scope`, `kind`, the model that is to make embeddings) nothing can: what has it goes as a whole."""


def load(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> Config:
    """Read a file. Raises ConfigError with every problem. Without a catalogue the shipped one is used."""
    return loads(read(Path(path)), os.fspath(path), env, catalogue)


def check(
    path: str | os.PathLike[str], env: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> list[str]:
    """Every problem of a file; empty when it can be used."""
    try:
        load(path, env, catalogue)
    except ConfigError as error:
        return list(error.problems)
    return []


def state_dir(path: str | os.PathLike[str]) -> str:
    """Where the server of a file keeps its state, whatever else is wrong with the file. Raises ConfigError."""
    try:
        root, problems = compose(read(Path(path)), os.environ)
    except Unreadable as error:
        raise ConfigError([error.problem.render(os.fspath(path))]) from None
    config, wrong = validated(root, Config)
    problems += wrong
    if config is None or any(item.path == "server.state_dir" for item in problems):
        raise ConfigError(rendered(problems, os.fspath(path), tuple(root.secrets())))
    return config.server.state_dir


def loads(
    text: str,
    name: str = "<config>",
    env: Mapping[str, str] | None = None,
    catalogue: Catalogue | None = None,
) -> Config:
    try:
        root, problems = compose(text, os.environ if env is None else env)
    except Unreadable as error:
        raise ConfigError([error.problem.render(name)]) from None
    return from_tree(root, problems, name, catalogue)


def from_tree(root: Node, problems: list[Problem], name: str, catalogue: Catalogue | None = None) -> Config:
    """Steps 2 and 3, for a tree with what was wrong with its text."""
    names = checks.Declared(root)
    secrets = tuple(dict.fromkeys(root.secrets()))
    config, wrong = validated(root, Config)
    noted = {item.path for item in problems}
    problems += [item for item in wrong if item.path not in noted]
    whole = not problems
    warnings: list[Problem] = []
    if config is not None:
        catalogue = _shipped() if catalogue is None else catalogue
        findings = checks.run(config, names, catalogue)
        hidden = set(root.substituted())
        for item in findings:
            problem = Problem(root.line_of(item.path), root.spell(item.path), _masked(item.message, hidden))
            (problems if item.wrong else warnings).append(problem)
    told = tuple(rendered(warnings, name, secrets))
    if problems or config is None or catalogue is None:
        # What was taken out may be just what a warning misses.
        raise ConfigError(rendered(problems, name, secrets), told if whole else ())
    return checks.canonical(config, catalogue).warned(told)


def _masked(message: str, hidden: Iterable[str]) -> str:
    for text in hidden:
        message = message.replace(repr(text), "a text from the environment")
    return message


def rendered(problems: Iterable[Problem], name: str, secrets: tuple[str, ...] = ()) -> list[str]:
    return list(dict.fromkeys(item.render(name, secrets) for item in sorted(problems, key=lambda item: item.line)))


def _shipped() -> Catalogue:
    from fairlead.registry import catalogue

    return catalogue.load()


def located(text: str, name: str, problem: str) -> tuple[int, str]:
    """A problem that only shows when everything is built, with the line of the setting its words begin with."""
    root, _ = compose(text, os.environ)
    line = root.line_of(tuple(problem.split(" ", 1)[0].rstrip(":").split(".")))
    return line, f"{name}:{line}: {masked(problem, root.secrets())}"


def read(path: Path) -> str:
    """The text of a file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file"]) from None
    except IsADirectoryError:
        raise ConfigError([f"{path}: this is a directory; name a file in it"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise ConfigError([f"{path}: the file cannot be read: {reason}"]) from None
    if len(raw) > MAX_BYTES:
        raise ConfigError([f"{path}: the file is too large: at most {MAX_BYTES:,} bytes are read"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: the file is not UTF-8 text; save it as UTF-8"]) from None


def validated(root: Node, kind: type[S]) -> tuple[S | None, list[Problem]]:
    """The part of the tree that is right, as a `kind`, and what is wrong with the rest, which is taken out."""
    problems: list[Problem] = []
    for turn in range(ROUNDS):
        try:
            return kind.model_validate(root.data()), problems
        except ValidationError as error:
            details = error.errors(include_url=False)
        if turn == 0:
            problems = [_problem(root, item, kind) for item in details if not _follows(item)]
        if not _repair(root, details):
            break
    return None, problems


def _repair(root: Node, details: list[ErrorDetails]) -> bool:
    """Take out what is wrong and stand in for what is missing; false when nothing changed."""
    missing = [_path(item) for item in details if item["type"] == "missing"]
    filled = {path for path in missing if path[-1] in STAND_INS and root.put(path, _stand_in(root, path))}
    paths = {_culprit(item) for item in details if _path(item) not in filled}
    # From the back, so that the places in a list still hold.
    removed = [root.remove(path) for path in sorted(paths, key=_from_the_back, reverse=True) if path]
    return bool(filled) or any(removed)


def _stand_in(root: Node, path: NodePath) -> str | int:
    value = STAND_INS[str(path[-1])]
    if path[-1] == "provider":
        return next(iter(checks.Declared(root).providers), "none")
    return f"{value}{'.'.join(map(str, path))}" if isinstance(value, str) else value


def _from_the_back(path: NodePath) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (-1, part) for part in path]


def _path(detail: ErrorDetails) -> NodePath:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _culprit(detail: ErrorDetails) -> NodePath:
    """What has to go: the value itself, or what lacks it."""
    path = _path(detail)
    return path[:-1] if detail["type"] in ("missing", "too_short", "tuple_too_short") else path


def _follows(detail: ErrorDetails) -> bool:
    """A list that is only too short because its entries are wrong."""
    return detail["type"] in ("too_short", "tuple_too_short") and bool(detail["input"])


def _problem(root: Node, detail: ErrorDetails, kind: type[Section]) -> Problem:
    path = _path(detail)
    return Problem(root.line_of(path), root.spell(path), _message(path, detail, kind))


def _message(path: NodePath, detail: ErrorDetails, kind: type[Section]) -> str:
    value, context = detail.get("input"), detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            text = _required_text(path, kind)
            return f"is missing: {text}" if text else "is missing"
        case "extra_forbidden":
            return f"unknown setting{spelling.nearest(str(path[-1]), _fields(path[:-1], kind))}"
        case "choice":
            options = context["options"]
            return (
                f"unknown: {found(value).removeprefix('the text ')}{spelling.nearest(str(value), options, offer=True)}"
            )
        case "value" | "secret":
            return detail["msg"]
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"expected a mapping{_fields_hint(path, kind)}, found {_shape(value)}"
        case "tuple_type":
            return f"expected a list, found {_shape(value)}"
        case "too_short" | "tuple_too_short":
            return "needs at least one entry"
        case "string_too_short":
            return "must not be empty"
        case "greater_than_equal":
            return f"must be at least {_plain(context['ge'])}, found {_number(value)}"
        case "greater_than":
            return f"must be more than {_plain(context['gt'])}, found {_number(value)}"
        case "less_than_equal":
            return f"must be at most {_plain(context['le'])}, found {_number(value)}"
        case _:
            return detail["msg"]


def _plain(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _number(value: object) -> str:
    return "another value from the environment" if isinstance(value, Substituted) else str(value)


def _shape(value: Any) -> str:
    """Like `found`, without the content of a text: it may be a secret in the wrong place."""
    return "text" if isinstance(value, str) else found(value if not isinstance(value, Decimal) else Decimal(value))


def _fields(path: NodePath, kind: type[Section]) -> tuple[str, ...]:
    section = section_at(path, kind)
    return tuple(section.model_fields) if section is not None else ()


def _required_text(path: NodePath, kind: type[Section]) -> str:
    section = section_at(path[:-1], kind)
    field = section.model_fields.get(str(path[-1])) if section is not None else None
    text = (field.description or "") if field is not None else ""
    return text[:1].lower() + text[1:].rstrip(".")


def _fields_hint(path: NodePath, kind: type[Section]) -> str:
    fields = _fields(path, kind)
    return f" ({', '.join(fields[:4])}{', ...' if len(fields) > 4 else ''})" if fields else ""


__all__ = ["check", "from_tree", "load", "loads", "located", "read", "rendered", "validated"]
