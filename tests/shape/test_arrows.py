"""Dependencies point one way: server -> gateway -> rooms -> core. What each room may import is this table."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

from tests.shape.tree import PACKAGE, imports, package_of, sources

ERRORS = {"errors", "version"}
ROOMS = {"classify", "dialects", "providers", "registry", "config", "store", "telemetry", "cache", "memory"}

ARROWS: dict[str, set[str]] = {
    "version": set(),
    "errors": set(),
    "core": {"errors"},
    "classify": {"core", *ERRORS},
    "dialects": {"core", *ERRORS},
    "providers": {"core", "dialects", *ERRORS},
    "config": {"core", "classify", *ERRORS},
    "registry": {"core", "config", *ERRORS},
    "store": {"core", *ERRORS},
    "telemetry": {"core", *ERRORS},
    "cache": {"core", "classify", "store", *ERRORS},
    "memory": {"core", "store", *ERRORS},
    "gateway": {"core", *ROOMS, *ERRORS},
    "library": {"gateway", "core", *ROOMS, *ERRORS},
    "evidence": {"library", "gateway", "core", *ROOMS, *ERRORS},
    "server": {"gateway", "evidence", "core", *ROOMS, *ERRORS},
    "dashboard": set(),
    "cli": {"server", "gateway", "library", "evidence", "core", *ROOMS, *ERRORS},
    "__init__": {"library", "core", *ERRORS},
    "__main__": {"cli"},
}

EXCEPTIONS = {
    # Loading a file without naming a catalogue takes the shipped one; the catalogue knows nothing of configuration.
    ("fairlead.config.load", "fairlead.registry.catalogue"),
    # Which providers and simulated models there are is data of the providers' room; the configuration only reads it.
    ("fairlead.config.schema", "fairlead.providers.deltas"),
    ("fairlead.config.environment", "fairlead.providers.deltas"),
    # A preset's provider without a key is simulated with what the catalogue knows of its models.
    ("fairlead.config.presets", "fairlead.providers.deltas"),
    ("fairlead.config.presets", "fairlead.registry.catalogue"),
    ("fairlead.config.environment", "fairlead.providers.simulated.lineup"),
}


def wrong_arrows(module: str, source: str, package: str) -> list[str]:
    room = module.split(".")[1]
    found = []
    for line, name in imports(source, package):
        parts = name.split(".")
        if parts[0] != "fairlead" or any(module == here and name.startswith(there) for here, there in EXCEPTIONS):
            continue
        if parts[1] != room and parts[1] not in ARROWS[room]:
            found.append(f"{module}:{line} imports {name}")
    return found


def module_of(path: str) -> str:
    return ".".join(["fairlead", *path.removesuffix(".py").split("/")])


def test_every_room_is_in_the_table() -> None:
    rooms = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in sources("src")}
    assert rooms <= ARROWS.keys()


def test_no_import_goes_against_the_arrows() -> None:
    found = []
    for file in sources("src"):
        module = module_of(file.relative_to(PACKAGE).as_posix())
        found += wrong_arrows(module, file.read_text(), package_of(file))
    assert found == []


def test_the_table_itself_has_no_circle() -> None:
    assert len(list(TopologicalSorter(ARROWS).static_order())) == len(ARROWS)


def test_only_the_command_line_starts_a_server_and_only_entries_wire_the_gateway() -> None:
    assert [room for room, may in ARROWS.items() if "server" in may] == ["cli"]
    assert {room for room, may in ARROWS.items() if "gateway" in may} == {"library", "evidence", "server", "cli"}


def test_every_exception_is_still_needed() -> None:
    for here, there in EXCEPTIONS:
        file = PACKAGE.parent / f"{here.replace('.', '/')}.py"
        assert any(name.startswith(there) for _, name in imports(file.read_text(), package_of(file))), here


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fairlead.core.plan", "from fairlead.dialects import json"),
        ("fairlead.gateway.pipeline", "import fairlead.server.listener"),
        ("fairlead.providers.wire", "def f():\n    from fairlead.gateway import transport"),
        ("fairlead.store.ledger", "from fairlead import gateway"),
        ("fairlead.dialects.json", "from ..providers import wire"),
        ("fairlead.server.listener", "from fairlead.cli.main import main"),
    ],
)
def test_an_import_against_the_arrows_is_noticed(module: str, source: str) -> None:
    assert wrong_arrows(module, source, module.rpartition(".")[0])


def test_an_import_along_the_arrows_is_let_through() -> None:
    source = "from fairlead.core.plan import Plan\nfrom .request import Incoming\nimport asyncio\n"
    assert wrong_arrows("fairlead.gateway.pipeline", source, "fairlead.gateway") == []
