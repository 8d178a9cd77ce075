"""A state directory of somebody else: root, too, is nobody in particular while it looks at it. A ledger's database in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from fairlead.store.sqlite import Projection

NOBODY = 65_534
Sealing = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below no directory that only its owner may enter, as pytest's own are."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def sealed(folder: Path) -> Sealing:
    """Inside it, `folder` can be read and not be written to."""

    @contextmanager
    def seal() -> Iterator[None]:
        privileged = os.geteuid() == 0
        folder.chmod(0o555)
        if privileged:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if privileged:
                os.seteuid(0)
            folder.chmod(0o755)

    return seal


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()
