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
    "Wed, 21 Oct 2037 07:28:00 GMT": "3600",
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


PAID = """
keys:
  - {name: test, key: fl_test, policy: rungs}
"""
RUNGS = """  rungs: {strategy: tiered, tiers: [{name: high, models: [m-one], budget: %s}, {name: low, models: [m-two], budget: 5}]}
"""
WAYS_ROUND = [
    {"model": "m-one"},
    {"model": "auto:best"},
    {"model": "auto:ordered"},
    {"model": "auto", "models": ["m-one"]},
    {"model": "m-one", "fairlead": {"policy": "balanced"}},
]


@pytest.mark.parametrize("asked", WAYS_ROUND)
async def test_a_tier_whose_budget_is_spent_is_reached_another_way(tmp_path: Path, asked: dict) -> None:  # type: ignore[type-arg]  # M3.5
    async with serving(tmp_path / "s", more=PAID, extra_policy=RUNGS % "0.0000001") as server:
        response = await server.chat(None, **asked)
        assert "one" not in server.upstream.seats
        assert response.status == 402 or server.upstream.seats == ["two"]


@pytest.mark.parametrize("asked", WAYS_ROUND)
async def test_what_another_way_comes_to_is_nobodys_bill(tmp_path: Path, asked: dict) -> None:  # type: ignore[type-arg]  # M3.5
    async with serving(tmp_path / "s", more=PAID, extra_policy=RUNGS % 5) as server:
        response = await server.chat(None, **asked)
        assert response.status == 200
        runtime = server.running.runtime
        cost = (await server.record(response)).cost
        assert cost > 0
        left = dict(runtime.left("default", runtime.world.policies["rungs"]))
        assert left[response.headers["x-fairlead-tier"]] == 5_000_000_000 - cost


async def test_a_model_that_no_tier_pays_for_is_had_by_its_name(tmp_path: Path) -> None:  # M3.5
    async with serving(tmp_path / "s", more=PAID, extra_policy=RUNGS % 5) as server:
        response = await server.chat(None, model="both")
        assert (response.status, server.upstream.seats) == (403, [])
        assert "in no tier of policy rungs" in response.body.decode()


OTHERS = """  narrow: {strategy: balanced, models: [m-one]}
  theirs: {strategy: balanced, models: [m-two]}
  fixed: {strategy: pinned, model: m-two}
  steps: {strategy: tiered, tiers: [{name: a, models: [m-one]}, {name: b, models: [m-two]}]}
"""
STAFF = """
agents: {mine: {model: m-one}, yours: {model: m-two}, ours: {policy: steps}, hers: {policy: theirs}}
groups: {crew: {agents: [yours, hers]}, pair: {agents: [yours, mine]}}
"""
WITHOUT = """
keys:
  - {name: test, key: fl_test, policy: narrow}
  - {name: listed, key: fl_listed, models: [m-one]}
  - {name: open, key: fl_open}
"""


@pytest.mark.parametrize("key", ["fl_test", "fl_listed", "fl_open"])
async def test_an_error_names_what_the_key_could_not_use(tmp_path: Path, key: str) -> None:
    async with serving(tmp_path / "s", more=WITHOUT + STAFF, extra_policy=OTHERS) as server:
        wrong = await server.chat({"x-fairlead-policy": "theirz"}, key=key, model="auto")
        suffix = await server.chat(key=key, model="auto:theirz")
        agent = await server.chat(key=key, model="agent:herz")
        all_of_it = key == "fl_open"
        assert [one.status for one in (wrong, suffix, agent)] == [400, 404, 404]
        for told in (wrong.body.decode(), suffix.body.decode()):
            assert ("theirs" in told, "fixed" in told) == (all_of_it, all_of_it)
            assert "narrow" in told
            assert "steps" in told
            assert "balanced" in told
        assert ("hers" in agent.body.decode(), "yours" in agent.body.decode(), "crew" in agent.body.decode()) == (
            all_of_it,
        ) * 3
        for name in ("mine", "ours", "pair"):
            assert name in agent.body.decode()


async def test_an_error_guesses_a_model_that_the_key_may_not_use(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=WITHOUT, extra_policy=OTHERS) as server:
        assert "Did you mean" not in (await server.chat(key="fl_listed", model="m-twoo")).body.decode()
        assert "Did you mean 'm-two'?" in (await server.chat(key="fl_open", model="m-twoo")).body.decode()


async def test_a_key_whose_policy_is_critical_is_offered_another(tmp_path: Path) -> None:
    policy = "  narrow: {strategy: pinned, model: m-one, critical: true}\n"
    async with serving(tmp_path / "s", more=KEYS, extra_policy=policy) as server:
        told = (await server.chat({"x-fairlead-policy": "orderd"}, model="auto")).body.decode()
        assert "There are: narrow." in told
