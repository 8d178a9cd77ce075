"""Nothing leaves without a permit, and there is one way to a permit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core import egress
from fairlead.core.call import PURPOSES, Caller, Facts, Signal, Wishes, child
from fairlead.core.egress import SINKS, EgressPermit, Sink, SinkPermit, grant, grant_sink, sink_refusal
from fairlead.errors import Forbidden
from tests.core.scenes import AT, NoView, call, channel, model, plan, policy, reasons, tokens, with_channel, world

NARROW = [None, frozenset({"m"}), frozenset({"main"}), frozenset({"eu"}), frozenset[str]()]


@given(
    st.builds(
        Caller,
        st.just("k"),
        models=st.sampled_from(NARROW),
        providers=st.sampled_from(NARROW),
        regions=st.sampled_from(NARROW),
        sensitive=st.booleans(),
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "eu"]),
)
def test_the_door_refuses_what_a_decision_would_leave_out(
    caller: Caller, private: bool, own: bool, region: str
) -> None:  # M3.7
    asked = call(caller=caller, wishes=Wishes(sensitive=private))
    one = with_channel(model("m"), self_hosted=own, region=region)
    left_out = reasons(plan(asked, world(one), policy(min_quality=0.0)))
    if left_out:
        with pytest.raises(Forbidden, match="is closed to this request") as caught:
            grant(asked, one.channels[0])
        assert caught.value.code == left_out["m@main"]
    else:
        permit = grant(asked, one.channels[0])
        assert (permit.call, permit.channel, permit.provider, permit.purpose) == ("req", "m@main", "main", "answer")


def test_no_permit_is_made_by_hand() -> None:
    for key in (None, object(), "key", egress):
        with pytest.raises(TypeError, match="never made by hand"):
            EgressPermit(key, call(), channel("m"))


@pytest.mark.parametrize("private", [call(wishes=Wishes(sensitive=True)), call(caller=Caller("k", sensitive=True))])
def test_a_side_call_of_a_sensitive_request_is_as_sensitive(private: object) -> None:  # M3.7
    side = child(private, "side", "judge", "generate", "m", b"{}", NoView())  # type: ignore[arg-type]
    assert side.sensitive
    with pytest.raises(Forbidden):
        grant(side, channel("m"))
    assert grant(side, channel("m", self_hosted=True)).purpose == "judge"


def test_a_side_call_belongs_to_its_parent_and_has_no_children() -> None:
    parent = call(stream=True)
    side = child(parent, "side", "embed", "embed", "e", b"[]", NoView())
    assert (side.depth, side.parent, side.purpose, side.stream, side.signals) == (1, "req", "embed", False, ())
    assert (side.caller, side.wishes, side.facts) == (parent.caller, parent.wishes, parent.facts)
    assert (parent.depth, parent.parent) == (0, None)
    with pytest.raises(ValueError, match="may not make another"):
        child(side, "third", "judge", "generate", "m", b"{}", NoView())


def test_a_side_call_is_held_where_its_parents_belongings_are() -> None:
    parent = call(facts=Facts(AT, home="m@other"))
    with pytest.raises(Forbidden) as refused:
        grant(parent, channel("m"))
    assert refused.value.code == "kept_elsewhere"
    side = child(parent, "side", "classify", "generate", "m", b"{}", NoView())
    assert side.facts == Facts(AT)
    assert grant(side, channel("m")).channel == "m@main"


def test_a_side_call_of_what_was_found_to_be_sensitive_is_as_sensitive() -> None:  # M3.7
    marked = Signal("sensitivity", "email", "mark", 0.9)
    bound = Signal("sensitivity", "card", True, 0.9)
    parent = call(signals=(*tokens(), marked, bound))
    side = child(parent, "side", "shadow", "generate", "m", b"{}", NoView())
    assert parent.sensitive
    assert side.sensitive
    assert side.signals == (marked, bound)
    assert not call(signals=(*tokens(), marked, Signal("needs", "vision", True))).sensitive


@pytest.mark.parametrize("sink", SINKS)
def test_no_permit_for_a_sink_is_made_by_hand(sink: Sink) -> None:
    for key in (None, object(), egress):
        with pytest.raises(TypeError, match="never made by hand"):
            SinkPermit(key, call(), sink)
    permit = grant_sink(call(caller=Caller("k", tenant="t")), sink, local=False)
    assert (permit.call, permit.tenant, permit.sink, permit.sensitive) == ("req", "t", sink, False)


def test_a_sink_that_gives_content_out_without_its_label_takes_what_is_sensitive() -> None:  # M3.7
    private = call(wishes=Wishes(sensitive=True))
    verdicts = {
        (sink, local): sink_refusal(private, sink, local=local) is None for sink in SINKS for local in (True, False)
    }
    assert {place for place, allowed in verdicts.items() if allowed} == {
        ("conversation", True),
        ("idempotency", True),
        ("log", True),
        ("belongings", True),
    }


def test_every_purpose_has_one_name() -> None:
    assert PURPOSES[0] == "answer"
    assert set(PURPOSES) == {"answer", "classify", "judge", "embed", "shadow", "extract", "bench"}
