"""Old text completions: how many answers a request asks for, and how long it is, whatever form its prompts have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.dialects.completions import read_request
from fairlead.errors import BadRequest
from tests.server.serving import serving
from tests.server.wire import ask
from tests.upstream import Play, plain, stream

ANSWERS = [
    ({"prompt": "a"}, 1),
    ({"prompt": "a", "n": 3}, 3),
    ({"prompt": "a", "n": 2, "best_of": 5}, 5),
    ({"prompt": ["a", "b", "c"]}, 3),
    ({"prompt": ["a", "b"], "n": 2, "best_of": 4}, 8),
    ({"prompt": [1, 2, 3]}, 1),
    ({"prompt": [[1, 2], [3]], "n": 2}, 4),
    ({"prompt": []}, 1),
    ({}, 1),
]


@pytest.mark.parametrize(("fields", "answers"), ANSWERS)
def test_answers_that_are_billed_are_not_counted(fields: dict[str, object], answers: int) -> None:  # M6.3
    view = read_request(json.dumps({"model": "m", **fields}).encode(), "", False)
    assert (view.answers, view.shape().answers) == (answers, answers)


def test_a_chat_is_asked_for_what_is_thrown_away() -> None:
    view = read_request(b'{"model": "m", "prompt": "a", "n": 2, "best_of": 5}', "", False)
    assert view.neutral().answers == 2


def test_a_prompt_of_tokens_has_no_length() -> None:
    one = read_request(json.dumps({"model": "m", "prompt": list(range(100))}).encode(), "", False)
    two = read_request(json.dumps({"model": "m", "prompt": [[1] * 60, [2] * 40]}).encode(), "", False)
    assert one.shape().chars == two.shape().chars == 400


def test_fewer_than_none_are_made() -> None:
    with pytest.raises(BadRequest, match="best_of"):
        read_request(b'{"model": "m", "prompt": "a", "best_of": -1}', "", False)


async def test_less_is_held_than_several_prompts_and_drafts_come_to(tmp_path: Path) -> None:  # M6.3 FAULTS 46
    more = "keys: [{name: test, key: fl_test, budget: {amount: 0.01}}]\n"
    async with serving(tmp_path / "s", more=more, provider=", dialects: [completions]") as server:
        found = []
        for fields in ({"prompt": ["a", "b"]}, {"prompt": ["a", "b"], "best_of": 4}, {"prompt": ["a"] * 8}):
            asked = json.dumps({"model": "m-one@one", "max_tokens": 1000, **fields}).encode()
            found.append(await ask(server.port, "POST", "/v1/completions", asked))
        assert [one.status for one in found] == [200, 402, 402]
        assert len(server.upstream.calls) == 1


def completed(text: str, end: str | None) -> dict[str, object]:
    return {"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": text, "finish_reason": end}]}


WELL = completed("Bonjour.", "stop")
ENDS = {
    "nothing": (completed("", "stop"), "the answer was empty"),
    "blank": (completed(" \n", "stop"), "the answer was empty"),
    "held back": (completed("", "content_filter"), "held back: the answer was blocked"),
    "up to its limit": (completed("", "length"), ""),
    "something": (WELL, ""),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ENDS)
async def test_a_completion_that_is_none_is_an_answer_or_a_defect_of_ours(
    tmp_path: Path, name: str, streamed: bool
) -> None:  # M4.2
    body, why = ENDS[name]
    if name == "blank" and streamed:
        why = ""  # it has been given by then

    def play(told: dict[str, object]) -> Play:
        words = json.dumps(told).encode()
        return stream([b"data: %b\n\n" % words, b"data: [DONE]\n\n"]) if streamed else Play([plain(200, words)])

    async with serving(tmp_path / "s", provider=", dialects: [completions]") as server:
        server.upstream.push("one", play(body))
        server.upstream.push("two", play(WELL))
        asked = json.dumps({"model": "auto", "prompt": "a", "stream": streamed}).encode()
        response = await ask(server.port, "POST", "/v1/completions", asked)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two" if why else "m-one")
        record = await server.record(response)
        assert [one.error for one in record.attempts] == ([why, ""] if why else [""])


@pytest.mark.parametrize("events", [[b'{"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}'], []])
async def test_a_stream_without_a_word_is_a_fault_of_ours(tmp_path: Path, events: list[bytes]) -> None:  # M4.2
    """A model may have nothing to add to a text."""
    pieces = [b"data: " + one + b"\n\n" for one in [*events, b"[DONE]"]]
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream(pieces))
        said = json.dumps({"model": "m-one@one", "prompt": "The end.", "stream": True}).encode()
        response = await ask(server.port, "POST", "/v1/completions", said)
        assert response.status == (200 if events else 502), response.body
        assert (b"[DONE]" in response.body) == bool(events)
