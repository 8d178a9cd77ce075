"""Several gateways that keep what they answered in one Redis: the scripted upstreams count who was really asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cache.redis_server import started
from tests.gateway.test_meaning import ALIKE, DISHES, EMBEDDING, MEALS, ONE, OTHER, TOLD, said, vector
from tests.server.serving import KEYS, Served, serving
from tests.server.wire import ask

OPERATOR = "  - {name: op, key: fl_op, role: operator}\n"


def caches(redis: str, **semantic: object) -> str:
    exact = {"enabled": True, "keep": "redis", "redis": redis}
    return f"{KEYS}{OPERATOR}cache: {json.dumps({'exact': exact, 'semantic': {'enabled': True, **semantic}})}\n"


async def kept(served: Served, answers: int = 1) -> None:
    """Behind an answer, and when its vector has come."""
    caching = served.running.runtime.caching
    assert caching is not None
    assert caching.semantic is not None
    async with asyncio.timeout(10):
        while sum(one.answers for one in await caching.semantic.holdings()) < answers:
            await asyncio.sleep(0.01)


async def told(served: Served, method: str = "GET", query: str = "") -> Any:
    return json.loads((await ask(served.port, method, f"/admin/v1/cache{query}", b"", {}, "fl_op")).body)


async def test_another_gateway_asks_what_was_answered_in_the_same_words(redis: str, tmp_path: Path) -> None:  # M8.5
    more = caches(redis)
    async with serving(tmp_path / "a", more=more) as one, serving(tmp_path / "b", more=more) as other:
        first = await said(one, ONE)
        await kept(one)
        again = await said(other, OTHER)
        assert (first.headers[TOLD], again.headers[TOLD]) == ("miss", "hit-semantic")
        assert again.body == first.body
        assert other.upstream.calls == []
        streamed = await said(other, OTHER, stream=True)
        assert streamed.headers[TOLD] == "hit-semantic"


async def test_another_gateway_does_not_find_it_by_its_vector(redis: str, tmp_path: Path) -> None:  # M5.1
    more = caches(redis, embedding=EMBEDDING)
    async with serving(tmp_path / "a", more=more) as one, serving(tmp_path / "b", more=more) as other:
        one.upstream.push("two", vector(1, 0.1))
        other.upstream.push("two", vector(1, 0.2))
        other.upstream.push("two", vector(-1, 0.2))
        first = await said(one, MEALS)
        await kept(one)
        again = await said(other, DISHES)
        assert (again.headers[TOLD], again.body) == ("hit-semantic", first.body)
        assert 0.99 < float(again.headers[ALIKE]) <= 1
        assert [call.seat for call in other.upstream.calls] == ["two"]
        assert (await said(other, "Which ships sail to Lisbon?")).headers[TOLD] == "miss"


async def test_a_redis_that_dies_fails_requests_or_costs_vectors_that_nobody_needs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # M5.1
    with started() as (socket, process):
        more = caches(f"unix://{socket}", embedding=EMBEDDING)
        async with serving(tmp_path / "a", more=more) as served:
            for _ in range(9):
                served.upstream.push("two", vector(1, 0.1))
            await said(served, MEALS)
            await kept(served)
            assert (await said(served, DISHES)).headers[TOLD] == "hit-semantic"
            process.kill()
            process.wait()
            asked = len(served.upstream.calls)
            for _ in range(2):
                again = await said(served, DISHES)
                assert (again.status, again.headers[TOLD]) == (200, "miss")
            seats = [call.seat for call in served.upstream.calls[asked:]]
            assert seats.count("one") == 2
            assert "fairlead.cache" in {record.name for record in caplog.records}


async def test_what_is_shared_is_not_told_or_not_erased(redis: str, tmp_path: Path) -> None:  # M5.3
    more = caches(redis)
    async with serving(tmp_path / "a", more=more) as one, serving(tmp_path / "b", more=more) as other:
        await said(one, ONE, {"x-fairlead-user": "anna"})
        await said(one, MEALS, {"x-fairlead-user": "bob"})
        await kept(one, 2)
        found = await told(other)
        assert (found["keep"], found["semantic"]) == ("redis", True)
        (tenant,) = found["tenants"]
        assert (tenant["tenant"], tenant["exact"], tenant["semantic"]) == ("default", 2, 2)
        assert tenant["bytes"] > 2000
        assert await told(other, "DELETE", "?tenant=default&user=anna") == {"answers": 2}
        assert (await said(one, OTHER, {"x-fairlead-user": "anna"})).headers[TOLD] == "miss"
        assert (await said(one, MEALS.lower(), {"x-fairlead-user": "bob"})).headers[TOLD] == "hit-semantic"
        assert (await told(one))["rejected"] == {}


async def test_other_settings_close_what_goes_on_or_forget_what_is_kept(redis: str, tmp_path: Path) -> None:
    async with serving(tmp_path / "a", more=caches(redis)) as served:
        first = await said(served, ONE)
        await kept(served)
        runtime = served.running.runtime
        world = runtime.world
        settings = world.semantic
        assert settings is not None
        changes: tuple[dict[str, object], ...] = ({"ttl": 1000.0}, {"threshold": 0.8}, {"model": "m-two"}, {})
        for change in changes:
            semantic = msgspec.structs.replace(settings, **change)
            await runtime.turn_to(msgspec.structs.replace(world, semantic=semantic))
            again = await said(served, OTHER)
            assert (again.headers[TOLD], again.body) == ("hit-semantic", first.body)
