"""Embeddings come in the encoding that was asked for, from whichever dialect."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects import embeddings, neutral
from fairlead.dialects.dialect import Asked, Target
from fairlead.dialects.embeddings import (
    Vectors,
    account,
    as_asked,
    read_gemini,
    read_gemini_answer,
    read_openai,
    read_openai_answer,
    write_gemini,
    write_gemini_answer,
    write_openai,
    write_openai_answer,
)
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.recordings import BESIDE

TARGET = Target("embed-1", "any")


def openai(**body: Any) -> embeddings.EmbeddingsView:
    return read_openai(json.dumps({"model": "m", "input": "a", **body}).encode())


def gemini(body: dict[str, Any]) -> embeddings.EmbeddingsView:
    return read_gemini(json.dumps(body).encode(), "m")


def told(vectors: list[Any], **more: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)]
    return json.dumps(
        {"object": "list", "data": data, "model": "up", "usage": {"prompt_tokens": 3, "total_tokens": 3}, **more}
    ).encode()


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


# ---- requests


@pytest.mark.parametrize(
    ("given_", "texts", "turns", "chars"),
    [
        ("héllo", ["héllo"], 1, 5),
        (["a", "bc"], ["a", "bc"], 2, 3),
        ([1, 2, 3], [], 1, 12),
        ([[1, 2], [3]], [], 2, 12),
    ],
)
def test_every_form_of_input_is_read(given_: Any, texts: list[str], turns: int, chars: int) -> None:
    view = openai(input=given_)
    assert [text for _, text in view.texts()] == texts
    assert (view.shape().turns, view.shape().chars) == (turns, chars)
    assert view.encoding == "float"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"model": ""}, "model"),
    ],
)
def test_a_wrong_request_is_refused_by_the_name_of_its_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        openai(**body)
    assert caught.value.param == param


def test_gemini_embeds_one_or_several() -> None:
    one = gemini(
        {
            "content": {"parts": [{"text": "a"}, {"text": "b"}]},
            "task_type": "RETRIEVAL_QUERY",
            "outputDimensionality": 5,
        }
    )
    assert (list(one.texts()), one.task, one.dimensions, one.batch) == ([("user", "a\nb")], "RETRIEVAL_QUERY", 5, False)
    asks = [{"model": "models/m", "content": {"parts": [{"text": text}]}, "title": "t"} for text in "xy"]
    several = gemini({"requests": asks})
    assert ([text for _, text in several.texts()], several.title, several.batch) == (["x", "y"], "t", True)
    assert list(gemini({"content": "bare"}).texts()) == [("user", "bare")]
    mixed = [{**asks[0], "taskType": "A"}, {**asks[1], "taskType": "B"}]
    vast = [{**asks[0], "outputDimensionality": 10**30}]
    inline = {"content": {"parts": [{"inlineData": {}}]}}
    for wrong in ({}, {"requests": []}, inline, {"requests": mixed}, {"requests": vast}):
        with pytest.raises(BadRequest):
            gemini(wrong)


def test_requests_go_from_each_dialect_to_the_other() -> None:
    losses = Losses("x")
    written = json.loads(write_gemini(openai(input=["a", "b"], dimensions=8, user="me").neutral(), TARGET, losses))
    assert written["requests"] == [
        {"model": "models/embed-1", "outputDimensionality": 8, "content": {"parts": [{"text": text}]}} for text in "ab"
    ]
    assert losses.found == {"user": "dropped"}
    assert gemini(written).neutral().inputs == ("a", "b")
    losses = Losses("x")
    view = gemini({"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING", "outputDimensionality": 8})
    written = json.loads(write_openai(view.neutral(), TARGET, losses))
    assert written == {"model": "embed-1", "input": ["a"], "encoding_format": "float", "dimensions": 8}
    assert losses.found == {"field.taskType": "dropped"}


def test_tokens_and_conversations_are_refused() -> None:
    with pytest.raises(BadRequest, match="tokens"):
        write_gemini(openai(input=[1, 2]).neutral(), TARGET, Losses("x"))
    with pytest.raises(BadRequest, match="embeddings only"):
        write_openai(neutral.Request(model="m", turns=()), TARGET, Losses("x"))


# ---- answers


def test_vectors_come_in_the_encoding_asked_for() -> None:  # TRAPS 37
    floats, text = told([[0.5, -1.0], [2.0, 0.25]]), told([packed(0.5, -1.0), packed(2.0, 0.25)])
    wants_text, wants_floats = openai(encoding_format="base64"), openai()
    assert as_asked(floats, wants_floats) is floats
    assert as_asked(text, wants_text) is text
    assert json.loads(as_asked(floats, wants_text)) == json.loads(text)
    assert json.loads(as_asked(text, wants_floats)) == json.loads(floats)


@pytest.mark.parametrize("odd", [b"{", b"{}", told([None]), told(["!!"]), told(["QUJD"]), told([5])])
def test_an_answer_that_cannot_be_converted_stays_as_it_came(odd: bytes) -> None:
    assert as_asked(odd, openai()) == odd


def test_numbers_too_large_for_base64_stay_numbers() -> None:
    body = told([[1e300]])
    assert as_asked(body, openai(encoding_format="base64")) == body


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_numbers_are_the_same_in_both_encodings(vectors: list[list[float]]) -> None:
    body = told(vectors)
    there = as_asked(body, openai(encoding_format="base64"))
    assert read_openai_answer(as_asked(there, openai())).vectors == read_openai_answer(body).vectors


def test_answers_go_from_each_dialect_to_the_other() -> None:
    upstream = json.dumps({"embeddings": [{"values": [0.5, 1]}], "usageMetadata": {"promptTokenCount": 3}}).encode()
    answer = read_gemini_answer(upstream)
    assert isinstance(answer, Vectors)
    written = json.loads(write_openai_answer(answer, Asked("r", "m", openai(encoding_format="base64"), 0)))
    assert written == json.loads(told([packed(0.5, 1.0)], model="m"))
    single = Asked("r", "m", gemini({"content": "a"}), 0)
    assert json.loads(write_gemini_answer(answer, single)) == {
        "embedding": {"values": [0.5, 1.0]},
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    }
    several = Asked("r", "m", gemini({"requests": [{"content": "a"}]}), 0)
    assert "embeddings" in json.loads(write_gemini_answer(answer, several))
    assert read_gemini_answer(b'{"embedding":{"values":[1]}}').vectors == ((1.0,),)


def test_items_stand_in_the_order_of_their_indexes() -> None:
    body = b'{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}'
    assert read_openai_answer(body).vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"data":[]}', b'{"data":[{"embedding":[]}]}', b'{"data":[{"embedding":"!"}]}', b"["]
)
def test_what_holds_no_vectors_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_openai_answer(body)


def test_usage_is_input_alone() -> None:
    assert account(told([[1]])) == (Usage(3), "")
    assert account(b'{"embedding":{"values":[1]}}') == (None, "")
    assert account(b'{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":2}}') == (Usage(2), "")
    assert "no embeddings" in account(b'{"data":[]}')[1]
    assert "error" in account(b'{"error":{"message":"x"}}')[1]
    assert account(b"")[1]


def test_the_recorded_exchange_passes_and_turns_into_floats() -> None:  # TRAPS 37
    file = BESIDE / "fixtures" / "openai-embeddings" / "json-text__text-embedding-3-small__312483.json"
    if not file.exists():
        pytest.skip("the recordings do not lie beside the checkout")
    recorded = json.loads(file.read_text())
    view = read_openai(json.dumps(recorded["request"]["body"]).encode())
    body = json.dumps(recorded["response"]["json"]).encode()
    assert as_asked(body, view) is body
    assert account(body) == (Usage(4), "")
    assert len(read_openai_answer(body).vectors[0]) == view.dimensions == 128
