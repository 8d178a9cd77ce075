"""The locks pin everything by hash, name no address, and cover what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.shape.tree import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9]+(?:-[a-z0-9]+)*)==([^\s;]+)(?: ; .+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins(lock: str) -> dict[str, str]:
    """Names and versions in a lock; ValueError for anything in it that is not a pin with hashes."""
    if "://" in lock:
        raise ValueError("an address")
    found: dict[str, str] = {}
    open_ended = False
    for line in lock.splitlines():
        pin = PIN.match(line)
        if open_ended != line.startswith("    --hash"):
            raise ValueError(f"a requirement without hash before: {line}")
        if pin:
            found[pin[1]] = pin[2]
        elif not line.startswith("#") and not HASH.match(line):
            raise ValueError(f"neither pin nor hash: {line}")
        open_ended = line.endswith("\\") and not line.startswith("#")
    if open_ended:
        raise ValueError("the last requirement has no hash")
    return found


def asked(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_nothing_but_pins_with_hashes(lock: Path) -> None:
    assert pins(lock.read_text())


def test_the_locks_agree_on_every_version() -> None:
    versions: dict[str, set[str]] = {}
    # The older SDKs are installed beside the others, not with them.
    for lock in (lock for lock in LOCKS if lock.stem != "older"):
        for name, version in pins(lock.read_text()).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_everything_pyproject_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = asked(project["project"]["dependencies"])
    wanted = {"core": core} | {
        name: core | asked(extra) for name, extra in project["project"]["optional-dependencies"].items()
    }
    wanted |= {name: asked(group) for name, group in project["dependency-groups"].items()}
    assert {lock.stem for lock in LOCKS} == wanted.keys()
    for name, names in wanted.items():
        assert names <= pins((ROOT / f"requirements/{name}.txt").read_text()).keys(), f"run `make lock`: {name}"


SUM = "0" * 64


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        ("click==8.5.1\n", "neither pin nor hash"),
        ("click==8.5.1 \\\n", "no hash"),
        ("click>=8 \\\n    --hash=sha256:" + SUM, "neither pin nor hash"),
        ("click==8.5.1 \\\nrich==15.0.0 \\\n    --hash=sha256:" + SUM, "without hash"),
        ("click==8.5.1 \\\n    --hash=md5:0", "neither pin nor hash"),
        ("--index-url https" + "://index.test/simple\n", "an address"),
        ("-e .\n", "neither pin nor hash"),
    ],
)
def test_a_loose_lock_is_noticed(lock: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pins(lock)


def test_a_tight_lock_is_read() -> None:
    lock = f"# by make lock\nuvloop==0.23.0 ; sys_platform != 'win32' \\\n    --hash=sha256:{SUM} \\\n    --hash=sha256:{SUM}\n"
    assert pins(lock) == {"uvloop": "0.23.0"}
