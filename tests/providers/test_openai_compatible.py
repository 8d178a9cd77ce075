"""A body leaves byte for byte as it came, but for the very field that has to change."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import Channel, Model
from fairlead.dialects.openai_chat.native import read_request
from fairlead.providers.deltas import DELTAS
from fairlead.providers.openai_compatible import wants_usage
from fairlead.providers.wire import Endpoint
from fairlead.providers.wires import WIRES, headed, outbound, passed
from tests.core.scenes import call
from tests.dialects.recordings import captured_requests

PLAIN = Endpoint("p", "openai", "openai_chat", prefix="/v1", headers=b"Host: x\r\n")
CAPTURED = [
    (
        f"{name}{'-spaced' if separators == (', ', ': ') else ''}",
        json.dumps(body, separators=separators, ensure_ascii=spaced).encode(),
        body,
    )
    for name, body in captured_requests()
    for spaced, separators in enumerate(((",", ":"), (", ", ": ")))
]
HI = '"messages":[{"role":"user","content":"hi"}]'


def upstream(name: str) -> Channel:
    return Channel(f"{name}@p", "p", name, "p", name)


def endpoint(**more: Any) -> Endpoint:
    return Endpoint(**{"name": "p", "kind": "openai", "dialect": "openai_chat"} | more)


def sent(body: bytes | str, to: str = "m", at: Endpoint = PLAIN) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    view = read_request(body)
    asked = call(body=body, view=view, stream=view.stream)
    return passed(asked, view, upstream(to), at, WIRES["openai_chat"])


@pytest.mark.parametrize(("body", "whole"), [case[1:] for case in CAPTURED], ids=[case[0] for case in CAPTURED])
def test_a_real_clients_body_is_untouched_but_for_what_must_change(body: bytes, whole: dict[str, Any]) -> None:
    as_is = endpoint(stream_usage=False)
    assert sent(body, whole["model"], as_is) is body
    other = sent(body, "upstream/other-model", as_is)
    old, new = json.dumps(whole["model"]).encode(), b'"upstream/other-model"'
    at = other.index(new)
    assert other[:at] + old + other[at + len(new) :] == body
    assert json.loads(other) == whole | {"model": "upstream/other-model"}
    billed = json.loads(sent(body, whole["model"]))
    if whole.get("stream"):
        assert billed.pop("stream_options")["include_usage"] is True
        assert billed == {key: value for key, value in whole.items() if key != "stream_options"}
    else:
        assert billed == whole


@pytest.mark.parametrize(
    "body",
    [
        f'{{"model":"m",{HI},"tools":[{{"model":"x","function":{{"model":"y"}}}}]}}',
        f'{{ "tools" : [{{"model":"m"}}] , "model" : "m" , {HI} }}',
        f'{{{HI},"metadata":{{"model":"m"}},"model"\n:\t"m"}}',
        f'{{"model":"m",{HI},"x":"\\"model\\":\\"m\\""}}',
        f'{{"mod\\u0065l":"m",{HI},"x":{{"model":"m"}}}}',
        f'{{"model":"\\u006d",{HI}}}',
        f'{{"x":["model",":","m"],"model":"m",{HI}}}',
    ],
)
def test_only_the_models_own_name_is_replaced(body: str) -> None:
    out = sent(body, 'up"stream')
    assert json.loads(out) == json.loads(body) | {"model": 'up"stream'}
    assert len(out) - len(body) == len('"up\\"stream"') - len('"\\u006d"' if "\\u006d" in body else '"m"')


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_any_name_in_any_spelling_is_replaced_whole(asked: str, name: str) -> None:
    for ascii_only in (False, True):
        body = json.dumps(
            {"model": asked, "messages": [{"role": "u", "content": asked}]}, ensure_ascii=ascii_only
        ).encode()
        assert json.loads(sent(body, name)) == {"model": name, "messages": [{"role": "u", "content": asked}]}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", '{"include_usage":true}'),
        (',"stream_options":null', '{"include_usage":true}'),
        (',"stream_options":{}', '{"include_usage":true}'),
        (',"stream_options":{"include_usage":false}', '{"include_usage":true}'),
        (',"stream_options":{"include_usage":null,"x":1}', '{"include_usage":true,"x":1}'),
        (',"stream_options": {"include_obfuscation": false, "y": {"include_usage": false}}', None),
    ],
)
def test_usage_is_asked_for_and_the_callers_other_options_are_kept(options: str, expected: str | None) -> None:
    body = f'{{"model":"m",{HI},"stream":true{options}}}'
    out = sent(body)
    if expected is None:
        expected = '{"include_usage":true,"include_obfuscation": false, "y": {"include_usage": false}}'
    assert f'"stream_options":{expected}'.encode() in out.replace(b": {", b":{", 1)
    left = {key: value for key, value in json.loads(out).items() if key != "stream_options"}
    assert left == {key: value for key, value in json.loads(body).items() if key != "stream_options"}
    assert wants_usage(read_request(body.encode()), PLAIN)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"model":"m",{HI}}}',
        f'{{"model":"m",{HI},"stream":false,"stream_options":{{"x":1}}}}',
        f'{{"model":"m",{HI},"stream":true,"stream_options":{{"include_usage":true,"x":1}}}}',
        f'{{ "model" : "m" , {HI} , "n" : 3 , "max_tokens" : 5 , "max_completion_tokens" : null , "unknown" : 1e300 }}',
    ],
)
def test_nothing_changes_where_nothing_has_to(body: str) -> None:
    raw = body.encode()
    assert sent(raw) is raw


def test_usage_is_not_asked_of_those_who_refuse_the_question() -> None:
    body = f'{{"model":"m",{HI},"stream":true}}'.encode()
    assert sent(body, at=endpoint(stream_usage=False)) is body
    assert not wants_usage(read_request(body), endpoint(stream_usage=False))


@pytest.mark.parametrize(
    "where",
    [
        '"fairlead":{"task":"x"},"model":"m",HI',
        '"model":"m","fairlead":{},HI',
        '"model":"m",HI,"fairlead":{"tags":["a"]}',
    ],
)
def test_our_own_object_never_reaches_a_provider(where: str) -> None:
    body = f'{{{where.replace("HI", HI)},"max_completion_tokens":7}}'
    assert b"fairlead" not in sent(body)
    both = sent(body, "other", endpoint(max_tokens_field="max_tokens"))
    assert json.loads(both) == {"model": "other", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}


@pytest.mark.parametrize(
    ("given_limits", "field", "expected"),
    [
        ({"max_tokens": 5}, "", {"max_tokens": 5}),
        ({"max_tokens": 5}, "max_completion_tokens", {"max_completion_tokens": 5}),
        ({"max_completion_tokens": 5}, "max_tokens", {"max_tokens": 5}),
        ({"max_completion_tokens": 5}, "max_completion_tokens", {"max_completion_tokens": 5}),
        ({"max_tokens": 9, "max_completion_tokens": 5}, "max_tokens", {"max_tokens": 5}),
        ({"max_tokens": 9, "max_completion_tokens": None}, "max_completion_tokens", {"max_completion_tokens": 9}),
        ({}, "max_tokens", {}),
        ({"max_tokens": 5}, "max_tokens", {"max_tokens": 5}),
    ],
)
def test_the_output_limit_has_the_name_the_provider_wants(
    given_limits: dict[str, int | None], field: str, expected: dict[str, int]
) -> None:
    common = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 2}
    body = json.dumps(common | given_limits).encode()
    out = json.loads(sent(body, at=endpoint(max_tokens_field=field)))
    assert {key: value for key, value in out.items() if value is not None} == common | expected


def test_every_provider_known_by_name_has_a_usable_row() -> None:
    for name, delta in DELTAS.items():
        assert delta.max_tokens_field in ("", "max_tokens", "max_completion_tokens"), name
        assert delta.base_url == "" or delta.base_url.startswith(("https://", "http://127.0.0.1")), name
        assert not delta.base_url.endswith("/"), name


def test_what_leaves_goes_to_the_providers_path_with_its_headers() -> None:
    body = f'{{"model":"m",{HI}}}'.encode()
    asked = call(body=body, view=read_request(body))
    out = outbound(asked, Model("m", (upstream("m"),)), upstream("m"), PLAIN, WIRES["openai_chat"], None)
    assert (out.head, out.body) == (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n", body)


@pytest.mark.parametrize("forward", [b"", b"x-request: a\r\n", b"anthropic-version: 1\r\n", b"content-type: a/b\r\n"])
@pytest.mark.parametrize("more", [{}, {"operation": "count"}, {"path": "/elsewhere"}], ids=["usual", "count", "path"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages", "gemini", "completions"])
def test_a_head_that_was_made_ahead_is_the_one_that_would_be_made(
    dialect: str, more: dict[str, Any], forward: bytes
) -> None:
    body = f'{{"model":"m",{HI}}}'.encode()
    asked = call(body=body, view=read_request(body), forward=forward, **more)
    at = endpoint(dialect=dialect, prefix="/v1", headers=b"Host: x\r\nContent-Type: application/json\r\n")
    # What the wire makes of the body is another matter.
    wire = msgspec.structs.replace(WIRES[dialect], changes=None, prepared=None)
    heads = {
        outbound(asked, Model("m", (upstream("m"),)), upstream("m"), one, wire, None).head for one in (at, headed(at))
    }
    assert len(heads) == 1
    assert heads.pop().count(b"anthropic-version:") == (bool(wire.version) or b"anthropic-version" in forward)
