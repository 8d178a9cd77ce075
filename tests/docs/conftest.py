"""One gateway on simulated models for all pages, in a folder as a reader of the documentation has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from fairlead.config.environment import LOCAL
from fairlead.providers.deltas import DELTAS
from tests.docs.pages import ROOT
from tests.docs.processes import address_of, ended

PROVIDERS = {name for delta in DELTAS.values() for name in delta.keys} | {
    name for own in LOCAL for name in own.addresses
}


class Site(NamedTuple):
    address: str
    folder: Path
    """Holds `state/`."""
    key: str
    env: dict[str, str]
    """With a `fairlead` on the PATH and the key for clients."""

    def here(self, text: str) -> str:
        """The code of a page, for this gateway."""
        return text.replace("http://127.0.0.1:4000", self.address).replace("fl_your_key", self.key)


@pytest.fixture(scope="session")
def plain_env() -> dict[str, str]:
    """The environment without the keys of whoever runs the tests."""
    return {
        name: value for name, value in os.environ.items() if name not in PROVIDERS and not name.startswith("FAIRLEAD_")
    }


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, plain_env: dict[str, str]) -> Iterator[Site]:
    """A gateway for all pages: what came before has taught it something."""
    with opened(tmp_path_factory.mktemp("site"), plain_env) as found:
        yield found


@pytest.fixture
def new_site(tmp_path: Path, plain_env: dict[str, str]) -> Iterator[Site]:
    with opened(tmp_path, plain_env) as found:
        yield found


@contextmanager
def opened(folder: Path, plain_env: dict[str, str]) -> Iterator[Site]:
    command = folder / "bin" / "fairlead"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fairlead "$@"\n')
    command.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "docs" / "served.py", "state"],
        cwd=folder, env=plain_env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with ended(server):
        address = address_of(server)
        key = (folder / "state" / "key").read_text().strip()
        path = f"{command.parent}{os.pathsep}{plain_env.get('PATH', '')}"
        yield Site(address, folder, key, {**plain_env, "PATH": path, "FAIRLEAD_KEY": key})
