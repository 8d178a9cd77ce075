"""Who saw a request, and when its tenant's day ends: what an audit has to be able to tell."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.server.serving import KEYS, serving
from tests.upstream import answer, status

SPREAD = """  wide:
    channels: [{provider: one, model: up-one, region: eu}, {provider: two, model: up-two, name: away, region: us}]
    price: {input: 1, output: 2}
    quality: 0.5
"""


async def test_a_place_that_saw_a_request_is_not_on_the_books(tmp_path: Path) -> None:  # M3.8
    async with serving(tmp_path / "s", extra_model=SPREAD) as server:
        server.upstream.push("one", status(500))
        response = await server.chat(model="wide")
        assert response.status == 200
        record = await server.record(response)
        seen = [(one.provider, one.region, one.channel) for one in record.attempts]
        assert seen == [("one", "eu", "wide@one"), ("two", "us", "wide@away")]
        told = json.loads((await server.get(f"/v1/decisions/{record.request}")).body)
        assert [(one["provider"], one["region"], one["channel"]) for one in told["attempts"]] == seen


TIERS = """  tiers:
    strategy: tiered
    tiers: [{name: high, models: [m-one], budget: 1}, {name: low, models: [m-two]}]
"""
FAR = KEYS + "tenants: {others: {timezone: Asia/Kathmandu}}\n"
AHEAD = {"default": 0, "others": 5 * 3600 + 45 * 60}


async def test_a_tiers_day_ends_at_another_midnight_than_the_tenants(tmp_path: Path) -> None:  # M3.5
    async with serving(tmp_path / "s", extra_policy=TIERS, more=FAR) as server:
        for key in ("fl_test", "fl_other"):
            server.upstream.push("one", answer("a", (1000, 1000)))
            response = await server.chat(key=key, model="auto", fairlead={"policy": "tiers"})
            assert response.headers["x-fairlead-tier"] == "high"
        accounts = [one for one in server.running.runtime.budgets.books.accounts.values() if one.scope == "tier"]
        ends = {account.who[0]: account.calendar(time.time()).until for account in accounts}
        assert {tenant: (end + AHEAD[tenant]) % 86_400 for tenant, end in ends.items()} == {"default": 0, "others": 0}
        for account in accounts:
            end = ends[account.who[0]]
            assert account.at(end - 1).spent == 3_000_000
            assert account.at(end).spent == 0
