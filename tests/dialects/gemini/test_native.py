"""Gemini's requests in both spellings, its usage on our base, its errors and lists."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fairlead.core.record import Usage
from fairlead.dialects.dialect import Target
from fairlead.dialects.gemini import native
from fairlead.dialects.gemini.request import write_request
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest, Overloaded, RateLimited
from tests.dialects.gemini.recordings import ANSWERS, REQUESTS, model_of

USER = [{"role": "user", "parts": [{"text": "hello"}]}]


def view(body: dict[str, Any], stream: bool = False) -> native.GeminiView:
    return native.read_request(json.dumps(body).encode(), "gemini-3.8-flash", stream)


def test_a_number_that_json_cannot_hold_is_the_callers_fault() -> None:
    asked = view({"contents": USER, "generationConfig": {"seed": 10**30}}).neutral()
    with pytest.raises(BadRequest, match="64-bit"):
        write_request(asked, Target("gemini-3.8-flash", "gemini"), Losses("gemini"))


def test_both_spellings_say_the_same() -> None:
    camel = {
        "contents": [{"parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}],
        "systemInstruction": {"parts": [{"text": "brief"}]},
        "generationConfig": {"maxOutputTokens": 9, "candidateCount": 2, "thinkingConfig": {"thinkingLevel": "LOW"}},
        "tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}, {"googleSearch": {}}],
    }
    snake = {
        "contents": [{"parts": [{"text": "a"}, {"inline_data": {"mime_type": "image/png", "data": "AA=="}}]}],
        "system_instruction": {"parts": [{"text": "brief"}]},
        "generation_config": {
            "max_output_tokens": 9,
            "candidate_count": 2,
            "thinking_config": {"thinking_level": "LOW"},
        },
        "tools": [{"function_declarations": [{"name": "a"}, {"name": "b"}]}, {"google_search": {}}],
    }
    one, other = view(camel), view(snake)
    shape = one.shape()
    assert (shape.images, shape.tools, shape.max_output, shape.answers, shape.reasoning) == (1, 3, 9, 2, "low")
    assert list(one.texts()) == list(other.texts()) == [("system", "brief"), ("user", "a")]
    assert (other.shape().images, other.shape().tools, other.max_output, other.answers) == (1, 3, 9, 2)
    assert one.neutral() == other.neutral()


def test_what_stands_alone_counts_as_a_list_of_one() -> None:
    found = view({"contents": {"parts": {"text": "hi"}}, "tools": {"function_declarations": [{"name": "f"}]}})
    assert list(found.texts()) == [("user", "hi")]
    assert [tool.name for tool in found.neutral().tools] == ["f"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"parts": [{"text": 5}]}]}, None),
        ({"contents": USER, "generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"contents": USER, "generationConfig": {"candidateCount": 99}}, "generationConfig.candidateCount"),
        ({"contents": USER, "Contents": []}, None),
        ({"contents": USER, "fairlead": {"wish": 1}}, "fairlead.wish"),
    ],
)
def test_a_wrong_request_is_refused_by_the_name_of_its_field(body: dict[str, Any], param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        view(body)
    if param:
        assert caught.value.param == param


def test_the_model_stands_in_the_path_else_in_the_body() -> None:
    assert native.read_request(json.dumps({"contents": USER, "model": "models/m"}).encode()).model == "m"
    assert native.read_request(json.dumps({"contents": USER, "model": "models/m"}).encode(), "other").model == "other"
    with pytest.raises(BadRequest, match="no model"):
        native.read_request(json.dumps({"contents": USER}).encode())


def test_own_wishes_stand_in_the_body() -> None:
    found = view({"contents": USER, "fairlead": {"task": "code"}})
    assert found.options is not None
    assert found.options.task == "code"
    assert "fairlead" not in found.neutral().others


def test_tokens_are_counted_of_contents_or_of_a_whole_request() -> None:
    whole = {
        "generateContentRequest": {
            "model": "models/x",
            "contents": USER,
            "systemInstruction": {"parts": [{"text": "s"}]},
        }
    }
    assert list(native.read_count(json.dumps(whole).encode(), "m").texts()) == [("system", "s"), ("user", "hello")]
    assert list(native.read_count(json.dumps({"contents": USER}).encode(), "m").texts()) == [("user", "hello")]
    assert json.loads(native.write_count(31)) == {"totalTokens": 31}
    with pytest.raises(BadRequest):
        native.read_count(b"{}", "m")


def test_thoughts_are_output_and_tools_prompts_are_input() -> None:  # TRAPS 20
    told = {
        "promptTokenCount": 32, "candidatesTokenCount": 41, "thoughtsTokenCount": 47, "toolUsePromptTokenCount": 2395,
        "cachedContentTokenCount": 12, "totalTokenCount": 2515,
    }  # fmt: skip
    usage, error = native.account(json.dumps({"candidates": [{}], "usageMetadata": told}).encode())
    assert (usage, error) == (Usage(2427, 88, 12, 0, 0, 47), "")


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_usage_adds_up_to_the_total_google_tells(name: str) -> None:  # TRAPS 20
    told = ANSWERS[name].get("usageMetadata", {})
    usage, error = native.account(json.dumps(ANSWERS[name]).encode())
    assert error == ""
    if "promptTokenCount" in told:
        assert usage is not None
        assert usage.input + usage.output == told["totalTokenCount"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "not the JSON"),
        (b'{"candidates":[]}', "no candidates"),
        (b'{"error":{"code":503}}', "error with status 200"),
        (b"null", "not the JSON"),
    ],
)
def test_what_is_no_answer_is_told_apart(body: bytes, why: str) -> None:
    assert why in native.account(body)[1]


def test_a_blocked_prompt_is_an_answer() -> None:  # TRAPS 19
    assert native.account(b'{"promptFeedback":{"blockReason":"SAFETY"}}') == (None, "")


def test_errors_have_googles_shape_and_say_when_to_come_back() -> None:  # TRAPS 33
    told = json.loads(native.error_body(RateLimited("slow down", retry_after=2.4), "req-9"))["error"]
    assert (told["code"], told["status"], told["message"]) == (429, "RESOURCE_EXHAUSTED", "slow down")
    assert told["details"][1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    assert told["details"][0]["metadata"] == {"requestId": "req-9"}
    event = native.error_event(Overloaded("full"), "r")
    assert event.endswith(b"\r\n\r\n")
    assert json.loads(event[6:])["error"]["status"] == "UNAVAILABLE"


def test_every_model_is_listed_once_over_the_pages() -> None:
    names = {f"model-{number}" for number in range(7)}
    seen: list[str] = []
    token = ""
    for _ in range(10):
        page = json.loads(native.models_page(names, 3, token))
        seen += [one["name"] for one in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert seen == sorted(f"models/{name}" for name in names)
    assert json.loads(native.one_model("model-1"))["name"] == "models/model-1"
    with pytest.raises(BadRequest):
        native.models_page(names, 3, base64.urlsafe_b64encode(b"\xff").decode())


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_real_clients_are_read(name: str) -> None:
    url, body = REQUESTS[name]
    read = native.read_count if "countTokens" in url else native.read_request
    found = read(json.dumps(body).encode(), model_of(url))
    texts = [part["text"] for content in body["contents"] for part in content["parts"] if "text" in part]
    assert [text for role, text in found.texts() if role != "system"] == texts
    assert found.shape().turns == len(body["contents"])
    assert found.neutral().model == model_of(url)


@pytest.mark.parametrize(
    "outer", [("generationConfig", "generation_config"), ("generation_config", "generationConfig")]
)
@pytest.mark.parametrize("inner", [("candidateCount", "candidate_count"), ("candidate_count", "candidateCount")])
def test_the_dearer_of_two_spellings_is_not_counted(outer: tuple[str, str], inner: tuple[str, str]) -> None:  # M6.3
    def read(config: dict[str, Any]) -> tuple[int, int | None]:
        body = {"contents": [{"parts": [{"text": "Hi"}]}], **config}
        shape = native.read_request(json.dumps(body).encode(), "m").shape()
        return shape.answers, shape.max_output

    small, large = {inner[0]: 1, "maxOutputTokens": 50}, {inner[0]: 8, "max_output_tokens": 900}
    assert read({outer[0]: small, outer[1]: large}) == (8, 900)
    assert read({outer[0]: {inner[0]: 1, inner[1]: 6}}) == (6, None)
    assert read({}) == (1, None)
