"""The threshold that ships is the one that the pairs give, and at it wrong answers are rarer than allowed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from fairlead.cli.train import command
from fairlead.config.cache import Semantic
from fairlead.errors import ConfigError
from fairlead.evidence.train.cache import ALLOWED, Calibrated, Judged, at_most, calibrate, chosen, left_out
from fairlead.evidence.train.near_misses import Pair, generated, written
from tests.shape.tree import ROOT

PAIRS = ROOT / "training" / "cache"


@cache
def calibrated() -> Calibrated:
    return calibrate(PAIRS)


def test_wrong_answers_are_given_more_often_than_allowed() -> None:  # M5.1, FAULTS 54
    wrong = calibrated().wrong()
    assert wrong.of > 10_000
    assert wrong.hits == 0
    assert wrong.at_most <= ALLOWED
    assert calibrated().wrong(lambda pair: pair.held_out).of >= 150
    assert all(found.hits == 0 for _, _, found in left_out(calibrated().judged))


def test_nothing_is_found_or_the_threshold_that_ships_is_another_one() -> None:  # M5.1
    assert Semantic().threshold == calibrated().threshold
    found = calibrated().found()
    assert found.of >= 170
    assert found.share > 0.6
    assert calibrated().found(lambda pair: pair.kind == "form").share > 0.9


def test_the_hand_written_pairs_are_too_few_or_one_sided() -> None:  # M5.1
    pairs = written(PAIRS)
    assert len(pairs) >= 400
    kinds = {pair.kind for pair in pairs if not pair.same}
    assert kinds >= {"negation", "number", "name", "date", "unit", "language", "code", "opposite", "direction"}
    for kind in ("negation", "number", "name", "date", "unit", "opposite", "direction"):
        texts = [pair.first for pair in pairs if pair.kind == kind and not pair.same]
        assert sum(text.isascii() for text in texts) >= 8
        assert sum(not text.isascii() for text in texts) >= 8


def judged(same: bool, cosine: float, why: str = "", count: int = 1) -> list[Judged]:
    return [Judged(Pair("a", "b", same, "k", "s"), why, cosine)] * count


def test_a_threshold_is_chosen_that_is_too_low_or_misses_hits() -> None:
    told_apart = judged(False, 0.0, "number", 5000)
    assert chosen([*told_apart, *judged(True, 0.83)]) == 0.8
    assert chosen([*told_apart, *judged(False, 0.84, count=20), *judged(True, 0.96), *judged(True, 0.83)]) == 0.95
    assert chosen([*judged(False, 1.0, count=20), *judged(True, 1.0)]) == 1.0


def test_few_pairs_are_taken_for_many() -> None:
    assert at_most(0, 0) == 1
    assert at_most(0, 3000) == pytest.approx(0.001, abs=1e-5)
    assert at_most(1, 5) == pytest.approx(0.657, abs=1e-3)
    assert at_most(5, 5) == 1


def test_a_generated_pair_comes_twice_or_differently_the_next_time() -> None:
    pairs = generated(PAIRS, 1)
    assert pairs == generated(PAIRS, 1) != generated(PAIRS, 2)
    assert len({(pair.first, pair.second) for pair in pairs}) == len(pairs) > 10_000
    assert all(pair.first != pair.second and "{" not in pair.first for pair in pairs)


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "{}",
        '{"kind": "k", "first": "a", "second": "b", "same": 1}',
        '{"kind": "k", "first": "a", "second": "b", "same": true, "c": 1}',
    ],
)
def test_a_line_that_is_no_pair_is_read_or_not_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "own.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match=r"own\.jsonl:2"):
        written(tmp_path)
    with pytest.raises(ConfigError, match="no pairs"):
        written(tmp_path / "nowhere")


def test_the_command_does_not_take_ones_own_pairs(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(
        '{"kind": "form", "first": "How old is it?", "second": "how old is it", "same": true}\n'
        '{"kind": "number", "first": "Is 5 even?", "second": "Is 6 even?", "same": false}\n'
    )
    result = CliRunner().invoke(command, ["cache", "--pairs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "threshold: 1.0" in result.output  # one near-miss proves nothing
    assert "form                         1            1        100%" in result.output
