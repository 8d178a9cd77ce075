"""A short request of words alone is read in one go, and comes to what it comes to where it is looked at more closely."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from fairlead.core.call import NO_REST
from fairlead.dialects.openai_chat.native import (
    _USUAL_REQUEST,
    SHORT,
    ChatView,
    StreamOptions,
    UsualRequest,
    _Words,
    read_request,
)
from fairlead.errors import BadRequest
from tests.dialects.test_twice import TEXTS, Writing, objects

PLAIN = b'{"model":"m","messages":[{"role":"user","content":"a: b"}],"temperature":1,"stop":["a"],"max_tokens":9,"n":2}'
HUGE = 10**400
"""Beyond a double: no receiver can hold it."""
SETTINGS = st.dictionaries(
    st.sampled_from([*(one.encode_name for one in msgspec.structs.fields(_USUAL_REQUEST.type)), "seed", "N", "a:b"]),
    st.sampled_from([None, True, 0, 1, -1, 2**31, HUGE, 1.5, 1e22, "", "a:b", [], ["a:b"], {}, {"include_usage": True}, {"x": 1}]),
    max_size=3,
)  # fmt: skip


def told(body: bytes) -> tuple[Any, ...]:
    try:
        view = read_request(body)
    except BadRequest as problem:
        return problem.code, problem.param, problem.code == "invalid_json" or problem.message
    assert isinstance(view, ChatView)
    return (
        view.model, view.stream, view.answers, view.max_output, view.options, view.prefers, view.plain, view.predicted,
        view.user, list(view.texts()), msgspec.structs.replace(view.shape(), rest=NO_REST),
    )  # fmt: skip


def alike(body: bytes) -> None:
    assert told(body) == told(body + b" " * SHORT)


def test_words_and_settings_are_read_in_one_go() -> None:
    view = read_request(PLAIN)
    assert (view.wordy, view.plain) == (True, True)
    assert not read_request(PLAIN + b" " * SHORT).wordy


@pytest.mark.parametrize(
    "more",
    [
        b'"tools":[]',
        b'"seed":1',
        b'"n":null',
        b'"models":["a"]',
        b'"response_format":{"type":"text"}',
        b'"fairlead":{}',
    ],
    ids=range(6),
)
def test_whatever_is_not_known_to_be_words_is_looked_at_more_closely(more: bytes) -> None:
    assert not read_request(PLAIN.replace(b'"n":2', more)).wordy


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        (b"\\u003a", b'"user":"a","user":"a"', "duplicate_field"),
        (b"\\u003A", b'"n":1,"n":1', "duplicate_field"),
        (b"\\\\\\u003a", b'"us\\u0065r":"a","user":"a"', "duplicate_field"),
        (b"::::", b'"stop":["a"],"stop":":"', "duplicate_field"),
        (b"a", b'"temperature":1e22,"top_p":1,"top_p":1', "duplicate_field"),
        (b"a", b'"top_logprobs":%d' % HUGE, "invalid_json"),
        (b"a", b'"max_tokens":%d' % HUGE, "invalid_json"),
        (b"a", b'"N":1', "unknown_field"),
    ],
    ids=range(8),
)
def test_nothing_makes_up_for_what_has_to_be_refused(content: bytes, more: bytes, code: str) -> None:  # FAULTS 22
    with pytest.raises(BadRequest) as caught:
        read_request(b'{"model":"m","messages":[{"role":"user","content":"%b"}],%b}' % (content, more))
    assert caught.value.code == code


@given(TEXTS, SETTINGS, st.integers(0, 2**30), st.data())
def test_it_comes_to_the_same_whatever_stands_in_it(
    text: str, settings: dict[str, Any], seed: int, data: st.DataObject
) -> None:  # FAULTS 22
    said = {"model": "m", "messages": [{"role": "user", "content": text}, {"role": text, "content": text}], **settings}
    writing = Writing(Random(seed))
    alike(writing.text(said).encode())
    doubled = data.draw(st.sampled_from([one for _, one in objects(said)]))
    key = data.draw(st.sampled_from(list(doubled)))
    twice = Writing(Random(seed), doubled, (key, doubled[key])).text(said).encode()
    alike(twice)
    assert len(told(twice)) == 3, "a field that stands twice was not refused"


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(PLAIN) - 1),
            st.sampled_from(b'"{}[]:,\\u3aA0-e.n \n\x00\xed\xa0'),
            st.sampled_from("sci"),
        ),
        max_size=4,
    )
)
def test_it_comes_to_the_same_with_a_few_bytes_wrong(changes: list[tuple[int, int, str]]) -> None:
    body = bytearray(PLAIN)
    for at, byte, kind in changes:
        if kind == "s":
            body[at % len(body)] = byte
        elif kind == "c":
            del body[at % len(body)]
        else:
            body.insert(at, byte)
    alike(bytes(body))


def structs(kind: Any) -> list[inspect.StructType]:
    """All that a type is made of."""
    match kind:
        case inspect.StructType():
            return [kind, *(one for field in kind.fields for one in structs(field.type))]
        case inspect.UnionType():
            return [one for inner in kind.types for one in structs(inner)]
        case inspect.ListType():
            return structs(kind.item_type)
    plain = (inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType)
    assert isinstance(kind, plain) or kind == inspect.CustomType(msgspec.UnsetType), (
        f"{kind} may hold what nobody looks at"
    )
    return []


def test_all_of_it_is_read_and_counted_by_its_names() -> None:
    found = structs(inspect.type_info(_USUAL_REQUEST.type))
    assert [one.cls for one in found] == [UsualRequest, _Words, StreamOptions], "`is_all` counts the names of these"
    request, message, options = found
    for one in (request, options):
        assert all(field.required or field.default is None for field in one.fields)
    assert [field.name for field in message.fields if field.required] == ["role", "content"]
    assert [field.type for field in message.fields if not field.required] == [inspect.CustomType(msgspec.UnsetType)]


def without_what_was_not_given(value: Any) -> Any:
    match value:
        case dict():
            return {key: without_what_was_not_given(held) for key, held in value.items() if held is not None}
        case list():
            return [without_what_was_not_given(one) for one in value]
    return value


def said_again(body: bytes) -> bool:
    """What `UsualRequest.is_all` tells, the long way: what was read, written again, has as many colons."""
    written = msgspec.json.encode(without_what_was_not_given(msgspec.to_builtins(_USUAL_REQUEST.decode(body))))
    return body.count(b":") == written.count(b":") and b"\\u003" not in body


PAIRS = st.lists(
    st.sampled_from(
        [
            '"n":1', '"n":null', '"n":2', '"user":"a:b"', '"user":"\\u003a"', '"us\\u0065r":""', '"stop":[":",""]', '"top_p":0',
            '"stream_options":{}', '"stream_options":{"include_usage":false}', '"stream_options":{"include_usage":null}',
            '"stream_options":{"include_usage":true,"include_usage":true}', '"stream_options":{"x":1}', '"model":"m:x"',
            '"messages":[{"role":"a","content":"b"}]', '"messages":[{"role":":","content":"::"},{"role":"a","content":""}]',
            '"messages":[{"role":"a","role":"a","content":":"}]', '"messages":[{"role":"a","content":"\\u003A:"}]',
        ]
    ),
    max_size=4,
)  # fmt: skip


@given(PAIRS, st.randoms(use_true_random=False))
def test_its_colons_tell_no_more_than_those_of_what_was_read_written_again(pairs: list[str], chance: Random) -> None:
    pairs = ['"model":"m"', '"messages":[{"role":"user","content":"a: b"}]', *pairs]
    chance.shuffle(pairs)
    body = f"{{{','.join(pairs)}}}".encode()
    try:
        read = _USUAL_REQUEST.decode(body)
    except msgspec.ValidationError:
        return
    assert read.is_all(body) <= said_again(body)
    names = [pair.partition(":")[0].replace("\\u0065", "e") for pair in pairs]
    assert not read.is_all(body) or len(set(names)) == len(names)


@pytest.mark.parametrize(
    "more",
    [
        '"n":1',
        '"stream":true,"stream_options":{"include_usage":true}',
        '"stream_options":{}',
        '"stop":["a","b"],"temperature":0,"top_p":0.0,"user":""',
    ],
    ids=range(4),
)
@pytest.mark.parametrize("text", ["", "a", ":", "a: b\\n::", "\\u00e9:"], ids=range(5))
@pytest.mark.parametrize("model", ["m", "m:free"])
def test_nothing_of_what_is_usual_is_missed(model: str, text: str, more: str) -> None:
    said = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "{text}"}}, {{"content": "", "role": ""}}], {more}}}'
    assert _USUAL_REQUEST.decode(said.encode()).is_all(said.encode())
    assert said_again(said.encode())
