"""A Redis that the tests of a module share, empty for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.cache import redis_link
from tests.cache.redis_server import started, told


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Redis that is gone."""
    monkeypatch.setattr(redis_link, "PATIENCE", 10.0)


@pytest.fixture(scope="module")
def redis_socket() -> Iterator[Path]:
    with started() as (path, _):
        yield path


@pytest.fixture
def redis(redis_socket: Path) -> str:
    """Its address."""
    assert told(redis_socket, b"FLUSHALL") == b"+OK"
    return f"unix://{redis_socket}"
