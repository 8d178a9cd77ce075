"""What a request has to say of its body before the body is looked at."""

from __future__ import annotations

from pathlib import Path

from tests.server.serving import serving
from tests.upstream import answer

TYPES = [
    ("application/json", 200), ("application/json; charset=utf-8", 200), ("APPLICATION/JSON ;charset=utf-8", 200),
    ("application/json-seq", 415), ("application/jsonp", 415), ("text/plain; application/json", 415), ("text/plain", 415),
]  # fmt: skip


async def test_a_body_that_only_sounds_like_json_is_taken_for_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        for kind, status in TYPES:
            if status == 200:
                server.upstream.push("one", answer())
            assert ((await server.chat({"Content-Type": kind})).status, kind) == (status, kind)
