"""Code in the documentation that does not do what the page says."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from fairlead.cli.main import COMMANDS, cli
from fairlead.config.load import load
from tests.docs.conftest import Site
from tests.docs.pages import PAGES, ROOT, TRANSLATED, Block, blocks, prose, title
from tests.shape.tree import imports

RUNNABLE = {"bash", "python", "yaml", "js"}
CHECKED = {"sh"}
PARSERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml foreign": yaml.safe_load}
"""Other programs' configurations: read, since nothing here can say what they mean."""
CLIENTS = [page for page in PAGES if page.parent.name == "clients"]
SHOWN = {"text", "ini", ""}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def each(*languages: str) -> pytest.MarkDecorator:
    """Blocks of the English pages; that translations hold the same ones is `test_languages`' business."""
    english = [page for page in PAGES if not page.stem.endswith(TRANSLATED)]
    return pytest.mark.parametrize("block", list(blocks(*languages, pages=english)), ids=lambda block: block.name)


@each("bash")
def test_a_command_on_a_page_fails(block: Block, site: Site) -> None:
    assert block.language == "bash"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{site.here(block.text)}"],
        cwd=site.folder, env=site.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"error":{' not in done.stdout
    assert done.stdout or done.stderr


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_first_page_shows_another_answer_than_comes(page: str, new_site: Site) -> None:
    (shown,) = (block.text for block in blocks("text", pages=[ROOT / page]) if "x-fairlead-model" in block.text)
    asked = next(block.text for block in blocks("bash", pages=[ROOT / page]) if "Say hello in French" in block.text)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", new_site.here(asked)],
        cwd=new_site.folder, env=new_site.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    came = set(done.stdout.splitlines())
    assert [line for line in shown.splitlines() if line not in came and "request-id" not in line] == []


def missing(code: str) -> list[str]:
    """The packages a block imports that are not installed here."""
    return [root for _, name in imports(code) if not found(root := name.partition(".")[0], name)]


def found(root: str, name: str) -> bool:
    spec = importlib.util.find_spec(root)
    if spec is None:
        return False
    # A folder that several packages share is there as soon as one of them is.
    return spec.origin is not None or importlib.util.find_spec(".".join(name.split(".")[:2])) is not None


def test_a_package_that_is_none_is_noticed() -> None:
    assert missing("import os, nowhere_to_be_found\nfrom pathlib import Path\nfrom fairlead import Gateway") == [
        "nowhere_to_be_found"
    ]


@each("python")
def test_python_on_a_page_fails(block: Block, site: Site) -> None:
    if block.page.startswith("docs/clients/") and (absent := missing(block.text)):
        pytest.skip(f"{absent[0]} is not installed here")
    done = subprocess.run(
        [sys.executable, "-c", site.here(block.text)],
        cwd=site.folder, env=site.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@each("yaml")
def test_a_configuration_on_a_page_is_refused(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"\$\{(\w+)\}", block.text):
        monkeypatch.setenv(name, "made-up")
    file = tmp_path / "fairlead.yaml"
    file.write_text(block.text if "providers:" in block.text else block.text + providers_for(block.text))
    assert load(file).models


@each(*PARSERS)
def test_a_configuration_of_another_program_is_none(block: Block) -> None:
    assert PARSERS[block.language](block.text)


@pytest.mark.parametrize("page", CLIENTS, ids=title)
def test_the_page_of_a_client_sends_it_elsewhere(page: Path) -> None:
    """Each block that names an address names ours: the root, or what OpenAI's paths begin with."""
    said = "".join(block.text for block in blocks(pages=[page]))
    bases = set(re.findall(r"https?://(?!opencode\.ai/config\.json)[^\s\"']+", said))
    assert bases <= {"http://127.0.0.1:4000", "http://127.0.0.1:4000/v1"}
    assert bases or page.name == "README.md"


def providers_for(fragment: str) -> str:
    """A page that is about something else leaves the providers out."""
    return "providers:\n" + "".join(
        f"  {name}: {{kind: {name}, api_key: made-up}}\n"
        for name in sorted(set(re.findall(r"provider: (\w+)", fragment)))
    )


@pytest.mark.node
@each("js")
def test_javascript_on_a_page_is_no_javascript(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "block.mjs"
    file.write_text(block.text)
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run([node, "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def parsed(line: str) -> list[str]:
    """What click has to say against a `fairlead ...` line; nothing is run."""
    name, *arguments = shlex.split(line)
    command: click.Command = cli
    context = click.Context(cli, info_name=name)
    while isinstance(command, click.Group):
        if not arguments or (following := command.get_command(context, arguments[0])) is None:
            return [f"no such command: {line}"]
        command, arguments = following, arguments[1:]
    try:
        command.make_context(command.name, arguments, parent=context)
    except click.ClickException as problem:
        return [f"{line}: {problem.format_message()}"]
    return []


def problems_of(block: Block) -> list[str]:
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        line = re.split(r"\s#| > | \| ", line)[0].strip()
        if line.startswith("fairlead "):
            found += parsed(line)
        elif line.startswith("make ") and line.split()[1] not in TARGETS:
            found.append(f"no such target: {line}")
    return found


@each("sh", "bash")
def test_a_page_names_a_command_or_option_that_is_none(block: Block) -> None:
    assert problems_of(block) == []


def test_a_command_that_is_none_is_noticed() -> None:
    text = (
        "fairlead serve --prot 1\nfairlead sevre\nfairlead config chekc f\nmake rnu\nfairlead report --by key  # fine\n"
    )
    assert len(problems_of(Block("page", 1, "sh", text))) == 4


def test_a_page_speaks_of_a_command_or_target_that_is_none() -> None:
    for page in PAGES:
        text = prose(page)
        assert set(re.findall(r"`fairlead ([a-z]+)", text)) <= COMMANDS.keys(), page
        assert set(re.findall(r"`make ([a-z]+)", text)) <= TARGETS, page


def test_a_block_is_of_a_kind_that_nothing_looks_at() -> None:
    ours = [page for page in PAGES if page.parent.name != "benchmarks"]
    known = RUNNABLE | CHECKED | SHOWN | PARSERS.keys()
    strange = [block.name for block in blocks(pages=ours) if block.language not in known]
    assert strange == []
