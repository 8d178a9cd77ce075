"""What is Redis's own: others see what is kept, and a Redis that does not answer is no reason for a request to fail."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from fairlead.cache import redis_link
from fairlead.cache.in_redis import InRedis, key, tenant_of
from fairlead.core.whose import Whose
from fairlead.errors import ConfigError, StateError
from tests.cache.test_answers import KEPT, permit
from tests.server.serving import KEYS, serving

DAY = 86_400.0
NOW = msgspec.structs.replace(KEPT, at=time.time())


async def test_another_gateway_does_not_find_what_is_kept(redis: str) -> None:  # M8.5
    one, other = InRedis(redis, DAY), InRedis(redis, DAY)
    await one.keep(permit(user="anna"), b"a", NOW)
    assert await other.find("acme", (b"x", b"a"), 0) == (b"a", NOW)
    assert await other.erase(Whose("acme", "anna")) == 1
    assert await one.find("acme", (b"a",), 0) is None
    await one.close()
    await other.close()


async def test_redis_keeps_an_answer_longer_than_its_time(redis: str) -> None:  # M5.1
    answers = InRedis(redis, 0.2)
    await answers.keep(permit(), b"a", msgspec.structs.replace(KEPT, at=time.time()))
    left = await answers._redis.pttl(key("acme", b"a"))
    assert 0 < left <= 200
    await answers.close()


async def test_one_tenants_pattern_holds_anothers_answers(redis: str) -> None:  # FAULTS 53
    answers = InRedis(redis, DAY)
    tenants = ["a", "a:b", "*", "a*", "[a]", "é", "a%3Ab", "?"]
    for tenant in tenants:
        await answers.keep(permit(tenant), b"n", msgspec.structs.replace(NOW, request=tenant))
    for tenant in tenants:
        found = await answers.find(tenant, (b"n",), 0)
        assert found is not None
        assert found[1].request == tenant
        assert tenant_of(key(tenant, b"n").encode()) == tenant
    assert {one.tenant for one in await answers.holdings()} == set(tenants)
    for count, tenant in enumerate(tenants, 1):
        assert await answers.erase(Whose(tenant)) == 1
        assert len(await answers.holdings()) == len(tenants) - count
    await answers.close()


async def test_what_another_version_wrote_stops_the_lookup(redis: str) -> None:
    answers = InRedis(redis, DAY)
    await answers._redis.set(key("acme", b"a"), b"\x00")
    await answers.keep(permit(), b"b", NOW)
    assert await answers.find("acme", (b"a", b"b"), 0) == (b"b", NOW)
    assert await answers.erase(None) == 2
    await answers.close()


async def test_a_redis_that_is_gone_fails_requests_or_is_asked_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("redis")
    answers = InRedis(f"unix://{tmp_path}/nobody", 100.0)
    for _ in range(3):
        assert await answers.find("acme", (b"a",), 0) is None
        await answers.keep(permit(), b"a", NOW)
    assert caplog.text.count("does not answer") == 1
    for question in (answers.erase(None), answers.holdings()):
        with pytest.raises(StateError):
            await question
    await answers.close()


async def test_requests_are_answered_from_redis(redis: str, tmp_path: Path) -> None:  # M5.1
    more = KEYS + f'cache: {{exact: {{enabled: true, keep: redis, redis: "{redis}"}}}}\n'
    async with serving(tmp_path / "one", more=more) as served:
        first = await served.chat()
    async with serving(tmp_path / "two", more=more) as served:
        again = await served.chat()
        assert (again.headers["x-fairlead-cache"], again.body) == ("hit-exact", first.body)
        assert (await served.chat(stream=True)).headers["x-fairlead-cache"] == "hit-exact"
        assert served.upstream.calls == []


def test_a_missing_client_is_told_in_the_middle_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(redis_link, "import_module", missing)
    with pytest.raises(ConfigError, match="fairlead\\[redis\\]"):
        InRedis("redis://localhost", 1.0)


def test_an_address_that_is_none_is_taken() -> None:
    pytest.importorskip("redis")
    with pytest.raises(ConfigError, match=r"cache\.exact\.redis"):
        InRedis("http://localhost", 1.0)
