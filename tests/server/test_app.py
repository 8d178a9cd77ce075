"""The table of paths: a method a path does not take is answered with those it takes."""

from __future__ import annotations

from pathlib import Path

from tests.server.serving import serving
from tests.server.wire import ask


async def test_a_method_not_taken_is_refused_without_saying_which_are(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for method, path, allowed in (
            ("GET", "/v1/messages", "POST"),
            ("PUT", "/v1/models", "GET"),
            ("HEAD", "/v1/models/m-one", "GET, POST"),
            ("DELETE", "/v1/decisions/req_1", "GET"),
            ("GET", "/v1/route", "POST"),
        ):
            response = await ask(server.port, method, path)
            assert (response.status, response.headers.get("allow")) == (405, allowed)
        assert "allow" not in (await ask(server.port, "GET", "/nothing")).headers
        assert "allow" not in (await ask(server.port, "GET", "/v1/models")).headers
