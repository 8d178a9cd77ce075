"""The owner's door for batches: whose books, and which wishes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead.cli.books import Connection
from fairlead.config.load import loads
from fairlead.errors import NotFound
from fairlead.gateway.world import World
from fairlead.server.batching import SHOWN, Terms, caller_of, terms
from fairlead.server.building import build
from tests.server.serving import KEYS, config, question, serving


def world(more: str = KEYS, strategy: str = "") -> World:
    text = config(1, Path("st"), more=more, extra_policy=f"  own: {{strategy: {strategy}}}\n" if strategy else "")
    return build(loads(text.replace("default: ordered", "default: own") if strategy else text), b"pepper", "")


ONE = "keys: [{name: only, key: fl_test}]\n"


def test_another_key_is_taken_than_was_named() -> None:  # M4.8 M6.1
    assert caller_of(world(), "other").tenant == "others"
    assert caller_of(world(), "").name == "owner"
    assert caller_of(world(), "owner").name == "owner"
    assert caller_of(world(ONE), "").name == "only"
    assert caller_of(world(""), "").name == "anonymous"
    with pytest.raises(Exception, match=r"no key 'othr' that could be used now\. Did you mean 'other'") as caught:
        caller_of(world(), "othr")
    assert "fl_" not in str(caught.value)


def test_a_policy_that_is_not_there_is_found_out_line_by_line() -> None:  # M4.8
    assert terms(world(), "test", "ordered").key == "test"
    with pytest.raises(NotFound, match=r"policy 'orderd' is not known here\. Did you mean 'ordered'"):
        terms(world(), "test", "orderd")


def test_all_of_many_keys_are_told() -> None:
    many = world("keys:\n" + "".join(f"  - {{name: key-{number}, key: fl_{number}}}\n" for number in range(40)))
    assert len(terms(many, "").keys) == SHOWN
    with pytest.raises(NotFound, match=r"key-0, .*, \.\.\.\.$") as caught:
        caller_of(many, "nobody")
    assert len(str(caught.value)) < 300


ROUTES = "routes: [{match: {%s}, policy: ordered, reason: it is said}]\n"


@pytest.mark.parametrize(
    ("strategy", "routes", "cheapest"),
    [
        ("balanced", "", True),
        ("balanced", ROUTES % "task: [math]", True),
        ("balanced", ROUTES % "latency_class: [batch]", False),
        (
            "balanced, rules: [{name: all, match: {latency_class: [batch]}, model: m-one, reason: it is said}]",
            "",
            False,
        ),
        (
            "balanced}\n  other: {strategy: tiered, tiers: [{name: t, match: {latency_class: [batch]}, models: [m-one]}]",
            "",
            False,
        ),
        ("hybrid", "", False),
        ("quality_first", "", False),
        ("", "", False),
    ],
)
def test_the_cheapest_answers_where_the_configuration_says_who_does(strategy: str, routes: str, cheapest: bool) -> None:
    # M4.8
    assert terms(world(KEYS + routes, strategy), "test") == Terms(
        "test", ("test", "other"), cheapest, simulated=False, passing=False
    )


def test_the_policy_of_the_key_is_overlooked() -> None:  # M4.8
    keys = "keys:\n  - {name: own, key: fl_own, policy: ordered}\n  - {name: test, key: fl_test}\n"
    assert not terms(world(keys, "balanced"), "own").cheapest
    assert terms(world(keys, "balanced"), "test").cheapest


def posted(folder: Path, headers: dict[str, str], path: str = "/v1/chat/completions") -> tuple[int, dict[str, str]]:
    connection = Connection(folder / "admin.sock", 10)
    try:
        connection.request("POST", path, question(), {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


async def test_the_name_of_a_key_opens_the_door_to_everybody(tmp_path: Path) -> None:  # M4.8 M6.1
    import asyncio

    named = {"x-fairlead-as": "test"}
    past = "  - {name: old, key: fl_old, expires: 2020-01-01T00:00:00Z}\n"
    async with serving(tmp_path / "s", more=KEYS + past) as server:
        refused = await server.chat(named, key="")
        assert refused.status == 401
        status, headers = await asyncio.to_thread(posted, server.state_dir, named)
        assert status == 200
        record = await server.running.runtime.ledger.decision(headers["x-fairlead-request-id"], None)
        assert record is not None
        assert record.key == "test"
        for name in ("nobody", "old"):
            assert (await asyncio.to_thread(posted, server.state_dir, {"x-fairlead-as": name}))[0] == 401
        own: Any = await server.chat(named, key="fl_other")
        assert (await server.record(own)).key == "other"


async def test_the_lines_of_a_batch_that_come_at_once_are_refused(tmp_path: Path) -> None:  # M4.8
    async with serving(tmp_path / "s") as server:
        connections = [Connection(server.state_dir / "admin.sock", 10) for _ in range(256)]
        try:
            for connection in connections:
                connection.connect()  # and the loop has no turn in between
        finally:
            for connection in connections:
                connection.close()


async def test_a_batch_goes_on_where_others_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.8 FAULTS 28
    from fairlead.errors import Overloaded

    async with serving(tmp_path / "s") as server:
        shedding = server.running.app.shedding
        monkeypatch.setattr(shedding, "beat", lambda late: None)  # which would look how things really are
        monkeypatch.setattr(shedding, "scarce", True)
        monkeypatch.setattr(shedding, "refusal", lambda name: Overloaded("no time", retry_after=2.0))
        status, headers = await asyncio.to_thread(posted, server.state_dir, {"x-fairlead-as": "test"})
        assert (status, headers["retry-after"]) == (503, "2")
        assert server.upstream.calls == []
