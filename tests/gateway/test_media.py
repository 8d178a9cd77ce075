"""Images and sound under a bound: what may cost anything is not sent, and what nobody told the use of is marked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import serving
from tests.server.wire import ask
from tests.upstream import Play, plain

KEYS = """
keys:
  - {name: test, key: fl_test, tenant: acme, team: red}
  - {name: free, key: fl_free, tenant: other}
tenants: {acme: {teams: {red: {}}}}
"""
PRICED = "  painter: {channels: [{provider: one}], price: {input: 1, output: 1, per_request: 0.04}}\n"
OWN = "  home: {channels: [{provider: one}], price: {input: 0, output: 0}}\n"
PINNED = "  drawn: {strategy: pinned, model: m-one}\n"
BUDGETS = {
    "the gateway's": "{scope: gateway, amount: 10}",
    "a tenant's": "{scope: tenant, who: acme, amount: 10}",
    "a team's": "{scope: team, who: acme/red, amount: 10}",
    "a key's": "{scope: key, who: test, amount: 10}",
    "a tag's": "{scope: tag, who: docs, amount: 10}",
    "a model's": "{scope: model, who: m-one, amount: 10}",
}
PATHS = ("/v1/images/generations", "/v1/audio/speech")


def body(model: str) -> bytes:
    return json.dumps({"model": model, "prompt": "A boat", "input": "A boat"}).encode()


@pytest.mark.parametrize("whose", BUDGETS)
async def test_a_hard_budget_bears_what_nobody_knows_the_cost_of(tmp_path: Path, whose: str) -> None:  # M6.3 FAULTS 46
    more = f"{KEYS}budgets: [{BUDGETS[whose]}]\n"
    headers = {"x-fairlead-tags": "docs"}
    async with serving(tmp_path / "s", more=more, extra_model=PRICED + OWN, extra_policy=PINNED) as server:
        for path in PATHS:
            refused = await ask(server.port, "POST", path, body("m-one@one"), headers)
            assert (refused.status, refused.error["code"]) == (402, "unpriced")
            pinned = await ask(server.port, "POST", path, body("auto"), {**headers, "x-fairlead-policy": "drawn"})
            assert (pinned.status, pinned.error["code"]) == (402, "unpriced")
        assert server.upstream.calls == []
        assert (await ask(server.port, "POST", "/v1/moderations", body("m-one"), headers)).status == 200
        for model in ("painter", "home"):
            server.upstream.push("one", Play([plain(200, b'{"data":[]}')], None, 200))
            paid = await ask(server.port, "POST", PATHS[0], body(model), headers)
            assert paid.status == 200, paid.body
            assert (await server.record(paid)).cost == (40_000_000 if model == "painter" else 0)


async def test_a_budget_of_others_or_a_soft_one_refuses_a_picture(tmp_path: Path) -> None:  # M6.3
    soft = "{scope: gateway, amount: 10, mode: soft}, {scope: tenant, who: acme, amount: 10}"
    async with serving(tmp_path / "s", more=f"{KEYS}budgets: [{soft}]\n") as server:
        server.upstream.push("one", Play([plain(200, b'{"data":[]}')], None, 200))
        assert (await ask(server.port, "POST", PATHS[0], body("m-one"), key="fl_free")).status == 200


async def test_a_highest_cost_lets_a_picture_of_a_pinned_model_through(tmp_path: Path) -> None:  # M6.3
    async with serving(tmp_path / "s", extra_policy=PINNED) as server:
        wishes = {"x-fairlead-policy": "drawn", "x-fairlead-max-cost": "1"}
        refused = await ask(server.port, "POST", PATHS[0], body("auto"), wishes)
        assert (refused.status, refused.error["code"]) == (402, "unpriced")
        assert server.upstream.calls == []


@pytest.mark.parametrize(
    ("path", "answer", "estimated"),
    [
        ("/v1/audio/speech", b"ID3\x04sound", True),
        ("/v1/images/generations", b'{"data":[],"usage":{"input_tokens":5,"output_tokens":7}}', False),
        ("/v1/moderations", b'{"results":[]}', False),
    ],
)
async def test_sound_is_booked_as_if_its_use_were_known(
    tmp_path: Path, path: str, answer: bytes, estimated: bool
) -> None:  # M6.1
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, answer)], None, 200))
        spoken = await ask(server.port, "POST", path, body("m-one"))
        assert (spoken.status, spoken.body) == (200, answer)
        assert [one.usage.estimated for one in (await server.record(spoken)).attempts] == [estimated]
