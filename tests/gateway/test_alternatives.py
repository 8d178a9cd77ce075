"""Several answers to one request, and text completions: each is checked before the client has any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.dialects.table import DIALECTS
from fairlead.gateway.alternatives import alternatives
from tests.gateway.test_quality import ASK, GOOD, gated, graded
from tests.server.serving import KEYS, Served, serving
from tests.server.wire import Response, ask
from tests.upstream import Play, completion, plain, stream

SORRY = "I'm sorry, but I can't help with that."
POLICY = "  checked: {strategy: cost_first, min_quality: 0, models: [m-two, m-one], quality: {gates: [usual]%s}}\n"
CHECKED = POLICY % ""
KEPT = POLICY % ", upgrades: 0"


def of_chat(*texts: str) -> Play:
    body = json.loads(completion())
    body["choices"] = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for at, text in enumerate(texts)
    ]
    return Play([plain(200, json.dumps(body).encode())])


def streamed(*texts: str, chat: bool = True) -> Play:
    """Word by word, in turn."""
    told = []
    words = [text.split(" ") for text in texts]
    for place in range(max(map(len, words))):
        for at, one in enumerate(words):
            if place < len(one):
                said: dict[str, object] = {"content": f"{one[place]} "}
                told.append(
                    {"index": at, **({"delta": said} if chat else {"text": said["content"]}), "finish_reason": None}
                )
    told += [
        {"index": at, **({"delta": {}} if chat else {"text": ""}), "finish_reason": "stop"} for at in range(len(texts))
    ]
    events = [b"data: %b\n\n" % json.dumps({"id": "c", "object": "x", "choices": [one]}).encode() for one in told]
    return stream([*events, b"data: [DONE]\n\n"])


def of_texts(*texts: str) -> Play:
    choices = [{"index": at, "text": text, "logprobs": None, "finish_reason": "stop"} for at, text in enumerate(texts)]
    body = {"id": "c", "object": "text_completion", "created": 1, "model": "up", "choices": choices}
    body["usage"] = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    return Play([plain(200, json.dumps(body).encode())])


async def completed(server: Served, **fields: object) -> Response:
    body = {"model": "auto", "prompt": "When does the committee meet?", "max_tokens": 100, **fields}
    return await ask(server.port, "POST", "/v1/completions", json.dumps(body).encode(), ASK)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("texts", [(GOOD, SORRY), (SORRY, GOOD)])
async def test_an_answer_behind_the_first_goes_unchecked(  # M4.3
    tmp_path: Path, streaming: bool, texts: tuple[str, str]
) -> None:
    async with serving(tmp_path / "s", extra_policy=CHECKED) as server:
        made = streamed if streaming else of_chat
        server.upstream.push("two", made(*texts))
        server.upstream.push("one", made(GOOD, GOOD))
        response = await server.chat(ASK, model="auto", n=2, stream=streaming)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-one")
        assert response.headers["x-fairlead-escalated"] == "true"
        assert b"sorry" not in response.body


async def test_who_gets_several_answers_is_not_told_which_is_bad(tmp_path: Path) -> None:  # M4.3
    async with serving(tmp_path / "s", extra_policy=KEPT) as server:
        server.upstream.push("two", of_chat(GOOD, GOOD, SORRY))
        response = await server.chat(ASK, model="auto", n=3)
        assert response.headers["x-fairlead-downgraded"] == "true"
        assert "answer 3 of 3: refusal: " in response.headers["x-fairlead-warning"]


async def test_a_judge_reads_one_of_several_answers(tmp_path: Path) -> None:  # M4.3
    async with gated(tmp_path, "kind: judge, model: grader") as server:
        server.upstream.push("two", of_chat(GOOD, f"{GOOD} So be it."))
        server.upstream.push("one", graded(9), graded(8))
        response = await server.chat(ASK, model="auto", n=2)
        assert (response.headers["x-fairlead-model"], response.headers["x-fairlead-confidence"]) == ("m-two", "0.910")
        assert response.headers["x-fairlead-side-cost"] == "0.0001"


def gemini(*texts: str) -> dict[str, object]:
    told = [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"} for text in texts]
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2}
    return {"candidates": [{**one, "index": at} for at, one in enumerate(told)], "usageMetadata": usage}


@pytest.mark.parametrize("streaming", [False, True])
def test_several_candidates_of_gemini_are_one_to_its_checks(streaming: bool) -> None:  # M4.3
    asked = {"contents": [{"role": "user", "parts": [{"text": "x"}]}], "generationConfig": {"candidateCount": 2}}
    view = DIALECTS["gemini"].read_request(json.dumps(asked).encode(), "m", streaming)
    call = Call("r", "generate", "gemini", "m", streaming, b"", view, Caller("k"), Wishes(), Facts(0))
    body = json.dumps(gemini("One.", "Two.")).encode()
    found = alternatives(call, "", b"data: %b\n\n" % body if streaming else body)
    assert [given.text for _, given in found] == ["One.", "Two."]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_text_completion_goes_unchecked(tmp_path: Path, streaming: bool) -> None:  # M4.3
    async with serving(tmp_path / "s", extra_policy=CHECKED) as server:
        for seat, text in (("two", SORRY), ("one", GOOD)):
            server.upstream.push(seat, streamed(text, chat=False) if streaming else of_texts(text))
        response = await completed(server, stream=streaming)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-one")
        assert (response.headers["x-fairlead-confidence"], b"sorry" in response.body) == ("0.950", False)


async def test_each_of_several_prompts_is_held_against_the_first(tmp_path: Path) -> None:  # M4.3
    """The third text is in the language of the second prompt, not of the first."""
    chinese = "委员会每个月的第二个星期二在图书馆后面的房间里开会，欢迎所有人参加，会议一般持续两个小时左右。"
    prompts = ["When does the committee meet, and where?", "委员会什么时候开会？在哪里开会？请详细说明。"]
    async with serving(tmp_path / "s", extra_policy=KEPT) as server:
        server.upstream.push("two", of_texts(GOOD, GOOD, chinese, chinese), of_texts(GOOD, chinese, chinese, chinese))
        right = await completed(server, prompt=prompts, n=2)
        assert right.headers["x-fairlead-confidence"] == "0.950", right.headers
        wrong = await completed(server, prompt=prompts, n=2)
        assert "answer 2 of 4: language" in wrong.headers["x-fairlead-warning"]


@pytest.mark.parametrize("body", [b'{"choices": []}', b'{"choices": [{"index": 0}]}', b'{"choices": [7]}'])
async def test_what_cannot_be_read_of_a_text_completion_passes(tmp_path: Path, body: bytes) -> None:  # M4.3
    async with serving(tmp_path / "s", more=KEYS, extra_policy=CHECKED) as server:
        server.upstream.push("two", Play([plain(200, body)]))
        server.upstream.push("one", of_texts(GOOD))
        response = await completed(server)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-one")


async def test_a_prompt_of_tokens_cannot_be_checked_at_all(tmp_path: Path) -> None:  # M4.3
    async with serving(tmp_path / "s", extra_policy=KEPT) as server:
        server.upstream.push("two", of_texts(GOOD), of_texts(SORRY))
        assert (await completed(server, prompt=[1, 2, 3])).headers["x-fairlead-confidence"] == "0.950"
        assert "refusal" in (await completed(server, prompt=[1, 2, 3])).headers["x-fairlead-warning"]
