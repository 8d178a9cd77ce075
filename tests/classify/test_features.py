"""The rows of an excerpt: each has a value and a word behind it, and what is asked at the ends counts most."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.classify.excerpt import END, HEAD
from fairlead.classify.features import PAIR, REST, ROWS, TRIPLE, spelled, words


@pytest.mark.parametrize(
    "text", ["", "Übersetze bitte", "把这句话翻译成英语", "summarise the minutes, please 🙂", "a" * 400]
)
def test_every_row_has_a_value_and_a_word_behind_it(text: str) -> None:  # M2.1
    found = words(f"{HEAD}{text}{END}")
    assert len(found.rows) == len(found.values) == len(spelled(found))
    assert 0 <= found.rows.min() <= found.rows.max() < ROWS
    assert float(found.values @ found.values) == pytest.approx(1, abs=1e-5)


def test_words_share_rows_by_stem_and_by_ending() -> None:
    def rows(text: str) -> dict[str, int]:
        found = words(f"{HEAD}{text}{END}")
        return dict(zip(spelled(found), found.rows.tolist(), strict=True))

    one, other = rows("summarise"), rows("summarization")
    assert one["summa…"] == other["summa…"]
    assert one["…ise"] == rows("organise")["…ise"]
    assert one["…ise"] != other["…ion"]
    assert not any("…" in feature for feature in rows("find it"))


def test_pairs_and_triples_count_less_than_words_and_the_middle_less_than_the_ends() -> None:
    found = words(f"{HEAD}{' '.join(f'w{chr(97 + at % 26)}' for at in range(60))}{END}")
    tokens = len(found.starts)
    token, pair, triple = np.split(found.values[: 3 * tokens - 3], [tokens, 2 * tokens - 1])
    assert pair[0] / token[0] == pytest.approx(PAIR, rel=1e-3)
    assert triple[0] / token[0] == pytest.approx(TRIPLE, rel=1e-3)
    assert token[tokens // 2] / token[0] == pytest.approx(REST, rel=1e-3)
