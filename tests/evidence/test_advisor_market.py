"""Names in logs are those of the catalogue, however they are spelled."""

from __future__ import annotations

import pytest

from fairlead.evidence.advisor_market import Market
from fairlead.registry.catalogue import load
from tests.evidence.market import market


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("azure/gpt-4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("Claude Sonnet 4.5", "claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("anthropic/claude-4.5-sonnet-20250929", "claude-sonnet-4.5"),
        ("Claude 3.5 Sonnet 2024-10-22", "claude-3.5-sonnet"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3.5-sonnet"),
        ("bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3.5-sonnet"),
        ("vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4.5"),
        ("google/gemini-2.5-flash:free", "gemini-2.5-flash"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
    ],
)
def test_a_name_is_not_known_in_another_spelling(spelled: str, name: str) -> None:  # M6.7
    found = Market(load()).find(spelled)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["my-own-model", "gpt", "", "/", "a.b.c", "-latest", "@", "claude-9-sonnet"])
def test_a_name_of_nothing_is_known(name: str) -> None:
    assert Market(load()).find(name) is None


def test_a_price_of_another_day_holds() -> None:
    dated = market().choices["dated"]
    prices = [dated.price(day) for day in (20_088, 20_089, -1)]
    assert [price and price.rates.input // 10**9 for price in prices] == [8, 2, 2]
