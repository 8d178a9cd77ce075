"""Attempts that are charged in another currency, from the choice to the books."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

from fairlead.store.ledger import DATABASE
from fairlead.store.reports import groups, open_ledger, totals
from fairlead.store.verification import verify
from tests.server.serving import KEYS, serving

YUAN = "  m-yuan: {channels: [{provider: two, model: up-two}], price: {input: 2, output: 5, currency: CNY}, quality: 0.9}\n"
CHOICE = "  frugal: {strategy: cost_first, models: [m-one, m-yuan]}\n"


async def test_yuan_are_compared_or_added_up_as_dollars(tmp_path: Path) -> None:  # M6.2
    """m-one costs a dollar in and two out, m-yuan 0.25 and 0.625: as figures it is the dearer one."""
    rates = f"{KEYS}exchange: {{rates: {{CNY: 0.125}}}}\n"
    async with serving(tmp_path / "s", more=rates, extra_model=YUAN, extra_policy=CHOICE) as server:
        dollars = await server.chat(model="m-one")
        answer = await server.chat({"x-fairlead-policy": "frugal"}, model="auto")
        assert answer.headers["x-fairlead-model"] == "m-yuan"
        records = await server.records()
        (tried,) = records[1].attempts
        assert (tried.currency, tried.cost, tried.spent) == ("CNY", 57_000, 7_125)
        assert records[1].cost == 7_125 == Decimal(answer.headers["x-fairlead-cost"]) * 10**9
        assert records[0].cost == 25_000 == Decimal(dollars.headers["x-fairlead-cost"]) * 10**9
        assert records[1].baseline_cost in (25_000, 7_125)
        with closing(open_ledger(server.state_dir / DATABASE)) as ledger:
            assert totals(ledger).cost == 32_125
            found = {group.name: (group.cost, group.currency, group.spent) for group in groups(ledger, "model")}
            assert found == {"m-one": (25_000, "USD", 25_000), "m-yuan": (57_000, "CNY", 7_125)}
            assert verify(ledger).told == []
