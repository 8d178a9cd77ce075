from __future__ import annotations

from pathlib import Path

from tests.server.oracle import mixed


async def test_the_books_differ_from_the_providers_own_log(tmp_path: Path) -> None:  # M6.1 FAULTS 46
    """Answers and streams, failovers from refusals and broken connections, clients that leave."""
    served = await mixed(600, tmp_path)
    assert len(served.upstream.calls) > 550
