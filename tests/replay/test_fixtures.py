"""Every recorded answer of a provider, through a running gateway, to clients of every dialect: they get what it said.

The answer is read by the types of the official SDKs; its text, its tool calls and its usage are the recording's.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import replace

import anthropic.types
import openai.types
import pytest

from tests.replay import told
from tests.replay.clients import CLIENTS
from tests.replay.exchanges import RECORDED, Recorded
from tests.replay.gateway import RETRY_AFTER, Gateway, model_of, running
from tests.replay.told import Told

pytestmark = [
    pytest.mark.skipif(not RECORDED, reason="there are no recorded exchanges beside the checkout"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Google's SDK, of its own types
]
each_client = pytest.mark.parametrize("client", list(CLIENTS))
GENERATED = {name: one for name, one in RECORDED.items() if one.operation == "generate" and one.dialect in CLIENTS}
BROKEN = {
    "azure-openai/json-refusal__openllmetry-testing__997e4b": "an error with status 200",
    "openai-responses/json-servertool__gpt-5.6-sol__893c65": "holds no output",
    "openai-responses/json-tool__gpt-4o__f1e1eb": "holds no output",
    "openai-responses/json-tool__https-api.openai.com-v1-responses-resp-0__5febb2": "holds no output",
}
"""What came with status 200 and is no answer: errors, and responses that are still made in the background."""
ANSWERS = [name for name, one in GENERATED.items() if one.status == 200 and name not in BROKEN]
STREAMS = [name for name in ANSWERS if GENERATED[name].streams]
REFUSALS = [name for name, one in GENERATED.items() if one.status != 200]
OTHERS = [name for name in RECORDED if name not in GENERATED]
REWORDED = {("errors/2-openai", "anthropic_messages"): "prompt is too long: 4260 tokens > 4097 maximum"}
"""What a client of Anthropic's looks for when a conversation has become too long."""
MOST_BYTES = 5000
"""Longer streams take too long byte by byte."""
UNTOLD = {
    "azure-openai/stream-text__openllmetry-testing__6f716b": "the stream was not asked for its usage",
    "openai-chat/stream-paralleltool__gpt-3.5-turbo__bfa892": "the stream was not asked for its usage",
    "openai-chat/stream-tool__gpt-3.5-turbo__7fa9a4": "the stream was not asked for its usage",
    "vertex-gemini/json-refusal__gemini-2.5-flash__223083": "a blocked prompt: its usage holds no figure",
}
"""Recordings that say nothing of usage: here alone it is not compared."""
NO_FIELD = {"gemini": {"written"}}
"""Figures that a dialect has no place for."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("replay")) as found:
        yield found


def expected(recorded: Recorded) -> Told:
    if recorded.streams:
        return told.STREAM[recorded.dialect](recorded.sse)
    return told.WHOLE[recorded.dialect](recorded.json)


def same(got: Told, recorded: Recorded, client: str) -> None:
    wanted = expected(recorded)
    if wanted.usage is not None and wanted.usage.reasoning > wanted.usage.output > 0 and client != recorded.dialect:
        # Reasoning is a part of what came out: no more of it is told than that.
        wanted = replace(wanted, usage=replace(wanted.usage, reasoning=wanted.usage.output))
    assert got.text == wanted.text
    assert got.calls == wanted.calls
    if recorded.name in UNTOLD:
        assert wanted.usage is None or wanted.usage.input + wanted.usage.output == 0
        return
    assert wanted.usage is not None
    assert got.usage is not None
    if client != recorded.dialect:
        left_out = dict.fromkeys(NO_FIELD.get(client, ()), 0)
        assert got.usage == replace(wanted.usage, **left_out)
    else:
        assert got.usage == wanted.usage


def replay(gateway: Gateway, recorded: Recorded, client: str, pieces: list[bytes] | None = None) -> None:
    asking = CLIENTS[client]
    path, body = asking.question(model_of(recorded, client), recorded.streams)
    status, _, answer = gateway.ask(recorded, path, body, pieces)
    assert status == 200, answer
    if client == recorded.dialect:
        assert answer == b"".join(pieces or [recorded.body])
        same(
            told.STREAM[client](answer) if recorded.streams else told.WHOLE[client](json.loads(answer)),
            recorded,
            client,
        )
    else:
        same(asking.read(answer, recorded.streams), recorded, client)


@each_client
@pytest.mark.parametrize("name", ANSWERS)
def test_every_client_gets_what_the_provider_said(gateway: Gateway, name: str, client: str) -> None:
    replay(gateway, RECORDED[name], client)


@each_client
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_told_as_an_error(gateway: Gateway, name: str, client: str) -> None:
    recorded = RECORDED[name]
    path, body = CLIENTS[client].question(model_of(recorded, client), recorded.streams)
    status, _, answer = gateway.ask(recorded, path, body)
    if client == recorded.dialect == "openai_responses":
        assert (status, answer) == (200, recorded.body)
    elif client == recorded.dialect and recorded.streams:
        last = json.loads(told.events(answer)[-1])
        assert last["error"]["code"] == "stream_broken"
    else:
        assert status == 502
        assert BROKEN[name] in message_of(client, answer)


# ---- splits and line ends


def with_crlf(stream: bytes) -> bytes:
    return stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@each_client
@pytest.mark.parametrize("name", STREAMS)
def test_line_ends_change_nothing(gateway: Gateway, name: str, client: str) -> None:
    replay(gateway, RECORDED[name], client, [with_crlf(RECORDED[name].sse)])


def shortest() -> list[str]:
    """The shortest stream of every provider in each dialect, and of every kind of content."""
    found: dict[tuple[str, str], str] = {}
    for name in STREAMS:
        kept = name.split("__")[0]
        for key in ((kept.split("/")[0], RECORDED[name].dialect), (kept.split("/")[1], RECORDED[name].dialect)):
            if key not in found or len(RECORDED[name].sse) < len(RECORDED[found[key]].sse):
                found[key] = name
    return sorted({name for name in found.values() if len(RECORDED[name].sse) <= MOST_BYTES})


@each_client
@pytest.mark.parametrize("line_ends", ["lf", "crlf"])
@pytest.mark.parametrize("name", shortest())
def test_bytes_that_come_one_by_one_change_nothing(gateway: Gateway, name: str, line_ends: str, client: str) -> None:
    stream = with_crlf(RECORDED[name].sse)
    if line_ends == "lf":
        stream = stream.replace(b"\r\n", b"\n")
    replay(gateway, RECORDED[name], client, [bytes([one]) for one in stream])


# ---- errors


def message_of(client: str, body: bytes) -> str:
    """The words of an error, which has to have the shape that the client's SDK reads."""
    error = json.loads(body)["error"]
    if client == "anthropic_messages":
        anthropic.types.ErrorResponse.model_validate_json(body, strict=True)
    elif client == "gemini":
        assert isinstance(error["code"], int)
        assert error["status"].isupper()
    else:
        openai.types.shared.ErrorObject.model_validate(error, strict=True)
    return str(error["message"])


def said(recorded: Recorded) -> str:
    found = recorded.json[0] if isinstance(recorded.json, list) else recorded.json
    return str(found["error"]["message"])


@each_client
@pytest.mark.parametrize("name", REFUSALS)
def test_errors_keep_their_status_their_words_and_their_time_to_wait(gateway: Gateway, name: str, client: str) -> None:
    recorded = RECORDED[name]
    path, body = CLIENTS[client].question(model_of(recorded, client), stream=False)
    status, headers, answer = gateway.ask(recorded, path, body)
    # A provider that does not know the model it was configured for: the caller has asked for one that exists.
    assert status == (502 if recorded.status == 404 else recorded.status)
    if client == recorded.dialect and recorded.status == 400:
        assert json.loads(answer) == recorded.json
    else:
        words = REWORDED.get((name, client), said(recorded)[:30])
        assert words in message_of(client, answer)
    if recorded.status == 429:
        assert headers["retry-after"] == RETRY_AFTER
    assert headers["x-fairlead-request-id"]


# ---- what only its own dialect asks


def test_embeddings_come_in_the_form_that_was_asked_for(gateway: Gateway) -> None:
    for name, recorded in RECORDED.items():
        if recorded.dialect != "embeddings" or recorded.status != 200:
            continue
        asked = recorded.request | {"model": model_of(recorded, "own")}
        status, _, answer = gateway.ask(recorded, "/v1/embeddings", json.dumps(asked).encode())
        assert (status, json.loads(answer)) == (200, recorded.json)
        asked["encoding_format"] = "float"
        status, _, answer = gateway.ask(recorded, "/v1/embeddings", json.dumps(asked).encode())
        read = openai.types.CreateEmbeddingResponse.model_validate_json(answer, strict=True)
        for got, one in zip(read.data, recorded.json["data"], strict=True):
            raw = base64.b64decode(one["embedding"])
            assert got.embedding == pytest.approx(struct.unpack(f"<{len(raw) // 4}f", raw)), name


@pytest.mark.parametrize("name", OTHERS)
def test_what_one_dialect_alone_asks_passes_as_it_is(gateway: Gateway, name: str) -> None:
    recorded = RECORDED[name]
    model = model_of(recorded, "own")
    paths = {
        "completions": "/v1/completions",
        "anthropic_messages": "/v1/messages/count_tokens",
        "openai_responses": "/v1/responses/input_tokens",
        "gemini": f"/v1beta/models/{model}:countTokens",
        "embeddings": "/v1/embeddings",
    }
    asked = recorded.request if recorded.dialect == "gemini" else recorded.request | {"model": model}
    status, _, answer = gateway.ask(recorded, paths[recorded.dialect], json.dumps(asked).encode())
    if recorded.status == 200:
        assert status == 200, answer
        assert json.loads(answer) == recorded.json
    else:
        assert status == 502
        assert said(recorded)[:30] in message_of(recorded.dialect, answer)


def test_every_exchange_is_replayed_somewhere() -> None:
    assert set(RECORDED) == {*ANSWERS, *BROKEN, *REFUSALS, *OTHERS}
