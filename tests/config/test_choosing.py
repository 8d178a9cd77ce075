"""What is wrong with how models are to be chosen is told at the check, all at once: the line, the knob, what is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.config.load import check
from tests.config.test_load import MINIMAL, NoCatalogue, problems, read

HERE = Path(__file__).parent


def test_a_problem_of_choosing_waits_for_the_first_request() -> None:  # M3.3
    found = check(HERE / "choosing.yaml", {}, NoCatalogue())
    told = "\n".join(line.removeprefix(f"{HERE / 'choosing.yaml'}:") for line in found) + "\n"
    assert told == (HERE / "choosing.golden").read_text()


@pytest.mark.parametrize("written", ["easy", "[easy]", "[simple, easy]"])
def test_a_wrong_value_that_stands_alone_hides_what_else_is_wrong(written: str) -> None:
    text = f"policies: {{p: {{rules: [{{model: own-8c, match: {{complexity: {written}}}, reason: r}}]}}}}\n"
    found = problems(MINIMAL + text)
    assert len(found) == 2
    assert any("'easy'" in one for one in found)
    assert any("unknown model 'own-8c', did you mean 'own-8b'?" in one for one in found)


@pytest.mark.parametrize(
    ("setting", "strategy"),
    [
        ("weights: {quality: 1}", "cost_first"),
        ("model: own-8b", "balanced"),
        ("tiers: [{name: a, models: [own-8b]}]", "balanced"),
        ("cascade: {base: own-8b, middle: own-8b, premium: own-8b}", "tiered, tiers: [{name: a, models: [own-8b]}]"),
        ("self_hosted: [own-8b]", "specialist"),
        ("commercial: [own-8b]", "quality_first"),
    ],
)
def test_a_setting_that_the_strategy_does_not_read_is_no_warning(setting: str, strategy: str) -> None:
    name = setting.partition(":")[0]
    warnings = read(f"{MINIMAL}policies: {{p: {{strategy: {strategy}, {setting}}}}}\n").warnings
    assert [f"policies.p.{name}: strategy" in one for one in warnings if "own-8b.channels" not in one].count(True) == 1


def test_a_floor_may_name_a_task_of_ones_own() -> None:  # M2.1
    text = "tasks: {legal: {like: reasoning}}\npolicies: {p: {floors: {legal: 0.9, complex: 0.8, agent: 0.7}}}\n"
    assert read(MINIMAL + text).policies["p"].floors == {"legal": 0.9, "complex": 0.8, "agent": 0.7}
