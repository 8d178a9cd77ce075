"""What costs other than its price says is not borne by a hard budget, however it is written. # M6.3"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.dialects.openai_chat import native as chat
from fairlead.providers import terms
from tests.gateway.test_budgets import books, keys
from tests.server.serving import question, serving

DEARER: list[dict[str, Any]] = [
    {"service_tier": "priority"}, {"service_tier": "PRIORITY"}, {"service_tier": ["auto"]}, {"serviceTier": "priority"},
    {"speed": "fast"}, {"inference_geo": "us"},
]  # fmt: skip
USUAL: list[dict[str, Any]] = [
    {}, {"service_tier": "auto"}, {"service_tier": None}, {"service_tier": "flex"}, {"speed": "standard"},
    {"inference_geo": "global"}, {"messages": [{"content": '"service_tier": "priority"'}]}, {"preset": "@preset/x"},
    {"tools": [{"speed": "fast", "service_tier": "priority"}]},
]  # fmt: skip


def dearer(body: bytes, kind: str) -> str:
    found = terms.asked(body)
    return "" if found is None else terms.unusual(found, kind)


@pytest.mark.parametrize("asked", DEARER, ids=json.dumps)
def test_a_faster_lane_is_taken_for_the_usual_one(asked: dict[str, Any]) -> None:
    assert dearer(json.dumps(asked).encode(), "openai")
    name = next(iter(asked))
    spelt = json.dumps(asked).replace(f'"{name}"', f'"\\u00{ord(name[0]):02x}{name[1:]}"')
    assert json.loads(spelt) == asked
    assert dearer(spelt.encode(), "openai")


@pytest.mark.parametrize("asked", USUAL, ids=json.dumps)
def test_what_costs_what_the_price_says_is_refused(asked: dict[str, Any]) -> None:
    assert dearer(json.dumps(asked).encode(), "openai") == ""


@pytest.mark.parametrize("asked", [*DEARER, *USUAL, {"tools": []}, {"max_tool_calls": 1}], ids=json.dumps)
def test_a_request_that_asks_for_such_terms_passes_for_a_plain_one(asked: dict[str, Any]) -> None:
    """Of a plain one nobody looks for them, however they are written."""
    said = asked | {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    name = next(iter(asked), "model")
    spelt = json.dumps(said).replace(f'"{name}":', f'"\\u00{ord(name[0]):02x}{name[1:]}":')
    for body in (json.dumps(said).encode(), spelt.encode()):
        assert chat.read_request(body).plain == (said.keys() <= {"model", "messages"})
    assert {field.encode_name for field in msgspec.structs.fields(terms.Terms)} & chat.FIELDS == {"tools"}


@pytest.mark.parametrize("asked", [{"preset": "@preset/x"}, {"plugins": [{"id": "web"}]}], ids=json.dumps)
def test_another_router_spends_what_it_likes(asked: dict[str, Any]) -> None:
    assert dearer(json.dumps(asked).encode(), "openrouter")


async def test_a_hard_budget_bears_twice_the_price(tmp_path: Path) -> None:
    """Nothing leaves, nothing stays held; without a budget it passes."""
    async with serving(tmp_path / "s", more=keys("budget: {amount: 5, per: total}")) as server:
        refused = await server.chat(service_tier="priority")
        assert (refused.status, refused.error["code"]) == (402, "budget_spent")
        assert "priority" in str(refused.error["message"])
        assert (server.upstream.calls, books(server)) == ([], (0, 0))
        assert (await server.chat(service_tier="auto")).status == 200
        assert (await server.chat(key="fl_other", service_tier="priority")).status == 200
        assert b'"priority"' in server.upstream.calls[-1].body
    async with serving(
        tmp_path / "t", more=keys("budget: {amount: 5, per: total, mode: soft, then: cheapest}")
    ) as server:
        assert (await server.chat(service_tier="priority")).status == 200


async def test_a_router_behind_this_one_is_told_of_other_models(tmp_path: Path) -> None:
    """It would ask one that the caller may not use, at a price nobody here knows."""
    provider = "  or: {kind: openrouter, base_url: 'http://127.0.0.1:PORT/or/v1', api_key: key-or}\n"
    model = "  via: {channels: [{provider: or, model: up}], price: {input: 1, output: 2}, quality: 0.5}\n"
    async with serving(tmp_path / "first") as other:
        extra = provider.replace("PORT", str(other.upstream.port))
        async with serving(tmp_path / "s", extra_provider=extra, extra_model=model) as server:
            raw = question(model="via", models=["via", "vendor/dear"], provider={"sort": "price"})
            assert (await server.chat(raw=raw)).status == 200
            sent = json.loads(other.upstream.calls[-1].body)
            assert "models" not in sent
            assert sent["provider"] == {"sort": "price"}
