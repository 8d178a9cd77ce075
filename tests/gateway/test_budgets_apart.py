"""A budget of the whole gateway, or of a model, bounds every tenant and tells none what the others spend. # FAULTS 51"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import Served, question, serving
from tests.server.wire import Response, ask
from tests.upstream import answer

SCOPES = {
    "gateway": "{scope: gateway, amount: 0.2017, per: day}",
    "model": "{scope: model, who: m-one, amount: 0.2017, per: day}",
}
KEYS = """
keys:
  - {{name: owner, key: fl_test, policy: alone}}
  - {{name: a, key: fl_a, tenant: acme, policy: alone}}
  - {{name: b, key: fl_b, tenant: other, policy: alone}}
budgets: [{budget}]
"""


async def seen(server: Served, key: str) -> tuple[Response, str]:
    """An answer or a refusal, and all that somebody is told of how it came about."""
    response = await server.chat(key=key, max_tokens=90_000)
    route = await ask(server.port, "POST", "/v1/route", question(model="auto"), {}, key)
    return response, f"{response.body!r} {json.dumps(response.headers)} {route.body!r}"


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_tenant_is_told_what_others_spend(tmp_path: Path, scope: str) -> None:
    more = KEYS.format(budget=SCOPES[scope])
    policy = "  alone: {strategy: pinned, model: m-one}\n"
    async with serving(tmp_path / "s", more=more, extra_policy=policy) as server:
        limits = set()
        for spent in (137, 311):
            server.upstream.push("one", answer("w", (0, spent)))
            assert (await server.chat(key="fl_b", max_tokens=400)).status == 200
            server.upstream.push("one", answer("w", (0, 0)))
            response, told = await seen(server, "fl_a")
            assert response.status == 200
            assert "0.20" not in told
            limits.add(response.headers["x-fairlead-max-tokens"])
        assert len(limits) == 1
        server.upstream.push("one", answer("w", (0, 100_500)))
        assert (await server.chat(key="fl_b", max_tokens=400)).status == 200
        refused, told = await seen(server, "fl_a")
        assert (refused.status, refused.error["code"]) == (402, "budget_spent")
        assert "bears no more" in str(refused.error["message"])
        assert "0.201" not in told
        owner = await server.chat(model="m-one", max_tokens=90_000)
        assert "of its $0.2017" in str(owner.error["message"])
