"""From bytes and headers to a Call: wishes are read or refused by name, and only ever narrow the choice."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config.load import loads
from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.choice import Choice
from fairlead.core.limits import Gate, Meter
from fairlead.core.policy import Limits
from fairlead.dialects.wishes import Options
from fairlead.errors import BadRequest, NotFound, RateLimited
from fairlead.gateway.admit import admit, begun, new_id
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.wishes import come_to, stated
from fairlead.gateway.world import World, build
from tests.config.catalogue_fake import CATALOGUE
from tests.gateway.still import Still

FAKE: Any = CATALOGUE
CONFIG = """
providers:
  up: {kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: x}
models:
  own-8b: {channels: [{provider: up}], price: {input: 0.1, output: 0.4}, context: 8000, quality: 0.7}
policies:
  frugal: {strategy: cost_first}
  fixed: {strategy: pinned, model: own-8b}
keys: [{name: dev, key: fl_test, policy: frugal}]
policy: {default: balanced}
"""
WORLD: World = build(loads(CONFIG, "f.yaml", {}, CATALOGUE), FAKE, b"pepper")


def admitted(
    headers: dict[bytes, bytes] | None = None,
    caller: Caller | None = None,
    meter: Meter | None = None,
    now: float = 0.0,
    **body: Any,
) -> tuple[Call, Choice]:
    whole = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]} | body
    incoming = Incoming("generate", caller or Caller("dev"), Headers(headers or {}), json.dumps(whole).encode(), now)
    gate = None if meter is None else Gate((meter,))
    return admit(WORLD, gate, incoming, "req_1", Facts(int(time.time())), Still())[:2]


def read_wishes(headers: dict[bytes, bytes], options: Options | None) -> Wishes:
    return come_to(stated(Headers(headers), options), options)


def test_a_request_becomes_a_call() -> None:
    call, choice = admitted({b"x-fairlead-task": b"chat", b"x-fairlead-tags": b"a, b,,c "}, stream=True)
    assert (call.id, call.model, call.stream, call.operation, call.depth) == ("req_1", "auto", True, "generate", 0)
    assert (call.wishes.task, call.wishes.tags) == ("chat", ("a", "b", "c"))
    assert (choice.model, choice.policy.name) == (None, "balanced")
    assert {"tokens", "structure", "task", "complexity", "domain", "language"} <= {one.kind for one in call.signals}


def test_a_named_model_needs_no_look_at_the_words_unless_its_context_is_near() -> None:
    assert {signal.kind for signal in admitted(model="own-8b")[0].signals} == {"tokens"}
    near = admitted(model="own-8b", messages=[{"role": "user", "content": "x" * 16_000}])[0]
    assert ("structure", "turns") in {(signal.kind, signal.name) for signal in near.signals}


@pytest.mark.parametrize(
    ("header", "body", "key", "expected"),
    [
        (None, None, None, "balanced"),
        (None, None, "frugal", "frugal"),
        (None, "fixed", "frugal", "fixed"),
        (b"quality_first", "fixed", "frugal", "quality_first"),
    ],
)
def test_the_policy_is_the_requests_then_the_keys_then_the_default(
    header: bytes | None, body: str | None, key: str | None, expected: str
) -> None:  # M3.1
    headers = {} if header is None else {b"x-fairlead-policy": header}
    options = {} if body is None else {"fairlead": {"policy": body}}
    assert admitted(headers, Caller("dev", policy=key), **options)[1].policy.name == expected


def test_an_unknown_policy_or_model_is_told_what_there_is() -> None:
    with pytest.raises(BadRequest, match=r"'frugl' is not known here. Did you mean 'frugal'"):
        admitted({b"x-fairlead-policy": b"frugl"})
    with pytest.raises(NotFound, match="Did you mean 'own-8b'"):
        admitted(model="own-8c")


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("quality-floor", "0", "quality_floor", 0.0),
        ("quality-floor", "0.75", "quality_floor", 0.75),
        ("max-cost", "0.01", "max_cost", 10_000_000),
        ("max-cost", "0", "max_cost", 0),
        ("max-cost", "1e-9", "max_cost", 1),
        ("max-latency", "2000", "max_latency_ms", 2000),
        ("sensitivity", "sensitive", "sensitive", True),
        ("sensitivity", "NORMAL", "sensitive", False),
        ("session", "s1", "session", "s1"),
        ("task", "t", "task", "t"),
    ],
)
def test_each_wish_is_read_from_a_header(name: str, value: str, field: str, expected: object) -> None:
    wishes = read_wishes({b"x-fairlead-" + name.encode(): value.encode()}, None)
    assert getattr(wishes, field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("quality-floor", text) for text in ("high", "1.1", "-0.1", "nan", "inf", "")),
        *(
            ("max-cost", text)
            for text in ("$1", "-1", "nan", "Infinity", "1e999999", "1e500000", "-1e999999", "", "1,5")
        ),
        *(("max-latency", text) for text in ("0", "-5", "2s", "1.5", "", "٣", "²")),
        *(("sensitivity", text) for text in ("secret", "")),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=name) as caught:
        read_wishes({b"x-fairlead-" + name.encode(): value.encode()}, None)
    assert caught.value.param == name


@given(
    st.sampled_from(["quality-floor", "max-cost", "max-latency", "sensitivity", "tags", "session"]),
    st.binary(max_size=30),
)
def test_no_header_is_a_crash(name: str, value: bytes) -> None:
    try:
        read_wishes({b"x-fairlead-" + name.encode(): value}, None)
    except BadRequest as problem:
        message = problem.message
    else:
        message = name
    assert name in message


def test_wishes_in_the_body_are_read_and_a_header_goes_before_them() -> None:
    options = Options(quality_floor=0.5, max_cost=0.25, max_latency=100, session="b", tags=["x", "y"])
    expected = Wishes(0.5, 250_000_000, 100, session="b", tags=("x", "y"))
    assert read_wishes({}, options) == expected
    assert read_wishes({b"x-fairlead-session": b"h"}, options).session == "h"
    assert read_wishes({}, Options()) == read_wishes({}, None) == Wishes()


def test_sensitivity_only_goes_up() -> None:  # M3.7
    normal = {b"x-fairlead-sensitivity": b"normal"}
    assert read_wishes(normal, Options(sensitivity="sensitive")).sensitive
    assert read_wishes({b"x-fairlead-sensitivity": b"sensitive"}, Options(sensitivity="normal")).sensitive
    assert not read_wishes(normal, Options(sensitivity="normal")).sensitive
    assert admitted(normal, Caller("dev", sensitive=True))[0].sensitive


def test_beyond_the_keys_limit_the_request_is_told_when_to_come_back() -> None:
    meter = Meter(Limits(rpm=2), "Key 'dev'")
    for _ in range(2):
        admitted(meter=meter, now=100)
    with pytest.raises(RateLimited, match="'dev' may make 2 requests a minute; try again in") as caught:
        admitted(meter=meter, now=110)
    assert caught.value.retry_after is not None
    assert 49 < caught.value.retry_after < 51
    assert meter.in_flight == 2


def test_a_bad_request_takes_nothing_from_the_limit() -> None:
    meter = Meter(Limits(rpm=1))
    for wrong in ({"model": "gone"}, {"max_tokens": -1}, {"fairlead": {"max_cost": "much"}}):
        with pytest.raises((BadRequest, NotFound)):
            admitted(meter=meter, **wrong)
    assert meter.in_flight == 0
    admitted(meter=meter)


def test_request_ids_differ_and_grow() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_a_process_that_was_forked_gives_ids_of_its_own() -> None:
    new_id()
    told, tells = os.pipe()
    child = os.fork()
    if not child:
        os.write(tells, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    own = new_id()
    theirs = os.read(told, 100).decode()
    os.close(told)
    os.close(tells)
    assert len(theirs) == len(own)
    assert theirs[:13] == own[:13] or theirs < own, "both tell the time"
    assert theirs[13:] != own[13:]


def test_requests_of_one_second_share_what_is_known_of_them_and_later_ones_do_not() -> None:
    (first, early), (second, late) = begun(), begun()
    assert first < second
    assert early is late if early.at == late.at else early.at < late.at
    assert abs(late.at - time.time()) < 2
    assert late.plain
