"""A word or a pair is found among thousands where one by one would find it: none is missed, none made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.vocabulary import SHORT, Pairs, Vocabulary

TABLE = bytes(code if 97 <= code <= 122 else code + 32 if 65 <= code <= 90 else 32 for code in range(256))
words = st.text("abz", min_size=1, max_size=12)
hanzi = st.text("中文凰一龥é\ue000", min_size=1, max_size=6)


@given(
    st.lists(words, max_size=20), st.lists(words, max_size=60), st.sampled_from((" ", ", ", "é", "-\n")), st.booleans()
)
def test_a_word_is_missed_or_made_up(listed: list[str], said: list[str], between: str, long: bool) -> None:  # M3.7
    """Words that begin alike, that are longer than what is taken as a number, at either end of the text."""
    text = between.join([*said, *([" " * SHORT] if long else []), *map(str.upper, said[::-1])])
    known = Vocabulary([word.encode() for word in listed], TABLE)
    assert known.within(text.encode()) == {word.encode() for word in set(listed) & set(said)}


@given(
    st.lists(hanzi, max_size=10),
    st.lists(st.one_of(hanzi, words), max_size=30),
    st.sampled_from(("", " ", "𝟜", "\ud800")),
)
def test_a_pair_is_missed_or_made_up(listed: list[str], said: list[str], between: str) -> None:  # M3.7
    pairs = {word[at : at + 2] for word in listed for at in range(len(word) - 1)}
    text = between.join(said)
    assert Pairs(pairs).within(text) == {pair for pair in pairs if pair in text}
