"""An operator may have all answers of a key, a team or a tenant checked: one line, `policies`, and no way round it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.serving import Served, serving
from tests.upstream import answer

SORRY = "I'm sorry, but I can't help with that."
CHECKED = "  checked: {strategy: cost_first, min_quality: 0, models: [m-two, m-one], quality: {gates: [usual], upgrades: 0}}\n"
ALWAYS = "policies: [checked], policy: checked"
WHOSE = {
    "tenant": f"keys: [{{name: test, key: fl_test}}]\ntenants: {{default: {{{ALWAYS}}}}}\n",
    "team": f"keys: [{{name: test, key: fl_test, team: red}}]\ntenants: {{default: {{teams: {{red: {{{ALWAYS}}}}}}}}}\n",
    "key": f"keys: [{{name: test, key: fl_test, {ALWAYS}}}]\n",
}
WAYS = "agents: {quick: {policy: ordered}, direct: {model: m-two}}\nroutes: [{name: x, match: {keyword: [zebra]}, policy: ordered, reason: y}]\n"
ROUND = {
    "another policy by header": {"headers": {"x-fairlead-policy": "ordered"}, "model": "auto"},
    "another policy in the body": {"model": "auto", "fairlead": {"policy": "cost_first"}},
    "another policy and a model": {"headers": {"x-fairlead-policy": "ordered"}, "model": "m-two"},
    "another policy by the model's name": {"model": "auto:cheap"},
    "an agent of another policy": {"model": "agent:quick"},
    "a route to another policy": {"model": "auto", "messages": [{"role": "user", "content": "A zebra?"}]},
    "a model": {"model": "m-two"},
    "a channel": {"model": "m-two@two"},
    "an agent that is a model": {"model": "agent:direct"},
    "a list of models": {"model": "auto", "models": ["m-two"]},
    "a low budget": {"headers": {"x-fairlead-budget": "low"}, "model": "auto"},
    "nothing": {"model": "auto"},
}


async def given(server: Served, way: str) -> str:
    """What becomes of an answer that is not good enough."""
    server.upstream.push("two", answer(SORRY))
    response = await server.chat(**ROUND[way])  # type: ignore[arg-type]
    if response.status == 403:
        assert response.json["error"]["code"] == "policy_not_allowed"
        return "refused"
    assert response.status == 200, response.body
    assert response.headers["x-fairlead-downgraded"] == "true"
    return "checked" if "refusal" in response.headers["x-fairlead-warning"] else "unchecked"


@pytest.mark.parametrize("way", ROUND)
@pytest.mark.parametrize("whose", WHOSE)
async def test_a_caller_goes_round_the_checks_that_its_operator_wants(
    tmp_path: Path, whose: str, way: str
) -> None:  # M4.3
    async with serving(tmp_path / "s", more=f"{WHOSE[whose]}{WAYS}", extra_policy=CHECKED) as server:
        assert await given(server, way) == ("refused" if "another policy" in way else "checked")


async def test_a_key_that_may_use_another_policy_is_bound_by_the_line(tmp_path: Path) -> None:  # M4.3
    async with serving(tmp_path / "s", extra_policy=CHECKED) as server:
        server.upstream.push("two", answer(SORRY))
        response = await server.chat({"x-fairlead-policy": "cost_first"}, model="auto")
        assert (response.status, "x-fairlead-confidence" in response.headers) == (200, False)
