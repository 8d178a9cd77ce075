"""How much an answer said is known at every moment of its stream, whatever it says and however it is cut."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from fairlead.core.record import Usage
from fairlead.dialects.anthropic_messages.interpreter import Interpreter
from fairlead.dialects.anthropic_messages.passing import StreamReader as Anthropic
from fairlead.dialects.dialect import Asked, View
from fairlead.dialects.gemini.passing import StreamReader as Gemini
from fairlead.dialects.openai_chat.passing import StreamReader as Chat
from fairlead.dialects.openai_responses.passing import StreamReader as Responses
from fairlead.dialects.passing import TAIL, Passing
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translating import Translating
from fairlead.dialects.weighing import tokens_of
from tests.dialects.recordings import STREAMS

WORDS = "word " * 200
FIELDS: dict[str, Any] = {
    "content": lambda text: {"content": text},
    "reasoning": lambda text: {"reasoning": text},
    "a thought told twice": lambda text: {"reasoning": text, "reasoning_details": [{"type": "t", "text": text}]},
    "tool_calls": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
    "function_call": lambda text: {"function_call": {"arguments": text}},
    "audio": lambda text: {"audio": {"transcript": text}},
    "refusal": lambda text: {"refusal": text},
}


def data(value: dict[str, Any], name: str = "") -> bytes:
    front = f"event: {name}\n" if name else ""
    return f"{front}data: {json.dumps(value)}\n\n".encode()


def chat(delta: dict[str, Any], **more: Any) -> bytes:
    return data({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more})


def near(reader: Passing | Translating, texts: int) -> None:
    assert texts / 4 * 0.8 <= reader.estimate <= texts / 4 * 1.3 + 10


@pytest.mark.parametrize("kind", FIELDS)
def test_a_small_beginning_hides_what_comes_behind_it(kind: str) -> None:
    reader = Chat(False)
    reader.feed(chat({"role": "assistant", "content": ""}) + chat(FIELDS[kind]("W")))
    for number in range(1, 41):
        reader.feed(chat(FIELDS[kind](WORDS)))
        near(reader, number * len(WORDS))


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("together", [1, 7])
def test_short_pieces_count_as_long_ones_do(kind: str, together: int) -> None:
    reader = Chat(False)
    piece = chat(FIELDS[kind]("word word "))
    for _ in range(700 // together):
        reader.feed(piece * together)
    near(reader, 7_000)


def test_a_call_behind_a_text_counts_its_frames() -> None:
    reader = Chat(False)
    for _ in range(100):
        reader.feed(chat({"content": "word"}))
    for _ in range(100):
        reader.feed(chat({"tool_calls": [{"index": 0, "function": {"arguments": "word"}}]}))
    near(reader, 800)


def test_a_text_behind_a_call_is_hidden_by_the_longer_frame_of_calls() -> None:
    reader = Chat(False)
    for _ in range(100):
        reader.feed(chat({"tool_calls": [{"index": 0, "function": {"arguments": "word"}}]}))
    for _ in range(100):
        reader.feed(chat({"content": "word " * 8}))
    near(reader, 400 + 4_000)


def test_a_picture_or_sound_is_taken_for_a_text_of_its_length() -> None:
    for delta in (
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2**20}}]},
        {"audio": {"data": "A" * 2**20}},
    ):
        reader = Chat(False)
        reader.feed(chat({"content": "Here."}))
        reader.feed(chat(delta))
        assert 1_000 <= reader.estimate <= 1_100


@pytest.mark.parametrize("logprobs", [0, 5])
def test_what_is_told_beside_the_words_counts_as_words(logprobs: int) -> None:
    """Numbers that grow, padding of any length, likelihoods."""
    draw = random.Random(1)
    reader = Chat(False)
    for number in range(1_000):
        beside = {"obfuscation": "x" * draw.randrange(1, 16), "n": number}
        likely = [
            {"token": "word", "bytes": [1] * draw.randrange(1, 9), "top": ["word"] * draw.randrange(logprobs + 1)}
        ]
        choice: dict[str, Any] = {"index": 0, "delta": {"content": "four"}}
        if logprobs:
            choice["logprobs"] = {"content": likely * draw.randrange(1, 4)}
        reader.feed(data({"choices": [choice], **beside}))
    assert 990 <= reader.estimate <= 1_100


def responses(kind: str, **more: Any) -> bytes:
    return data({"type": kind, **more}, kind)


def test_what_responses_repeat_counts_once() -> None:
    reader = Responses()
    reader.feed(responses("response.created", response={"id": "r"}))
    for number in range(60):
        told = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": number}
        reader.feed(responses("response.output_text.delta", delta=WORDS, **told))
    near(reader, 60 * len(WORDS))
    reader.feed(responses("response.output_text.done", text=WORDS * 60))
    reader.feed(responses("response.output_item.done", item={"content": [{"text": WORDS * 60}]}))
    near(reader, 60 * len(WORDS))
    reader.feed(responses("response.completed", response={"output": [{"content": [{"text": WORDS * 60}]}]}))
    reader.end()
    assert reader.usage is None
    near(reader, 60 * len(WORDS))


def anthropic(kind: str, **more: Any) -> bytes:
    return data({"type": kind, **more}, kind)


START = anthropic("message_start", message={"id": "m", "model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}})
OPEN = anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""})


def said(text: str, kind: str = "text_delta", field: str = "text") -> bytes:
    return anthropic("content_block_delta", index=0, delta={"type": kind, field: text})


ERROR = anthropic("error", error={"type": "overloaded_error", "message": "no"})


@pytest.mark.parametrize("piece", ["W", WORDS])
@pytest.mark.parametrize(("kind", "field"), [("text_delta", "text"), ("input_json_delta", "partial_json")])
def test_an_anthropic_stream_is_weighed_by_its_first_words(piece: str, kind: str, field: str) -> None:
    reader = Anthropic()
    reader.feed(START + OPEN + said("W"))
    for _ in range(40):
        reader.feed(said(piece, kind, field))
    assert max(40, 40 * len(piece) / 4) * 0.9 <= reader.estimate <= max(42, 40 * len(piece) / 4 * 1.2)


def gemini(text: str, **more: Any) -> bytes:
    return data({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}], **more})


def test_a_gemini_stream_is_weighed_by_its_first_words_or_by_the_usage_of_its_beginning() -> None:
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    reader = Gemini()
    reader.feed(gemini("W", usageMetadata=counts))
    for _ in range(40):
        reader.feed(gemini(WORDS))
    near(reader, 40 * len(WORDS))
    reader.end()
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.output, reader.usage.estimated) == (5, reader.estimate, True)


@pytest.mark.parametrize("step", [1, 700, 2**20])
@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_weighs_something_else_than_its_words(name: str, step: int) -> None:
    stream = STREAMS[name]
    exact = sum(Chat(False).weigh(event + b"\n\n") for event in stream.split(b"\n\n") if event)
    reader = Chat(False)
    for at in range(0, len(stream), step):
        reader.feed(stream[at : at + step])
    assert reader.estimate >= exact // 4
    assert reader.said == exact


def translating(interpreter: Any = None) -> Translating:
    view = DIALECTS["openai_chat"].read_request(b'{"model":"m","messages":[{"role":"user","content":"a"}]}', "", False)
    return Translating(interpreter or Interpreter(), DIALECTS["openai_chat"].writer(asked_of(view)))


def asked_of(view: View) -> Asked:
    return Asked("r", "m", view, 1)


@pytest.mark.parametrize("ending", ["error", "stopped here", "cut", "no count"])
def test_a_translated_stream_that_breaks_is_charged_the_one_token_it_began_with(ending: str) -> None:
    reader = translating()
    reader.feed(START + OPEN + said(WORDS) * 40)
    if ending == "error":
        reader.feed(ERROR)
    elif ending == "stopped here":
        reader.error = "no more"
    elif ending == "no count":
        reader.feed(anthropic("message_delta", delta={"stop_reason": "end_turn"}) + anthropic("message_stop"))
        assert reader.done
    reader.end()
    assert reader.usage == Usage(7, 40 * len(WORDS) // 4, estimated=True)


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_what_is_counted_beside_an_error_is_not_paid_for(dialect: str) -> None:
    usage: dict[str, int] = {"prompt_tokens": 9, "completion_tokens": 700}
    told = [chat({"content": "W"}), data({"error": {"message": "no"}, "choices": [], "usage": usage})]
    if dialect == "openai_responses":
        usage = {"input_tokens": 9, "output_tokens": 700}
        told = [
            responses("response.output_text.delta", delta="W", output_index=0, content_index=0),
            responses("response.failed", response={"error": {"message": "no"}, "usage": usage}),
        ]
    reader = translating(DIALECTS[dialect].interpreter())
    for piece in told:
        reader.feed(piece)
    reader.end()
    assert reader.error
    assert reader.usage == Usage(9, 700)


def test_a_stream_that_broke_behind_its_count_is_charged_an_estimate() -> None:
    counted = anthropic("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
    for reader in (translating(), Anthropic()):
        reader.feed(START + OPEN + said(WORDS) * 4 + counted)
        reader.end()
        assert reader.usage == Usage(7, 3)


def test_a_running_count_that_was_told_early_is_all_that_is_charged() -> None:
    reader = Chat(False)
    reader.feed(chat({"content": "W"}, usage={"prompt_tokens": 9, "completion_tokens": 1}))
    reader.feed(chat({"content": WORDS}) * 40)
    reader.end()
    assert reader.usage == Usage(9, reader.estimate, estimated=True)
    near(reader, 40 * len(WORDS))


BODIES: dict[str, dict[str, Any]] = {
    "chat": {"id": "x" * 400, "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": WORDS}}]},
    "alternatives": {"choices": [{"message": {"content": WORDS[:500]}}, {"message": {"content": WORDS[500:]}}]},
    "tool": {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"arguments": WORDS}}]}}]},
    "a thought told twice": {"choices": [{"message": {"reasoning": WORDS, "reasoning_content": WORDS}}]},
    "anthropic": {"content": [{"type": "tool_use", "id": "t", "input": {"a": WORDS}}]},
    "gemini": {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": WORDS}}}]}}]},
    "responses": {"instructions": "x" * 900, "output": [{"content": [{"type": "output_text", "text": WORDS}]}]},
    "picture": {"choices": [{"message": {"content": WORDS, "images": [{"url": "A" * 9_000}]}}]},
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_whole_answer_is_weighed_by_its_frame(kind: str) -> None:
    assert 250 <= tokens_of(json.dumps(BODIES[kind]).encode()) <= 265


@pytest.mark.parametrize(
    ("body", "tokens"), [(b"no json", 1), (b"[1]", 0), (b"{}", 0), (b'{"choices": 7}', 0), (b"[" * 100_000, 25_000)]
)
def test_an_odd_answer_cannot_be_weighed(body: bytes, tokens: int) -> None:
    assert tokens_of(body) == tokens


ESCAPED = {
    "lines": 'say("a\\tb");\n\n' * 40,
    "Chinese": "今天天气很好" * 30,
    "backslashes": "C:\\dir\\u0041\\" * 30,
}


@pytest.mark.parametrize("text", ESCAPED)
@pytest.mark.parametrize("long", [True, False])
def test_what_is_escaped_counts_as_it_is_written(text: str, long: bool) -> None:
    """Quotes, line ends, letters that are written as numbers: up to three times as many bytes."""
    whole = ESCAPED[text]
    pieces = [whole] if long else [whole[at : at + 3] for at in range(0, len(whole), 3)]
    reader = Chat(False)
    reader.feed(chat({"content": "Here it is."}))
    times = 12
    for _ in range(times):
        for piece in pieces:
            reader.feed(chat({"content": piece}))
    if long:
        near(reader, times * len(whole.encode()))
    else:
        assert reader.said == pytest.approx(times * len(whole.encode()), rel=0.3)


@pytest.mark.parametrize("text", ESCAPED)
def test_what_is_escaped_in_another_dialect_counts_as_it_is_written(text: str) -> None:
    view = DIALECTS["anthropic_messages"].read_request(
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"?"}]}', "", False
    )
    asked = Asked("req_1", "m", view, 0)
    reader = Translating(DIALECTS["openai_chat"].interpreter(), DIALECTS["anthropic_messages"].writer(asked))
    for _ in range(12):
        reader.feed(chat({"content": ESCAPED[text]}))
    near(reader, 12 * len(ESCAPED[text].encode()))


def test_ids_of_a_long_stream_are_missed_where_usage_was_told() -> None:
    """In what was weighed on the way, and in what never was."""
    reader = Chat(False)
    for number in range(600):
        reader.feed(chat({"content": WORDS}))
        if number in (5, 595):
            reader.feed(chat({"audio": {"id": f"audio_{number}", "data": ""}}))
    reader.feed(data({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    reader.feed(data({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}))
    reader.feed(b"data: [DONE]\n\n")
    reader.end()
    assert reader.usage == Usage(1, 2)
    assert reader.issued == {"audio_5", "audio_595"}


def test_a_stream_grows_in_memory_behind_one_large_event() -> None:
    reader = Chat(False)
    reader.feed(chat({"content": "W"}))
    for text in (WORDS * 5_000, *[WORDS] * 2_000):
        reader.feed(chat({"content": text}))
    assert sum(map(len, reader._tail)) <= 3 * TAIL
    assert reader.estimate >= 7_000 * len(WORDS) // 4
