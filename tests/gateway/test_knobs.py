"""What a caller knows may be said in a header, in the body, in the model string or by its key, and is the same wish."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.config.choosing import KNOBS as OF_KEYS
from fairlead.core.call import Caller, Wishes
from fairlead.gateway.admit import admit, begun
from fairlead.gateway.chinese import told
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.wishes import KNOBS
from tests.gateway.still import Still
from tests.gateway.test_admit import WORLD

SAID: dict[str, tuple[str, Any, Any]] = {
    "task": ("math", "math", "math"),
    "complexity": ("complex", "complex", "complex"),
    "domain": ("code", "code", "code"),
    "latency-class": ("batch", "batch", "batch"),
    "quality-floor": ("0.6", 0.6, 0.6),
    "max-cost": ("0.01", "0.01", 10_000_000),
    "max-latency": ("900000", 900_000, 900_000),
    "budget": ("low", "low", True),
    "sensitivity": ("sensitive", "sensitive", True),
    "strict": ("true", True, True),
    "session": ("s1", "s1", "s1"),
    "tags": ("a,b", ["a", "b"], ("a", "b")),
    "sort": ("price", "price", "price"),
    "continue": ("true", True, True),
    "user": ("ann", "ann", "ann"),
    "memory": ("false", False, False),
    "prior-result": ("req_0", "req_0", "req_0"),
    "cache": ("refresh", "refresh", "refresh"),
}
"""Knob -> (as text, in the body, what it comes to)."""


def wished(headers: dict[bytes, bytes], own: tuple[tuple[str, str], ...] = (), **body: Any) -> Wishes:
    whole = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]} | body
    caller = Caller("dev", defaults=own)
    incoming = Incoming("generate", caller, Headers(headers), json.dumps(whole).encode(), 0.0)
    return admit(WORLD, None, incoming, *begun(), Still())[0].wishes


def test_a_knob_is_not_looked_at_here() -> None:
    assert SAID.keys() == KNOBS.keys()


@pytest.mark.parametrize(
    ("tags", "kept", "warned"),
    [
        (",".join(f"t{n}" for n in range(20)), 20, False),
        (",".join(f"t{n}" for n in range(21)), 20, True),
        ("a" * 100 + " , b", 2, False),
        ("a" * 101, 1, True),
    ],
)
def test_tags_are_cut_in_silence(tags: str, kept: int, warned: bool) -> None:  # M6.1
    """Whoever bounds or adds up what a tag spends relies on them."""
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}).encode()
    incoming = Incoming("generate", Caller("dev"), Headers({b"x-fairlead-tags": tags.encode()}), body, 0.0)
    call = admit(WORLD, None, incoming, *begun(), Still())[0]
    assert len(call.wishes.tags) == kept
    assert any("only 20 are kept" in one for one in call.warnings) == warned
    assert all("标签" in told(one, "zh") for one in call.warnings)


@pytest.mark.parametrize("knob", SAID)
def test_a_knob_is_not_understood_in_one_of_its_places(knob: str) -> None:  # M2.5
    text, in_body, expected = SAID[knob]
    field = KNOBS[knob][0]
    found = {
        "header": wished({f"x-fairlead-{knob}".encode(): text.encode()}),
        "body": wished({}, fairlead={knob.replace("-", "_"): in_body}),
        "model string": wished({}, model=f"auto?{knob}={text}"),
    }
    if knob in OF_KEYS:
        found["key"] = wished({}, own=((knob, text),))
    assert {place: getattr(wishes, field) for place, wishes in found.items()} == dict.fromkeys(found, expected)
    assert getattr(wished({}), field) != expected


def test_the_nearer_of_two_places_does_not_count() -> None:  # M2.5
    header, body, string = {b"x-fairlead-task": b"math"}, {"task": "chat"}, "auto?task=translation"
    own = (("task", "extraction"),)
    assert wished(header, own, fairlead=body, model=string).task == "math"
    assert wished({}, own, fairlead=body, model=string).task == "chat"
    assert wished({}, own, model=string).task == "translation"
    assert wished({}, own).task == "extraction"


@pytest.mark.parametrize(("sent", "name"), [("小王".encode(), "小王"), ("René".encode(), "René"), (b"Ren\xe9", "René")])
def test_a_name_is_another_one_in_a_header_than_in_the_body(sent: bytes, name: str) -> None:  # M2.5 M5.3
    """What was said for it could not be erased by it, and the budget of a tag would not hold."""
    for knob, expected in (("user", name), ("session", name), ("tags", (name,))):
        field = KNOBS[knob][0]
        in_body = [name] if knob == "tags" else name
        assert getattr(wished({f"x-fairlead-{knob}".encode(): sent}), field) == expected
        assert getattr(wished({}, fairlead={knob: in_body}), field) == expected
