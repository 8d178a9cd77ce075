"""A splice changes one top-level key and leaves every other byte; a duplicate is always noticed."""

from __future__ import annotations

import json as plain_json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import json
from fairlead.errors import BadRequest

SPACE = st.text(" \t\r\n", max_size=2)
KEYS = st.one_of(
    st.sampled_from(["model", "stream", "max_tokens", "", "a", 'quo"te', "back\\slash", "键", "😀", "new\nline", "mo"]),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.sampled_from(["}", '","model":"x', "\\", '"', "{", "model", ","]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


def escaped(text: str, draw: Random) -> str:
    """The string as JSON, some of its characters spelled as escapes that mean the same."""
    out = []
    for char in text:
        if draw.random() < 0.2:
            units = char.encode("utf-16-be")
            hexed = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
            out += [f"\\u{one.upper() if draw.random() < 0.5 else one}" for one in hexed]
        else:
            out.append(plain_json.dumps(char, ensure_ascii=draw.random() < 0.5)[1:-1])
    return f'"{"".join(out)}"'


@st.composite
def bodies(draw: st.DrawFn, twice: bool = False) -> tuple[bytes, list[tuple[str, Any]], list[str]]:
    """(a body, its pairs in order, the pieces of text it is made of: key, colon, value, comma...)"""
    pairs = list(draw(st.dictionaries(KEYS, VALUES, min_size=1 if twice else 0, max_size=5)).items())
    if twice:
        again = draw(st.sampled_from(pairs))[0]
        pairs.insert(draw(st.integers(0, len(pairs))), (again, draw(st.one_of(VALUES, st.just(dict(pairs)[again])))))
    chance = Random(draw(st.integers(0, 2**30)))
    pieces = [draw(SPACE) + "{" + draw(SPACE)]
    for at, (key, value) in enumerate(pairs):
        separators = (chance.choice([",", ", "]), chance.choice([":", ": "]))
        value_text = plain_json.dumps(value, ensure_ascii=chance.random() < 0.5, separators=separators)
        comma = "" if at == len(pairs) - 1 else "," + draw(SPACE)
        pieces += [escaped(key, chance), draw(SPACE) + ":" + draw(SPACE), value_text, draw(SPACE) + comma]
    pieces.append("}" + draw(SPACE))
    return "".join(pieces).encode(), pairs, pieces


Body = tuple[bytes, list[tuple[str, Any]], list[str]]


@given(bodies())
def test_each_value_is_found_in_its_place(made: Body) -> None:
    body, pairs, pieces = made
    places = json.spans(body)
    assert list(places) == [key for key, _ in pairs]
    for at, (key, _) in enumerate(pairs):
        key_start, start, end = places[key]
        assert body[start:end] == pieces[3 + 4 * at].encode()
        assert body[key_start:start] == (pieces[1 + 4 * at] + pieces[2 + 4 * at]).encode()


@given(bodies(), st.data())
def test_a_splice_changes_that_value_and_no_other_byte(made: Body, data: st.DataObject) -> None:
    body, pairs, pieces = made
    chosen = [at for at in range(len(pairs)) if data.draw(st.booleans())]
    expected = list(pieces)
    for at in chosen:
        expected[3 + 4 * at] = '{"new":[1]}'
    assert json.splice(body, {pairs[at][0]: b'{"new":[1]}' for at in chosen}) == "".join(expected).encode()


@given(bodies())
def test_a_key_that_is_not_there_is_added_in_front_and_the_rest_stays(made: Body) -> None:
    body, pairs, _ = made
    out = json.splice(body, {"not there": b"1", "nor there": b"2"})
    assert plain_json.loads(out) == {"not there": 1, "nor there": 2} | dict(pairs)
    opened = body.index(b"{") + 1
    assert out.startswith(body[:opened])
    assert out.endswith(body[opened:])


@given(bodies(), st.data())
def test_taking_a_key_out_leaves_the_others_byte_for_byte(made: Body, data: st.DataObject) -> None:
    body, pairs, pieces = made
    if not pairs:
        assert json.without(body, "model") == body
        return
    at = data.draw(st.integers(0, len(pairs) - 1))
    out = json.without(body, pairs[at][0])
    assert list(plain_json.loads(out).items()) == [pair for pair in pairs if pair[0] != pairs[at][0]]
    left = [pieces[1 + 4 * other : 4 + 4 * other] for other in range(len(pairs)) if other != at]
    assert all("".join(one).encode() in out for one in left)
    assert json.without(body, "not there") == body


@given(bodies(twice=True))
def test_a_duplicate_is_noticed_however_its_key_is_spelled(made: Body) -> None:  # FAULTS 22
    body, _, _ = made
    for act in (
        json.spans,
        lambda b: json.check(b, frozenset()),
        lambda b: json.splice(b, {"x": b"1"}),
        lambda b: json.without(b, "x"),
    ):
        with pytest.raises(BadRequest, match="stands twice"):
            act(body)


@given(bodies())
def test_a_body_without_duplicates_is_never_refused(made: Body) -> None:
    body, pairs, _ = made
    json.check(body, frozenset())
    json.spans(body)
    json.check(plain_json.dumps(dict(pairs), ensure_ascii=False, separators=(",", ":")).encode(), frozenset())


@pytest.mark.parametrize("key", ["Model", "MODEL", "mOdel", "\\u004dodel"])
def test_a_known_field_in_other_letters_is_refused_for_some_receivers_take_it_for_the_same(key: str) -> None:
    with pytest.raises(BadRequest, match="is 'model' in other letters"):
        json.check(f'{{"model":"a","{key}":"b"}}'.encode(), frozenset(("model",)))
    json.check(b'{"model":"a","models":"b","Other":1}', frozenset(("model",)))


def test_no_number_and_no_length_of_fields_keeps_the_server_busy() -> None:
    many = b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}"
    for act in (json.spans, lambda b: json.check(b, frozenset()), lambda b: json.splice(b, {"x": b"1"})):
        with pytest.raises(BadRequest, match="more than 1,000 fields"):
            act(many)
    with pytest.raises(BadRequest, match="longer than 256"):
        json.spans(b'{"' + b"k" * 1000 + b'": 1}')
    whole = b"{" + b",".join(b'"k%d":1' % n for n in range(1000)) + b"}"
    assert len(json.spans(whole)) == 1000


@pytest.mark.parametrize(
    "body",
    [
        '{"a":1,"a":1}',
        '{"a":1,"b":2,"a":1}',
        '{"a":1,"a":12}',
        '{"a":12,"a":1}',
        '{"a":{"a":1},"a":{"a":1}}',
        '{"b":1,"a":"x","a":"x","c":2}',
        '{"model":"x","mod\\u0065l":"y"}',
        '{"mod\\u0065l":"y","model":"x"}',
        '{"\\/":1,"/":1}',
        '{"":1,"":2}',
        '{ "a" : 1 , "a" : 1 }',
        '{"é":1,"\\u00e9":2}',
    ],
)
def test_duplicates_that_look_like_none(body: str) -> None:
    with pytest.raises(BadRequest, match="stands twice") as caught:
        json.spans(body.encode())
    assert caught.value.code == "duplicate_field"


@pytest.mark.parametrize(
    "body", ['{"a":{"a":{"a":1}}}', '{"a":[{"b":1},{"b":1}],"b":2}', '{"ab":1,"a":2,"b":3}', "{}", " { } "]
)
def test_what_only_looks_like_a_duplicate(body: str) -> None:
    assert set(json.spans(body.encode())) == set(plain_json.loads(body))


def test_taking_out_the_first_a_middle_the_last_and_the_only_key() -> None:
    body = b'{ "a": 1, "b": {"a": 2} ,\n"c":3 }'
    assert json.without(body, "a") == b'{ "b": {"a": 2} ,\n"c":3 }'
    assert json.without(body, "b") == b'{ "a": 1, "c":3 }'
    assert json.without(body, "c") == b'{ "a": 1, "b": {"a": 2} }'
    assert json.without(b'{ "a": 1 }', "a") == b"{  }"
    assert json.without(b"{}", "a") == b"{}"


def test_an_empty_object_takes_a_key() -> None:
    assert json.splice(b" {\n} ", {"a": b"1"}) == b' {"a":1\n} '
