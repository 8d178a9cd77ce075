"""What a key may reach is all its requests ever reach, whatever policy they name; and how long clients are told to wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.serving import serving
from tests.upstream import Play, status

KEYS = """
keys:
  - {name: test, key: fl_test, policy: narrow}
  - {name: listed, key: fl_listed, models: [m-one]}
"""
NARROW = "  narrow: {strategy: balanced, models: [m-one]}\n"


@pytest.mark.parametrize("key", ["fl_test", "fl_listed"])
@pytest.mark.parametrize("asked", ["auto", "m-one", "auto:ordered"])
async def test_a_fallback_that_the_key_rules_out_is_never_reached(tmp_path: Path, key: str, asked: str) -> None:
    async with serving(tmp_path / "s", more=KEYS, extra_policy=NARROW) as server:
        server.upstream.push("one", status(500))
        response = await server.chat({"x-fairlead-policy": "ordered"}, key=key, model=asked)
        assert response.status == 502
        assert server.upstream.seats == ["one"]


async def test_a_key_without_bounds_reaches_the_fallback(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", status(500))
        response = await server.chat({"x-fairlead-policy": "ordered"}, model="auto")
        assert response.status == 200
        assert server.upstream.seats == ["one", "two"]


WAITS = {
    "7200": "3600",
    "99999999999999999999": "3600",
    "9" * 5000: "3600",
    "3599.5": "3600",
    "12": "12",
    "1e400": None,
    "1e3": None,
    "-5": None,
    "nan": None,
    "inf": None,
    "0x10": None,
    ".": None,
    "Wed, 21 Oct 2037 07:28:00 GMT": None,
    "٣": None,
}


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("wait", WAITS)
async def test_clients_are_told_to_wait_for_an_hour_at_most(tmp_path: Path, wait: str, code: int) -> None:
    async with serving(tmp_path / "s") as server:
        for seat in ("one", "two"):
            first = status(code).steps[0]
            assert isinstance(first, bytes)
            header = b"Retry-After: " + wait.encode() + b"\r\n"
            server.upstream.push(seat, Play([first.replace(b"Content-Length", header + b"Content-Length")], None, code))
        response = await server.chat(model="auto")
        assert response.status == code
        assert response.headers.get("retry-after") == WAITS[wait]
