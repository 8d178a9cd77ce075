"""The whole text is read, wherever the thing stands and however long the text is; ordinary numbers stay ordinary."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.classify.sensitivity import Detector, pieces
from fairlead.classify.sensitivity.detector import OVERLAP, PIECE
from fairlead.classify.sensitivity.kinds import FINDERS
from fairlead.core.call import Signal
from fairlead.core.sensitivity import KINDS
from fairlead.errors import Forbidden
from tests.classify.sensitivity.reading import ALL, found

CARD = "4111 1111 1111 1111"
THINGS = {
    "card": CARD,
    "email": "ann@corp.com",
    "phone": "+49 30 1234567",
    "iban": "DE89 3704 0044 0532 0130 00",
    "id_cn": "11010519491231002X",
    "ssn": "078-05-1120",
    "passport": "Passport No. X1234567",
    "secret": "password=hunter22!",
    "term:Project Phoenix": "project phoenix",
}
WITH_TERMS = Detector(terms=["Project Phoenix"])


def test_a_kind_has_no_finder_or_no_name() -> None:
    assert tuple(FINDERS) == KINDS


def test_a_signal_does_not_say_what_was_found_and_how_sure_that_is() -> None:  # M2.2
    assert ALL.find([f"pay with {CARD}"]) == [Signal("sensitivity", "card", True, 0.99)]
    assert Detector(action="mark").find([CARD]) == [Signal("sensitivity", "card", "mark", 0.99)]
    assert ALL.find([]) == ALL.find([""]) == []


@pytest.mark.parametrize("kind", THINGS)
def test_a_kind_that_was_not_chosen_is_looked_for(kind: str) -> None:
    others = Detector(name for name in KINDS if name != kind)
    assert kind not in {signal.name for signal in others.find([THINGS[kind]])}
    assert kind in {signal.name for signal in WITH_TERMS.find([THINGS[kind]])}


def test_a_kind_that_nobody_finds_is_taken() -> None:
    with pytest.raises(ValueError, match="nothing finds cards; there are: email"):
        Detector(["cards"])


def test_a_refusal_repeats_what_was_found() -> None:
    strict = Detector(terms=["Project Phoenix"], action="refuse")
    assert strict.check(["hello"]) == ()
    with pytest.raises(Forbidden, match="card, term") as caught:
        strict.check([f"project phoenix pays with {CARD}"])
    assert caught.value.code == "sensitive_content"
    assert "4111" not in caught.value.message
    assert "hoenix" not in caught.value.message
    assert Detector(action="self_hosted").check([CARD])[0].value is True


def test_reading_in_pieces_finds_less_than_reading_at_once() -> None:
    texts = ["hello", f"{'x ' * PIECE}{CARD}", "ann@corp.com"]
    at_once = ALL.check(texts)
    found: dict[str, float] = {}
    for piece in pieces(texts):
        ALL.read(piece, found)
    assert ALL.verdict(found) == at_once
    assert {signal.name for signal in at_once} == {"card", "email"}


@pytest.mark.parametrize("kind", THINGS)
@pytest.mark.parametrize("place", [0, 1, PIECE - 30, PIECE - 8, PIECE - OVERLAP, PIECE, 2 * PIECE - 20, 5 * PIECE])
@pytest.mark.parametrize("filler", ["lorem ipsum dolor\n", "中文内容。", "x, "])
def test_something_is_missed_deep_in_a_long_text(kind: str, place: int, filler: str) -> None:  # M3.7
    before = (filler * (place // len(filler) + 1))[:place]
    text = f"{before} {THINGS[kind]}\n{filler * 200}"
    assert kind in {signal.name for signal in WITH_TERMS.find([text])}


@pytest.mark.parametrize("filler", ["a", "ab ", "中", "1,"])
def test_a_piece_is_too_long_or_leaves_something_out(filler: str) -> None:
    text = (filler * (4 * PIECE))[: 3 * PIECE + 17]
    cut = list(pieces([text]))
    assert len(cut) > 3
    assert max(map(len, cut)) <= PIECE
    at = 0
    for piece in cut:
        start = text.find(piece, max(at - OVERLAP, 0), at + len(piece))
        assert start >= 0
        at = start + len(piece)
    assert at == len(text)


@given(st.lists(st.text("ab c", max_size=60), max_size=8))
def test_many_short_texts_lose_one(texts: list[str]) -> None:
    joined = "".join(pieces(texts))
    assert all(text in joined for text in texts)


def test_two_texts_together_make_what_neither_holds() -> None:
    assert ALL.find(["4111 1111", "1111 1111"]) == []
    assert ALL.find(["ann@", "corp.com"]) == []
    assert WITH_TERMS.find(["project", "phoenix"]) == []


words = st.sampled_from(
    ["version", "released", "took", "see", "at", "是", "build", "now", "=", ":", "(", "-", "#", "v"]
)
moments = st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2090, 1, 1))  # noqa: DTZ001
ORDINARY: dict[str, st.SearchStrategy[str]] = {
    "version": st.lists(st.integers(0, 40), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts))),
    "moment": moments.map(lambda moment: moment.isoformat(sep=" ")),
    "compact moment": moments.map(lambda moment: moment.strftime("%Y%m%d%H%M%S")),
    "epoch": st.integers(10**9, 2 * 10**9 - 1).map(str),
    "epoch in ms": st.integers(10**12, 2 * 10**12 - 1).map(str),
    "epoch in ns": st.integers(10**18, 2 * 10**18 - 1).map(str),
    "price": st.decimals(0, 10**7, places=2).map(lambda amount: f"${amount:,}"),
    "float": st.floats(-1e6, 1e6, allow_nan=False).map(repr),
    "share": st.floats(0, 1, allow_nan=False).map(lambda share: f"{share:.16f}"),
    "uuid": st.uuids().map(str),
    "hash": st.binary(min_size=1, max_size=8).map(lambda seed: hashlib.sha256(seed).hexdigest()),
    "short hash": st.binary(min_size=1, max_size=8).map(lambda seed: f"g{hashlib.sha1(seed).hexdigest()[:11]}"),
    "order": st.integers(10**7, 10**17).map(lambda number: f"order {number}"),
    "order with letters": st.integers(10**7, 10**17).map(lambda number: f"ORD-{number}"),
    "订单": st.integers(10**7, 10**17).map(lambda number: f"订单号 {number}"),
    "address": st.ip_addresses(v=4).map(str),
    "new address": st.ip_addresses(v=6).map(str),
    "code": st.integers(0, 2**31).map(lambda number: f"0x{number:08X} {number:,}"),
    "small numbers": st.lists(st.integers(0, 99), min_size=9, max_size=30).map(lambda row: ", ".join(map(str, row))),
    "years": st.lists(st.integers(1900, 2099), min_size=5, max_size=12).map(lambda row: " ".join(map(str, row))),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_number_is_taken_for_somebodys(name: str) -> None:  # M3.7
    @settings(max_examples=60)
    @given(words, ORDINARY[name], words)
    def check(before: str, number: str, after: str) -> None:
        assert found(f"{before} {number} {after}") == {}

    check()


@given(st.text(max_size=300))
def test_a_text_breaks_the_reader(text: str) -> None:
    ALL.find([text])


@pytest.mark.parametrize("odd", ["\ud800", "a\udfff@b.com", "\0" * 50, "𝟜𝟙𝟙𝟙" * 4])
def test_an_odd_text_breaks_the_reader(odd: str) -> None:
    ALL.find([odd])


HOSTILE: dict[str, str] = {
    "digits": "1234567890",
    "single digits": "1 ",
    "groups": "4111 1111 1111 1112 ",
    "brackets": "(123) 123-123 ",
    "at signs": "a@",
    "dots": "a.b@c.",
    "heads": "DE89 3704 ",
    "spaces": "1" + " " * 5000,
    "told": "password=aaaaaa ",
    "quotes": 'password": "',
    "prefixes": "sk-aaaaaaaaaaaaaaaaaa ",
    "word": "a",
    "token": "eyJ",
    "logins": "://a:b",
    "passports": "passport number " + " " * 50,
    "zones": "P<",
    "begins": "-----BEGIN ",
    "phoenix": "project " + " " * 300,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_for_ever(name: str) -> None:
    size = 200_000
    hostile = HOSTILE[name]
    read: Any = {signal.name for signal in WITH_TERMS.find([(hostile * (size // len(hostile) + 1))[:size]])}
    assert read <= {"secret", "email"}


def test_the_groups_of_an_identifier_are_taken_for_a_card() -> None:
    assert found(str(uuid.UUID("12345678-4111-1111-1111-111111111111"))) == {}
