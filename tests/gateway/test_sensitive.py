"""A sensitive request, however it came to be one, is seen by nobody but self-hosted models, whatever it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.classify.sensitivity import Detector, strings
from fairlead.config.load import loads
from fairlead.core.call import PURPOSES, Call, Caller, Purpose, child
from fairlead.core.choice import Choice, read_choice
from fairlead.core.decide import decide
from fairlead.core.egress import NEVER, SINKS, Sink, grant, grant_sink
from fairlead.core.model import Conditions, Snapshot
from fairlead.errors import BadRequest, Forbidden, RequestError
from fairlead.gateway.admit import admit, begun
from fairlead.gateway.pipeline import infeasible
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.world import World, build
from tests.config.catalogue_fake import CATALOGUE
from tests.core.scenes import NoView
from tests.gateway.still import Still
from tests.server.serving import serving
from tests.server.wire import ask

FAKE: Any = CATALOGUE
CONFIG = """
providers:
  out: {kind: openai, base_url: "http://127.0.0.1:9101/v1", api_key: x}
  own: {kind: openai, base_url: "http://127.0.0.1:9102/v1", self_hosted: true}
models:
  strong: {channels: [{provider: out}], price: {input: 1, output: 4}, quality: 0.9}
  both: {channels: [{provider: out}, {provider: own}], price: {input: 1, output: 2}, quality: 0.8}
  weak: {channels: [{provider: own}], price: {input: 0, output: 0}, quality: 0.7}
"""
WORLD = msgspec.structs.replace(build(loads(CONFIG, "f.yaml", {}, CATALOGUE), FAKE, b"pepper"), detector=Detector())
CARD = "4111 1111 1111 1111"

WAYS: dict[str, dict[str, Any]] = {
    "by header": {"headers": {b"x-fairlead-sensitivity": b"sensitive"}},
    "by body": {"fairlead": {"sensitivity": "sensitive"}},
    "by key": {"caller": Caller("private", sensitive=True)},
    "detected in the last turn": {"messages": [{"role": "user", "content": f"charge {CARD}"}]},
    "detected in an early turn": {
        "messages": [
            {"role": "system", "content": f"the card is {CARD}"},
            {"role": "user", "content": "x " * 100_000},
        ]
    },
}


def searched(world: World, incoming: Incoming) -> tuple[Call, Choice]:
    found = () if world.detector is None else world.detector.check(strings(incoming.body))
    return admit(world, None, incoming, *begun(), Still(), found)[:2]


def admitted(
    model: str, headers: dict[bytes, bytes] | None = None, caller: Caller | None = None, **body: Any
) -> tuple[Call, Choice]:
    whole = {"model": model, "messages": [{"role": "user", "content": "hi"}]} | body
    incoming = Incoming("generate", caller or Caller("dev"), Headers(headers or {}), json.dumps(whole).encode(), 0.0)
    return searched(WORLD, incoming)


def for_purpose(call: Call, purpose: Purpose) -> Call:
    """The request itself, or a side call that it has made."""
    if purpose == "answer":
        return call
    return child(call, "req_1.side", purpose, "generate", call.model, b"{}", NoView())


def refused(call: Call, snapshot: Snapshot) -> RequestError:
    choice = read_choice(call.model, WORLD.policies["balanced"], WORLD.policies, snapshot)
    made = decide(call, choice, snapshot, 1)
    assert made.steps == ()
    return infeasible(call, choice, made, WORLD.snapshot, lambda left_alone: 0.0, lambda off: None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_sensitive_request_leaves(way: str, purpose: Purpose) -> None:  # M3.7
    for asked in ("auto", "auto:best", "both", "strong", "both@own"):
        call, choice = admitted(asked, **WAYS[way])
        call = for_purpose(call, purpose)
        made = decide(call, choice, WORLD.snapshot, 1)
        reached = [each for step in made.steps for target in step.targets for each in target.channels]
        assert all(channel.self_hosted for channel in reached)
        assert bool(reached) == (asked != "strong")
        for model in WORLD.snapshot.models.values():
            for channel in model.channels:
                if channel.self_hosted:
                    assert grant(call, channel).purpose == purpose
                else:
                    with pytest.raises(Forbidden, match="is sensitive and out is not self-hosted") as caught:
                        grant(call, channel)
                    assert caught.value.code == "sensitive"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("asked", ["auto", "both", "weak", "strong"])
def test_a_sensitive_request_leaves_when_what_is_self_hosted_is_down(
    way: str, purpose: Purpose, asked: str
) -> None:  # M3.7
    down = msgspec.structs.replace(WORLD.snapshot, conditions=Conditions(disabled=frozenset({"both@own", "weak@own"})))
    call = for_purpose(admitted(asked, **WAYS[way])[0], purpose)
    error = refused(call, down)
    assert error.status in (403, 422, 503)
    if asked != "weak":
        assert "is sensitive and out is not self-hosted" in error.message


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("local", [True, False])
def test_what_a_sensitive_request_says_stays_behind(way: str, sink: Sink, local: bool) -> None:  # M3.7
    call = admitted("auto", **WAYS[way])[0]
    if local and sink not in NEVER:
        assert grant_sink(call, sink, local=local).sensitive
    else:
        with pytest.raises(Forbidden, match=f"{sink} is closed to this request: the request is sensitive"):
            grant_sink(call, sink, local=local)


def test_an_ordinary_request_is_kept_back() -> None:
    call, choice = admitted("auto")
    assert not call.sensitive
    assert {
        c.provider for step in decide(call, choice, WORLD.snapshot, 1).steps for t in step.targets for c in t.channels
    } == {"out", "own"}
    assert not grant_sink(call, "cache", local=False).sensitive


def test_what_is_only_marked_is_kept_back() -> None:
    world = msgspec.structs.replace(WORLD, detector=Detector(action="mark"))
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": CARD}]}).encode()
    call = searched(world, Incoming("generate", Caller("dev"), Headers(), body, 0.0))[0]
    assert ("sensitivity", "card", "mark") in {(each.kind, each.name, each.value) for each in call.signals}
    assert not call.sensitive


def test_what_is_to_be_refused_is_admitted() -> None:  # M3.7
    world = msgspec.structs.replace(WORLD, detector=Detector(action="refuse"))
    body = json.dumps({"model": "weak", "messages": [{"role": "user", "content": CARD}]}).encode()
    with pytest.raises(Forbidden, match="may not be sent here: card") as caught:
        searched(world, Incoming("generate", Caller("dev"), Headers(), body, 0.0))
    assert caught.value.code == "sensitive_content"


TWICE = {
    "content": '"messages":[{"role":"user","content":"%s","content":"hi"}]',
    "content in escapes": '"messages":[{"role":"user","content":"%s","c\\u006fntent":"hi"}]',
    "content made up for with an escaped colon": '"messages":[{"role":"user","content":"%s","content":"\\u003a"}]',
    "a part's text": '"messages":[{"role":"user","content":[{"type":"text","text":"%s","text":"hi"}]}]',
    "a whole list": '"messages":[{"role":"user","content":"%s"}],"messages":[{"role":"user","content":"hi"}]',
    "a tool": '"messages":[{"role":"user","content":"hi"}],"tools":[{"function":{"description":"%s"},"function":{"name":"f"}}]',
    "what nobody reads": '"messages":[{"role":"user","content":"hi"}],"x":[{"a":{"b":"%s"},"a":{"b":1}}]',
}


@pytest.mark.parametrize("trick", TWICE)
@pytest.mark.parametrize("first", [True, False])
def test_of_what_stands_twice_the_harmless_one_is_looked_at_and_the_other_leaves(
    trick: str, first: bool
) -> None:  # M3.7
    said = TWICE[trick] % CARD
    if not first:
        said = said.replace(CARD, "hello").replace('"hi"', f'"{CARD}"')
    with pytest.raises(BadRequest) as caught:
        searched(WORLD, Incoming("generate", Caller("dev"), Headers(), f'{{"model":"auto",{said}}}'.encode(), 0.0))
    assert caught.value.code == "duplicate_field"


@pytest.mark.parametrize(
    "text", ['{"a":"\\n%s","a":"x"}', '[{"a":{"b":"\\n%s"},"a":1}]', '{"a":"\\n","a":"%s","a":""}']
)
def test_in_json_within_a_text_the_last_of_two_hides_the_first(text: str) -> None:  # M3.7
    call, _ = admitted("auto", messages=[{"role": "tool", "content": text % CARD}])
    assert call.sensitive


async def test_a_secret_that_stands_beside_another_text_of_its_name_leaves(tmp_path: Path) -> None:  # M3.7
    bodies = {
        "/v1/chat/completions": TWICE["content"],
        "/v1/responses": '"input":[{"role":"user","content":"%s","content":"hi"}]',
        "/v1/messages": '"max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"%s","text":"hi"}]}]',
        "/v1beta/models/m-one:generateContent": '"contents":[{"parts":[{"text":"%s","text":"hi"}]}]',
        "/v1/completions": '"prompt":"hi","stream_options":{"x":"%s","x":1}',
        "/v1/embeddings": '"input":"hi","x":{"a":"%s","a":""}',
        "/v1beta/models/m-one:embedContent": '"content":{"parts":[{"text":"%s","text":"hi"}]}',
        "/v1/moderations": '"input":[{"type":"text","text":"%s","text":"hi"}]',
    }
    async with serving(tmp_path / "s", more="sensitivity: {}\n") as server:
        for path, said in bodies.items():
            body = f'{{"model":"m-one",{said % CARD}}}'.replace(
                '"model":"m-one",', "" if "beta" in path else '"model":"m-one",'
            )
            response = await ask(server.port, "POST", path, body.encode())
            assert (response.status, b"stands twice" in response.body) == (400, True), path
        assert server.upstream.seats == []


async def test_a_sensitive_request_fails_over_to_the_outside(tmp_path: Path) -> None:  # M3.7
    dead = '  own: {kind: openai, base_url: "http://127.0.0.1:1/v1", self_hosted: true}\n'
    model = "  m-own: {channels: [{provider: own}, {provider: one, model: up-one}], price: {input: 0, output: 0}, quality: 0.9}\n"
    policy = "  home: {strategy: pinned, model: m-own, fallbacks: [m-one, m-two]}\n"
    async with serving(tmp_path / "s", extra_provider=dead, extra_model=model, extra_policy=policy) as server:
        headers = {"x-fairlead-policy": "home"}
        for private in ({"x-fairlead-sensitivity": "sensitive"}, {"x-fairlead-sensitivity": "Sensitive"}):
            response = await server.chat({**headers, **private}, model="auto")
            assert response.status in (502, 503)
            assert server.upstream.seats == []
        assert (await server.chat(headers, model="auto")).status == 200
        assert server.upstream.seats == ["one"]
