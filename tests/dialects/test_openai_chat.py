"""What is wrong with a request is said in its own words, naming the field; whatever it is, it is never our crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead.core.call import Shape
from fairlead.core.record import Usage
from fairlead.dialects.openai_chat import native as openai_chat
from fairlead.dialects.openai_chat.native import account, read_request, usual
from fairlead.errors import BadRequest
from tests.dialects.recordings import ANSWERS, captured_requests

HI = '"messages":[{"role":"user","content":"hi"}]'
BASE = f'"model":"m",{HI}'


def refused(body: bytes | str) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read_request(body.encode() if isinstance(body, str) else body)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (f"{{{HI}}}", "model", "model is missing"),
        ('{"model":"m"}', "messages", "messages is missing"),
        (f'{{"model":1,{HI}}}', "model", "model has to be a string, not an integer"),
        (f'{{"model":"",{HI}}}', "model", "model is empty"),
        (f'{{"model":"{"m" * 300}",{HI}}}', "model", "longer than 256"),
        ('{"model":"m","messages":[]}', "messages", "messages is empty"),
        ('{"model":"m","messages":"hi"}', "messages", "messages has to be a list, not a string"),
        ('{"model":"m","messages":["hi"]}', "messages[0]", "messages[0] has to be an object"),
        ('{"model":"m","messages":[{"content":"x"}]}', "messages[0].role", "messages[0].role is missing"),
        ('{"model":"m","messages":[{"role":"u","content":5}]}', "messages[0].content", "a string or a list or null"),
        ('{"model":"m","messages":[{"role":"u","content":[{}]}]}', "messages[0].content[0].type", "type is missing"),
        (f'{{{BASE},"stream":"yes"}}', "stream", "stream has to be true or false or null, not a string"),
        (f'{{{BASE},"stream_options":[]}}', "stream_options", "has to be an object or null, not a list"),
        (f'{{{BASE},"stream_options":{{"include_usage":1}}}}', "stream_options.include_usage", "true or false"),
        (f'{{{BASE},"max_tokens":"5"}}', "max_tokens", "max_tokens has to be an integer or null, not a string"),
        (f'{{{BASE},"max_tokens":-1}}', "max_tokens", "max_tokens is -1; it has to be from 0"),
        (f'{{{BASE},"max_completion_tokens":-4}}', "max_completion_tokens", "is -4"),
        (f'{{{BASE},"max_tokens":{10**30}}}', "max_tokens", "from 0 to 2147483647"),
        (f'{{{BASE},"n":{10**15}}}', "n", "from 1 to 1024"),
        (f'{{{BASE},"max_tokens":{"9" * 5000}}}', "max_tokens", "max_tokens"),
        (f'{{{BASE},"temperature":"hot"}}', "temperature", "temperature has to be a number or null, not a string"),
        (f'{{{BASE},"tools":{{}}}}', "tools", "tools has to be a list or null, not an object"),
        (f'{{{BASE},"response_format":{{}}}}', "response_format.type", "response_format.type is missing"),
        (f'{{{BASE},"fairlead":{{"qualty_floor":1}}}}', "fairlead.qualty_floor", "not a field fairlead knows"),
        (f'{{{BASE},"fairlead":{{"tags":"x"}}}}', "fairlead.tags", "fairlead.tags has to be a list or null"),
        ("[]", None, "The body has to be an object, not a list"),
        ('"hi"', None, "The body has to be an object, not a string"),
        ("null", None, "The body has to be an object, not null"),
        ("", None, "The body is empty"),
        ("   ", None, "not valid JSON"),
        (f"{{{BASE}", None, "not valid JSON"),
        (f"{{{BASE}}} x", None, "not valid JSON"),
        (f'{{{BASE},"x":NaN}}', None, "not valid JSON"),
        (f'{{{BASE},"temperature":Infinity}}', None, "not valid JSON"),
        (f'{{{BASE},"x":"\\ud800"}}', None, "not valid JSON"),
        (f'{{{BASE},"x":"\\ud800\\u0041"}}', None, "not valid JSON"),
        (f'{{{BASE},"tools":[{{"a":"\\udc00"}}]}}', None, "not valid JSON"),
        ('{"model":"m","messages":[{"role":"user","content":"\\udfff"}]}', None, "not valid JSON"),
        (f'{{{BASE},"seed":{"7" * 5000}}}', None, "not valid JSON"),
        (f'{{{BASE},"x":{{"y":[-{"7" * 5000}]}}}}', None, "not valid JSON"),
        (f'{{{BASE},"model":"n"}}', "model", '"model" stands twice'),
        (f'{{{BASE},"mod\\u0065l":"n"}}', "model", '"model" stands twice'),
        (f'{{{BASE},"max_completion_tokens":1,"max_completion_tokens":2}}', "max_completion_tokens", "stands twice"),
        (f'{{ {BASE}, "x": 1, "x": 2}}', "x", '"x" stands twice'),
        (f'{{{BASE},"x":"{"y" * 9000}","x":1}}', "x", '"x" stands twice'),
        (f'{{{BASE},"x":{"[" * 1_000_000}', None, "nested too deeply"),
        (f'{{{BASE},"x":{"[" * 1_000_000}{"]" * 1_000_000}}}', None, "nested too deeply"),
        ('{"a":' * 1_000_000, None, "nested too deeply"),
        (f'{{{BASE},"tools":[{"[" * 1_000_000}', None, "nested too deeply"),
    ],
    ids=range(49),
)
def test_a_bad_request_is_told_what_is_wrong_and_where(body: str, param: str | None, words: str) -> None:  # FAULTS 22
    problem = refused(body)
    assert words in problem.message
    assert problem.param == param
    assert len(problem.message) < 500


@pytest.mark.parametrize(
    "body",
    [
        f'{{{BASE},"x":"\xff"}}'.encode("latin-1"),
        b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
        b'{"model":"m\xc3","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"x":"\xed\xa0\x80"}]}',
        b'\xef\xbb\xbf{"model":"m"}',
        f"{{{BASE}}}".encode("utf-16"),
        b"\x00",
    ],
    ids=range(7),
)
def test_what_is_not_utf8_is_refused(body: bytes) -> None:  # FAULTS 23
    assert refused(body).message


def test_unknown_fields_pass() -> None:
    view = read_request(f'{{{BASE},"seed":1e300,"zeta":{{"a":[1]}},"user":"u","":null}}'.encode())
    assert view.request.model == "m"


def test_long_runs_of_digits_in_a_text_are_only_text() -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "3" * 10_000}], "seed": 12}).encode()
    assert read_request(body).shape().chars == 10_000


def test_numbers_of_a_reasonable_length_pass() -> None:
    assert read_request(f'{{{BASE},"x":{"7" * 200},"y":[{",".join(["12345678901234567890"] * 50)}]}}'.encode())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("\ud800")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
FIELDS = st.sampled_from([*openai_chat.Request.__struct_fields__, "x", "mod\u0065l"])


def only_ever_refused(body: bytes) -> None:
    try:
        view = read_request(body)
    except BadRequest:
        return
    view.shape()
    list(view.texts())


@given(st.binary(max_size=300))
@example(b"{")
@example(b'{"model":')
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    only_ever_refused(body)


@given(st.dictionaries(FIELDS, JSON, max_size=4), st.booleans())
def test_any_values_in_any_fields_are_read_or_refused(fields: dict[str, Any], ascii_only: bool) -> None:
    whole = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    only_ever_refused(json.dumps(whole, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_any_messages_are_read_or_refused(messages: list[Any], parts: list[Any]) -> None:
    typed = [{"role": "user", "content": [{"type": "text", "text": one} for one in parts]}]
    for one in (messages, typed, [{"role": "user", "content": parts, "tool_calls": messages}]):
        only_ever_refused(json.dumps({"model": "m", "messages": one}).encode())


MUTATED = (
    b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"h\xc3\xa9 \\u00e9\\n"},{"type":"image_url",'
    b'"image_url":{"url":"data:x"}}]}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":10,"n":1,'
    b'"tools":[{"type":"function"}],"response_format":{"type":"json_schema","json_schema":{}},"fairlead":{"tags":["a"]}}'
)


@given(st.lists(st.tuples(st.integers(0, len(MUTATED) - 1), st.integers(0, 255), st.sampled_from("scid")), max_size=4))
def test_a_request_with_a_few_bytes_wrong_is_read_or_refused(changes: list[tuple[int, int, str]]) -> None:
    body = bytearray(MUTATED)
    for at, byte, kind in changes:
        at %= len(body)
        if kind == "s":
            body[at] = byte
        elif kind == "c":
            del body[at:]
            body.append(byte)
        elif kind == "i":
            body.insert(at, byte)
        else:
            body[at : at + 1] = body[at : at + 9] * 2
    only_ever_refused(bytes(body))


# ---- what is read


def test_the_shape_counts_what_is_there() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "abc"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "dé"},
                    {"type": "image_url", "image_url": {"url": "x" * 1000}},
                    {"type": "input_audio", "input_audio": {}},
                    {"type": "file", "file": {}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        ],
        "tools": [{"type": "function"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
        "logprobs": True,
        "reasoning_effort": "low",
        "max_tokens": 7,
        "max_completion_tokens": 9,
        "n": 2,
    }
    view = read_request(json.dumps(body, ensure_ascii=False).encode())
    assert view.shape() == Shape(
        chars=5,
        utf8=6,
        turns=3,
        images=1,
        audio=1,
        documents=1,
        tools=1,
        tool_bytes=len('[{"id": "1"}]') + len('{"type": "function"}') + len('{"name": "x"}'),
        json_schema=True,
        logprobs=True,
        reasoning="low",
        max_output=9,
        answers=2,
    )
    assert list(view.texts()) == [("system", "abc"), ("user", "dé")]


def test_bodies_of_real_clients_are_read() -> None:
    bodies = list(captured_requests())
    if not bodies:
        pytest.skip("no captures beside the checkout")
    for _, body in bodies:
        view = read_request(json.dumps(body).encode())
        assert view.request.model == body["model"]
        assert view.shape().turns == len(body["messages"])


# ---- answers


@pytest.mark.parametrize("name", ANSWERS)
def test_usage_of_a_recorded_answer_is_what_the_provider_said(name: str) -> None:
    body = ANSWERS[name]
    usage, problem = account(json.dumps(body).encode())
    assert (problem != "") == ("error" in body)
    if problem:
        return
    said = body["usage"]
    assert usage is not None
    assert (usage.input, usage.output) == (said["prompt_tokens"], said["completion_tokens"])
    assert usage.cached_input == (
        (said.get("prompt_tokens_details") or {}).get("cached_tokens")
        or said.get("prompt_cache_hit_tokens")
        or said.get("num_cached_tokens")
        or said.get("cached_tokens")
        or 0
    )
    assert usage.reasoning == ((said.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0)


CHOICES = '"choices":[{"message":{"content":"x"}}]'


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ('{"prompt_tokens":5,"completion_tokens":2}', Usage(5, 2)),
        ('{"prompt_tokens":5,"completion_tokens":0}', Usage(5, 0)),
        ('{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":null}', Usage(5, 2)),
        ('{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9}}', Usage(5, 2, 5)),
        ('{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":-9}}', Usage(5, 2)),
        (
            '{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":9}}',
            Usage(9, 2, 4, 5),
        ),
        (
            '{"prompt_tokens":5,"completion_tokens":2,"prompt_cache_hit_tokens":3,"prompt_cache_miss_tokens":2}',
            Usage(5, 2, 3),
        ),
        ('{"prompt_tokens":5,"completion_tokens":2,"num_cached_tokens":3}', Usage(5, 2, 3)),
        (
            '{"prompt_tokens":5,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":9}}',
            Usage(5, 2, reasoning=2),
        ),
        (
            '{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"completion_tokens_details":{"reasoning_tokens":1}}',
            Usage(5, 2, reasoning=1),
        ),
        (
            '{"prompt_tokens":5,"completion_tokens":2,"total_tokens":10,"completion_tokens_details":{"reasoning_tokens":3}}',
            Usage(5, 5, reasoning=3),
        ),
        ('{"prompt_tokens":5,"completion_tokens":2,"total_tokens":10}', Usage(5, 5, reasoning=3)),
        ('{"prompt_tokens":5,"completion_tokens":2,"total_tokens":1}', Usage(5, 2)),
        ('{"prompt_tokens":-5,"completion_tokens":2}', None),
        ('{"prompt_tokens":0,"completion_tokens":0}', None),
        ('{"prompt_tokens":5}', None),
        ('{"prompt_tokens":5.5,"completion_tokens":2}', None),
        ('{"prompt_tokens":99999999999999999999999,"completion_tokens":2}', None),
        ("null", None),
        ("[]", None),
        ('"many"', None),
    ],
)
def test_usage_is_brought_to_one_base_and_odd_figures_are_no_failure(
    usage: str, expected: Usage | None
) -> None:  # FAULTS 17
    assert account(f'{{{CHOICES},"usage":{usage}}}'.encode()) == (expected, "")
    told = usual(ended(beside=f',"usage":{usage}').encode())
    assert told == (expected if expected is not None and expected.output else None)


def ended(content: str = '"Hi"', reason: str = '"stop"', beside: str = "") -> str:
    return f'{{"choices":[{{"message":{{"content":{content}}},"finish_reason":{reason}}}]{beside}}}'


@pytest.mark.parametrize(
    "odd",
    [
        '{"choices":[]}',
        ended(beside=',"error":{"message":"x"}'),
        ended(beside=',"x_groq":{"id":"x"}'),
        ended(reason='"content_filter"'),
        ended(reason="null"),
        ended('" "'),
        ended("null"),
        ended('"Hi","refusal":"No."'),
        ended('"Hi","audio":{"id":"audio_1"}'),
        ended('null,"tool_calls":[{}]', '"length"'),
        ended('"Hi"},"finish_reason":"stop"},{"message":{"content":""'),
    ],
)
def test_an_answer_that_is_not_as_most_is_taken_for_one(odd: str) -> None:
    for body in (odd, ended(), ended('null,"tool_calls":[{}]')):
        whole = body[:-1] + ',"usage":{"prompt_tokens":5,"completion_tokens":2}}'
        assert (usual(whole.encode()) is None) == (body is odd)


def test_an_answer_without_usage_is_an_answer() -> None:
    assert account(f"{{{CHOICES}}}".encode()) == (None, "")
    assert account(f'{{{CHOICES},"error":null}}'.encode()) == (None, "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"error":{"message":"x"}}',
        b"\xff",
        b"[" * 10**6,
        b"null",
    ],
    ids=range(10),
)
def test_what_is_no_answer_is_noticed(body: bytes) -> None:  # FAULTS 6
    assert account(body)[1]


@given(st.binary(max_size=60))
def test_no_answer_is_a_crash(body: bytes) -> None:
    account(body)
    usual(body)
    account(b'{"choices":[{}],"usage":' + body + b"}")
