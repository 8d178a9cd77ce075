"""Scenario files: everything wrong is said at once and where it stands, and what is right means what it says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from fairlead.config.document import NodePath
from fairlead.errors import ConfigError
from fairlead.evidence import scenarios
from fairlead.evidence.calculator import Scenario, calculate
from fairlead.registry.catalogue import load

AT = 1_800_000_000
WRONG = """\
title: everything that can be wrong
requests: lots
tasks:
  simple: {share: 0.7}
  hard: {share: 0.2, lenght: 2}
models:
  gpt-5.5: {input: 6, output: 30}
  flash: {input: 0.1}
  own-thing:
  yuan: {input: 1, output: 1, currency: CNY}
strategies:
  one: {tierd: {simple: flash}}
  two: {mix: {flash: 0.5, opus: 0.6}}
  three: {tiered: {simple: flush}}
  four: {single: flash, mix: {flash: 1}}
  five: {single: flash, pays: last}
  six: {cascade: {flash: 1}, kept: {gpt-5.5: 0.5}}
  seven: {observed: {flash: 3}, move: {share: 10 %, source: flesh, to: flash}}
published:
  - {figure: costs, of: one, value: 3}
  - {figure: saving, of: tow, value: 3}
  - {figure: cost, of: two, against: four, value: 3}
"""
SAID = """\
2: requests: expected a whole number, found the text 'lots'
5: tasks.hard.lenght: unknown setting, did you mean 'length'?
8: models.flash.output: is missing, and requests have output; tokens.output: 0 leaves it out
9: models.own-thing: give `input` and `output`, or `per_request`: the catalogue has no price of it
10: models.yuan: its price is in CNY: say in `exchange` how many CNY one USD is
12: strategies.one.tierd: unknown setting, did you mean 'tiered'?
13: strategies.two.mix.opus: there is no model 'opus'; known: gpt-5.5, flash, own-thing, yuan
13: strategies.two.mix: the shares add up to 1.1, not to 1
14: strategies.three.tiered.simple: there is no model 'flush', did you mean 'flash'?
14: strategies.three.tiered: no model for 'hard'
15: strategies.four: a strategy is one of single, mix, tiered, cascade, random, all_frontier, all_cheap, subscription, \
observed; found single and mix
16: strategies.five.pays: only a strategy with `cascade` has it
17: strategies.six.kept.gpt-5.5: there is no model 'gpt-5.5'; known: flash
18: strategies.seven.move.source: there is no model 'flesh', did you mean 'flash'?
20: published[0].figure: unknown: 'costs', did you mean 'cost'?
21: published[1].of: there is no strategy 'tow', did you mean 'two'?
21: published[1].against: is missing: the figure saving needs a strategy
22: published[2].against: the figure cost has none; those with one: saving, ratio, difference, quality_ratio
"""
SMALL = "models:\n  a: {input: 1, output: 2}\nstrategies:\n  s: {single: a}\n"


def read(text: str, given: dict[NodePath, object] | None = None) -> Scenario:
    return scenarios.loads(text, "mine.yaml", load(), AT, given)


def problems(text: str, given: dict[NodePath, object] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, given)
    return [problem.removeprefix("mine.yaml:") for problem in caught.value.problems]


def test_only_some_of_what_is_wrong_is_said_or_some_of_it_twice() -> None:  # M6.5
    assert problems(WRONG) == SAID.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: the file is empty: it needs at least `models` and `strategies`"),
        ("models: [", "1: not readable as YAML"),
        ("strategies: {a: {single: x}}", "1: models: there are no models"),
        ("baselines: []", "1: baselines: there is nothing to compare"),
        (
            "models: {a: {per_request: 1}}\nbaselines: [randm]",
            "2: baselines[0]: unknown: 'randm', did you mean 'random'?",
        ),
        (f"{SMALL}tasks: {{x: {{share: 0.7}}, y: {{share: 0.2}}}}", "5: tasks: the shares add up to 0.9, not to 1"),
        (f"{SMALL}tasks: {{x: {{share: 70}}}}", "5: tasks.x.share: a share is from 0 to 1, found 70"),
        (f"{SMALL}tasks: {{x: {{share: 1/0}}}}", "5: tasks.x.share: expected a share such as 0.25, 25 % or 1/4"),
        (f"{SMALL}tasks: {{x: {{share: 1, length: 0}}}}", "5: tasks.x.length: must be more than 0"),
        (f"{SMALL}currency: yen", "5: currency: expected a currency's three letters"),
        (f"{SMALL}tokens: {{input: -1}}", "5: tokens.input: must be at least 0"),
        (f"{SMALL}requests: ${{N}}", "5: requests: the variable N is not set"),
        (f"{SMALL}requests: 1\nrequests: 2", "6: requests: given twice; the first is on line 5"),
        (SMALL.replace("single: a", "random: []"), "4: strategies.s.random: needs at least one entry"),
        (SMALL.replace("single: a", "observed: {}"), "4: strategies.s.observed: needs at least one entry"),
        (
            SMALL.replace("single: a", "observed: {x: 1}, move: {share: 1, source: a, to: a}"),
            "4: strategies.s.move.source: there is no model of `observed` 'a'; known: x",
        ),
        (SMALL.replace("output: 2", "output: 2, qualities: {hard: 1}"), "2: models.a.qualities.hard: there is no task"),
        (f"{SMALL}published: [{{figure: cost, of: s, value: dear}}]", "5: published[0].value: expected a figure"),
        (
            SMALL.replace("a: {input: 1, output: 2}", "gpt-55:").replace("single: a", "single: gpt-55"),
            "2: models.gpt-55: give `input`",
        ),
    ],
)
def test_a_mistake_is_taken_or_its_place_is_not_told(text: str, said: str) -> None:
    assert problems(text)[0].startswith(said)


def test_a_missing_model_of_the_catalogue_is_not_answered_with_the_nearest() -> None:
    text = "models:\n  claude-opus-4.77:\nstrategies:\n  s: {single: claude-opus-4.77}\n"
    assert "did you mean 'claude-opus-4.7'?" in problems(text)[0]


def test_the_catalogues_price_of_a_model_is_another_here() -> None:
    scenario = read("models:\n  claude-opus-4.7:\nstrategies:\n  s: {single: claude-opus-4.7}\n")
    entry = load().entries["claude-opus-4.7"]
    listed = next(iter(entry.offers.values())).prices[-1].rates
    model = scenario.case.models["claude-opus-4.7"]
    assert (model.source, model.quality_source) == ("catalogue", "catalogue")
    assert model.tiers[0][1].input * 10**9 == listed.input
    assert model.tiers[0][1].output * 10**9 == listed.output
    assert model.tiers[0][1].cached * 10**9 == listed.cached_input
    assert model.quality == Fraction(str(entry.quality))


def test_a_currency_or_a_discount_is_ignored() -> None:
    text = (
        "currency: CNY\nexchange: {USD: 1/7}\nmodels:\n  a: {input: 1, output: 2, currency: USD, discount: 50 %}\n"
        "  b: {input: 1, output: 2, per_request: 0.5}\nstrategies:\n  s: {mix: {a: 50 %, b: 1/2}}\n"
    )
    scenario = read(text)
    assert scenario.case.models["a"].tiers[0][1].output == 7
    assert scenario.case.models["b"].tiers[0][1].output == 2
    assert calculate(scenario).outcomes["s"].cost == 1000 * (Fraction("0.0063") + Fraction("0.5018")) / 2


def test_a_task_loses_what_it_does_not_say_itself() -> None:
    text = (
        f"{SMALL}tokens: {{input: 10, cached: 1/4}}\n"
        "tasks:\n  x: {share: 1/3, tokens: {output: 0}}\n  y: {share: 2/3, tokens: {input: 0, cached: 0}, length: 3}\n"
    )
    x, y = read(text).case.works
    assert (x.share, x.input, x.output, x.cached, x.length) == (Fraction(1, 3), 10, 0, Fraction(1, 4), 1)
    assert (y.share, y.input, y.output, y.cached, y.length) == (Fraction(2, 3), 0, scenarios.OUTPUT, 0, 3)


@pytest.mark.parametrize(
    ("printed", "least", "most"),
    [
        ("value: 6800", "6799.5", "6800.5"),
        ("value: 0.0023", "0.00225", "0.00235"),
        ("value: 0.10", "0.095", "0.105"),
        ("value: 15 %", "0.145", "0.155"),
        ("value: 94.6 %", "0.9455", "0.9465"),
        ("value: 40 %, to: 60 %", "0.395", "0.605"),
        ("value: 7200, within: 100", "7100", "7300"),
        ("value: 7200, within: 0.1", "7199.9", "7200.1"),
        ("value: 40 %, to: 60 %, within: 1 %", "0.39", "0.61"),
    ],
)
def test_a_printed_figure_agrees_with_what_does_not_round_to_it(printed: str, least: str, most: str) -> None:
    (published,) = read(f"{SMALL}published: [{{figure: cost, of: s, {printed}}}]").published
    assert (published.least, published.most) == (Fraction(least), Fraction(most))


def test_a_baseline_is_left_out_or_forced_on_somebody() -> None:
    assert [one.name for one in read(SMALL).strategies] == ["s", "random", "all-frontier", "all-cheap"]
    assert [one.name for one in read(f"{SMALL}baselines: [all_cheap]").strategies] == ["s", "all-cheap"]
    assert [one.name for one in read(f"{SMALL}baselines: []").strategies] == ["s"]
    own = SMALL.replace("s: {single: a}", "random: {random: [a]}")
    assert [one.models for one in read(own).strategies if one.name == "random"] == [("a",)]
    bill = read("strategies:\n  s: {observed: {a: 1}}\n")
    assert [one.name for one in bill.strategies] == ["s"]


def test_an_option_leaves_the_file_as_it_is_or_hides_its_line() -> None:
    given: dict[NodePath, object] = {
        ("requests",): 7,
        ("tokens", "input"): 0,
        ("models", "a"): {},
        ("models", "b", "per_request"): 3,
    }
    scenario = read(SMALL, given)
    assert (scenario.case.requests, scenario.case.works[0].input) == (7, 0)
    assert scenario.case.models["a"].tiers[0][1].input == 1
    assert scenario.case.models["b"].per_request == 3
    assert problems(SMALL, {("models", "a", "input"): "dear"}) == [
        "2: models.a.input: expected a number, found the text 'dear'"
    ]


def test_a_scenario_of_options_alone_speaks_of_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        scenarios.from_options({("requests",): 0, ("models", "a", "per_request"): 1}, load(), AT)
    assert caught.value.problems == ("requests: must be at least 1, found 0",)


def test_a_name_and_a_file_are_taken_for_each_other(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL)
    assert scenarios.load(str(file), load(), AT).name == "mine"
    with pytest.raises(ConfigError, match="there is no such file"):
        scenarios.load("nowhere.yaml", load(), AT)
    with pytest.raises(ConfigError, match="unknown scenario 'd5_smrt', did you mean 'd5_smart'"):
        scenarios.load("d5_smrt", load(), AT)
    with pytest.raises(ConfigError, match="unknown scenario"):
        scenarios.load("..", load(), AT)
