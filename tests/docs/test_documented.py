"""What a user can meet and the documentation does not tell, and what it tells and nobody can meet."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import pytest

from fairlead import errors
from fairlead.cli.main import COMMANDS, cli
from fairlead.cli.simulate import command as simulate
from fairlead.config.schema import KINDS
from fairlead.core.constraints import CHANNEL_RULES, RULES
from fairlead.core.egress import CHECKS
from fairlead.core.policies import STRATEGIES
from fairlead.dialects.wishes import FIELDS
from fairlead.gateway.wishes import KNOBS
from fairlead.providers.deltas import DELTAS
from fairlead.providers.simulated.script import KINDS as FAULTS
from fairlead.server.app import App
from fairlead.server.batching import AS
from fairlead.server.shedding import Bearable, Shedding
from tests.docs.pages import PAGES, ROOT, prose, rows, title
from tests.shape.tree import PACKAGE, sources

HEADERS = "docs/headers-and-errors.md"


def trees(*rooms: str) -> Iterator[ast.AST]:
    """The parsed sources of some rooms, or of all but the simulated provider, whose errors are somebody else's."""
    for file in sources("src"):
        path = file.relative_to(PACKAGE).parts
        if "simulated" not in path and (not rooms or path[0] in rooms):
            yield from nodes(file)


@functools.cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_text())))


def texts(*rooms: str) -> Iterator[str]:
    for node in trees(*rooms):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value


def request_errors() -> dict[str, type[errors.RequestError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RequestError)
    }


def codes_in_code() -> set[tuple[int, str]]:
    classes = request_errors()
    found = {(error.status, error.code) for error in classes.values()}
    found |= {(errors.Forbidden.status, code) for code, _ in CHECKS}
    for node in trees():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
            for keyword in node.keywords:
                if keyword.arg == "code":
                    found |= {(classes[node.func.id].status, code) for code in spelled(keyword.value)}
    return found


def spelled(code: ast.expr) -> set[str]:
    """The codes an expression such as `code or "a_code"` may come to, as far as they stand there."""
    choices = code.values if isinstance(code, ast.BoolOp) else [code]
    return {str(one.value) for one in choices if isinstance(one, ast.Constant)}


def wishes_in_code() -> set[str]:
    """The names that are looked for in what a request states."""
    return {*KNOBS, "policy"}


@functools.cache
def answer_headers_in_code() -> set[str]:
    return {
        name for text in texts("gateway", "server") for name in re.findall(r"(?:^|\n)(x-[a-z-]+|retry-after): ", text)
    }


def test_an_error_code_is_undocumented_or_made_up() -> None:
    documented = {(int(row[0]), row[1]) for row in rows(HEADERS, "## Errors")}
    assert len(codes_in_code()) > 30
    assert documented == codes_in_code()


def test_an_error_has_no_way_out() -> None:
    assert [row for row in rows(HEADERS, "## Errors") if len(row) != 4 or len(row[3]) < 10] == []


def test_the_tree_of_errors_leaves_one_out() -> None:
    tree = errors.__doc__ or ""
    for name, error in request_errors().items():
        assert name == "RequestError" or re.search(rf"── {name} +{error.status} ", tree), name


def test_a_request_header_is_undocumented_or_made_up() -> None:
    table = rows(HEADERS, "## What a request may say")
    documented = {row[0].removeprefix("x-fairlead-"): row[1] for row in table}
    assert len(documented) == len(table) >= 8
    assert documented.keys() == wishes_in_code()
    assert set(documented.values()) == FIELDS
    assert all(header.replace("-", "_") == field for header, field in documented.items())


def test_an_answer_header_is_undocumented_or_made_up() -> None:
    documented = {row[0] for row in rows(HEADERS, "## What an answer says")}
    assert len(documented) > 10
    assert documented == answer_headers_in_code()


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_page_speaks_of_a_header_that_nobody_reads_or_sends(page: Any) -> None:
    known = answer_headers_in_code() | {f"x-fairlead-{wish}" for wish in wishes_in_code()} | {AS.decode()}
    spoken = set(re.findall(r"\bx-fairlead-[a-z-]*[a-z]", page.read_text(encoding="utf-8")))
    assert spoken <= known


def test_a_reason_of_rejection_is_undocumented_or_made_up() -> None:
    reasons = {rule.reason for rule in RULES} | {rule.reason for rule in CHANNEL_RULES} | {code for code, _ in CHECKS}
    for node in trees("core"):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Rejection" and len(node.args) > 2:
            if isinstance(node.args[2], ast.Constant):
                reasons.add(str(node.args[2].value))
    table = rows("docs/concepts.md", "## Plan")
    assert {row[0] for row in table if len(row) == 2} == reasons


def test_a_strategy_is_undocumented_or_its_floor_is_wrong() -> None:
    table = {row[0]: float(row[2]) for row in rows("docs/concepts.md", "## Plan") if len(row) == 3}
    assert table == {name: strategy.min_quality for name, strategy in STRATEGIES.items()}


def test_a_command_is_undocumented_or_made_up() -> None:
    for readme, heading in (("README.md", "## Commands"), ("README.zh.md", "## 命令")):
        assert [row[0].removeprefix("fairlead ") for row in rows(readme, heading)] == list(COMMANDS)


def options(command: click.Command, context: click.Context, name: str) -> Iterator[tuple[str, click.Option]]:
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from options(found, context, f"{name} {child}")
    yield from ((name, option) for option in command.params if isinstance(option, click.Option))


def test_an_option_does_not_say_what_it_does() -> None:
    found = list(options(cli, click.Context(cli), "fairlead"))
    assert len(found) > 15
    assert [(name, option.name) for name, option in found if len(option.help or "") < 5] == []


def test_a_path_is_undocumented_or_made_up() -> None:
    app = App(cast(Any, None), Shedding(Bearable(1)))
    there = {path: ", ".join(methods) for path, methods in (*app.surfaces.items(), *app.prefixes)}
    told = {row[0].partition("{")[0]: row[1] for row in rows(HEADERS, "## Paths")}
    assert told == there | dict.fromkeys(app.open, "any")


def test_a_kind_of_provider_is_undocumented() -> None:
    assert [row[0].removesuffix(" (self-hosted)") for row in rows("docs/providers.md", "## Kinds")] == list(DELTAS)
    assert {*DELTAS, "simulated"} == set(KINDS)
    assert f"{len(DELTAS)} kinds" in (ROOT / "README.md").read_text()


def test_a_file_that_a_page_names_does_not_exist() -> None:
    for page in PAGES:
        for path in re.findall(r"`((?:src|scripts|docs|examples|tests)/[\w./-]+)`", prose(page)):
            assert (ROOT / path).exists(), (title(page), path)
        for path in re.findall(
            r"`((?:core|gateway|server|dialects|providers|classify|store|registry|config|cli)/[\w./]*)`", prose(page)
        ):
            assert (PACKAGE / path).exists(), (title(page), path)


def test_the_guide_to_contributing_sends_to_a_table_that_is_not_there() -> None:
    pairs = re.findall(r"`(\w+)`(?: or `\w+`)? (?:in|\() ?`(src/[\w./]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(pairs) > 8
    for name, path in pairs:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), (name, path)


def test_there_is_no_place_for_the_measured_figures() -> None:
    for readme in ("README.md", "README.zh.md"):
        begin, end = ((ROOT / readme).read_text().find(f"<!-- figures:{mark} -->") for mark in ("begin", "end"))
        assert 0 < begin < end


def test_a_fault_of_the_simulation_is_on_no_page_nor_in_the_help() -> None:
    told = [kind.strip() for cells in rows("docs/providers.md", "## Simulated") for kind in cells[0].split(",")]
    assert told == list(FAULTS)
    assert f"Faults: {', '.join(FAULTS)}." in " ".join((simulate.help or "").split())
