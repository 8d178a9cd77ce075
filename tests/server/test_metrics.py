"""Metrics that are made up, that leave something out, or that tell what is nobody's business."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from fairlead.evidence.guards import GuardState, State
from fairlead.server.metrics import MOST, _metric
from tests.server.serving import Served, serving, soon
from tests.server.test_keys import KEYS
from tests.server.wire import ask
from tests.upstream import answer, status

LINE = re.compile(r'fairlead_[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? -?[0-9.e+-]+')
BUDGETED = (
    f"{KEYS}budgets:\n  - {{scope: key, who: plain, amount: 5, per: total}}\n  - {{scope: gateway, amount: 100}}\n"
)
GUARDED = f"{KEYS}guards: {{every: 0.2, least: 2, quality_floor: FLOOR, overhead: 0, drift: 0}}\n"
GUARDS = ("quality", "overhead", "cache", "drift_models", "drift_tasks")


async def metrics(server: Served, key: str = "fl_looks") -> dict[str, float]:
    found = await ask(server.port, "GET", "/metrics", key=key)
    assert (found.status, found.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line for line in found.body.decode().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    told = dict(line.rsplit(" ", 1) for line in lines)
    assert len(told) == len(lines), "a sample stands twice"
    return {name: float(value) for name, value in told.items()}


async def test_what_was_done_is_counted_twice_or_not_at_all(tmp_path: Path) -> None:  # M6.6
    async with serving(tmp_path / "s", more=BUDGETED) as server:
        before = await metrics(server)
        assert not any(name.startswith(("fairlead_requests_total", "fairlead_attempts_total")) for name in before)
        server.upstream.push("one", answer(), status(400), answer())
        for expected in (200, 400, 200):
            assert (await server.chat(key="fl_plain")).status == expected
        assert (await server.chat(key="fl_unknown")).status == 401
        for _ in range(2):
            told = await metrics(server)
            by_provider = 'provider="one",model="m-one"'
            assert told['fairlead_requests_total{operation="generate",outcome="ok"}'] == 2
            assert told['fairlead_requests_total{operation="generate",outcome="failed"}'] == 1
            assert told[f'fairlead_attempts_total{{{by_provider},outcome="ok"}}'] == 2
            assert told[f'fairlead_attempts_total{{{by_provider},outcome="failed"}}'] == 1
            assert told[f'fairlead_tokens_total{{{by_provider},kind="input"}}'] == 22
            assert told[f'fairlead_tokens_total{{{by_provider},kind="output"}}'] == 14
            assert told["fairlead_in_flight"] == 0
            assert told['fairlead_responses_total{status="400"}'] == 1
            cost = told[f"fairlead_cost_usd_total{{{by_provider}}}"]
            assert cost > 0
            own = 'scope="key",tenant="default",who="plain",per="total",mode="hard"'
            assert told[f"fairlead_budget_amount_usd{{{own}}}"] == 5
            assert told[f"fairlead_budget_spent_usd{{{own}}}"] == pytest.approx(cost)
            assert told[f"fairlead_budget_held_usd{{{own}}}"] == 0
            assert told["fairlead_budgets"] == 2
            assert told['fairlead_audit_total{kind="invalid_api_key"}'] == 1
        assert (await server.chat(key="fl_plain")).status == 200
        after = await metrics(server)
        assert after['fairlead_requests_total{operation="generate",outcome="ok"}'] == 3


@pytest.mark.parametrize(("floor", "state"), [(0.95, "alarm"), (0.5, "fine")])
async def test_a_guard_says_by_metric_what_it_did_not_find(tmp_path: Path, floor: float, state: str) -> None:  # M6.6
    """One workload that fires it, and the same against a floor that it meets."""
    async with serving(tmp_path / "s", more=GUARDED.replace("FLOOR", str(floor))) as server:
        for _ in range(3):
            assert (await server.chat(key="fl_plain")).status == 200
        guarding = server.running.app.metrics.guarding
        assert guarding is not None
        await soon(lambda: any(one.guard == "quality" and one.state == state for one in guarding.latest))
        told = await metrics(server)
        states = ("off", "unknown", "fine", "alarm")
        quality = [told[f'fairlead_guard{{guard="quality",state="{one}"}}'] for one in states]
        assert quality == [float(one == state) for one in states]
        assert told['fairlead_guard_value{guard="quality"}'] == pytest.approx(0.9)
        assert told['fairlead_guard_bound{guard="quality"}'] == floor


@pytest.mark.parametrize("guard", GUARDS)
async def test_a_guard_is_missing_among_the_metrics(tmp_path: Path, guard: str) -> None:  # M6.6
    async with serving(tmp_path / "s", more=f"{KEYS}guards: {{every: 3600}}\n") as server:
        guarding = server.running.app.metrics.guarding
        assert guarding is not None
        found: State
        for found in ("alarm", "fine", "off"):
            guarding.take((GuardState(guard, found, 0.5, 0.8, "so it is"),), 1.0)
            told = await metrics(server)
            assert told[f'fairlead_guard{{guard="{guard}",state="{found}"}}'] == 1
            assert sum(value for name, value in told.items() if name.startswith("fairlead_guard{")) == 1


async def test_statuses_are_counted_twice_or_not_at_all(tmp_path: Path) -> None:  # M8.3
    """Those of answers, of streams, and of what never came to be a request."""
    async with serving(tmp_path / "s", more=KEYS) as server:
        assert (await server.chat(key="fl_plain")).status == 200
        assert (await server.chat(key="fl_plain", stream=True)).status == 200
        assert (await server.chat(key="fl_unknown")).status == 401
        assert (await ask(server.port, "GET", "/v1/nothing", key="fl_plain")).status == 404
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()
        told = await metrics(server)
        found = {name: value for name, value in told.items() if name.startswith("fairlead_responses_total")}
        assert found == {
            f'fairlead_responses_total{{status="{status}"}}': n
            for status, n in ((200, 2), (400, 1), (401, 1), (404, 1))
        }


@pytest.mark.parametrize(("keys", "key", "expected"), [
    ("", "", 200), ("", "fl_whatever", 200),
    ("keys: [{name: a, key: fl_a}, {name: b, key: fl_b, tenant: others}]\n", "fl_a", 200),
    ("keys: [{name: a, key: fl_a}, {name: b, key: fl_b, tenant: others}]\n", "fl_b", 403),
    ("keys: [{name: a, key: fl_a}, {name: b, key: fl_b, role: viewer}]\n", "fl_a", 403),
    ("keys: [{name: a, key: fl_a}, {name: b, key: fl_b, role: admin, expires: 2020-01-01}]\n", "fl_a", 200),
])  # fmt: skip
async def test_nobody_may_look_where_nobody_was_named_for_it(
    tmp_path: Path, keys: str, key: str, expected: int
) -> None:  # M8.3
    async with serving(tmp_path / "s", more=keys) as server:
        assert (await ask(server.port, "GET", "/metrics", key=key)).status == expected


async def test_a_web_page_reads_the_metrics_of_a_gateway_without_keys(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", more="") as server:
        asked = await ask(server.port, "GET", "/metrics", headers={"Origin": "https://pages.example"}, key="")
        assert asked.status == 403


@pytest.mark.parametrize("key", ["fl_plain", "fl_head", "fl_lead", "fl_unknown"])
async def test_metrics_are_told_to_whom_they_do_not_concern(tmp_path: Path, key: str) -> None:  # FAULTS 51
    async with serving(tmp_path / "s") as server:
        assert (await ask(server.port, "GET", "/metrics", key=key)).status in (401, 403)


def test_a_metric_has_lines_without_end_or_a_label_breaks_out_of_its_line() -> None:
    lines = "".join(_metric("x", "gauge", "It.", (((("who", f'a"\n\\{one}'),), one) for one in range(MOST + 5))))
    assert lines.count("\n") == MOST + 2
    assert all(LINE.fullmatch(line) for line in lines.splitlines() if not line.startswith("#"))
