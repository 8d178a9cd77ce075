"""Keys that only certain policies may choose for: whatever else they name is refused, and never listed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.server.serving import serving

KEYS = """
keys:
  - {name: test, key: fl_test, policies: [ordered, second]}
  - {name: cheap, key: fl_cheap, policy: cost_first, strategies: [cost_first]}
  - {name: free, key: fl_free}
  - {name: teamed, key: fl_teamed, tenant: acme, team: red}
  - {name: near, key: fl_near, regions: [eu]}
  - {name: bound, key: fl_bound, policy: second}
tenants: {acme: {policy: second, policies: [second, third], teams: {red: {policies: [second, ordered]}}}}
agents: {mine: {policy: second}, theirs: {policy: third}, fixed: {model: m-two}}
groups: {crew: {agents: [theirs]}}
intents: {odd: {policy: third}}
routes: [{match: {keyword: zebra}, policy: third, reason: animals}]
"""
POLICIES = """  second: {strategy: pinned, model: m-two}
  third: {strategy: balanced}
"""

ASKED: list[tuple[dict[str, object], Mapping[str, str], int]] = [
    ({"model": "auto"}, {}, 200),
    ({"model": "auto:second"}, {}, 200),
    ({"model": "m-one"}, {}, 200),
    ({"model": "agent:mine"}, {}, 200),
    ({"model": "agent:fixed"}, {}, 200),
    ({"model": "auto"}, {"x-fairlead-policy": "second"}, 200),
    ({"model": "auto:third"}, {}, 403),
    ({"model": "auto:cheap"}, {}, 403),
    ({"model": "auto:best"}, {}, 403),
    ({"model": "auto:balanced"}, {}, 403),
    ({"model": "agent:theirs"}, {}, 403),
    ({"model": "agent:crew"}, {}, 403),
    ({"model": "intent:odd"}, {}, 403),
    ({"model": "auto"}, {"x-fairlead-policy": "third"}, 403),
    ({"model": "m-one"}, {"x-fairlead-policy": "third"}, 403),
    ({"model": "auto", "fairlead": {"policy": "balanced"}}, {}, 403),
    ({"model": "auto", "messages": [{"role": "user", "content": "a zebra"}]}, {}, 403),
]


@pytest.mark.parametrize(("said", "headers", "status"), ASKED)
async def test_a_policy_the_key_may_not_use_chooses_for_it(
    tmp_path: Path, said: dict[str, object], headers: Mapping[str, str], status: int
) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES) as server:
        response = await server.chat(headers, **said)
        assert response.status == status, response.body
        if status == 403:
            assert response.error["code"] == "policy_not_allowed"
            assert "ordered, second" in response.error["message"]
            assert server.upstream.seats == []
        assert (await server.chat(headers, key="fl_free", **said)).status == 200


async def test_a_strategy_is_reached_under_another_policys_name(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES) as server:
        for asked, status in (("auto", 200), ("auto:cheap", 200), ("auto:third", 403), ("auto:ordered", 403)):
            assert (await server.chat(key="fl_cheap", model=asked)).status == status


async def test_a_team_may_more_than_its_tenant(tmp_path: Path) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES) as server:
        for asked, status in (("auto", 200), ("auto:ordered", 403), ("auto:third", 403)):
            assert (await server.chat(key="fl_teamed", model=asked)).status == status


@pytest.mark.parametrize(
    ("key", "virtual"),
    [
        ("fl_test", ["auto", "auto:ordered", "auto:second"]),
        ("fl_cheap", ["auto", "auto:cheap", "auto:cost_first"]),
        ("fl_teamed", ["auto", "auto:second"]),
    ],
)
async def test_a_list_offers_what_is_refused(tmp_path: Path, key: str, virtual: list[str]) -> None:  # M8.1
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES) as server:
        listed = [one["id"] for one in (await server.get("/v1/models", key)).json["data"]]
        assert sorted(name for name in listed if name.startswith("auto")) == virtual
        for name in virtual:
            assert (await server.chat(key=key, model=name)).status == 200
            assert (await server.get(f"/v1/models/{name}", key)).status == 200
        assert (await server.get("/v1/models/auto:third", key)).status == 404


async def test_models_nobody_serves_where_the_key_may_go_are_listed(tmp_path: Path) -> None:
    far = "  away: {channels: [{provider: two, region: eu}], price: {input: 1, output: 1}}\n"
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES, extra_model=far) as server:
        listed = [one["id"] for one in (await server.get("/v1/models", "fl_near")).json["data"]]
        assert [name for name in listed if not name.startswith("auto")] == ["away"]


async def test_auto_is_described_as_another_keys(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more=KEYS, extra_policy=POLICIES) as server:
        for key, policy in (("fl_bound", "second"), ("fl_free", "ordered")):
            assert (await server.get("/v1/models/auto", key)).json["fairlead"]["policy"] == policy
