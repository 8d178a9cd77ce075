"""Settings of the caches that would do nothing, or not what they say."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError

BASE = """
providers: {one: {kind: openai, api_key: k}}
models: {m: {channels: [{provider: one}], price: {input: 1, output: 1}}}
keys: [{name: a, key: fl_a}]
"""
WRONG = {
    "semantic: {enabled: true}": r"cache\.semantic\.enabled: needs cache\.exact\.enabled",
    "semantic: {embedding: {timeout: 1}}": r"cache\.semantic\.embedding: name a `model` or a `path`",
    "semantic: {embedding: {model: m, path: here}}": r"cache\.semantic\.embedding: name a `model` or a `path`",
    "semantic: {embedding: {model: n}}": r"cache\.semantic\.embedding\.model",
    "semantic: {threshold: 1.5}": r"cache\.semantic\.threshold",
    "semantic: {max_turns: -1}": r"cache\.semantic\.max_turns",
}


@pytest.mark.parametrize("section", WRONG)
def test_what_says_nothing_or_two_things_is_loaded(section: str) -> None:
    with pytest.raises(ConfigError, match=WRONG[section]):
        loads(f"{BASE}cache: {{{section}}}\n")


def test_the_semantic_cache_is_on_or_keeps_for_another_time_than_a_week() -> None:  # M5.1
    semantic = loads(BASE).cache.semantic
    assert not semantic.enabled
    assert semantic.ttl == 7 * 86_400
    assert loads(f"{BASE}cache: {{exact: {{enabled: true}}, semantic: {{enabled: true}}}}\n").cache.semantic.enabled


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("exact: {enabled: true, keep: redis}", r"cache\.exact\.keep: `redis` needs its address too"),
        ("exact: {enabled: true, redis: 'redis://h'}", r"cache\.exact\.redis: is not asked with `keep: memory`"),
    ],
)
def test_half_of_a_redis_is_taken_for_the_whole(section: str, told: str) -> None:  # M5.1
    with pytest.raises(ConfigError, match=told):
        loads(f"{BASE}cache: {{{section}}}\n")


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ("cache: {exact: {ttl: 60}}", "cache.exact"),
        ("cache: {exact: {enabled: true}, semantic: {ttl: 60}}", "cache.semantic"),
        ("memory: {days: 3}", "memory"),
    ],
)
def test_settings_of_what_nobody_switched_on_pass_without_a_word(section: str, where: str) -> None:
    said = f"{where}: is off: settings alone do not switch it on"
    assert any(said in one for one in loads(f"{BASE}{section}\n").warnings)
    off = section.replace("days: 3", "days: 3, enabled: false").replace("ttl: 60", "ttl: 60, enabled: false")
    assert not any(said in one for one in loads(f"{BASE}{off}\n").warnings), "whoever says so means it"


def test_a_key_cannot_wish_what_its_requests_may_say_of_the_cache() -> None:  # M5.1
    wishing = BASE.replace("key: fl_a}", "key: fl_a, wishes: {cache: %s}}")
    assert loads(wishing % "'off'").keys[0].wishes == {"cache": "off"}
    with pytest.raises(ConfigError, match=r"wishes\.cache: unknown cache 'no'; known: on, refresh, off"):
        loads(wishing % "'no'")
