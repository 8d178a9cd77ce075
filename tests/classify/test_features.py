"""The rows of an excerpt: each has a value and a word behind it, and what is asked at the ends counts most."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.classify.excerpt import END, HEAD, SYSTEM
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


@pytest.mark.parametrize("system", ["be brief", "🙂🙂 be brief 🙂", "只回答一个词"])
def test_what_is_asked_counts_from_its_first_word_on_whatever_is_written_before_it(system: str) -> None:
    found = words(f"{SYSTEM}{system}{HEAD}{' '.join(f'w{chr(97 + at % 26)}' for at in range(60))}{END}")
    at = spelled(found).index(HEAD)
    assert at > 1
    before, first = found.values[:at], found.values[at]
    assert before / first == pytest.approx(np.full(at, REST), rel=1e-3)


def test_words_go_by_their_letters_wherever_in_the_text_they_stand() -> None:
    once = words(f"{HEAD}summarise{END}")
    late = words(f"{HEAD}🙂 以及，\t one  two\n--summarise{END}")
    of_late = dict(zip(spelled(late), late.rows.tolist(), strict=True))
    for spelt, row in zip(spelled(once), once.rows.tolist(), strict=True):
        if " " not in spelt:
            assert of_late[spelt] == row
